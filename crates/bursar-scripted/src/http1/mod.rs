//! As much of HTTP/1.1 as a provider needs, written so that it is known which byte reached the socket.

mod inbound;
mod outbound;

pub(crate) use inbound::{BadMessage, Inbound, Request};
pub(crate) use outbound::{chunk, head, last_chunk};
