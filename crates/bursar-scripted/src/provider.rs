//! The provider's server: loopback HTTP/1.1 with keep-alive.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::books::{Books, Draft, Entry};
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
                let _ = Reply { socket: &mut socket, script: &Script::default(), watch: false }
                    .give(answer, &desk.books)
                    .await;
                return;
            }
        };
        let Routed { answer, script } = desk.route(&request);
        let watch = !inbound.has_more();
        let given = Reply { socket: &mut socket, script: &script, watch }.give(answer, &desk.books).await;
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
    /// Whether the socket may be watched for the caller's leaving: not while more requests wait in it.
    watch: bool,
}

impl Reply<'_> {
    /// Gives the answer and books it by how far it came.
    async fn give(mut self, answer: Answer, books: &Books) -> io::Result<End> {
        let Answer { status, content_type, headers, body, draft } = answer;
        let mut produced = 0;
        let result = if self.pause(self.script.delay).await {
            match body {
                Body::Whole(body) => {
                    let mut bytes = head(status, content_type, &headers, Some(body.len()));
                    bytes.extend_from_slice(&body);
                    self.whole(bytes, body.len()).await
                }
                Body::Stream { frames, failure } => {
                    let head = head(status, content_type, &headers, None);
                    self.stream(head, &frames, &failure, &mut produced).await
                }
            }
        } else {
            Ok(End::Early)
        };
        if let Some(draft) = draft {
            books.book(entry(draft, status, &result, produced));
        }
        result
    }

    /// Writes head and body at once, or the head and so many bytes of the body as the script allows.
    async fn whole(&mut self, bytes: Vec<u8>, body: usize) -> io::Result<End> {
        if let Some(after) = self.script.abort_after.filter(|&after| after < body) {
            self.socket.write_all(&bytes[..bytes.len() - body + after]).await?;
            return Ok(End::Early);
        }
        self.socket.write_all(&bytes).await?;
        Ok(End::Whole)
    }

    /// Writes a stream frame by frame, each as one chunk; frames without a pause between them go together.
    async fn stream(
        &mut self,
        head: Vec<u8>,
        frames: &[Frame],
        failure: &[u8],
        produced: &mut u64,
    ) -> io::Result<End> {
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
            *produced = frame.produced;
        }
        waiting.extend_from_slice(last_chunk());
        self.write(&mut waiting).await?;
        Ok(End::Whole)
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

fn entry(draft: Draft, status: u16, result: &io::Result<End>, produced: u64) -> Entry {
    match result {
        _ if status >= 400 => draft.refused(status),
        Ok(End::Whole) => draft.completed(),
        Ok(End::Early) | Err(_) => draft.cut(produced),
    }
}
