//! Small whole answers are read before their head goes out: the head can then tell the cost, and head and body go
//! out in one write.

use bursar_core::EndOfStream;
use bursar_wire::ErrorKind;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Response, StatusCode, header};
use hyper::body::Incoming;

use super::call::put;
use super::{BUDGET, BUDGET_REMAINING, COST, MODEL};
use crate::attempt::Attempt;
use crate::error::{Refusal, in_words, refuse};
use crate::relay::{GatewayBody, RelayParts};
use crate::upstream::Connection;

/// The largest answer that is read first.
const SMALL: u64 = 64 * 1024;
/// The most that is read of an answer that another attempt may replace.
const LONGEST: usize = 1 << 20;

/// Whether an answer says that it is small. An answer to HEAD has a length and no body.
pub(super) fn is_small(headers: &HeaderMap, method: &Method) -> bool {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    *method != Method::HEAD && length.is_some_and(|l| l <= SMALL)
}

/// Reads the answer to its end, settles, and builds the response. One that breaks off is a failure of the provider:
/// nothing of it was sent yet, so the client gets an error and not half an answer.
pub(super) async fn collected(
    parts: RelayParts,
    status: StatusCode,
    mut headers: HeaderMap,
) -> Result<Response<GatewayBody>, Refusal> {
    let RelayParts { from, mut connection, mut body, mut attempt, .. } = parts;
    let limit = from.provider.config.timeouts.idle;
    let read = tokio::time::timeout(limit, whole(&mut connection, &mut body, attempt.as_mut())).await;
    let name = &from.provider.config.name;
    let (bytes, end, why) = match read {
        Ok(Ok(bytes)) => (bytes, EndOfStream::Complete, None),
        Ok(Err(why)) => {
            let message = format!("Provider {name} broke off in the middle of its answer: {why}.");
            (Bytes::new(), EndOfStream::UpstreamError, Some((ErrorKind::UpstreamUnavailable, message)))
        }
        Err(_) => {
            let message = format!("Provider {name} did not finish its answer within {}.", in_words(limit));
            (Bytes::new(), EndOfStream::TimedOut, Some((ErrorKind::UpstreamTimeout, message)))
        }
    };
    if let Some(mut attempt) = attempt {
        if let Some((_, message)) = &why {
            attempt.because(message.clone());
        }
        let settled = attempt.settle_behind_answer(end);
        if let Some(cost) = settled.cost {
            put(&mut headers, COST, &cost.to_string());
        }
        if let Some(model) = settled.model {
            put(&mut headers, MODEL, &model);
        }
        if let Some(remaining) = settled.remaining {
            put(&mut headers, BUDGET, &remaining.budget);
            put(&mut headers, BUDGET_REMAINING, &remaining.text);
        }
    }
    if let Some((kind, message)) = why {
        from.target().health.failed();
        return Err(refuse(kind, message));
    }
    from.target().pool.give_back(connection);
    let mut response = Response::new(GatewayBody::full(bytes));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// The whole body, read by the meter in passing. In the usual case it comes in one piece and is not copied.
async fn whole(
    connection: &mut Connection,
    body: &mut Incoming,
    mut attempt: Option<&mut Attempt>,
) -> Result<Bytes, String> {
    let mut first: Option<Bytes> = None;
    let mut joined = BytesMut::new();
    while let Some(frame) = std::future::poll_fn(|cx| connection.poll_body(body, cx)).await {
        let Ok(data) = frame.map_err(|e| e.to_string())?.into_data() else { continue };
        if let Some(attempt) = attempt.as_deref_mut() {
            attempt.read(&data);
        }
        match &first {
            None => first = Some(data),
            Some(begun) => {
                if joined.is_empty() {
                    joined.extend_from_slice(begun);
                }
                joined.extend_from_slice(&data);
            }
        }
        if joined.len() > LONGEST {
            return Err("it is longer than an answer of its kind may be".to_owned());
        }
    }
    Ok(if joined.is_empty() { first.unwrap_or_default() } else { joined.freeze() })
}
