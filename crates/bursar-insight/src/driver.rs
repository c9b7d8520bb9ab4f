//! What drives a change of spend: who or what grew most between two stretches of time.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What spend is told apart by. The most specific comes first: where a workflow explains as much as its team, it is the
/// workflow that is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DriverOf {
    /// One agentic run.
    Task,
    /// The end customer or user.
    Consumer,
    /// The workflow or agent within an application.
    Workflow,
    /// The application.
    App,
    /// The model.
    Model,
    /// The team.
    Team,
}

impl DriverOf {
    /// Every one, the most specific first.
    pub const ALL: [DriverOf; 6] = [
        DriverOf::Task,
        DriverOf::Consumer,
        DriverOf::Workflow,
        DriverOf::App,
        DriverOf::Model,
        DriverOf::Team,
    ];

    /// The name in a sentence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            DriverOf::Task => "task",
            DriverOf::Consumer => "consumer",
            DriverOf::Workflow => "workflow",
            DriverOf::App => "app",
            DriverOf::Model => "model",
            DriverOf::Team => "team",
        }
    }
}

/// What one group spent in one of the two stretches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is told apart by.
    pub of: DriverOf,
    /// Which one; `None` where nobody said.
    pub value: Option<String>,
    /// What it spent, in the budget's smallest unit.
    pub amount: i64,
}

/// A stretch of time with what each group spent in it.
#[derive(Clone, Copy, Debug)]
pub struct Stretch<'a> {
    /// How long it is.
    pub length: Duration,
    /// What was spent, by group; several of one group add up.
    pub parts: &'a [Part],
}

/// What grew most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Driver {
    /// What it is.
    pub of: DriverOf,
    /// Which one; `None` for calls where nobody said.
    pub value: Option<String>,
    /// What it spent in the earlier stretch, brought to the later one's length.
    pub before: i64,
    /// What it spent in the later stretch.
    pub after: i64,
}

impl Driver {
    /// By how much it grew.
    #[must_use]
    pub const fn growth(&self) -> i64 {
        self.after.saturating_sub(self.before)
    }

    /// Growth in per cent; `None` where it is new.
    #[must_use]
    pub fn percent(&self) -> Option<i64> {
        (self.before > 0).then(|| {
            let percent = i128::from(self.growth()) * 100 / i128::from(self.before);
            i64::try_from(percent).unwrap_or(i64::MAX)
        })
    }
}

impl fmt::Display for Driver {
    /// `workflow claims-triage +310 %`, `model gpt-5 (new)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (of, value) = (self.of.name(), self.value.as_deref());
        match value {
            Some(value) => write!(f, "{of} {value}")?,
            None => write!(f, "calls without a {of}")?,
        }
        match self.percent() {
            Some(percent) => write!(f, " {percent:+} %"),
            None => f.write_str(" (new)"),
        }
    }
}

/// A dimension explains the growth where one of its values makes up this much of it, in per cent.
const EXPLAINS: i128 = 60;

/// What grew most from the earlier stretch to the later one, at equal lengths; `None` where nothing grew. It is the
/// most specific group that explains most of the whole growth, else the one that explains the largest part. What has
/// only one value tells nothing and is left out.
#[must_use]
pub fn driver(before: Stretch<'_>, after: Stretch<'_>) -> Option<Driver> {
    let mut largest: Option<(i128, Driver)> = None;
    for of in DriverOf::ALL {
        let groups = groups_of(of, before, after);
        let whole: i128 = groups.iter().map(|d| i128::from(d.growth())).sum();
        if groups.len() < 2 {
            continue;
        }
        let Some(top) = groups.into_iter().max_by_key(|d| (d.growth(), std::cmp::Reverse(d.value.clone())))
        else {
            continue;
        };
        if top.growth() <= 0 {
            continue;
        }
        let share = i128::from(top.growth()) * 100 / whole.max(1);
        if whole > 0 && share >= EXPLAINS && top.value.is_some() {
            return Some(top);
        }
        let growth = i128::from(top.growth());
        if largest.as_ref().is_none_or(|(most, _)| growth > *most) {
            largest = Some((growth, top));
        }
    }
    largest.map(|(_, driver)| driver)
}

