//! Work that may wait: put into idle capacity before its deadline, the earliest deadline first.
//!
//! On work that can be interrupted and split, that order meets every deadline that any order could meet (Liu and Layland,
//! 1973; Horn, 1974): if something is late, some stretch of time had more work due within it than capacity.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Work that may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// The first step in which it can be worked on.
    pub arrives: usize,
    /// The step before which it has to be done.
    pub due: usize,
    /// How much it is, in the unit of the capacity.
    pub work: u64,
}

/// What became of the jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferred {
    /// How much was worked in each step.
    pub worked: Vec<u64>,
    /// What was not done of each job by its deadline; 0 where all was.
    pub late: Vec<u64>,
}

/// Fills the idle capacity of each step with jobs. What is not done when a job is due, or when the steps end, is late.
#[must_use]
pub fn defer(jobs: &[Job], idle: &[u64]) -> Deferred {
    let mut late: Vec<u64> = jobs.iter().map(|job| job.work).collect();
    let mut worked = vec![0; idle.len()];
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    order.sort_by_key(|&i| Reverse(jobs[i].arrives));
    let mut waiting: BinaryHeap<Reverse<(usize, usize)>> = BinaryHeap::new();
    for (step, &capacity) in idle.iter().enumerate() {
        while let Some(i) = order.pop_if(|i| jobs[*i].arrives <= step) {
            waiting.push(Reverse((jobs[i].due, i)));
        }
        let mut left = capacity;
        while let Some(&Reverse((due, i))) = waiting.peek() {
            if due > step {
                let done = late[i].min(left);
                late[i] -= done;
                left -= done;
            }
            if due > step && late[i] > 0 {
                break;
            }
            waiting.pop();
        }
        worked[step] = capacity - left;
    }
    Deferred { worked, late }
}

/// The same work spread evenly over the time that each job has: what to plan nodes for, beside the load that cannot wait.
/// Work that cannot begin within the steps is left out.
#[must_use]
pub fn levelled(jobs: &[Job], steps: usize) -> Vec<f64> {
    let mut level = vec![0.0; steps];
    for job in jobs {
        let end = job.due.min(steps);
        if job.arrives < end {
            let each = job.work as f64 / (end - job.arrives) as f64;
            level[job.arrives..end].iter_mut().for_each(|l| *l += each);
        }
    }
    level
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn job(arrives: usize, due: usize, work: u64) -> Job {
        Job { arrives, due, work }
    }

    #[test]
    fn the_job_that_is_due_first_is_worked_first_though_it_came_later() {
        let deferred = defer(&[job(0, 9, 10), job(1, 3, 4)], &[2, 2, 2, 2, 9]);
        assert_eq!(deferred, Deferred { worked: vec![2, 2, 2, 2, 6], late: vec![0, 0] });
    }

    #[test]
    fn what_does_not_fit_before_its_deadline_is_late_and_takes_no_capacity_afterwards() {
        let deferred = defer(&[job(0, 1, 5), job(0, 3, 2), job(2, 2, 1)], &[3, 1, 4]);
        assert_eq!(deferred, Deferred { worked: vec![3, 1, 1], late: vec![2, 0, 1] });
    }

    #[test]
    fn levelled_work_lies_evenly_in_the_time_that_it_has() {
        assert_eq!(levelled(&[job(1, 3, 4), job(2, 9, 2), job(7, 8, 5)], 4), [0.0, 2.0, 3.0, 1.0]);
    }

    fn jobs() -> impl Strategy<Value = Vec<Job>> {
        let job = (0usize..12, 1usize..8, 0u64..20)
            .prop_map(|(arrives, long, work)| job(arrives, arrives + long, work));
        prop::collection::vec(job, 0..12)
    }

    /// Whether every stretch of time has capacity for what arrives and is due within it.
    fn suffices(jobs: &[Job], idle: &[u64]) -> bool {
        let within = |from: usize, to: usize| {
            jobs.iter().filter(|j| j.arrives >= from && j.due <= to).map(|j| j.work).sum::<u64>()
        };
        (0..20).all(|from| {
            (from + 1..=20).all(|to| within(from, to) <= idle.iter().take(to).skip(from).sum::<u64>())
        })
    }

    proptest! {
        #[test]
        fn nothing_is_late_exactly_when_every_stretch_of_time_has_capacity_for_its_work(
            jobs in jobs(), idle in prop::collection::vec(0u64..30, 20),
        ) {
            let deferred = defer(&jobs, &idle);
            prop_assert_eq!(deferred.late.iter().all(|&late| late == 0), suffices(&jobs, &idle));
        }

        #[test]
        fn all_work_is_done_or_late_and_no_step_does_more_than_it_can(
            jobs in jobs(), idle in prop::collection::vec(0u64..30, 0..16),
        ) {
            let deferred = defer(&jobs, &idle);
            let sums = deferred.worked.iter().sum::<u64>() + deferred.late.iter().sum::<u64>();
            prop_assert_eq!(sums, jobs.iter().map(|j| j.work).sum::<u64>());
            prop_assert!(deferred.worked.iter().zip(&idle).all(|(worked, idle)| worked <= idle));
        }
    }
}
