//! How far a model is off where it was not fitted: every group of observations is left out once and predicted from the
//! others. The error of a fit on its own points is never used.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::fit::Fit;
use super::observation::Observation;

/// What was left out together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// All measurements of one prompt shape: the error of a shape that was never measured.
    Shape,
    /// One measurement: there were fewer than three shapes, so that nothing is known about others.
    Point,
    /// A stretch of time of a running engine.
    Stretch,
}

impl LeftOut {
    /// The name in files and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            LeftOut::Shape => "shape",
            LeftOut::Point => "point",
            LeftOut::Stretch => "stretch",
        }
    }

    /// What a name in a file means.
    #[must_use]
    pub fn from_name(name: &str) -> Option<LeftOut> {
        [LeftOut::Shape, LeftOut::Point, LeftOut::Stretch].into_iter().find(|l| l.name() == name)
    }
}

/// The errors of one quantity over all observations, each predicted without its group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// How many predictions were compared.
    pub points: usize,
    /// The median of |predicted ÷ measured − 1|.
    pub median: f64,
    /// The 90th percentile of the same.
    pub p90: f64,
    /// Half the width of a 90 % interval in the natural logarithm: predicted · e^±half_width.
    pub half_width: f64,
}

impl Spread {
    /// The 90 % interval around a prediction.
    #[must_use]
    pub fn around(self, predicted: f64) -> (f64, f64) {
        (predicted * (-self.half_width).exp(), predicted * self.half_width.exp())
    }
}

/// The errors of everything that a calibration predicts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Errors {
    /// What was left out together.
    pub left_out: LeftOut,
    /// How many groups there were.
    pub groups: usize,
    /// Output tokens per second.
    pub output: Spread,
    /// Median time between tokens, where it was measured.
    pub inter_token: Option<Spread>,
    /// Time to the first token (p99), where it was measured and nobody waited for memory.
    pub first_token: Option<Spread>,
}

/// One prediction of an observation that the fit did not see.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct HeldOut {
    pub group: usize,
    pub output: Residual,
    pub inter_token: Option<Residual>,
    pub first_token: Option<Residual>,
}

/// Predicted and measured, of one quantity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Residual {
    pub predicted: f64,
    pub measured: f64,
}

impl Residual {
    fn logarithm(self) -> f64 {
        (self.measured / self.predicted).ln()
    }

    /// |predicted ÷ measured − 1|.
    pub(crate) fn relative(self) -> f64 {
        (self.predicted / self.measured - 1.0).abs()
    }
}

/// What a fit says about an observation, beside what was measured.
pub(crate) fn compare(fit: &Fit, seen: &Observation) -> HeldOut {
    let beside = |predicted: f64, measured: f64| Residual { predicted, measured };
    let first = fit.first_token.zip(seen.shape).filter(|_| !seen.is_saturated(fit.kv));
    HeldOut {
        group: seen.group,
        output: beside(seen.modelled_output(fit.step, fit.kv), seen.output_per_second),
        inter_token: seen
            .inter_token
            .map(|measured| beside(seen.modelled_inter_token(fit.step, fit.kv), measured)),
        first_token: first
            .and_then(|(first, shape)| Some(beside(first.seconds(shape, seen.offered), seen.first_token?))),
    }
}

/// Every observation predicted by a fit on the other groups.
pub(crate) fn hold_out(observations: &[&Observation], given_kv: Option<u64>) -> Vec<HeldOut> {
    let mut groups: Vec<usize> = observations.iter().map(|o| o.group).collect();
    groups.sort_unstable();
    groups.dedup();
    let mut held = Vec::new();
    for group in groups {
        let (out, rest): (Vec<&Observation>, Vec<&Observation>) =
            observations.iter().partition(|o| o.group == group);
        let fit = Fit::of(&rest, given_kv);
        held.extend(out.into_iter().map(|seen| compare(&fit, seen)));
    }
    held
}

