//! One attempt at a provider, from its opening in the journal to its settlement, which happens exactly once: when
//! it is told how the attempt ended, or when it is dropped.

use std::sync::Arc;
use std::time::Instant;

use bursar_core::ledger::Amounts;
use bursar_core::{
    EndOfStream, MeteredUsage, Money, PriceView, RecordId, Rounding, ServiceTier, Timestamp, Timings,
    UsageException, UsageRecord,
};
use bursar_prices::{CallFacts, PriceBook, cost_of_call};
use bursar_store::OpenAttempt;
use bursar_wire::{RequestFacts, RequestView, ResponseMeter, Surface};
use bytes::Bytes;

use crate::budget::{Held, Remaining};
use crate::lifecycle::Shared;
use crate::tap::Tap;
use crate::{fetched_work, observe};

/// The request as an attempt needs it.
pub(crate) struct Asked {
    pub(crate) view: RequestView,
    /// The body as it is read, kept only while the answer may end without usage.
    pub(crate) body: Bytes,
    pub(crate) tier: Option<ServiceTier>,
}

/// An attempt on its way. Dropping it settles it as cancelled by the client.
pub(crate) struct Attempt {
    live: Option<Box<Live>>,
}

struct Live {
    shared: Arc<Shared>,
    open: OpenAttempt,
    asked: Arc<Asked>,
    arrived: Instant,
    timings: Timings,
    status: Option<u16>,
    tap: Option<Tap>,
    reasons: Vec<String>,
    /// Whether the opening is in the journal; an attempt that goes on unrecorded is not settled there either.
    journalled: bool,
    surface: Surface,
    sent_model: Option<String>,
    held: Option<Held>,
    fetches: bool,
    since_progress: u64,
    last_progress: Instant,
}

/// What came of an attempt.
#[derive(Default)]
pub(crate) struct Settled {
    pub(crate) cost: Option<Money>,
    pub(crate) model: Option<String>,
    /// What is left in the tightest budget.
    pub(crate) remaining: Option<Remaining>,
}

/// An attempt whose cost is known and that is not booked yet. Dropping it books it, so that it happens exactly once
/// whatever becomes of the task that was to do it.
struct Unbooked(Option<Box<Booking>>);

/// What a record costs; `None` where a price is not known.
#[derive(Clone, Copy)]
struct Costs {
    list: Option<Money>,
    contracted: Option<Money>,
}

/// What a record is made of.
struct Booking {
    live: Box<Live>,
    end: EndOfStream,
    ended_at: Timestamp,
    usage: MeteredUsage,
    book: Arc<PriceBook>,
    sent_model: Option<String>,
    contracted_cost: Option<Money>,
}

/// What an attempt is opened with.
pub(crate) struct Opening {
    pub(crate) open: OpenAttempt,
    pub(crate) asked: Arc<Asked>,
    pub(crate) arrived: Instant,
    pub(crate) reasons: Vec<String>,
    pub(crate) journalled: bool,
    pub(crate) surface: Surface,
    /// The model that is sent, where it is another than the one asked for.
    pub(crate) sent_model: Option<String>,
    /// What budgets hold for it; nothing for a call that uses nothing itself.
    pub(crate) held: Option<Held>,
    /// Whether the call itself uses nothing and only fetches work that was done apart from it.
    pub(crate) fetches: bool,
}

/// Progress of a long answer is noted after so many bytes or so many seconds, whichever is first.
const PROGRESS_BYTES: u64 = 64 * 1024;
const PROGRESS_SECONDS: u64 = 5;

impl Attempt {
    /// An attempt whose opening is in the journal.
    pub(crate) fn new(shared: Arc<Shared>, opening: Opening) -> Attempt {
        let now = Instant::now();
        let live = Live {
            shared,
            open: opening.open,
            asked: opening.asked,
            arrived: opening.arrived,
            timings: Timings::default(),
            status: None,
            tap: None,
            reasons: opening.reasons,
            journalled: opening.journalled,
            surface: opening.surface,
            sent_model: opening.sent_model,
            held: opening.held,
            fetches: opening.fetches,
            since_progress: 0,
            last_progress: now,
        };
        live.shared.in_flight.enter();
        Attempt { live: Some(Box::new(live)) }
    }

    fn live(&mut self) -> Option<&mut Live> {
        self.live.as_deref_mut()
    }

