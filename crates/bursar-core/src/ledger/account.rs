//! One account: the windows of one budget, or of one share of a budget that is per something.

use crate::budget::{Budget, Period, Rollover, Window};
use crate::time::Timestamp;

/// Closed windows stay for late settlements for this long.
const KEPT_FOR: i64 = 8 * 86_400 * 1_000_000;
/// Steps that an unspent amount is rolled over through windows in which nothing happened.
const MOST_GAPS: usize = 512;

/// What a window of an account holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowState {
    /// From when until when.
    pub window: Window,
    /// What the window before left (above zero) or owes (below).
    pub carried: i64,
    /// What was spent; for a rolling period the sum of its buckets.
    pub spent: i64,
    /// How much settlements exceeded their holds by.
    pub overrun: i64,
    /// Settled calls without a known price.
    pub unpriced: u64,
    /// Calls that were refused because too little was left, as far as this process knows.
    pub refused: u64,
    /// Spend by the beginning of its bucket in microseconds, for a rolling period; else empty.
    pub buckets: Vec<(i64, i64)>,
    pub(super) held: i64,
    pub(super) holds: u32,
}

/// The windows of one budget or share.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    pub(super) slot: u32,
    /// The values of the fields that the budget is per, joined; empty where it is one for all.
    pub(super) instance: Box<str>,
    /// In their order; the last is the current one.
    pub(super) windows: Vec<WindowState>,
    /// The latest beginning of a call.
    pub(super) last: Timestamp,
    /// Whether something happened since somebody asked.
    pub(super) touched: bool,
    /// Whether windows before the first one are forgotten, but for what they left or owe.
    pub(super) has_dropped: bool,
}

impl WindowState {
    pub(super) const fn new(window: Window, carried: i64) -> WindowState {
        WindowState {
            window,
            carried,
            spent: 0,
            overrun: 0,
            unpriced: 0,
            refused: 0,
            buckets: Vec::new(),
            held: 0,
            holds: 0,
        }
    }

    /// What may be spent in the window, as of a moment.
    pub(super) fn limit(&self, budget: &Budget, now: Timestamp) -> i64 {
        let last = self.window.end.plus_micros(-1);
        budget.limit_at(now.clamp(self.window.start, last)).saturating_add(self.carried)
    }

    /// What counts as spent at a moment: all of it, or what is not older than a rolling period is long.
    pub(super) fn spent_at(&self, budget: &Budget, now: Timestamp) -> i64 {
        let (Period::Rolling { length }, Some(step)) = (&budget.period, budget.period.bucket_micros()) else {
            return self.spent;
        };
        let reach = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
        let from = now.micros().saturating_sub(reach).saturating_sub(step);
        self.buckets.iter().filter(|(start, _)| *start > from).fold(0, |sum, (_, n)| n.saturating_add(sum))
    }

    pub(super) fn available(&self, budget: &Budget, now: Timestamp) -> i64 {
        self.limit(budget, now).saturating_sub(self.spent_at(budget, now)).saturating_sub(self.held)
    }
}

impl Account {
    pub(super) fn new(slot: u32, instance: &str) -> Account {
        Account { slot, instance: instance.into(), ..Account::default() }
    }

    /// The place of the window that a moment lies in, which is made where it is missing.
    pub(super) fn window_at(&mut self, budget: &Budget, at: Timestamp) -> usize {
        if let Some(current) = self.windows.last()
            && current.window.holds(at)
            && !matches!(budget.period, Period::Life { .. })
        {
            return self.windows.len() - 1;
        }
        match budget.period {
            Period::Life { idle } => self.life_at(at, idle),
            _ => self.place_of(budget, at),
        }
    }

    fn place_of(&mut self, budget: &Budget, at: Timestamp) -> usize {
        let after = self.windows.partition_point(|w| w.window.start <= at);
        if let Some(i) = after.checked_sub(1)
            && self.windows[i].window.holds(at)
        {
            return i;
        }
        if after == 0 && self.has_dropped {
            return 0;
        }
        if let Some(since) = budget.since.filter(|s| self.windows.is_empty() && *s < at) {
            let first = budget.period.window(since);
            if !first.holds(at) {
                self.windows.push(WindowState::new(first, 0));
                self.has_dropped = true;
                return self.place_of(budget, at);
            }
        }
        let window = budget.period.window(at);
        self.windows.insert(after, WindowState::new(window, 0));
        if let Some(before) = after.checked_sub(1) {
            self.carry_on(budget, before);
        }
        self.carry_on(budget, after);
        after - self.drop_old(at)
    }

    fn life_at(&mut self, at: Timestamp, idle: std::time::Duration) -> usize {
        let idle = i64::try_from(idle.as_micros()).unwrap_or(i64::MAX);
        let is_over = at > self.last.plus_micros(idle);
        if self.windows.is_empty() || is_over {
            if let Some(before) = self.windows.last_mut() {
                before.window.end = at;
            }
            let window = Window { start: at, end: Window::ALWAYS.end };
            self.windows.push(WindowState::new(window, 0));
            self.last = at;
            return self.windows.len() - 1 - self.drop_old(at);
        }
        self.last = self.last.max(at);
        self.windows.partition_point(|w| w.window.start <= at).saturating_sub(1)
    }

