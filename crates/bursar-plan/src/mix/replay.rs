//! A fleet on the full trace in ten-minute steps: peaks within the hour, failing nodes, and work that can wait.
//!
//! What a step asks beyond the nodes that are there spills over to the API at the hour's price. What would not have
//! spilled over had no node failed is priced apart, as failover. Of a model that may not leave it is unserved, and told.

use std::cmp::Ordering;

use bursar_core::Money;

use super::batch::{Deferred, Job, defer};
use super::bill::{Bill, Fleet, Item, Line, Unserved, money};
use super::failures::{Presence, STEP};
use super::hour::{ALL, Hours, Lane, ROUNDING, rounded};
use super::problem::{MixError, Model, Problem};
use super::spread::{STEPS, spread};

const HOUR: u128 = 3_600;
/// Units of work that a node can do per hour at most.
const MOST_WORK: u64 = 1_000_000_000_000;

/// A model's work that can wait.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Whose work: the model's place.
    pub model: usize,
    /// Units of work that a node of each kind does per hour; `None` where it cannot. A unit is small, such as a token.
    pub per_node_hour: Vec<Option<u64>>,
    /// The jobs, in ten-minute steps.
    pub jobs: Vec<Job>,
    /// For each job what all of it costs at the API; `None` where it may not go there.
    pub api: Vec<Option<Money>>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    /// What it cost, with its ledger.
    pub bill: Bill,
    /// Each model, in the problem's order.
    pub models: Vec<ModelReplay>,
}

/// What happened to a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelReplay {
    /// The API's bill for what the nodes would not have carried anyway.
    pub spill: Money,
    /// The API's bill in place of failed nodes.
    pub failover: Money,
    /// The API's bill for work that was late.
    pub late_batch: Money,
    /// How often a node failed.
    pub failures: u32,
    /// Busy node-seconds by those of the nodes that were there, waiting work included; `None` without nodes.
    pub utilisation: Option<f64>,
    /// What became of the work that can wait; `None` where there was none.
    pub batch: Option<Deferred>,
}

/// Runs a fleet over the problem's hours.
///
/// # Errors
///
/// The problem's own, those of [`Fleet::bill`], and [`MixError::Number`] where a batch does not fit the problem.
pub fn replay(problem: &Problem, fleet: &Fleet, batches: &[Batch], seed: u64) -> Result<Replay, MixError> {
    let hours = Hours::new(problem)?;
    for (i, batch) in batches.iter().enumerate() {
        batch.check(problem, &batches[..i])?;
    }
    let mut models = Vec::new();
    let bill = Bill::with(problem, &hours, fleet, |bill, m| {
        let mut run = Run::of(problem, hours.lanes[m].clone(), (fleet, m), seed);
        let batch = batches.iter().find(|b| b.model == m);
        if let Some(batch) = batch {
            run.work(batch, |h| problem.models[m].runs_on(h, &problem.hardware[h]));
        }
        models.push(run.book(bill, &problem.models[m], batch)?);
        Ok(())
    })?;
    Ok(Replay { bill, models })
}

impl Batch {
    fn check(&self, problem: &Problem, before: &[Batch]) -> Result<(), MixError> {
        let wrong = |what, value: String, must| {
            let whose = problem.models.get(self.model).map_or("a batch", |m| m.name.as_str()).to_owned();
            Err(MixError::Number { whose, what, hour: 0, value, must })
        };
        let speeds = &self.per_node_hour;
        if self.model >= problem.models.len() {
            return wrong("the model's place", self.model.to_string(), "one of the problem's models");
        }
        if before.iter().any(|b| b.model == self.model) {
            return wrong(
                "another batch",
                "given".to_owned(),
                "part of the model's first: put the jobs together",
            );
        }
        if speeds.len() != problem.hardware.len() {
            return wrong("kinds with a speed", speeds.len().to_string(), "as many as the problem has");
        }
        if let Some(speed) = speeds.iter().flatten().find(|&&s| s > MOST_WORK) {
            return wrong("the work of a node per hour", speed.to_string(), "0 to 10¹² units");
        }
        if self.api.len() != self.jobs.len() {
            return wrong("the API's bills", self.api.len().to_string(), "one for each job");
        }
        Ok(())
    }
}

