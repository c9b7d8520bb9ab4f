//! One schedule: a family of budgets and some dozens of events, with everything checked after each.

use std::sync::Arc;

use bursar_core::budget::{Budget, Increase, ModelTiers, Period, Subject, WhenTight};
use bursar_core::ledger::{Amounts, Balance, Command, HoldRequest, Ledger, Outcome, ShortBy, Shortage};
use bursar_core::{Money, RecordId, RequestId, Timestamp};

use crate::chance::Chance;
use crate::family::{APPS, DAY, family};
use crate::shadow::{Call, Shadow};

/// How often each kind of event happened: a simulation in which something never happens shows nothing about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) held: u64,
    pub(crate) refused: u64,
    pub(crate) settled: u64,
    pub(crate) overruns: u64,
    pub(crate) cancelled: u64,
    pub(crate) crashed: u64,
    pub(crate) expired: u64,
    pub(crate) late: u64,
    pub(crate) duplicates: u64,
    pub(crate) clock_jumps: u64,
    pub(crate) rollovers_in_mid_call: u64,
    pub(crate) raised: u64,
    pub(crate) paused: u64,
    pub(crate) restarts: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, more: &Tally) {
        for (mine, theirs) in self.all_mut().into_iter().zip(more.all()) {
            *mine += theirs.1;
        }
    }

    pub(crate) fn all(&self) -> [(&'static str, u64); 14] {
        [
            ("held", self.held),
            ("refused", self.refused),
            ("settled", self.settled),
            ("overruns", self.overruns),
            ("cancelled", self.cancelled),
            ("crashed", self.crashed),
            ("leases that ended", self.expired),
            ("late settlements", self.late),
            ("duplicates", self.duplicates),
            ("clock jumps", self.clock_jumps),
            ("rollovers in mid-call", self.rollovers_in_mid_call),
            ("raised", self.raised),
            ("paused or resumed", self.paused),
            ("restarts from kept state", self.restarts),
        ]
    }

    fn all_mut(&mut self) -> [&mut u64; 14] {
        [
            &mut self.held,
            &mut self.refused,
            &mut self.settled,
            &mut self.overruns,
            &mut self.cancelled,
            &mut self.crashed,
            &mut self.expired,
            &mut self.late,
            &mut self.duplicates,
            &mut self.clock_jumps,
            &mut self.rollovers_in_mid_call,
            &mut self.raised,
            &mut self.paused,
            &mut self.restarts,
        ]
    }
}

struct Schedule {
    chance: Chance,
    ledger: Ledger,
    budgets: Vec<Budget>,
    shadow: Shadow,
    open: Vec<RecordId>,
    crashed: Vec<RecordId>,
    start: Timestamp,
    now: Timestamp,
    next: u128,
    tally: Tally,
    /// Whether anything happened after which an enforcing budget may be below zero.
    excused: bool,
    /// Whether the clock was ever set back: spend of a rolling period may then be forgotten before it is over.
    set_back: bool,
    /// Whether definitions changed, so that a replay under the last ones carries something else over.
    redefined: bool,
}

/// Runs the schedule of a seed; panics with the seed where an invariant does not hold.
pub(crate) fn run(seed: u64) -> Tally {
    let mut chance = Chance::new(seed);
    let start = Timestamp::from_date(2026, 3, 1).unwrap().plus_micros(chance.between(0, DAY));
    let budgets = family(&mut chance, start);
    let mut ledger = Ledger::new(ModelTiers::default());
    for budget in &budgets {
        ledger.apply(Command::Define(Box::new(budget.clone())), start);
    }
    // An increase that ends leaves less than was let out on its strength.
    let excused = budgets.iter().any(|b| !b.increases.is_empty());
    let mut schedule = Schedule {
        chance,
        ledger,
        budgets,
        shadow: Shadow::default(),
        open: Vec::new(),
        crashed: Vec::new(),
        start,
        now: start,
        next: 0,
        tally: Tally::default(),
        excused,
        set_back: false,
        redefined: false,
    };
    for step in 0..schedule.chance.between(20, 60) {
        schedule.step();
        schedule.check(&format!("seed {seed}, step {step}"));
    }
    schedule.end();
    schedule.check(&format!("seed {seed}, end"));
    schedule.check_replay(seed);
    schedule.tally
}

