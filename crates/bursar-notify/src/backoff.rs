//! When a message that was not taken is tried again.

use std::time::Duration;

/// The wait after the first failure.
const FIRST: Duration = Duration::from_secs(5);
/// No wait is longer.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// A message that nobody took for so long is given up.
pub(crate) const GIVE_UP: Duration = Duration::from_secs(24 * 3_600);

/// The wait after so many failures: twice as long each time, up to a quarter of an hour, and spread by a tenth so that
/// what failed together is not tried together for ever. `asked` is what the receiver asked for.
pub(crate) fn wait(failures: u32, asked: Option<Duration>, spread: u64) -> Duration {
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(10));
    let wait = doubled.min(LONGEST).max(asked.unwrap_or_default().min(LONGEST));
    let tenth = u64::try_from(wait.as_millis() / 10).unwrap_or(1).max(1);
    wait + Duration::from_millis(spread % tenth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_quarter_of_an_hour() {
        let seconds = |n| wait(n, None, 0).as_secs();
        assert_eq!([1, 2, 3, 4, 8, 9, 40].map(seconds), [5, 10, 20, 40, 640, 900, 900]);
        assert!(wait(1, None, 499).as_millis() < 5_500);
    }

    #[test]
    fn a_receiver_may_ask_for_a_longer_wait_and_not_for_a_day() {
        assert_eq!(wait(1, Some(Duration::from_secs(60)), 0).as_secs(), 60);
        assert_eq!(wait(1, Some(Duration::from_secs(86_400)), 0).as_secs(), 900);
    }
}
