//! The end of the journal that the request path writes to.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bursar_core::{MeteredUsage, RecordId, UsageRecord};

use super::segment::{self, Blank, Segment};
use super::{Position, frame};
use crate::attempt::OpenAttempt;
use crate::codec;
use crate::error::StoreError;
use crate::options::{Durability, StoreOptions};
use crate::shorten;

/// Room that an opening sets aside for its settlement, on top of its own size: what a response adds.
const SETTLEMENT_EXTRA: usize = 4 * 1024;
/// The largest opening in bytes. Its settlement repeats its labels and must fit as well.
const LARGEST_OPEN: usize = frame::LARGEST / 2;
/// The smallest segment. The end of a segment that no frame fits into is lost, and must not be most of it.
const SMALLEST_SEGMENT: u64 = 4 * frame::LARGEST as u64;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(2048));
}

/// The journal. Appending takes one lock for as long as one write(2) takes.
pub(crate) struct Journal {
    folder: PathBuf,
    segment_bytes: u64,
    journal_bytes: u64,
    durability: Durability,
    state: Mutex<State>,
    /// Told when there is something for the writer to read.
    news: Condvar,
    /// How far the journal is on the disk; only under [`Durability::Disk`].
    synced: Mutex<Position>,
}

struct State {
    current: Segment,
    /// Segments after the current one, their room already taken.
    spares: VecDeque<Segment>,
    next_number: u64,
    /// Segments that were left and are not on the disk yet; only under [`Durability::Disk`].
    left: Vec<Arc<File>>,
    /// Attempts without a settlement, and the room set aside for it.
    open: HashMap<RecordId, u64>,
    set_aside: u64,
    /// Bytes appended, and bytes that the writer has taken into the database.
    appended: u64,
    drained: u64,
    /// Whether the writer waits to be told.
    writer_waits: bool,
    /// Whether the writer is to take what there is at once.
    hurry: bool,
    closed: bool,
}

/// What the writer finds when it looks.
pub(crate) struct Look {
    pub(crate) end: Position,
    pub(crate) hurry: bool,
    pub(crate) closed: bool,
}

impl Journal {
    /// A journal that begins with a new segment `number`.
    pub(crate) fn start(folder: &Path, number: u64, options: &StoreOptions) -> Result<Journal, StoreError> {
        let segment_bytes = options.segment_bytes.max(SMALLEST_SEGMENT);
        segment::delete_blanks(folder)?;
        let sync = options.durability == Durability::Disk;
        let current = Segment::create(folder, number, segment_bytes, sync)?;
        let synced = Position { segment: number, offset: current.offset };
        let state = State {
            current,
            spares: VecDeque::new(),
            next_number: number + 1,
            left: Vec::new(),
            open: HashMap::new(),
            set_aside: 0,
            appended: 0,
            drained: 0,
            writer_waits: false,
            hurry: false,
            closed: false,
        };
        Ok(Journal {
            folder: folder.to_owned(),
            segment_bytes,
            journal_bytes: options.journal_bytes,
            durability: options.durability,
            state: Mutex::new(state),
            news: Condvar::new(),
            synced: Mutex::new(synced),
        })
    }

    /// Appends an opening, and sets room aside for its settlement. Fails before anything is written where there
    /// is no such room.
    pub(crate) fn open_attempt(&self, attempt: &OpenAttempt) -> Result<(), StoreError> {
        with_frame(
            codec::OPEN,
            |b| codec::write_open(attempt, b),
            |buffer, check| {
                if buffer.len() > LARGEST_OPEN {
                    return Err(StoreError::TooLarge { bytes: buffer.len(), most: LARGEST_OPEN });
                }
                let mut state = self.state();
                if state.open.contains_key(&attempt.id) {
                    return Ok(None);
                }
                let waiting = state.appended.saturating_sub(state.drained);
                if waiting > self.journal_bytes {
                    return Err(StoreError::Backlog { waiting, most: self.journal_bytes });
                }
                let aside = (buffer.len() + SETTLEMENT_EXTRA) as u64;
                self.find_room(&mut state, buffer.len() as u64 + aside)?;
                let end = self.write(&mut state, buffer, check)?;
                state.open.insert(attempt.id, aside);
                state.set_aside += aside;
                Ok(Some(end))
            },
        )
        .and_then(|end| self.make_durable(end))
    }

