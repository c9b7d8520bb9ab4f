//! A histogram of seconds as Prometheus keeps it: how many fell below each bound, since the engine started.

/// Counts up to each bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Upper bounds in seconds, growing, the last infinite, each with how many were not above it.
    buckets: Vec<(f64, u64)>,
}

impl Histogram {
    /// A histogram from its buckets in any order; `None` where one cannot be read, the infinite one is missing, or
    /// counts fall as bounds grow.
    pub fn new(buckets: impl Iterator<Item = Option<(f64, u64)>>) -> Option<Histogram> {
        let mut buckets: Vec<(f64, u64)> = buckets.collect::<Option<_>>()?;
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let grows = buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
        let ends = buckets.last().is_some_and(|(bound, _)| *bound == f64::INFINITY);
        let begins = buckets.first().is_some_and(|(bound, _)| *bound >= 0.0);
        (grows && ends && begins).then_some(Histogram { buckets })
    }

    /// What came since an earlier moment; `None` where the bounds differ or a count went down.
    pub(crate) fn since(&self, earlier: &Histogram) -> Option<Histogram> {
        if self.buckets.len() != earlier.buckets.len() {
            return None;
        }
        Histogram::new(self.buckets.iter().zip(&earlier.buckets).map(|((bound, now), (other, then))| {
            (bound == other).then(|| now.checked_sub(*then).map(|grown| (*bound, grown)))?
        }))
    }

    /// How many values there are.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.last().map_or(0, |(_, count)| *count)
    }

    /// The value that a share of all stay below, in proportion within its bucket; `None` where that bucket has no upper
    /// bound or there is nothing.
    pub(crate) fn quantile(&self, share: f64) -> Option<f64> {
        let rank = share * self.count() as f64;
        let at = self.buckets.iter().position(|(_, count)| *count > 0 && *count as f64 >= rank)?;
        let (bound, count) = self.buckets[at];
        let (below, before) = at.checked_sub(1).map_or((0.0, 0), |previous| self.buckets[previous]);
        let part = (rank - before as f64) / (count - before) as f64;
        bound.is_finite().then_some(below + part * (bound - below))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(buckets: &[(f64, u64)]) -> Option<Histogram> {
        Histogram::new(buckets.iter().map(|b| Some(*b)))
    }

    const END: f64 = f64::INFINITY;

    #[test]
    fn a_quantile_lies_in_its_bucket_in_proportion() {
        let seen = histogram(&[(END, 100), (0.1, 50), (0.5, 90), (1.0, 100)]).unwrap();
        assert!((seen.quantile(0.5).unwrap() - 0.1).abs() < 1e-12);
        assert!((seen.quantile(0.7).unwrap() - 0.3).abs() < 1e-12);
        assert!((seen.quantile(0.99).unwrap() - 0.95).abs() < 1e-12);
    }

    #[test]
    fn a_quantile_beyond_the_last_bound_is_not_known() {
        let slow = histogram(&[(0.1, 50), (END, 100)]).unwrap();
        assert_eq!((slow.quantile(0.99), slow.count()), (None, 100));
        assert_eq!(histogram(&[(0.1, 0), (END, 0)]).unwrap().quantile(0.99), None);
    }

    #[test]
    fn what_is_no_histogram_is_none() {
        for buckets in [vec![], vec![(0.1, 5)], vec![(0.1, 5), (END, 4)], vec![(END, 4), (END, 4)]] {
            assert_eq!(histogram(&buckets), None, "{buckets:?}");
        }
        assert_eq!(Histogram::new([Some((END, 4)), None].into_iter()), None);
    }

    #[test]
    fn what_came_since_is_the_difference_and_nothing_where_a_count_fell() {
        let before = histogram(&[(0.1, 5), (END, 10)]).unwrap();
        let after = histogram(&[(0.1, 7), (END, 15)]).unwrap();
        assert_eq!(after.since(&before), histogram(&[(0.1, 2), (END, 5)]));
        assert_eq!(before.since(&after), None);
        assert_eq!(after.since(&histogram(&[(0.2, 5), (END, 10)]).unwrap()), None);
    }
}
