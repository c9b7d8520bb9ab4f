//! Spend, grouped.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use bursar_core::{Meter, Money};
use serde::Serialize;
use utoipa::ToSchema;

use super::share_of;
use crate::times;

/// Spend in a time range, by groups: hours and days in their order, everything else the largest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SpendAnswer {
    /// First moment of the range (RFC 3339); the start of an hour.
    pub since: String,
    /// First moment after the range (RFC 3339).
    pub until: String,
    /// The zone of every time in this answer.
    #[schema(example = "UTC")]
    pub zone: String,
    /// The currency of every amount.
    #[schema(example = "USD")]
    pub currency: String,
    /// What the rows are grouped by.
    pub by: Vec<String>,
    /// One row per group.
    pub rows: Vec<SpendRowAnswer>,
    /// All rows together.
    pub total: SpendMeasures,
}

/// The spend of one group.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SpendRowAnswer {
    /// The group's value for each name in `by`; `null` where nobody said.
    pub group: BTreeMap<String, Option<String>>,
    /// The group's part of the total contracted cost, as a decimal fraction; `null` where the total is zero, or
    /// where nothing of the group has a price.
    #[schema(example = "0.4213")]
    pub share: Option<String>,
    /// What was measured.
    #[serde(flatten)]
    pub measures: SpendMeasures,
}

/// Sums over attempts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SpendMeasures {
    /// Cost at contracted prices in US dollars, of the attempts that have one.
    #[schema(example = "12.3456")]
    pub contracted_cost: String,
    /// Cost at list prices in US dollars, of the attempts that have one.
    #[schema(example = "14.00")]
    pub list_cost: String,
    /// Whether every attempt has a price; where not, the amounts are lower bounds.
    pub priced: bool,
    /// Attempts at a provider.
    pub attempts: u64,
    /// Attempts that did not end whole, or whose status was an error.
    pub failed: u64,
    /// Attempts whose cost is not known in full.
    pub unpriced: u64,
    /// Attempts with an estimated quantity.
    pub estimated: u64,
    /// Model tokens, each counted once.
    pub tokens: TokensAnswer,
    /// Units by meter; meters at zero are left out.
    pub units: BTreeMap<String, u64>,
}

/// Model tokens in three disjoint parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct TokensAnswer {
    /// Tokens sent that were not read from a cache; those written to a cache included.
    pub input: u64,
    /// Tokens sent that were read from a cache.
    pub cached: u64,
    /// Tokens produced, reasoning included.
    pub output: u64,
}

impl TokensAnswer {
    /// The three parts of the units on every meter.
    pub fn of(units: impl Fn(Meter) -> u64) -> TokensAnswer {
        let mut tokens = TokensAnswer::default();
        for &meter in Meter::ALL.iter().filter(|m| m.is_tokens()) {
            let part = match meter {
                Meter::CacheRead | Meter::AudioCacheRead | Meter::ImageCacheRead => &mut tokens.cached,
                m if Meter::CONTEXT.contains(&m) => &mut tokens.input,
                _ => &mut tokens.output,
            };
            *part = part.saturating_add(units(meter));
        }
        tokens
    }
}

impl SpendMeasures {
    /// The measures of a cell of the cubes.
    #[must_use]
    pub fn of(cell: &bursar_core::rollup::Cell) -> SpendMeasures {
        let units = Meter::ALL.iter().map(|&m| (m.name().to_owned(), cell.units[m as usize]));
        SpendMeasures {
            contracted_cost: cell.contracted_cost.to_string(),
            list_cost: cell.list_cost.to_string(),
            priced: cell.unpriced == 0,
            attempts: cell.records,
            failed: cell.failed,
            unpriced: cell.unpriced,
            estimated: cell.estimated,
            tokens: TokensAnswer::of(|m| cell.units[m as usize]),
            units: units.filter(|&(_, n)| n > 0).collect(),
        }
    }
}

