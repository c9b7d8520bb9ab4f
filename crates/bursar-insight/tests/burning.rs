//! Burn meters against the sums that they stand for.

use bursar_core::Timestamp;
use bursar_core::budget::{Calendar, Period};
use bursar_insight::burn_rate::{BurnMeter, BurnRule, BurnSpeed};
use proptest::prelude::*;

const MINUTE: i64 = 60_000_000;

/// What was spent after `from`.
fn after(spent: &[(i64, i64)], from: i64) -> i64 {
    spent.iter().filter(|(at, _)| *at > from).map(|(_, amount)| amount).sum()
}

proptest! {
    /// A meter counts in buckets: it may count up to one bucket too little, and never anything that is older than its
    /// stretch.
    #[test]
    fn a_meter_speaks_if_and_only_if_both_stretches_are_at_the_rate(
        amounts in proptest::collection::vec((0i64..8 * MINUTE, 0i64..4_000), 1..120),
        is_fast in any::<bool>(),
        calendar in 0usize..3,
    ) {
        let calendar = [Calendar::Day, Calendar::Month { first_day: 1 }, Calendar::Year { first_month: 1 }][calendar];
        let period = Period::calendar(calendar, "UTC").unwrap();
        let start = Timestamp::from_date(2026, 6, 15).unwrap();
        let speed = if is_fast { BurnSpeed::Fast } else { BurnSpeed::Slow };
        let rule = BurnRule::of(speed, &period, period.window(start)).unwrap();
        let limit = 1_000_000i64;
        let wanted = |stretch: i64| {
            let part = i128::from(rule.percent) * i128::from(limit) * i128::from(stretch);
            i64::try_from(part / (100 * i128::from(rule.long))).unwrap()
        };
        let mut meter = BurnMeter::new(rule);
        let (mut now, mut spent) = (start.micros(), Vec::new());
        let bucket = rule.short() / 5;
        for (gap, amount) in amounts {
            now += gap;
            meter.add(Timestamp::from_micros(now), amount);
            spent.push((now, amount));
            let burns = meter.burns(limit, Timestamp::from_micros(now));
            let reaches = |slack: i64| {
                [rule.short(), rule.long].into_iter().all(|s| after(&spent, now - s + slack) > wanted(s))
            };
            prop_assert!(!reaches(bucket) || burns, "a burning was missed");
            let may = [rule.short(), rule.long].into_iter().all(|s| after(&spent, now - s - 1) >= wanted(s));
            prop_assert!(!burns || may, "a burning was made up");
        }
    }
}
