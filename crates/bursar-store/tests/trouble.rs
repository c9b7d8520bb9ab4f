//! A full disk, a locked database, another version: a clear error, and nothing recorded is lost.

mod fixture;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bursar_store::{Durability, KeyDirectory, KeySpec, Reader, Store, StoreError, StoreOptions};
use fixture::{attempt, id, noon, options, record};
use rusqlite::Connection;

const V1: &str = include_str!("../src/schema/v1.sql");

/// A filesystem of 4 MB, gone when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where this process may not mount.
    fn mount() -> Option<SmallDisk> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(folder.path());
        let mounted = mount.output().is_ok_and(|o| o.status.success());
        mounted.then(|| SmallDisk(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file until nothing more fits on the disk.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("filler");
        let mut file = fs::File::create(&path).unwrap();
        while file.write_all(&[1; 512]).is_ok() {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[test]
fn on_a_full_disk_new_attempts_are_refused_open_ones_are_settled_and_nothing_is_lost() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("SKIPPED: this process may not mount a small filesystem (it needs CAP_SYS_ADMIN)");
        return;
    };
    let folder = disk.path().join("data");
    let patience = Duration::from_millis(400);
    let (store, _) = Store::open(StoreOptions { patience, ..options(&folder) }).unwrap();
    for n in 0..10 {
        store.open_attempt(&attempt(n)).unwrap();
    }
    store.flush().unwrap();
    let filler = disk.fill();
    let opened = (10..).take_while(|&n| match store.open_attempt(&attempt(n)) {
        Ok(()) => true,
        Err(StoreError::NoRoom(_)) => false,
        Err(other) => panic!("{other}"),
    });
    let opened = 10 + opened.count() as u64;
    for n in 0..opened {
        store
            .settle(&record(n))
            .unwrap_or_else(|e| panic!("attempt {n} of {opened} was opened and has room: {e}"));
    }
    // Records without an opening take what room is left, and then are refused: the database takes no more either.
    let without_opening = (opened..).take_while(|&n| store.settle(&record(n)).is_ok()).count() as u64;
    let error = store.flush().unwrap_err();
    assert!(matches!(error, StoreError::NoRoom(_)), "{error}");
    assert!(error.is_passing() && error.to_string().contains("make room"), "{error}");
    drop(store);
    let error = Store::open(options(&folder)).err().unwrap();
    assert!(matches!(error, StoreError::NoRoom(_)), "{error}");
    fs::remove_file(filler).unwrap();
    let (_store, recovery) = Store::open(options(&folder)).unwrap();
    assert_eq!(recovery.in_flight, []);
    let reader = Reader::open(&folder).unwrap();
    assert_eq!(reader.health().unwrap().records, opened + without_opening);
    (0..opened + without_opening)
        .for_each(|n| assert!(reader.request(id(n).request).unwrap().iter().any(|r| r.id == id(n))));
    eprintln!("{opened} opened, {without_opening} more settled on a full disk; all are in the log");
}

#[test]
fn a_settlement_too_long_for_its_room_is_booked_without_its_notes() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(options(folder.path())).unwrap();
    let mut long = record(3);
    long.reasons = vec!["because ".repeat(20_000)];
    store.open_attempt(&attempt(3)).unwrap();
    store.settle(&long).unwrap();
    store.flush().unwrap();
    let booked = Reader::open(folder.path()).unwrap().request(long.id.request).unwrap().remove(0);
    assert!(booked.reasons[0].contains("too long"), "{:?}", booked.reasons);
    assert_eq!((booked.contracted_cost, booked.usage), (long.contracted_cost, long.usage));
    let mut wide = attempt(4);
    wide.attribution.team = Some("t".repeat(40_000));
    assert!(matches!(store.open_attempt(&wide), Err(StoreError::TooLarge { .. })));
}

#[test]
fn while_another_process_locks_the_database_records_wait_in_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let patience = Duration::from_millis(1_300);
    let (store, _) = Store::open(StoreOptions { patience, ..options(folder.path()) }).unwrap();
    let other = Connection::open(folder.path().join("bursar.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for n in 0..50 {
        store.open_attempt(&attempt(n)).unwrap();
        store.settle(&record(n)).unwrap();
    }
    let error = store.flush().unwrap_err();
    assert!(matches!(error, StoreError::Locked(_)), "{error}");
    assert!(store.status().trouble.unwrap().contains("locked"));
    let waiting = Reader::open(folder.path()).unwrap().health().unwrap();
    assert_eq!((waiting.records, waiting.journal_lag_bytes), (0, store.status().journal_lag_bytes));
    assert_eq!(waiting.oldest_waiting, Some(attempt(0).started_at));
    other.execute_batch("ROLLBACK").unwrap();
    store.flush().unwrap();
    assert_eq!(Reader::open(folder.path()).unwrap().health().unwrap().records, 50);
    assert_eq!(store.status().trouble, None);
}

