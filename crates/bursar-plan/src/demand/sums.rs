//! Sums and parts of a demand.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Demand, DemandPoint, Stream};

const WEEK_SECONDS: usize = 7 * 86_400;

impl DemandPoint {
    /// The sum of two points, `None` where it leaves the range. The sum of two peaks is the most that their common
    /// peak can be, since they need not come together. A peak stays unknown where one of the two is unknown and
    /// belongs to output.
    #[must_use]
    pub fn checked_add(self, other: DemandPoint) -> Option<DemandPoint> {
        let peak = |p: &DemandPoint| p.peak_output_per_second.or((p.output == 0).then_some(0.0));
        Some(DemandPoint {
            requests: self.requests.checked_add(other.requests)?,
            input: self.input.checked_add(other.input)?,
            cached_input: self.cached_input.checked_add(other.cached_input)?,
            output: self.output.checked_add(other.output)?,
            peak_output_per_second: peak(&self).zip(peak(&other)).map(|(a, b)| a + b),
        })
    }

    /// The mean of output tokens per second over a step.
    #[must_use]
    pub fn output_per_second(&self, step_seconds: u32) -> f64 {
        self.output as f64 / f64::from(step_seconds)
    }
}

impl Demand {
    /// How many steps there are.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.streams.first().map_or(0, |s| s.points.len())
    }

    /// Everything together, step by step; `None` where a sum leaves the range.
    #[must_use]
    pub fn totals(&self) -> Option<Vec<DemandPoint>> {
        sum(self.streams.iter(), self.steps())
    }

    /// Each model's sum over tenants and classes, step by step; `None` where a sum leaves the range.
    #[must_use]
    pub fn by_model(&self) -> Option<BTreeMap<&str, Vec<DemandPoint>>> {
        let mut models: BTreeMap<&str, Vec<&Stream>> = BTreeMap::new();
        for stream in &self.streams {
            models.entry(&stream.model).or_default().push(stream);
        }
        let summed =
            |(model, streams): (_, Vec<&Stream>)| Some((model, sum(streams.into_iter(), self.steps())?));
        models.into_iter().map(summed).collect()
    }

    /// The streams that fit.
    #[must_use]
    pub fn only(&self, fits: impl Fn(&Stream) -> bool) -> Demand {
        Demand { streams: self.streams.iter().filter(|s| fits(s)).cloned().collect(), ..*self }
    }

    /// The steps of a range, cut to those that there are.
    #[must_use]
    pub fn part(&self, steps: Range<usize>) -> Demand {
        let end = steps.end.min(self.steps());
        let first = steps.start.min(end);
        let part = |s: &Stream| Stream { points: s.points[first..end].to_vec(), ..s.clone() };
        let moved = first as i64 * i64::from(self.step_seconds) * 1_000_000;
        Demand {
            start: self.start.plus_micros(moved),
            step_seconds: self.step_seconds,
            streams: self.streams.iter().map(part).collect(),
        }
    }

    /// Whole weeks of seven days from the first step on; what is left at the end is in none.
    #[must_use]
    pub fn weeks(&self) -> Vec<Demand> {
        let length = WEEK_SECONDS / (self.step_seconds.max(1) as usize);
        (0..self.steps() / length.max(1)).map(|i| self.part(i * length..(i + 1) * length)).collect()
    }

    /// What whole weeks add up to, by a measure of a point such as its output tokens.
    #[must_use]
    pub fn weekly(&self, measure: impl Fn(&DemandPoint) -> f64) -> Vec<f64> {
        let total = |week: &Demand| week.streams.iter().flat_map(|s| &s.points).map(&measure).sum();
        self.weeks().iter().map(total).collect()
    }
}

fn sum<'s>(streams: impl Iterator<Item = &'s Stream>, steps: usize) -> Option<Vec<DemandPoint>> {
    let nothing = DemandPoint { peak_output_per_second: Some(0.0), ..DemandPoint::default() };
    let mut total = vec![nothing; steps];
    for stream in streams {
        for (sum, point) in total.iter_mut().zip(&stream.points) {
            *sum = sum.checked_add(*point)?;
        }
    }
    Some(total)
}
