//! Simulated crashes: the process ends at a random byte of its journal, again and again, on the same data.

mod fixture;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use bursar_core::rollup::{Cell, CellKey};
use bursar_core::{Money, Provenance, Timestamp, UsageRecord};
use bursar_store::{Dimension, Reader, SpendQuery, Store, UsageQuery};
use fixture::{attempt, id, options, record, usage};
use proptest::prelude::*;
use rusqlite::Connection;
use tempfile::TempDir;

#[derive(Clone, Debug)]
enum Op {
    Open(u64),
    Progress(u64),
    /// The number, and the cost that tells one settlement of it from another.
    Settle(u64, i64),
}

/// How the bytes behind the cut look.
#[derive(Clone, Copy, Debug)]
enum Tail {
    Zeros,
    Missing,
    Garbage,
}

/// One life of the process.
#[derive(Clone, Debug)]
struct Life {
    /// Done and taken into the database.
    flushed: Vec<Op>,
    /// Done and in the journal only.
    journalled: Vec<Op>,
    /// How much of what is in the journal only is left, in thousandths.
    kept: u64,
    tail: Tail,
    /// Whether segments that were taken and deleted are there again, as after a kill before their deletion.
    old_segments_return: bool,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (0_u64..24).prop_map(Op::Open),
        1 => (0_u64..24).prop_map(Op::Progress),
        4 => (0_u64..24, 0_i64..1_000).prop_map(|(n, cost)| Op::Settle(n, cost)),
    ]
}

fn life() -> impl Strategy<Value = Life> {
    let tail = prop_oneof![Just(Tail::Zeros), Just(Tail::Missing), Just(Tail::Garbage)];
    let ops = || prop::collection::vec(op(), 0..24);
    (ops(), ops(), 0_u64..=1_000, tail, any::<bool>()).prop_map(
        |(flushed, journalled, kept, tail, old_segments_return)| Life {
            flushed,
            journalled,
            kept,
            tail,
            old_segments_return,
        },
    )
}

/// What must be true after a crash.
#[derive(Clone, Debug, Default)]
struct Model {
    open: BTreeSet<u64>,
    settled: BTreeMap<u64, i64>,
}

impl Model {
    fn after(&mut self, op: &Op) {
        match *op {
            Op::Open(n) if !self.settled.contains_key(&n) => drop(self.open.insert(n)),
            Op::Open(_) | Op::Progress(_) => {}
            Op::Settle(n, cost) => {
                self.open.remove(&n);
                self.settled.entry(n).or_insert(cost);
            }
        }
    }

    fn records(&self) -> Vec<UsageRecord> {
        self.settled.iter().map(|(&n, &cost)| record_of(n, cost)).collect()
    }
}

fn record_of(n: u64, cost: i64) -> UsageRecord {
    UsageRecord { contracted_cost: Some(Money::from_nanos(cost)), ..record(n) }
}

