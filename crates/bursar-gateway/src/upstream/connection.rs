//! One HTTP/1.1 connection to a provider, driven by the task that uses it.
//!
//! The usual client gives each connection a task of its own, which costs two more changes of task, each way, for
//! every piece that is relayed. Here the request's own task drives it: `docs/decisions/0003` says why.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

pub(crate) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// The body of a request to a provider.
pub(crate) enum OutBody {
    Empty,
    Full(Option<Bytes>),
    /// A client's upload that passes through.
    Upload(Incoming),
}

impl Body for OutBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            OutBody::Empty => Poll::Ready(None),
            OutBody::Full(bytes) => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            OutBody::Upload(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            OutBody::Empty => true,
            OutBody::Full(bytes) => bytes.is_none(),
            OutBody::Upload(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            OutBody::Empty | OutBody::Full(None) => SizeHint::with_exact(0),
            OutBody::Full(Some(bytes)) => SizeHint::with_exact(bytes.len() as u64),
            OutBody::Upload(body) => body.size_hint(),
        }
    }
}

/// A connection that can carry one request at a time.
pub(crate) struct Connection {
    sender: SendRequest<OutBody>,
    driver: Pin<Box<http1::Connection<Stream, OutBody>>>,
    ended: bool,
    pub(crate) idle_since: Instant,
}

/// A request that got no response.
pub(crate) struct SendFailure {
    pub(crate) error: hyper::Error,
    /// The request, where not a byte of it was sent.
    pub(crate) unsent: Option<Request<OutBody>>,
}

impl Connection {
    pub(crate) async fn over(stream: Stream) -> Result<Connection, hyper::Error> {
        let (sender, driver) =
            http1::Builder::new().max_buf_size(64 * 1024).handshake::<_, OutBody>(stream).await?;
        Ok(Connection { sender, driver: Box::pin(driver), ended: false, idle_since: Instant::now() })
    }

    /// Lets the connection do what it can.
    fn drive(&mut self, cx: &mut Context<'_>) {
        if !self.ended && self.driver.as_mut().poll(cx).is_ready() {
            self.ended = true;
        }
    }

    /// Whether it can carry a request now; notices when the provider has closed it meanwhile.
    pub(crate) async fn is_ready(&mut self) -> bool {
        std::future::poll_fn(|cx| {
            self.drive(cx);
            Poll::Ready(())
        })
        .await;
        !self.ended && self.sender.is_ready()
    }

    /// Sends a request and waits for the response's head.
    pub(crate) async fn send(
        &mut self,
        request: Request<OutBody>,
    ) -> Result<Response<Incoming>, SendFailure> {
        let (driver, ended) = (&mut self.driver, &mut self.ended);
        let mut answer = pin!(self.sender.try_send_request(request));
        let answered = std::future::poll_fn(|cx| {
            if !*ended && driver.as_mut().poll(cx).is_ready() {
                *ended = true;
            }
            answer.as_mut().poll(cx)
        })
        .await;
        answered.map_err(|mut failure| SendFailure {
            unsent: failure.take_message(),
            error: failure.into_error(),
        })
    }

    /// The next piece of a response's body.
    pub(crate) fn poll_body(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        self.drive(cx);
        Pin::new(body).poll_frame(cx)
    }
}
