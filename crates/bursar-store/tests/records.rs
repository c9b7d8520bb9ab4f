//! Any record survives the way through journal and database, and the cubes are the fold of any records.

mod fixture;

use std::collections::BTreeMap;

use bursar_core::rollup::Cell;
use bursar_core::{
    Attribution, EndOfStream, KeyId, Meter, MeteredUsage, Money, Provenance, Quantities, RecordId, RequestId,
    ServiceTier, Timestamp, Timings, UsageException, UsageRecord,
};
use bursar_store::{Dimension, OpenAttempt, Reader, SpendQuery, Store};
use fixture::{attempt, id, noon, options, record, usage};
use proptest::option;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-z\"\\\\é🦀\u{0}\n-]{0,12}", 1 => prop::sample::select(vec!["a", "b"]).prop_map(str::to_owned)]
}

fn exception() -> impl Strategy<Value = UsageException> {
    prop_oneof![
        Just(UsageException::NotReported),
        Just(UsageException::Truncated),
        (any::<u64>(), any::<u64>())
            .prop_map(|(reported, summed)| UsageException::TotalsDisagree { reported, summed }),
        text().prop_map(|field| UsageException::PartExceedsWhole { field }),
        text().prop_map(|reason| UsageException::Unreadable { reason }),
        text().prop_map(|what| UsageException::NotUnderstood { what }),
    ]
}

fn quantities() -> impl Strategy<Value = Quantities> {
    let provenance =
        prop::sample::select(vec![Provenance::Reported, Provenance::Counted, Provenance::Estimated]);
    let one = (prop::sample::select(Meter::ALL.to_vec()), 1..=u64::MAX, provenance);
    prop::collection::vec(one, 0..5)
        .prop_map(|all| all.into_iter().fold(Quantities::none(), |q, (m, units, p)| q.with(m, units, p)))
}

fn money() -> impl Strategy<Value = Option<Money>> {
    option::of((-1_000_000_000_000_000_i64..1_000_000_000_000_000).prop_map(Money::from_nanos))
}

fn metered() -> impl Strategy<Value = MeteredUsage> {
    let tier = option::of(prop::sample::select(ServiceTier::ALL.to_vec()));
    let exceptions = prop::collection::vec(exception(), 0..3);
    (quantities(), exceptions, option::of(text()), tier, option::of(text()), option::of(text()), money())
        .prop_map(
            |(quantities, exceptions, model, tier, finish_reason, response_id, provider_stated_cost)| {
                MeteredUsage {
                    quantities,
                    exceptions,
                    model,
                    tier,
                    finish_reason,
                    response_id,
                    provider_stated_cost,
                }
            },
        )
}

fn attribution() -> impl Strategy<Value = Attribution> {
    let tags: BTreeMap<String, String> = BTreeMap::new();
    let tags = prop_oneof![Just(tags), prop::collection::btree_map(text(), text(), 0..3)];
    (prop::array::uniform9(option::of(text())), tags).prop_map(|(fields, tags)| {
        let [tenant, team, app, workflow, environment, consumer, task, step, parent_step] = fields;
        Attribution { tenant, team, app, workflow, environment, consumer, task, step, parent_step, tags }
    })
}

