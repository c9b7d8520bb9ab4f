//! The writer: one thread that takes the journal into the database.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::budgets::Follower;
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

/// So many bytes of the journal are taken in a few milliseconds.
const CLOSE: u64 = 64 * 1024;
/// How often it is tried to come that close.
const CLOSE_TRIES: u32 = 8;

/// What the writer is asked to do beside taking the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    /// To fold the cubes again.
    Rebuild,
    /// To look at the registry of budgets, and have the ledger follow it.
    Follow,
    /// To keep the sums of the budgets.
    Keep,
}

/// How often a duty was asked for, how many of the askers are served, and how that ended.
#[derive(Default)]
struct Asked {
    wanted: u64,
    served: u64,
    trouble: Option<StoreError>,
}

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
    duties: [Asked; 3],
    ended: bool,
}

/// What takes the journal into the database.
pub(crate) struct Intake {
    pub(crate) drain: Drain,
    pub(crate) journal: Arc<Journal>,
    pub(crate) progress: Arc<Progress>,
}

/// Everything the thread needs.
pub(crate) struct Writer {
    pub(crate) intake: Intake,
    pub(crate) keys: KeyDirectory,
    pub(crate) budgets: Follower,
    pub(crate) window: Duration,
}

impl Writer {
    /// Runs until the journal is closed and everything in it is taken, or cannot be.
    pub(crate) fn run(mut self) {
        let mut backoff = BACKOFF.0;
        let mut data_version = 0;
        let mut looked_at_registry = Instant::now();
        loop {
            let patience = if self.budgets.is_busy() { Duration::ZERO } else { TICK };
            let look = self.intake.journal.look(self.intake.drain.position(), patience);
            self.do_rebuild();
            if looked_at_registry.elapsed() >= TICK {
                looked_at_registry = Instant::now();
                self.refresh_registry(&mut data_version);
            }
            if !look.hurry && !look.closed && self.intake.drain.position() < look.end {
                self.intake.journal.gather(self.window);
            }
            match self.intake.catch_up().and_then(|()| self.look_after_budgets()) {
                Ok(()) => backoff = BACKOFF.0,
                Err(error) => {
                    self.note_trouble(error);
                    if look.closed {
                        break;
                    }
                    self.intake.journal.gather(backoff);
                    backoff = (backoff * 2).min(BACKOFF.1);
                    continue;
                }
            }
            if look.closed && self.intake.drain.position() >= look.end {
                self.keep_sums_at_the_end();
                break;
            }
        }
    }

    fn note_trouble(&self, error: StoreError) {
        let (open, waiting) = self.intake.journal.counts();
        tracing::error!(%error, waiting_bytes = waiting, in_flight = open, "the database does not take the journal; trying again");
        self.intake.progress.trouble(error);
    }

    fn refresh_registry(&mut self, data_version: &mut i64) {
        let db = &self.intake.drain.db;
        let found = db.query_row("PRAGMA data_version", [], |r| r.get::<_, i64>(0));
        if let Err(error) = self.keys.write_last_used(db) {
            tracing::debug!(%error, "when keys were last used could not be written now");
        }
        let read_again = |version| {
            if version != *data_version {
                self.keys.reload_from(db)?;
                self.intake.progress.want(Duty::Follow);
            }
            Ok(version)
        };
        match found.map_err(StoreError::Database).and_then(read_again) {
            Ok(version) => *data_version = version,
            Err(error) => tracing::warn!(%error, "the registry could not be read again"),
        }
    }

    /// Has the ledger follow the registry, a batch of rows at a time, and keeps its sums now and then.
    fn look_after_budgets(&mut self) -> Result<(), StoreError> {
        let Writer { intake, budgets, .. } = self;
        if let Some(ticket) = intake.progress.wanted(Duty::Follow) {
            if !budgets.is_busy() {
                budgets.look(intake.db())?;
                budgets.ticket = ticket;
            }
            if budgets.is_busy() {
                budgets.step(intake)?;
            }
            if !budgets.is_busy() {
                intake.progress.serve(Duty::Follow, budgets.ticket, Ok(()));
            }
        }
        let ticket = intake.progress.wanted(Duty::Keep);
        if (ticket.is_some() || budgets.is_due()) && budgets.keep(intake)? {
            ticket.into_iter().for_each(|t| intake.progress.serve(Duty::Keep, t, Ok(())));
        }
        Ok(())
    }

