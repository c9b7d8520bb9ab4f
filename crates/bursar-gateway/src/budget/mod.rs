//! Budgets on the request path: what a call may use is held before it goes out, and settled when it has ended.
//! `docs/concepts/budgets.md` says how.

mod ask;
mod held;
mod line;
mod refusal;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bursar_core::budget::{Subject, WhenTight};
use bursar_core::ledger::{Amounts, Command, Ledger, Shortage};
use bursar_core::{Provenance, RecordId, Timestamp, UsageRecord};
use bursar_store::BudgetDirectory;
use bursar_wire::{InputBasis, Learned, Lesson, RequestView, Surface};
use bytes::Bytes;

pub(crate) use ask::{Ask, AskParts, Pricing};
pub(crate) use held::{Grant, Held, Remaining};
pub(crate) use refusal::missing_labels;

use crate::attempt::now;
use crate::config::{BudgetPolicies, OrRefuse};
use crate::error::Refusal;
use ask::Verdict;
use line::{Line, accounts_of};

/// The budgets as the gateway holds them.
pub(crate) struct Budgets {
    directory: BudgetDirectory,
    line: Line,
    learned: Mutex<Learned>,
    policies: BudgetPolicies,
    /// The most calls that wait at a time.
    most_waiting: usize,
}

/// An output limit for a call that nothing else bounds, where nothing is learned yet.
const UNKNOWN_OUTPUT: u64 = 4_096;
/// Longer bodies are counted on another thread.
const LONG: usize = 32 * 1024;
/// Tokens that a count may miss: the marks around each message, and around all of them.
const MARKS: (u64, u64) = (4, 16);

/// The way into the line.
enum Entry {
    Verdict(Verdict, Box<Ask>),
    InLine { place: Place, told: tokio::sync::oneshot::Receiver<Verdict>, until: Instant },
}

/// Takes a call out of the line when its client leaves.
struct Place {
    budgets: Arc<Budgets>,
    ticket: usize,
    subject: Arc<Subject>,
}

impl Budgets {
    pub(crate) fn new(directory: BudgetDirectory, policies: BudgetPolicies, most_waiting: usize) -> Budgets {
        Budgets { directory, line: Line::default(), learned: Mutex::default(), policies, most_waiting }
    }

    /// Finds room for a call in every budget that covers it, waiting where a budget lets it wait.
    pub(crate) async fn admit(self: &Arc<Self>, mut ask: Ask, body: &Bytes) -> Result<Grant, Refusal> {
        self.look_up(&mut ask);
        self.check_bounds(&mut ask)?;
        if self.line.is_empty() {
            // The ledger is let go before anything is done about the answer.
            let verdict = ask.ask(&mut self.directory.lock(), now(), &self.policies, false);
            if let Verdict::Held(grant) = verdict {
                return self.check_covered(*grant);
            }
        }
        self.tighten(&mut ask, body).await;
        match self.enter(ask) {
            Entry::Verdict(verdict, ask) => self.conclude(verdict, &ask.subject, ask.at),
            Entry::InLine { place, told, until } => self.wait(place, told, until).await,
        }
    }

    fn conclude(&self, verdict: Verdict, subject: &Subject, at: Timestamp) -> Result<Grant, Refusal> {
        match verdict {
            Verdict::Held(grant) => self.check_covered(*grant),
            Verdict::Short(short) | Verdict::Wait(short) => {
                self.directory.lock().note_refusal(subject, at, &short);
                Err(refusal::short(&short, &self.policies))
            }
        }
    }

    fn check_covered(&self, grant: Grant) -> Result<Grant, Refusal> {
        if grant.held.tightest.is_none() && self.policies.uncovered == OrRefuse::Refuse {
            return Err(refusal::uncovered());
        }
        Ok(grant)
    }

    /// Looks up what calls of this kind usually produce.
    fn look_up(&self, ask: &mut Ask) {
        if ask.asked.view.max_output_tokens.is_some() || ask.least().is_none() {
            return;
        }
        let learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        let usual = learned.output(ask.model(), ask.subject.attribution.workflow.as_deref());
        ask.usual_output = usual.map(|usual| usual.max(ask.least().unwrap_or(1)));
    }

