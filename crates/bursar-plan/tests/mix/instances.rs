//! Problems to measure plans on: three production models over 336 hours, three kinds of GPU on four terms.
//!
//! The demand is `data/demand`. Prices per GPU and hour are published ones: on demand at AWS (`p5.4xlarge`, an eighth of
//! `p5en.48xlarge` and of `p6-b200.48xlarge`, us-east-1, 2026-07-20), three years and owned as SemiAnalysis models them (2026-08);
//! Nebius' catalogue price stands in for one year. What a GPU carries and what the API charges are chosen, of the order
//! that published benchmarks and price lists show, and are varied, as are the amount of demand and the limits.

use bursar_core::{Money, Rounding, UnitPrice};
use bursar_plan::mix::{Choice, Hardware, Model, Place, Problem};
use bursar_plan::supply::Term;

use crate::traces::{Hour, hourly};

/// Name, then dollars per hour on demand, for one year, for three years, owned; in thousandths.
const GPUS: [(&str, [i64; 4]); 3] = [
    ("H100", [6_880, 2_950, 1_780, 1_550]),
    ("H200", [7_912, 3_500, 2_050, 1_590]),
    ("B200", [14_242, 5_500, 2_600, 2_070]),
];
const TERMS: [Term; 4] = [Term::OnDemand, Term::OneYear, Term::ThreeYears, Term::Owned];

/// A model, the output tokens that each GPU makes of it per second, and the API's dollars per million of them, in
/// thousandths.
const MODELS: [(&str, [f64; 3], i64); 3] = [
    ("m-large", [700.0, 1_000.0, 2_100.0], 900),
    ("m-mid", [2_100.0, 2_600.0, 5_200.0], 400),
    ("m-small", [5_000.0, 5_600.0, 9_500.0], 150),
];

/// What is varied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    /// Demand as a multiple of the trace's.
    pub(crate) demand: f64,
    /// The API's prices, in thousandths of the above.
    pub(crate) api: i64,
    /// Limits of owned nodes, of those for three years, and on demand, for each GPU.
    pub(crate) limits: [Option<u32>; 3],
    /// The model that may not leave, by its place.
    pub(crate) inside: Option<usize>,
}

const fn variant(name: &'static str, demand: f64, api: i64) -> Variant {
    Variant { name, demand, api, limits: [None; 3], inside: None }
}

/// The instances, from a few nodes to hundreds.
pub(crate) const VARIANTS: [Variant; 12] = [
    variant("a fiftieth of the demand", 0.02, 1_000),
    variant("a fiftieth, dear API", 0.02, 4_000),
    variant("a tenth", 0.1, 1_000),
    Variant { limits: [Some(2), Some(3), None], ..variant("a tenth, limits, dear API", 0.1, 3_000) },
    variant("the demand", 1.0, 1_000),
    variant("the demand, cheap API", 1.0, 400),
    variant("the demand, dear API", 1.0, 4_000),
    Variant { limits: [Some(8), Some(12), None], ..variant("the demand, limits", 1.0, 2_000) },
    Variant {
        limits: [Some(8), Some(12), Some(4)],
        ..variant("the demand, limits on demand too, dear API", 1.0, 6_000)
    },
    Variant { inside: Some(1), ..variant("the demand, one model stays inside", 1.0, 1_000) },
    Variant {
        limits: [Some(4), Some(4), None],
        inside: Some(0),
        ..variant("a fifth, limits, one model stays inside", 0.2, 1_500)
    },
    variant("five times the demand", 5.0, 1_300),
];

/// The problem of a variant.
pub(crate) fn problem(variant: &Variant) -> Problem {
    let hours = hourly();
    let hardware = GPUS.iter().map(|&(name, prices)| hardware(name, prices, variant)).collect();
    let models = MODELS.iter().enumerate().map(|(m, &(name, rates, price))| {
        let place = if variant.inside == Some(m) { Place::StaysInside } else { Place::Anywhere };
        Model { place, ..model(name, &hours[name], rates, (variant, price)) }
    });
    Problem { hardware, models: models.collect() }
}

fn hardware(name: &str, prices: [i64; 4], variant: &Variant) -> Hardware {
    let [owned, three_years, on_demand] = variant.limits;
    let limits = [on_demand, None, three_years, owned];
    let choices = TERMS.into_iter().zip(prices).zip(limits).map(|((term, thousandths), limit)| Choice {
        term,
        per_hour: Money::from_nanos(thousandths * 1_000_000),
        limit,
    });
    Hardware { name: name.to_owned(), region: None, choices: choices.collect(), failures: None }
}

fn model(name: &str, hours: &[Hour], rates: [f64; 3], (variant, price): (&Variant, i64)) -> Model {
    let tokens: Vec<u64> = hours.iter().map(|h| (h.output_tokens as f64 * variant.demand) as u64).collect();
    let price = UnitPrice::from_nanos_per_million(price * variant.api * 1_000).expect("a price above zero");
    let load = |rate: f64| Some(tokens.iter().map(|&n| n as f64 / (rate * 3_600.0)).collect());
    let cost = |&n: &u64| price.cost(n, Rounding::HalfEven).expect("an hour's bill is money");
    Model {
        name: name.to_owned(),
        place: Place::Anywhere,
        regions: None,
        loads: rates.into_iter().map(load).collect(),
        peaks: Some(hours.iter().map(Hour::peak).collect()),
        api: Some(tokens.iter().map(cost).collect()),
        spare: 0,
    }
}
