//! Taking the journal into the database: a piece of it per transaction, together with how far it has been read.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bursar_core::rollup::CellKey;
use bursar_core::{MeteredUsage, RecordId};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::attempt::OpenAttempt;
use crate::codec::{self, Entry};
use crate::cubes::{self, Cells};
use crate::database;
use crate::error::StoreError;
use crate::in_flight;
use crate::journal::scan::{PieceEnd, Scan};
use crate::journal::{Position, segment};
use crate::usage_log;

/// Where the journal meets the database.
pub(crate) struct Drain {
    pub(crate) db: Connection,
    path: PathBuf,
    scan: Scan,
    journal: PathBuf,
}

/// One piece that was taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) bytes: u64,
    pub(crate) entries: u64,
    pub(crate) ended: PieceEnd,
}

impl Drain {
    /// Goes on from where the database says that it has read to.
    pub(crate) fn resume(db: Connection, folder: &Path, journal: &Path) -> Result<Drain, StoreError> {
        let path = database::path_of(folder);
        let at = read_position(&db).map_err(|e| StoreError::of_database(&path, e))?;
        Ok(Drain { db, path, scan: Scan::new(journal, at), journal: journal.to_owned() })
    }

    pub(crate) fn position(&self) -> Position {
        self.scan.position()
    }

    /// Takes the next piece in one transaction. After an error nothing of it was taken, and it may be tried
    /// again.
    pub(crate) fn take_piece(&mut self, end: Position) -> Result<Taken, StoreError> {
        let began = self.scan.position();
        self.try_piece(end).map_err(|e| {
            self.scan.go_to(began);
            match e {
                StoreError::Database(e) => StoreError::of_database(&self.path, e),
                other => other,
            }
        })
    }

    fn try_piece(&mut self, end: Position) -> Result<Taken, StoreError> {
        let began = self.scan.position();
        let tx = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(StoreError::Database)?;
        let mut batch = Batch { tx: &tx, opened: HashMap::new(), cells: Cells::new(), entries: 0 };
        let ended = self.scan.piece(end, |at, kind, bytes| batch.take(at, kind, bytes))?;
        let entries = batch.finish()?;
        let at = self.scan.position();
        if at != began {
            write_position(&tx, at).map_err(StoreError::Database)?;
            tx.commit().map_err(StoreError::Database)?;
        }
        Ok(Taken { bytes: at.offset.saturating_sub(began.offset.max(segment::HEAD)), entries, ended })
    }

    /// Goes on behind a damage with the next whole frame of the segment; `false` where there is none.
    pub(crate) fn skip_damage(&mut self) -> Result<bool, StoreError> {
        self.scan.find_next_frame()
    }

    /// Keeps a copy of the segment that is being read.
    pub(crate) fn keep_damaged(&self) -> Result<PathBuf, StoreError> {
        segment::keep_damaged(&self.journal, self.position().segment)
    }

    /// Goes on with another segment, and deletes those before it: everything in them is in the database.
    pub(crate) fn move_to(&mut self, number: u64) -> Result<(), StoreError> {
        let at = Position { segment: number, offset: segment::HEAD };
        write_position(&self.db, at).map_err(|e| StoreError::of_database(&self.path, e))?;
        self.scan.go_to(at);
        // Before the journal is deleted, what was taken from it is on the disk.
        self.db
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
            .map_err(|e| StoreError::of_database(&self.path, e))?;
        segment::delete_before(&self.journal, number)
    }
}

/// What one transaction takes.
struct Batch<'a> {
    tx: &'a Transaction<'a>,
    /// Attempts opened in this batch and not settled in it; most are, and never reach the table.
    opened: HashMap<RecordId, (Box<OpenAttempt>, Option<Box<MeteredUsage>>)>,
    cells: Cells,
    entries: u64,
}

impl Batch<'_> {
    fn take(&mut self, at: Position, kind: u8, bytes: &[u8]) -> Result<(), StoreError> {
        self.entries += 1;
        match codec::read_entry(kind, bytes) {
            Ok(Entry::Open(attempt)) => {
                self.opened.entry(attempt.id).or_insert((attempt, None));
                Ok(())
            }
            Ok(Entry::Progress(id, usage)) => match self.opened.get_mut(&id) {
                Some((_, progress)) => {
                    *progress = Some(usage);
                    Ok(())
                }
                None => in_flight::set_progress(self.tx, id, &usage).map_err(StoreError::Database),
            },
            Ok(Entry::Settle(record)) => {
                if usage_log::insert(self.tx, &record).map_err(StoreError::Database)? {
                    self.cells.entry(CellKey::of(&record)).or_default().add_record(&record);
                }
                if self.opened.remove(&record.id).is_none() {
                    in_flight::remove(self.tx, record.id).map_err(StoreError::Database)?;
                }
                Ok(())
            }
            Err(why) => {
                tracing::error!(segment = at.segment, offset = at.offset, kind, %why, "a journal entry is not understood; it is set aside in the database");
                set_aside(self.tx, at, kind, bytes, &why.0).map_err(StoreError::Database)
            }
        }
    }

    fn finish(self) -> Result<u64, StoreError> {
        for (attempt, progress) in self.opened.values() {
            in_flight::insert(self.tx, attempt, progress.as_deref()).map_err(StoreError::Database)?;
        }
        cubes::add(self.tx, &self.cells)?;
        Ok(self.entries)
    }
}

fn set_aside(db: &Connection, at: Position, kind: u8, bytes: &[u8], why: &str) -> rusqlite::Result<()> {
    db.execute(
        "INSERT OR IGNORE INTO set_aside (segment, offset, kind, entry, why) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![signed(at.segment), signed(at.offset), kind, bytes, why],
    )?;
    Ok(())
}

/// How far the journal has been taken into the database.
pub(crate) fn read_position(db: &Connection) -> rusqlite::Result<Position> {
    db.query_row("SELECT segment, offset FROM journal_position", [], |r| {
        let number = |i| r.get::<_, i64>(i).map(|n| u64::try_from(n).unwrap_or(0));
        Ok(Position { segment: number(0)?, offset: number(1)? })
    })
}

fn write_position(db: &Connection, at: Position) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE journal_position SET segment = ?1, offset = ?2")?
        .execute([signed(at.segment), signed(at.offset)])?;
    Ok(())
}

/// Segment numbers and offsets stay far below the end of the range.
fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
