//! Which machines take part: of those that carry the same, the cheapest.

use std::collections::BTreeMap;

use bursar_core::Money;

use super::carrying::Carrying;
use super::inputs::Inputs;
use crate::mix::{Choice, Failures, Hardware};
use crate::supply::{Reliability, SupplyRow, Term};
use crate::tco::{Millionths, TcoError};

/// A kind of machine that takes part in the choice.
#[derive(Clone, Debug, PartialEq)]
pub struct Kind {
    /// Its name in the plan, such as `p5.48xlarge (aws)`.
    pub name: String,
    /// The machine with its prices.
    pub row: SupplyRow,
    /// The place in [`Inputs::owned`], for a machine of one's own.
    pub owned: Option<usize>,
    /// The utilisation at which an owned machine's power is counted.
    pub utilisation: Millionths,
}

/// A machine that takes no part, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name.
    pub name: String,
    /// Why, in words.
    pub why: String,
}

/// How busy owned machines are expected to be, by name; those that are missing are counted as always busy.
pub(super) type Busy = BTreeMap<String, Millionths>;

/// A machine's name in the plan.
pub(super) fn name_of(row: &SupplyRow) -> String {
    let node = &row.node;
    match &node.region {
        Some(region) => format!("{} ({}, {region})", node.name, node.provider),
        None => format!("{} ({})", node.name, node.provider),
    }
}

/// Machines that the constraints and the caller allow, owned ones at their cost when so busy.
pub(super) fn allowed(inputs: &Inputs<'_>, busy: &Busy) -> Result<(Vec<Kind>, Vec<LeftOut>), TcoError> {
    let (mut kinds, mut left_out) = (Vec::new(), Vec::new());
    let rented = inputs.supply.rows.iter().map(|row| (row.clone(), None, Millionths::ONE));
    let mut all: Vec<(SupplyRow, Option<usize>, Millionths)> = rented.collect();
    for (place, owned) in inputs.owned.iter().enumerate() {
        let utilisation = busy.get(&name_of(&owned.row)).copied().unwrap_or(Millionths::ONE);
        all.push((owned.supply_row(utilisation)?, Some(place), utilisation));
    }
    let wanted = &inputs.settings.suppliers;
    for (row, owned, utilisation) in all {
        let name = name_of(&row);
        let why = if owned.is_none()
            && !wanted.is_empty()
            && !wanted.iter().any(|w| w.eq_ignore_ascii_case(&row.node.provider))
        {
            Some("its supplier is not among those that were asked for".to_owned())
        } else if !inputs.constraints.allow_residency(&row.residency) {
            Some("data may not lie there, or nobody said where it stands".to_owned())
        } else {
            None
        };
        match why {
            Some(why) => left_out.push(LeftOut { name, why }),
            None => kinds.push(Kind { name, row, owned, utilisation }),
        }
    }
    Ok((kinds, left_out))
}

/// For each kind the place of a cheaper one that carries the same of every model, where there is one. `carrying` is by
/// kind, then by model.
pub(super) fn dominated(kinds: &[Kind], carrying: &[Vec<Option<Carrying>>]) -> Vec<Option<usize>> {
    let better = |h: usize, other: usize| {
        let (dear, cheap) = (&kinds[h], &kinds[other]);
        let times = dear.row.node.accelerators / cheap.row.node.accelerators.max(1);
        let divides = times >= 1 && dear.row.node.accelerators % cheap.row.node.accelerators.max(1) == 0;
        let same = carrying[h].iter().zip(&carrying[other]).all(|pair| carries_as_much(pair, times));
        let free = cheap.row.at_most.is_none() && cheap.row.reliability == dear.row.reliability;
        divides && free && same && is_cheaper(cheap, dear, times, other < h)
    };
    (0..kinds.len()).map(|h| (0..kinds.len()).find(|&other| other != h && better(h, other))).collect()
}

/// Whether so many of the second machine carry as much as the first.
fn carries_as_much((dear, cheap): (&Option<Carrying>, &Option<Carrying>), times: u32) -> bool {
    match (dear, cheap) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(dear), Some(cheap)) => {
            let (one, many) = (dear.output_per_second.mid, cheap.output_per_second.mid * f64::from(times));
            dear.basis == cheap.basis && many >= one * (1.0 - 1e-9)
        }
    }
}

/// Whether so many of the first machine cost no more than the second on every term that the second offers. Of equals the
/// one that comes first stays.
fn is_cheaper(cheap: &Kind, dear: &Kind, times: u32, first: bool) -> bool {
    let price = |kind: &Kind, committed: bool| {
        let offers = kind.row.node.offers.iter().filter(|o| (o.term != Term::OnDemand) == committed);
        offers.map(|o| i128::from(o.per_hour.nanos())).min()
    };
    let mut strictly = cheap.row.node.accelerators < dear.row.node.accelerators;
    for committed in [false, true] {
        let Some(dear) = price(dear, committed) else {
            strictly |= price(cheap, committed).is_some();
            continue;
        };
        match price(cheap, committed).map(|p| p * i128::from(times)) {
            Some(cheap) if cheap <= dear => strictly |= cheap < dear,
            _ => return false,
        }
    }
    strictly || first
}

impl Kind {
    /// The kind as the mix takes it. `taken` nodes of it are committed already, so that fewer can be rented.
    pub(super) fn hardware(&self, taken: u32) -> Hardware {
        let limit = |term: Term| match term {
            Term::OnDemand => self.row.at_most.map(|most| most.saturating_sub(taken)),
            Term::OneYear | Term::ThreeYears | Term::Owned => self.row.at_most,
        };
        let choice = |(term, per_hour): (Term, Money)| Choice { term, per_hour, limit: limit(term) };
        Hardware {
            name: self.name.clone(),
            region: None,
            choices: self.terms().into_iter().map(choice).collect(),
            failures: self.row.reliability.and_then(failures),
        }
    }

    /// The prices that can be chosen. Where the number of nodes is bounded only the cheapest committed term takes part,
    /// since the bound holds for all terms together.
    fn terms(&self) -> Vec<(Term, Money)> {
        let offers = || self.row.node.offers.iter().map(|o| (o.term, o.per_hour));
        if self.row.at_most.is_none() {
            return offers().collect();
        }
        let cheapest = offers().filter(|(term, _)| *term != Term::OnDemand).min_by_key(|(_, price)| *price);
        offers().filter(|(term, _)| *term == Term::OnDemand).chain(cheapest).collect()
    }

    /// The price on a term.
    #[must_use]
    pub fn price(&self, term: Term) -> Option<Money> {
        self.row.node.offers.iter().find(|o| o.term == term).map(|o| o.per_hour)
    }
}

/// A machine that is back at once never fails.
fn failures(reliability: Reliability) -> Option<Failures> {
    (reliability.repair_hours > 0).then(|| Failures {
        between_hours: f64::from(reliability.mtbf_hours),
        repair_hours: f64::from(reliability.repair_hours),
    })
}