fn any_record() -> impl Strategy<Value = UsageRecord> {
    let who = (option::of(text()), attribution(), text(), text(), option::of(text()), option::of(text()));
    let when =
        (0_i64..30_000_000_000, 0_i64..1_000_000, prop::array::uniform4(option::of(0..=i64::MAX as u64)));
    let how = (metered(), prop::sample::select(EndOfStream::ALL.to_vec()), option::of(any::<u16>()));
    let what = (money(), money(), text(), prop::collection::vec(text(), 0..3));
    (who, when, how, what).prop_map(|(who, when, how, what)| UsageRecord {
        id: RecordId { request: RequestId(0), attempt: 0 },
        started_at: noon().plus_micros(when.0),
        ended_at: noon().plus_micros(when.0 + when.1),
        key: who.0.map(KeyId),
        attribution: who.1,
        provider: who.2,
        surface: who.3,
        region: who.4,
        requested_model: who.5,
        tier: how.0.tier.unwrap_or_default(),
        usage: how.0,
        end: how.1,
        status: how.2,
        list_cost: what.0,
        contracted_cost: what.1,
        price_version: what.2,
        reasons: what.3,
        timings: Timings {
            to_upstream_us: when.2[0],
            to_response_us: when.2[1],
            to_first_byte_us: when.2[2],
            total_us: when.2[3],
        },
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_record_is_read_as_it_was_settled_and_the_cubes_are_the_fold_of_the_log(
        mut records in prop::collection::vec(any_record(), 1..30)
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(options(folder.path())).unwrap();
        let mut whole = Cell::default();
        for (n, r) in records.iter_mut().enumerate() {
            r.id.request = RequestId(n as u128 * (1 << 100));
            store.settle(r).unwrap();
            whole.add_record(r);
        }
        store.flush().unwrap();
        let reader = Reader::open(folder.path()).unwrap();
        for r in &records {
            prop_assert_eq!(&reader.request(r.id.request).unwrap(), std::slice::from_ref(r));
        }
        let until = Timestamp::from_date(9999, 1, 1).unwrap();
        let query = |by: Vec<Dimension>| SpendQuery { until, by, ..SpendQuery::default() };
        prop_assert_eq!(&reader.spend(&query(Vec::new())).unwrap()[0].cell, &whole);
        let kept = reader.spend(&query(Dimension::ALL.to_vec())).unwrap();
        store.rebuild_cubes().unwrap();
        prop_assert_eq!(reader.spend(&query(Dimension::ALL.to_vec())).unwrap(), kept);
    }

    #[test]
    fn any_attempt_in_flight_is_found_as_it_was_opened(r in any_record(), seen in option::of(metered())) {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(options(folder.path())).unwrap();
        let opened = OpenAttempt {
            id: r.id,
            started_at: r.started_at,
            key: r.key,
            attribution: r.attribution,
            provider: r.provider,
            surface: r.surface,
            region: r.region,
            requested_model: r.requested_model,
            expected: r.usage,
            ceiling: None,
            lease_until: None,
        };
        store.open_attempt(&opened).unwrap();
        if let Some(usage) = &seen {
            store.progress(opened.id, usage).unwrap();
        }
        drop(store);
        let (_store, recovery) = Store::open(options(folder.path())).unwrap();
        prop_assert_eq!(&recovery.in_flight[0].attempt, &opened);
        prop_assert_eq!(&recovery.in_flight[0].progress, &seen);
    }
}

#[test]
fn records_of_many_segments_from_many_threads_are_all_there_and_the_old_segments_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(options(folder.path())).unwrap();
    std::thread::scope(|s| {
        for start in 0..4 {
            let store = &store;
            s.spawn(move || {
                for n in (start..6_000).step_by(4) {
                    store.open_attempt(&attempt(n)).unwrap();
                    store.progress(id(n), &usage(n, Provenance::Counted)).unwrap();
                    store.settle(&record(n)).unwrap();
                }
            });
        }
    });
    store.flush().unwrap();
    let health = Reader::open(folder.path()).unwrap().health().unwrap();
    assert_eq!((health.records, health.in_flight, health.set_aside), (6_000, 0, 0));
    let segments = std::fs::read_dir(folder.path().join("journal")).unwrap().count();
    assert!(segments <= 3, "{segments} segments are left");
}

#[test]
fn calls_are_read_as_budgets_see_them_in_the_order_of_booking_and_by_time() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(options(folder.path())).unwrap();
    for n in [3, 1, 2] {
        store.settle(&record(n)).unwrap();
    }
    store.flush().unwrap();
    let reader = Reader::open(folder.path()).unwrap();
    let begins = |calls: &[bursar_store::LoggedCall]| calls.iter().map(|c| c.at).collect::<Vec<_>>();
    let first = reader.calls_after(0, noon(), 2).unwrap();
    let rest = reader.calls_after(first[1].row, noon(), 9).unwrap();
    let at = |n| record(n).started_at;
    assert_eq!((begins(&first), begins(&rest)), (vec![at(3), at(1)], vec![at(2)]));
    assert_eq!(first[0].subject, bursar_core::budget::Subject::of_record(&record(3)));
    assert_eq!(first[0].used, bursar_core::ledger::Amounts::used_by(&record(3)));
    let mut between = Vec::new();
    reader.calls_between(at(1), at(3), |call| between.push(call)).unwrap();
    assert_eq!(begins(&between), [at(1), at(2)]);
    assert_eq!(reader.calls_after(0, at(2), 9).unwrap().len(), 2);
}
