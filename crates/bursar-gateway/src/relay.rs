//! The response's body on its way to the client: every piece as it comes, read by the meter in passing.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bursar_core::EndOfStream;
use bursar_wire::UsageChunkFilter;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use crate::attempt::Attempt;
use crate::lifecycle::{Place, Shared};
use crate::upstream::{Connection, Provider, Target};

/// The body of a response to a client.
pub(crate) enum GatewayBody {
    Full(Option<Bytes>),
    Relay(Box<Relay>),
}

impl GatewayBody {
    pub(crate) fn full(bytes: Bytes) -> GatewayBody {
        GatewayBody::Full(Some(bytes).filter(|b| !b.is_empty()))
    }

    /// What is relayed; an answer without a body has ended already.
    pub(crate) fn relay(mut relay: Relay) -> GatewayBody {
        if relay.body.is_end_stream() {
            relay.end(EndOfStream::Complete);
            return GatewayBody::Full(None);
        }
        GatewayBody::Relay(Box::new(relay))
    }

    /// Keeps the request's place until the answer has ended.
    pub(crate) fn keep(&mut self, place: Place) {
        if let GatewayBody::Relay(relay) = self {
            relay.place = Some(place);
        }
    }
}

/// Why a relay ended before its body did. The connection to the client is closed, so that it sees a body that is
/// not whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RelayError {
    #[error("the provider's answer broke off: {0}")]
    Upstream(hyper::Error),
    #[error("the provider sent nothing for {0} s")]
    Idle(u64),
    #[error("the gateway is stopping")]
    Stopping,
}

/// What a relay borrows from the endpoint that it relays from.
pub(crate) struct From {
    pub(crate) provider: Arc<Provider>,
    /// The endpoint, by the number that [`Provider`] gives it.
    pub(crate) target: usize,
}

impl From {
    pub(crate) fn target(&self) -> &Target {
        self.provider.target(self.target)
    }
}

/// A body that is relayed.
pub(crate) struct Relay {
    shared: Arc<Shared>,
    from: From,
    connection: Option<Connection>,
    body: Incoming,
    attempt: Option<Attempt>,
    filter: Option<UsageChunkFilter>,
    idle: Duration,
    deadline: Pin<Box<Sleep>>,
    last: Instant,
    ended: bool,
    /// Why it broke off, until the client's connection is told.
    broken: Option<hyper::Error>,
    place: Option<Place>,
}

/// Everything that a relay is made of.
pub(crate) struct RelayParts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) from: From,
    pub(crate) connection: Connection,
    pub(crate) body: Incoming,
    /// The attempt, for calls that are booked.
    pub(crate) attempt: Option<Attempt>,
    pub(crate) filter: Option<UsageChunkFilter>,
}

impl Relay {
    pub(crate) fn new(parts: RelayParts) -> Relay {
        let idle = parts.from.provider.config.timeouts.idle;
        Relay {
            shared: parts.shared,
            from: parts.from,
            connection: Some(parts.connection),
            body: parts.body,
            attempt: parts.attempt,
            filter: parts.filter,
            idle,
            deadline: Box::pin(tokio::time::sleep(idle)),
            last: Instant::now(),
            ended: false,
            broken: None,
            place: None,
        }
    }

    fn end(&mut self, end: EndOfStream) {
        self.ended = true;
        self.place = None;
        if let Some(attempt) = self.attempt.take() {
            attempt.settle_behind_answer(end);
        }
        let connection = self.connection.take();
        if let (Some(connection), EndOfStream::Complete) = (connection, end) {
            self.from.target().health.succeeded();
            self.from.target().pool.give_back(connection);
        }
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        loop {
            let Some(connection) = &mut self.connection else {
                return Poll::Ready(self.broken.take().map(|error| Err(RelayError::Upstream(error))));
            };
            let frame = match connection.poll_body(&mut self.body, cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending => return self.pending(cx),
            };
            match frame {
                None => return Poll::Ready(self.complete()),
                Some(Err(error)) => {
                    self.broke_off(error);
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some(Ok(frame)) => {
                    self.last = Instant::now();
                    let passed = self.passed(frame);
                    // A body of known length is not asked again after its last byte.
                    if self.filter.is_none() && self.body.is_end_stream() {
                        self.end(EndOfStream::Complete);
                    }
                    if let Some(frame) = passed {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                }
            }
        }
    }

    /// The client's connection drops what it has not written yet as soon as it is told of the error. So it is told
    /// when it asks again, and first writes what came until then: the client has paid for that.
    fn broke_off(&mut self, error: hyper::Error) {
        self.from.target().health.failed();
        if let Some(attempt) = &mut self.attempt {
            attempt.because(format!("the provider's answer broke off: {error}"));
        }
        self.end(EndOfStream::UpstreamError);
        self.broken = Some(error);
    }

    /// Reads a frame and gives on what the client is to see of it; `None` for nothing.
    fn passed(&mut self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        let Some(data) = frame.data_ref() else { return Some(frame) };
        if let Some(attempt) = &mut self.attempt {
            attempt.read(data);
        }
        let Some(filter) = &mut self.filter else { return Some(frame) };
        let mut out = Vec::with_capacity(data.len());
        filter.push(data, &mut out);
        (!out.is_empty()).then(|| Frame::data(Bytes::from(out)))
    }

    fn complete(&mut self) -> Option<Result<Frame<Bytes>, RelayError>> {
        let mut rest = Vec::new();
        if let Some(mut filter) = self.filter.take() {
            filter.finish(&mut rest);
        }
        self.end(EndOfStream::Complete);
        (!rest.is_empty()).then(|| Ok(Frame::data(Bytes::from(rest))))
    }

    fn pending(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        if self.shared.is_cut_off() {
            self.end(EndOfStream::GatewayStopped);
            return Poll::Ready(Some(Err(RelayError::Stopping)));
        }
        // The timer is set anew only when it runs out, not for every piece.
        while self.deadline.as_mut().poll(cx).is_ready() {
            let due = self.last + self.idle;
            if due <= Instant::now() {
                self.end(EndOfStream::TimedOut);
                return Poll::Ready(Some(Err(RelayError::Idle(self.idle.as_secs()))));
            }
            self.deadline.as_mut().reset(due);
        }
        Poll::Pending
    }
}

impl Body for GatewayBody {
    type Data = Bytes;
    type Error = RelayError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        match self.get_mut() {
            GatewayBody::Full(bytes) => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            GatewayBody::Relay(relay) => relay.next(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            GatewayBody::Full(bytes) => bytes.is_none(),
            GatewayBody::Relay(relay) => relay.ended && relay.broken.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            GatewayBody::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            GatewayBody::Relay(relay) if relay.filter.is_none() => relay.body.size_hint(),
            GatewayBody::Relay(_) => SizeHint::default(),
        }
    }
}
