//! How fast demand grows, estimated from whole weeks.
//!
//! A straight line through the logarithms of the weekly sums: its slope is the growth. The slope's interval is that of
//! Student's distribution, with as many independent weeks as the residuals' correlation from week to week leaves:
//! `n·(1−ρ)/(1+ρ)` for a positive ρ. A line is all that a few weeks can bear; a season of the year is not seen.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// Fewer weeks give no estimate.
pub(crate) const FEWEST_WEEKS: usize = 8;

const WEEKS_PER_YEAR: f64 = 365.25 / 7.0;

/// Growth per year as a rate of continuous growth: demand after `t` years is `exp(log_rate · t)` times today's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    /// The estimate, per year.
    pub log_rate: f64,
    /// Its standard error, per year.
    pub error: f64,
    /// How many independent weeks the residuals leave, two of them used up by the line.
    pub freedom: f64,
    /// The standard deviation of a week around the line, as a logarithm.
    pub weekly_noise: f64,
    /// How many weeks were seen.
    pub weeks: usize,
}

/// Why no growth can be estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrowthError {
    /// Too short a history.
    #[error(
        "growth needs at least {FEWEST_WEEKS} whole weeks of demand and there are {0}; state it as an input"
    )]
    TooFew(usize),
    /// A week without any demand has no logarithm.
    #[error("week {0} (counted from 1) has no demand, so growth cannot be estimated; state it as an input")]
    Empty(usize),
}

impl Growth {
    /// The growth in sums of whole weeks, the oldest first.
    pub fn of_weeks(weeks: &[f64]) -> Result<Growth, GrowthError> {
        if weeks.len() < FEWEST_WEEKS {
            return Err(GrowthError::TooFew(weeks.len()));
        }
        if let Some(empty) = weeks.iter().position(|w| !(w.is_finite() && *w > 0.0)) {
            return Err(GrowthError::Empty(empty + 1));
        }
        let logs: Vec<f64> = weeks.iter().map(|w| w.ln()).collect();
        let n = logs.len() as f64;
        let (mid, mean) = ((n - 1.0) / 2.0, logs.iter().sum::<f64>() / n);
        let spread: f64 = (0..logs.len()).map(|i| (i as f64 - mid).powi(2)).sum();
        let slope = logs.iter().enumerate().map(|(i, y)| (i as f64 - mid) * (y - mean)).sum::<f64>() / spread;
        let residuals: Vec<f64> =
            logs.iter().enumerate().map(|(i, y)| y - mean - slope * (i as f64 - mid)).collect();
        let independent = independent(&residuals);
        let freedom = (independent - 2.0).max(1.0);
        let squares: f64 = residuals.iter().map(|r| r * r).sum();
        let noise = (squares / (n - 2.0)).sqrt();
        let error = noise / spread.sqrt() * (n / independent).sqrt();
        Ok(Growth {
            log_rate: slope * WEEKS_PER_YEAR,
            error: error * WEEKS_PER_YEAR,
            freedom,
            weekly_noise: noise,
            weeks: weeks.len(),
        })
    }

    /// The growth per year as a share: 0.25 where demand becomes 1.25 times as much.
    #[must_use]
    pub fn per_year(&self) -> f64 {
        self.log_rate.exp_m1()
    }

    /// The interval that holds the growth per year with this probability (0.9 for 90 %), as shares.
    #[must_use]
    pub fn interval(&self, probability: f64) -> (f64, f64) {
        let tail = (0.5 + probability.clamp(0.0, 0.999) / 2.0).min(0.9995);
        let off = StudentsT::new(0.0, 1.0, self.freedom).map_or(f64::INFINITY, |t| t.inverse_cdf(tail))
            * self.error;
        ((self.log_rate - off).exp_m1(), (self.log_rate + off).exp_m1())
    }
}

/// How many independent values as many correlated residuals are worth: at least three, at most all.
fn independent(residuals: &[f64]) -> f64 {
    let n = residuals.len() as f64;
    let squares: f64 = residuals.iter().map(|r| r * r).sum();
    if squares <= 0.0 {
        return n;
    }
    let lagged: f64 = residuals.windows(2).map(|w| w[0] * w[1]).sum();
    let correlation = (lagged / squares).clamp(0.0, 0.95);
    (n * (1.0 - correlation) / (1.0 + correlation)).max(3.0)
}
