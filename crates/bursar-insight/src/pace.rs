//! Where a window's spend is heading.
//!
//! Spend of a step is taken as `level × season × (1 + error)`: the level follows what is seen by exponential smoothing
//! (with the smoothing constant that would have predicted the history best), the season is the [profile](crate::profile)
//! of the week, and the errors are those that the model made on the history itself. The forecast goes on with the last
//! level; the interval comes from paths into the future along which errors are drawn again, in runs of a week's days
//! or a day's hours so that what comes together stays together, and along which the level wanders as it would have.
//! No trend is assumed: a trend shows as a level that follows, and as a wider interval.

use bursar_core::Timestamp;
use bursar_core::budget::Window;

use crate::profile::Profile;
use crate::random::Random;
use crate::series::{Series, Step};

/// Fewer steps than this say nothing: there is no forecast.
const SHORTEST_DAYS: usize = 3;
const SHORTEST_HOURS: usize = 12;
/// Only the latest steps count: half a year of days, eight weeks of hours.
const LONGEST_DAYS: usize = 182;
const LONGEST_HOURS: usize = 56 * 24;
/// Paths into the future.
const PATHS: usize = 400;
/// What may be the smoothing constant, for days and for hours.
const SMOOTHING_DAYS: [f64; 6] = [0.02, 0.05, 0.1, 0.2, 0.3, 0.45];
const SMOOTHING_HOURS: [f64; 5] = [0.01, 0.02, 0.04, 0.08, 0.16];
/// Errors that are believed before any was made; they weigh less the longer the history is.
const PRIOR_ERRORS: [f64; 6] = [0.6, -0.6, 0.3, -0.3, 0.15, -0.15];
/// A step is predicted as at least this part of the mean, so that errors stay finite where nothing was spent.
const LEAST_PART: f64 = 0.02;
/// Errors beyond this many times the prediction count as this.
const LARGEST_ERROR: f64 = 10.0;
/// A history of this many steps makes errors look smaller than they are by a half of their variance.
const STEPS_OF_DOUBT: f64 = 10.0;
/// Days differ from each other by more than the hours within them tell: found by `examples/backtest.rs`, where
/// intervals from hours held the truth too seldom without this.
const WIDER_BY_HOURS: f64 = 1.35;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What was spent in steps that are over.
    pub history: &'a Series,
    /// The window whose total is asked for.
    pub window: Window,
    /// The time.
    pub now: Timestamp,
    /// What has been spent in the window so far.
    pub spent: i64,
    /// What may be spent in it.
    pub limit: i64,
}

/// What a window's spend comes to if nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// What has been spent.
    pub spent: i64,
    /// What may be spent.
    pub limit: i64,
    /// What will have been spent at the window's end.
    pub total: i64,
    /// Nine of ten paths end above this.
    pub low: i64,
    /// Nine of ten paths end below this.
    pub high: i64,
    /// When the limit is reached; `None` where it is not before the window's end.
    pub crosses: Option<Timestamp>,
    /// How many of a hundred paths reach the limit.
    pub chance_percent: u8,
    /// How many steps of history it rests on.
    pub steps: usize,
}

/// A piece of the time that is left: a step of the series or a part of one.
struct Piece {
    start: Timestamp,
    micros: i64,
    /// Which part of a step it is.
    part: f64,
    factor: f64,
}

struct Model {
    profile: Profile,
    level: f64,
    smoothing: f64,
    errors: Vec<f64>,
    steps: f64,
    /// How many errors in a row are drawn together.
    run: usize,
    /// By how much errors of the future are larger than those on the history.
    doubt: f64,
}

/// What the window's total will be; `None` where the history is too short, or the window has no end.
#[must_use]
pub fn pace(question: &Question<'_>, seed: u64) -> Option<Pace> {
    let recent = latest(question.history);
    let least = if recent.step == Step::Day { SHORTEST_DAYS } else { SHORTEST_HOURS };
    let is_open = question.window == Window::ALWAYS || question.window.end == Window::ALWAYS.end;
    if recent.amounts.len() < least || is_open {
        return None;
    }
    let model = Model::fit(&recent);
    let pieces = model.pieces(&recent, question.now, question.window.end);
    let total = question.spent.saturating_add(rounded(model.central(&pieces)));
    let mut ends = model.ends(&pieces, Random::seeded(seed));
    ends.sort_by(f64::total_cmp);
    let end = |percent: usize| question.spent.saturating_add(rounded(ends[(PATHS - 1) * percent / 100]));
    let left = question.limit.saturating_sub(question.spent) as f64;
    let reaching = ends.len() - ends.partition_point(|e| *e < left);
    Some(Pace {
        spent: question.spent,
        limit: question.limit,
        total,
        low: end(10).min(total),
        high: end(90).max(total),
        crosses: model.crossing(&pieces, question),
        chance_percent: u8::try_from(reaching * 100 / ends.len()).unwrap_or(100),
        steps: recent.amounts.len(),
    })
}

