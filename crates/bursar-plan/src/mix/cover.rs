//! How many nodes to rent for one hour: the cheapest whole numbers for what the committed nodes leave over.

use super::hour::{ALL, Hours, Lane, ROUNDING};
use super::spread::STEPS;

/// A kind of node that can be rented for the hour.
#[derive(Clone, Copy, Debug)]
struct Offer {
    hardware: usize,
    nanos: f64,
    share: u64,
    limit: u32,
}

impl Offer {
    /// Nano-dollars for a whole hour's demand.
    fn slope(&self) -> f64 {
        self.nanos * ALL as f64 / self.share as f64
    }
}

/// The search for one hour at a time; its memory is used again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cover {
    offers: Vec<Offer>,
    counts: Vec<u32>,
    best_counts: Vec<u32>,
    best: f64,
    outside: f64,
    /// Parts that are asked for in a sixth of the hour.
    top: u64,
}

impl Cover {
    /// The lowest cost of `rest` parts of hour `t`, rented and outside, in nano-dollars. `limits` says how many nodes of
    /// each kind are left to rent.
    pub(crate) fn cost(
        &mut self,
        hours: &Hours,
        lane: &Lane,
        (t, rest): (usize, u64),
        limits: &[u32],
    ) -> f64 {
        let kinds = limits.len();
        (self.outside, self.top) = (lane.outside(t), lane.split(t, u64::MAX).0);
        self.offers.clear();
        for (h, price) in hours.on_demand.iter().enumerate() {
            let share = lane.shares[t * kinds + h];
            if let Some(price) = price
                && share > 0
                && limits[h] > 0
            {
                let offer = Offer { hardware: h, nanos: price.nanos as f64, share, limit: limits[h] };
                if offer.slope() < self.outside {
                    self.offers.push(offer);
                }
            }
        }
        self.offers.sort_by(|a, b| a.slope().total_cmp(&b.slope()));
        self.counts.clear();
        self.counts.resize(self.offers.len(), 0);
        self.best_counts.clone_from(&self.counts);
        self.best = self.least(f64::INFINITY, rest);
        self.descend(0, rest, 0.0);
        self.best
    }

    /// How many nodes of each kind the last answer rents.
    pub(crate) fn rented(&self, mut add: impl FnMut(usize, u32)) {
        for (offer, &n) in self.offers.iter().zip(&self.best_counts) {
            add(offer.hardware, n);
        }
    }

    /// Tries numbers of the `i`th offer, the greatest first. What is left costs at least the next offer's slope or what it
    /// costs outside, which rises with what is left: beyond the top by more than this offer's slope. There the numbers end
    /// where even that is no better.
    fn descend(&mut self, i: usize, rest: u64, cost: f64) {
        let now = cost + self.least(f64::INFINITY, rest);
        if now < self.best {
            self.best = now;
            self.best_counts.clone_from(&self.counts);
        }
        let Some(&offer) = self.offers.get(i).filter(|_| rest > 0) else { return };
        let after = self.offers.get(i + 1).map_or(f64::INFINITY, Offer::slope);
        let most = rest.div_ceil(offer.share).min(u64::from(offer.limit)) as u32;
        for n in (0..=most).rev() {
            let left = rest.saturating_sub(offer.share.saturating_mul(u64::from(n)));
            let spent = cost + offer.nanos * f64::from(n);
            if spent + self.least(after, left) >= self.best {
                if left > self.top {
                    break;
                }
                continue;
            }
            self.counts[i] = n;
            self.descend(i + 1, if left <= ROUNDING { 0 } else { left }, spent);
        }
        self.counts[i] = 0;
    }

    /// The least that `rest` parts can cost outside or in nodes of this slope, in nano-dollars.
    fn least(&self, slope: f64, rest: u64) -> f64 {
        let top = rest.min(self.top);
        let cost = |parts: u64, whole: f64| match parts {
            0 => 0.0,
            parts => whole.min(slope) * (parts as f64 / ALL as f64),
        };
        cost(top, self.outside / STEPS as f64) + cost(rest - top, self.outside)
    }
}