    /// The model that is sent.
    pub(crate) fn sent_model(&self) -> Option<&str> {
        let live = self.live.as_deref()?;
        live.sent_model.as_deref().or(live.open.requested_model.as_deref())
    }

    /// Notes that the request's first byte is about to go out.
    pub(crate) fn sending(&mut self) {
        if let Some(live) = self.live() {
            live.timings.to_upstream_us = Some(micros_since(live.arrived));
        }
    }

    /// Notes the response's head and begins to read its body.
    pub(crate) fn answered(&mut self, status: u16, meter: ResponseMeter, encoding: Option<&str>) {
        if let Some(live) = self.live() {
            live.timings.to_response_us = Some(micros_since(live.arrived));
            live.status = Some(status);
            live.tap = Some(Tap::new(meter, encoding));
        }
    }

    /// Adds why something was done.
    pub(crate) fn because(&mut self, reason: impl Into<String>) {
        if let Some(live) = self.live() {
            live.reasons.push(reason.into());
        }
    }

    /// Reads a piece of the response's body.
    pub(crate) fn read(&mut self, bytes: &[u8]) {
        let Some(live) = self.live() else { return };
        if live.timings.to_first_byte_us.is_none() {
            live.timings.to_first_byte_us = Some(micros_since(live.arrived));
        }
        if let Some(tap) = &mut live.tap {
            tap.feed(bytes);
        }
        live.since_progress += bytes.len() as u64;
        if live.since_progress >= PROGRESS_BYTES || live.last_progress.elapsed().as_secs() >= PROGRESS_SECONDS
        {
            live.note_progress();
        }
    }

    /// Settles with how it ended.
    pub(crate) fn settle(mut self, end: EndOfStream) -> Settled {
        self.live.take().map(|live| live.settle(end).0).unwrap_or_default()
    }

    /// Tells at once what an answer that has ended cost, and books it right after the running task has written the
    /// answer: the client does not wait for the books. Where a budget could not carry the same call again, it is
    /// booked first, so that the client's next call finds what this one left.
    pub(crate) fn settle_behind_answer(mut self, end: EndOfStream) -> Settled {
        let Some(live) = self.live.take() else { return Settled::default() };
        let can_wait = live.held.as_ref().is_none_or(Held::fits_again);
        let (settled, unbooked) = live.settle(end);
        if let (true, Some(unbooked), Ok(runtime)) =
            (can_wait, unbooked, tokio::runtime::Handle::try_current())
        {
            runtime.spawn(async move { drop(unbooked) });
        }
        settled
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(live) = self.live.take() {
            let stopping = live.shared.is_cut_off();
            live.settle(if stopping { EndOfStream::GatewayStopped } else { EndOfStream::ClientCancelled });
        }
    }
}

impl Unbooked {
    fn new(booking: Booking) -> Option<Unbooked> {
        Some(Unbooked(Some(Box::new(booking))))
    }
}

impl Drop for Unbooked {
    fn drop(&mut self) {
        if let Some(booking) = self.0.take() {
            booking.book();
        }
    }
}

impl Booking {
    fn book(self) {
        let Booking { mut live, end, ended_at, usage, book, sent_model, contracted_cost } = self;
        let held = live.held.take();
        let costs = Costs {
            list: live.cost(&usage, &book, sent_model.as_deref(), PriceView::List),
            contracted: contracted_cost,
        };
        let record = live.record((end, ended_at), usage, &book, costs);
        if live.journalled {
            live.keep(&record);
        }
        if let Some(held) = held {
            held.settle(Amounts::used_by(&record));
        }
        observe::settled(&record, &book, &live.shared.warned);
        let model = sent_model.as_deref().unwrap_or_default();
        live.shared.budgets.learn(&record, &live.asked.view, live.surface, model);
    }
}

impl Live {
    fn note_progress(&mut self) {
        self.since_progress = 0;
        self.last_progress = Instant::now();
        if let Some(held) = &self.held {
            held.extend();
        }
        let told = self.tap.as_ref().filter(|tap| self.journalled && !tap.is_pending());
        if let Some(tap) = told {
            let seen = tap.seen(&self.asked.view.facts());
            if let Err(error) = self.shared.store.progress(self.open.id, &seen) {
                tracing::warn!(request = %self.open.id, %error, "progress of a long answer is not recorded");
            }
        }
    }

