//! What differs between two readings of the list, for readers.

use bursar_core::{Meter, ServiceTier};
use bursar_prices::compare::{Difference, MeterDifference, Presence, Stated};
use bursar_prices::file::price_text;
use serde::Serialize;

use crate::commands::table::{Column, render, text};

/// One row's differences, for a machine.
#[derive(Debug, Serialize)]
pub(super) struct DifferenceAnswer {
    provider: String,
    model: String,
    tier: &'static str,
    region: Option<String>,
    context_above: u64,
    /// new, gone or changed.
    change: &'static str,
    meters: Vec<MeterAnswer>,
}

#[derive(Debug, Serialize)]
struct MeterAnswer {
    meter: &'static str,
    before: StatedAnswer,
    after: StatedAnswer,
}

/// A price, or what is said in a dispute; neither where the price is unknown.
#[derive(Debug, Default, Serialize)]
struct StatedAnswer {
    price: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    disputed: Vec<DisputedAnswer>,
}

#[derive(Debug, Serialize)]
struct DisputedAnswer {
    source: String,
    price: Option<String>,
}

impl From<&Difference> for DifferenceAnswer {
    fn from(difference: &Difference) -> DifferenceAnswer {
        let Difference { key, presence, meters } = difference;
        DifferenceAnswer {
            provider: key.provider.clone(),
            model: key.model.clone(),
            tier: ServiceTier::name(key.tier),
            region: key.region.clone(),
            context_above: key.context_above,
            change: change(*presence),
            meters: meters.iter().map(meter_answer).collect(),
        }
    }
}

fn meter_answer(difference: &MeterDifference) -> MeterAnswer {
    let meter = difference.meter;
    MeterAnswer {
        meter: meter.name(),
        before: stated_answer(meter, &difference.before),
        after: stated_answer(meter, &difference.after),
    }
}

fn stated_answer(meter: Meter, stated: &Stated) -> StatedAnswer {
    match stated {
        Stated::Nothing => StatedAnswer::default(),
        Stated::Price(price) => StatedAnswer { price: Some(price_text(meter, *price)), disputed: Vec::new() },
        Stated::Disputed(values) => {
            let one = |(source, price): &(String, Option<_>)| DisputedAnswer {
                source: source.clone(),
                price: price.map(|price| price_text(meter, price)),
            };
            StatedAnswer { price: None, disputed: values.iter().map(one).collect() }
        }
    }
}

fn change(presence: Presence) -> &'static str {
    match presence {
        Presence::New => "new",
        Presence::Gone => "gone",
        Presence::Both => "changed",
    }
}

/// A line per meter that differs; the two columns of prices have these headings.
pub(super) fn table(differences: &[Difference], before: &'static str, after: &'static str) -> String {
    let price = |heading| Column { heading, is_number: true };
    let columns = [text("change"), text("price of"), text("meter"), price(before), price(after)];
    let line = |d: &Difference, m: &MeterDifference| {
        let marked = |stated: &Stated| match stated {
            Stated::Disputed(_) => format!("! {}", stated.text(m.meter)),
            _ => stated.text(m.meter),
        };
        vec![
            change(d.presence).to_owned(),
            d.key.to_string(),
            m.meter.to_string(),
            marked(&m.before),
            marked(&m.after),
        ]
    };
    let rows = differences.iter().flat_map(|d| d.meters.iter().map(move |m| line(d, m)));
    render(&columns, rows.collect(), None)
}
