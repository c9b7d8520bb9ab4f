//! What the request path pays for its record: opening and settling an attempt, the writer at work beside it.

use std::hint::black_box;

use bursar_core::{
    Attribution, EndOfStream, Meter, MeteredUsage, Money, Provenance, Quantities, RecordId, RequestId,
    ServiceTier, Timestamp, Timings, UsageRecord,
};
use bursar_store::{OpenAttempt, Store, StoreOptions};
use criterion::{Criterion, criterion_group, criterion_main};

fn attempt(n: u64) -> OpenAttempt {
    let some = |text: &str| Some(text.to_owned());
    OpenAttempt {
        id: RecordId { request: RequestId(u128::from(n) << 32), attempt: 0 },
        started_at: Timestamp::from_seconds(1_784_000_000).plus_micros(n as i64),
        key: Some(bursar_core::KeyId("key_00112233aabbccdd".to_owned())),
        attribution: Attribution {
            team: some("support"),
            app: some("helpdesk"),
            workflow: some("triage"),
            task: some("0f8f7c1e-ticket"),
            ..Attribution::default()
        },
        provider: "openai".to_owned(),
        surface: "openai.chat_completions".to_owned(),
        region: None,
        requested_model: some("gpt-4o-mini"),
        ceiling: None,
        lease_until: None,
        expected: MeteredUsage {
            quantities: Quantities::none().with(Meter::Input, 812, Provenance::Estimated),
            ..MeteredUsage::default()
        },
    }
}

fn record(a: &OpenAttempt) -> UsageRecord {
    let quantities = Quantities::none()
        .with(Meter::Input, 312, Provenance::Reported)
        .with(Meter::CacheRead, 512, Provenance::Reported)
        .with(Meter::Output, 144, Provenance::Reported);
    UsageRecord {
        id: a.id,
        started_at: a.started_at,
        ended_at: a.started_at.plus_micros(900_000),
        key: a.key.clone(),
        attribution: a.attribution.clone(),
        provider: a.provider.clone(),
        surface: a.surface.clone(),
        region: None,
        requested_model: a.requested_model.clone(),
        usage: MeteredUsage {
            quantities,
            model: Some("gpt-4o-mini-2024-07-18".to_owned()),
            response_id: Some("chatcmpl-AbCdEfGhIjKlMnOpQrStUvWx".to_owned()),
            ..MeteredUsage::default()
        },
        tier: ServiceTier::Standard,
        end: EndOfStream::Complete,
        status: Some(200),
        list_cost: Some(Money::from_nanos(171_600)),
        contracted_cost: Some(Money::from_nanos(171_600)),
        price_version: "0a1b2c3d4e5f6071".to_owned(),
        reasons: vec!["sent to openai as asked".to_owned()],
        timings: Timings { total_us: Some(900_000), ..Timings::default() },
    }
}

fn open_and_settle(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = StoreOptions { folder: folder.path().to_owned(), ..StoreOptions::default() };
    let (store, _) = Store::open(options).expect("a new store");
    let mut n = 0;
    let mut next = || {
        n += 1;
        let a = attempt(n);
        let r = record(&a);
        (a, r)
    };
    c.bench_function("open and settle one attempt", |b| {
        b.iter_batched(
            &mut next,
            |(a, r)| {
                store.open_attempt(black_box(&a)).expect("room in the journal");
                store.settle(black_box(&r)).expect("room in the journal");
            },
            criterion::BatchSize::SmallInput,
        );
    });
    store.flush().expect("a database that takes records");
}

criterion_group!(benches, open_and_settle);
criterion_main!(benches);