impl Schedule {
    fn step(&mut self) {
        self.now = self.now.plus_micros(self.chance.between(0, DAY / 40));
        match self.chance.below(100) {
            0..40 => self.hold(),
            40..68 => self.settle(),
            68..73 => self.cancel(),
            73..77 => self.crash(),
            77..80 => self.late(),
            80..83 => self.duplicate(),
            83..86 => self.jump(),
            86..91 => self.expire(),
            91..94 => self.extend(),
            94..96 => self.raise(),
            96..98 => self.pause(),
            _ => self.restart(),
        }
    }

    fn hold(&mut self) {
        let id = RecordId { request: RequestId(self.next), attempt: 0 };
        self.next += 1;
        let subject = self.subject();
        let usd = Some(Money::from_nanos(self.chance.between(0, 6_000)));
        let ceiling = Amounts { usd, tokens: self.chance.below(9_000) };
        let request = HoldRequest {
            id,
            subject: Arc::new(subject.clone()),
            at: self.now,
            ceiling,
            lease_until: self.now.plus_micros(self.chance.between(1, DAY / 10)),
            unpriced_passes: false,
        };
        let before = self.balances();
        match self.ledger.apply(Command::Hold(request), self.now) {
            Outcome::Held(_) => {
                self.tally.held += 1;
                self.open.push(id);
                let call = Call { subject, at: self.now, ceiling, actual: None, holds: true };
                self.shadow.calls.insert(id, call);
            }
            Outcome::Short(short) => {
                self.tally.refused += 1;
                assert!(short.iter().all(is_short), "refused although there was room: {short:?}");
                let after = self.balances();
                for balance in &before {
                    let same =
                        |b: &&Balance| b.budget.name == balance.budget.name && b.instance == balance.instance;
                    let now = after.iter().find(same).expect("an account stays");
                    assert_eq!((now.held, now.spent), (balance.held, balance.spent), "half held");
                }
            }
            other => panic!("{other:?}"),
        }
    }

    fn subject(&mut self) -> Subject {
        let mut subject = Subject { provider: "openai".into(), ..Subject::default() };
        let team = if self.chance.percent(90) { "support" } else { "legal" };
        subject.attribution.team = Some(team.into());
        subject.attribution.app = Some((*self.chance.one(&APPS)).into());
        let consumer = self.chance.below(4);
        subject.attribution.consumer = (consumer > 0).then(|| format!("c{consumer}"));
        let task = self.chance.below(3);
        subject.attribution.task = (task > 0).then(|| format!("t{task}"));
        subject
    }

    /// What a call used: most often within its ceiling, sometimes beyond it.
    fn actual(&mut self, id: RecordId) -> Amounts {
        let ceiling = self.shadow.calls[&id].ceiling;
        let usd = ceiling.usd.unwrap().nanos();
        let is_over = self.chance.percent(5);
        let most = if is_over { usd + 2_000 } else { usd + 1 };
        let actual = Amounts {
            usd: Some(Money::from_nanos(self.chance.between(0, most.max(1)))),
            tokens: self.chance.below(ceiling.tokens + 1),
        };
        if actual.usd > ceiling.usd {
            self.tally.overruns += 1;
            self.excused = true;
        }
        actual
    }

    fn take_open(&mut self) -> Option<RecordId> {
        if self.open.is_empty() {
            return None;
        }
        let place = self.chance.below(self.open.len() as u64);
        Some(self.open.swap_remove(usize::try_from(place).unwrap()))
    }

    fn settle(&mut self) {
        let Some(id) = self.take_open() else { return };
        let actual = self.actual(id);
        self.settle_with(id, actual);
    }

    fn settle_with(&mut self, id: RecordId, actual: Amounts) {
        let outcome = self.ledger.apply(Command::Settle { id, actual }, self.now);
        let call = self.shadow.calls.get_mut(&id).unwrap();
        match outcome {
            Outcome::Settled(_) => {
                self.tally.settled += 1;
                let day = |t: Timestamp| t.micros().div_euclid(DAY);
                self.tally.rollovers_in_mid_call += u64::from(day(call.at) != day(self.now));
                // What was free again meanwhile may have been given to others.
                self.excused |= !call.holds;
                call.actual = Some(actual);
                self.shadow.settled.push(id);
            }
            // Forgotten a day after its lease; the clock was set far ahead.
            Outcome::Unknown => {
                call.holds = false;
                call.actual = None;
            }
            other => panic!("{other:?}"),
        }
    }

