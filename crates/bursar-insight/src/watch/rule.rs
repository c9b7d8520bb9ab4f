//! What can be crossed, and how much that matters.

use std::fmt;
use std::str::FromStr;

use bursar_core::budget::{Budget, ThresholdOn, WhenTight};

use crate::burn_rate::BurnSpeed;

/// What can be crossed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// So many per cent of the limit are spent.
    Actual(u16),
    /// So many per cent of the limit will be spent at the period's end if nothing changes.
    Forecast(u16),
    /// Spending is so fast that the amount will not last.
    Burn(BurnSpeed),
    /// Nothing is left, or calls are refused because too little is.
    Exhausted,
    /// Calls cost more than was held for them.
    Overrun,
    /// Calls were made whose price is not known.
    Unpriced,
    /// Calls were made that no budget covers.
    Uncovered,
}

/// How much a warning matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// To know.
    Info,
    /// To act upon soon.
    Warning,
    /// To act upon now: it passes quiet hours.
    Critical,
}

/// A text that is no rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRule(pub String);

impl fmt::Display for BadRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no rule of a warning, such as actual:80, forecast:100 or burn:fast", self.0)
    }
}

impl std::error::Error for BadRule {}

impl Severity {
    /// Every severity, the least first.
    pub const ALL: [Severity; 3] = [Severity::Info, Severity::Warning, Severity::Critical];

    /// The name in configuration and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

impl Rule {
    /// The rules of a budget. One that only observes is watched for its thresholds alone.
    pub(super) fn of(budget: &Budget) -> Vec<Rule> {
        let threshold = |t: &bursar_core::budget::Threshold| match t.on {
            ThresholdOn::Actual => Rule::Actual(t.percent),
            ThresholdOn::Forecast => Rule::Forecast(t.percent),
        };
        let mut rules: Vec<Rule> = budget.thresholds.iter().map(threshold).collect();
        if budget.when_tight != WhenTight::Observe {
            rules.extend([Rule::Burn(BurnSpeed::Fast), Rule::Burn(BurnSpeed::Slow), Rule::Unpriced]);
        }
        if budget.when_tight.enforces() {
            rules.extend([Rule::Exhausted, Rule::Overrun]);
        }
        rules.sort_unstable();
        rules.dedup();
        rules
    }

    /// How much it matters where it is crossed.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Rule::Actual(100..) | Rule::Burn(BurnSpeed::Fast) | Rule::Exhausted => Severity::Critical,
            Rule::Actual(0..80) | Rule::Forecast(0..100) => Severity::Info,
            Rule::Actual(_)
            | Rule::Forecast(_)
            | Rule::Burn(BurnSpeed::Slow)
            | Rule::Overrun
            | Rule::Unpriced
            | Rule::Uncovered => Severity::Warning,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Actual(percent) => write!(f, "actual:{percent}"),
            Rule::Forecast(percent) => write!(f, "forecast:{percent}"),
            Rule::Burn(BurnSpeed::Fast) => f.write_str("burn:fast"),
            Rule::Burn(BurnSpeed::Slow) => f.write_str("burn:slow"),
            Rule::Exhausted => f.write_str("exhausted"),
            Rule::Overrun => f.write_str("overrun"),
            Rule::Unpriced => f.write_str("unpriced"),
            Rule::Uncovered => f.write_str("uncovered"),
        }
    }
}

impl FromStr for Rule {
    type Err = BadRule;

    fn from_str(text: &str) -> Result<Rule, BadRule> {
        let bad = || BadRule(text.to_owned());
        let number = |n: &str| n.parse::<u16>().map_err(|_| bad());
        match text.split_once(':') {
            Some(("actual", percent)) => number(percent).map(Rule::Actual),
            Some(("forecast", percent)) => number(percent).map(Rule::Forecast),
            Some(("burn", "fast")) => Ok(Rule::Burn(BurnSpeed::Fast)),
            Some(("burn", "slow")) => Ok(Rule::Burn(BurnSpeed::Slow)),
            _ => [Rule::Exhausted, Rule::Overrun, Rule::Unpriced, Rule::Uncovered]
                .into_iter()
                .find(|r| r.to_string() == text)
                .ok_or_else(bad),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::budget::BudgetUnit;

    #[test]
    fn a_rule_is_read_as_it_is_written() {
        let plain = [Rule::Exhausted, Rule::Overrun, Rule::Unpriced, Rule::Uncovered];
        let burns = [Rule::Burn(BurnSpeed::Fast), Rule::Burn(BurnSpeed::Slow)];
        for rule in plain.into_iter().chain(burns).chain([Rule::Actual(80), Rule::Forecast(100)]) {
            assert_eq!(rule.to_string().parse(), Ok(rule));
        }
        for text in ["", "actual", "actual:many", "burn:hot", "exhausted:1"] {
            assert!(text.parse::<Rule>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_budget_that_only_observes_is_watched_for_its_thresholds_alone() {
        let mut budget = Budget::new("all".parse().unwrap(), BudgetUnit::Usd, 100);
        budget.when_tight = WhenTight::Observe;
        assert!(Rule::of(&budget).iter().all(|r| matches!(r, Rule::Actual(_) | Rule::Forecast(_))));
        budget.when_tight = WhenTight::Refuse;
        assert!(Rule::of(&budget).contains(&Rule::Exhausted));
    }
}
