//! Calls at a constant rate, whatever the answers take.
//!
//! A call's latency runs from the moment at which it was **meant** to be sent: where the sender is held up by slow
//! answers, the wait counts. Both ways are measured in one run, in turns, so that the machine's noise meets both.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::wire::Wire;
use super::{Added, Latencies, LoadError, Quantiles, Way};
use crate::sample_call::SampleCall;

/// How the two ways take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interleave {
    /// Call by call: both ways are under load at once, each at the full rate.
    Calls,
    /// In slices of time: each way is under load alone, at the full rate.
    Slices(Duration),
}

/// What to do.
#[derive(Clone, Debug)]
pub struct OpenLoop {
    /// The provider.
    pub direct: SocketAddr,
    /// The gateway.
    pub gateway: SocketAddr,
    /// Calls per second on each way while it is under load.
    pub rate: u32,
    /// How long to measure.
    pub duration: Duration,
    /// How long to run before measuring.
    pub warm_up: Duration,
    /// Threads, each with one connection to either side. A thread is busy while its call is under way.
    pub workers: usize,
    /// How the ways take turns.
    pub interleave: Interleave,
    /// The call to make, again and again.
    pub call: SampleCall,
    /// The key for the gateway, where it wants one.
    pub key: Option<String>,
}

/// What came out.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct OpenLoopReport {
    /// Calls per second on each way while it was under load.
    pub rate: u32,
    /// Latencies straight to the provider.
    pub direct: Quantiles,
    /// Latencies through the gateway.
    pub gateway: Quantiles,
    /// What the gateway adds.
    pub added: Added,
    /// How late the client itself sent, on either way: below this no latency can be told.
    pub sent_late: Quantiles,
}

/// What one worker measured.
struct Measured {
    direct: Latencies,
    gateway: Latencies,
    late: Latencies,
}

impl Measured {
    fn new() -> Result<Measured, LoadError> {
        Ok(Measured { direct: Latencies::new()?, gateway: Latencies::new()?, late: Latencies::new()? })
    }
}

impl OpenLoop {
    /// Runs. Ends with the first call that fails: a benchmark with failures measures something else.
    pub fn run(&self) -> Result<OpenLoopReport, LoadError> {
        let begin = Instant::now() + Duration::from_millis(50);
        let parts: Vec<Result<Measured, LoadError>> = thread::scope(|scope| {
            let threads: Vec<_> =
                (0..self.workers.max(1)).map(|w| scope.spawn(move || self.work(w as u64, begin))).collect();
            threads.into_iter().map(|t| t.join().unwrap_or(Err(LoadError::Worker))).collect()
        });
        let mut all = Measured::new()?;
        for part in parts {
            let part = part?;
            all.direct.merge(&part.direct)?;
            all.gateway.merge(&part.gateway)?;
            all.late.merge(&part.late)?;
        }
        let (direct, gateway) = (all.direct.quantiles(), all.gateway.quantiles());
        let (added, sent_late) = (gateway.added_over(&direct), all.late.quantiles());
        Ok(OpenLoopReport { rate: self.rate, direct, gateway, added, sent_late })
    }

    /// Sends every `workers`-th call, each at its moment.
    fn work(&self, worker: u64, begin: Instant) -> Result<Measured, LoadError> {
        wake_up_on_time();
        let mut direct = Wire::connect(self.direct)?;
        let mut gateway = Wire::connect(self.gateway)?;
        let to_direct = self.call.bytes(&self.direct.to_string(), self.key.as_deref());
        let to_gateway = self.call.bytes(&self.gateway.to_string(), self.key.as_deref());
        let mut measured = Measured::new()?;
        let workers = self.workers.max(1) as u64;
        for number in (worker..).step_by(self.workers.max(1)) {
            let offset = self.offset(number);
            if offset >= self.warm_up + self.duration {
                break;
            }
            let due = begin + offset;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let late = due.elapsed();
            let way = self.way(number, workers, offset);
            match way {
                Way::Direct => direct.call(&to_direct)?,
                Way::Gateway => gateway.call(&to_gateway)?,
            }
            let latency = due.elapsed();
            if offset >= self.warm_up {
                measured.late.record(late);
                match way {
                    Way::Direct => measured.direct.record(latency),
                    Way::Gateway => measured.gateway.record(latency),
                }
            }
        }
        Ok(measured)
    }

    /// When a call is due, counted from the beginning.
    fn offset(&self, number: u64) -> Duration {
        let rate = u64::from(self.rate.max(1));
        let both = if self.interleave == Interleave::Calls { 2 * rate } else { rate };
        Duration::from_nanos(number * 1_000_000_000 / both)
    }

    fn way(&self, number: u64, workers: u64, offset: Duration) -> Way {
        match self.interleave {
            // By worker and round, so that every worker takes both ways.
            Interleave::Calls => Way::of_turn((number % workers + number / workers) % 2 == 1),
            Interleave::Slices(slice) => Way::of_turn((offset.as_nanos() / slice.as_nanos().max(1)) % 2 == 1),
        }
    }
}

/// Asks the kernel to end this thread's sleeps when they are over, not up to 50 µs later.
fn wake_up_on_time() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1)) {
        tracing::debug!(%error, "the timer slack could not be set; calls will be sent a little later");
    }
}