    fn cancel(&mut self) {
        let Some(id) = self.take_open() else { return };
        self.tally.cancelled += 1;
        if self.chance.percent(50) {
            let known = matches!(self.ledger.apply(Command::Release { id }, self.now), Outcome::Done);
            let call = self.shadow.calls.get_mut(&id).unwrap();
            call.holds = false;
            call.actual = known.then_some(Amounts::ZERO);
        } else {
            let actual = self.actual(id);
            self.settle_with(id, actual);
        }
    }

    /// Whoever would have settled is gone.
    fn crash(&mut self) {
        while let Some(id) = self.take_open() {
            self.tally.crashed += 1;
            self.crashed.push(id);
            if self.chance.percent(60) {
                break;
            }
        }
    }

    fn late(&mut self) {
        if let Some(id) = self.crashed.pop() {
            self.tally.late += 1;
            let actual = self.actual(id);
            self.settle_with(id, actual);
        }
    }

    /// The same settlement or hold once more: nothing changes.
    fn duplicate(&mut self) {
        let before = self.amounts();
        if let Some(&id) = self.shadow.settled.last() {
            let actual = Amounts { usd: Some(Money::from_nanos(999)), tokens: 999 };
            assert!(matches!(self.ledger.apply(Command::Settle { id, actual }, self.now), Outcome::Unknown));
            self.tally.duplicates += 1;
        }
        // A hold is forgotten a day after its lease.
        let known: Vec<RecordId> = self.ledger.open_ids().collect();
        if let Some(&id) = self.open.last().filter(|id| known.contains(id)) {
            let call = self.shadow.calls[&id].clone();
            let request = HoldRequest {
                id,
                subject: Arc::new(call.subject),
                at: call.at,
                ceiling: call.ceiling,
                lease_until: self.now,
                unpriced_passes: false,
            };
            assert!(matches!(self.ledger.apply(Command::Hold(request), self.now), Outcome::Held(_)));
            self.tally.duplicates += 1;
        }
        assert_eq!(before, self.amounts(), "a duplicate changed something");
    }

    fn amounts(&mut self) -> Vec<(i64, i64, i64)> {
        self.balances().iter().map(|b| (b.limit, b.held, b.spent)).collect()
    }

    fn jump(&mut self) {
        self.tally.clock_jumps += 1;
        // Never to before the budgets began.
        let by = self.chance.between(-DAY / 4, DAY + DAY / 2);
        // What had left a rolling period counts again when the clock is set back.
        self.excused |= by < 0;
        self.set_back |= by < 0;
        self.now = self.now.plus_micros(by).max(self.start);
    }

    fn expire(&mut self) {
        let Outcome::Expired(count) = self.ledger.apply(Command::Expire, self.now) else { panic!() };
        self.tally.expired += count as u64;
        self.follow_leases();
    }

    /// The shadow learns which holds the ledger has let go.
    fn follow_leases(&mut self) {
        for call in self.shadow.calls.values_mut().filter(|c| c.actual.is_none()) {
            call.holds = false;
        }
        for id in self.ledger.held_ids() {
            self.shadow.calls.get_mut(&id).unwrap().holds = true;
        }
    }

    fn extend(&mut self) {
        if let Some(&id) = self.open.last() {
            let lease_until = self.now.plus_micros(self.chance.between(1, DAY / 10));
            self.ledger.apply(Command::Extend { id, lease_until }, self.now);
        }
    }

    fn raise(&mut self) {
        self.tally.raised += 1;
        let place = usize::try_from(self.chance.below(self.budgets.len() as u64)).unwrap();
        let by = self.chance.between(-3_000, 8_000);
        let from = self.now;
        let until = self.now.plus_micros(self.chance.between(1, DAY));
        let budget = &mut self.budgets[place];
        if by > 0 && self.chance.percent(50) {
            budget.increases.push(Increase { amount: by, from, until, by: "o".into(), why: "w".into() });
        } else {
            budget.amount = (budget.amount + by).max(0);
        }
        self.excused = true;
        self.redefined = true;
        let budget = budget.clone();
        let outcome = self.ledger.apply(Command::Define(Box::new(budget)), self.now);
        assert!(matches!(outcome, Outcome::Defined { fresh: false }));
    }

    fn pause(&mut self) {
        self.tally.paused += 1;
        let place = usize::try_from(self.chance.below(self.budgets.len() as u64)).unwrap();
        self.budgets[place].paused = !self.budgets[place].paused;
        let budget = self.budgets[place].clone();
        self.ledger.apply(Command::Define(Box::new(budget)), self.now);
    }

