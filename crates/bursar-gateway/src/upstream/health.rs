//! Passive health of an endpoint: after several failures in a row it rests, then one call probes it.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Failures in a row after which an endpoint rests.
const FAILURES: u32 = 5;
/// How long it rests before a call probes it.
const REST: Duration = Duration::from_secs(10);

/// The health of one endpoint.
#[derive(Debug, Default)]
pub(crate) struct Health {
    failures: AtomicU32,
    /// Milliseconds of [`clock`] until which it rests.
    rests_until: AtomicU64,
}

fn clock() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX)
}

impl Health {
    /// Whether calls may go there. When the rest is over, one call is let through and the rest begins anew, so
    /// that a single call probes.
    pub(crate) fn is_open_for_calls(&self) -> bool {
        if self.failures.load(Ordering::Relaxed) < FAILURES {
            return true;
        }
        let (now, until) = (clock(), self.rests_until.load(Ordering::Relaxed));
        let next = now + u64::try_from(REST.as_millis()).unwrap_or(u64::MAX);
        now >= until
            && self.rests_until.compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Whether it rests at this moment, without taking the probe's place.
    pub(crate) fn rests(&self) -> bool {
        self.failures.load(Ordering::Relaxed) >= FAILURES
            && clock() < self.rests_until.load(Ordering::Relaxed)
    }

    pub(crate) fn succeeded(&self) {
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn failed(&self) {
        if self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= FAILURES {
            let rest = u64::try_from(REST.as_millis()).unwrap_or(u64::MAX);
            self.rests_until.store(clock() + rest, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_rests_after_failures_in_a_row_and_one_success_wakes_it() {
        let health = Health::default();
        for _ in 0..FAILURES {
            assert!(health.is_open_for_calls() && !health.rests());
            health.failed();
        }
        assert!(!health.is_open_for_calls() && health.rests());
        health.succeeded();
        assert!(health.is_open_for_calls() && !health.rests());
    }
}
