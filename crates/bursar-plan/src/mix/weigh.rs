//! What a choice of committed nodes costs, with the best renting around it: each model by itself, remembered, and
//! together where they compete for nodes on demand.

use std::collections::BTreeMap;

use super::cover::Cover;
use super::hour::{ALL, Hours};
use super::spread::STEPS;

/// Scarce nodes are dealt in every way where there are no more ways than this.
const MOST_WAYS: u64 = 1_000;

/// Committed nodes: for each model, of each kind.
pub(crate) type Counts = Vec<Vec<u32>>;

/// A model's cost for one choice of its nodes.
#[derive(Clone, Debug)]
struct Weight {
    nanos: f64,
    /// Rented nodes at `t × kinds + h`; empty where none are or where nobody competes for them.
    rented: Vec<u32>,
}

/// Weighs choices.
#[derive(Debug)]
pub(crate) struct Scales<'a> {
    hours: &'a Hours,
    known: Vec<BTreeMap<Vec<u32>, Weight>>,
    cover: Cover,
    /// Nodes on demand that can be had at once, of each kind.
    limits: Vec<u32>,
}

impl<'a> Scales<'a> {
    pub(crate) fn new(hours: &'a Hours) -> Scales<'a> {
        let limits = hours.on_demand.iter().map(|p| p.map_or(0, |p| p.limit)).collect();
        Scales { hours, known: vec![BTreeMap::new(); hours.lanes.len()], cover: Cover::default(), limits }
    }

    /// What this choice costs over all hours, in nano-dollars, what stays unserved included at a price above any bill;
    /// `None` where more is committed than can be had.
    pub(crate) fn cost(&mut self, counts: &Counts) -> Option<f64> {
        let mut cost = 0.0;
        for h in 0..self.hours.kinds() {
            let nodes = counts.iter().map(|c| u64::from(c[h])).sum();
            cost += self.hours.committed_cost(h, nodes)? as f64 * self.hours.hours as f64;
        }
        for (m, nodes) in counts.iter().enumerate() {
            cost += self.model(m, nodes).nanos;
        }
        Some(cost + self.crowding(counts))
    }

    /// Nodes to rent in each hour with this choice: for each model at `t × kinds + h`.
    pub(crate) fn rented(&mut self, counts: &Counts) -> Vec<Vec<u32>> {
        let kinds = self.hours.kinds();
        let mut all: Vec<Vec<u32>> =
            counts.iter().enumerate().map(|(m, nodes)| self.lay_out(m, nodes).rented).collect();
        for t in 0..self.hours.hours {
            if self.is_crowded(t, |m| &all[m]) {
                let (_, shared) = self.share_out(t, counts);
                for (rented, shared) in all.iter_mut().zip(shared) {
                    rented[t * kinds..(t + 1) * kinds].copy_from_slice(&shared);
                }
            }
        }
        all
    }

    /// One model's cost of renting and outside, with these nodes of its own.
    fn model(&mut self, m: usize, nodes: &[u32]) -> &Weight {
        if !self.known[m].contains_key(nodes) {
            let mut weight = self.lay_out(m, nodes);
            if self.limits.iter().all(|&l| l == 0 || l == u32::MAX) || weight.rented.iter().all(|&n| n == 0) {
                weight.rented = Vec::new();
            }
            self.known[m].insert(nodes.to_vec(), weight);
        }
        &self.known[m][nodes]
    }

    fn lay_out(&mut self, m: usize, nodes: &[u32]) -> Weight {
        let (lane, kinds) = (&self.hours.lanes[m], nodes.len());
        let mut weight = Weight { nanos: 0.0, rented: vec![0; self.hours.hours * kinds] };
        for t in 0..self.hours.hours {
            let rest = if lane.idle[t] { 0 } else { lane.rest(t, nodes) };
            if rest > 0 {
                weight.nanos += self.cover.cost(self.hours, lane, (t, rest), &self.limits);
                self.cover.rented(|h, n| weight.rented[t * kinds + h] = n);
            }
        }
        weight
    }

    /// Whether the models together want more nodes on demand in hour `t` than can be had.
    fn is_crowded<'r>(&self, t: usize, rented: impl Fn(usize) -> &'r [u32] + 'r) -> bool {
        let kinds = self.hours.kinds();
        (0..kinds).any(|h| {
            let wanted = |m| rented(m).get(t * kinds + h).map_or(0, |&n| u64::from(n));
            (0..self.hours.lanes.len()).map(wanted).sum::<u64>() > u64::from(self.limits[h])
        })
    }

    /// What it costs beyond each model's own cost that they compete for nodes on demand.
    fn crowding(&mut self, counts: &Counts) -> f64 {
        let weight = |m: usize| &self.known[m][&counts[m]];
        let crowded: Vec<usize> = if (0..counts.len()).all(|m| weight(m).rented.is_empty()) {
            Vec::new()
        } else {
            (0..self.hours.hours).filter(|&t| self.is_crowded(t, |m| &weight(m).rented)).collect()
        };
        crowded.into_iter().map(|t| self.share_out(t, counts).0).sum()
    }

