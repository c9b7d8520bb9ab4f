//! What is settled can be read, whole and once.

mod fixture;

use bursar_core::rollup::{Cell, CellKey};
use bursar_core::{EndOfStream, Money, Provenance, RequestId, Timestamp};
use bursar_store::{Dimension, Reader, SpendQuery, Store, StoreError, UsageQuery};
use fixture::{attempt, id, noon, options, record, usage};

#[test]
fn a_settled_record_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for n in 0..200 {
        store.open_attempt(&attempt(n)).unwrap();
        store.progress(id(n), &usage(n, Provenance::Counted)).unwrap();
        store.settle(&record(n)).unwrap();
    }
    store.flush().unwrap();
    let reader = Reader::open(folder.path()).unwrap();
    for n in 0..200 {
        assert_eq!(reader.request(id(n).request).unwrap(), [record(n)]);
    }
    assert_eq!(reader.request(RequestId(7)).unwrap(), []);
    let health = reader.health().unwrap();
    assert_eq!((health.records, health.in_flight, health.journal_lag_bytes), (200, 0, 0));
    assert_eq!((health.unpriced, health.oldest_waiting), (40, None));
    assert_eq!(health.unpriced_by_model.iter().map(|m| m.records).sum::<u64>(), 40);
    assert_eq!(health.exceptions.iter().find(|(name, _)| name == "truncated").unwrap().1, 34);
}

#[test]
fn the_first_settlement_of_an_attempt_counts_and_further_ones_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.open_attempt(&attempt(1)).unwrap();
    store.open_attempt(&attempt(1)).unwrap();
    store.settle(&record(1)).unwrap();
    let mut other = record(1);
    other.contracted_cost = Some(Money::from_nanos(77));
    store.settle(&other).unwrap();
    store.flush().unwrap();
    let reader = Reader::open(folder.path()).unwrap();
    assert_eq!(reader.request(id(1).request).unwrap(), [record(1)]);
    let total = reader.spend(&everything(Vec::new())).unwrap();
    assert_eq!((total.len(), total[0].cell.records), (1, 1));
}

#[test]
fn what_was_in_flight_is_found_with_its_last_progress_until_it_is_settled() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for n in 0..4 {
        store.open_attempt(&attempt(n)).unwrap();
    }
    store.progress(id(2), &usage(2, Provenance::Counted)).unwrap();
    store.flush().unwrap();
    store.progress(id(3), &usage(2, Provenance::Counted)).unwrap();
    store.progress(id(3), &usage(3, Provenance::Counted)).unwrap();
    store.settle(&record(0)).unwrap();
    store.close().unwrap();
    for _ in 0..2 {
        let (store, recovery) = Store::open(options(folder.path())).unwrap();
        let found: Vec<_> = recovery.in_flight.into_iter().map(|f| (f.attempt, f.progress)).collect();
        let seen = |n| Some(usage(n, Provenance::Counted));
        assert_eq!(found, [(attempt(1), None), (attempt(2), seen(2)), (attempt(3), seen(3))]);
        assert_eq!(store.status().in_flight, 3);
    }
    let (store, _) = Store::open(options(folder.path())).unwrap();
    for n in 1..4 {
        let mut stopped = record(n);
        stopped.end = EndOfStream::GatewayStopped;
        store.settle(&stopped).unwrap();
    }
    assert_eq!(store.status().in_flight, 0);
    store.close().unwrap();
    let (_store, recovery) = Store::open(options(folder.path())).unwrap();
    assert_eq!(recovery.in_flight, []);
    assert_eq!(Reader::open(folder.path()).unwrap().health().unwrap().records, 4);
}

#[test]
fn spend_by_any_dimension_is_the_fold_of_the_records_it_covers() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for n in 0..150 {
        store.settle(&record(n)).unwrap();
    }
    store.flush().unwrap();
    let reader = Reader::open(folder.path()).unwrap();
    for by in Dimension::ALL {
        let rows = reader.spend(&everything(vec![by])).unwrap();
        let mut sum = Cell::default();
        rows.iter().for_each(|r| sum.add(&r.cell));
        assert_eq!(sum, fold(0..150), "{}", by.name());
    }
    let mut query = everything(vec![Dimension::Team, Dimension::Day]);
    query.filter = vec![(Dimension::Model, Some("model-1-dated".to_owned())), (Dimension::App, None)];
    let rows = reader.spend(&query).unwrap();
    let covered = (0..150).filter(|n| n % 3 == 1 && n % 4 != 0 && n % 2 == 0);
    assert!(!rows.is_empty());
    assert_eq!(rows.iter().map(|r| r.cell.records).sum::<u64>(), covered.count() as u64);
    assert_eq!(rows[0].group, [Some("team-1".to_owned()), Some("2026-07-15".to_owned())]);
    query.filter = vec![(Dimension::Hour, Some("2026-07-15T12:00:00Z".to_owned()))];
    assert_eq!(reader.spend(&query).unwrap().iter().map(|r| r.cell.records).sum::<u64>(), 9);
}

