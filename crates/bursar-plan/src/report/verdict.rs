//! The verdict: what to do, in a sentence, and what weakens it.

use bursar_core::Money;

use super::answer::Verdict;
use super::figures::{dollars, per_month, percent};
use super::risk::named;
use crate::demand::Class;
use crate::mix::{Holding, Place};
use crate::placement::{Carrying, CarryingBasis, Futures, Kind, Placement, Purchased};
use crate::scenario::{Risk, Waiting};
use crate::supply::Term;

/// A throughput is not well known where its 90 % interval is wider than this to either side, as a logarithm.
const WIDE: f64 = 0.25;
/// A plan that pays in fewer futures than one of these shares, and in more than the other, is a close call.
const CLOSE: (f64, f64) = (0.1, 0.9);

pub(super) fn verdict(placement: &Placement, months: u32) -> Verdict {
    let (decision, mut sentence) = match &placement.futures {
        Some(futures) => with_purchases(placement, futures, months),
        None => without_purchases(placement),
    };
    if let Some(inside) = bound_inside(placement).filter(|_| decision != "stay_inside") {
        sentence = format!("{sentence} {inside}");
    }
    if !placement.replay.bill.unserved.is_empty() {
        sentence.push_str(" Something that may not leave is not served: see what is unserved.");
    }
    Verdict { decision, sentence, weakened_by: weakened_by(placement) }
}

fn bill_of(placement: &Placement, name: &str) -> Option<Money> {
    placement.baselines.iter().find(|b| b.name == name).map(|b| b.bill.total)
}

fn monthly(placement: &Placement, amount: Money) -> String {
    dollars(per_month(amount, placement.hours()))
}

fn with_purchases(placement: &Placement, futures: &Futures, months: u32) -> (&'static str, String) {
    let risk = &futures.risk;
    let api = bill_of(placement, "all API").unwrap_or(Money::ZERO);
    let saved = api.checked_sub(placement.replay.bill.total).unwrap_or(Money::ZERO);
    let today = format!(
        "{} a month at today's load and prices ({} of {})",
        monthly(placement, saved),
        share_of(saved, api),
        monthly(placement, api)
    );
    let chances = format!("over {months} months it costs less in {} futures", chance(risk.pays.share));
    let names = named_purchases(&futures.purchases);
    if risk.savings.mean.mean <= Money::ZERO || risk.pays.share < 0.5 {
        let sentence = format!(
            "Do not buy: {names} would save {today}, but {chances} and saves {} on average.",
            dollars(risk.savings.mean.mean)
        );
        return ("do_not_buy", sentence);
    }
    if !futures.purchases.iter().any(|p| p.term != Term::OnDemand) {
        let sentence = format!("Rent by the hour and commit to nothing: {names} save {today}; {chances}.");
        return ("rent", sentence);
    }
    if let Some(wait) = better_to_wait(risk) {
        let sentence = format!(
            "Do not buy yet: deciding in {} months is worth {} on average against deciding now. Today {names} would \
             save {today}; {chances}.",
            wait.months,
            dollars(wait.value.mean)
        );
        return ("wait", sentence);
    }
    let leave = risk.purchases.iter().filter(|p| p.regret.share > 0.5).map(|p| p.name.as_str());
    let leave: Vec<&str> = leave.collect();
    let but = if leave.is_empty() {
        String::new()
    } else {
        format!(" Leave out {}: it would be regretted in more than half of the futures.", leave.join(" and "))
    };
    let estimated = futures.purchases.iter().any(|p| is_estimated(placement, p));
    let names = if estimated { format!("{names}, if an offer at that price can be had") } else { names };
    ("buy", format!("Take {names}: that saves {today}; {chances}.{but}"))
}

/// A share of the futures in words: draws never show that something is certain.
fn chance(share: f64) -> String {
    match share {
        s if s > 0.999 => "nearly all".to_owned(),
        s if s < 0.001 => "nearly none of the".to_owned(),
        s => format!("{} of", percent(s)),
    }
}

/// The wait that is worth most, where that is clear of the Monte Carlo error.
fn better_to_wait(risk: &Risk) -> Option<&Waiting> {
    let clear = |w: &&Waiting| w.buys_now && w.value.mean.nanos() > w.value.error.nanos().saturating_mul(2);
    risk.waiting.iter().filter(clear).max_by_key(|w| w.value.mean)
}

