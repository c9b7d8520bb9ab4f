//! Answers that do not come to their end: what the client still receives, and how they are booked.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use bursar_core::{EndOfStream, Meter, UsageRecord};
use bursar_gateway::{Gateway, GatewayConfig, Limits, Policies, ProviderConfig};
use bursar_prices::PriceBook;
use bursar_scripted::{Books, ScriptedProvider};
use bursar_store::{Reader, Store, StoreOptions, UsageQuery};
use bursar_wire::Vendor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

struct Running {
    gateway: SocketAddr,
    store: Store,
    folder: tempfile::TempDir,
}

async fn running() -> Running {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions { folder: folder.path().to_owned(), ..StoreOptions::default() };
    let (store, _) = Store::open(options).unwrap();
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let books = Arc::new(Books::totals_only());
    let provider = ScriptedProvider::bind(anywhere, books, 1).await.unwrap();
    let url = provider.base_url();
    tokio::spawn(provider.serve(std::future::pending()));
    let config = GatewayConfig {
        providers: vec![
            ProviderConfig::new("openai", Vendor::OpenAi, &url),
            ProviderConfig::new("anthropic", Vendor::Anthropic, &url),
        ],
        limits: Limits::default(),
        policies: Policies::default(),
        open_mode: true,
    };
    let prices = Arc::new(ArcSwap::new(Arc::clone(PriceBook::embedded())));
    let gateway = Gateway::new(config, store.clone(), prices).unwrap();
    let listener = TcpListener::bind(anywhere).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { gateway.serve(listener, std::future::pending()).await });
    Running { gateway: address, store, folder }
}

impl Running {
    /// Everything that the client receives until its connection is closed.
    async fn received(&self, path: &str, model: &str, script: &str) -> String {
        let body = format!(
            r#"{{"model":"{model}","max_tokens":99,"stream":true,"messages":[{{"role":"user","content":"Hello"}}]}}"#
        );
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\nconnection: close\r\n\
             x-scripted: {script}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let mut socket = TcpStream::connect(self.gateway).await.unwrap();
        socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let mut received = Vec::new();
        socket.read_to_end(&mut received).await.unwrap();
        String::from_utf8(received).unwrap()
    }

    fn record(&self) -> UsageRecord {
        self.store.flush().unwrap();
        let reader = Reader::open(self.folder.path()).unwrap();
        let mut records = reader.usage(&UsageQuery::default()).unwrap();
        assert_eq!(records.len(), 1);
        records.remove(0)
    }
}

#[tokio::test]
async fn what_came_before_the_provider_cut_the_connection_reaches_the_client() {
    let running = running().await;
    for _ in 0..20 {
        let received =
            running.received("/v1/chat/completions", "gpt-4o-mini", "output-tokens=60;abort-after=9").await;
        assert!(received.starts_with("HTTP/1.1 200"), "{received:?}");
        assert_eq!(received.matches("data: {").count(), 9);
        assert!(!received.ends_with("0\r\n\r\n"), "the client must see that the answer is not whole");
    }
}

#[tokio::test]
async fn an_answer_that_the_provider_cut_is_booked_with_what_came() {
    let running = running().await;
    running.received("/v1/chat/completions", "gpt-4o-mini", "output-tokens=60;abort-after=9").await;
    let record = running.record();
    assert_eq!(record.end, EndOfStream::UpstreamError);
    let output = record.usage.quantities.get(Meter::Output);
    assert!(0 < output && output < 60, "{output}");
    assert!(record.contracted_cost.is_some());
}

#[tokio::test]
async fn an_error_told_in_the_middle_of_an_answer_is_an_upstream_error_in_every_dialect() {
    let calls = [
        ("/v1/chat/completions", "gpt-4o-mini"),
        ("/v1/responses", "gpt-4o-mini"),
        ("/v1/messages", "claude-haiku-4-5"),
    ];
    for (path, model) in calls {
        let running = running().await;
        let received = running.received(path, model, "output-tokens=60;error-after=9").await;
        assert!(received.contains("\"error\""), "{path}: {received}");
        assert!(received.ends_with("0\r\n\r\n"), "the provider ended the body itself");
        let record = running.record();
        assert_eq!((record.end, record.status), (EndOfStream::UpstreamError, Some(200)), "{path}");
        assert!(record.reasons.iter().any(|r| r == "the provider told an error within its answer"));
        assert!(record.usage.quantities.get(Meter::Output) < 60, "{path}");
    }
}