    /// Hour `t` where nodes on demand are scarce: each model in turn takes what is best for it. The one to which a node
    /// is worth most comes first, or, where that is better, another one before it. Returns the cost beyond what each
    /// would pay alone, and what each rents.
    fn share_out(&mut self, t: usize, counts: &Counts) -> (f64, Vec<Vec<u32>>) {
        let mut wanted = Vec::new();
        for (m, lane) in self.hours.lanes.iter().enumerate() {
            let rest = if lane.idle[t] { 0 } else { lane.rest(t, &counts[m]) };
            if rest > 0 {
                let alone = self.cover.cost(self.hours, lane, (t, rest), &self.limits);
                let mut nodes = 0u32;
                self.cover.rented(|_, n| nodes += n);
                let outside = lane.outside(t) * lane.uncarried(t, rest) as f64 / (ALL as f64 * STEPS as f64);
                let gain = outside - alone;
                wanted.push((gain / f64::from(nodes.max(1)), Wish { model: m, rest, alone }));
            }
        }
        wanted.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.model.cmp(&b.1.model)));
        let mut order: Vec<Wish> = wanted.into_iter().map(|(_, wish)| wish).collect();
        if self.ways(order.len()) <= MOST_WAYS {
            return self.every_way(t, &order, &self.limits.clone(), counts.len());
        }
        let mut best = self.in_order(t, &order, counts.len());
        for first in 1..order.len() {
            order[..=first].rotate_right(1);
            let other = self.in_order(t, &order, counts.len());
            if other.0 < best.0 {
                best = other;
            }
            order[..=first].rotate_left(1);
        }
        best
    }

    /// In how many ways the scarce nodes can be dealt to this many models.
    fn ways(&self, models: usize) -> u64 {
        let scarce = self.limits.iter().filter(|&&l| l < u32::MAX).map(|&l| u64::from(l) + 1);
        let hands = scarce.fold(1, u64::saturating_mul);
        (0..models).fold(1, |ways, _| ways.saturating_mul(hands))
    }

    /// The best of all ways to deal the scarce nodes.
    fn every_way(&mut self, t: usize, order: &[Wish], left: &[u32], models: usize) -> (f64, Vec<Vec<u32>>) {
        let Some((wish, others)) = order.split_first() else {
            return (0.0, vec![vec![0; left.len()]; models]);
        };
        let mut best: Option<(f64, Vec<Vec<u32>>)> = None;
        let mut hand: Vec<u32> = left.iter().map(|&l| if l == u32::MAX { l } else { 0 }).collect();
        loop {
            let lane = &self.hours.lanes[wish.model];
            let beyond = self.cover.cost(self.hours, lane, (t, wish.rest), &hand) - wish.alone;
            let (mut rented, mut rest) = (vec![0; left.len()], left.to_vec());
            self.cover.rented(|h, n| {
                rented[h] = n;
                rest[h] -= if left[h] == u32::MAX { 0 } else { n };
            });
            let (further, mut shared) = self.every_way(t, others, &rest, models);
            if best.as_ref().is_none_or(|b| beyond + further < b.0) {
                shared[wish.model] = rented;
                best = Some((beyond + further, shared));
            }
            let more = (0..left.len()).find(|&h| left[h] < u32::MAX && hand[h] < left[h]);
            match (more, best) {
                (None, Some(best)) => return best,
                (more, kept) => best = kept.filter(|_| next_hand(&mut hand, left, more)),
            }
        }
    }

    fn in_order(&mut self, t: usize, order: &[Wish], models: usize) -> (f64, Vec<Vec<u32>>) {
        let (mut left, mut beyond) = (self.limits.clone(), 0.0);
        let mut shared = vec![vec![0; left.len()]; models];
        for wish in order {
            let lane = &self.hours.lanes[wish.model];
            beyond += self.cover.cost(self.hours, lane, (t, wish.rest), &left) - wish.alone;
            self.cover.rented(|h, n| {
                left[h] -= n;
                shared[wish.model][h] = n;
            });
        }
        (beyond, shared)
    }
}

/// The next hand after this one, counted like a number; `more` is the lowest place that can grow.
fn next_hand(hand: &mut [u32], left: &[u32], more: Option<usize>) -> bool {
    let Some(place) = more else { return false };
    hand[place] += 1;
    for h in (0..place).filter(|&h| left[h] < u32::MAX) {
        hand[h] = 0;
    }
    true
}

/// What a model would rent for.
#[derive(Clone, Copy, Debug)]
struct Wish {
    model: usize,
    rest: u64,
    /// Its cost if it were alone.
    alone: f64,
}
