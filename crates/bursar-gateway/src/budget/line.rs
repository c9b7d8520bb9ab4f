//! Calls that wait for money that is held for others: first come, first served, account by account.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bursar_core::ledger::Shortage;
use tokio::sync::oneshot;

use super::ask::{Ask, Verdict};

/// The calls that wait.
#[derive(Default)]
pub(super) struct Line {
    waiters: Mutex<VecDeque<Waiter>>,
    /// How many wait or are about to: raised before the last look at the ledger, so that whoever frees money after
    /// that look sees it.
    count: AtomicUsize,
    next: AtomicUsize,
}

/// A call that waits.
pub(super) struct Waiter {
    pub(super) ticket: usize,
    pub(super) ask: Ask,
    /// The accounts without room for it.
    pub(super) accounts: Vec<u32>,
    pub(super) tell: oneshot::Sender<Verdict>,
}

impl Line {
    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.count.load(Ordering::SeqCst) == 0
    }

    /// Says that a call may be about to wait, until the guard is dropped or the call is pushed.
    pub(super) fn arriving(&self) -> Arriving<'_> {
        self.count.fetch_add(1, Ordering::SeqCst);
        Arriving(self)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, VecDeque<Waiter>> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a call at the end.
    pub(super) fn push(
        &self,
        waiters: &mut VecDeque<Waiter>,
        ask: Ask,
        accounts: Vec<u32>,
    ) -> (usize, oneshot::Receiver<Verdict>) {
        let (tell, told) = oneshot::channel();
        let ticket = self.next.fetch_add(1, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::SeqCst);
        waiters.push_back(Waiter { ticket, ask, accounts, tell });
        (ticket, told)
    }

    /// Takes a call out; `None` where it was answered already.
    pub(super) fn take(&self, waiters: &mut VecDeque<Waiter>, ticket: usize) -> Option<Waiter> {
        let at = waiters.iter().position(|w| w.ticket == ticket)?;
        self.count.fetch_sub(1, Ordering::SeqCst);
        waiters.remove(at)
    }

    /// Asks for every call whose accounts nobody before it waits for. What comes of it is told when no lock is held.
    pub(super) fn ask_all(
        &self,
        waiters: &mut VecDeque<Waiter>,
        mut ask: impl FnMut(&mut Ask) -> Verdict,
    ) -> Vec<(oneshot::Sender<Verdict>, Verdict)> {
        let mut blocked: Vec<u32> = Vec::new();
        let mut answered = Vec::new();
        let mut at = 0;
        while at < waiters.len() {
            let waiter = &mut waiters[at];
            if !waiter.accounts.iter().any(|a| blocked.contains(a)) {
                match ask(&mut waiter.ask) {
                    Verdict::Wait(short) => waiter.accounts = accounts_of(&short),
                    verdict => {
                        self.count.fetch_sub(1, Ordering::SeqCst);
                        let waiter = waiters.remove(at);
                        answered.extend(waiter.map(|w| (w.tell, verdict)));
                        continue;
                    }
                }
            }
            for &account in &waiters[at].accounts {
                if !blocked.contains(&account) {
                    blocked.push(account);
                }
            }
            at += 1;
        }
        answered
    }
}

pub(super) fn accounts_of(short: &[Shortage]) -> Vec<u32> {
    short.iter().map(|s| s.account).collect()
}

/// A call that may be about to wait.
pub(super) struct Arriving<'l>(&'l Line);

impl Drop for Arriving<'_> {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::SeqCst);
    }
}