    /// Appends what was seen of a response so far. Left out, without an error, where only room that is set aside
    /// for settlements is left, and for attempts that are not open.
    pub(crate) fn progress(&self, id: RecordId, usage: &MeteredUsage) -> Result<(), StoreError> {
        with_frame(
            codec::PROGRESS,
            |b| codec::write_progress(id, usage, b),
            |buffer, check| {
                let mut state = self.state();
                let fits = buffer.len() <= LARGEST_OPEN && state.open.contains_key(&id);
                if !fits || self.find_room(&mut state, buffer.len() as u64).is_err() {
                    return Ok(());
                }
                self.write(&mut state, buffer, check).map(|_| ())
            },
        )
    }

    /// Appends a settlement, into the room that its opening set aside.
    pub(crate) fn settle(&self, record: &UsageRecord) -> Result<(), StoreError> {
        let whole = with_frame(
            codec::SETTLE,
            |b| codec::write_settle(record, b),
            |buffer, check| self.write_settlement(record.id, buffer, check),
        );
        match whole {
            Err(StoreError::TooLarge { .. } | StoreError::NoRoom(_)) => self.settle_shortened(record),
            other => other,
        }
        .and_then(|end| self.make_durable(Some(end)))
    }

    /// The same with long notes left out, for a record that does not fit otherwise. What it costs and whom it is
    /// for stays whole.
    fn settle_shortened(&self, record: &UsageRecord) -> Result<Position, StoreError> {
        let short = shorten::shortened(record);
        with_frame(
            codec::SETTLE,
            |b| codec::write_settle(&short, b),
            |buffer, check| self.write_settlement(record.id, buffer, check),
        )
    }

    fn write_settlement(&self, id: RecordId, buffer: &mut [u8], check: u32) -> Result<Position, StoreError> {
        if buffer.len() > frame::LARGEST {
            return Err(StoreError::TooLarge { bytes: buffer.len(), most: frame::LARGEST });
        }
        let mut state = self.state();
        let aside = state.open.get(&id).copied().unwrap_or(0);
        let length = buffer.len() as u64;
        if length > aside {
            self.find_room(&mut state, length - aside)?;
        }
        let end = self.write(&mut state, buffer, check)?;
        state.open.remove(&id);
        state.set_aside -= aside;
        Ok(end)
    }

    /// Counts attempts found open at the start as open, with the largest room that their settlement may take.
    pub(crate) fn adopt(&self, attempt: &OpenAttempt) -> Result<(), StoreError> {
        let mut opened = Vec::new();
        codec::write_open(attempt, &mut opened);
        let aside = (opened.len() + frame::HEAD + 1 + SETTLEMENT_EXTRA) as u64;
        let mut state = self.state();
        self.find_room(&mut state, aside)?;
        state.open.insert(attempt.id, aside);
        state.set_aside += aside;
        Ok(())
    }

    /// Makes sure that `bytes` more fit beside everything that is set aside.
    fn find_room(&self, state: &mut State, bytes: u64) -> Result<(), StoreError> {
        if state.closed {
            return Err(StoreError::Closed);
        }
        while state.room() < state.set_aside + bytes {
            self.add_spare(state)?;
        }
        Ok(())
    }

    fn add_spare(&self, state: &mut State) -> Result<(), StoreError> {
        let sync = self.durability == Durability::Disk;
        let spare = Segment::create(&self.folder, state.next_number, self.segment_bytes, sync)?;
        state.next_number += 1;
        state.spares.push_back(spare);
        Ok(())
    }

    fn write(&self, state: &mut State, buffer: &mut [u8], check: u32) -> Result<Position, StoreError> {
        if state.closed {
            return Err(StoreError::Closed);
        }
        let length = buffer.len() as u64;
        if state.current.room() < length {
            if state.spares.is_empty() {
                self.add_spare(state)?;
            }
            state.next_segment(self.durability);
        }
        let segment = &mut state.current;
        frame::place(buffer, check, Position { segment: segment.number, offset: segment.offset });
        segment
            .file
            .write_all_at(buffer, segment.offset)
            .map_err(|e| StoreError::of_file(&segment::path_of(&self.folder, segment.number), e))?;
        segment.offset += length;
        let end = Position { segment: segment.number, offset: segment.offset };
        state.appended += length;
        if std::mem::take(&mut state.writer_waits) {
            self.news.notify_all();
        }
        Ok(end)
    }