    /// The process ends and begins again: what was posted is found again, holds are gone, their calls crashed.
    fn restart(&mut self) {
        if self.chance.percent(50) {
            return;
        }
        self.tally.restarts += 1;
        let mut fresh = Ledger::new(ModelTiers::default());
        for budget in &self.budgets {
            fresh.apply(Command::Define(Box::new(budget.clone())), self.now);
        }
        for state in self.ledger.states() {
            assert!(fresh.restore(state));
        }
        self.ledger = fresh;
        for id in self.open.drain(..).chain(self.crashed.drain(..)) {
            self.shadow.calls.get_mut(&id).unwrap().holds = false;
            // Room that a lost call had may be given to others; its spend is posted here by nobody.
            self.excused = true;
        }
    }

    /// All that is still on its way comes to an end.
    fn end(&mut self) {
        while let Some(id) = self.take_open().or_else(|| self.crashed.pop()) {
            let actual = self.actual(id);
            self.settle_with(id, actual);
        }
        self.now = self.now.plus_micros(DAY / 5);
        self.expire();
    }

    fn balances(&mut self) -> Vec<Balance> {
        let names: Vec<_> = self.budgets.iter().map(|b| b.name.clone()).collect();
        names.iter().flat_map(|name| self.ledger.balances(name, self.now)).collect()
    }

    fn check(&mut self, whence: &str) {
        let balances = self.balances();
        for b in &balances {
            let what = format!("{whence}: {} {:?} {:?}", b.budget.name, b.instance, b.window);
            assert_eq!(b.limit - b.held - b.spent, b.available, "{what}: does not add up");
            let (held, spent) = self.shadow.sums(b, self.now);
            assert_eq!(b.held, held, "{what}: held");
            assert!(b.spent == spent || self.forgets(b), "{what}: spent {} or {spent}", b.spent);
            let enforces = b.budget.when_tight.enforces();
            assert!(!enforces || self.excused || b.available >= 0, "{what}: overspent");
            assert!(b.carried >= 0 || enforces, "{what}: owes what it may overspend");
        }
        self.check_family(&balances, whence);
    }

    fn forgets(&self, balance: &Balance) -> bool {
        self.set_back && matches!(balance.budget.period, Period::Rolling { .. })
    }

    /// What the apps have spent and hold adds up to what their team has, as the team's calls all have an app.
    fn check_family(&self, balances: &[Balance], whence: &str) {
        let team = balances.iter().find(|b| b.budget.name.as_str() == "team").unwrap();
        let apps = balances.iter().filter(|b| b.budget.parent.as_ref() == Some(&team.budget.name));
        let sums =
            apps.filter(|a| a.window == team.window).fold((0, 0), |(h, s), a| (h + a.held, s + a.spent));
        assert_eq!((team.held, team.spent), sums, "{whence}: apps and team");
    }

    /// A ledger that is told the settlements alone, in their order, ends with the same accounts.
    fn check_replay(&mut self, seed: u64) {
        let mut replayed = Ledger::new(ModelTiers::default());
        for budget in &self.budgets {
            replayed.apply(Command::Define(Box::new(budget.clone())), self.now);
        }
        for id in &self.shadow.settled {
            let call = &self.shadow.calls[id];
            let (subject, actual) = (Arc::new(call.subject.clone()), call.actual.unwrap());
            replayed.apply(Command::Post { subject, at: call.at, actual }, self.now);
        }
        for live in self.balances() {
            let same = |b: &Balance| b.instance == live.instance;
            let found = replayed.balances(&live.budget.name, self.now).into_iter().find(same);
            let spent = found.as_ref().map_or(0, |b| b.spent);
            let what = format!("seed {seed}: replay of {} {:?}", live.budget.name, live.instance);
            assert!(live.spent == spent || self.forgets(&live), "{what}: {} or {spent}", live.spent);
            let carried = found.map_or(0, |b| b.carried);
            let is_calendar = matches!(live.budget.period, Period::Calendar { .. });
            if is_calendar && !self.redefined && live.spent > 0 {
                assert_eq!(live.carried, carried, "seed {seed}: carried in {}", live.budget.name);
            }
        }
    }
}

fn is_short(shortage: &Shortage) -> bool {
    match shortage.by {
        ShortBy::Amount => {
            shortage.budget.when_tight >= WhenTight::Downgrade
                && shortage.need > 0
                && shortage.need > shortage.available
        }
        ShortBy::Paused => shortage.budget.paused,
        ShortBy::Unpriced => false,
    }
}
