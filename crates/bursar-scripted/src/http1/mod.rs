//! As much of HTTP/1.1 as a provider and a load client need, written so that it is known which byte reached the
//! socket, and light enough to leave the machine to what is measured.

mod inbound;
mod outbound;
mod response;

pub(crate) use inbound::{BadMessage, Inbound, Request};
pub(crate) use outbound::{chunk, head, last_chunk, request};
pub(crate) use response::{BadResponse, ResponseReader};
