//! One account being watched: what of it was told, and what its balance says now.

use std::cmp::Reverse;

use bursar_core::Timestamp;
use bursar_core::budget::{BudgetName, Period, Window};
use bursar_core::ledger::Balance;

use super::event::{Audience, Case, Event, Figures, Known, Phase, Recovery};
use super::rule::{Rule, Severity};
use super::{Outlook, text};
use crate::burn_rate::{BurnMeter, BurnRule, BurnSpeed};

/// A threshold is over where less than this part of it is reached, in hundredths: near the threshold it stays, so that
/// it is not told again and again.
const HYSTERESIS: i128 = 95;
/// Calls that were refused are served again where this part of the limit is left, in hundredths.
const ROOM: i128 = 5;

/// What of a rule was told.
#[derive(Clone, Debug)]
struct State {
    rule: Rule,
    window: Window,
    episode: u32,
    is_raised: bool,
    audience: Audience,
    /// What was left when it was raised.
    left: i64,
    /// How many calls had been refused when it was told last.
    refused: u64,
}

/// An account.
#[derive(Debug)]
pub(super) struct Account {
    name: BudgetName,
    instance: Option<String>,
    window: Window,
    figures: Figures,
    balance: Option<Balance>,
    pub(super) outlook: Option<Outlook>,
    states: Vec<State>,
    meters: Vec<(BurnSpeed, BurnMeter)>,
    /// Since when its spending is measured without a gap.
    since: Option<Timestamp>,
}

/// What a balance says about a rule.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Crossed,
    Between,
    Clear,
}

impl Account {
    /// An account that is seen for the first time.
    pub(super) fn seen(balance: &Balance) -> Account {
        let name = balance.budget.name.clone();
        Account::empty(name, balance.instance.clone(), balance.window)
    }

    /// An account about which something was told before a restart.
    pub(super) fn known(known: &Known) -> Account {
        let name = known.case.budget.clone().expect("a case of an account names its budget");
        Account::empty(name, known.case.instance.clone(), known.case.window)
    }

    fn empty(name: BudgetName, instance: Option<String>, window: Window) -> Account {
        Account {
            name,
            instance,
            window,
            figures: Figures::default(),
            balance: None,
            outlook: None,
            states: Vec::new(),
            meters: Vec::new(),
            since: None,
        }
    }

    /// Takes what was told before a restart.
    pub(super) fn restore(&mut self, known: &Known) {
        let is_same = |s: &State| s.rule == known.case.rule && s.window.start == known.case.window.start;
        if self.states.iter().any(|s| is_same(s) && s.episode > known.case.episode) {
            return;
        }
        self.states.retain(|s| !is_same(s));
        self.figures = known.figures.clone();
        self.states.push(State {
            rule: known.case.rule,
            window: known.case.window,
            episode: known.case.episode,
            is_raised: known.is_raised,
            audience: known.audience,
            left: known.figures.limit.saturating_sub(known.figures.spent),
            refused: 0,
        });
    }

    /// Takes how it stands now. A new window ends what was told about the one before.
    pub(super) fn take(
        &mut self,
        balance: &Balance,
        is_seen_whole: bool,
        now: Timestamp,
        events: &mut Vec<Event>,
    ) {
        let start = balance.window.start;
        if start != self.window.start || self.states.iter().any(|s| s.window.start != start) {
            self.end(Recovery::PeriodEnded, |s| s.window.start != start, now, events);
            let states = std::mem::take(&mut self.states);
            *self = Account::seen(balance);
            self.states = states.into_iter().filter(|s| s.window.start == start).collect();
        }
        self.window = balance.window;
        let before = match &self.balance {
            Some(before) => before.spent,
            None if is_seen_whole => 0,
            None => balance.spent,
        };
        self.since.get_or_insert(now);
        self.measure(balance, balance.spent.saturating_sub(before), now);
        self.figures = Figures {
            owner: balance.budget.owner.clone(),
            unit: Some(balance.budget.unit),
            spent: balance.spent,
            limit: balance.limit,
            forecast: self.outlook.as_ref().map(|o| o.pace.total),
        };
        self.balance = Some(balance.clone());
    }

