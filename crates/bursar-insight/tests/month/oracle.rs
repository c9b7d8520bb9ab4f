//! What must be told, found by looking at every account at every moment at which anything changes.

use std::collections::BTreeMap;

use bursar_core::Timestamp;
use bursar_core::budget::{Period, ThresholdOn, WhenTight};
use bursar_core::ledger::{Balance, Ledger};

/// An account's window and a rule by its name.
pub(crate) type Place = (String, Option<String>, i64, String);

/// Moments at which a rule was crossed and at which it was over, in turn.
pub(crate) type Turns = BTreeMap<Place, Vec<Timestamp>>;

#[derive(Default)]
pub(crate) struct Oracle {
    pub(crate) turns: Turns,
    /// Forecast totals by budget and the beginning of the window.
    pub(crate) forecasts: BTreeMap<(String, i64), i64>,
    /// Left and refused when a budget was found exhausted, or refused when that was over.
    exhausted: BTreeMap<(String, Option<String>, i64), (i64, u64)>,
}

impl Oracle {
    /// Looks at everything.
    pub(crate) fn look(&mut self, ledger: &mut Ledger, now: Timestamp) {
        let budgets: Vec<_> = ledger.budgets().cloned().collect();
        let mut current = Vec::new();
        for budget in &budgets {
            for balance in ledger.balances(&budget.name, now) {
                if !is_over(&balance, now) {
                    current.push(account_of(&balance));
                    self.look_at(&balance, now);
                }
            }
        }
        self.end_the_rest(&current, now);
    }

    fn look_at(&mut self, balance: &Balance, now: Timestamp) {
        let name = balance.budget.name.to_string();
        let forecast = self.forecasts.get(&(name, balance.window.start.micros())).copied();
        for threshold in &balance.budget.thresholds {
            let (kind, amount) = match threshold.on {
                ThresholdOn::Actual => ("actual", Some(balance.spent)),
                ThresholdOn::Forecast => ("forecast", forecast.map(|f| f.max(balance.spent))),
            };
            let Some(amount) = amount else { continue };
            let percent = f64::from(threshold.percent) / 100.0;
            // Far from the range in which such a product is inexact; a tie is decided in whole numbers.
            let wanted = i128::from(balance.limit) * i128::from(threshold.percent);
            let is_crossed = if balance.limit > 0 {
                i128::from(amount) * 100 >= wanted
            } else {
                amount > 0 || balance.limit < 0
            };
            let is_clear = if balance.limit > 0 {
                (amount as f64) < balance.limit as f64 * percent * 0.95
            } else {
                !is_crossed
            };
            self.turn(balance, &format!("{kind}:{}", threshold.percent), is_crossed, is_clear, now);
        }
        if balance.budget.when_tight != WhenTight::Observe {
            self.turn(balance, "unpriced", balance.unpriced > 0, false, now);
        }
        if balance.budget.when_tight.enforces() {
            self.turn(balance, "overrun", balance.overrun > 0, false, now);
            self.look_whether_exhausted(balance, now);
        }
    }

    fn look_whether_exhausted(&mut self, balance: &Balance, now: Timestamp) {
        let key = account_of(balance);
        let left = balance.limit - balance.spent;
        let is_raised = self.is_raised(balance, "exhausted");
        let (left_then, refused_then) = self.exhausted.get(&key).copied().unwrap_or((0, 0));
        let is_empty = left <= 0 && balance.spent > 0;
        let is_crossed = is_empty || (!is_raised && balance.refused > refused_then);
        let is_clear = is_raised && !is_empty && left > left_then && left * 20 >= balance.limit;
        self.turn(balance, "exhausted", is_crossed, is_clear, now);
        if (is_crossed && !is_raised) || is_clear {
            self.exhausted.insert(key, (left, balance.refused));
        }
    }

    fn place(balance: &Balance, rule: &str) -> Place {
        let name = balance.budget.name.to_string();
        (name, balance.instance.clone(), balance.window.start.micros(), rule.to_owned())
    }

    fn is_raised(&self, balance: &Balance, rule: &str) -> bool {
        self.turns.get(&Oracle::place(balance, rule)).is_some_and(|t| t.len() % 2 == 1)
    }

    fn turn(&mut self, balance: &Balance, rule: &str, is_crossed: bool, is_clear: bool, now: Timestamp) {
        let is_raised = self.is_raised(balance, rule);
        if (is_crossed && !is_raised) || (is_clear && is_raised) {
            self.turns.entry(Oracle::place(balance, rule)).or_default().push(now);
        }
    }

    /// What was crossed in windows and budgets that are no more is over now.
    fn end_the_rest(&mut self, current: &[(String, Option<String>, i64)], now: Timestamp) {
        for ((name, instance, start, _), turns) in &mut self.turns {
            let is_current = current.iter().any(|c| (&c.0, &c.1, &c.2) == (&*name, &*instance, &*start));
            if turns.len() % 2 == 1 && !is_current {
                turns.push(now);
            }
        }
    }

    /// A new process counts refusals from nothing.
    pub(crate) fn restart(&mut self) {
        self.exhausted.values_mut().for_each(|(_, refused)| *refused = 0);
    }
}

fn account_of(balance: &Balance) -> (String, Option<String>, i64) {
    (balance.budget.name.to_string(), balance.instance.clone(), balance.window.start.micros())
}

/// A life that is over by now: nothing was called for so long.
fn is_over(balance: &Balance, now: Timestamp) -> bool {
    match &balance.budget.period {
        Period::Life { idle } => now > balance.last.plus_micros(idle.as_micros() as i64),
        _ => false,
    }
}
