//! A running gateway over a store of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bursar_core::{Meter, Provenance, Timestamp, UsageRecord};
use bursar_gateway::{Gateway, GatewayConfig, Limits, Policies, ProviderConfig, ServeSummary};
use bursar_prices::PriceBook;
use bursar_scripted::{Books, ScriptedProvider};
use bursar_store::{KeySpec, Reader, Store, StoreOptions, UsageQuery, VirtualKey};
use bursar_wire::Vendor;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::wire::{Answer, Wire};

/// A body of a chat call.
pub(crate) const CHAT: &str =
    r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Say hello."}]}"#;
/// The same as a stream.
pub(crate) const CHAT_STREAM: &str =
    r#"{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"Say hello."}]}"#;
/// What a provider answers to it.
pub(crate) const CHAT_ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o-mini","choices":[{"index":0,"message":{"role":"assistant","content":"Hello."},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}}"#;
pub(crate) const CHAT_PATH: &str = "/v1/chat/completions";

/// A gateway to be.
pub(crate) struct Setup {
    pub(crate) config: GatewayConfig,
    pub(crate) store: StoreOptions,
}

/// A gateway that serves.
pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) gateway: Gateway,
    pub(crate) store: Store,
    pub(crate) prices: Arc<ArcSwap<PriceBook>>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<ServeSummary>,
    /// Where it has a folder of its own.
    _folder: Option<tempfile::TempDir>,
}

/// A scripted provider that serves until the test ends.
pub(crate) struct Scripted {
    pub(crate) base_url: String,
    pub(crate) books: Arc<Books>,
}

pub(crate) async fn scripted() -> Scripted {
    let books = Arc::new(Books::keeping_entries());
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let provider = ScriptedProvider::bind(any, Arc::clone(&books), 7).await.unwrap();
    let base_url = provider.base_url();
    tokio::spawn(provider.serve(std::future::pending()));
    Scripted { base_url, books }
}

/// OpenAI, Anthropic and Gemini at one address, without retries and with pauses that tests can wait for.
pub(crate) fn three_providers(base_url: &str) -> Vec<ProviderConfig> {
    let provider = |name: &str, vendor| ProviderConfig {
        retries: 0,
        longest_pause: Duration::from_millis(1500),
        ..ProviderConfig::new(name, vendor, base_url)
    };
    vec![
        provider("openai", Vendor::OpenAi),
        provider("anthropic", Vendor::Anthropic),
        provider("gemini", Vendor::Gemini),
    ]
}

impl Setup {
    pub(crate) fn of(providers: Vec<ProviderConfig>) -> Setup {
        Setup {
            config: GatewayConfig {
                providers,
                limits: Limits::default(),
                policies: Policies::default(),
                open_mode: true,
            },
            store: StoreOptions {
                segment_bytes: 256 * 1024,
                group_window: Duration::from_millis(1),
                ..StoreOptions::default()
            },
        }
    }

    pub(crate) fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Setup {
        change(&mut self.config.limits);
        self
    }

    pub(crate) fn each(mut self, change: impl Fn(&mut ProviderConfig)) -> Setup {
        self.config.providers.iter_mut().for_each(change);
        self
    }

    pub(crate) async fn start(mut self) -> Rig {
        let folder = tempfile::tempdir().unwrap();
        self.store.folder = folder.path().to_owned();
        let mut rig = self.start_in_its_folder().await;
        rig._folder = Some(folder);
        rig
    }

    /// Starts with the folder that the options name.
    pub(crate) async fn start_in_its_folder(self) -> Rig {
        let (store, _) = Store::open(self.store).unwrap();
        let prices = Arc::new(ArcSwap::new(Arc::clone(PriceBook::embedded())));
        let gateway = Gateway::new(self.config, store.clone(), Arc::clone(&prices)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn({
            let gateway = gateway.clone();
            async move { gateway.serve(listener, async { drop(stopped.await) }).await }
        });
        Rig { address, gateway, store, prices, stop, serving, _folder: None }
    }
}

impl Rig {
    pub(crate) async fn connect(&self) -> Wire {
        Wire::to(self.address).await
    }

    /// Sends a request over a connection of its own and reads its answer.
    pub(crate) async fn call(&self, request: impl AsRef<[u8]>) -> Answer {
        self.connect().await.call(request).await
    }

    /// A new virtual key with its secret.
    pub(crate) fn key(&self, spec: KeySpec) -> (VirtualKey, String) {
        let (key, secret) = self.store.keys().create(spec, now()).unwrap();
        (key, secret.reveal().to_owned())
    }

    /// Waits until nothing is in flight.
    pub(crate) async fn idle(&self) {
        let waited = async {
            while self.gateway.in_flight() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), waited)
            .await
            .expect("every attempt is settled within 10 s");
    }

    /// The records of a request, after everything is settled.
    pub(crate) async fn records(&self, request_id: &str) -> Vec<UsageRecord> {
        self.idle().await;
        self.store.flush().unwrap();
        Reader::open(self.store.folder()).unwrap().request(request_id.parse().unwrap()).unwrap()
    }

    /// The one record of an answer.
    pub(crate) async fn record(&self, answer: &Answer) -> UsageRecord {
        let mut records = self.records(answer.head.request_id()).await;
        assert_eq!(records.len(), 1, "{records:?}");
        records.remove(0)
    }

    /// How many records there are, after everything is settled.
    pub(crate) async fn booked(&self) -> u64 {
        self.idle().await;
        self.store.flush().unwrap();
        Reader::open(self.store.folder()).unwrap().health().unwrap().records
    }

    /// The latest record that was booked.
    pub(crate) fn latest(&self) -> UsageRecord {
        self.store.flush().unwrap();
        let latest = UsageQuery { limit: 1, ..UsageQuery::default() };
        Reader::open(self.store.folder()).unwrap().usage(&latest).unwrap().remove(0)
    }

    /// Begins to shut down; the answer says how serving ended.
    pub(crate) fn shut_down(self) -> (JoinHandle<ServeSummary>, Store, Gateway, Option<tempfile::TempDir>) {
        self.stop.send(()).unwrap();
        (self.serving, self.store, self.gateway, self._folder)
    }
}

pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
}

/// What a record says of a meter: the units, and how they are known.
pub(crate) fn quantity(record: &UsageRecord, meter: Meter) -> Option<(u64, Provenance)> {
    record
        .usage
        .quantities
        .iter()
        .find(|(m, ..)| *m == meter)
        .map(|(_, units, provenance)| (units, provenance))
}
