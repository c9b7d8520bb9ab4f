//! When nodes are there: failures and repairs drawn from a seed.

use super::bill::Fleet;
use super::problem::{Failures, Problem};
use super::spread::STEPS;
use crate::scenario::random::Random;

const HOUR: u64 = 3_600;
/// Seconds of a ten-minute step.
pub(crate) const STEP: u64 = HOUR / STEPS as u64;

/// The node-seconds that are there in each step of a model's nodes.
#[derive(Clone, Debug)]
pub(crate) struct Presence {
    /// At `step × kinds + h`, at most the working nodes times a step's seconds.
    pub(crate) seconds: Vec<u64>,
    /// How often a node failed.
    pub(crate) failures: u32,
}

impl Presence {
    /// The nodes of model `m`. A committed node that fails is away until it is repaired, and a spare one stands in for it; a
    /// rented one is away for the rest of its hour, since another is rented for the next. Each node has its own sequence, so
    /// that a node fails at the same times in every fleet that has it.
    pub(crate) fn of(problem: &Problem, fleet: &Fleet, m: usize, seed: u64) -> Presence {
        let (hours, kinds) = (problem.hours(), problem.hardware.len());
        let mut presence = Presence { seconds: vec![0; hours * STEPS * kinds], failures: 0 };
        for (h, hardware) in problem.hardware.iter().enumerate() {
            let seed = |node: u32, rented: bool| {
                let place = (m as u64) << 48 | (h as u64) << 40 | u64::from(rented) << 39 | u64::from(node);
                Random::seeded(seed ^ place.wrapping_mul(0xd6e8_feb8_6659_fd93))
            };
            let (working, spare) = (fleet.committed[m][h], fleet.spare[m][h]);
            let mut there = vec![0u64; hours * STEPS];
            for node in 0..working + spare {
                presence.failures += committed(&mut there, hardware.failures, seed(node, false));
            }
            let most = u64::from(working) * STEP;
            there.iter_mut().for_each(|seconds| *seconds = (*seconds).min(most));
            for t in 0..hours {
                let rented = fleet.rented[m][t * kinds + h];
                let mut random = seed(t as u32, true);
                let steps = &mut there[t * STEPS..(t + 1) * STEPS];
                presence.failures +=
                    (0..rented).map(|_| for_an_hour(steps, hardware.failures, &mut random)).sum::<u32>();
            }
            for (step, seconds) in there.into_iter().enumerate() {
                presence.seconds[step * kinds + h] = seconds;
            }
        }
        presence
    }
}

/// Adds a committed node's seconds; returns how often it failed.
fn committed(there: &mut [u64], failures: Option<Failures>, mut random: Random) -> u32 {
    let end = there.len() as u64 * STEP;
    let Some(Failures { between_hours, repair_hours }) = failures else {
        add(there, 0, end);
        return 0;
    };
    let (mut now, mut failed) = (0, 0);
    while now < end {
        let until = (now + drawn(between_hours, &mut random)).min(end);
        add(there, now, until);
        failed += u32::from(until < end);
        now = until + drawn(repair_hours, &mut random);
    }
    failed
}

fn for_an_hour(there: &mut [u64], failures: Option<Failures>, random: &mut Random) -> u32 {
    let lives = failures.map_or(HOUR, |f| drawn(f.between_hours, random));
    add(there, 0, lives.min(HOUR));
    u32::from(lives < HOUR)
}

/// Adds the seconds from `from` to `to` to the steps that they lie in.
fn add(there: &mut [u64], from: u64, to: u64) {
    for (i, seconds) in there.iter_mut().enumerate().skip((from / STEP) as usize) {
        let begins = i as u64 * STEP;
        if begins >= to {
            break;
        }
        *seconds += to.min(begins + STEP) - from.max(begins);
    }
}

/// An exponentially distributed time of this mean, in whole seconds, at least one.
fn drawn(mean_hours: f64, random: &mut Random) -> u64 {
    (-random.uniform().ln() * mean_hours * HOUR as f64).ceil().min(1e15) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_of_time_is_split_over_the_steps_that_it_lies_in() {
        let mut there = vec![0; 4];
        add(&mut there, 500, 1_300);
        assert_eq!(there, [100, 600, 100, 0]);
    }

    #[test]
    fn nodes_are_away_for_as_much_of_the_time_as_their_failures_and_repairs_say() {
        let failures = Some(Failures { between_hours: 95.0, repair_hours: 5.0 });
        let mut there = vec![0; 200_000];
        let failed = committed(&mut there, failures, Random::seeded(7));
        let part = there.iter().sum::<u64>() as f64 / (200_000 * STEP) as f64;
        assert!((part - 0.95).abs() < 0.01 && (300..370).contains(&failed), "{part}, {failed} failures");
    }
}