    /// Drops closed windows that nobody will settle into any more, and says how many.
    fn drop_old(&mut self, now: Timestamp) -> usize {
        let horizon = now.plus_micros(-KEPT_FOR);
        let is_old = |w: &WindowState| w.window.end < horizon && w.holds == 0;
        let newest = self.windows.len() - 1;
        let count = self.windows[..newest].iter().take_while(|w| is_old(w)).count();
        self.windows.drain(..count);
        self.has_dropped |= count > 0;
        count
    }

    /// Computes anew what each window from `from` on leaves to the next.
    pub(super) fn carry_on(&mut self, budget: &Budget, from: usize) {
        if !matches!(budget.period, Period::Calendar { .. }) {
            return;
        }
        for i in from..self.windows.len().saturating_sub(1) {
            let carried = left_over(budget, &self.windows[i], self.windows[i + 1].window.start);
            if self.windows[i + 1].carried == carried && i > from {
                return;
            }
            self.windows[i + 1].carried = carried;
        }
    }

    /// Holds an amount in a window.
    pub(super) fn hold(&mut self, budget: &Budget, place: usize, amount: i64) {
        let window = &mut self.windows[place];
        window.held = window.held.saturating_add(amount);
        window.holds += 1;
        self.carry_on(budget, place);
    }

    /// Takes a hold back. `ends` says that nothing of it will be settled any more.
    pub(super) fn unhold(&mut self, budget: &Budget, start: Timestamp, amount: i64, ends: bool) {
        let place = self.started_at(start);
        let window = &mut self.windows[place];
        window.held = window.held.saturating_sub(amount);
        if ends {
            window.holds = window.holds.saturating_sub(1);
        }
        self.carry_on(budget, place);
    }

    /// Posts spend to a window. What exceeds the hold is counted, never cut off.
    pub(super) fn post(
        &mut self,
        budget: &Budget,
        place: usize,
        at: Timestamp,
        spent: Option<i64>,
        held: i64,
    ) {
        let window = &mut self.windows[place];
        let Some(amount) = spent else {
            window.unpriced += 1;
            return;
        };
        window.spent = window.spent.saturating_add(amount);
        window.overrun = window.overrun.saturating_add(amount.saturating_sub(held).max(0));
        if let Some(step) = budget.period.bucket_micros() {
            add_to_bucket(&mut window.buckets, at.micros().div_euclid(step) * step, amount);
            forget_buckets(window, budget, at);
        }
        self.carry_on(budget, place);
    }

    /// The window that began then; the oldest where it is gone.
    pub(super) fn started_at(&self, start: Timestamp) -> usize {
        self.windows.iter().position(|w| w.window.start == start).unwrap_or(0)
    }

    /// Whether the account can be forgotten: nothing is held, and its time is long over.
    pub(super) fn is_over(&self, budget: &Budget, now: Timestamp) -> bool {
        let horizon = now.plus_micros(-KEPT_FOR);
        let ended = |w: &WindowState| match &budget.period {
            Period::Calendar { .. } => {
                w.window.end < horizon && w.carried == 0 && left_over(budget, w, now) == 0
            }
            Period::Rolling { .. } => w.spent_at(budget, now) == 0 && self.last < horizon,
            Period::Life { idle } => {
                let idle = i64::try_from(idle.as_micros()).unwrap_or(i64::MAX);
                self.last.plus_micros(idle) < horizon
            }
        };
        self.windows.iter().all(|w| w.holds == 0 && ended(w))
    }
}

/// What a window leaves to the one that begins at `until`, through windows in between in which nothing happened.
fn left_over(budget: &Budget, window: &WindowState, until: Timestamp) -> i64 {
    let (mut at, mut carried) =
        (window.window, carry_of(budget, window.available(budget, window.window.end)));
    for _ in 0..MOST_GAPS {
        let lapses = carried == 0 && budget.rollover == Rollover::None;
        if lapses || at.end >= until {
            break;
        }
        at = budget.period.window(at.end);
        let left = WindowState::new(at, carried).limit(budget, at.end);
        let next = carry_of(budget, left);
        let is_steady = next == carried && budget.increases.iter().all(|i| i.until <= at.end);
        carried = next;
        if is_steady {
            break;
        }
    }
    carried
}

/// What is left rolls over as far as the budget allows; what was overspent is owed, where the budget enforces.
fn carry_of(budget: &Budget, left: i64) -> i64 {
    match budget.rollover {
        _ if left < 0 => {
            if budget.when_tight.enforces() {
                left
            } else {
                0
            }
        }
        Rollover::None => 0,
        Rollover::Capped(cap) => left.min(cap),
    }
}

fn add_to_bucket(buckets: &mut Vec<(i64, i64)>, start: i64, amount: i64) {
    let place = buckets.partition_point(|(s, _)| *s < start);
    match buckets.get_mut(place) {
        Some((s, sum)) if *s == start => *sum = sum.saturating_add(amount),
        _ => buckets.insert(place, (start, amount)),
    }
}

/// Buckets stay twice as long as they count, for a clock that is set back.
fn forget_buckets(window: &mut WindowState, budget: &Budget, now: Timestamp) {
    let Period::Rolling { length } = budget.period else { return };
    let reach = i64::try_from(length.as_micros()).unwrap_or(i64::MAX).saturating_mul(2);
    let oldest = now.micros().saturating_sub(reach);
    let count = window.buckets.partition_point(|(start, _)| *start < oldest);
    let gone = window.buckets.drain(..count).fold(0i64, |sum, (_, n)| sum.saturating_add(n));
    window.spent = window.spent.saturating_sub(gone);
}
