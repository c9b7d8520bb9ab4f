//! One client's connection, from its first byte to its last.
//!
//! Requests whose head the HTTP server cannot read never reach the life of a request; they are refused here, in
//! the dialect of their caller as far as it can be told.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bursar_core::RequestId;
use bursar_wire::{Dialect, ErrorKind};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::body::too_large;
use crate::client_stream::{ClientStream, Seen};
use crate::config::Limits;
use crate::error::{Refusal, in_words, refuse, told, written};
use crate::lifecycle::{Shared, dialect_of, handle, new_request_id};

/// How long a client that was refused may pause while it still sends what nobody reads.
const LINGER_PAUSE: Duration = Duration::from_secs(1);

/// Serves a connection to its end. When `stopping` changes, running answers are finished and nothing new is begun.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    stream: TcpStream,
    from: SocketAddr,
    mut stopping: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY cannot be set");
    }
    let limits = shared.config.limits;
    let seen = Arc::new(Seen::default());
    let service = {
        let seen = Arc::clone(&seen);
        service_fn(move |request: http::Request<hyper::body::Incoming>| {
            seen.request(request.version());
            handle(Arc::clone(&shared), request, from)
        })
    };
    let io = TokioIo::new(ClientStream::new(stream, Arc::clone(&seen), limits.stall));
    let mut connection = server(&limits).serve_connection(io, service);
    let mut stop = pin!(async move { stopping.changed().await.is_ok() });
    let mut is_stopping = false;
    let ended = loop {
        tokio::select! {
            biased;
            ended = &mut connection => break ended,
            _ = &mut stop, if !is_stopping => {
                is_stopping = true;
                if seen.requests() == 0 {
                    return;
                }
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    let parts = connection.into_parts();
    match finish(parts.io.into_inner(), ended, &seen, &limits).await {
        Ok(Some(stream)) if !is_stopping => {
            tokio::select! {
                () = Box::pin(linger(stream, limits.body_timeout)) => {}
                _ = &mut stop => {}
            }
        }
        Ok(_) => {}
        Err(error) => tracing::debug!(%error, "a connection ended early"),
    }
}

fn server(limits: &Limits) -> http1::Builder {
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        // Above the limits of a request's head, which are checked with its headers at hand.
        .max_headers(limits.header_fields * 4)
        .max_buf_size((limits.head_bytes * 4).max(16 * 1024))
        .half_close(false);
    server
}

/// Says what is left to say, and closes the gateway's side. The socket, where the client may still be sending.
async fn finish(
    client: ClientStream,
    ended: hyper::Result<()>,
    seen: &Seen,
    limits: &Limits,
) -> io::Result<Option<TcpStream>> {
    let mut stream = match ended {
        Ok(()) => client.released().await?,
        Err(error) => {
            tracing::debug!(%error, "a connection ended early");
            let Some(refusal) = refusal_of(&error, client.begun(), limits) else {
                return cut(&client.replaced(), seen).map(|()| None);
            };
            let dialect = dialect_of_begun(client.begun());
            let id = new_request_id();
            let mut stream = client.replaced();
            stream.write_all(&answer(&refusal, dialect, id)).await?;
            stream
        }
    };
    stream.shutdown().await?;
    Ok(Some(stream))
}

/// An answer of HTTP/1.0 may end with its connection: the client sees that it is not whole by how that ends.
fn cut(stream: &TcpStream, seen: &Seen) -> io::Result<()> {
    if seen.speaks_http_1_0() {
        socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))?;
    }
    Ok(())
}

/// Reads what the client still sends, for a while: closing a socket with unread bytes in it takes the answer away
/// from a client that has not read it yet.
async fn linger(mut stream: TcpStream, most: Duration) {
    let mut unread = [0; 4096];
    let reading = async {
        while let Ok(Ok(1..)) = tokio::time::timeout(LINGER_PAUSE, stream.read(&mut unread)).await {}
    };
    let _ = tokio::time::timeout(most, reading).await;
}

fn answer(refusal: &Refusal, dialect: Dialect, id: RequestId) -> Vec<u8> {
    told(refusal, id);
    written(refusal, dialect, id)
}

/// The refusal of a head that the server could not read; `None` where nobody waits for one.
fn refusal_of(error: &hyper::Error, begun: &[u8], limits: &Limits) -> Option<Refusal> {
    if error.is_timeout() && !begun.is_empty() {
        let most = in_words(limits.head_timeout);
        return Some(refuse(ErrorKind::Timeout, format!("The request's head took longer than {most}.")));
    }
    if error.is_parse_too_large() && tells_a_length(begun) {
        return Some(too_large(limits));
    }
    if error.is_parse_too_large() {
        let most =
            format!("at most {} fields and {} bytes are read", limits.header_fields, limits.head_bytes);
        return Some(refuse(ErrorKind::HeadersTooLarge, format!("The request's head is too large: {most}.")));
    }
    if error.is_parse() && !error.is_parse_version_h2() {
        return Some(refuse(ErrorKind::BadRequest, format!("The request's head cannot be read: {error}.")));
    }
    None
}

/// Whether the beginning of a head tells a length so large that the server stopped at it.
fn tells_a_length(begun: &[u8]) -> bool {
    let text = String::from_utf8_lossy(begun);
    headers(&text).any(|(name, value)| name == "content-length" && value.len() > 18)
}

/// The dialect of a request by the beginning of its head.
fn dialect_of_begun(begun: &[u8]) -> Dialect {
    let text = String::from_utf8_lossy(begun);
    let line = text.trim_start().lines().next().unwrap_or_default();
    let target = line.split_ascii_whitespace().nth(1).unwrap_or("/");
    dialect_of(target, |wanted| headers(&text).any(|(name, _)| name == wanted))
}

/// The headers in the beginning of a head, names in small letters.
fn headers(text: &str) -> impl Iterator<Item = (String, &str)> {
    let lines = text.trim_start().lines().skip(1).take_while(|line| !line.is_empty());
    let pairs = lines.filter_map(|line| line.split_once(':'));
    pairs.map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_head_tells_the_dialect() {
        let of = |text: &str| dialect_of_begun(text.as_bytes());
        assert_eq!(of("POST /v1/messages HTTP/1.1\r\nhost: a"), Dialect::Anthropic);
        assert_eq!(of("GET /v1/models HTTP/1.1\r\nAnthropic-Version: 2023-06-01\r\n"), Dialect::Anthropic);
        assert_eq!(of("\r\nPOST /v1beta/models/m:generateContent?key=k HTT"), Dialect::Gemini);
        assert_eq!(of("POST /v1/chat/completions HTTP/1.1"), Dialect::OpenAi);
        assert_eq!(of("\x16\x03\x01"), Dialect::OpenAi);
    }
}
