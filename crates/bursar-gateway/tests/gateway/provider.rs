//! A provider whose every byte the test writes itself.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::wire::{Head, head_of};

const HANGS: Duration = Duration::from_secs(10);

/// Listens, and answers nothing of its own.
pub(crate) struct Provider {
    listener: TcpListener,
}

/// One connection from the gateway, with the request that came over it.
pub(crate) struct Exchange {
    socket: TcpStream,
    buffer: Vec<u8>,
    /// The request's line.
    pub(crate) line: String,
    head: Head,
    pub(crate) body: Vec<u8>,
}

impl Provider {
    pub(crate) async fn bind() -> Provider {
        Provider { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    /// The next connection, with the head of its request and nothing of its body.
    pub(crate) async fn head(&self) -> Exchange {
        let accepted = tokio::time::timeout(HANGS, self.listener.accept()).await;
        let (socket, _) = accepted.expect("the gateway connects within 10 s").unwrap();
        socket.set_nodelay(true).unwrap();
        let head = Head { status: 0, headers: Vec::new() };
        let mut exchange =
            Exchange { socket, buffer: Vec::new(), line: String::new(), head, body: Vec::new() };
        exchange.read_head().await;
        exchange
    }

    /// The next connection, with its request.
    pub(crate) async fn request(&self) -> Exchange {
        let mut exchange = self.head().await;
        exchange.read_body().await;
        exchange
    }

    /// Whether no connection waits to be accepted.
    pub(crate) async fn has_no_visitor(&self) -> bool {
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(self.listener.poll_accept(cx)));
        polled.await.is_pending()
    }
}

impl Exchange {
    async fn fill(&mut self) {
        let read = tokio::time::timeout(HANGS, self.socket.read_buf(&mut self.buffer)).await;
        assert!(
            read.expect("the gateway goes on within 10 s").unwrap() > 0,
            "the gateway closed the connection"
        );
    }

    async fn read_head(&mut self) {
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break end;
            }
            self.fill().await;
        };
        let text = String::from_utf8(self.buffer.drain(..end + 4).collect()).unwrap();
        let (line, headers) = text.split_once("\r\n").unwrap();
        self.line = line.to_owned();
        self.head = head_of(&format!("HTTP/1.1 000\r\n{headers}"));
    }

    pub(crate) async fn read_body(&mut self) {
        let length = self.header("content-length").map_or(0, |v| v.parse::<usize>().unwrap());
        while self.buffer.len() < length {
            self.fill().await;
        }
        self.body = self.buffer.drain(..length).collect();
    }

    /// What has come of the body so far; at least one byte.
    pub(crate) async fn body_so_far(&mut self) -> &[u8] {
        if self.buffer.is_empty() {
            self.fill().await;
        }
        &self.buffer
    }

    /// The next request over the same connection.
    pub(crate) async fn next_request(mut self) -> Exchange {
        self.read_head().await;
        self.read_body().await;
        self
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    pub(crate) fn headers(&self) -> &[(String, String)] {
        &self.head.headers
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Says the same again and again until the gateway takes nothing for a while; how many bytes it took.
    pub(crate) async fn say_until_nothing_fits(&mut self, bytes: &[u8], most: usize) -> usize {
        let mut taken = 0;
        while taken < most {
            let write = self.socket.write(&bytes[taken % bytes.len()..]);
            match tokio::time::timeout(Duration::from_millis(150), write).await {
                Ok(written) => taken += written.unwrap(),
                Err(_) => break,
            }
        }
        taken
    }

    /// Says the same again and again until the gateway closes the connection.
    pub(crate) async fn say_until_closed(&mut self, bytes: &[u8]) {
        let saying = async { while self.socket.write_all(bytes).await.is_ok() {} };
        tokio::time::timeout(HANGS, saying).await.expect("the gateway closes the connection within 10 s");
    }

    /// One chunk of a chunked body.
    pub(crate) async fn chunk(&mut self, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        let mut bytes = format!("{:x}\r\n", text.len()).into_bytes();
        bytes.extend_from_slice(text);
        bytes.extend_from_slice(b"\r\n");
        self.say(bytes).await;
    }

    /// The head of an event stream, chunked.
    pub(crate) async fn begin_events(&mut self) {
        self.say("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            .await;
    }

    pub(crate) async fn end_chunks(&mut self) {
        self.say("0\r\n\r\n").await;
    }

    /// A whole answer, after which the connection stays open.
    pub(crate) async fn answer(&mut self, status: u16, headers: &[&str], body: impl AsRef<[u8]>) {
        let body = body.as_ref();
        let mut head = format!("HTTP/1.1 {status} Such\r\ncontent-length: {}\r\n", body.len());
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        self.say([head.as_bytes(), b"\r\n", body].concat()).await;
    }

    /// Waits until the gateway has closed the connection.
    pub(crate) async fn closed(mut self) {
        let read = async { while self.socket.read_buf(&mut self.buffer).await.is_ok_and(|n| n > 0) {} };
        tokio::time::timeout(HANGS, read).await.expect("the gateway closes the connection within 10 s");
    }
}
