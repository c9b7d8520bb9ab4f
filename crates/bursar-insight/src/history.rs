//! What accounts of budgets have spent, hour by hour, for forecasts; and what drives it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bursar_core::budget::{Budget, BudgetName, ModelTiers, Period, Subject, ThresholdOn, Window};
use bursar_core::ledger::{Amounts, Balance};
use bursar_core::{Hour, Timestamp};

use crate::driver::{Driver, DriverOf, Part, Stretch, driver};
use crate::pace::{Pace, Question, pace};
use crate::series::{Series, Step};

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
/// A window up to this long is forecast by hours, a longer one by days.
const BY_HOURS: i64 = 8 * DAY;
/// How far back a history reaches.
const REACH: i64 = 182 * DAY;
/// No more shares of one budget are forecast.
const MOST_SHARES: usize = 1_000;

/// The spend of one account by the hour of UTC in which calls began.
type Hours = BTreeMap<Hour, i64>;

/// The accounts of a budget, by whose share they are.
type Shares = BTreeMap<Option<String>, Hours>;

/// The histories of all budgets that have a threshold on the forecast.
#[derive(Clone, Debug, Default)]
pub struct Histories {
    tiers: ModelTiers,
    budgets: Vec<(Arc<Budget>, Shares)>,
}

impl Histories {
    /// Empty histories of those of the budgets that are to be forecast.
    #[must_use]
    pub fn of(budgets: impl IntoIterator<Item = Arc<Budget>>, tiers: ModelTiers) -> Histories {
        let forecast = budgets.into_iter().filter(|b| is_forecast(b));
        Histories { tiers, budgets: forecast.map(|b| (b, BTreeMap::new())).collect() }
    }

    /// Whether they are of these budgets, as far as what is counted goes.
    #[must_use]
    pub fn are_of<'a>(&self, budgets: impl IntoIterator<Item = &'a Arc<Budget>>) -> bool {
        let mut mine = self.budgets.iter().map(|(b, _)| b);
        let counts_alike = |a: &Budget, b: &Budget| {
            a.name == b.name && a.scopes == b.scopes && a.per == b.per && a.unit == b.unit
        };
        budgets
            .into_iter()
            .filter(|b| is_forecast(b))
            .all(|theirs| mine.next().is_some_and(|mine| counts_alike(mine, theirs)))
            && mine.next().is_none()
    }

    /// The budgets.
    pub fn budgets(&self) -> impl Iterator<Item = &Arc<Budget>> {
        self.budgets.iter().map(|(budget, _)| budget)
    }

    /// The earliest call that still counts.
    #[must_use]
    pub const fn since(now: Timestamp) -> Timestamp {
        now.plus_micros(-REACH)
    }

    /// Takes a call. One without a known price adds nothing to budgets in dollars.
    pub fn take(&mut self, subject: &Subject, at: Timestamp, used: &Amounts) {
        for (budget, shares) in &mut self.budgets {
            let Some(amount) = used.of(budget.unit).filter(|a| *a != 0) else { continue };
            let Some(instance) = instance_of(budget, subject, &self.tiers) else { continue };
            if shares.len() >= MOST_SHARES && !shares.contains_key(&instance) {
                continue;
            }
            let sum = shares.entry(instance).or_default().entry(at.hour()).or_default();
            *sum = sum.saturating_add(amount);
        }
    }

    /// Forgets what is too long ago.
    pub fn forget(&mut self, now: Timestamp) {
        let first = Histories::since(now).hour();
        for (_, shares) in &mut self.budgets {
            shares.retain(|_, hours| {
                *hours = hours.split_off(&first);
                !hours.is_empty()
            });
        }
    }

    /// Where an account is heading; `None` where its history is too short or it is not forecast.
    #[must_use]
    pub fn pace(&self, balance: &Balance, now: Timestamp) -> Option<Pace> {
        let name = &balance.budget.name;
        let (_, shares) = self.budgets.iter().find(|(b, _)| b.name == *name)?;
        let hours = shares.get(&balance.instance)?;
        let window = balance.window;
        let is_short = window.end.micros().checked_sub(window.start.micros())? <= BY_HOURS;
        let step = if is_short { Step::Hour } else { Step::Day };
        let spent = hours.iter().map(|(hour, amount)| (hour.start(), *amount));
        let history = Series::collect(step, window.start, spent, now);
        let question =
            Question { history: &history, window, now, spent: balance.spent, limit: balance.limit };
        pace(&question, seed_of(name, balance.instance.as_deref()))
    }
}

