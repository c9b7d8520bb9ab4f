//! A process that is killed with SIGKILL while it records loses nothing that it was told is recorded.

mod fixture;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bursar_core::{EndOfStream, Provenance, RecordId, Timestamp};
use bursar_store::{Dimension, Reader, SpendQuery, Store, UsageQuery};
use fixture::{attempt, id, options, record, usage};

/// Set in the child: the folder to record into, and the first number to record.
const FOLDER: &str = "BURSAR_TEST_KILL_FOLDER";
const FIRST: &str = "BURSAR_TEST_KILL_FIRST";
const NAME: &str = "a_process_killed_while_it_records_loses_no_acknowledged_record_and_books_none_twice";
/// Numbers that one child may use.
const PER_CHILD: u64 = 1_000_000;
const KILLS: u64 = 6;

#[test]
fn a_process_killed_while_it_records_loses_no_acknowledged_record_and_books_none_twice() {
    if let Ok(folder) = std::env::var(FOLDER) {
        record_until_killed(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let (mut settled, mut left_open) = (BTreeSet::new(), BTreeSet::new());
    for kill in 0..KILLS {
        let said = run_child_and_kill_it(folder.path(), kill);
        assert!(!said.settled.is_empty(), "the child recorded nothing before it was killed");
        settled.extend(&said.settled);
        let (store, recovery) = Store::open(options(folder.path())).unwrap();
        let in_flight: BTreeSet<RecordId> = recovery.in_flight.iter().map(|f| f.attempt.id).collect();
        for n in said.opened.difference(&said.settled) {
            // Its settlement may have reached the journal just before the kill, unsaid; else it is in flight.
            assert!(in_flight.contains(&id(*n)) || is_booked(folder.path(), *n), "{n} is lost");
        }
        // Half of what is in flight is settled now, without waiting for the database; the rest by a later start.
        for found in recovery.in_flight.iter().skip(1).step_by(2) {
            let mut stopped = record(found.attempt.id.request.0 as u64);
            assert_eq!(found.attempt, attempt(found.attempt.id.request.0 as u64));
            stopped.end = EndOfStream::GatewayStopped;
            store.settle(&stopped).unwrap();
        }
        left_open.extend(in_flight);
    }
    let (store, recovery) = Store::open(options(folder.path())).unwrap();
    assert!(recovery.in_flight.iter().all(|f| left_open.contains(&f.attempt.id)));
    store.flush().unwrap();
    check_books(folder.path(), &settled, &left_open, recovery.in_flight.len());
}

struct Said {
    opened: BTreeSet<u64>,
    settled: BTreeSet<u64>,
}

/// In the child: opens, and settles all but one of twenty, from two threads, and says so after each call has returned.
fn record_until_killed(folder: &Path) -> ! {
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let store = Store::open(options(folder)).unwrap().0;
    let half = |start: u64| {
        for n in (start..).step_by(2) {
            store.open_attempt(&attempt(n)).unwrap();
            say('o', n);
            if n % 4 < 2 {
                store.progress(id(n), &usage(n, Provenance::Counted)).unwrap();
            }
            if !n.is_multiple_of(20) {
                store.settle(&record(n)).unwrap();
                say('s', n);
            }
        }
    };
    std::thread::scope(|s| {
        s.spawn(|| half(first));
        half(first + 1);
    });
    unreachable!("it records until it is killed")
}

fn say(what: char, n: u64) {
    // One write to the pipe, so that what was said before the kill is heard.
    std::io::stderr().write_all(format!("{what}{n}\n").as_bytes()).unwrap();
}

fn run_child_and_kill_it(folder: &Path, kill: u64) -> Said {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .env(FIRST, (kill * PER_CHILD + 1).to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = Said { opened: BTreeSet::new(), settled: BTreeSet::new() };
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(120 + 90 * kill));
        child.kill().unwrap();
        child.wait().unwrap();
    });
    for line in lines {
        let line = line.unwrap();
        let (what, n) = line.split_at(1);
        let n = n.parse().unwrap_or_else(|_| panic!("the child failed: {line}"));
        if what == "o" {
            said.opened.insert(n)
        } else {
            said.settled.insert(n)
        };
    }
    killer.join().unwrap();
    said
}

fn is_booked(folder: &Path, n: u64) -> bool {
    !Reader::open(folder).unwrap().request(id(n).request).unwrap().is_empty()
}

fn check_books(folder: &Path, settled: &BTreeSet<u64>, left_open: &BTreeSet<RecordId>, still_open: usize) {
    let reader = Reader::open(folder).unwrap();
    let booked = reader.usage(&UsageQuery { limit: usize::MAX, ..UsageQuery::default() }).unwrap();
    let ids: BTreeSet<RecordId> = booked.iter().map(|r| r.id).collect();
    assert_eq!(ids.len(), booked.len(), "a record is booked twice");
    assert!(settled.iter().all(|&n| ids.contains(&id(n))), "a settled record is lost");
    let of_the_child =
        booked.iter().filter(|r| r.end != EndOfStream::GatewayStopped || settled_by_child(r.id));
    for r in of_the_child.filter(|r| !left_open.contains(&r.id)) {
        assert_eq!(*r, record(r.id.request.0 as u64));
    }
    let query = SpendQuery {
        until: Timestamp::from_date(9999, 1, 1).unwrap(),
        by: vec![Dimension::Team],
        ..SpendQuery::default()
    };
    let sums = reader.spend(&query).unwrap();
    assert_eq!(sums.iter().map(|r| r.cell.records).sum::<u64>(), booked.len() as u64);
    let health = reader.health().unwrap();
    assert_eq!((health.in_flight, health.journal_lag_bytes), (still_open as u64, 0));
    eprintln!(
        "{} acknowledged, {} booked, {} were in flight at a kill, {still_open} still are",
        settled.len(),
        booked.len(),
        left_open.len()
    );
}

fn settled_by_child(id: RecordId) -> bool {
    !(id.request.0 as u64).is_multiple_of(20)
}