#[test]
fn a_journal_that_grows_too_long_refuses_new_attempts_and_settles_the_open_ones() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(StoreOptions { journal_bytes: 20_000, ..options(folder.path()) }).unwrap();
    store.flush().unwrap();
    let other = Connection::open(folder.path().join("bursar.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let opened = (0..).take_while(|&n| store.open_attempt(&attempt(n)).is_ok()).count() as u64;
    assert!(matches!(store.open_attempt(&attempt(opened)), Err(StoreError::Backlog { most: 20_000, .. })));
    (0..opened).for_each(|n| store.settle(&record(n)).unwrap());
    other.execute_batch("ROLLBACK").unwrap();
    store.flush().unwrap();
    store.open_attempt(&attempt(opened)).unwrap();
    assert_eq!(Reader::open(folder.path()).unwrap().health().unwrap().records, opened);
}

#[test]
fn a_database_of_the_first_version_is_brought_up_to_date_with_all_that_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    first_version(folder.path());
    let error = Reader::open(folder.path()).err().unwrap();
    assert!(matches!(error, StoreError::OlderSchema { found: 1, .. }), "{error}");
    let (store, _) = Store::open(options(folder.path())).unwrap();
    let keys = store.keys().list().unwrap();
    assert_eq!((keys[0].prefix.as_str(), keys[0].last_used_at), ("bsk_abcd", None));
    let reader = Reader::open(folder.path()).unwrap();
    assert_eq!((reader.health().unwrap().schema_version, reader.health().unwrap().records), (5, 1));
    store.settle(&record(2)).unwrap();
    store.close().unwrap();
    assert_eq!(reader.health().unwrap().records, 2);
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    Store::open(options(folder.path())).unwrap().0.close().unwrap();
    let path = folder.path().join("bursar.sqlite");
    let db = Connection::open(&path).unwrap();
    db.execute_batch("INSERT INTO schema_version (version) VALUES (99); PRAGMA journal_mode = DELETE;")
        .unwrap();
    drop(db);
    let before = fs::read(&path).unwrap();
    let errors = [
        Store::open(options(folder.path())).err().unwrap(),
        Reader::open(folder.path()).err().unwrap(),
        KeyDirectory::open(folder.path()).err().unwrap(),
    ];
    for error in errors {
        assert!(matches!(error, StoreError::NewerSchema { found: 99, known: 5, .. }), "{error}");
        assert!(error.to_string().contains("newer Bursar"), "{error}");
    }
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn records_that_wait_for_the_disk_share_its_syncs_and_are_all_there() {
    let folder = tempfile::tempdir().unwrap();
    let durable = || StoreOptions { durability: Durability::Disk, ..options(folder.path()) };
    let (store, _) = Store::open(durable()).unwrap();
    std::thread::scope(|s| {
        for start in 0..8 {
            let store = &store;
            s.spawn(move || {
                for n in (start..400).step_by(8) {
                    store.open_attempt(&attempt(n)).unwrap();
                    store.settle(&record(n)).unwrap();
                }
            });
        }
    });
    store.close().unwrap();
    let (_store, recovery) = Store::open(durable()).unwrap();
    assert_eq!((recovery.in_flight.len(), recovery.replayed), (0, 0));
    assert_eq!(Reader::open(folder.path()).unwrap().health().unwrap().records, 400);
}

#[test]
fn keys_can_be_made_before_the_first_start_and_beside_a_running_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new");
    let beside = KeyDirectory::open(&path).unwrap();
    assert!(beside.is_empty() && beside.list().unwrap().is_empty() && !path.exists());
    let (_, first) = beside.create(KeySpec::default(), noon()).unwrap();
    let (store, _) = Store::open(options(&path)).unwrap();
    assert!(store.keys().find(first.reveal()).is_some());
    let (_, second) = beside.create(KeySpec::default(), noon()).unwrap();
    let seen = |_: &u32| {
        std::thread::sleep(Duration::from_millis(20));
        store.keys().find(second.reveal()).is_some()
    };
    assert!((0..250).any(|i| seen(&i)), "a key made by another process is not seen within 5 s");
}

/// A data folder as the first version left it, with one record and one key.
fn first_version(folder: &Path) {
    let db = Connection::open(folder.join("bursar.sqlite")).unwrap();
    db.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE schema_version (version INTEGER NOT NULL PRIMARY KEY, applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP) STRICT; INSERT INTO schema_version (version) VALUES (1);").unwrap();
    db.execute_batch(V1).unwrap();
    db.execute_batch(
        "INSERT INTO usage_log (request, attempt, started_at, ended_at, provider, surface, tier, ended, quantities, price_version)
         VALUES (zeroblob(16), 0, 1, 2, 'openai', 'openai.embeddings', 'standard', 'complete', '{\"input\":[5,\"reported\"]}', 'v');
         INSERT INTO virtual_key (id, hash, prefix, may_set, created_at) VALUES ('key_1', zeroblob(32), 'bsk_abcd', 'task,tags', 7);",
    )
    .unwrap();
}