/// Whether a budget is forecast: its period has an end, and somebody wants to know.
fn is_forecast(budget: &Budget) -> bool {
    let wants = budget.thresholds.iter().any(|t| t.on == ThresholdOn::Forecast);
    wants && matches!(budget.period, Period::Calendar { .. })
}

/// Whose share of a budget a call is; `None` where the budget does not cover it.
fn instance_of(budget: &Budget, subject: &Subject, tiers: &ModelTiers) -> Option<Option<String>> {
    if !budget.scopes.iter().any(|s| s.covers(subject, tiers)) {
        return None;
    }
    let values: Option<Vec<&str>> = budget.per.iter().map(|field| field.of(subject)).collect();
    values.map(|values| (!values.is_empty()).then(|| values.join(" / ")))
}

/// The same for the same account, so that a forecast does not change by chance.
fn seed_of(name: &BudgetName, instance: Option<&str>) -> u64 {
    let bytes = name.as_str().bytes().chain([0]).chain(instance.unwrap_or_default().bytes());
    // FNV-1a.
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What an account spent lately and before, by what drives it.
#[derive(Clone, Debug)]
pub struct Drivers {
    budget: Arc<Budget>,
    instance: Option<String>,
    tiers: ModelTiers,
    /// When the earlier stretch begins, when the later one does, and when that ends.
    bounds: (Timestamp, Timestamp, Timestamp),
    before: BTreeMap<(DriverOf, Option<String>), i64>,
    after: BTreeMap<(DriverOf, Option<String>), i64>,
}

impl Drivers {
    /// For a window of up to eight days the last day against the week before it; for a longer one the last week against
    /// the four weeks before.
    #[must_use]
    pub fn of(
        budget: &Arc<Budget>,
        instance: Option<String>,
        tiers: &ModelTiers,
        window: Window,
        now: Timestamp,
    ) -> Drivers {
        let length = window.end.micros().saturating_sub(window.start.micros());
        let (after, before) = if length <= BY_HOURS { (DAY, 7 * DAY) } else { (7 * DAY, 28 * DAY) };
        let middle = now.plus_micros(-after);
        Drivers {
            budget: Arc::clone(budget),
            instance,
            tiers: tiers.clone(),
            bounds: (middle.plus_micros(-before), middle, now),
            before: BTreeMap::new(),
            after: BTreeMap::new(),
        }
    }

    /// The earliest call that counts.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        self.bounds.0
    }

    /// Takes a call.
    pub fn take(&mut self, subject: &Subject, at: Timestamp, used: &Amounts) {
        let (start, middle, end) = self.bounds;
        if at < start
            || at >= end
            || instance_of(&self.budget, subject, &self.tiers) != Some(self.instance.clone())
        {
            return;
        }
        let Some(amount) = used.of(self.budget.unit) else { return };
        let sums = if at < middle { &mut self.before } else { &mut self.after };
        let a = &subject.attribution;
        let value = |of| match of {
            DriverOf::Task => &a.task,
            DriverOf::Consumer => &a.consumer,
            DriverOf::Workflow => &a.workflow,
            DriverOf::App => &a.app,
            DriverOf::Model => &subject.model,
            DriverOf::Team => &a.team,
        };
        for of in DriverOf::ALL {
            let sum = sums.entry((of, value(of).clone())).or_default();
            *sum = sum.saturating_add(amount);
        }
    }

    /// What grew most.
    #[must_use]
    pub fn driver(&self) -> Option<Driver> {
        let parts = |sums: &BTreeMap<(DriverOf, Option<String>), i64>| -> Vec<Part> {
            sums.iter().map(|((of, value), &amount)| Part { of: *of, value: value.clone(), amount }).collect()
        };
        let (start, middle, end) = self.bounds;
        let length = |from: Timestamp, to: Timestamp| {
            Duration::from_micros(u64::try_from(to.micros() - from.micros()).unwrap_or(0))
        };
        let (before, after) = (parts(&self.before), parts(&self.after));
        driver(
            Stretch { length: length(start, middle), parts: &before },
            Stretch { length: length(middle, end), parts: &after },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::Money;
    use bursar_core::budget::{BudgetUnit, ScopeField};
    use bursar_core::ledger::Ledger;

    const DOLLAR: i64 = 1_000_000_000;

    fn day(n: i64) -> Timestamp {
        Timestamp::from_date(2026, 7, 1).unwrap().plus_micros(n * DAY)
    }

    fn budget() -> Arc<Budget> {
        let mut budget = Budget::new("support".parse().unwrap(), BudgetUnit::Usd, 400 * DOLLAR);
        budget.per = vec![ScopeField::Team];
        Arc::new(budget)
    }

    fn subject(team: &str, workflow: &str) -> Subject {
        let mut subject = Subject::default();
        subject.attribution.team = Some(team.to_owned());
        subject.attribution.workflow = Some(workflow.to_owned());
        subject
    }

    fn dollars(n: i64) -> Amounts {
        Amounts { usd: Some(Money::from_nanos(n * DOLLAR)), tokens: 0 }
    }

    /// Ten dollars a day of `chat`, and from the eighth of July on thirty more of `triage`.
    fn calls() -> impl Iterator<Item = (Subject, Timestamp, Amounts)> {
        (-30..14).flat_map(|n| {
            let at = day(n).plus_micros(9 * HOUR);
            let chat = (subject("support", "chat"), at, dollars(10));
            let triage = (subject("support", "triage"), at, dollars(if n < 7 { 1 } else { 30 }));
            [chat, triage, (subject("legal", "review"), at, dollars(500))]
        })
    }

    fn balance(now: Timestamp) -> Balance {
        let mut ledger = Ledger::new(ModelTiers::default());
        ledger.define(Budget::clone(&budget()), |_| true);
        calls().for_each(|(subject, at, used)| ledger.post(&subject, at, used));
        let all = ledger.balances(&"support".parse().unwrap(), now);
        all.into_iter().find(|b| b.instance.as_deref() == Some("support")).unwrap()
    }

    #[test]
    fn a_share_is_forecast_from_its_own_calls() {
        let mut histories = Histories::of([budget()], ModelTiers::default());
        calls().for_each(|(subject, at, used)| histories.take(&subject, at, &used));
        let pace = histories.pace(&balance(day(14)), day(14)).unwrap();
        assert_eq!(pace.spent, (14 * 10 + 7 + 7 * 30) * DOLLAR);
        // Between going on as in the whole month and as in the last week.
        assert!((700 * DOLLAR..=1_100 * DOLLAR).contains(&pace.total), "{pace:?}");
        assert_eq!(pace.steps, 44);
    }

    #[test]
    fn the_workflow_that_grew_is_what_drives_it() {
        let window = balance(day(14)).window;
        let share = Some("support".to_owned());
        let mut drivers = Drivers::of(&budget(), share, &ModelTiers::default(), window, day(14));
        calls().for_each(|(subject, at, used)| drivers.take(&subject, at, &used));
        assert_eq!(drivers.driver().unwrap().to_string(), "workflow triage +2900 %");
    }

    #[test]
    fn only_budgets_with_a_threshold_on_the_forecast_are_kept() {
        let mut other = Budget::clone(&budget());
        other.thresholds.clear();
        let histories = Histories::of([Arc::new(other.clone()), budget()], ModelTiers::default());
        assert_eq!(histories.budgets().count(), 1);
        assert!(histories.are_of(&[budget(), Arc::new(other)]));
        let mut wider = Budget::clone(&budget());
        wider.per.clear();
        assert!(!histories.are_of(&[Arc::new(wider)]) && !histories.are_of(&[]));
    }

    #[test]
    fn what_is_longer_ago_than_half_a_year_is_forgotten() {
        let mut histories = Histories::of([budget()], ModelTiers::default());
        histories.take(&subject("support", "chat"), day(0), &dollars(1));
        histories.forget(day(181));
        assert_eq!(histories.budgets[0].1.len(), 1);
        histories.forget(day(183));
        assert_eq!(histories.budgets[0].1.len(), 0);
    }
}
