//! An hour in ten-minute steps, from its total and its highest ten minutes.

use std::cmp::Ordering;

/// Ten-minute steps of an hour.
pub const STEPS: usize = 6;

/// Why an hour cannot be spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpreadError {
    /// The highest step is below the mean.
    #[error("the highest ten minutes ({highest}) are below the mean of an hour of {total}: check their unit")]
    BelowMean {
        /// The hour's sum.
        total: u64,
        /// The highest step.
        highest: u64,
    },
    /// The highest step is more than there is.
    #[error("the highest ten minutes ({highest}) are more than the whole hour ({total}): check their unit")]
    AboveTotal {
        /// The hour's sum.
        total: u64,
        /// The highest step.
        highest: u64,
    },
}

/// Spreads an hour's `total` over its six steps so that they sum to it and the highest of them is `highest`. The other five
/// are even. Which step is the highest is not known from the hour: it stands beside the neighbour with more load, where `later`
/// compares the next hour with the one before, and in the middle where they are alike.
///
/// # Errors
///
/// Where no six numbers have that sum and that maximum.
pub fn spread(total: u64, highest: u64, later: Ordering) -> Result<[u64; STEPS], SpreadError> {
    if u128::from(highest) * (STEPS as u128) < u128::from(total) {
        return Err(SpreadError::BelowMean { total, highest });
    }
    let Some(rest) = total.checked_sub(highest) else {
        return Err(SpreadError::AboveTotal { total, highest });
    };
    let others = STEPS as u64 - 1;
    let mut steps = [rest / others; STEPS];
    let top = match later {
        Ordering::Less => 0,
        Ordering::Equal => STEPS / 2,
        Ordering::Greater => STEPS - 1,
    };
    steps[top] = highest;
    let places = (0..STEPS).filter(|&i| i != top).take((rest % others) as usize);
    places.for_each(|i| steps[i] += 1);
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_highest_ten_minutes_stand_beside_the_neighbour_with_more_load() {
        assert_eq!(spread(70, 20, Ordering::Greater), Ok([10, 10, 10, 10, 10, 20]));
        assert_eq!(spread(70, 20, Ordering::Less), Ok([20, 10, 10, 10, 10, 10]));
        assert_eq!(spread(70, 20, Ordering::Equal), Ok([10, 10, 10, 20, 10, 10]));
    }

    #[test]
    fn a_peak_that_contradicts_the_total_is_told() {
        assert_eq!(spread(70, 11, Ordering::Equal), Err(SpreadError::BelowMean { total: 70, highest: 11 }));
        assert_eq!(spread(70, 71, Ordering::Equal), Err(SpreadError::AboveTotal { total: 70, highest: 71 }));
    }

    proptest! {
        #[test]
        fn total_and_highest_both_hold(total in 0u64..1_000_000, part in 0.0f64..=1.0, later in -1i8..=1) {
            let least = total.div_ceil(6);
            let highest = least + ((total - least) as f64 * part) as u64;
            let steps = spread(total, highest, later.cmp(&0)).unwrap();
            prop_assert_eq!(steps.iter().sum::<u64>(), total);
            prop_assert_eq!(steps.iter().max(), Some(&highest));
        }
    }
}