/// The spread of one quantity. Errors within a group go together, so the number of groups and not of points gives the
/// degrees of freedom, and every group weighs the same.
pub(crate) fn spread(held: &[HeldOut], quantity: impl Fn(&HeldOut) -> Option<Residual>) -> Option<Spread> {
    let mut relative: Vec<f64> = held.iter().filter_map(|h| quantity(h).map(Residual::relative)).collect();
    relative.sort_by(f64::total_cmp);
    let squares = squares_by_group(held, &quantity);
    if squares.len() < 2 {
        return None;
    }
    let variance = squares.iter().sum::<f64>() / squares.len() as f64;
    Some(Spread {
        points: relative.len(),
        median: quantile(&relative, 0.5),
        p90: quantile(&relative, 0.9),
        half_width: student_95(squares.len() - 1)? * variance.sqrt(),
    })
}

fn squares_by_group(held: &[HeldOut], quantity: impl Fn(&HeldOut) -> Option<Residual>) -> Vec<f64> {
    let mut groups: Vec<(usize, f64, f64)> = Vec::new();
    for one in held {
        let Some(residual) = quantity(one) else { continue };
        let square = residual.logarithm().powi(2);
        match groups.iter_mut().find(|(group, ..)| *group == one.group) {
            Some((_, sum, count)) => (*sum, *count) = (*sum + square, *count + 1.0),
            None => groups.push((one.group, square, 1.0)),
        }
    }
    groups.into_iter().map(|(_, sum, count)| sum / count).collect()
}

/// A quantile (0 to 1) of sorted values, between neighbours in proportion.
pub(crate) fn quantile(sorted: &[f64], at: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = at * last as f64;
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    sorted[below] + (place - place.floor()) * (sorted[above] - sorted[below])
}

/// The 95 % point of Student's distribution, which bounds a two-sided 90 % interval.
fn student_95(freedom: usize) -> Option<f64> {
    StudentsT::new(0.0, 1.0, freedom as f64).ok().map(|t| t.inverse_cdf(0.95))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        assert!((quantile(&[1.0, 2.0, 3.0, 4.0], 0.5) - 2.5).abs() < 1e-12);
        assert!((quantile(&[1.0, 2.0, 3.0, 4.0], 0.9) - 3.7).abs() < 1e-12);
        assert!((quantile(&[7.0], 0.9) - 7.0).abs() < 1e-12);
    }

    #[test]
    fn fewer_groups_make_a_wider_interval() {
        assert!(
            (student_95(4).unwrap() - 2.132).abs() < 1e-3
                && (student_95(1_000).unwrap() - 1.646).abs() < 1e-3
        );
        assert_eq!(student_95(0), None);
    }

    #[test]
    fn a_group_with_many_points_weighs_no_more_than_one_with_few() {
        let held = |group, ratio: f64| HeldOut {
            group,
            output: Residual { predicted: 1.0, measured: ratio },
            inter_token: None,
            first_token: None,
        };
        let mut few = vec![held(0, 1.1), held(1, 1.3)];
        let narrow = spread(&few, |h| Some(h.output)).unwrap().half_width;
        few.extend([held(1, 1.3); 20]);
        assert!((spread(&few, |h| Some(h.output)).unwrap().half_width - narrow).abs() < 1e-12);
    }

    #[test]
    fn nothing_of_a_group_reaches_its_own_prediction() {
        let files = crate::throughput::built_in_measurements().unwrap();
        let observations: Vec<Observation> = files[0]
            .iter()
            .map(|m| {
                Observation::of(
                    m,
                    usize::from(m.shape.input() > 5_000.0) + usize::from(m.shape.output() > 500.0),
                )
            })
            .collect();
        let distorted: Vec<Observation> = observations
            .iter()
            .map(|o| {
                if o.group == 2 {
                    Observation { output_per_second: 7.0, inter_token: None, ..*o }
                } else {
                    *o
                }
            })
            .collect();
        let predicted = |seen: &[Observation]| -> Vec<f64> {
            let held = hold_out(&seen.iter().collect::<Vec<_>>(), None);
            held.iter().filter(|h| h.group == 2).map(|h| h.output.predicted).collect()
        };
        assert!(!predicted(&observations).is_empty());
        assert_eq!(predicted(&observations), predicted(&distorted));
    }
}
