//! What a choice of committed nodes costs, with the best renting around it: each model by itself, remembered, and
//! together where they compete for nodes on demand.

use std::collections::BTreeMap;

use super::cover::Cover;
use super::hour::{ALL, Hours};

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

    /// Hour `t` where nodes on demand are scarce: each model in turn takes what is best for it, the one to which a node
    /// is worth most first. Returns the cost beyond what each would pay alone, and what each rents.
    fn share_out(&mut self, t: usize, counts: &Counts) -> (f64, Vec<Vec<u32>>) {
        let kinds = self.hours.kinds();
        let mut wanted = Vec::new();
        for (m, lane) in self.hours.lanes.iter().enumerate() {
            let rest = if lane.idle[t] { 0 } else { lane.rest(t, &counts[m]) };
            if rest > 0 {
                let alone = self.cover.cost(self.hours, lane, (t, rest), &self.limits);
                let mut nodes = 0u32;
                self.cover.rented(|_, n| nodes += n);
                let gain = lane.outside(t) * (rest as f64 / ALL as f64) - alone;
                wanted.push((gain / f64::from(nodes.max(1)), m, rest, alone));
            }
        }
        wanted.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let (mut left, mut beyond) = (self.limits.clone(), 0.0);
        let mut shared = vec![vec![0; kinds]; counts.len()];
        for (_, m, rest, alone) in wanted {
            beyond += self.cover.cost(self.hours, &self.hours.lanes[m], (t, rest), &left) - alone;
            self.cover.rented(|h, n| {
                left[h] -= n;
                shared[m][h] = n;
            });
        }
        (beyond, shared)
    }
}
