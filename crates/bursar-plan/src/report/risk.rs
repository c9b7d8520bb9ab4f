//! Futures as they are shown.

use bursar_core::Money;

use super::answer::*;
use super::answer_risk::*;
use super::figures::{self, mean, number, share};
use crate::placement::{Futures, Placement};
use crate::scenario::{Band, Basis, Factor, FactorKind, RULE_OF_THUMB};

pub(super) fn risk(futures: &Futures) -> RiskShown {
    let risk = &futures.risk;
    let s = &risk.savings;
    RiskShown {
        savings: SavingsShown {
            p5: s.p5.to_string(),
            p25: s.p25.to_string(),
            p50: s.p50.to_string(),
            p75: s.p75.to_string(),
            p95: s.p95.to_string(),
            mean: mean(s.mean),
        },
        pays: share(risk.pays),
        purchases: risk.purchases.iter().map(purchase).collect(),
        waiting: risk.waiting.iter().map(waiting).collect(),
        renewable: risk.renewable.as_ref().map(|r| RenewableShown {
            value: mean(r.value),
            taken: r.taken.iter().map(|t| share(*t)).collect(),
        }),
        tornado: risk.tornado.iter().map(tornado).collect(),
        break_even: BreakEvenShown {
            p10: risk.break_even.p10,
            p50: risk.break_even.p50,
            p90: risk.break_even.p90,
            never: share(risk.break_even.never),
        },
        factors: FactorKind::ALL.iter().map(|kind| factor(*kind, futures.factors.get(*kind))).collect(),
    }
}

fn purchase(p: &crate::scenario::PurchaseRisk) -> PurchaseShown {
    PurchaseShown {
        name: p.name.clone(),
        regret: share(p.regret),
        expected_regret: mean(p.expected_regret),
        expected_saving: mean(p.expected_saving),
    }
}

fn waiting(w: &crate::scenario::Waiting) -> WaitingShown {
    WaitingShown { months: w.months, value: mean(w.value), buys_then: share(w.buys_then) }
}

fn tornado(bar: &crate::scenario::TornadoBar) -> TornadoShown {
    TornadoShown {
        factor: named(bar.factor),
        at_p10: bar.at_p10.to_string(),
        at_median: bar.at_median.to_string(),
        at_p90: bar.at_p90.to_string(),
    }
}

/// A factor's name in sentences.
pub(super) const fn named(kind: FactorKind) -> &'static str {
    match kind {
        FactorKind::Growth => "growth of demand",
        FactorKind::ApiPrice => "API prices",
        FactorKind::RentalPrice => "prices of machines",
        FactorKind::Utilisation => "throughput of machines",
        FactorKind::Residual => "residual value",
    }
}

fn factor(kind: FactorKind, factor: &Factor) -> FactorShown {
    let at = |share: f64| number(factor.quantile(share).exp_m1());
    FactorShown {
        factor: named(kind),
        change: [at(0.05), at(0.5), at(0.95)],
        rests_on: match factor.basis {
            Basis::Measured => "measured",
            Basis::Published if factor.dated.source == "as told" => "told",
            Basis::Published => "published",
            Basis::Assumed => "assumed",
        },
        source: factor.dated.source.clone(),
        as_of: figures::day(factor.dated.as_of),
    }
}

pub(super) fn cumulative(futures: &Futures) -> Vec<MonthShown> {
    let band = |b: Band| BandShown { p5: b.p5.to_string(), p50: b.p50.to_string(), p95: b.p95.to_string() };
    let month =
        |m: &crate::scenario::FanMonth| MonthShown { month: m.month, api: band(m.api), plan: band(m.plan) };
    futures.months.iter().map(month).collect()
}

pub(super) fn threshold(placement: &Placement) -> ThresholdShown {
    let threshold = placement.threshold;
    let bill = |name: &str| {
        let of = placement.baselines.iter().find(|b| b.name == name)?;
        of.bill.unserved.is_empty().then_some(of.bill.total)
    };
    // Without any machine there is nothing dedicated to compare with.
    let bills = bill("all API").zip(bill("all dedicated")).filter(|_| !placement.kinds.is_empty());
    let today = bills.and_then(|(api, dedicated)| {
        (dedicated > Money::ZERO).then(|| api.nanos() as f64 / dedicated.nanos() as f64)
    });
    let (low, high) = threshold.ratio_interval;
    ThresholdShown {
        sentence: threshold.sentence(),
        ratio: number(threshold.ratio),
        interval: [number(low), number(high)],
        rule_of_thumb: [RULE_OF_THUMB.0, RULE_OF_THUMB.1],
        today: today.and_then(number),
        growth: number(threshold.growth),
        price_fall: number(threshold.price_fall),
        years: threshold.years,
    }
}
