//! What is not known about the future, and one future drawn from it.

use bursar_core::Timestamp;
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use super::drift::rental_drift;
use super::random::Random;
use crate::demand::Growth;
use crate::supply::fields::read_day;
use crate::supply::{Dated, Staleness};

/// No factor's logarithm goes beyond this: a year makes at most seven and a half times as much, or as little, of it.
const FURTHEST: f64 = 2.0;

const FUTURES: &str = include_str!("../../data/supply/futures.csv");

/// One of the things that are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactorKind {
    /// Growth of demand, a continuous rate per year.
    Growth,
    /// Change of API prices, a continuous rate per year; negative where they fall.
    ApiPrice,
    /// Change of the prices at which nodes are rented and bought anew, a continuous rate per year.
    RentalPrice,
    /// What a node does against what was planned, as a logarithm.
    Utilisation,
    /// What a node is worth at its end against what was planned, as a logarithm.
    Residual,
}

impl FactorKind {
    /// Every kind, in the order of a [`Future`].
    pub const ALL: &[FactorKind] = &[
        FactorKind::Growth,
        FactorKind::ApiPrice,
        FactorKind::RentalPrice,
        FactorKind::Utilisation,
        FactorKind::Residual,
    ];

    /// The name in files and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            FactorKind::Growth => "growth",
            FactorKind::ApiPrice => "api_price",
            FactorKind::RentalPrice => "rental_price",
            FactorKind::Utilisation => "utilisation",
            FactorKind::Residual => "residual",
        }
    }
}

/// What a factor's median and spread rest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// On data that was worked through.
    Measured,
    /// On somebody's statement.
    Published,
    /// On nothing but judgement, which weakens a verdict.
    Assumed,
}

/// A quantity that is not known: a median, a spread and where they come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Factor {
    /// Half of the futures lie above it.
    pub median: f64,
    /// The standard deviation, or the scale of Student's distribution; 0 where it is certain.
    pub spread: f64,
    /// The degrees of freedom of Student's distribution; `None` for the normal one.
    pub freedom: Option<f64>,
    /// What they rest on.
    pub basis: Basis,
    /// Where they come from.
    pub dated: Dated,
}

impl Factor {
    /// The value below which this share of the futures lies, kept within what a factor can be.
    #[must_use]
    pub fn quantile(&self, share: f64) -> f64 {
        if self.spread <= 0.0 {
            return self.median.clamp(-FURTHEST, FURTHEST);
        }
        let share = share.clamp(1e-12, 1.0 - 1e-12);
        let student = self.freedom.and_then(|f| StudentsT::new(0.0, 1.0, f.max(1.0)).ok());
        let off = match student {
            Some(student) => student.inverse_cdf(share),
            None => Normal::standard().inverse_cdf(share),
        };
        (self.median + self.spread * off).clamp(-FURTHEST, FURTHEST)
    }

    /// The same factor without any doubt: its median in every future.
    #[must_use]
    pub fn certain(&self) -> Factor {
        Factor { spread: 0.0, ..self.clone() }
    }
}

/// Everything that is not known. The factors are drawn independently of each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Factors {
    /// See [`FactorKind::Growth`].
    pub growth: Factor,
    /// See [`FactorKind::ApiPrice`].
    pub api_price: Factor,
    /// See [`FactorKind::RentalPrice`].
    pub rental_price: Factor,
    /// See [`FactorKind::Utilisation`].
    pub utilisation: Factor,
    /// See [`FactorKind::Residual`].
    pub residual: Factor,
}

impl Factors {
    /// What comes with Bursar: the drift of rental prices measured, the rest assumed and marked so.
    #[must_use]
    pub fn defaults() -> Factors {
        let drift = rental_drift();
        let rental_price = Factor {
            median: drift.mean,
            spread: drift.spread,
            freedom: None,
            basis: Basis::Measured,
            dated: drift.dated,
        };
        Factors {
            growth: of_table(FactorKind::Growth),
            api_price: of_table(FactorKind::ApiPrice),
            rental_price,
            utilisation: of_table(FactorKind::Utilisation),
            residual: of_table(FactorKind::Residual),
        }
    }

    /// With the growth that a company's own weeks show.
    #[must_use]
    pub fn with_growth(self, growth: &Growth, dated: Dated) -> Factors {
        let growth = Factor {
            median: growth.log_rate,
            spread: growth.error,
            freedom: Some(growth.freedom),
            basis: Basis::Measured,
            dated,
        };
        Factors { growth, ..self }
    }

    /// The factor of a kind.
    #[must_use]
    pub const fn get(&self, kind: FactorKind) -> &Factor {
        match kind {
            FactorKind::Growth => &self.growth,
            FactorKind::ApiPrice => &self.api_price,
            FactorKind::RentalPrice => &self.rental_price,
            FactorKind::Utilisation => &self.utilisation,
            FactorKind::Residual => &self.residual,
        }
    }

    /// The factors that rest on judgement alone. A verdict that depends on them says so.
    #[must_use]
    pub fn assumed(&self) -> Vec<FactorKind> {
        FactorKind::ALL.iter().copied().filter(|k| self.get(*k).basis == Basis::Assumed).collect()
    }

