//! The provider's server: loopback HTTP/1.1 with keep-alive.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::books::{Books, Draft};
use crate::dialect::errors::{self, Shape};
use crate::dialect::{Answer, Body, Frame};
use crate::http1::{BadMessage, Inbound, chunk, head, last_chunk};
use crate::route::{Desk, Routed};
use crate::script::Script;

/// Frames without a pause between them are written together up to this many bytes.
const WRITE_TOGETHER: usize = 16 * 1024;

/// A provider that listens.
#[derive(Debug)]
pub struct ScriptedProvider {
    listener: TcpListener,
    address: SocketAddr,
    desk: Arc<Desk>,
}

impl ScriptedProvider {
    /// Listens on `address`; port 0 takes a free one. Response ids of one `nonce` never repeat; give each
    /// provider whose books are compared another one. Fails where the address cannot be listened on.
    pub async fn bind(address: SocketAddr, books: Arc<Books>, nonce: u64) -> io::Result<ScriptedProvider> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(ScriptedProvider { listener, address, desk: Arc::new(Desk::new(books, nonce)) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL without a path, such as `http://127.0.0.1:4010`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves until `shutdown` ends; open connections are then closed.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let mut connections = JoinSet::new();
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => return,
                accepted = self.listener.accept() => match accepted {
                    Ok((socket, _)) => { connections.spawn(connection(socket, Arc::clone(&self.desk))); }
                    Err(error) => {
                        tracing::warn!(%error, "the scripted provider could not accept a connection");
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                },
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
            }
        }
    }
}

async fn connection(mut socket: TcpStream, desk: Arc<Desk>) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let mut inbound = Inbound::default();
    loop {
        let request = match inbound.next(&mut socket).await {
            Ok(Some(request)) => request,
            Ok(None) | Err(BadMessage::Connection(_)) => return,
            Err(bad) => {
                let status = if matches!(bad, BadMessage::TooLarge) { 413 } else { 400 };
                let answer = errors::answer(Shape::OpenAi, status, &bad.to_string(), "");
                let script = Script::default();
                // The connection is closed next, whether or not the error reached its caller.
                let _ = Reply::new(&mut socket, &script, &desk.books, false).give(answer).await;
                return;
            }
        };
        let Routed { answer, script } = desk.route(&request);
        let watch = !inbound.has_more();
        let given = Reply::new(&mut socket, &script, &desk.books, watch).give(answer).await;
        if !matches!(given, Ok(End::Whole)) || !request.keep_alive {
            return;
        }
    }
}

/// How far an answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Every byte was handed to the socket.
    Whole,
    /// The script ended it early, or the caller went away; the connection is to be closed.
    Early,
}

/// An answer on its way to the socket.
struct Reply<'a> {
    socket: &'a mut TcpStream,
    script: &'a Script,
    books: &'a Books,
    /// Whether the socket may be watched for the caller's leaving: not while more requests wait in it.
    watch: bool,
    status: u16,
    /// What the books will say; `None` once they say it, or where they say nothing.
    draft: Option<Draft>,
    /// Tokens handed over so far.
    produced: u64,
}

impl<'a> Reply<'a> {
    fn new(socket: &'a mut TcpStream, script: &'a Script, books: &'a Books, watch: bool) -> Reply<'a> {
        Reply { socket, script, books, watch, status: 200, draft: None, produced: 0 }
    }

    /// Gives the answer and books it by how far it came.
    async fn give(mut self, answer: Answer) -> io::Result<End> {
        let Answer { status, content_type, headers, body, draft } = answer;
        (self.status, self.draft) = (status, draft);
        let result = if self.pause(self.script.delay).await {
            match body {
                Body::Whole(body) => {
                    let mut bytes = head(status, content_type, &headers, Some(body.len()));
                    bytes.extend_from_slice(&body);
                    self.whole(&bytes, body.len()).await
                }
                Body::Stream { frames, failure } => {
                    let head = head(status, content_type, &headers, None);
                    self.stream(head, &frames, &failure).await
                }
            }
        } else {
            Ok(End::Early)
        };
        if let Some(draft) = self.draft.take() {
            self.books.book(draft.cut(self.produced));
        }
        result
    }

    /// Writes head and body at once, or the head and so many bytes of the body as the script allows.
    async fn whole(&mut self, bytes: &[u8], body: usize) -> io::Result<End> {
        if let Some(after) = self.script.abort_after.filter(|&after| after < body) {
            self.socket.write_all(&bytes[..bytes.len() - body + after]).await?;
            return Ok(End::Early);
        }
        self.last(bytes).await
    }

    /// Writes a stream frame by frame, each as one chunk; frames without a pause between them go together.
    async fn stream(&mut self, head: Vec<u8>, frames: &[Frame], failure: &[u8]) -> io::Result<End> {
        let script = self.script;
        let mut waiting = head;
        for (i, frame) in frames.iter().enumerate() {
            let at = Some(i);
            if script.abort_after == at || script.stall_after == at || script.error_after == at {
                self.write(&mut waiting).await?;
                return self.end_early(failure).await;
            }
            if !script.chunk_delay.is_zero() {
                self.write(&mut waiting).await?;
                if !self.pause(script.chunk_delay).await {
                    return Ok(End::Early);
                }
            }
            for piece in frame.bytes.chunks(script.split.unwrap_or(usize::MAX)) {
                chunk(&mut waiting, piece);
                if script.split.is_some() || waiting.len() >= WRITE_TOGETHER {
                    self.write(&mut waiting).await?;
                }
            }
            self.produced = frame.produced;
        }
        waiting.extend_from_slice(last_chunk());
        self.last(&waiting).await
    }

    /// Writes the end of the answer; it is booked in the moment in which the last byte is handed over.
    async fn last(&mut self, bytes: &[u8]) -> io::Result<End> {
        let mut rest = bytes;
        loop {
            self.socket.writable().await?;
            let entry = self.draft.clone().map(|draft| match self.status {
                status if status >= 400 => draft.refused(status),
                _ => draft.completed(),
            });
            let done = self.books.book_if(entry, || {
                match self.socket.try_write(rest) {
                    Ok(written) => rest = &rest[written..],
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
                Ok(rest.is_empty())
            })?;
            if done {
                self.draft = None;
                return Ok(End::Whole);
            }
        }
    }

    async fn end_early(&mut self, failure: &[u8]) -> io::Result<End> {
        if self.script.stall_after.is_some() {
            self.pause(Duration::from_secs(600)).await;
        } else if self.script.error_after.is_some() {
            let mut last = Vec::new();
            chunk(&mut last, failure);
            last.extend_from_slice(last_chunk());
            self.socket.write_all(&last).await?;
        }
        Ok(End::Early)
    }

    async fn write(&mut self, waiting: &mut Vec<u8>) -> io::Result<()> {
        self.socket.write_all(waiting).await?;
        waiting.clear();
        Ok(())
    }

    /// Waits; `false` where the caller went away meanwhile.
    async fn pause(&mut self, time: Duration) -> bool {
        if time.is_zero() {
            return true;
        }
        let sleep = tokio::time::sleep(time);
        if !self.watch {
            sleep.await;
            return true;
        }
        let mut byte = [0];
        tokio::pin!(sleep);
        tokio::select! {
            biased;
            () = &mut sleep => true,
            peeked = self.socket.peek(&mut byte) => match peeked {
                Ok(0) | Err(_) => false,
                Ok(_) => {
                    self.watch = false;
                    sleep.await;
                    true
                }
            },
        }
    }
}
