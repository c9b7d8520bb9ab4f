//! A client's socket, as the HTTP server reads and writes it.
//!
//! It does three things that the server does not. It remembers how a request begins, so that a head that cannot be
//! read is refused in its caller's dialect. It keeps back the bare refusal that the server writes on such a head,
//! so that the gateway's own can take its place. And it gives up a client that takes nothing of its answer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// Bytes of a request's beginning that are remembered: its line, and the headers that tell the dialect.
const REMEMBERED: usize = 2048;
/// Above this length a write cannot be the server's bare refusal.
const LONGEST_BARE: usize = 512;

/// What was seen of a connection's requests; shared with the service that answers them.
#[derive(Default)]
pub(crate) struct Seen {
    requests: AtomicU32,
    /// Whether the latest request came over HTTP/1.0, whose answers may end with the connection.
    old: AtomicBool,
}

impl Seen {
    /// Notes that a request's head was read whole.
    pub(crate) fn request(&self, version: http::Version) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.old.store(version < http::Version::HTTP_11, Ordering::Relaxed);
    }

    /// Requests whose heads were read whole.
    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn speaks_http_1_0(&self) -> bool {
        self.old.load(Ordering::Relaxed)
    }
}

/// The socket. See the module.
pub(crate) struct ClientStream {
    stream: TcpStream,
    seen: Arc<Seen>,
    /// The beginning of what came after the last whole head, and how many heads there were then.
    begun: Vec<u8>,
    heads: u32,
    withheld: Vec<u8>,
    /// How long the client may take nothing, and the timer while it does.
    patience: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl ClientStream {
    pub(crate) fn new(stream: TcpStream, seen: Arc<Seen>, patience: Duration) -> ClientStream {
        ClientStream {
            stream,
            seen,
            begun: Vec::new(),
            heads: 0,
            withheld: Vec::new(),
            patience,
            stalled: None,
        }
    }

    /// How the request begins that has no whole head yet.
    pub(crate) fn begun(&self) -> &[u8] {
        if self.heads == self.seen.requests() { &self.begun } else { &[] }
    }

    /// The socket, after everything that was kept back has been written.
    pub(crate) async fn released(mut self) -> io::Result<TcpStream> {
        self.stream.write_all(&self.withheld).await?;
        Ok(self.stream)
    }

    /// The socket, without what was kept back.
    pub(crate) fn replaced(self) -> TcpStream {
        self.stream
    }

    fn remember(&mut self, bytes: &[u8]) {
        let heads = self.seen.requests();
        if self.heads != heads {
            self.heads = heads;
            self.begun.clear();
        }
        let room = REMEMBERED - self.begun.len();
        self.begun.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Writes what was kept back: more follows, so it was part of an answer.
    fn poll_release(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.withheld.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.withheld))?;
            self.withheld.drain(..written);
        }
        Poll::Ready(Ok(()))
    }

    /// Keeps an eye on a client that takes nothing.
    fn patiently(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing of its answer")))
    }
}

/// Whether a write is the bare head with which the server refuses a request that it cannot read. The gateway's own
/// answers carry a request id.
fn is_bare_refusal(bytes: &[u8]) -> bool {
    let has = |part: &[u8]| memchr::memmem::find(bytes, part).is_some();
    bytes.len() <= LONGEST_BARE
        && bytes.starts_with(b"HTTP/1.")
        && bytes.get(9) == Some(&b'4')
        && bytes.ends_with(b"\r\n\r\n")
        && has(b"content-length: 0\r\n")
        && !has(b"x-bursar-request-id")
}

impl AsyncRead for ClientStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_release(cx))?;
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        this.remember(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_release(cx))?;
        if let [only] = bufs
            && is_bare_refusal(only)
        {
            this.withheld.extend_from_slice(only);
            return Poll::Ready(Ok(only.len()));
        }
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.patiently(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    /// Left to the connection's end, which may have something to say first.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bare_head_with_a_client_error_is_the_servers_own() {
        let bare =
            b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        assert!(is_bare_refusal(bare));
        let own = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nx-bursar-request-id: req_1\r\n\r\n";
        assert!(!is_bare_refusal(own));
        assert!(!is_bare_refusal(b"HTTP/1.1 100 Continue\r\n\r\n"));
        assert!(!is_bare_refusal(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n{}"));
    }
}
