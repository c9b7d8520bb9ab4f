//! How rental prices drift, measured from a cloud's price history.
//!
//! An instance family (`p5`, `g6e`) is priced as one, so it counts once however many sizes it has: its drift is the
//! mean over its sizes of `ln(last price ÷ first price) ÷ years`, each size from the day it was first seen to the last
//! list. Sizes that were seen for less than a year are left out. The mean over families is the drift, and their standard
//! deviation the spread of what one family does: nearly all prices stand still, and a few fall steeply at once.

use std::collections::BTreeMap;

use bursar_core::{Money, Timestamp};

use crate::supply::Dated;
use crate::supply::fields::read_day;

const HISTORY: &str = include_str!("../../data/supply/aws_price_history.csv");

/// The day of the last list of the history; what did not change by then is not in the file.
const LAST_LIST: (i32, u32, u32) = (2026, 7, 20);

const FEWEST_YEARS: f64 = 1.0;

/// What one family's price did.
#[derive(Clone, Debug, PartialEq)]
pub struct FamilyDrift {
    /// The family, such as `p5`.
    pub family: String,
    /// How many sizes of it were seen for long enough.
    pub sizes: usize,
    /// Its drift, a continuous rate per year.
    pub per_year: f64,
}

/// How rental prices drift.
#[derive(Clone, Debug, PartialEq)]
pub struct RentalDrift {
    /// The mean over families, a continuous rate per year.
    pub mean: f64,
    /// The standard deviation over families.
    pub spread: f64,
    /// The families, in the order of their names.
    pub families: Vec<FamilyDrift>,
    /// Where the history comes from.
    pub dated: Dated,
}

/// The drift of accelerated instances' on-demand prices in the history that comes with Bursar.
#[must_use]
pub fn rental_drift() -> RentalDrift {
    let (year, month, day) = LAST_LIST;
    let last = Timestamp::from_date(year, month, day).unwrap_or_default();
    let families = families(HISTORY, last);
    let n = families.len().max(1) as f64;
    let mean = families.iter().map(|f| f.per_year).sum::<f64>() / n;
    let squares: f64 = families.iter().map(|f| (f.per_year - mean).powi(2)).sum();
    let dated = Dated {
        source: "aws/karpenter-provider-aws, on-demand prices of us-east-1 in 37 lists since 2023-09-18: the mean and \
                 spread over instance families"
            .to_owned(),
        as_of: last,
    };
    RentalDrift { mean, spread: (squares / (n - 1.0).max(1.0)).sqrt(), families, dated }
}

fn families(history: &str, last: Timestamp) -> Vec<FamilyDrift> {
    let mut sizes: BTreeMap<String, Vec<(Timestamp, Money)>> = BTreeMap::new();
    for record in csv::Reader::from_reader(history.as_bytes()).records().filter_map(Result::ok) {
        let price = || Some((read_day(record.get(0)?)?, record.get(2)?.parse::<Money>().ok()?));
        let size = record.get(1).unwrap_or_default().to_owned();
        sizes.entry(size).or_default().extend(price());
    }
    let mut families: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (size, mut prices) in sizes {
        prices.sort_by_key(|(day, _)| *day);
        let family = size.split('.').next().unwrap_or_default().to_owned();
        families.entry(family).or_default().extend(drift(&prices, last));
    }
    let family = |(family, drifts): (String, Vec<f64>)| {
        let sizes = drifts.len();
        (sizes > 0).then(|| FamilyDrift {
            family,
            sizes,
            per_year: drifts.iter().sum::<f64>() / sizes as f64,
        })
    };
    families.into_iter().filter_map(family).collect()
}

fn drift(prices: &[(Timestamp, Money)], last: Timestamp) -> Option<f64> {
    const YEAR_MICROS: f64 = 365.25 * 86_400e6;
    let ((day, first), (_, end)) = (prices.first()?, prices.last()?);
    let years = (last.micros() - day.micros()) as f64 / YEAR_MICROS;
    let ratio = end.nanos() as f64 / first.nanos() as f64;
    (years >= FEWEST_YEARS && ratio > 0.0).then(|| ratio.ln() / years)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drift_of_the_history_is_that_of_four_families_that_fell_and_twelve_that_did_not() {
        let drift = rental_drift();
        let fell: Vec<&str> =
            drift.families.iter().filter(|f| f.per_year < 0.0).map(|f| f.family.as_str()).collect();
        assert_eq!(fell, ["p4d", "p4de", "p5", "p5en"]);
        assert_eq!(drift.families.len(), 16);
        println!("rental drift {:.4} a year, spread {:.4}", drift.mean, drift.spread);
        // ln(55.04 ÷ 98.32) over the days from 2023-09-18 to 2026-07-20
        let p5 = drift.families.iter().find(|f| f.family == "p5").unwrap();
        assert!((p5.per_year - (55.04f64 / 98.32).ln() / (1_036.0 / 365.25)).abs() < 1e-9, "{p5:?}");
        assert!((-0.06..-0.03).contains(&drift.mean) && (0.07..0.10).contains(&drift.spread), "{drift:?}");
    }

    #[test]
    fn a_size_seen_for_less_than_a_year_says_nothing() {
        let history = "day,instance_type,usd_per_hour,commit\n2025-08-01,x1.a,2,c\n2024-07-20,y1.a,2,c\n2025-01-01,y1.a,1,c\n";
        let families = families(history, Timestamp::from_date(2026, 7, 20).unwrap());
        assert_eq!(families.len(), 1);
        assert!((families[0].per_year + 2f64.ln() / (730.0 / 365.25)).abs() < 1e-9);
    }
}