    /// Which of the factors rest on something stale.
    #[must_use]
    pub fn staleness(&self, today: Timestamp) -> Staleness {
        let fact = |kind: &FactorKind| (format!("the factor {}", kind.name()), &self.get(*kind).dated);
        Staleness::of(FactorKind::ALL.iter().map(fact), today)
    }

    /// The same factors without any doubt.
    #[must_use]
    pub fn certain(&self) -> Factors {
        Factors {
            growth: self.growth.certain(),
            api_price: self.api_price.certain(),
            rental_price: self.rental_price.certain(),
            utilisation: self.utilisation.certain(),
            residual: self.residual.certain(),
        }
    }

    /// The future in which every factor is at this share of its distribution.
    pub(super) fn future(&self, share: impl Fn(FactorKind) -> f64) -> Future {
        let at = |kind: FactorKind| self.get(kind).quantile(share(kind));
        Future {
            growth: at(FactorKind::Growth),
            api_price: at(FactorKind::ApiPrice),
            rental_price: at(FactorKind::RentalPrice),
            utilisation: at(FactorKind::Utilisation),
            residual: at(FactorKind::Residual),
        }
    }

    /// The next future. Every factor takes one number, whether it is certain or not.
    pub(super) fn draw(&self, random: &mut Random) -> Future {
        let shares: Vec<f64> = FactorKind::ALL.iter().map(|_| random.uniform()).collect();
        self.future(|kind| shares[kind as usize])
    }
}

/// One way in which things may go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Future {
    /// See [`FactorKind::Growth`].
    pub growth: f64,
    /// See [`FactorKind::ApiPrice`].
    pub api_price: f64,
    /// See [`FactorKind::RentalPrice`].
    pub rental_price: f64,
    /// See [`FactorKind::Utilisation`].
    pub utilisation: f64,
    /// See [`FactorKind::Residual`].
    pub residual: f64,
}

impl Future {
    /// Demand in so many months, as a multiple of today's.
    #[must_use]
    pub fn demand_after(&self, months: f64) -> f64 {
        (self.growth * months / 12.0).exp()
    }

    /// API prices in so many months, as a multiple of today's.
    #[must_use]
    pub fn api_price_after(&self, months: f64) -> f64 {
        (self.api_price * months / 12.0).exp()
    }

    /// Prices of nodes in so many months, as a multiple of today's.
    #[must_use]
    pub fn rental_price_after(&self, months: f64) -> f64 {
        (self.rental_price * months / 12.0).exp()
    }

    /// What a node does, as a multiple of what was planned.
    #[must_use]
    pub fn capacity(&self) -> f64 {
        self.utilisation.exp()
    }

    /// What a node is worth at its end, as a multiple of what was planned.
    #[must_use]
    pub fn residual_share(&self) -> f64 {
        self.residual.exp()
    }
}

/// A factor of the table that comes with Bursar; a test holds that each of them is there.
fn of_table(kind: FactorKind) -> Factor {
    let nothing = Dated { source: "nothing".to_owned(), as_of: Timestamp::default() };
    let certain = Factor { median: 0.0, spread: 0.0, freedom: None, basis: Basis::Assumed, dated: nothing };
    let mut reader = csv::Reader::from_reader(FUTURES.as_bytes());
    let records = reader.records().filter_map(Result::ok);
    let found = records.filter(|r| r.get(0) == Some(kind.name())).find_map(|r| read_factor(&r));
    found.unwrap_or(certain)
}

fn read_factor(record: &csv::StringRecord) -> Option<Factor> {
    let basis = match record.get(3)? {
        "measured" => Basis::Measured,
        "published" => Basis::Published,
        "assumed" => Basis::Assumed,
        _ => return None,
    };
    let dated = Dated { as_of: read_day(record.get(4)?)?, source: record.get(5)?.to_owned() };
    let number = |i: usize| record.get(i)?.parse::<f64>().ok().filter(|n| n.is_finite());
    Some(Factor { median: number(1)?, spread: number(2)?, freedom: None, basis, dated })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_has_a_source_a_day_and_a_spread() {
        let factors = Factors::defaults();
        for kind in FactorKind::ALL {
            let factor = factors.get(*kind);
            assert!(factor.spread > 0.0 && factor.dated.source.len() > 20, "{kind:?} {factor:?}");
            assert!(factor.dated.as_of.micros() > 0);
        }
        assert_eq!(factors.rental_price.basis, Basis::Measured);
        assert_eq!(factors.assumed().len(), 4);
        let today = Timestamp::from_date(2027, 3, 1).unwrap();
        let stale = factors.staleness(today).stale;
        assert_eq!(stale.iter().map(|s| s.what.as_str()).collect::<Vec<_>>(), ["the factor rental_price"]);
    }

    #[test]
    fn quantiles_are_those_of_the_two_distributions() {
        let mut factor = Factor { median: 0.1, spread: 0.1, ..Factors::defaults().growth };
        assert!((factor.quantile(0.95) - 0.1 - 0.164_485_4).abs() < 1e-6);
        assert!((factor.quantile(0.5) - 0.1).abs() < 1e-12);
        factor.freedom = Some(6.0);
        assert!((factor.quantile(0.95) - 0.1 - 0.194_318_0).abs() < 1e-6);
        factor.freedom = Some(0.1);
        assert!((factor.quantile(0.0) + FURTHEST).abs() < 1e-12 && factor.quantile(1.0) <= FURTHEST);
    }
}
