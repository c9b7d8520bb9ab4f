//! Spending so fast that the period's amount will not last.
//!
//! A burn rate is `(spent in a stretch ÷ length of the stretch) ÷ (limit ÷ length of the period)`: at 1 the amount lasts
//! exactly for the period. As in the multi-window, multi-burn-rate alerts of site reliability engineering (Beyer et
//! al., *The Site Reliability Workbook*, chapter 5, O'Reilly 2018), a rule watches a long stretch, so that a short peak
//! is not told, and a short one of a twelfth of it, so that it is not told of spending that has ended. For a period of 30
//! days the two rules are the book's: 2 % of the amount within an hour, which is a burn rate of 14.4, and 5 % within six
//! hours, a burn rate of 6. For other periods the stretches are as long in proportion.

use std::collections::VecDeque;

use bursar_core::Timestamp;
use bursar_core::budget::{Period, Window};

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
const MONTH: i64 = 30 * 24 * HOUR;
/// A long stretch is no shorter than this, so that single calls do not fill it.
const SHORTEST: i64 = 5 * MINUTE;
/// How many buckets a short stretch has; a long one has twelve times as many.
const GRAIN: i64 = 5;

/// How fast is fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BurnSpeed {
    /// 2 % of the amount within 1/720 of the period (an hour of a month).
    Fast,
    /// 5 % of the amount within 1/120 of the period (six hours of a month).
    Slow,
}

/// A rule for one period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BurnRule {
    /// The long stretch in microseconds; the short one is a twelfth of it.
    pub long: i64,
    /// Which part of the amount must be spent within the long stretch, in hundredths.
    pub percent: i64,
    /// How long the period is, in microseconds.
    pub period: i64,
}

impl BurnRule {
    /// The rule of a speed for a window; `None` where the period is not a calendar's: a rolling period forgets while it
    /// spends, and a life has no length.
    #[must_use]
    pub fn of(speed: BurnSpeed, period: &Period, window: Window) -> Option<BurnRule> {
        let length = match period {
            Period::Calendar { .. } => window.end.micros().checked_sub(window.start.micros())?,
            Period::Rolling { .. } | Period::Life { .. } => return None,
        };
        let (at_a_month, percent) = match speed {
            BurnSpeed::Fast => (HOUR, 2),
            BurnSpeed::Slow => (6 * HOUR, 5),
        };
        let proportional = i128::from(at_a_month) * i128::from(length) / i128::from(MONTH);
        let long = i64::try_from(proportional).ok()?.max(SHORTEST);
        // Where the stretch is longer than in proportion, so is its part of the amount.
        let percent = i64::try_from(i128::from(percent) * i128::from(long) / proportional.max(1)).ok()?;
        Some(BurnRule { long, percent: percent.min(100), period: length })
    }

    /// The short stretch in microseconds.
    #[must_use]
    pub const fn short(&self) -> i64 {
        self.long / 12
    }

    /// How wide the steps are in which spend leaves the stretches: a look more often than this sees nothing new.
    pub(crate) const fn bucket_micros(&self) -> i64 {
        self.short() / GRAIN
    }

    /// The burn rate from which on the rule speaks, in tenths.
    #[must_use]
    pub fn factor_tenths(&self) -> i64 {
        let tenths = i128::from(self.percent) * i128::from(self.period) / (i128::from(self.long) * 10);
        i64::try_from(tenths).unwrap_or(i64::MAX)
    }

    /// Whether an amount within a stretch is at the rule's rate or above: compared in whole numbers.
    fn is_above(&self, spent: i64, stretch: i64, limit: i64) -> bool {
        let long = i128::from(self.long);
        i128::from(spent) * 100 * long >= i128::from(self.percent) * i128::from(limit) * i128::from(stretch)
    }
}

/// What was spent lately, as far as one rule needs it.
#[derive(Clone, Debug)]
pub struct BurnMeter {
    rule: BurnRule,
    /// The number of a bucket and what was spent in it, the oldest first; empty ones are left out.
    buckets: VecDeque<(i64, i64)>,
}

impl BurnMeter {
    /// A meter that has seen nothing.
    #[must_use]
    pub fn new(rule: BurnRule) -> BurnMeter {
        BurnMeter { rule, buckets: VecDeque::new() }
    }

    /// The rule that it measures for.
    #[must_use]
    pub const fn rule(&self) -> &BurnRule {
        &self.rule
    }

    /// Takes an amount that was spent at a moment.
    pub fn add(&mut self, at: Timestamp, amount: i64) {
        let number = at.micros().div_euclid(self.rule.bucket_micros());
        match self.buckets.back_mut() {
            Some((last, sum)) if *last >= number => *sum = sum.saturating_add(amount),
            _ => self.buckets.push_back((number, amount)),
        }
        let oldest = number - 12 * GRAIN;
        while self.buckets.front().is_some_and(|(n, _)| *n < oldest) {
            self.buckets.pop_front();
        }
    }

    /// What was spent within a stretch before now, to the grain of a bucket.
    fn within(&self, stretch: i64, now: Timestamp) -> i64 {
        let from = now.micros().saturating_sub(stretch).div_euclid(self.rule.bucket_micros());
        let inside = self.buckets.iter().rev().take_while(|(n, _)| *n > from);
        inside.fold(0i64, |sum, (_, amount)| sum.saturating_add(*amount))
    }

    /// What was spent within the long stretch.
    #[must_use]
    pub fn spent_lately(&self, now: Timestamp) -> i64 {
        self.within(self.rule.long, now)
    }