/// A step's demand and what was not carried, in parts of the hour's mean.
#[derive(Clone, Copy, Debug, Default)]
struct Left {
    /// With all nodes.
    planned: u64,
    /// With those that were there.
    real: u64,
}

/// A model on its way through the trace.
struct Run {
    lane: Lane,
    kinds: usize,
    left: Vec<Left>,
    /// Idle node-seconds at `step × kinds + h`.
    idle: Vec<u64>,
    there: u64,
    told: ModelReplay,
}

impl Run {
    fn of(problem: &Problem, lane: Lane, (fleet, m): (&Fleet, usize), seed: u64) -> Run {
        let (model, kinds) = (&problem.models[m], problem.hardware.len());
        let presence = Presence::of(problem, fleet, m, seed);
        let mut run = Run {
            lane,
            kinds,
            left: vec![Left::default(); problem.hours() * STEPS],
            there: presence.seconds.iter().sum(),
            idle: presence.seconds,
            told: ModelReplay { failures: presence.failures, ..ModelReplay::default() },
        };
        for t in 0..problem.hours() {
            if run.lane.idle[t] {
                continue;
            }
            let planned: Vec<u64> = fleet.working(m, t).iter().map(|&n| u64::from(n) * STEP).collect();
            for (i, asked) in steps(&run.lane, model, t).into_iter().enumerate() {
                let step = t * STEPS + i;
                let real = run.carry(t, step, asked);
                run.left[step] = Left { planned: run.carried_by(t, &planned, asked), real };
            }
        }
        run
    }

    /// Takes what a step asks from the node-seconds that are there; returns what is left over.
    fn carry(&mut self, t: usize, step: usize, asked: u64) -> u64 {
        let mut rest = asked;
        for h in 0..self.kinds {
            let share = self.lane.shares[t * self.kinds + h];
            let seconds = &mut self.idle[step * self.kinds + h];
            let carried = u128::from(rest).min(u128::from(share) * u128::from(*seconds) / u128::from(STEP));
            if carried > 0 {
                let busy = (carried * u128::from(STEP)).div_ceil(u128::from(share));
                *seconds = seconds.saturating_sub(busy as u64);
                rest -= carried as u64;
            }
        }
        if rest <= ROUNDING { 0 } else { rest }
    }

    /// What would be left over of it with these node-seconds.
    fn carried_by(&self, t: usize, seconds: &[u64], asked: u64) -> u64 {
        let shares = &self.lane.shares[t * self.kinds..(t + 1) * self.kinds];
        let parts =
            shares.iter().zip(seconds).map(|(&s, &n)| u128::from(s) * u128::from(n) / u128::from(STEP));
        let rest = u128::from(asked).saturating_sub(parts.sum()) as u64;
        if rest <= ROUNDING { 0 } else { rest }
    }

    /// Puts work that can wait into what is idle, on the kinds that the model may run on: also where nothing else is asked.
    fn work(&mut self, batch: &Batch, may_run: impl Fn(usize) -> bool) {
        let speed = |h: usize| batch.per_node_hour[h].filter(|_| may_run(h)).unwrap_or(0);
        let speeds: Vec<u128> = (0..self.kinds).map(|h| u128::from(speed(h))).collect();
        let units = |idle: &[u64]| {
            let work = idle.iter().zip(&speeds).map(|(&seconds, speed)| u128::from(seconds) * speed / HOUR);
            work.sum::<u128>().min(u128::from(u64::MAX)) as u64
        };
        let idle: Vec<u64> = self.idle.chunks(self.kinds.max(1)).map(units).collect();
        let deferred = defer(&batch.jobs, &idle);
        for (step, &worked) in deferred.worked.iter().enumerate() {
            let (mut left, seconds) =
                (u128::from(worked), &mut self.idle[step * self.kinds..(step + 1) * self.kinds]);
            for (seconds, speed) in seconds.iter_mut().zip(&speeds).filter(|(_, speed)| **speed > 0) {
                let busy = (left * HOUR).div_ceil(*speed).min(u128::from(*seconds));
                *seconds -= busy as u64;
                left = left.saturating_sub(busy * speed / HOUR);
            }
        }
        self.told.batch = Some(deferred);
    }

