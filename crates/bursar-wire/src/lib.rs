//! Provider dialects without I/O: requests, responses, streams, usage, errors and labels.

pub mod aws_event_stream;
pub mod ceiling;
pub mod error_body;
pub mod facts;
pub mod labels;
pub mod learned;
pub mod meter;
mod percent;
mod recognize;
pub mod request;
pub mod sieve;
pub mod splice;
pub mod sse;
pub mod surface;
pub mod tokens;
pub mod usage_chunk;

pub use ceiling::{Ceiling, InputBasis};
pub use error_body::{ErrorBody, ErrorKind, RenderedError};
pub use facts::RequestFacts;
pub use labels::Labels;
pub use learned::{Learned, Lesson};
pub use meter::{
    Judged, Recording, RecordingError, ResponseMeter, Verdict, judge_recording, meter_recording, stated_total,
};
pub use request::{BadRequest, ModelPlace, Reach, RequestView};
pub use splice::{ask_for_usage, least_output, limit_output, replace_model};
pub use surface::{Dialect, Framing, Surface, Vendor};
pub use usage_chunk::UsageChunkFilter;
