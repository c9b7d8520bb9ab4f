//! Work that can wait, as jobs: one for each hour in which some is asked.

use bursar_core::Money;

use super::inputs::UnitPrices;
use crate::demand::DemandPoint;
use crate::mix::batch::{Job, levelled};
use crate::mix::spread::STEPS;

/// A model's work that can wait.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Work {
    /// A job for each hour with work, in ten-minute steps; work is output tokens, and a request without output counts as
    /// one.
    pub(super) jobs: Vec<Job>,
    /// What each job costs at the API; `None` where it may not go there or has no price.
    pub(super) api: Vec<Option<Money>>,
}

/// The jobs of a model's hours. A job comes with its hour's end and is due `deadline_hours` later.
pub(super) fn work(points: &[DemandPoint], deadline_hours: u32, prices: Option<&UnitPrices>) -> Work {
    let mut work = Work { jobs: Vec::new(), api: Vec::new() };
    for (hour, point) in points.iter().enumerate().filter(|(_, p)| p.requests > 0) {
        let arrives = hour * STEPS;
        let due = arrives + deadline_hours.max(1) as usize * STEPS;
        work.jobs.push(Job { arrives, due, work: point.output.max(point.requests) });
        work.api.push(prices.and_then(|p| p.cost(point)));
    }
    work
}

impl Work {
    /// The work of each hour when it is spread evenly over the time that it has: what nodes are planned for.
    pub(super) fn level(&self, hours: usize) -> Vec<f64> {
        levelled(&self.jobs, hours * STEPS).chunks(STEPS).map(|steps| steps.iter().sum()).collect()
    }

    /// What all of it costs at the API; `None` where a part has no price.
    pub(super) fn whole_api(&self) -> Option<Money> {
        self.api.iter().copied().try_fold(Money::ZERO, |sum, api| sum.checked_add(api?))
    }

    /// All of it.
    pub(super) fn whole(&self) -> u64 {
        self.jobs.iter().fold(0, |sum, job| sum.saturating_add(job.work))
    }
}
