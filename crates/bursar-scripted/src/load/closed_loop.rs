//! Calls as fast as they are answered: what a number of busy callers get through.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::wire::Wire;
use super::{Added, Latencies, LoadError, Quantiles};
use crate::sample_call::SampleCall;

/// What to do.
#[derive(Clone, Debug)]
pub struct ClosedLoop {
    /// The provider.
    pub direct: SocketAddr,
    /// The gateway.
    pub gateway: SocketAddr,
    /// Callers, each with one connection to either side.
    pub callers: usize,
    /// How long to measure in all.
    pub duration: Duration,
    /// The ways take turns in slices of this length, all callers together.
    pub slice: Duration,
    /// The call to make.
    pub call: SampleCall,
    /// The key for the gateway, where it wants one.
    pub key: Option<String>,
}

/// What came out.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ClosedLoopReport {
    /// Callers.
    pub callers: usize,
    /// Latencies straight to the provider.
    pub direct: Quantiles,
    /// Latencies through the gateway.
    pub gateway: Quantiles,
    /// What the gateway adds.
    pub added: Added,
    /// Calls per second straight to the provider.
    pub direct_per_second: u64,
    /// Calls per second through the gateway.
    pub gateway_per_second: u64,
}

impl ClosedLoop {
    /// Runs. Ends with the first call that fails.
    pub fn run(&self) -> Result<ClosedLoopReport, LoadError> {
        let begin = Instant::now();
        let parts: Vec<Result<[Latencies; 2], LoadError>> = thread::scope(|scope| {
            let threads: Vec<_> =
                (0..self.callers.max(1)).map(|_| scope.spawn(move || self.work(begin))).collect();
            threads.into_iter().map(|t| t.join().unwrap_or(Err(LoadError::Worker))).collect()
        });
        let mut all = [Latencies::new()?, Latencies::new()?];
        for part in parts {
            let part = part?;
            all[0].merge(&part[0])?;
            all[1].merge(&part[1])?;
        }
        let [direct, gateway] = all.map(|l| l.quantiles());
        let half: u64 = u64::try_from(self.duration.as_millis() / 2).unwrap_or(u64::MAX).max(1);
        Ok(ClosedLoopReport {
            callers: self.callers,
            direct,
            gateway,
            added: gateway.added_over(&direct),
            direct_per_second: direct.calls * 1000 / half,
            gateway_per_second: gateway.calls * 1000 / half,
        })
    }

    fn work(&self, begin: Instant) -> Result<[Latencies; 2], LoadError> {
        let mut wires = [Wire::connect(self.direct)?, Wire::connect(self.gateway)?];
        let requests =
            [self.direct, self.gateway].map(|a| self.call.bytes(&a.to_string(), self.key.as_deref()));
        let mut latencies = [Latencies::new()?, Latencies::new()?];
        loop {
            let now = begin.elapsed();
            if now >= self.duration {
                return Ok(latencies);
            }
            let way = usize::from((now.as_nanos() / self.slice.as_nanos().max(1)) % 2 == 1);
            let sent = Instant::now();
            wires[way].call(&requests[way])?;
            latencies[way].record(sent.elapsed());
        }
    }
}