fn latest(history: &Series) -> Series {
    let most = if history.step == Step::Day { LONGEST_DAYS } else { LONGEST_HOURS };
    let skipped = history.amounts.len().saturating_sub(most);
    let moved = i64::try_from(skipped).unwrap_or(i64::MAX).saturating_mul(history.step.micros());
    Series {
        start: history.start.plus_micros(moved),
        step: history.step,
        amounts: history.amounts[skipped..].to_vec(),
    }
}

/// An amount again; what is beyond the range saturates.
fn rounded(amount: f64) -> i64 {
    amount.round() as i64
}

impl Model {
    fn fit(series: &Series) -> Model {
        let profile = Profile::of(series);
        let amounts: Vec<f64> = series.amounts.iter().map(|&a| a.max(0) as f64).collect();
        let factors: Vec<f64> = (0..amounts.len()).map(|i| profile.factor(series.season(i))).collect();
        let candidates: &[f64] = if series.step == Step::Day { &SMOOTHING_DAYS } else { &SMOOTHING_HOURS };
        let best = candidates
            .iter()
            .map(|&smoothing| smoothed(&amounts, &factors, smoothing))
            .min_by(|a, b| a.loss.total_cmp(&b.loss))
            .expect("there are smoothing constants");
        let count = best.errors.len().max(1) as f64;
        let mean = best.errors.iter().sum::<f64>() / count;
        let errors: Vec<f64> = best.errors.iter().map(|e| e - mean).chain(PRIOR_ERRORS).collect();
        let (run, widening) = if series.step == Step::Day { (7, 1.0) } else { (24, WIDER_BY_HOURS) };
        let doubt = (1.0 + STEPS_OF_DOUBT / count).sqrt() * widening;
        Model { profile, level: best.level, smoothing: best.smoothing, errors, steps: count, run, doubt }
    }

    /// The time from `now` to `end`, in steps.
    fn pieces(&self, series: &Series, now: Timestamp, end: Timestamp) -> Vec<Piece> {
        let width = series.step.micros();
        let mut pieces = Vec::new();
        let mut at = now.max(series.start);
        while at < end {
            let offset = (at.micros() - series.start.micros()).div_euclid(width);
            let next = series.start.plus_micros((offset + 1) * width).min(end);
            let micros = next.micros() - at.micros();
            let season = series.season(usize::try_from(offset).unwrap_or(0));
            let factor = self.profile.factor(season);
            pieces.push(Piece { start: at, micros, part: micros as f64 / width as f64, factor });
            at = next;
        }
        pieces
    }

    fn central(&self, pieces: &[Piece]) -> f64 {
        pieces.iter().map(|p| self.level * p.factor * p.part).sum()
    }

    /// What is still spent along each path.
    fn ends(&self, pieces: &[Piece], mut random: Random) -> Vec<f64> {
        (0..PATHS).map(|_| self.path(pieces, &mut random)).collect()
    }

    fn path(&self, pieces: &[Piece], random: &mut Random) -> f64 {
        let run = self.run;
        let start_error = (self.smoothing / (2.0 - self.smoothing)).max(1.0 / self.steps);
        let spread = self.doubt * deviation(&self.errors);
        let mut level = self.level * (1.0 + spread * start_error.sqrt() * random.normal()).max(0.0);
        let (mut sum, mut place) = (0.0, 0);
        for (i, piece) in pieces.iter().enumerate() {
            if i % run == 0 {
                place = random.below(self.errors.len());
            }
            let error = self.doubt * self.errors[place % self.errors.len()];
            place += 1;
            sum += level * piece.factor * piece.part * (1.0 + error).max(0.0);
            level *= (1.0 + self.smoothing * error * piece.part).max(0.05);
        }
        sum
    }

    /// When the central path reaches the limit.
    fn crossing(&self, pieces: &[Piece], question: &Question<'_>) -> Option<Timestamp> {
        let mut left = question.limit.saturating_sub(question.spent) as f64;
        if left <= 0.0 {
            return Some(question.now);
        }
        for piece in pieces {
            let spent = self.level * piece.factor * piece.part;
            if spent >= left {
                return Some(piece.start.plus_micros((piece.micros as f64 * (left / spent)) as i64));
            }
            left -= spent;
        }
        None
    }
}

struct Smoothed {
    smoothing: f64,
    level: f64,
    errors: Vec<f64>,
    loss: f64,
}