/// The purchases in a few words: committed ones by kind and term with the models they are for, rented ones together.
fn named_purchases(purchases: &[Purchased]) -> String {
    let mut names: Vec<String> = Vec::new();
    let mut told: Vec<(&str, Term)> = Vec::new();
    for p in purchases.iter().filter(|p| p.term != Term::OnDemand) {
        if told.contains(&(&p.hardware, p.term)) {
            continue;
        }
        told.push((&p.hardware, p.term));
        let same: Vec<&Purchased> =
            purchases.iter().filter(|o| o.hardware == p.hardware && o.term == p.term).collect();
        let nodes: u32 = same.iter().map(|o| o.nodes).sum();
        let whose: Vec<String> = match same.as_slice() {
            [one] => vec![one.model.clone()],
            several => several.iter().map(|o| format!("{} for {}", o.nodes, o.model)).collect(),
        };
        names.push(format!("{nodes} × {}, {} ({})", p.hardware, p.term.name(), whose.join(", ")));
    }
    let rented: u32 = purchases.iter().filter(|p| p.term == Term::OnDemand).map(|p| p.nodes).sum();
    if rented > 0 {
        names.push(format!(
            "{} by the hour",
            if rented == 1 { "1 machine".to_owned() } else { format!("up to {rented} machines") }
        ));
    }
    match names.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn share_of(part: Money, whole: Money) -> String {
    if whole > Money::ZERO {
        percent(part.nanos() as f64 / whole.nanos() as f64)
    } else {
        "no share".to_owned()
    }
}

fn without_purchases(placement: &Placement) -> (&'static str, String) {
    let free = placement.models.iter().any(|m| m.place != Place::StaysInside);
    if !free {
        let sentence = bound_inside(placement)
            .unwrap_or_else(|| "Nothing but edge work is asked; the ledger says what it takes.".to_owned());
        return ("stay_inside", sentence);
    }
    let api = monthly(placement, bill_of(placement, "all API").unwrap_or(Money::ZERO));
    if placement.kinds.is_empty() {
        let sentence = format!(
            "Do not buy: nothing is known of what any machine carries of these models, so there is nothing to set \
             against {api} a month at the API."
        );
        return ("not_known", sentence);
    }
    let dedicated = bill_of(placement, "all dedicated").map_or_else(String::new, |bill| {
        format!("; everything on machines of its own would cost {}", monthly(placement, bill))
    });
    let nearest = nearest(placement).map(|(holding, utilisation, from)| {
        format!(
            " The nearest to paying is {} for {}: it would be busy {} of the time and pays from {} on.",
            holding.hardware,
            holding.model,
            percent(utilisation),
            percent(from)
        )
    });
    let sentence = format!(
        "Do not buy: no machine pays at today's load and prices. The API costs {api} a month{dedicated}.{}",
        nearest.unwrap_or_default()
    );
    ("do_not_buy", sentence)
}

/// The machine that is not had and comes closest to paying, with its utilisation and the one from which on it pays.
fn nearest(placement: &Placement) -> Option<(&Holding, f64, f64)> {
    let margins = placement.plan.holdings.iter().filter_map(|holding| {
        let next = holding.next?;
        Some((holding, next.utilisation, next.break_even.filter(|b| b.is_finite() && *b > 0.0)?))
    });
    margins.max_by(|a, b| (a.1 / a.2).total_cmp(&(b.1 / b.2)))
}

/// Machines of models that may not leave.
fn bound_inside(placement: &Placement) -> Option<String> {
    let inside = |holding: &&Holding| {
        holding.nodes() > 0
            || holding.rented_at_most > 0 && {
                placement
                    .models
                    .iter()
                    .any(|m| m.place == Place::StaysInside && m.series.model == holding.model)
            }
    };
    let stays = |model: &str| {
        placement.models.iter().any(|m| m.place == Place::StaysInside && m.series.model == model)
    };
    let held = placement.plan.holdings.iter().filter(inside).filter(|h| stays(&h.model));
    let named: Vec<String> = held
        .map(|h| {
            let rented = if h.rented_at_most > 0 {
                format!(" and up to {} rented", h.rented_at_most)
            } else {
                String::new()
            };
            format!("{} committed{rented} {} for {}", h.nodes(), h.hardware, h.model)
        })
        .collect();
    (!named.is_empty()).then(|| format!("What may not leave needs {}.", named.join(", ")))
}

fn weakened_by(placement: &Placement) -> Vec<String> {
    let mut reasons = Vec::new();
    let stale = &placement.staleness.stale;
    if let Some(oldest) = stale.first() {
        reasons.push(format!(
            "{} of {} facts are older than 180 days; the oldest, {}, is {} days old",
            stale.len(),
            placement.staleness.facts,
            oldest.what,
            oldest.days
        ));
    }
    reasons.extend(by_throughput(placement));
    if let Some(futures) = &placement.futures {
        let share = futures.risk.pays.share;
        if share > CLOSE.0 && share < CLOSE.1 {
            reasons.push(format!("it is a close call: the plan costs less in {} of futures", percent(share)));
        }
        let assumed: Vec<&str> = futures.risk.assumed.iter().map(|kind| named(*kind)).collect();
        if !assumed.is_empty() {
            reasons.push(format!("{} rest on judgement alone", assumed.join(", ")));
        }
        let estimated: Vec<&str> = used(placement)
            .filter(|(kind, _)| is_estimate(kind))
            .map(|(kind, _)| kind.name.as_str())
            .collect();
        if let Some(first) = estimated.first() {
            reasons
                .push(format!("{first} is priced by a published cost model's estimate, which is no offer"));
        }
    }
    if !placement.gaps.is_empty() {
        let count = placement.gaps.len();
        reasons.push(format!(
            "{count} {} not known: see the gaps",
            if count == 1 { "thing is" } else { "things are" }
        ));
    }
    reasons
}

fn is_estimated(placement: &Placement, purchase: &Purchased) -> bool {
    placement.kinds.iter().any(|kind| kind.name == purchase.hardware && is_estimate(kind))
}

/// Whether a price is an estimate that nobody offers.
fn is_estimate(kind: &Kind) -> bool {
    kind.row.node.name.contains("estimate")
}

/// The machines of the plan with what they carry.
fn used(placement: &Placement) -> impl Iterator<Item = (&Kind, &Carrying)> {
    let held = placement.plan.holdings.iter().filter(|h| h.nodes() > 0 || h.rented_at_most > 0);
    held.filter_map(|holding| {
        let m = placement.models.iter().position(|m| m.series.model == holding.model)?;
        let h = placement.kinds.iter().position(|k| k.name == holding.hardware)?;
        Some((&placement.kinds[h], placement.carrying[m][h].as_ref()?))
    })
}

/// The mean lengths of the models that are placed by published results.
fn lengths(placement: &Placement) -> String {
    let published = |carrying: &[Option<Carrying>]| {
        carrying.iter().flatten().any(|c| matches!(c.basis, CarryingBasis::Published { .. }))
    };
    let models = placement.models.iter().zip(&placement.carrying).filter(|(_, c)| published(c));
    let told: Vec<String> = models
        .filter_map(|(m, _)| {
            let total = m.series.total(Class::Interactive).filter(|t| t.requests > 0)?;
            let mean = |tokens: u64| tokens / total.requests;
            Some(format!("{}: {} tokens in, {} out", m.series.model, mean(total.input), mean(total.output)))
        })
        .collect();
    if told.is_empty() { String::new() } else { format!("; yours are of {}", told.join("; ")) }
}

fn by_throughput(placement: &Placement) -> Vec<String> {
    let mut reasons = Vec::new();
    let half = |c: &Carrying| {
        let (low, high) = c.output_per_second.interval?;
        let half = if low > 0.0 { (high / low).ln() / 2.0 } else { f64::INFINITY };
        (half > WIDE).then_some((low, high))
    };
    let wide = used(placement).find_map(|(kind, c)| Some((kind, c, half(c)?)));
    if let Some((kind, carrying, (low, high))) = wide {
        reasons.push(format!(
            "what {} carries is not well known: {low:.0} to {high:.0} output tokens/s around {:.0}",
            kind.name, carrying.output_per_second.mid
        ));
    }
    if let Some((kind, _)) = used(placement).find(|(_, c)| matches!(c.basis, CarryingBasis::Published { .. }))
    {
        reasons.push(format!(
            "what {} carries comes from published results for the benchmark's lengths, divided per accelerator \
             (unofficial){}",
            kind.name,
            lengths(placement)
        ));
    }
    if let Some((kind, _)) = used(placement).find(|(_, c)| c.output_per_second.interval.is_none()) {
        reasons.push(format!("how far off the throughput of {} may be is not known", kind.name));
    }
    reasons
}
