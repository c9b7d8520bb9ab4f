//! How spend is spread over the week, learned with caution.

use crate::series::Series;

/// A season counts as seen this many times at its neighbours' share before it was seen at all.
const SHRINKAGE: f64 = 2.0;
/// A profile is learned from no more steps than eight weeks have.
const LONGEST: usize = 8;

/// The factor of each season of the week; they are 1 on average.
#[derive(Clone, Debug)]
pub(crate) struct Profile(Vec<f64>);

impl Profile {
    /// Each season's spend against the mean of the week around it, pulled towards 1 as long as it was seldom seen: a
    /// day of the week towards the mean of all days, an hour of the week towards its hour of the day, and that towards
    /// the mean of all hours.
    pub(crate) fn of(series: &Series) -> Profile {
        let seasons = series.step.seasons();
        let skipped = series.amounts.len().saturating_sub(seasons * LONGEST);
        let recent: Vec<(usize, f64)> = ratios(&series.amounts[skipped..], seasons)
            .into_iter()
            .enumerate()
            .map(|(i, ratio)| (series.season(i + skipped), ratio))
            .collect();
        let prior = if seasons == 168 {
            let by_hour = shrunk(24, recent.iter().map(|&(s, r)| (s % 24, r)), &[1.0; 24]);
            (0..seasons).map(|s| by_hour[s % 24]).collect()
        } else {
            vec![1.0; seasons]
        };
        let mut factors = shrunk(seasons, recent.into_iter(), &prior);
        let mean = factors.iter().sum::<f64>() / seasons as f64;
        if mean > 0.0 {
            factors.iter_mut().for_each(|f| *f /= mean);
        }
        Profile(factors)
    }

    pub(crate) fn factor(&self, season: usize) -> f64 {
        self.0[season]
    }
}

/// Each amount against the mean of the week that it lies in the middle of, as far as there is one.
fn ratios(amounts: &[i64], week: usize) -> Vec<f64> {
    let mut sums = vec![0.0; amounts.len() + 1];
    for (i, amount) in amounts.iter().enumerate() {
        sums[i + 1] = sums[i] + *amount as f64;
    }
    let width = week.min(amounts.len());
    let ratio = |i: usize| {
        let from = i.saturating_sub(width / 2).min(amounts.len() - width);
        let mean = (sums[from + width] - sums[from]) / width as f64;
        if mean > 0.0 { (amounts[i] as f64 / mean).max(0.0) } else { 1.0 }
    };
    (0..amounts.len()).map(ratio).collect()
}

fn shrunk(count: usize, seen: impl Iterator<Item = (usize, f64)>, prior: &[f64]) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); count];
    for (season, ratio) in seen {
        sums[season].0 += ratio;
        sums[season].1 += 1.0;
    }
    let pulled = |((sum, n), prior): (&(f64, f64), &f64)| (sum + SHRINKAGE * prior) / (n + SHRINKAGE);
    sums.iter().zip(prior).map(pulled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Step;
    use bursar_core::Timestamp;

    fn profile(amounts: Vec<i64>, step: Step) -> (Profile, Series) {
        let series = Series { start: Timestamp::from_date(2026, 6, 1).unwrap(), step, amounts };
        (Profile::of(&series), series)
    }

    #[test]
    fn quiet_weekends_are_learned_the_better_the_longer_they_are_seen() {
        let week = [120, 120, 120, 120, 120, 50, 50];
        let weekend = |weeks: usize| {
            let (profile, series) = profile(week.repeat(weeks), Step::Day);
            profile.factor(series.season(5))
        };
        let (short, long) = (weekend(1), weekend(8));
        assert!(long < short && short < 1.0, "{short} {long}");
        assert!((long - 0.5).abs() < 0.11, "{long}");
    }

    #[test]
    fn without_history_every_season_is_alike() {
        let (profile, _) = profile(Vec::new(), Step::Day);
        assert!((0..7).all(|s| (profile.factor(s) - 1.0).abs() < 1e-12));
    }

    #[test]
    fn an_hour_of_the_week_that_was_seldom_seen_is_like_its_hour_of_the_day() {
        let day: Vec<i64> = (0..24).map(|h| if (8..18).contains(&h) { 200 } else { 20 }).collect();
        let (profile, series) = profile(day.repeat(3), Step::Hour);
        let unseen_noon = profile.factor(series.season(24 * 5 + 12));
        let unseen_night = profile.factor(series.season(24 * 5 + 3));
        assert!(unseen_noon > 2.0 * unseen_night, "{unseen_noon} {unseen_night}");
    }
}
