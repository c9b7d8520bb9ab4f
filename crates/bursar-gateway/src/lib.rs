//! The data plane: the life of a request from the listener to the provider and back.
