//! Provider dialects without I/O: requests, responses, streams, usage, errors and labels.

pub mod facts;
pub mod surface;

pub use facts::RequestFacts;
pub use surface::{Dialect, Framing, Surface, Vendor};