    /// Whether both stretches are at the rule's burn rate or above.
    #[must_use]
    pub fn burns(&self, limit: i64, now: Timestamp) -> bool {
        let above = |stretch| self.rule.is_above(self.within(stretch, now), stretch, limit);
        limit > 0 && above(self.rule.short()) && above(self.rule.long)
    }

    /// Whether the burning has ended: the short stretch is below half of the rule's burn rate and the long one below the
    /// whole. The short one alone would end and begin anew with every pause between calls that are few and dear.
    #[must_use]
    pub fn has_cooled(&self, limit: i64, now: Timestamp) -> bool {
        let (short, long) = (self.rule.short(), self.rule.long);
        !self.rule.is_above(self.within(short, now).saturating_mul(2), short, limit)
            && !self.rule.is_above(self.within(long, now), long, limit)
    }

    /// Whether nothing is left to remember.
    #[must_use]
    pub fn is_empty(&self, now: Timestamp) -> bool {
        self.within(self.rule.long, now) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::budget::Calendar;

    fn month() -> (Period, Window) {
        let period = Period::month_utc();
        let window = period.window(Timestamp::from_date(2026, 6, 15).unwrap());
        (period, window)
    }

    fn rule(speed: BurnSpeed) -> BurnRule {
        let (period, window) = month();
        BurnRule::of(speed, &period, window).unwrap()
    }

    #[test]
    fn for_a_month_of_thirty_days_the_rules_are_the_books() {
        let (fast, slow) = (rule(BurnSpeed::Fast), rule(BurnSpeed::Slow));
        assert_eq!((fast.long, fast.short(), fast.factor_tenths()), (HOUR, 5 * MINUTE, 144));
        assert_eq!((slow.long, slow.short(), slow.factor_tenths()), (6 * HOUR, 30 * MINUTE, 60));
    }

    #[test]
    fn for_a_day_the_stretches_shrink_and_no_further_than_five_minutes() {
        let of = |calendar| {
            let period = Period::calendar(calendar, "UTC").unwrap();
            let window = period.window(Timestamp::from_date(2026, 6, 15).unwrap());
            BurnRule::of(BurnSpeed::Fast, &period, window).unwrap()
        };
        let (day, year) = (of(Calendar::Day), of(Calendar::Year { first_month: 1 }));
        assert_eq!((day.long, day.percent, day.factor_tenths()), (5 * MINUTE, 5, 144));
        assert_eq!((year.long / HOUR, year.percent, year.factor_tenths()), (12, 2, 144));
    }

    #[test]
    fn what_is_no_calendar_period_has_no_burn_rate() {
        let length = std::time::Duration::from_secs(600);
        for period in [Period::life(length).unwrap(), Period::rolling(length).unwrap()] {
            assert_eq!(BurnRule::of(BurnSpeed::Fast, &period, Window::ALWAYS), None);
        }
    }

    /// Spends an amount every minute and says in which minutes the rule spoke and had cooled.
    fn minutes(meter: &mut BurnMeter, per_minute: &[i64], limit: i64) -> Vec<(bool, bool)> {
        let start = Timestamp::from_date(2026, 6, 15).unwrap();
        let tell = |(i, &amount): (usize, &i64)| {
            let now = start.plus_micros(i64::try_from(i).unwrap() * MINUTE);
            meter.add(now, amount);
            (meter.burns(limit, now), meter.has_cooled(limit, now))
        };
        per_minute.iter().enumerate().map(tell).collect()
    }

    #[test]
    fn two_per_cent_within_an_hour_burns_until_the_hour_has_less_again() {
        let mut meter = BurnMeter::new(rule(BurnSpeed::Fast));
        // A limit of 300,000 lasts at 6.94 a minute: 100 a minute are 14.4 times that, 110 are above.
        let spending: Vec<i64> = [vec![110; 70], vec![0; 10]].concat();
        let told = minutes(&mut meter, &spending, 300_000);
        let began = told.iter().position(|(burns, _)| *burns).unwrap();
        assert!((50..=56).contains(&began), "{began}");
        let cooled = told[70..].iter().position(|(burns, cooled)| *cooled && !burns).unwrap();
        assert!((3..=9).contains(&cooled), "{cooled}");
    }

    #[test]
    fn spending_at_the_pace_of_the_budget_never_burns() {
        let mut meter = BurnMeter::new(rule(BurnSpeed::Slow));
        let told = minutes(&mut meter, &[7; 1_000], 300_000);
        assert!(told.iter().all(|(burns, _)| !burns));
    }

    #[test]
    fn a_short_peak_is_not_told() {
        let mut meter = BurnMeter::new(rule(BurnSpeed::Fast));
        let spending: Vec<i64> = [vec![1; 60], vec![500; 10], vec![1; 60]].concat();
        assert!(minutes(&mut meter, &spending, 300_000).iter().all(|(burns, _)| !burns));
    }

    #[test]
    fn a_meter_forgets_what_is_older_than_its_long_stretch() {
        let mut meter = BurnMeter::new(rule(BurnSpeed::Fast));
        let start = Timestamp::from_date(2026, 6, 15).unwrap();
        for minute in 0..10_000 {
            meter.add(start.plus_micros(minute * MINUTE), 1);
        }
        assert!(meter.buckets.len() <= 61, "{}", meter.buckets.len());
        assert!(meter.is_empty(start.plus_micros(10_061 * MINUTE)));
    }
}
