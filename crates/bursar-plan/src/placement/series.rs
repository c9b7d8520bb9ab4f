//! What is asked of each model, hour by hour and class by class.

use std::collections::BTreeMap;

use crate::demand::{Class, Demand, DemandPoint, Stream};
use crate::problems::counted;

const HOUR_SECONDS: u32 = 3_600;

/// A model's demand, all tenants together. A class without any demand has no hours.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSeries {
    /// The model's name in the demand.
    pub model: String,
    /// Somebody waits.
    pub interactive: Vec<DemandPoint>,
    /// May wait.
    pub batch: Vec<DemandPoint>,
    /// Near its user.
    pub edge: Vec<DemandPoint>,
}

impl ModelSeries {
    /// The hours of a class.
    #[must_use]
    pub fn of(&self, class: Class) -> &[DemandPoint] {
        match class {
            Class::Interactive => &self.interactive,
            Class::Batch => &self.batch,
            Class::Edge => &self.edge,
        }
    }

    /// Everything of a class together; `None` where a sum leaves the range.
    #[must_use]
    pub fn total(&self, class: Class) -> Option<DemandPoint> {
        self.of(class).iter().try_fold(DemandPoint::default(), |sum, point| sum.checked_add(*point))
    }
}

/// The series of every model over whole hours, and what was left out of them. `None` where a sum leaves the range.
pub(super) fn series(demand: &Demand) -> Option<(Vec<ModelSeries>, Vec<String>)> {
    let per_hour = (HOUR_SECONDS / demand.step_seconds.max(1)).max(1) as usize;
    let whole = demand.steps() / per_hour * per_hour;
    let mut models: BTreeMap<&str, ModelSeries> = BTreeMap::new();
    for stream in &demand.streams {
        let hours = hours(stream, demand.step_seconds, per_hour, whole)?;
        let model = models.entry(&stream.model).or_insert_with(|| ModelSeries {
            model: stream.model.clone(),
            interactive: Vec::new(),
            batch: Vec::new(),
            edge: Vec::new(),
        });
        let class = match stream.class {
            Class::Interactive => &mut model.interactive,
            Class::Batch => &mut model.batch,
            Class::Edge => &mut model.edge,
        };
        if class.is_empty() {
            *class = hours;
        } else {
            for (sum, hour) in class.iter_mut().zip(hours) {
                *sum = sum.checked_add(hour)?;
            }
        }
    }
    let left = demand.steps() - whole;
    let cut = (left > 0)
        .then(|| format!("{} at the end are less than an hour and left out", counted(left as u64, "step")));
    Some((models.into_values().collect(), cut.into_iter().collect()))
}

/// A stream by the hour. The peak of an hour is that of its highest step, or of its steps' means where they are shorter
/// than an hour: the highest ten minutes are at least that.
fn hours(stream: &Stream, step_seconds: u32, per_hour: usize, whole: usize) -> Option<Vec<DemandPoint>> {
    let hour = |steps: &[DemandPoint]| {
        let peak = |p: &DemandPoint| {
            p.peak_output_per_second.or((per_hour > 1).then(|| p.output_per_second(step_seconds)))
        };
        let peaks: Option<Vec<f64>> = steps.iter().map(peak).collect();
        let sum = steps.iter().try_fold(DemandPoint::default(), |sum, p| sum.checked_add(*p))?;
        let peak = peaks.map(|p| p.into_iter().fold(0.0, f64::max));
        Some(DemandPoint { peak_output_per_second: peak, ..sum })
    };
    stream.points[..whole].chunks(per_hour).map(hour).collect()
}

/// The highest ten minutes of each hour as a multiple of the hour's mean; `None` where none is known.
pub(super) fn peaks(points: &[DemandPoint]) -> Option<Vec<f64>> {
    let peak = |p: &DemandPoint| {
        let mean = p.output_per_second(HOUR_SECONDS);
        p.peak_output_per_second.filter(|_| mean > 0.0).map_or(1.0, |peak| (peak / mean).clamp(1.0, 6.0))
    };
    points.iter().any(|p| p.peak_output_per_second.is_some()).then(|| points.iter().map(peak).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::Timestamp;

    fn point(output: u64) -> DemandPoint {
        DemandPoint { requests: 1, input: 1, output, ..DemandPoint::default() }
    }

    fn demand(step_seconds: u32, points: &[(&str, Class, Vec<DemandPoint>)]) -> Demand {
        let stream = |(tenant, class, points): &(&str, Class, Vec<DemandPoint>)| Stream {
            model: "m".to_owned(),
            tenant: (*tenant).to_owned(),
            class: *class,
            points: points.clone(),
        };
        Demand { start: Timestamp::default(), step_seconds, streams: points.iter().map(stream).collect() }
    }

    #[test]
    fn ten_minute_steps_become_hours_whose_peak_is_the_highest_step() {
        let steps: Vec<DemandPoint> = [600, 1_200, 600, 600, 600, 0, 60].map(point).to_vec();
        let (series, cut) = series(&demand(600, &[("a", Class::Interactive, steps)])).unwrap();
        assert_eq!(series[0].interactive.len(), 1);
        assert_eq!((series[0].interactive[0].output, series[0].interactive[0].requests), (3_600, 6));
        assert_eq!(series[0].interactive[0].peak_output_per_second, Some(2.0));
        assert_eq!(peaks(&series[0].interactive), Some(vec![2.0]));
        assert_eq!(cut, ["1 step at the end are less than an hour and left out"]);
    }

    #[test]
    fn tenants_add_up_and_classes_stay_apart() {
        let two = |n| vec![point(n), point(n)];
        let streams = [
            ("a", Class::Interactive, two(1)),
            ("b", Class::Interactive, two(2)),
            ("a", Class::Batch, two(5)),
        ];
        let (series, _) = series(&demand(3_600, &streams)).unwrap();
        assert_eq!(series[0].total(Class::Interactive).unwrap().output, 6);
        assert_eq!(series[0].total(Class::Batch).unwrap().output, 10);
        assert!(series[0].edge.is_empty() && peaks(&series[0].interactive).is_none());
    }
}