    /// Writes what went to the API into the ledger, and what was not served beside it.
    fn book(
        mut self,
        bill: &mut Bill,
        model: &Model,
        batch: Option<&Batch>,
    ) -> Result<ModelReplay, MixError> {
        let too_much = || MixError::TooMuch(format!("{:?} at the API", model.name));
        let demand = |of: fn(&Left) -> u64| {
            self.left.iter().map(|l| of(l) as f64).sum::<f64>() / (ALL as f64 * STEPS as f64)
        };
        let (planned, real) = (demand(|l| l.planned.min(l.real)), demand(|l| l.real));
        if let Some(api) = &self.lane.api {
            let price = |step: usize, parts: u64| {
                let whole = i128::from(api[step / STEPS]) * i128::from(parts);
                rounded(whole, i128::from(ALL) * STEPS as i128)
            };
            let (mut spill, mut all) = (0i128, 0i128);
            for (step, left) in self.left.iter().enumerate() {
                spill += price(step, left.planned.min(left.real));
                all += price(step, left.real);
            }
            self.told.spill = money(spill).ok_or_else(too_much)?;
            self.told.failover = money(all - spill).ok_or_else(too_much)?;
        } else if real > 0.0 {
            let steps = self.left.iter().filter(|l| l.real > 0).count();
            bill.unserved.push(Unserved { model: model.name.clone(), steps, demand: real });
        }
        let late =
            batch.map(|batch| self.late(bill, model, batch).ok_or_else(too_much)).transpose()?.unwrap_or(0);
        let items = [
            (Item::Api { hours: planned }, self.told.spill),
            (Item::Failover { hours: real - planned }, self.told.failover),
            (Item::LateBatch { jobs: late }, self.told.late_batch),
        ];
        for (item, amount) in items.into_iter().filter(|(_, amount)| *amount > Money::ZERO) {
            bill.lines.push(Line { model: model.name.clone(), item, amount });
        }
        let idle: u64 = self.idle.iter().sum();
        self.told.utilisation = (self.there > 0).then(|| 1.0 - idle as f64 / self.there as f64);
        Ok(self.told)
    }

    /// Prices late work; returns how many jobs went to the API. What may not leave is unserved, in steps of demand of its
    /// own: as many as jobs.
    fn late(&mut self, bill: &mut Bill, model: &Model, batch: &Batch) -> Option<usize> {
        let late = &self.told.batch.as_ref()?.late;
        let (mut nanos, mut jobs, mut stuck) = (0, 0, (0, 0.0));
        for ((job, &late), api) in
            batch.jobs.iter().zip(late).zip(&batch.api).filter(|((_, late), _)| **late > 0)
        {
            match api {
                Some(api) => {
                    nanos += rounded(i128::from(api.nanos()) * i128::from(late), i128::from(job.work));
                    jobs += 1;
                }
                None => stuck = (stuck.0 + 1, stuck.1 + late as f64 / job.work as f64),
            }
        }
        if stuck.0 > 0 {
            let model = format!("{} (batch)", model.name);
            bill.unserved.push(Unserved { model, steps: stuck.0, demand: stuck.1 });
        }
        self.told.late_batch = money(nanos)?;
        Some(jobs)
    }
}

/// What each step of hour `t` asks, in parts of the hour's mean. Lanes have peaks that can be spread.
fn steps(lane: &Lane, model: &Model, t: usize) -> [u64; STEPS] {
    let load = |t: usize| {
        model.loads.iter().flatten().next().map_or(0.0, |load| load.get(t).copied().unwrap_or(0.0))
    };
    let before = if t == 0 { load(0) } else { load(t - 1) };
    let after = if t + 1 < lane.idle.len() { load(t + 1) } else { load(t) };
    let later = after.partial_cmp(&before).unwrap_or(Ordering::Equal);
    spread(ALL * STEPS as u64, lane.asked[t], later).unwrap_or([ALL; STEPS])
}