    /// Hands what was spent since the last look to the burn meters.
    fn measure(&mut self, balance: &Balance, spent: i64, now: Timestamp) {
        if spent <= 0 {
            return;
        }
        for speed in [BurnSpeed::Fast, BurnSpeed::Slow] {
            let Some(rule) = BurnRule::of(speed, &balance.budget.period, balance.window) else { return };
            match self.meters.iter_mut().find(|(s, _)| *s == speed) {
                Some((_, meter)) => meter.add(now, spent),
                None => {
                    let mut meter = BurnMeter::new(rule);
                    meter.add(now, spent);
                    self.meters.push((speed, meter));
                }
            }
        }
    }

    /// Compares every rule with the balance, and tells what has changed.
    pub(super) fn evaluate(&mut self, now: Timestamp, events: &mut Vec<Event>) {
        let Some(balance) = self.balance.clone() else { return };
        self.figures.forecast = self.outlook.as_ref().map(|o| o.pace.total);
        let rules = Rule::of(&balance.budget);
        let (mut raised, mut over) = (Vec::new(), Vec::new());
        for state in self.states.iter().filter(|s| s.is_raised && !rules.contains(&s.rule)) {
            over.push((state.rule, Recovery::BudgetChanged));
        }
        for rule in rules {
            let state = self.states.iter().find(|s| s.rule == rule);
            let is_raised = state.is_some_and(|s| s.is_raised);
            match (is_raised, self.judge(rule, state, &balance, now)) {
                (false, Verdict::Crossed) => raised.push(rule),
                (true, Verdict::Clear) => over.push((rule, Recovery::BackBelow)),
                _ => {}
            }
        }
        self.recover(&over, now, events);
        for &rule in &raised {
            let audience = self.audience_of(rule, &raised, &balance);
            events.push(self.raise(rule, audience, &balance, now));
        }
    }

    fn judge(&self, rule: Rule, state: Option<&State>, balance: &Balance, now: Timestamp) -> Verdict {
        let forecast = self.outlook.as_ref().map(|o| o.pace.total.max(balance.spent));
        match rule {
            Rule::Actual(percent) => threshold(balance.spent, balance.limit, percent),
            Rule::Forecast(percent) => {
                forecast.map_or(Verdict::Between, |total| threshold(total, balance.limit, percent))
            }
            Rule::Burn(speed) => self.burning(speed, balance, now),
            Rule::Exhausted => exhausted(state, balance),
            Rule::Overrun => noted(balance.overrun > 0),
            Rule::Unpriced => noted(balance.unpriced > 0),
            Rule::Uncovered => Verdict::Between,
        }
    }

    /// Who is told that a rule is crossed, where several are at once: the highest threshold says it all, burning very
    /// fast says more than burning fast, and where nothing is left that says more than either.
    fn audience_of(&self, rule: Rule, raised: &[Rule], balance: &Balance) -> Audience {
        let is_empty = raised.contains(&Rule::Exhausted);
        let says_less = match rule {
            Rule::Actual(percent) => {
                is_empty || raised.iter().any(|r| matches!(r, Rule::Actual(other) if *other > percent))
            }
            Rule::Forecast(percent) => {
                raised.iter().any(|r| matches!(r, Rule::Forecast(other) if *other > percent))
                    || threshold(balance.spent, balance.limit, percent) == Verdict::Crossed
            }
            Rule::Burn(BurnSpeed::Fast) => is_empty,
            Rule::Burn(BurnSpeed::Slow) => {
                let fast = Rule::Burn(BurnSpeed::Fast);
                is_empty || self.states.iter().any(|s| s.is_raised && s.rule == fast)
            }
            _ => false,
        };
        if says_less { Audience::Nobody } else { Audience::Everyone }
    }

