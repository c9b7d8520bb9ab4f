//! A small HTTP/1.1 client for load: keep-alive, `TCP_NODELAY`, one write per request, no retries.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http1::{BadResponse, ResponseReader};

/// Why a call got no whole answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No connection could be made: the request was not sent.
    #[error("no connection: {0}")]
    Connect(io::Error),
    /// The connection failed after the request was begun.
    #[error("the connection failed: {0}")]
    Broken(io::Error),
    /// The connection was closed before the answer was whole.
    #[error("the answer was cut off after {body_bytes} bytes of its body")]
    CutOff {
        /// The status, or 0 where no head came.
        status: u16,
        /// Bytes of body that came.
        body_bytes: usize,
    },
    /// The answer is no HTTP.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
}

impl From<BadResponse> for CallError {
    fn from(bad: BadResponse) -> CallError {
        CallError::Unreadable(bad.to_string())
    }
}

/// An answer, whole unless the caller stopped it.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body, as far as it was read.
    pub body: Vec<u8>,
    /// Whether the caller stopped reading before the end.
    pub stopped: bool,
    /// Headers, with names in small letters.
    pub headers: Vec<(String, String)>,
}

impl Reply {
    /// The value of a header by its name in small letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// Connections to one server, kept for the next call.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    idle: Mutex<Vec<TcpStream>>,
}

impl Client {
    /// A client of the server at `address`. Nothing is connected yet.
    #[must_use]
    pub fn new(address: SocketAddr) -> Client {
        Client { address, idle: Mutex::default() }
    }

    /// The server's address, as the `host` header wants it.
    #[must_use]
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Sends a whole request and reads the whole answer.
    pub async fn call(&self, request: &[u8]) -> Result<Reply, CallError> {
        self.call_until(request, usize::MAX).await
    }

    /// Sends a request and reads the answer until its end, or until `stop_after` bytes of its body have come;
    /// the connection is then dropped, as a caller does who loses patience.
    pub async fn call_until(&self, request: &[u8], stop_after: usize) -> Result<Reply, CallError> {
        let mut socket = self.connection().await?;
        socket.write_all(request).await.map_err(CallError::Broken)?;
        let mut reader = ResponseReader::default();
        let mut buffer = Vec::with_capacity(16 * 1024);
        while !reader.is_done() {
            if reader.body().len() >= stop_after {
                return Ok(reply(&reader, true));
            }
            buffer.clear();
            if socket.read_buf(&mut buffer).await.map_err(CallError::Broken)? == 0 {
                reader.closed();
                break;
            }
            reader.feed(&buffer)?;
        }
        if !reader.is_done() {
            return Err(CallError::CutOff { status: reader.status(), body_bytes: reader.body().len() });
        }
        if reader.keeps_alive() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(socket);
        }
        Ok(reply(&reader, false))
    }

    /// Drops all kept connections: after the server was restarted they are of no use.
    pub fn forget_connections(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    async fn connection(&self) -> Result<TcpStream, CallError> {
        let kept = || self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        while let Some(socket) = kept() {
            if is_open(&socket) {
                return Ok(socket);
            }
        }
        let socket = TcpStream::connect(self.address).await.map_err(CallError::Connect)?;
        socket.set_nodelay(true).map_err(CallError::Connect)?;
        Ok(socket)
    }
}

/// Whether the server has neither closed an idle connection nor sent anything on it unasked.
fn is_open(socket: &TcpStream) -> bool {
    let mut byte = [0];
    matches!(socket.try_read(&mut byte), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

fn reply(reader: &ResponseReader, stopped: bool) -> Reply {
    Reply {
        status: reader.status(),
        body: reader.body().to_vec(),
        stopped,
        headers: reader.headers().to_vec(),
    }
}
