//! An amount divided by weights, to the last nano-dollar.

use bursar_core::Money;

/// Divides `whole` by weights: each part is the exact share rounded down, and what is left over goes, one unit each, to
/// the largest remainders (to the first among equals). The parts add up to `whole` always. `None` where all weights
/// are zero: nobody can be charged by them.
///
/// Weights of more than 2⁶⁴ together are halved until they are below it; the sum stays exact.
#[must_use]
pub fn divide(whole: u64, weights: &[u128]) -> Option<Vec<u64>> {
    let mut weights = weights.to_vec();
    let total = loop {
        let total = weights.iter().try_fold(0u128, |sum, w| sum.checked_add(*w));
        match total.filter(|t| *t <= u128::from(u64::MAX)) {
            Some(0) => return None,
            Some(total) => break total,
            None => weights.iter_mut().for_each(|w| *w >>= 1),
        }
    };
    let mut parts = Vec::with_capacity(weights.len());
    let mut remainders: Vec<(u128, usize)> = Vec::with_capacity(weights.len());
    let mut given: u64 = 0;
    for (i, weight) in weights.iter().enumerate() {
        // Both factors are below 2⁶⁴; the share is at most `whole`.
        let product = u128::from(whole) * weight;
        let share = u64::try_from(product / total).unwrap_or(whole);
        given += share;
        parts.push(share);
        remainders.push((product % total, i));
    }
    remainders.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let left = usize::try_from(whole - given).unwrap_or(usize::MAX);
    remainders.iter().take(left).for_each(|&(_, i)| parts[i] += 1);
    Some(parts)
}

/// The same for money, which may be negative as a refund is.
#[must_use]
pub fn divide_money(whole: Money, weights: &[u128]) -> Option<Vec<Money>> {
    let nanos = whole.nanos();
    let parts = divide(nanos.unsigned_abs(), weights)?;
    // A part is at most the whole, so that only the whole itself can be the one number without a counterpart.
    let signed = |part: u64| {
        if nanos < 0 { 0i64.saturating_sub_unsigned(part) } else { 0i64.saturating_add_unsigned(part) }
    };
    Some(parts.into_iter().map(|p| Money::from_nanos(signed(p))).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_left_over_goes_to_the_largest_remainders() {
        assert_eq!(divide(10, &[1, 1, 1]), Some(vec![4, 3, 3]));
        assert_eq!(divide(100, &[0, 999, 1]), Some(vec![0, 100, 0]));
        assert_eq!(divide(7, &[3]), Some(vec![7]));
        assert_eq!(divide(0, &[3, 4]), Some(vec![0, 0]));
        assert_eq!(divide(7, &[]), None);
        assert_eq!(divide(7, &[0, 0]), None);
    }

    fn weight() -> impl Strategy<Value = u128> {
        prop_oneof![Just(0u128), Just(1u128), 0..1_000u128, any::<u64>().prop_map(u128::from), any::<u128>()]
    }

    fn whole() -> impl Strategy<Value = i64> {
        prop_oneof![Just(0i64), Just(1i64), Just(-1i64), Just(i64::MAX), Just(i64::MIN), any::<i64>()]
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_whole_exactly_and_nobody_without_weight_pays(
            whole in whole(),
            weights in proptest::collection::vec(weight(), 0..40),
        ) {
            match divide_money(Money::from_nanos(whole), &weights) {
                None => prop_assert!(weights.iter().all(|w| *w == 0)),
                Some(parts) => {
                    let sum: i128 = parts.iter().map(|p| i128::from(p.nanos())).sum();
                    prop_assert_eq!(sum, i128::from(whole));
                    for (part, weight) in parts.iter().zip(&weights) {
                        prop_assert!(*weight > 0 || part.nanos() == 0);
                    }
                }
            }
        }

        #[test]
        fn each_part_is_its_exact_share_to_less_than_one_unit(
            whole in 0u64..1_000_000_000_000,
            weights in proptest::collection::vec(0u128..1_000_000, 1..20),
        ) {
            let total: u128 = weights.iter().sum();
            prop_assume!(total > 0);
            for (part, weight) in divide(whole, &weights).unwrap().into_iter().zip(&weights) {
                let (part, exact) = (u128::from(part) * total, u128::from(whole) * weight);
                prop_assert!(part.abs_diff(exact) < total);
            }
        }
    }
}
