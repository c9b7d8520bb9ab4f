//! The same plan under many futures.