    /// After a restart nothing is known of the time before: a burning that was told then has not ended before a short
    /// stretch has been seen.
    fn burning(&self, speed: BurnSpeed, balance: &Balance, now: Timestamp) -> Verdict {
        let Some(rule) = BurnRule::of(speed, &balance.budget.period, balance.window) else {
            return Verdict::Clear;
        };
        let meter = self.meters.iter().find(|(s, _)| *s == speed).map(|(_, m)| m);
        let is_seen = self.since.is_some_and(|since| now >= since.plus_micros(rule.short()));
        match meter {
            Some(meter) if meter.burns(balance.limit, now) => Verdict::Crossed,
            _ if !is_seen => Verdict::Between,
            Some(meter) if !meter.has_cooled(balance.limit, now) => Verdict::Between,
            _ => Verdict::Clear,
        }
    }

    fn raise(&mut self, rule: Rule, audience: Audience, balance: &Balance, now: Timestamp) -> Event {
        let state = State {
            rule,
            window: self.window,
            episode: self.states.iter().find(|s| s.rule == rule).map_or(0, |s| s.episode + 1),
            is_raised: true,
            audience,
            left: balance.limit.saturating_sub(balance.spent),
            refused: balance.refused,
        };
        let meter = self.meters.iter().find(|(s, _)| rule == Rule::Burn(*s)).map(|(_, m)| m);
        let text = text::raised(rule, balance, self.outlook.as_ref(), meter, now);
        let event = self.event(&state, Phase::Raised, audience, text, now);
        self.states.retain(|s| s.rule != rule);
        self.states.push(state);
        event
    }

    /// Ends what was told and is chosen.
    fn end(&mut self, why: Recovery, ends: impl Fn(&State) -> bool, now: Timestamp, events: &mut Vec<Event>) {
        let is_over = |s: &&State| s.is_raised && ends(s);
        let over: Vec<(Rule, Recovery)> = self.states.iter().filter(is_over).map(|s| (s.rule, why)).collect();
        self.recover(&over, now, events);
    }

    /// Ends everything that was told.
    pub(super) fn end_all(&mut self, why: Recovery, now: Timestamp, events: &mut Vec<Event>) {
        self.end(why, |_| true, now, events);
    }

    /// Tells that rules are over. Of several at once, the one that matters most is told to everyone.
    fn recover(&mut self, over: &[(Rule, Recovery)], now: Timestamp, events: &mut Vec<Event>) {
        let loudest = self.loudest(over);
        for &(rule, why) in over {
            let refused = self.balance.as_ref().map_or(0, |b| b.refused);
            let Some(state) = self.states.iter_mut().find(|s| s.rule == rule && s.is_raised) else {
                continue;
            };
            (state.is_raised, state.refused) = (false, refused);
            let audience = match state.audience {
                Audience::Nobody => Audience::Nobody,
                _ if loudest == Some(rule) => Audience::Everyone,
                _ => Audience::Incidents,
            };
            let state = state.clone();
            let text = text::recovered(rule, why, &self.who(), &self.figures);
            events.push(self.event(&state, Phase::Recovered(why), audience, text, now));
        }
    }

    /// Which of several recoveries is told to everyone: none where they matter too little for that.
    fn loudest(&self, over: &[(Rule, Recovery)]) -> Option<Rule> {
        let raised_to = |rule| self.states.iter().find(|s| s.rule == rule).map(|s| s.audience);
        let is_loud = |&&(rule, why): &&(Rule, Recovery)| {
            let matters = match why {
                Recovery::BackBelow => rule.severity() >= Severity::Warning,
                _ => rule.severity() == Severity::Critical,
            };
            matters && raised_to(rule) == Some(Audience::Everyone)
        };
        let loud = over.iter().filter(is_loud).map(|(rule, _)| *rule);
        loud.max_by_key(|rule| (rule.severity(), *rule == Rule::Exhausted, Reverse(*rule)))
    }

    /// An event about a state of this account as it is now.
    fn event(&self, state: &State, phase: Phase, audience: Audience, text: String, now: Timestamp) -> Event {
        let case = Case {
            budget: Some(self.name.clone()),
            instance: self.instance.clone(),
            window: state.window,
            rule: state.rule,
            episode: state.episode,
        };
        let figures = self.figures.clone();
        Event { case, phase, severity: state.rule.severity(), at: now, audience, figures, text }
    }

