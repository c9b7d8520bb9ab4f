//! A store with records in it, and a console over it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use bursar_console::access::{Access, AdminToken};
use bursar_console::{Console, ConsoleParts};
use bursar_core::{
    Attribution, EndOfStream, Meter, MeteredUsage, PriceView, Provenance, Quantities, RecordId, RequestId,
    Rounding, ServiceTier, Timestamp, Timings, UsageRecord,
};
use bursar_prices::{CallFacts, PriceBook, price_call};
use bursar_store::{Store, StoreOptions};
use serde_json::Value;
use tower::ServiceExt as _;

/// The clock of every test: 2026-07-15, noon UTC.
pub(crate) fn noon() -> Timestamp {
    Timestamp::from_date(2026, 7, 15).unwrap().plus_micros(12 * 3_600_000_000)
}

pub(crate) struct Fixture {
    _folder: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) book: Arc<PriceBook>,
}

pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) kind: String,
    pub(crate) body: String,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}

impl Fixture {
    pub(crate) fn new() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions { folder: folder.path().to_owned(), ..StoreOptions::default() };
        let (store, _) = Store::open(options).unwrap();
        Fixture { _folder: folder, store, book: book() }
    }

    /// A store with three requests: a plain one, one of a model without a price, one that was retried.
    pub(crate) fn with_records() -> Fixture {
        let fixture = Fixture::new();
        let mut retried = record(3, 0, "support", "gpt-test");
        retried.end = EndOfStream::UpstreamError;
        retried.status = Some(529);
        retried.usage = MeteredUsage::default();
        for mut r in [
            record(1, 0, "support", "gpt-test"),
            record(2, 0, "legal", "house-model"),
            retried,
            record(3, 1, "support", "gpt-test"),
        ] {
            fixture.price(&mut r);
            fixture.store.settle(&r).unwrap();
        }
        fixture.store.flush().unwrap();
        fixture
    }

    /// Prices a record with the fixture's book, as the gateway does at settlement.
    pub(crate) fn price(&self, record: &mut UsageRecord) {
        let priced = |view| {
            let facts = CallFacts {
                provider: &record.provider,
                region: None,
                requested_model: record.requested_model.as_deref(),
                at: record.started_at,
                known_at: record.ended_at,
                requested_tier: Some(record.tier),
            };
            price_call(&self.book, &facts, &record.usage, view, Rounding::HalfEven).total
        };
        (record.list_cost, record.contracted_cost) = (priced(PriceView::List), priced(PriceView::Contracted));
        record.price_version.clone_from(&self.book.version);
    }

    pub(crate) fn console(&self, token: Option<&str>) -> Console {
        let token = token.map(|t| AdminToken::new(t.to_owned()).unwrap());
        let listen = if token.is_some() { "0.0.0.0:4001" } else { "127.0.0.1:4001" };
        Console::new(ConsoleParts {
            store: self.store.clone(),
            prices: Arc::new(ArcSwap::new(Arc::clone(&self.book))),
            providers: vec!["openai".to_owned()],
            access: Access::for_listener(listen.parse().unwrap(), token, Vec::new()).unwrap(),
            metrics: Arc::new(|| "bursar_test 1\n".to_owned()),
        })
        .with_clock(noon)
    }

    pub(crate) fn router(&self) -> Router {
        self.console(None).router()
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        send(self.router(), "GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answered {
        send(self.router(), "POST", path, Some(body)).await
    }
}

/// Sends one request, as a program on the same machine does.
pub(crate) async fn send(router: Router, method: &str, path: &str, body: Option<&str>) -> Answered {
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, "127.0.0.1:4001");
    if body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let request = request.body(Body::from(body.unwrap_or_default().to_owned())).unwrap();
    let response = router.oneshot(request).await.unwrap();
    let kind = response.headers().get(header::CONTENT_TYPE).map_or("", |v| v.to_str().unwrap()).to_owned();
    let status = response.status();
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    Answered { status, kind, body: String::from_utf8(bytes.to_vec()).unwrap() }
}

/// An attempt in the hour before noon: 1,000 tokens in, 400 of 1,400 from the cache, 250 out.
pub(crate) fn record(request: u128, attempt: u16, team: &str, model: &str) -> UsageRecord {
    let started_at = noon().plus_micros(-1_800_000_000 + i64::try_from(request).unwrap() * 1_000_000);
    let quantities = Quantities::none()
        .with(Meter::Input, 1_000, Provenance::Reported)
        .with(Meter::CacheRead, 400, Provenance::Reported)
        .with(Meter::Output, 250, Provenance::Estimated);
    UsageRecord {
        id: RecordId { request: RequestId(request), attempt },
        started_at,
        ended_at: started_at.plus_micros(2_500_000),
        key: None,
        attribution: Attribution { team: Some(team.to_owned()), ..Attribution::default() },
        provider: "openai".to_owned(),
        surface: "openai.chat_completions".to_owned(),
        region: None,
        requested_model: Some(model.to_owned()),
        usage: MeteredUsage { quantities, model: Some(model.to_owned()), ..MeteredUsage::default() },
        tier: ServiceTier::Standard,
        end: EndOfStream::Complete,
        status: Some(200),
        list_cost: None,
        contracted_cost: None,
        price_version: String::new(),
        reasons: vec!["sent to openai as asked".to_owned()],
        timings: Timings { total_us: Some(2_500_000), ..Timings::default() },
    }
}

fn book() -> Arc<PriceBook> {
    let text = r#"
        format = 1
        provider = "openai"
        recorded_at = "2026-07-01"

        [[row]]
        model = "gpt-test"
        source = "https://example.test/prices"
        as_of = "2026-07-01"
        price.input = "1.25"
        price.cache_read = "0.25"
        price.output = "10"
    "#;
    Arc::new(PriceBook::from_files([("openai.toml", text)]).unwrap())
}
