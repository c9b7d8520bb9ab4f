//! One blocking connection: the lightest way to call, and the one with the fewest wake-ups.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::http1::ResponseReader;

const PATIENCE: Duration = Duration::from_secs(10);

/// Why a load run cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A connection could not be made or failed.
    #[error("the connection to {address} failed: {source}")]
    Connection {
        /// The server.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// An answer was not what was asked for.
    #[error("{address} answered with status {status}: {body}")]
    Status {
        /// The server.
        address: SocketAddr,
        /// The status.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
    /// A worker thread ended in a panic.
    #[error("a load worker ended in a panic")]
    Worker,
    /// The figures do not fit the histogram.
    #[error("a latency is beyond the histogram's range")]
    Range,
}

/// A connection that carries one call after another.
#[derive(Debug)]
pub(super) struct Wire {
    address: SocketAddr,
    socket: TcpStream,
    reader: ResponseReader,
    buffer: Vec<u8>,
}

impl Wire {
    pub(super) fn connect(address: SocketAddr) -> Result<Wire, LoadError> {
        let open = || -> io::Result<TcpStream> {
            let socket = TcpStream::connect(address)?;
            socket.set_nodelay(true)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            Ok(socket)
        };
        let socket = open().map_err(|source| LoadError::Connection { address, source })?;
        Ok(Wire { address, socket, reader: ResponseReader::default(), buffer: vec![0; 64 * 1024] })
    }

    /// Sends a request and reads its whole answer, which must have status 200.
    pub(super) fn call(&mut self, request: &[u8]) -> Result<(), LoadError> {
        self.exchange(request).map_err(|source| LoadError::Connection { address: self.address, source })?;
        if self.reader.status() == 200 {
            return Ok(());
        }
        let body = String::from_utf8_lossy(self.reader.body()).chars().take(300).collect();
        Err(LoadError::Status { address: self.address, status: self.reader.status(), body })
    }

    fn exchange(&mut self, request: &[u8]) -> io::Result<()> {
        self.reader.reset();
        self.socket.write_all(request)?;
        while !self.reader.is_done() {
            let read = self.socket.read(&mut self.buffer)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.reader.feed(&self.buffer[..read]).map_err(io::Error::other)?;
        }
        Ok(())
    }
}
