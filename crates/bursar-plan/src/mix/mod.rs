//! How many nodes of what, on which terms, and what goes to the API.
