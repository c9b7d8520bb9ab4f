//! Facts that are too old to be relied on.

use bursar_core::Timestamp;

use super::{Dated, Supply};

/// A fact that is older is stale.
pub const STALE_AFTER_DAYS: i64 = 180;

const DAY_MICROS: i64 = 86_400_000_000;

/// A stale fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleRow {
    /// What it is about, such as `p5.48xlarge of aws, on-demand`.
    pub what: String,
    /// Where it was read, and when.
    pub dated: Dated,
    /// How old it is today, in days.
    pub days: i64,
}

/// Which of the facts behind a plan are stale. A plan that rests on any says so in its verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Staleness {
    /// The stale ones, the oldest first.
    pub stale: Vec<StaleRow>,
    /// How many facts there are.
    pub facts: usize,
}

impl Staleness {
    /// The stale ones among facts, each with what it is about.
    #[must_use]
    pub fn of<'f>(facts: impl IntoIterator<Item = (String, &'f Dated)>, today: Timestamp) -> Staleness {
        let mut staleness = Staleness::default();
        for (what, dated) in facts {
            staleness.facts += 1;
            let days = today.micros().saturating_sub(dated.as_of.micros()).div_euclid(DAY_MICROS);
            if days > STALE_AFTER_DAYS {
                staleness.stale.push(StaleRow { what, dated: dated.clone(), days });
            }
        }
        staleness.stale.sort_by(|a, b| b.days.cmp(&a.days).then_with(|| a.what.cmp(&b.what)));
        staleness
    }

    /// Two lots of facts together.
    #[must_use]
    pub fn and(mut self, other: Staleness) -> Staleness {
        self.facts += other.facts;
        self.stale.extend(other.stale);
        self.stale.sort_by(|a, b| b.days.cmp(&a.days).then_with(|| a.what.cmp(&b.what)));
        self
    }

    /// Whether a verdict that rests on these facts is weakened.
    #[must_use]
    pub fn weakens(&self) -> bool {
        !self.stale.is_empty()
    }

    /// What a verdict says about it; `None` where nothing is stale.
    #[must_use]
    pub fn sentence(&self) -> Option<String> {
        let oldest = self.stale.first()?;
        Some(format!(
            "{} of {} prices and figures are older than {STALE_AFTER_DAYS} days (the oldest, {}, {} days): check them \
             before acting",
            self.stale.len(),
            self.facts,
            oldest.what,
            oldest.days
        ))
    }
}

impl Supply {
    /// Which of the prices are stale.
    #[must_use]
    pub fn staleness(&self, today: Timestamp) -> Staleness {
        let facts = self.rows.iter().flat_map(|row| {
            let named = format!("{} of {}", row.node.name, row.node.provider);
            row.node.offers.iter().map(move |o| (format!("{named}, {}", o.term.name()), &o.dated))
        });
        Staleness::of(facts, today)
    }
}
