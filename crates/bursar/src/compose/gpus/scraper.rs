//! Asking exporters for their metrics: one GET each, bounded in time and bytes.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use bursar_plan::gpu::exposition::MOST_BYTES;

/// Asks exporters.
#[derive(Clone)]
pub(crate) struct Scraper {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    timeout: Duration,
}

impl Scraper {
    pub(crate) fn new(timeout: Duration) -> anyhow::Result<Scraper> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(timeout));
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let builder = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(provider)
            .context("TLS to exporters cannot be set up")?;
        let connector = builder.https_or_http().enable_http1().wrap_connector(tcp);
        let client =
            Client::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(90)).build(connector);
        Ok(Scraper { client, timeout })
    }

    /// An exporter's answer; the text says why there is none. Redirects are not followed.
    pub(crate) async fn get(&self, url: &Uri) -> Result<Bytes, String> {
        match tokio::time::timeout(self.timeout, self.exchange(url)).await {
            Ok(done) => done,
            Err(_) => Err(format!("no whole answer within {} ms", self.timeout.as_millis())),
        }
    }

    async fn exchange(&self, url: &Uri) -> Result<Bytes, String> {
        let request = Request::get(url.clone())
            .header(header::ACCEPT, "text/plain; version=0.0.4")
            .header(header::USER_AGENT, concat!("bursar/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .map_err(|e| e.to_string())?;
        let response = self.client.request(request).await.map_err(|e| causes(&e))?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("status {}; is this the address of its metrics?", status.as_u16()));
        }
        let body = Limited::new(response.into_body(), MOST_BYTES).collect().await;
        body.map(http_body_util::Collected::to_bytes).map_err(|e| unread(e.as_ref()))
    }
}

/// Why an answer was not read to its end.
fn unread(error: &(dyn std::error::Error + 'static)) -> String {
    if error.is::<LengthLimitError>() {
        let most = MOST_BYTES >> 20;
        return format!("the answer is longer than {most} MiB; is this the address of its metrics?");
    }
    format!("the answer breaks off: {}", causes(error))
}

/// An error and what caused it, in one sentence.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// Answers one connection with these bytes, in pieces.
    fn exporter(pieces: Vec<Vec<u8>>, pause: Duration) -> Uri {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/metrics", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]).unwrap();
            for piece in pieces {
                // A reader that has enough hangs up.
                if stream.write_all(&piece).is_err() {
                    return;
                }
                std::thread::sleep(pause);
            }
        });
        url.parse().unwrap()
    }

    async fn asked(pieces: Vec<Vec<u8>>, pause: Duration) -> Result<Bytes, String> {
        Scraper::new(Duration::from_millis(500)).unwrap().get(&exporter(pieces, pause)).await
    }

    #[tokio::test]
    async fn an_answer_is_read_whole_and_a_wrong_one_is_told() {
        let answer = |head: &str, body: &str| {
            vec![format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()]
        };
        let pause = Duration::ZERO;
        assert_eq!(asked(answer("200 OK", "a 1\n"), pause).await.unwrap(), "a 1\n");
        assert!(asked(answer("404 Not Found", ""), pause).await.unwrap_err().contains("status 404"));
        assert!(
            asked(answer("302 Found\r\nlocation: /", ""), pause).await.unwrap_err().contains("status 302")
        );
        assert!(asked(vec![b"SSH-2.0\r\n".to_vec()], pause).await.is_err());
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let nobody = format!("http://{free}/metrics").parse().unwrap();
        let told = Scraper::new(Duration::from_secs(5)).unwrap().get(&nobody).await.unwrap_err();
        assert!(told.contains("refused"), "{told}");
    }

    #[tokio::test]
    async fn an_answer_that_does_not_end_and_one_that_is_too_long_are_given_up() {
        let slow = vec![b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\na".to_vec(), b"b".to_vec()];
        let told = asked(slow, Duration::from_secs(2)).await.unwrap_err();
        assert!(told.contains("within 500 ms"), "{told}");
        let mut endless = vec![b"HTTP/1.1 200 OK\r\n\r\n".to_vec()];
        endless.extend(std::iter::repeat_n(vec![b'\n'; 1 << 20], 9));
        let url = exporter(endless, Duration::ZERO);
        let told = Scraper::new(Duration::from_secs(20)).unwrap().get(&url).await.unwrap_err();
        assert!(told.contains("longer than 8 MiB"), "{told}");
    }
}
