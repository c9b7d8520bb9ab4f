//! The writer: one thread that takes the journal into the database.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::cubes;
use crate::drain::{Drain, Taken};
use crate::error::StoreError;
use crate::journal::scan::PieceEnd;
use crate::journal::{Journal, Position};
use crate::keys::KeyDirectory;

/// How long it waits for news before it looks whether another process changed the registry.
const TICK: Duration = Duration::from_secs(1);
/// The first and the longest wait after a failure.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// What the writer tells those who wait for it.
#[derive(Default)]
pub(crate) struct Progress {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    taken: Position,
    trouble: Option<StoreError>,
    rebuild: Option<Rebuild>,
    ended: bool,
}

enum Rebuild {
    Wanted,
    Done(Result<(), StoreError>),
}

/// Everything the thread needs.
pub(crate) struct Writer {
    pub(crate) drain: Drain,
    pub(crate) journal: Arc<Journal>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) keys: KeyDirectory,
    pub(crate) window: Duration,
}

impl Writer {
    /// Runs until the journal is closed and everything in it is taken, or cannot be.
    pub(crate) fn run(mut self) {
        let mut backoff = BACKOFF.0;
        let mut data_version = 0;
        let mut looked_at_keys = Instant::now();
        loop {
            let look = self.journal.look(self.drain.position(), TICK);
            self.do_rebuild();
            if looked_at_keys.elapsed() >= TICK {
                looked_at_keys = Instant::now();
                self.refresh_keys(&mut data_version);
            }
            if !look.hurry && !look.closed && self.drain.position() < look.end {
                self.journal.gather(self.window);
            }
            match self.catch_up() {
                Ok(()) => backoff = BACKOFF.0,
                Err(error) => {
                    self.note_trouble(error);
                    if look.closed {
                        break;
                    }
                    self.journal.gather(backoff);
                    backoff = (backoff * 2).min(BACKOFF.1);
                    continue;
                }
            }
            if look.closed && self.drain.position() >= look.end {
                break;
            }
        }
    }

    /// Takes what waits, up to where the journal ends now, for a tick at most: other duties wait meanwhile.
    fn catch_up(&mut self) -> Result<(), StoreError> {
        let end = self.journal.look(Position::default(), Duration::ZERO).end;
        let began = Instant::now();
        while self.drain.position() < end && began.elapsed() < TICK {
            let taken = self.drain.take_piece(end)?;
            self.journal.drained(taken.bytes);
            self.go_on(taken, end)?;
            self.progress.took(self.drain.position());
        }
        Ok(())
    }

    fn go_on(&mut self, taken: Taken, end: Position) -> Result<(), StoreError> {
        let at = self.drain.position();
        match taken.ended {
            PieceEnd::More => Ok(()),
            PieceEnd::Segment if at.segment < end.segment => self.drain.move_to(at.segment + 1),
            PieceEnd::Segment if at >= end => Ok(()),
            PieceEnd::Segment | PieceEnd::Torn(_) => Err(StoreError::Unreadable {
                what: "the journal",
                why: format!("segment {} has no whole entry at {}", at.segment, at.offset),
            }),
        }
    }

    fn note_trouble(&self, error: StoreError) {
        let (open, waiting) = self.journal.counts();
        tracing::error!(%error, waiting_bytes = waiting, in_flight = open, "the database does not take the journal; trying again");
        self.progress.trouble(error);
    }

    fn refresh_keys(&self, data_version: &mut i64) {
        let found = self.drain.db.query_row("PRAGMA data_version", [], |r| r.get::<_, i64>(0));
        if let Err(error) = self.keys.write_last_used(&self.drain.db) {
            tracing::debug!(%error, "when keys were last used could not be written now");
        }
        match found {
            Ok(version) if version == *data_version => {}
            Ok(version) => match self.keys.reload_from(&self.drain.db) {
                Ok(()) => *data_version = version,
                Err(error) => tracing::warn!(%error, "the registry of keys could not be read again"),
            },
            Err(error) => tracing::warn!(%error, "the registry of keys could not be read again"),
        }
    }

    fn do_rebuild(&mut self) {
        if self.progress.rebuild_is_wanted() {
            let result = self.rebuild();
            self.progress.rebuilt(result);
        }
    }

    fn rebuild(&mut self) -> Result<(), StoreError> {
        self.catch_up()?;
        let tx = self.drain.db.transaction().map_err(StoreError::Database)?;
        cubes::rebuild(&tx)?;
        tx.commit().map_err(StoreError::Database)
    }
}

impl Drop for Writer {
    /// Whoever waits for the writer learns that it has ended, in whichever way.
    fn drop(&mut self) {
        self.progress.end();
    }
}

impl Progress {
    /// Nothing waits before `position`.
    pub(crate) fn starting_at(position: Position) -> Progress {
        let progress = Progress::default();
        progress.took(position);
        progress
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn took(&self, position: Position) {
        let mut state = self.state();
        state.taken = position;
        state.trouble = None;
        self.changed.notify_all();
    }

    fn trouble(&self, error: StoreError) {
        self.state().trouble = Some(error);
    }

    fn end(&self) {
        self.state().ended = true;
        self.changed.notify_all();
    }

    fn rebuild_is_wanted(&self) -> bool {
        matches!(self.state().rebuild, Some(Rebuild::Wanted))
    }

    fn rebuilt(&self, result: Result<(), StoreError>) {
        self.state().rebuild = Some(Rebuild::Done(result));
        self.changed.notify_all();
    }

    /// Why the database does not take the journal, where it does not.
    pub(crate) fn why_not(&self) -> Option<String> {
        self.state().trouble.as_ref().map(ToString::to_string)
    }

    /// The same as an error to hand on.
    pub(crate) fn last_error(&self) -> Option<StoreError> {
        self.state().trouble.as_ref().map(StoreError::again)
    }

    /// Waits until everything before `end` is in the database; `false` where it is not within `patience`.
    pub(crate) fn wait_for(&self, end: Position, patience: Duration) -> bool {
        let waiting = |s: &mut State| s.taken < end && !s.ended;
        let state = self.changed.wait_timeout_while(self.state(), patience, waiting);
        state.unwrap_or_else(PoisonError::into_inner).0.taken >= end
    }

    /// Asks for the cubes to be folded again, and waits for it.
    pub(crate) fn rebuild(&self, wake: impl FnOnce()) -> Result<(), StoreError> {
        let mut state = self.state();
        state.rebuild = Some(Rebuild::Wanted);
        drop(state);
        wake();
        let waiting = |s: &mut State| matches!(s.rebuild, Some(Rebuild::Wanted)) && !s.ended;
        let mut state =
            self.changed.wait_while(self.state(), waiting).unwrap_or_else(PoisonError::into_inner);
        match state.rebuild.take() {
            Some(Rebuild::Done(result)) => result,
            _ => Err(StoreError::Closed),
        }
    }
}
