//! Demand from the data folder's own cubes.

use std::collections::BTreeMap;

use anyhow::Context as _;
use bursar_console::times::{parse_time, text_of};
use bursar_core::rollup::CellKey;
use bursar_core::{Hour, Timestamp};
use bursar_plan::demand::{Class, CubeRow, Demand};
use bursar_store::{Dimension, Reader, SpendQuery};

/// Demand by the hour, and who served each model most.
pub(super) struct FromCubes {
    pub(super) demand: Demand,
    pub(super) served_by: BTreeMap<String, String>,
    pub(super) assumed: Vec<String>,
}

/// Reads whole hours of `since` to `until`.
pub(super) fn read(
    reader: &Reader,
    (since, until): (&str, &str),
    class: Class,
    now: Timestamp,
) -> anyhow::Result<FromCubes> {
    let (since, until) = (parse_time(since, now)?.hour(), parse_time(until, now)?.hour());
    anyhow::ensure!(since < until, "--until is not an hour or more after --since");
    let query = SpendQuery {
        since: since.start(),
        until: until.start(),
        by: vec![Dimension::Hour, Dimension::Team, Dimension::Model, Dimension::Provider],
        filter: Vec::new(),
    };
    let (mut rows, mut served) = (Vec::new(), BTreeMap::<(String, String), u64>::new());
    for row in reader.spend(&query)? {
        let [hour, team, model, provider] =
            <[Option<String>; 4]>::try_from(row.group).map_err(|_| anyhow::anyhow!("a cube has no hour"))?;
        let (Some(model), Some(provider)) = (model, provider) else { continue };
        let key = CellKey {
            hour: hour_of(hour.as_deref().unwrap_or_default(), now)?,
            attribution: [None, team, None, None, None, None],
            key: None,
            provider: provider.clone(),
            model: Some(model.clone()),
        };
        *served.entry((model, provider)).or_default() += row.cell.records;
        rows.extend(CubeRow::of(&key, &row.cell, class));
    }
    anyhow::ensure!(
        !rows.is_empty(),
        "the cubes have no call between {} and {}; name a longer time with --since, or a file with --usage",
        text_of(since.start()),
        text_of(until.start())
    );
    let assumed = vec![
        format!(
            "all demand is of class {}: the cubes do not know how soon an answer is needed",
            class.name()
        ),
        "peaks within an hour are not known: the cubes have hours".to_owned(),
    ];
    let demand = Demand::from_cubes(rows, since..until)?;
    Ok(FromCubes { demand, served_by: most_serving(served), assumed })
}

fn hour_of(text: &str, now: Timestamp) -> anyhow::Result<Hour> {
    Ok(parse_time(text, now).with_context(|| format!("{text:?} is no hour"))?.hour())
}

/// For each model the provider with most calls.
fn most_serving(served: BTreeMap<(String, String), u64>) -> BTreeMap<String, String> {
    let mut most: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for ((model, provider), calls) in served {
        let best = most.entry(model).or_default();
        if calls > best.0 {
            *best = (calls, provider);
        }
    }
    most.into_iter().map(|(model, (_, provider))| (model, provider)).collect()
}
