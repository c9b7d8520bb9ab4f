//! Reading requests from a connection.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LARGEST_HEAD: usize = 64 * 1024;
const LARGEST_BODY: usize = 64 * 1024 * 1024;

/// Why a request cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadMessage {
    /// The connection failed.
    #[error("the connection failed: {0}")]
    Connection(#[from] io::Error),
    /// The head or the chunked body is not HTTP/1.1.
    #[error("not an HTTP/1.1 request: {0}")]
    Malformed(&'static str),
    /// The head or the body is larger than the provider reads.
    #[error("the request is too large")]
    TooLarge,
}

/// One request.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// The method, in capitals.
    pub(crate) method: String,
    /// The path, without the query.
    pub(crate) path: String,
    /// The query, without its question mark; empty where there is none.
    pub(crate) query: String,
    /// Header names in small letters, with their values.
    pub(crate) headers: Vec<(String, String)>,
    /// The body, with any chunked coding taken off.
    pub(crate) body: Bytes,
    /// Whether the connection stays open afterwards.
    pub(crate) keep_alive: bool,
}

impl Request {
    /// The value of a header by its name in small letters.
    #[must_use]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// The reading half of a connection: what has arrived and not been read.
#[derive(Debug, Default)]
pub(crate) struct Inbound {
    buffer: BytesMut,
}

impl Inbound {
    /// The next request; `None` where the caller has closed the connection.
    pub(crate) async fn next(&mut self, socket: &mut TcpStream) -> Result<Option<Request>, BadMessage> {
        let (mut request, body) = loop {
            if let Some(found) = parse_head(&mut self.buffer)? {
                break found;
            }
            if self.buffer.len() > LARGEST_HEAD {
                return Err(BadMessage::TooLarge);
            }
            if self.fill(socket).await? == 0 {
                return Ok(None);
            }
        };
        if request.header("expect").is_some_and(|v| v.eq_ignore_ascii_case("100-continue")) {
            socket.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        request.body = match body {
            Length::Known(n) if n > LARGEST_BODY => return Err(BadMessage::TooLarge),
            Length::Known(n) => self.exactly(socket, n).await?,
            Length::Chunked => self.chunked(socket).await?,
        };
        Ok(Some(request))
    }

    /// Whether bytes have arrived that no request was made of yet.
    #[must_use]
    pub(crate) fn has_more(&self) -> bool {
        !self.buffer.is_empty()
    }

    async fn fill(&mut self, socket: &mut TcpStream) -> io::Result<usize> {
        self.buffer.reserve(8 * 1024);
        socket.read_buf(&mut self.buffer).await
    }

    async fn fill_or_fail(&mut self, socket: &mut TcpStream) -> io::Result<()> {
        match self.fill(socket).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    async fn exactly(&mut self, socket: &mut TcpStream, length: usize) -> io::Result<Bytes> {
        while self.buffer.len() < length {
            self.fill_or_fail(socket).await?;
        }
        Ok(self.buffer.split_to(length).freeze())
    }

    async fn chunked(&mut self, socket: &mut TcpStream) -> Result<Bytes, BadMessage> {
        let mut body = BytesMut::new();
        loop {
            let (start, size) = loop {
                match httparse::parse_chunk_size(&self.buffer) {
                    Ok(httparse::Status::Complete(found)) => break found,
                    Ok(httparse::Status::Partial) => self.fill_or_fail(socket).await?,
                    Err(_) => return Err(BadMessage::Malformed("a chunk has no size")),
                }
            };
            let size = usize::try_from(size).map_err(|_| BadMessage::TooLarge)?;
            if body.len().saturating_add(size) > LARGEST_BODY {
                return Err(BadMessage::TooLarge);
            }
            let _size_line = self.buffer.split_to(start);
            let chunk = self.exactly(socket, size + 2).await?;
            if size == 0 {
                return Ok(body.freeze());
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }
}

enum Length {
    Known(usize),
    Chunked,
}

/// Takes one request head off the front of the buffer, where a whole one is there.
fn parse_head(buffer: &mut BytesMut) -> Result<Option<(Request, Length)>, BadMessage> {
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut parsed = httparse::Request::new(&mut headers);
    let length = match parsed.parse(buffer) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(BadMessage::Malformed("the head cannot be read")),
    };
    let target = parsed.path.unwrap_or("/");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method: parsed.method.unwrap_or("GET").to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        keep_alive: parsed.version == Some(1),
        ..Request::default()
    };
    let mut body = Length::Known(0);
    for header in parsed.headers.iter() {
        let (name, value) = (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value));
        match name.as_str() {
            "content-length" => {
                let known = value.trim().parse();
                body =
                    Length::Known(known.map_err(|_| BadMessage::Malformed("content-length is no number"))?);
            }
            "transfer-encoding" if value.to_ascii_lowercase().contains("chunked") => body = Length::Chunked,
            "connection" => request.keep_alive &= !value.eq_ignore_ascii_case("close"),
            _ => {}
        }
        request.headers.push((name, value.into_owned()));
    }
    let _head = buffer.split_to(length);
    Ok(Some((request, body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_head_is_no_request_yet() {
        let mut buffer = BytesMut::from(&b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"[..]);
        assert!(parse_head(&mut buffer).unwrap().is_none());
        buffer.extend_from_slice(b"X-Scripted: status=429\r\ncontent-length: 2\r\n\r\n{}");
        let (request, _) = parse_head(&mut buffer).unwrap().unwrap();
        assert_eq!(request.header("x-scripted"), Some("status=429"));
        assert_eq!((&buffer[..], request.keep_alive), (&b"{}"[..], true));
    }

    #[test]
    fn what_is_no_http_is_refused() {
        let mut buffer = BytesMut::from(&b"\x16\x03\x01 hello\r\n\r\n"[..]);
        assert!(parse_head(&mut buffer).is_err());
    }
}
