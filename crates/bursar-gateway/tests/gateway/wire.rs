//! A client's socket: what is sent is exactly what the test says, and an answer is read piece by piece.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longer than anything takes that works; what takes longer hangs.
const HANGS: Duration = Duration::from_secs(10);

/// A connection to a gateway.
pub(crate) struct Wire {
    socket: TcpStream,
    buffer: Vec<u8>,
    framing: Framing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    ToTheEnd,
}

/// A piece of an answer's body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Bytes(Vec<u8>),
    End,
    /// The connection ended before the body did.
    Broken,
}

/// The head of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    /// Whether the body came to its end.
    pub(crate) is_whole: bool,
}

impl Head {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub(crate) fn request_id(&self) -> &str {
        self.header("x-bursar-request-id").expect("every answer has a request id")
    }
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.status
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Wire {
    pub(crate) async fn to(address: SocketAddr) -> Wire {
        let socket = TcpStream::connect(address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        Wire { socket, buffer: Vec::new(), framing: Framing::ToTheEnd }
    }

    /// Sends bytes; a gateway that has refused already may have closed its side.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        tokio::time::timeout(HANGS, self.socket.write_all(bytes.as_ref())).await.expect("it is taken").is_ok()
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn call(&mut self, request: impl AsRef<[u8]>) -> Answer {
        self.send(request).await;
        self.answer().await
    }

    /// Reads more; `false` at the end of the connection.
    async fn fill(&mut self) -> bool {
        let read = self.socket.read_buf(&mut self.buffer);
        tokio::time::timeout(HANGS, read).await.expect("something comes within 10 s").is_ok_and(|n| n > 0)
    }

    /// The next answer's head; `None` where the connection ends without one.
    pub(crate) async fn head(&mut self) -> Option<Head> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let text = String::from_utf8(self.buffer.drain(..end + 4).collect()).unwrap();
                let head = head_of(&text);
                self.framing = framing_of(&head);
                return Some(head);
            }
            if !self.fill().await {
                assert!(self.buffer.is_empty(), "half a head: {}", String::from_utf8_lossy(&self.buffer));
                return None;
            }
        }
    }

    /// The status of an interim answer.
    pub(crate) async fn interim(&mut self) -> u16 {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let text = String::from_utf8(self.buffer.drain(..end + 4).collect()).unwrap();
                return head_of(&text).status;
            }
            assert!(self.fill().await, "the connection ends without an interim answer");
        }
    }

    /// The next piece of the body, as soon as it is there.
    pub(crate) async fn piece(&mut self) -> Piece {
        match self.framing {
            Framing::Length(0) => Piece::End,
            Framing::Length(left) => {
                if self.buffer.is_empty() && !self.fill().await {
                    return Piece::Broken;
                }
                let piece: Vec<u8> = self.buffer.drain(..left.min(self.buffer.len())).collect();
                self.framing = Framing::Length(left - piece.len());
                Piece::Bytes(piece)
            }
            Framing::ToTheEnd if !self.buffer.is_empty() => Piece::Bytes(std::mem::take(&mut self.buffer)),
            Framing::ToTheEnd => {
                let read = tokio::time::timeout(HANGS, self.socket.read_buf(&mut self.buffer)).await;
                match read.expect("something comes within 10 s") {
                    Ok(0) => Piece::End,
                    Ok(_) => Piece::Bytes(std::mem::take(&mut self.buffer)),
                    Err(_) => Piece::Broken,
                }
            }
            Framing::Chunked => self.chunk().await,
        }
    }

    async fn chunk(&mut self) -> Piece {
        loop {
            if let Some(line) = find(&self.buffer, b"\r\n") {
                let size = std::str::from_utf8(&self.buffer[..line]).unwrap();
                let size = usize::from_str_radix(size, 16).unwrap();
                if self.buffer.len() >= line + size + 4 {
                    let chunk: Vec<u8> =
                        self.buffer.drain(..line + size + 4).skip(line + 2).take(size).collect();
                    return if size == 0 { Piece::End } else { Piece::Bytes(chunk) };
                }
            }
            if !self.fill().await {
                return Piece::Broken;
            }
        }
    }

    /// The next pieces of the body until they end with `text`, as one text.
    pub(crate) async fn text_until(&mut self, text: &str) -> String {
        let mut read = String::new();
        while !read.ends_with(text) {
            match self.piece().await {
                Piece::Bytes(bytes) => read.push_str(std::str::from_utf8(&bytes).unwrap()),
                ended => panic!("{ended:?} before {text:?}; there was {read:?}"),
            }
        }
        read
    }

    /// The head, and the first event of the body as one text.
    pub(crate) async fn text_begun(&mut self) -> String {
        self.head().await.expect("an answer");
        self.text_until("\n\n").await
    }

    /// The rest of the body, and whether it came to its end.
    pub(crate) async fn rest(&mut self) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        loop {
            match self.piece().await {
                Piece::Bytes(bytes) => body.extend(bytes),
                Piece::End => return (body, true),
                Piece::Broken => return (body, false),
            }
        }
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.head().await.expect("an answer");
        let (body, is_whole) = self.rest().await;
        Answer { head, body, is_whole }
    }

    /// Whether the gateway closes the connection now without a further byte.
    pub(crate) async fn is_closed(&mut self) -> bool {
        !self.fill().await && self.buffer.is_empty()
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|w| w == part)
}

pub(crate) fn head_of(text: &str) -> Head {
    let mut lines = text.trim_end().split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap().parse().unwrap();
    let header = |line: &str| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    Head { status, headers: lines.map(header).collect() }
}

fn framing_of(head: &Head) -> Framing {
    if head.header("transfer-encoding").is_some_and(|v| v.contains("chunked")) {
        return Framing::Chunked;
    }
    match head.header("content-length") {
        Some(length) => Framing::Length(length.parse().unwrap()),
        None if matches!(head.status, 204 | 304) => Framing::Length(0),
        None => Framing::ToTheEnd,
    }
}

/// A request with a JSON body and further header lines.
pub(crate) fn post(path: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Vec<u8> {
    post_as("application/json", path, headers, body)
}

/// The same with a body of another kind.
pub(crate) fn post_as(kind: &str, path: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nhost: gateway\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n",
        body.len()
    );
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    let mut bytes = (request + "\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// A request without a body.
pub(crate) fn plain(method: &str, path: &str, headers: &[&str]) -> String {
    let headers: String = headers.iter().map(|h| format!("{h}\r\n")).collect();
    format!("{method} {path} HTTP/1.1\r\nhost: gateway\r\n{headers}\r\n")
}