    /// Under [`Durability::Disk`], returns when everything up to `end` is on the disk. Whoever comes first syncs
    /// for all who wait.
    fn make_durable(&self, end: Option<Position>) -> Result<(), StoreError> {
        let Some(end) = end.filter(|_| self.durability == Durability::Disk) else { return Ok(()) };
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if *synced >= end {
            return Ok(());
        }
        let (left, file, reached) = {
            let mut state = self.state();
            let reached = Position { segment: state.current.number, offset: state.current.offset };
            (std::mem::take(&mut state.left), Arc::clone(&state.current.file), reached)
        };
        let done = left.iter().chain([&file]).try_for_each(|f| f.sync_data());
        if let Err(e) = done {
            self.state().left.extend(left);
            return Err(StoreError::of_file(&self.folder, e));
        }
        *synced = reached;
        Ok(())
    }

    /// For the writer: where the journal ends. Waits for news for a while where `read` is the end already.
    pub(crate) fn look(&self, read: Position, patience: Duration) -> Look {
        let mut state = self.state();
        if state.end() <= read && !state.closed && !state.hurry {
            state.writer_waits = true;
            state = self.news.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner).0;
            state.writer_waits = false;
        }
        Look { end: state.end(), hurry: std::mem::take(&mut state.hurry), closed: state.closed }
    }

    /// For the writer: waits for further records to come, unless someone is in a hurry.
    pub(crate) fn gather(&self, window: Duration) {
        let state = self.state();
        let busy = |s: &mut State| !s.hurry && !s.closed;
        drop(self.news.wait_timeout_while(state, window, busy));
    }

    /// For the writer: so many bytes more are in the database. Takes room for the next segment beforehand.
    pub(crate) fn drained(&self, bytes: u64) {
        let wants_spare =
            |s: &State| s.spares.is_empty() && s.current.room() < s.current.size / 2 && !s.closed;
        {
            let mut state = self.state();
            state.drained += bytes;
            if !wants_spare(&state) {
                return;
            }
        }
        // Without it the request path takes the room itself, and says so where there is none.
        let Ok(blank) = Blank::create(&self.folder, "spare.new", self.segment_bytes) else { return };
        let mut state = self.state();
        if wants_spare(&state) {
            let sync = self.durability == Durability::Disk;
            if let Ok(spare) = blank.into_segment(&self.folder, state.next_number, sync) {
                state.next_number += 1;
                state.spares.push_back(spare);
            }
        }
    }

    /// Asks the writer to take what there is at once, and says where the journal ends.
    pub(crate) fn hurry(&self) -> Position {
        let mut state = self.state();
        state.hurry = true;
        self.news.notify_all();
        state.end()
    }

    /// Where the journal ends, and the attempts that have no settlement before that.
    pub(crate) fn end_and_open(&self) -> (Position, HashSet<RecordId>) {
        let state = self.state();
        (state.end(), state.open.keys().copied().collect())
    }

    /// Refuses everything from now on.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        self.news.notify_all();
    }

    /// Attempts that are open, and bytes that wait for the database.
    pub(crate) fn counts(&self) -> (usize, u64) {
        let state = self.state();
        (state.open.len(), state.appended.saturating_sub(state.drained))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Room for frames of any size, in all segments whose room is taken. The end of a segment that a frame may
    /// not fit into does not count.
    fn room(&self) -> u64 {
        let usable = |s: &Segment| s.room().saturating_sub(frame::LARGEST as u64);
        self.spares.iter().map(usable).sum::<u64>() + usable(&self.current)
    }

    fn next_segment(&mut self, durability: Durability) {
        if let Some(next) = self.spares.pop_front() {
            let left = std::mem::replace(&mut self.current, next);
            if durability == Durability::Disk {
                self.left.push(left.file);
            }
        }
    }

    fn end(&self) -> Position {
        Position { segment: self.current.number, offset: self.current.offset }
    }
}

/// Encodes a frame into the thread's buffer and hands it on.
fn with_frame<T>(
    kind: u8,
    encode: impl FnOnce(&mut Vec<u8>),
    use_it: impl FnOnce(&mut [u8], u32) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    BUFFER.with_borrow_mut(|buffer| {
        frame::begin(kind, buffer);
        encode(buffer);
        let check = frame::close(buffer);
        let result = use_it(buffer, check);
        if buffer.capacity() > frame::LARGEST {
            *buffer = Vec::with_capacity(2048);
        }
        result
    })
}
