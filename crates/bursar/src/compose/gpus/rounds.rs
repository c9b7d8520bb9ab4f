//! From what was seen of a node to what the store keeps, what the metrics count, and what the alerts look at.

use std::collections::{BTreeMap, BTreeSet};

use bursar_core::{Money, Timestamp};
use bursar_plan::gpu::bill::{Account, Rate, Span, Weights, statement};
use bursar_plan::gpu::dcgm::SLICES;
use bursar_plan::gpu::idle_alert::Look;
use bursar_plan::gpu::shares::divide_money;
use bursar_plan::gpu::state::GpuState;
use bursar_plan::gpu::watch::Seen;
use bursar_store::{GpuGap, GpuModelTokens, GpuNode, GpuRound, GpuSpan, GpuUncounted};

use crate::config::GpuNodeSection;

/// A node as the store keeps it.
pub(super) fn node(
    section: &GpuNodeSection,
    provider: Option<String>,
    longest: i64,
    now: Timestamp,
) -> GpuNode {
    let Weights { input, cached, output } = section.weights;
    GpuNode {
        node: section.name.clone(),
        since: now,
        until: None,
        per_hour: section.per_hour,
        term: section.term.name().to_owned(),
        owner: section.owner.clone(),
        accelerators: section.accelerators,
        provider,
        weights: [input, cached, output],
        has_engines: !section.vllm.is_empty(),
        longest,
    }
}

/// What the store keeps of a round.
pub(super) fn round(seen: &Seen) -> GpuRound {
    let mut kept = GpuRound { node: seen.node.clone(), ..GpuRound::default() };
    kept.spans = seen
        .gpus
        .iter()
        .map(|g| GpuSpan {
            node: seen.node.clone(),
            gpu: g.gpu.clone(),
            since: g.since,
            until: g.until,
            state: g.state.name().to_owned(),
            slices: g.slices,
            index: g.index.clone(),
            product: g.product.clone(),
            evidence: g.evidence.iter().map(ToString::to_string).collect(),
            pods: g.pods.clone(),
        })
        .collect();
    for made in &seen.tokens {
        match made.tokens {
            Some(t) => kept.tokens.push(GpuModelTokens {
                model: made.model.clone(),
                at: seen.until.plus_micros(-1),
                tokens: [t.input, t.cached, t.output],
            }),
            None if seen.since < seen.until => kept.uncounted.push(GpuUncounted {
                model: made.model.clone(),
                since: seen.since,
                until: seen.until,
            }),
            None => {}
        }
    }
    kept.gaps = gaps(seen);
    kept
}

/// What was not known. The store keeps one stretch of each kind about each thing, so that what was seen stands together.
fn gaps(seen: &Seen) -> Vec<GpuGap> {
    let mut told: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for gap in &seen.gaps {
        told.entry((gap.kind.name(), &gap.about)).or_default().insert(&gap.detail);
    }
    let kept = |((kind, about), details): ((&str, &str), BTreeSet<&str>)| GpuGap {
        kind: kind.to_owned(),
        about: about.to_owned(),
        since: seen.since,
        until: seen.until,
        detail: details.into_iter().collect::<Vec<_>>().join("; "),
    };
    told.into_iter().map(kept).collect()
}

/// What a round cost, by state.
pub(super) fn cost(seen: &Seen, section: &GpuNodeSection) -> BTreeMap<GpuState, Money> {
    let rate = Rate {
        since: seen.since,
        until: None,
        per_hour: section.per_hour,
        accelerators: section.accelerators,
        owner: section.owner.clone(),
    };
    let span = |g: &bursar_plan::gpu::watch::SeenGpu| Span {
        gpu: g.gpu.clone(),
        slices: g.slices,
        state: g.state,
        since: g.since,
        until: g.until,
    };
    let spans: Vec<Span> = seen.gpus.iter().map(span).collect();
    let account = Account {
        node: &seen.node,
        since: seen.since,
        until: seen.until,
        rates: &[rate],
        spans: &spans,
        used: &[],
        counted: &BTreeMap::new(),
        counted_whole: false,
        weights: section.weights,
    };
    let bill = statement(&account);
    bill.map(|b| b.by_state.into_iter().map(|(state, (_, amount))| (state, amount)).collect())
        .unwrap_or_default()
}

/// What the alerts look at: each GPU with its part of the price.
pub(super) fn looks(seen: &Seen, section: &GpuNodeSection) -> Vec<Look> {
    let mut units: Vec<u128> = seen.gpus.iter().map(|g| u128::from(g.slices)).collect();
    let paid = u128::from(section.accelerators) * u128::from(SLICES);
    units.push(paid.saturating_sub(units.iter().sum()));
    let amounts = divide_money(section.per_hour, &units).unwrap_or_default();
    let look = |(g, per_hour): (&bursar_plan::gpu::watch::SeenGpu, Money)| Look {
        node: seen.node.clone(),
        gpu: if g.index.is_empty() { g.gpu.clone() } else { format!("{} ({})", g.index, g.gpu) },
        state: g.state,
        per_hour,
    };
    seen.gpus.iter().zip(amounts).map(look).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_plan::gpu::gap::{Gap, GapKind};

    #[test]
    fn two_things_of_one_kind_that_are_not_known_are_kept_together() {
        let gap = |about: &str, detail: &str| Gap::new(GapKind::Missing, about, detail);
        let at = Timestamp::from_seconds(60);
        let gaps = vec![gap("m", "b is not there"), gap("n", "c"), gap("m", "a is not there"), gap("n", "c")];
        let seen =
            Seen { node: "n".to_owned(), since: at, until: at, gpus: Vec::new(), tokens: Vec::new(), gaps };
        let kept: Vec<(String, String)> =
            round(&seen).gaps.into_iter().map(|g| (g.about, g.detail)).collect();
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(kept, [pair("m", "a is not there; b is not there"), pair("n", "c")]);
    }
}
