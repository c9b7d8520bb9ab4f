//! From which month on a plan is ahead.

use bursar_core::Money;

use super::risk::Probability;
use super::simulate::Sample;

/// From which month on the plan has cost less than the API in all and stays so, over the futures. The months are
/// counted from 1; `None` is "not within the months that were looked at", and later than any month.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakEven {
    /// In one of ten futures by then.
    pub p10: Option<u32>,
    /// In half.
    pub p50: Option<u32>,
    /// In nine of ten.
    pub p90: Option<u32>,
    /// In how many futures not at all.
    pub never: Probability,
}

impl BreakEven {
    pub(super) fn of(samples: &[Sample]) -> BreakEven {
        let mut months: Vec<u32> =
            samples.iter().map(|s| month(&s.api, &s.plan).unwrap_or(u32::MAX)).collect();
        months.sort_unstable();
        let at = |share: f64| {
            let rank = ((share * months.len() as f64).ceil().max(1.0) as usize).min(months.len());
            rank.checked_sub(1).and_then(|i| months.get(i)).copied().filter(|m| *m != u32::MAX)
        };
        BreakEven {
            p10: at(0.1),
            p50: at(0.5),
            p90: at(0.9),
            never: Probability::of(months.iter().map(|m| *m == u32::MAX)),
        }
    }
}

/// The first month, counted from 1, from which on the plan is never behind again.
fn month(api: &[Money], plan: &[Money]) -> Option<u32> {
    let mut ahead = 0i128;
    let mut since = None;
    for ((api, plan), month) in api.iter().zip(plan).zip(1u32..) {
        ahead += i128::from(api.nanos()) - i128::from(plan.nanos());
        if ahead <= 0 {
            since = None;
        } else {
            since = since.or(Some(month));
        }
    }
    since
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_that_falls_behind_again_is_ahead_only_from_its_last_return_on() {
        let path = |nanos: &[i64]| nanos.iter().map(|n| Money::from_nanos(*n)).collect::<Vec<_>>();
        let api = path(&[10, 10, 10, 10]);
        assert_eq!(month(&api, &path(&[9, 9, 9, 9])), Some(1));
        assert_eq!(month(&api, &path(&[9, 12, 8, 9])), Some(3));
        assert_eq!(month(&api, &path(&[20, 5, 4, 4])), Some(3));
        assert_eq!(month(&api, &path(&[10, 10, 10, 10])), None);
        assert_eq!(month(&api, &path(&[1, 1, 1, 40])), None);
    }
}
