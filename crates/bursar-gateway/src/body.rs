//! Reading a request's body within its limits.

use std::io::Read as _;
use std::time::Duration;

use bursar_wire::ErrorKind;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};

use crate::config::Limits;
use crate::error::{Refusal, in_words, refuse};

/// Reads the whole body.
pub(crate) async fn read(mut body: Incoming, limits: &Limits) -> Result<Bytes, Refusal> {
    if body.size_hint().lower() > limits.body_bytes {
        return Err(too_large(limits));
    }
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    let mut total = 0u64;
    while let Some(frame) = next_frame(&mut body, limits.body_timeout).await? {
        let Ok(data) = frame.into_data() else { continue };
        total += data.len() as u64;
        if total > limits.body_bytes {
            return Err(too_large(limits));
        }
        match &first {
            None => first = Some(data),
            Some(begun) => {
                if rest.is_empty() {
                    rest.extend_from_slice(begun);
                }
                rest.extend_from_slice(&data);
            }
        }
    }
    Ok(if rest.is_empty() { first.unwrap_or_default() } else { rest.freeze() })
}

async fn next_frame(
    body: &mut Incoming,
    pause: Duration,
) -> Result<Option<hyper::body::Frame<Bytes>>, Refusal> {
    if body.is_end_stream() {
        return Ok(None);
    }
    match tokio::time::timeout(pause, body.frame()).await {
        Ok(None) => Ok(None),
        Ok(Some(Ok(frame))) => Ok(Some(frame)),
        Ok(Some(Err(error))) => {
            Err(refuse(ErrorKind::BadRequest, format!("The request's body cannot be read: {error}.")))
        }
        Err(_) => Err(refuse(
            ErrorKind::Timeout,
            format!("No byte of the request's body came for {}.", in_words(pause)),
        )),
    }
}

pub(crate) fn too_large(limits: &Limits) -> Refusal {
    let most = limits.body_bytes;
    Box::new(
        refuse(ErrorKind::TooLarge, format!("The request's body is larger than {most} bytes."))
            .with_hint("gateway.max_body in bursar.toml sets the limit."),
    )
}

/// The body as it is to be looked at: unpacked where it is compressed. The client's own bytes go to the provider.
pub(crate) fn readable(body: &Bytes, headers: &HeaderMap, limits: &Limits) -> Result<Bytes, Refusal> {
    let Some(encoding) = headers.get(header::CONTENT_ENCODING) else { return Ok(body.clone()) };
    let encoding = encoding.to_str().unwrap_or("unreadable").trim().to_ascii_lowercase();
    match encoding.as_str() {
        "" | "identity" => Ok(body.clone()),
        "gzip" | "x-gzip" => unpacked(flate2::read::MultiGzDecoder::new(&body[..]), limits),
        "deflate" => unpacked(flate2::read::ZlibDecoder::new(&body[..]), limits),
        other => Err(refuse(
            ErrorKind::UnsupportedEncoding,
            format!("The request's body is encoded as {other:?}; gzip, deflate and identity are read."),
        )),
    }
}

fn unpacked(reader: impl std::io::Read, limits: &Limits) -> Result<Bytes, Refusal> {
    let mut unpacked = Vec::new();
    let read = reader.take(limits.body_bytes + 1).read_to_end(&mut unpacked);
    if let Err(error) = read {
        return Err(refuse(ErrorKind::BadRequest, format!("The compressed body is damaged: {error}.")));
    }
    if unpacked.len() as u64 > limits.body_bytes {
        return Err(too_large(limits));
    }
    Ok(Bytes::from(unpacked))
}