fn groups_of(of: DriverOf, before: Stretch<'_>, after: Stretch<'_>) -> Vec<Driver> {
    let mut sums: BTreeMap<Option<&str>, (i128, i128)> = BTreeMap::new();
    for part in before.parts.iter().filter(|p| p.of == of) {
        sums.entry(part.value.as_deref()).or_default().0 += i128::from(part.amount);
    }
    for part in after.parts.iter().filter(|p| p.of == of) {
        sums.entry(part.value.as_deref()).or_default().1 += i128::from(part.amount);
    }
    let (from, to) = (before.length.as_micros().max(1), after.length.as_micros());
    let (from, to) = (i128::try_from(from).unwrap_or(i128::MAX), i128::try_from(to).unwrap_or(i128::MAX));
    let brought = |amount: i128| amount.checked_mul(to).map_or(i128::MAX, |n| n / from);
    let within = |n: i128| i64::try_from(n).unwrap_or(i64::MAX);
    sums.into_iter()
        .map(|(value, (earlier, later))| Driver {
            of,
            value: value.map(str::to_owned),
            before: within(brought(earlier)),
            after: within(later),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEEK: Duration = Duration::from_secs(7 * 86_400);

    fn part(of: DriverOf, value: &str, amount: i64) -> Part {
        Part { of, value: (value != "-").then(|| value.to_owned()), amount }
    }

    fn driver_of(before: &[Part], after: &[Part]) -> Option<String> {
        let stretch = |parts| Stretch { length: WEEK, parts };
        driver(stretch(before), stretch(after)).map(|d| d.to_string())
    }

    #[test]
    fn the_most_specific_group_that_explains_the_growth_is_named() {
        let before = [
            part(DriverOf::Team, "claims", 200),
            part(DriverOf::Team, "legal", 50),
            part(DriverOf::Workflow, "claims-triage", 100),
            part(DriverOf::Workflow, "claims-letters", 100),
            part(DriverOf::Workflow, "review", 50),
        ];
        let after = [
            part(DriverOf::Team, "claims", 520),
            part(DriverOf::Team, "legal", 50),
            part(DriverOf::Workflow, "claims-triage", 410),
            part(DriverOf::Workflow, "claims-letters", 110),
            part(DriverOf::Workflow, "review", 50),
        ];
        assert_eq!(driver_of(&before, &after).as_deref(), Some("workflow claims-triage +310 %"));
    }

    #[test]
    fn a_group_that_is_new_has_no_percentage() {
        let before = [part(DriverOf::Model, "small", 100)];
        let after = [part(DriverOf::Model, "small", 100), part(DriverOf::Model, "large", 900)];
        assert_eq!(driver_of(&before, &after).as_deref(), Some("model large (new)"));
    }

    #[test]
    fn what_has_only_one_value_explains_nothing() {
        let before = [part(DriverOf::Team, "support", 10)];
        assert_eq!(driver_of(&before, &[part(DriverOf::Team, "support", 99)]), None);
    }

    #[test]
    fn nothing_that_grew_is_no_driver() {
        let before = [part(DriverOf::App, "a", 100), part(DriverOf::App, "b", 100)];
        assert_eq!(driver_of(&before, &[part(DriverOf::App, "a", 90), part(DriverOf::App, "b", 100)]), None);
    }

    #[test]
    fn stretches_of_different_length_are_brought_to_one_length() {
        let before = [part(DriverOf::App, "a", 400), part(DriverOf::App, "b", 400)];
        let after = [part(DriverOf::App, "a", 150), part(DriverOf::App, "b", 100)];
        let month = Stretch { length: WEEK * 4, parts: &before };
        let found = driver(month, Stretch { length: WEEK, parts: &after }).unwrap();
        assert_eq!((found.before, found.growth(), found.percent()), (100, 50, Some(50)));
    }
}