    /// What came of it, and what is still to be booked; nothing where that is done or another thread does it.
    fn settle(mut self: Box<Self>, end: EndOfStream) -> (Settled, Option<Unbooked>) {
        let told = self.tap.as_ref().map_or(end, |tap| tap.ending(end));
        if told != end {
            self.reasons.push("the provider told an error within its answer".to_owned());
        }
        let end = told;
        let needs_count = self.needs_count(end);
        // Counting a long prompt takes longer than a request's share of this thread.
        if needs_count && self.asked.body.len() > 32 * 1024 && tokio::runtime::Handle::try_current().is_ok() {
            tokio::task::spawn_blocking(move || self.book(end, true));
            return (Settled::default(), None);
        }
        self.book(end, needs_count)
    }

    /// Whether the answer told nothing of its input, and the request's own text has to be counted.
    fn needs_count(&self, end: EndOfStream) -> bool {
        let failed = self.status.is_none_or(|s| s >= 400);
        let told = self.tap.as_ref().is_some_and(Tap::reports_usage);
        let charged = !failed || end == EndOfStream::ClientCancelled;
        charged && !told && !self.asked.body.is_empty()
    }

    fn book(mut self: Box<Self>, end: EndOfStream, count_input: bool) -> (Settled, Option<Unbooked>) {
        if let Some(work) = self.tap.as_ref().and_then(Tap::finished_work) {
            return (self.book_work(&work, end), None);
        }
        if self.fetches {
            return (Settled::default(), None);
        }
        if self.tap.as_ref().is_some_and(Tap::is_pending) {
            let why = "the work is done in the background; it is booked when it is fetched";
            self.reasons.push(why.to_owned());
            if let Some(held) = self.held.take() {
                held.outlive();
            }
            return self.book_own(end, MeteredUsage::default());
        }
        let mut facts = self.asked.view.facts();
        if let Some(model) = &self.sent_model {
            facts.model = Some(model.clone());
        }
        if count_input {
            facts.input_tokens = Some(self.asked.view.count_input(&self.asked.body));
        }
        let mut usage = self.usage(end, &facts);
        if let Some(held) = &self.held {
            held.cut_estimates(&mut usage.quantities);
        }
        if usage.model.is_none() {
            usage.model.clone_from(&self.sent_model);
        }
        self.note_what_is_not_known(&mut usage);
        self.book_own(end, usage)
    }

    fn note_what_is_not_known(&self, usage: &mut MeteredUsage) {
        let is_unknown = self.surface == Surface::Other && !self.fetches;
        if is_unknown && self.status.is_some_and(|s| s < 400) && usage.quantities.is_empty() {
            let what = format!("how {} bills", self.open.surface);
            usage.exceptions.push(UsageException::NotUnderstood { what });
        }
    }

    /// What the call itself used and cost, ready to be booked.
    fn book_own(mut self: Box<Self>, end: EndOfStream, usage: MeteredUsage) -> (Settled, Option<Unbooked>) {
        self.timings.total_us = Some(micros_since(self.arrived));
        let book =
            self.held.as_ref().map_or_else(|| self.shared.prices.load_full(), |held| Arc::clone(&held.book));
        let sent_model = self.sent_model.take().or_else(|| self.open.requested_model.clone());
        let cost = self.cost(&usage, &book, sent_model.as_deref(), PriceView::Contracted);
        let used = Amounts { usd: cost, tokens: usage.quantities.total_tokens() };
        let remaining = self.held.as_ref().and_then(|held| held.remaining_after(used));
        let settled = Settled { cost, model: usage.model.clone(), remaining };
        let ended_at = now();
        let booking = Booking { live: self, end, ended_at, usage, book, sent_model, contracted_cost: cost };
        (settled, Unbooked::new(booking))
    }

