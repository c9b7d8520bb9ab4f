//! What budgets cost a call before it goes out: who calls, what it may use at most, and room in the six budgets that
//! cover it, among ten thousand.
//!
//! `cargo bench -p bursar-gateway --bench admission`. The time is that of the whole way from a request in memory to
//! its hold: head, key, body, route, labels, ceiling, ledger; the reading of the body alone is measured beside it.
//! Beside criterion's mean it prints the percentiles of the single calls.

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bursar_core::Timestamp;
use bursar_core::budget::{Budget, BudgetUnit, Scope, ScopeField, WhenTight};
use bursar_gateway::{Gateway, GatewayConfig, Limits, Policies, ProviderConfig};
use bursar_prices::PriceBook;
use bursar_store::{KeySpec, Store, StoreOptions};
use bursar_wire::{RequestView, Surface, Vendor};
use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::Request;

/// The allocator of the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BUDGETS: usize = 10_000;

fn budget(name: &str, scope: Scope) -> Budget {
    let mut budget = Budget::new(name.parse().unwrap(), BudgetUnit::Usd, 1_000_000_000_000_000);
    budget.when_tight = WhenTight::Refuse;
    budget.scopes = vec![scope];
    budget
}

/// Six that cover the call, and the others that cover calls of other teams, workflows, consumers and models.
fn define(store: &Store, key: &str) {
    let directory = store.budgets();
    let mut ledger = directory.lock();
    let all = Scope::everything;
    let covering = [
        ("all", all()),
        ("team", all().and(ScopeField::Team, "support")),
        ("app", all().and(ScopeField::Team, "support").and(ScopeField::App, "helpdesk")),
        ("workflow", all().and(ScopeField::Workflow, "triage")),
        ("key", all().and(ScopeField::Key, key)),
        ("model", all().and(ScopeField::Model, "gpt-4o-mini").and(ScopeField::Environment, "production")),
    ];
    for (name, scope) in covering {
        ledger.define(budget(name, scope), |_| true);
    }
    let fields = [ScopeField::Team, ScopeField::Workflow, ScopeField::Consumer, ScopeField::Key];
    for n in 6..BUDGETS {
        let field = fields[n % fields.len()].clone();
        let scope = all().and(field, format!("other-{n}")).and(ScopeField::Environment, "production");
        ledger.define(budget(&format!("other-{n}"), scope), |_| true);
    }
}

fn request(secret: &str, words: usize) -> Request<Bytes> {
    let text = "The printer on the third floor does not answer any more. ".repeat(words / 11 + 1);
    let body = format!(
        r#"{{"model":"gpt-4o-mini","max_tokens":400,"messages":[{{"role":"system","content":"Be brief."}},{{"role":"user","content":"{text}"}}]}}"#
    );
    Request::post("/v1/chat/completions")
        .header("authorization", format!("Bearer {secret}"))
        .header("content-type", "application/json")
        .header("x-bursar-workflow", "triage")
        .header("x-bursar-environment", "production")
        .header("x-bursar-consumer", "c-4711")
        .body(Bytes::from(body))
        .unwrap()
}

fn gateway(folder: &std::path::Path) -> (Gateway, Store, String) {
    let options = StoreOptions { folder: folder.to_owned(), ..StoreOptions::default() };
    let (store, _) = Store::open(options).unwrap();
    let mut spec = KeySpec::default();
    spec.fixed.team = Some("support".to_owned());
    spec.fixed.app = Some("helpdesk".to_owned());
    let (key, secret) = store.keys().create(spec, Timestamp::from_seconds(1_784_000_000)).unwrap();
    define(&store, &key.id.0);
    let config = GatewayConfig {
        providers: vec![ProviderConfig::new("openai", Vendor::OpenAi, "http://127.0.0.1:9")],
        limits: Limits::default(),
        policies: Policies::default(),
        open_mode: false,
    };
    let prices = Arc::new(ArcSwap::new(Arc::clone(PriceBook::embedded())));
    let gateway = Gateway::new(config, store.clone(), prices).unwrap();
    (gateway, store, secret.reveal().to_owned())
}

/// Measures calls that say themselves how long they took.
fn measure(c: &mut Criterion, name: &str, mut call: impl FnMut() -> Duration) {
    let mut single: Vec<u128> = Vec::new();
    c.bench_function(name, |b| {
        b.iter_custom(|count| {
            (0..count).fold(Duration::ZERO, |total, _| {
                let took = call();
                single.push(took.as_nanos());
                total + took
            })
        });
    });
    single.sort_unstable();
    let at = |per_thousand: usize| single[(single.len() - 1) * per_thousand / 1_000];
    let [p50, p90, p99, p999] = [500, 900, 990, 999].map(at);
    println!("{name}: p50 {p50} ns, p90 {p90} ns, p99 {p99} ns, p99.9 {p999} ns, of {} calls", single.len());
}

fn admission(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, _store, secret) = gateway(folder.path());
    let from = SocketAddr::from(([127, 0, 0, 1], 1));
    for (name, words) in [("200 bytes", 0), ("4 KB", 800), ("64 KB", 12_000)] {
        let request = request(&secret, words);
        let rehearse = || gateway.rehearse(request.clone(), from).unwrap_or_else(|e| panic!("{}", e.message));
        let covered = rehearse().reasons().join(" ");
        assert!(covered.contains("budgets all, team, app, workflow, key, model"), "{covered}");
        measure(c, &format!("admission of a body of {name}, 6 of {BUDGETS} budgets"), || {
            let request = request.clone();
            let begun = Instant::now();
            let admitted = black_box(gateway.rehearse(request, from));
            let took = begun.elapsed();
            drop(admitted);
            took
        });
        measure(c, &format!("reading of a body of {name} alone"), || {
            let begun = Instant::now();
            let view = RequestView::parse(Surface::OpenAiChat, "/v1/chat/completions", None, request.body());
            let took = begun.elapsed();
            assert!(black_box(view).is_ok());
            took
        });
    }
}

criterion_group!(benches, admission);
criterion_main!(benches);