impl SpendRowAnswer {
    /// A row of a group, with its share of the whole.
    #[must_use]
    pub fn of(
        group: BTreeMap<String, Option<String>>,
        cell: &bursar_core::rollup::Cell,
        whole: Money,
    ) -> SpendRowAnswer {
        let is_known = cell.unpriced < cell.records;
        let share = share_of(cell.contracted_cost, whole).filter(|_| is_known);
        SpendRowAnswer { group, share, measures: SpendMeasures::of(cell) }
    }
}

impl SpendAnswer {
    /// An answer of groups and their cells: by time where a group is an hour or day; then the largest contracted
    /// cost first, then by name.
    #[must_use]
    pub fn of(
        range: (bursar_core::Timestamp, bursar_core::Timestamp),
        by: &[&str],
        mut groups: Vec<(Vec<Option<String>>, bursar_core::rollup::Cell)>,
    ) -> SpendAnswer {
        let time = by.iter().position(|n| matches!(*n, "hour" | "day"));
        groups.sort_by(|(a, x), (b, y)| {
            let by_time = time.map_or(Ordering::Equal, |i| a[i].cmp(&b[i]));
            by_time.then_with(|| y.contracted_cost.cmp(&x.contracted_cost)).then_with(|| a.cmp(b))
        });
        let mut whole = bursar_core::rollup::Cell::default();
        for (_, cell) in &groups {
            whole.add(cell);
        }
        let named = |values: &[Option<String>]| {
            by.iter().map(|&n| n.to_owned()).zip(values.iter().cloned()).collect::<BTreeMap<_, _>>()
        };
        let row = |(values, cell): &(Vec<Option<String>>, _)| {
            SpendRowAnswer::of(named(values), cell, whole.contracted_cost)
        };
        SpendAnswer {
            since: times::text_of(range.0),
            until: times::text_of(range.1),
            zone: "UTC".to_owned(),
            currency: "USD".to_owned(),
            by: by.iter().map(|&n| n.to_owned()).collect(),
            rows: groups.iter().map(row).collect(),
            total: SpendMeasures::of(&whole),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_meter_is_in_exactly_one_of_the_three_parts() {
        let tokens = TokensAnswer::of(|_| 1);
        let meters = Meter::ALL.iter().filter(|m| m.is_tokens()).count();
        assert_eq!(tokens.input + tokens.cached + tokens.output, meters as u64);
        assert_eq!(tokens, TokensAnswer { input: 7, cached: 3, output: 4 });
    }

    #[test]
    fn days_come_in_their_order() {
        let cell = |nanos| bursar_core::rollup::Cell {
            records: 1,
            contracted_cost: Money::from_nanos(nanos),
            ..Default::default()
        };
        let day = |d: &str| vec![Some(format!("2026-07-{d}"))];
        let answer =
            SpendAnswer::of(Default::default(), &["day"], vec![(day("02"), cell(9)), (day("01"), cell(1))]);
        assert_eq!(answer.rows[0].group["day"].as_deref(), Some("2026-07-01"));
    }

    #[test]
    fn the_dearest_group_comes_first_and_shares_are_of_the_total() {
        let cell = |nanos, unpriced| bursar_core::rollup::Cell {
            records: 2,
            unpriced,
            contracted_cost: Money::from_nanos(nanos),
            ..Default::default()
        };
        let groups = vec![(vec![Some("a".to_owned())], cell(1, 0)), (vec![None], cell(3, 1))];
        let answer = SpendAnswer::of(Default::default(), &["team"], groups);
        assert_eq!(answer.rows[0].group["team"], None);
        assert_eq!(answer.rows[0].share.as_deref(), Some("0.7500"));
        assert!(!answer.rows[0].measures.priced && answer.rows[1].measures.priced);
        assert_eq!((answer.total.attempts, answer.total.unpriced), (4, 1));
        let unknown = SpendAnswer::of(Default::default(), &["team"], vec![(vec![None], cell(0, 2))]);
        assert_eq!(unknown.rows[0].share, None, "an unknown amount has no share");
    }
}