    /// What has no bound is no matter where no budget enforces; else the policy decides, or a limit is put in.
    fn check_bounds(&self, ask: &mut Ask) -> Result<(), Refusal> {
        if ask.ceiling().unbounded.is_empty() {
            return Ok(());
        }
        let payers = self.directory.lock().payers(&ask.subject);
        let enforcing = payers.iter().filter(|p| p.budget.when_tight.enforces());
        let refusing = enforcing.clone().find(|p| p.budget.when_tight == WhenTight::Refuse);
        if let (Some(payer), OrRefuse::Refuse) = (refusing, self.policies.unbounded) {
            return Err(refusal::unbounded(&payer.budget, &ask.ceiling().unbounded, &self.policies));
        }
        let enforces = enforcing.count() > 0;
        if ask.ceiling().has_output() && ask.ceiling().output_limit().is_none() {
            let limit = ask.usual_output.unwrap_or(UNKNOWN_OUTPUT).max(ask.least().unwrap_or(1));
            ask.ceiling().limit_output(limit);
            ask.assumed_limit = Some(limit).filter(|_| enforces && ask.least().is_some());
        }
        if enforces {
            ask.notes = ask.ceiling().unbounded.iter().map(|what| format!("not bounded: {what}")).collect();
        }
        Ok(())
    }

    /// Works the input's ceiling out more closely: counted where the vocabulary is public, else, where no budget
    /// promises that it is never overspent, by what was learned.
    async fn tighten(&self, ask: &mut Ask, body: &Bytes) {
        let view = &ask.asked.view;
        let (counted, provenance) = count(&ask.asked, body).await;
        let marks = view.volume.messages.saturating_mul(MARKS.0).saturating_add(MARKS.1);
        let basis = if provenance == Provenance::Counted {
            InputBasis::Counted(counted.saturating_add(marks))
        } else {
            match self.usual_input(ask) {
                Some(tokens) => InputBasis::Learned(tokens),
                None => return,
            }
        };
        let before = ask.ceiling().clone();
        ask.measure(basis);
        if ask.ceiling().bound.context >= before.bound.context {
            *ask.ceiling() = before;
        } else if let Some(limit) = before.output_limit() {
            ask.ceiling().limit_output(limit);
        }
    }

    fn usual_input(&self, ask: &Ask) -> Option<u64> {
        let payers = self.directory.lock().payers(&ask.subject);
        if payers.iter().any(|p| matches!(p.budget.when_tight, WhenTight::Clamp | WhenTight::Refuse)) {
            return None;
        }
        let learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        learned.input(ask.model(), ask.subject.attribution.workflow.as_deref(), ask.asked.view.body_bytes)
    }

    /// Asks the ledger, or takes a place in the line: where others wait for the same accounts, or where the call has
    /// to wait itself.
    fn enter(self: &Arc<Self>, mut ask: Ask) -> Entry {
        let _arriving = self.line.arriving();
        let mut waiters = self.line.lock();
        let mut ledger = self.directory.lock();
        let is_full = waiters.len() >= self.most_waiting;
        let behind = self.behind(&ask, &mut ledger, &waiters).filter(|_| !is_full);
        let (accounts, longest) = match behind {
            Some(behind) => behind,
            None => match ask.ask(&mut ledger, now(), &self.policies, is_full) {
                Verdict::Wait(short) => (accounts_of(&short), longest_wait(&short)),
                verdict => return Entry::Verdict(verdict, Box::new(ask)),
            },
        };
        drop(ledger);
        let until = Instant::now() + longest;
        ask.waits_since = Some(Instant::now());
        let subject = Arc::clone(&ask.subject);
        let (ticket, told) = self.line.push(&mut waiters, ask, accounts);
        metrics::gauge!("bursar_budget_waiting").increment(1);
        Entry::InLine { place: Place { budgets: Arc::clone(self), ticket, subject }, told, until }
    }

    /// The accounts of the call that others wait for already, and how long it may wait for them.
    fn behind(
        &self,
        ask: &Ask,
        ledger: &mut Ledger,
        waiters: &std::collections::VecDeque<line::Waiter>,
    ) -> Option<(Vec<u32>, Duration)> {
        if waiters.is_empty() {
            return None;
        }
        let payers = ledger.payers(&ask.subject);
        let waited_for = |account| waiters.iter().any(|w| w.accounts.contains(&account));
        let shared: Vec<_> =
            payers.iter().filter(|p| ask.uses(p.budget.unit) && waited_for(p.account)).collect();
        let longest = shared.iter().map(|p| p.budget.longest_wait).min()?;
        Some((shared.iter().map(|p| p.account).collect(), longest))
    }

