//! Provider dialects without I/O: requests, responses, streams, usage, errors and labels.
