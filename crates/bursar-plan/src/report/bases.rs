//! What a report rests on: assumptions, ages, gaps.

use super::answer::{AssumptionShown, GapShown, LeftOutShown, StaleShown};
use super::figures;
use crate::placement::{Carrying, CarryingBasis, Placement};

pub(super) fn assumptions(placement: &Placement) -> Vec<AssumptionShown> {
    let mut shown: Vec<AssumptionShown> = placement
        .assumed
        .iter()
        .map(|a| AssumptionShown {
            what: a.what.clone(),
            rests_on: a.rests.name(),
            source: a.dated.as_ref().map(|d| d.source.clone()),
            as_of: a.dated.as_ref().map(|d| figures::day(d.as_of)),
            entries: Vec::new(),
        })
        .collect();
    for (placed, carrying) in placement.models.iter().zip(&placement.carrying) {
        for (kind, carrying) in
            placement.kinds.iter().zip(carrying).filter_map(|(k, c)| Some((k, c.as_ref()?)))
        {
            shown.push(throughput(&placed.series.model, &kind.name, carrying));
        }
    }
    for kind in &placement.kinds {
        for offer in &kind.row.node.offers {
            shown.push(AssumptionShown {
                what: format!("{}, {}: ${} an hour", kind.name, offer.term.name(), offer.per_hour),
                rests_on: "published",
                source: Some(offer.dated.source.clone()),
                as_of: Some(figures::day(offer.dated.as_of)),
                entries: Vec::new(),
            });
        }
    }
    shown
}

fn throughput(model: &str, kind: &str, carrying: &Carrying) -> AssumptionShown {
    let speed = carrying.output_per_second;
    let range = speed.interval.map_or_else(
        || "with no interval".to_owned(),
        |(low, high)| format!("between {low:.0} and {high:.0}"),
    );
    let (rests_on, from, entries) = match &carrying.basis {
        CarryingBasis::Fitted { engine, .. } => ("measured", engine.clone(), Vec::new()),
        CarryingBasis::Published { entries, .. } => {
            let from = "published results divided per accelerator: not official, and for the benchmark's lengths, not yours";
            ("published", from.to_owned(), entries.clone())
        }
    };
    let dated = carrying.basis.dated();
    AssumptionShown {
        what: format!("{model} on {kind}: {:.0} output tokens/s a machine, {range} ({from})", speed.mid),
        rests_on,
        source: Some(dated.source.clone()),
        as_of: Some(figures::day(dated.as_of)),
        entries,
    }
}

pub(super) fn stale(placement: &Placement) -> Vec<StaleShown> {
    let shown = |row: &crate::supply::StaleRow| StaleShown {
        what: row.what.clone(),
        source: row.dated.source.clone(),
        as_of: figures::day(row.dated.as_of),
        days: row.days,
    };
    placement.staleness.stale.iter().map(shown).collect()
}

pub(super) fn gaps(placement: &Placement) -> Vec<GapShown> {
    let shown = |g: &crate::placement::Gap| GapShown { what: g.what.clone(), hint: g.hint.clone() };
    placement.gaps.iter().map(shown).collect()
}

pub(super) fn left_out(placement: &Placement) -> Vec<LeftOutShown> {
    let shown = |l: &crate::placement::LeftOut| LeftOutShown { hardware: l.name.clone(), why: l.why.clone() };
    placement.left_out.iter().map(shown).collect()
}