    async fn wait(
        self: &Arc<Self>,
        place: Place,
        mut told: tokio::sync::oneshot::Receiver<Verdict>,
        until: Instant,
    ) -> Result<Grant, Refusal> {
        let verdict = match tokio::time::timeout_at(until.into(), &mut told).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(_)) => return Err(refusal::line_closed()),
            Err(_) => match self.last_chance(place.ticket) {
                Some(verdict) => verdict,
                // It was told in this very moment.
                None => told.await.map_err(|_| refusal::line_closed())?,
            },
        };
        self.wake();
        self.conclude(verdict, &place.subject, now())
    }

    /// The time for waiting is over: the call takes what there is.
    fn last_chance(&self, ticket: usize) -> Option<Verdict> {
        let mut waiters = self.line.lock();
        let mut waiter = self.line.take(&mut waiters, ticket)?;
        let at = now();
        waiter.ask.move_to(at);
        Some(waiter.ask.ask(&mut self.directory.lock(), at, &self.policies, true))
    }

    /// How many calls wait.
    pub(crate) fn waiting(&self) -> usize {
        self.line.lock().len()
    }

    /// Ends a hold: with what was used, or with nothing because nothing was sent.
    fn end(&self, id: RecordId, used: Option<Amounts>) {
        let command = match used {
            Some(actual) => Command::Settle { id, actual },
            None => Command::Release { id },
        };
        self.directory.lock().apply(command, now());
        self.wake();
    }

    /// Posts work that was not held.
    pub(crate) fn post(&self, record: &UsageRecord) {
        let subject = Subject::of_record(record);
        self.directory.lock().post(&subject, record.started_at, Amounts::used_by(record));
    }

    /// Lets those who wait ask again.
    pub(crate) fn wake(&self) {
        if self.line.is_empty() {
            return;
        }
        let mut waiters = self.line.lock();
        let mut ledger = self.directory.lock();
        let at = now();
        let answered = self.line.ask_all(&mut waiters, |ask| {
            ask.move_to(at);
            ask.ask(&mut ledger, at, &self.policies, false)
        });
        drop((ledger, waiters));
        for (tell, verdict) in answered {
            // Where the client has left in this moment, dropping the hold releases it.
            let _ = tell.send(verdict);
        }
    }

    /// Ends the leases that are over, and lets those who wait ask again: a budget may have been raised, or a new
    /// period begun.
    pub(crate) fn tick(&self) {
        let open = {
            let mut ledger = self.directory.lock();
            ledger.expire(now());
            ledger.held_ids().count()
        };
        metrics::gauge!("bursar_budget_open_holds").set(u32::try_from(open).unwrap_or(u32::MAX));
        self.wake();
    }

    /// Learns from a settled call.
    pub(crate) fn learn(&self, record: &UsageRecord, view: &RequestView, surface: Surface, model: &str) {
        let quantities = &record.usage.quantities;
        let told =
            record.usage.exceptions.is_empty() && quantities.worst_provenance() == Provenance::Reported;
        let is_whole = record.end == bursar_core::EndOfStream::Complete && record.status == Some(200);
        if !(told && is_whole) || view.reach.remembers || view.reach.server_tools || quantities.is_empty() {
            return;
        }
        let input = quantities.context_tokens();
        let output = quantities.total_tokens().saturating_sub(input).div_ceil(view.answers(surface).max(1));
        let lesson = Lesson { bytes: view.body_bytes, input, output };
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        learned.note(model, record.attribution.workflow.as_deref(), lesson);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!("bursar_budget_waiting").decrement(1);
        let mut waiters = self.budgets.line.lock();
        let left = self.budgets.line.take(&mut waiters, self.ticket);
        drop(waiters);
        if left.is_some() {
            self.budgets.wake();
        }
    }
}

fn longest_wait(short: &[Shortage]) -> Duration {
    short.iter().map(|s| s.budget.longest_wait).min().unwrap_or_default()
}

/// The request's own text, counted.
async fn count(asked: &Arc<crate::attempt::Asked>, body: &Bytes) -> (u64, Provenance) {
    if body.len() <= LONG || !bursar_wire::tokens::TextCounter::new(asked.view.model.as_deref()).is_exact() {
        return asked.view.count_input(body);
    }
    let (asked, body) = (Arc::clone(asked), body.clone());
    let counted = tokio::task::spawn_blocking(move || asked.view.count_input(&body)).await;
    counted.unwrap_or((u64::MAX, Provenance::Estimated))
}

/// How long a hold lasts when nothing is heard of its call.
pub(crate) fn lease(timeouts: &crate::config::Timeouts) -> Duration {
    timeouts.connect + timeouts.first_byte + timeouts.idle + Duration::from_secs(60)
}

/// The moment so much later.
pub(crate) fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.plus_micros(i64::try_from(by.as_micros()).unwrap_or(i64::MAX))
}