fn apply(store: &Store, op: &Op) {
    match *op {
        Op::Open(n) => store.open_attempt(&attempt(n)).unwrap(),
        Op::Progress(n) => store.progress(id(n), &usage(n, Provenance::Counted)).unwrap(),
        Op::Settle(n, cost) => store.settle(&record_of(n, cost)).unwrap(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_crash_the_log_is_what_was_acknowledged_once_and_the_cubes_are_its_fold(
        lives in prop::collection::vec(life(), 1..4)
    ) {
        let mut folder = tempfile::tempdir().unwrap();
        let (mut model, mut old) = (Model::default(), Vec::new());
        for life in &lives {
            folder = live(folder.path(), life, &mut model, &mut old);
            check(folder.path(), &model);
        }
    }
}

/// One life, and the folder as it is found after its end.
fn live(folder: &Path, life: &Life, model: &mut Model, old: &mut Vec<(PathBuf, Vec<u8>)>) -> TempDir {
    let (store, _) = Store::open(options(folder)).unwrap();
    for op in &life.flushed {
        apply(&store, op);
        model.after(op);
    }
    store.flush().unwrap();
    let db = Connection::open(folder.join("bursar.sqlite")).unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (segment, base) = position(&db);
    let mut ends = Vec::new();
    for op in &life.journalled {
        apply(&store, op);
        ends.push(store.status().journal_lag_bytes);
    }
    let kept = ends.last().copied().unwrap_or(0) * life.kept / 1_000;
    for (op, _) in life.journalled.iter().zip(&ends).filter(|(_, end)| **end <= kept) {
        model.after(op);
    }
    let found = copy(folder);
    cut(&segment_path(found.path(), segment), base + kept, life.tail);
    if life.old_segments_return {
        old.iter()
            .for_each(|(name, bytes)| fs::write(found.path().join("journal").join(name), bytes).unwrap());
    }
    let name = segment_path(folder, segment);
    old.push((name.file_name().unwrap().into(), fs::read(segment_path(found.path(), segment)).unwrap()));
    db.execute_batch("ROLLBACK").unwrap();
    found
}

fn check(folder: &Path, model: &Model) {
    let (store, recovery) = Store::open(options(folder)).unwrap();
    let open: BTreeSet<_> = recovery.in_flight.iter().map(|f| f.attempt.id).collect();
    assert_eq!(open, model.open.iter().map(|&n| id(n)).collect());
    let reader = Reader::open(folder).unwrap();
    let mut booked = reader.usage(&UsageQuery { limit: 1_000, ..UsageQuery::default() }).unwrap();
    booked.sort_by_key(|r| r.id);
    assert_eq!(booked, model.records());
    let mut cells: BTreeMap<CellKey, Cell> = BTreeMap::new();
    booked.iter().for_each(|r| cells.entry(CellKey::of(r)).or_default().add_record(r));
    let mut folded: Vec<Cell> = cells.into_values().collect();
    let query = SpendQuery {
        until: Timestamp::from_date(9999, 1, 1).unwrap(),
        by: Dimension::ALL.to_vec(),
        ..SpendQuery::default()
    };
    let rows = reader.spend(&query).unwrap();
    let mut kept: Vec<Cell> = rows.iter().map(|r| r.cell.clone()).collect();
    let order = |c: &Cell| (c.contracted_cost, c.list_cost, c.records, c.units);
    folded.sort_by_key(order);
    kept.sort_by_key(order);
    assert_eq!(kept, folded);
    store.rebuild_cubes().unwrap();
    assert_eq!(reader.spend(&query).unwrap(), rows);
    store.close().unwrap();
}

fn position(db: &Connection) -> (u64, u64) {
    let read = |r: &rusqlite::Row<'_>| Ok((r.get::<_, i64>(0)? as u64, r.get::<_, i64>(1)? as u64));
    db.query_row("SELECT segment, offset FROM journal_position", [], read).unwrap()
}

fn segment_path(folder: &Path, number: u64) -> PathBuf {
    folder.join("journal").join(format!("{number:016x}.journal"))
}

fn copy(folder: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    fs::create_dir(to.path().join("journal")).unwrap();
    for name in ["bursar.sqlite", "bursar.sqlite-wal"] {
        fs::copy(folder.join(name), to.path().join(name)).unwrap();
    }
    for entry in fs::read_dir(folder.join("journal")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.path().join("journal").join(path.file_name().unwrap())).unwrap();
    }
    to
}

fn cut(path: &Path, at: u64, tail: Tail) {
    let mut bytes = fs::read(path).unwrap();
    let at = usize::try_from(at).unwrap();
    match tail {
        Tail::Missing => bytes.truncate(at),
        Tail::Zeros => bytes[at..].fill(0),
        Tail::Garbage => {
            bytes[at..].fill(0);
            bytes[at..at + 3_000]
                .iter_mut()
                .zip(1_u32..)
                .for_each(|(b, i)| *b = (i.wrapping_mul(2_654_435_761) >> 24) as u8);
        }
    }
    fs::write(path, bytes).unwrap();
}

#[test]
fn records_behind_a_damage_in_the_middle_of_a_segment_are_taken_and_the_damaged_segment_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(options(folder.path())).unwrap();
    store.flush().unwrap();
    let db = Connection::open(folder.path().join("bursar.sqlite")).unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (segment, base) = position(&db);
    for n in 0..20 {
        store.settle(&record(n)).unwrap();
    }
    let found = copy(folder.path());
    db.execute_batch("ROLLBACK").unwrap();
    let path = segment_path(found.path(), segment);
    let mut bytes = fs::read(&path).unwrap();
    bytes[usize::try_from(base).unwrap() + 1_000] ^= 0x10;
    fs::write(&path, bytes).unwrap();
    let (_store, recovery) = Store::open(options(found.path())).unwrap();
    assert_eq!((recovery.damaged_segments, recovery.replayed), (1, 19));
    assert_eq!(Reader::open(found.path()).unwrap().health().unwrap().records, 19);
    assert!(path.with_extension("damaged").is_file());
}