    /// Ends what is over with its window; whether nothing is left to remember, so that it is a new account when it is
    /// seen next. Whether a life is over only the ledger knows.
    pub(super) fn end_if_over(&mut self, now: Timestamp, events: &mut Vec<Event>) -> bool {
        self.end(Recovery::PeriodEnded, |s| s.window.end <= now, now, events);
        self.states.retain(|s| s.window.end > now);
        if self.balance.is_some() { self.window.end <= now } else { self.states.is_empty() }
    }

    /// Whether time alone may have changed something in it.
    pub(super) fn wants_a_look(&self, now: Timestamp) -> bool {
        self.is_raised() || self.balance.as_ref().is_some_and(|b| has_ended(b, now))
    }

    /// By when it has to be looked at although nothing was called.
    pub(super) fn next_look(&self, now: Timestamp) -> Timestamp {
        let mut next = self.window.end;
        let mut by = |at: Timestamp| {
            if at > now {
                next = next.min(at);
            }
        };
        let Some(balance) = &self.balance else { return now };
        for increase in &balance.budget.increases {
            by(increase.from);
            by(increase.until);
        }
        if let Some(step) = balance.budget.period.bucket_micros().filter(|_| self.is_raised()) {
            by(Timestamp::from_micros((now.micros().div_euclid(step) + 1) * step));
        }
        if let Some(end) = end_of_life(balance) {
            by(end);
        }
        if let Some(cooling) = self.cooling(balance) {
            by(now.plus_micros(cooling));
        }
        next
    }

    /// How long until a look may find that a burning has ended.
    fn cooling(&self, balance: &Balance) -> Option<i64> {
        let speeds = self.states.iter().filter(|s| s.is_raised).filter_map(|s| match s.rule {
            Rule::Burn(speed) => Some(speed),
            _ => None,
        });
        let rules = speeds.filter_map(|s| BurnRule::of(s, &balance.budget.period, balance.window));
        rules.map(|rule| rule.bucket_micros().max(1_000_000)).min()
    }

    /// Whether something of it was told and is not over.
    fn is_raised(&self) -> bool {
        self.states.iter().any(|s| s.is_raised)
    }

    fn who(&self) -> String {
        text::who(&self.name, self.instance.as_deref())
    }
}

fn threshold(amount: i64, limit: i64, percent: u16) -> Verdict {
    if limit <= 0 {
        return if amount > 0 || limit < 0 { Verdict::Crossed } else { Verdict::Clear };
    }
    let (reached, wanted) = (i128::from(amount) * 100, i128::from(limit) * i128::from(percent));
    if reached >= wanted {
        Verdict::Crossed
    } else if reached * 100 < wanted * HYSTERESIS {
        Verdict::Clear
    } else {
        Verdict::Between
    }
}

fn exhausted(state: Option<&State>, balance: &Balance) -> Verdict {
    let left = balance.limit.saturating_sub(balance.spent);
    if left <= 0 && balance.spent > 0 {
        return Verdict::Crossed;
    }
    match state.filter(|s| s.is_raised) {
        Some(raised) => {
            let has_room = i128::from(left) * 100 >= i128::from(balance.limit) * ROOM;
            if has_room && left > raised.left { Verdict::Clear } else { Verdict::Between }
        }
        None if balance.refused > state.map_or(0, |s| s.refused) => Verdict::Crossed,
        None => Verdict::Clear,
    }
}

/// When a life is over if nothing is called any more; `None` for other periods.
fn end_of_life(balance: &Balance) -> Option<Timestamp> {
    match &balance.budget.period {
        Period::Life { idle } => {
            let idle = i64::try_from(idle.as_micros()).unwrap_or(i64::MAX);
            Some(balance.last.plus_micros(idle.saturating_add(1)))
        }
        Period::Calendar { .. } | Period::Rolling { .. } => None,
    }
}

/// Whether a life is over: what happened in it was told then.
pub(super) fn has_ended(balance: &Balance, now: Timestamp) -> bool {
    end_of_life(balance).is_some_and(|end| now >= end)
}

/// Something that is told once in a window, and over with it.
fn noted(is_so: bool) -> Verdict {
    if is_so { Verdict::Crossed } else { Verdict::Between }
}