/// Goes through the history with one smoothing constant, and keeps the errors that it made on the way.
fn smoothed(amounts: &[f64], factors: &[f64], smoothing: f64) -> Smoothed {
    let count = amounts.len();
    let mean = amounts.iter().sum::<f64>() / count as f64;
    let first = count.min(7);
    let weights: f64 = factors[..first].iter().sum();
    let mut level = if weights > 0.0 { amounts[..first].iter().sum::<f64>() / weights } else { mean };
    let mut errors = Vec::with_capacity(count);
    let mut loss = 0.0;
    for (&amount, &factor) in amounts.iter().zip(factors) {
        let expected = (level * factor).max(mean * LEAST_PART);
        let error = if expected > 0.0 { ((amount - expected) / expected).min(LARGEST_ERROR) } else { 0.0 };
        loss += (amount - expected).abs();
        errors.push(error);
        let seen = if factor > 0.05 { amount / factor } else { level };
        level += smoothing * (seen.min(level * 8.0 + mean) - level);
    }
    Smoothed { smoothing, level, errors, loss }
}

fn deviation(errors: &[f64]) -> f64 {
    let count = errors.len().max(1) as f64;
    (errors.iter().map(|e| e * e).sum::<f64>() / count).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: i64 = 86_400_000_000;

    fn july(day: i64) -> Timestamp {
        Timestamp::from_date(2026, 7, 1).unwrap().plus_micros((day - 1) * DAY)
    }

    /// A history of days that ends on the day before `now`, asked about July.
    fn asked(amounts: Vec<i64>, now: Timestamp, spent: i64, limit: i64) -> Option<Pace> {
        let days = i64::try_from(amounts.len()).unwrap();
        let history = Series { start: now.plus_micros(-days * DAY), step: Step::Day, amounts };
        let window = Window { start: july(1), end: july(32) };
        pace(&Question { history: &history, window, now, spent, limit }, 7)
    }

    #[test]
    fn steady_spend_goes_on_and_crosses_where_a_ruler_says() {
        let pace = asked(vec![1_000; 60], july(11), 10_000, 20_000).unwrap();
        assert!((30_900..=31_100).contains(&pace.total), "{pace:?}");
        let day = (pace.crosses.unwrap().micros() - july(1).micros()) / DAY + 1;
        assert!((20..=21).contains(&day), "{day}");
        assert_eq!(pace.chance_percent, 100);
        assert!(pace.low > 24_000 && pace.high < 40_000, "{pace:?}");
    }

    #[test]
    fn a_week_of_history_gives_a_wider_interval_than_half_a_year() {
        let width = |days: usize| {
            let amounts = (0..days).map(|i| 900 + (i as i64 * 37) % 200).collect();
            let pace = asked(amounts, july(8), 7_000, 20_000).unwrap();
            pace.high - pace.low
        };
        assert!(width(7) > 2 * width(180), "{} {}", width(7), width(180));
    }

    #[test]
    fn too_short_a_history_and_a_window_without_an_end_have_no_forecast() {
        assert_eq!(asked(vec![5, 5], july(3), 10, 100), None);
        let history = Series { start: july(1), step: Step::Day, amounts: vec![5; 9] };
        let question =
            Question { history: &history, window: Window::ALWAYS, now: july(10), spent: 45, limit: 50 };
        assert_eq!(pace(&question, 7), None);
    }

    #[test]
    fn nothing_spent_so_far_is_a_forecast_of_nothing() {
        let pace = asked(vec![0; 30], july(10), 0, 100).unwrap();
        assert_eq!((pace.total, pace.low, pace.high, pace.crosses), (0, 0, 0, None));
    }

    #[test]
    fn a_limit_that_is_reached_already_crosses_now() {
        let pace = asked(vec![10; 30], july(10), 90, 80).unwrap();
        assert_eq!((pace.crosses, pace.chance_percent), (Some(july(10)), 100));
    }

    proptest! {
        #[test]
        fn a_forecast_lies_in_its_interval_and_is_the_same_for_the_same_question(
            amounts in proptest::collection::vec(0i64..10_000_000_000_000, 3..90),
            day in 1i64..32, spent in 0i64..1_000_000_000_000_000, limit in 1i64..1_000_000_000_000_000,
        ) {
            let now = july(day).plus_micros(12 * 3_600_000_000);
            let ask = || asked(amounts.clone(), now, spent, limit).unwrap();
            let pace = ask();
            prop_assert_eq!(pace, ask());
            prop_assert!(spent <= pace.low && pace.low <= pace.total && pace.total <= pace.high);
            prop_assert!(pace.crosses.is_none_or(|at| now <= at && at <= july(32)));
            prop_assert_eq!(pace.crosses.is_some(), pace.total >= limit);
        }
    }
}