    fn keep_sums_at_the_end(&mut self) {
        match self.budgets.keep(&mut self.intake) {
            Ok(true) => {}
            Ok(false) => {
                tracing::debug!("the sums of the budgets are not kept: a call is just being settled");
            }
            Err(error) => {
                tracing::warn!(%error, "the sums of the budgets are not kept; a start adds them up");
            }
        }
    }

    fn do_rebuild(&mut self) {
        if let Some(ticket) = self.intake.progress.wanted(Duty::Rebuild) {
            let result = self.intake.rebuild();
            self.intake.progress.serve(Duty::Rebuild, ticket, result);
        }
    }
}

impl Intake {
    /// The database that the journal is taken into.
    pub(crate) fn db(&self) -> &Connection {
        &self.drain.db
    }

    /// Takes what waits, up to where the journal ends now, for a tick at most, or until somebody asks for something
    /// else: other duties wait meanwhile.
    fn catch_up(&mut self) -> Result<(), StoreError> {
        let end = self.journal.look(Position::default(), Duration::ZERO).end;
        self.take(end, Instant::now() + TICK)
    }

    /// Takes what waits until little is left, so that what is left can be taken while others wait; `false` where
    /// records come as fast as they are taken.
    pub(crate) fn come_close(&mut self) -> Result<bool, StoreError> {
        for _ in 0..CLOSE_TRIES {
            if self.journal.counts().1 <= CLOSE {
                return Ok(true);
            }
            let end = self.journal.look(Position::default(), Duration::ZERO).end;
            let until = Instant::now() + TICK;
            while self.drain.position() < end && Instant::now() < until {
                self.take_one(end)?;
            }
        }
        Ok(false)
    }

    /// Takes everything before a place.
    pub(crate) fn take_until(&mut self, end: Position) -> Result<(), StoreError> {
        while self.drain.position() < end {
            self.take_one(end)?;
        }
        Ok(())
    }

    fn take(&mut self, end: Position, until: Instant) -> Result<(), StoreError> {
        while self.drain.position() < end && Instant::now() < until {
            self.take_one(end)?;
            if self.progress.is_asked() {
                break;
            }
        }
        Ok(())
    }

    fn take_one(&mut self, end: Position) -> Result<(), StoreError> {
        let taken = self.drain.take_piece(end)?;
        self.journal.drained(taken.bytes);
        self.go_on(taken, end)?;
        self.progress.took(self.drain.position());
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
        self.intake.progress.end();
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

    /// The number of the last who asked for a duty and is not served yet.
    fn wanted(&self, duty: Duty) -> Option<u64> {
        let asked = &self.state().duties[duty as usize];
        (asked.wanted > asked.served).then_some(asked.wanted)
    }

    /// Whether somebody waits for a duty.
    fn is_asked(&self) -> bool {
        self.state().duties.iter().any(|asked| asked.wanted > asked.served)
    }

    /// Asks for a duty without waiting for it.
    fn want(&self, duty: Duty) {
        self.state().duties[duty as usize].wanted += 1;
    }

    /// Tells everybody up to a number that their duty is done, or failed.
    fn serve(&self, duty: Duty, ticket: u64, result: Result<(), StoreError>) {
        let asked = &mut self.state().duties[duty as usize];
        asked.served = ticket;
        asked.trouble = result.err();
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

    /// Asks for a duty, and waits until it is done: for as long as it takes, or as long as `patience`.
    pub(crate) fn ask(
        &self,
        duty: Duty,
        patience: Option<Duration>,
        wake: impl FnOnce(),
    ) -> Result<(), StoreError> {
        let ticket = {
            let mut state = self.state();
            let asked = &mut state.duties[duty as usize];
            asked.wanted += 1;
            asked.wanted
        };
        wake();
        let waiting = |s: &mut State| s.duties[duty as usize].served < ticket && !s.ended;
        let patience = patience.unwrap_or(Duration::MAX);
        let waited = self.changed.wait_timeout_while(self.state(), patience, waiting);
        let state = waited.unwrap_or_else(PoisonError::into_inner).0;
        let asked = &state.duties[duty as usize];
        match &asked.trouble {
            Some(trouble) if asked.served >= ticket => Err(trouble.again()),
            None if asked.served >= ticket => Ok(()),
            _ if state.ended => Err(StoreError::Closed),
            _ => Err(state.trouble.as_ref().map_or(StoreError::Busy { patience }, StoreError::again)),
        }
    }
}