#[test]
fn cubes_folded_again_from_the_log_are_the_cubes_that_were_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for n in 0..90 {
        store.settle(&record(n)).unwrap();
    }
    store.flush().unwrap();
    let reader = Reader::open(folder.path()).unwrap();
    let query = everything(Dimension::ALL.to_vec());
    let kept = reader.spend(&query).unwrap();
    store.rebuild_cubes().unwrap();
    assert_eq!(reader.spend(&query).unwrap(), kept);
    let cells = (0..90).map(|n| CellKey::of(&record(n))).collect::<std::collections::HashSet<_>>();
    assert_eq!(kept.len(), cells.len());
}

#[test]
fn pages_of_usage_have_no_gap_and_no_double_and_every_filter_holds() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for n in 0..100 {
        let mut r = record(n);
        r.started_at = noon().plus_micros(n as i64 / 10);
        store.settle(&r).unwrap();
    }
    store.flush().unwrap();
    let reader = Reader::open(folder.path()).unwrap();
    let mut query = UsageQuery { limit: 7, ..UsageQuery::default() };
    let mut seen = Vec::new();
    loop {
        let page = reader.usage(&query).unwrap();
        let Some(last) = page.last() else { break };
        query.before = Some((last.started_at, last.id));
        seen.extend(page.into_iter().map(|r| r.id));
    }
    assert_eq!(seen, (0..100).rev().map(id).collect::<Vec<_>>());
    let count = |query: UsageQuery| reader.usage(&UsageQuery { limit: 1000, ..query }).unwrap().len();
    let fits = |keep: fn(u64) -> bool| (0..100).filter(|&n| keep(n)).count();
    assert_eq!(count(UsageQuery { unpriced: Some(true), ..Default::default() }), fits(|n| n % 5 == 0));
    assert_eq!(count(UsageQuery { unpriced: Some(false), ..Default::default() }), fits(|n| n % 5 != 0));
    assert_eq!(count(UsageQuery { task: Some("task-2".into()), ..Default::default() }), fits(|n| n % 5 == 2));
    assert_eq!(
        count(UsageQuery { status: Some(429), ..Default::default() }),
        fits(|n| n % 7 != 0 && n % 2 == 1)
    );
    assert_eq!(
        count(UsageQuery { end: Some(EndOfStream::TimedOut), ..Default::default() }),
        fits(|n| n % 5 == 3)
    );
    let team = vec![(Dimension::Team, None), (Dimension::Provider, Some("provider-1".to_owned()))];
    assert_eq!(count(UsageQuery { filter: team, ..Default::default() }), fits(|n| n % 3 == 0 && n % 2 == 1));
    let (since, until) = (Some(noon().plus_micros(2)), Some(noon().plus_micros(5)));
    assert_eq!(count(UsageQuery { since, until, ..Default::default() }), 30);
}

#[test]
fn reading_a_folder_without_data_says_what_to_do_and_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("nowhere");
    for path in [missing.as_path(), folder.path()] {
        let error = Reader::open(path).err().unwrap();
        assert!(matches!(error, StoreError::NoData(_)));
        assert!(error.to_string().contains("bursar serve"), "{error}");
    }
    assert!(!missing.exists());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_folder_is_read_without_a_server_and_by_many_readers_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    (0..5).for_each(|n| store.settle(&record(n)).unwrap());
    store.close().unwrap();
    let readers: Vec<Reader> = (0..3).map(|_| Reader::open(folder.path()).unwrap()).collect();
    let store = open(folder.path());
    store.settle(&record(5)).unwrap();
    store.flush().unwrap();
    std::thread::scope(|s| {
        for reader in readers {
            s.spawn(move || assert_eq!(reader.health().unwrap().records, 6));
        }
    });
}

#[test]
fn a_second_writer_is_refused_with_the_process_that_holds_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let error = Store::open(options(folder.path())).err().unwrap().to_string();
    assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
    store.close().unwrap();
    open(folder.path());
}

#[test]
fn a_closed_store_refuses_further_records() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.clone().close().unwrap();
    assert!(matches!(store.open_attempt(&attempt(1)), Err(StoreError::Closed)));
    assert!(matches!(store.settle(&record(1)), Err(StoreError::Closed)));
}

fn open(folder: &std::path::Path) -> Store {
    Store::open(options(folder)).unwrap().0
}

fn everything(by: Vec<Dimension>) -> SpendQuery {
    let until = Timestamp::from_date(2030, 1, 1).unwrap();
    SpendQuery { since: Timestamp::default(), until, by, filter: Vec::new() }
}

fn fold(numbers: std::ops::Range<u64>) -> Cell {
    let mut cell = Cell::default();
    numbers.for_each(|n| cell.add_record(&record(n)));
    cell
}