    /// Books work that was done apart from this call, under the work's own id; and the call, where it is one of its
    /// own, as one that used nothing itself.
    fn book_work(mut self: Box<Self>, work: &str, end: EndOfStream) -> Settled {
        let facts = self.asked.view.facts();
        let usage = self.usage(EndOfStream::Complete, &facts);
        let model = usage.model.clone();
        self.timings.total_us = Some(micros_since(self.arrived));
        let book = self.shared.prices.load_full();
        let of_work =
            OpenAttempt { id: fetched_work::record_id(&self.open.provider, work), ..self.open.clone() };
        if self.journalled {
            self.reasons
                .push(format!("the work was done in the background; it is booked as {}", of_work.id.request));
            let own = MeteredUsage { model: model.clone(), tier: usage.tier, ..MeteredUsage::default() };
            let costs = self.costs(&own, &book);
            let record = self.record((end, now()), own, &book, costs);
            observe::settled(&record, &book, &self.shared.warned);
            self.keep(&record);
        }
        if self.shared.booked_work.begin(of_work.id)
            && !fetched_work::is_known(&self.shared.store, of_work.id)
        {
            self.open = of_work;
            self.reasons =
                vec![format!("work of the provider's own id {work}, booked when it was first fetched whole")];
            let costs = self.costs(&usage, &book);
            let record = self.record((EndOfStream::Complete, now()), usage, &book, costs);
            observe::settled(&record, &book, &self.shared.warned);
            if self.keep(&record) {
                self.shared.budgets.post(&record);
            } else {
                self.shared.booked_work.failed(record.id);
            }
        }
        drop(self.held.take());
        Settled { model, ..Settled::default() }
    }

    /// Writes a settlement; whether it was taken.
    fn keep(&self, record: &UsageRecord) -> bool {
        let kept = self.shared.store.settle(record);
        if let Err(error) = &kept {
            tracing::error!(request = %record.id, %error, "a settlement could not be recorded");
            metrics::counter!("bursar_unrecorded_total").increment(1);
        }
        kept.is_ok()
    }

    fn usage(&mut self, end: EndOfStream, facts: &RequestFacts) -> MeteredUsage {
        if let Some(tap) = self.tap.take() {
            return tap.finish(end, facts);
        }
        // No head came. A client that left may still be charged for what it sent; a connection that was never
        // made is not.
        let mut usage = MeteredUsage::default();
        let sent = self.timings.to_upstream_us.is_some();
        if sent
            && matches!(
                end,
                EndOfStream::ClientCancelled | EndOfStream::TimedOut | EndOfStream::GatewayStopped
            )
        {
            usage.exceptions.push(UsageException::Truncated);
            if let Some((tokens, provenance)) = facts.input_tokens {
                usage.quantities.add(bursar_core::Meter::Input, tokens, provenance);
            }
        }
        usage
    }

    /// What work that was done apart from the call costs.
    fn costs(&self, usage: &MeteredUsage, book: &PriceBook) -> Costs {
        Costs {
            list: self.cost(usage, book, None, PriceView::List),
            contracted: self.cost(usage, book, None, PriceView::Contracted),
        }
    }

    /// A cost by the list that the hold was worked out with, as it was known then.
    fn cost(
        &self,
        usage: &MeteredUsage,
        book: &PriceBook,
        sent_model: Option<&str>,
        view: PriceView,
    ) -> Option<Money> {
        let call = CallFacts {
            provider: &self.open.provider,
            region: self.open.region.as_deref(),
            requested_model: sent_model,
            at: self.open.started_at,
            known_at: self.open.started_at,
            requested_tier: self.asked.tier,
        };
        cost_of_call(book, &call, usage, view, Rounding::HalfEven)
    }

    fn record(
        &mut self,
        (end, ended_at): (EndOfStream, Timestamp),
        usage: MeteredUsage,
        book: &PriceBook,
        costs: Costs,
    ) -> UsageRecord {
        let tier = usage.tier.or(self.asked.tier).unwrap_or_default();
        UsageRecord {
            id: self.open.id,
            started_at: self.open.started_at,
            ended_at,
            key: self.open.key.take(),
            attribution: std::mem::take(&mut self.open.attribution),
            provider: std::mem::take(&mut self.open.provider),
            surface: std::mem::take(&mut self.open.surface),
            region: self.open.region.take(),
            requested_model: self.open.requested_model.take(),
            usage,
            tier,
            end,
            status: self.status,
            list_cost: costs.list,
            contracted_cost: costs.contracted,
            price_version: book.version.clone(),
            reasons: std::mem::take(&mut self.reasons),
            timings: self.timings,
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.shared.in_flight.leave();
    }
}

/// The id of an attempt within its request.
pub(crate) fn record_id(request: bursar_core::RequestId, attempt: u16) -> RecordId {
    RecordId { request, attempt }
}

/// The present, which the domain is told and never asks for.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

pub(crate) fn micros_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}
