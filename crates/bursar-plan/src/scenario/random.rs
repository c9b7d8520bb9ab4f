//! Random numbers that are the same for the same seed: SplitMix64 (Steele, Lea and Flood, 2014). Nothing secret may
//! come from it.

/// A generator.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn seeded(seed: u64) -> Random {
        Random(seed)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number above 0 and below 1. Through the inverse of a distribution it gives one of that distribution; a larger
    /// median then moves every draw up, which keeps comparisons between runs of one seed free of noise.
    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.next() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_published_first_numbers() {
        let mut random = Random::seeded(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn uniform_numbers_stay_within_their_open_interval_and_fill_it() {
        let mut random = Random::seeded(7);
        let drawn: Vec<f64> = (0..20_000).map(|_| random.uniform()).collect();
        assert!(drawn.iter().all(|u| (f64::MIN_POSITIVE..1.0).contains(u)));
        let mean = drawn.iter().sum::<f64>() / 20_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
    }
}
