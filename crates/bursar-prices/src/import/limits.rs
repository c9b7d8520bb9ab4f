//! How much models take and give at most, from the published lists.

use std::collections::BTreeMap;

use bursar_core::ModelLimits;
use serde_json::Value;

use super::providers::PROVIDERS;
use super::{CrossCheck, ImportError, ImportFacts, litellm};
use crate::limits::LimitRow;

type Limits = BTreeMap<(&'static str, String), ModelLimits>;

/// The limits of the models that a cross-check prices. A limit bounds what can be spent, so where the lists
/// disagree the larger one holds, and the row says what the other list says.
pub fn limits_of(
    check: &CrossCheck,
    litellm: (&str, &ImportFacts),
    models_dev: (&str, &ImportFacts),
) -> Result<Vec<LimitRow>, ImportError> {
    let (first, second) = (of_litellm(litellm.0)?, of_models_dev(models_dev.0)?);
    let mut priced: Vec<(&'static str, String)> = Vec::new();
    for names in PROVIDERS {
        let rows = check.rows.iter().filter(|r| r.provider == names.name);
        priced.extend(rows.map(|r| (names.name, r.model.clone())));
    }
    priced.sort_unstable();
    priced.dedup();
    let row =
        |key: &(&'static str, String)| row_of(key, first.get(key), second.get(key), litellm.1, models_dev.1);
    Ok(priced.iter().filter_map(row).collect())
}

fn row_of(
    key: &(&'static str, String),
    first: Option<&ModelLimits>,
    second: Option<&ModelLimits>,
    of_first: &ImportFacts,
    of_second: &ImportFacts,
) -> Option<LimitRow> {
    let (a, b) = (first.copied().unwrap_or_default(), second.copied().unwrap_or_default());
    let limits = ModelLimits {
        context_window: a.context_window.max(b.context_window),
        max_output: a.max_output.max(b.max_output),
    };
    if limits == ModelLimits::default() {
        return None;
    }
    let says =
        [("context_window", a.context_window, b.context_window), ("max_output", a.max_output, b.max_output)];
    let notes: Vec<String> =
        says.into_iter().filter_map(|(name, a, b)| differs(name, a?, b?, of_first, of_second)).collect();
    let source = match (first, second) {
        (Some(_), Some(_)) => format!("{} and {}", of_first.source, of_second.source),
        (None, _) => of_second.source.clone(),
        (Some(_), None) => of_first.source.clone(),
    };
    let as_of = if first.is_some() { &of_first.as_of } else { &of_second.as_of };
    Some(LimitRow {
        provider: key.0.to_owned(),
        model: key.1.clone(),
        aliases: Vec::new(),
        limits,
        source,
        as_of: as_of.clone(),
        note: (!notes.is_empty()).then(|| notes.join("; ")),
    })
}

/// What the list with the smaller figure says.
fn differs(name: &str, a: u64, b: u64, first: &ImportFacts, second: &ImportFacts) -> Option<String> {
    let (smaller, source) = if a < b { (a, &first.source) } else { (b, &second.source) };
    (a != b).then(|| format!("{source} says {name} {smaller}"))
}

fn add(found: &mut Limits, key: (&'static str, String), limits: ModelLimits) {
    if limits == ModelLimits::default() {
        return;
    }
    let known = found.entry(key).or_default();
    known.context_window = known.context_window.max(limits.context_window);
    known.max_output = known.max_output.max(limits.max_output);
}

/// A limit of nothing says that there is none of its kind, which bounds nothing.
fn tokens(value: Option<&Value>) -> Option<u64> {
    value.and_then(Value::as_u64).filter(|&n| n > 0)
}

fn of_litellm(text: &str) -> Result<Limits, ImportError> {
    let mut found = Limits::new();
    litellm::each_model(text, |provider, model, _, entry| {
        let limits = ModelLimits {
            context_window: tokens(entry.get("max_input_tokens")),
            max_output: tokens(entry.get("max_output_tokens")),
        };
        add(&mut found, (provider, model), limits);
    })?;
    Ok(found)
}

fn of_models_dev(text: &str) -> Result<Limits, ImportError> {
    let value: Value = serde_json::from_str(text).map_err(|e| ImportError::NotJson(e.to_string()))?;
    let models_of = |section: &str| {
        let section = value.get(section)?;
        section.get("models").unwrap_or(section).as_object()
    };
    let mut found = Limits::new();
    for names in PROVIDERS {
        for (model, entry) in names.models_dev.iter().filter_map(|s| models_of(s)).flatten() {
            // An entry that refers to a base model has the base's limits.
            let base = entry.get("base_model").and_then(Value::as_str).and_then(|b| b.split_once('/'));
            let of_base = || base.and_then(|(section, model)| models_of(section)?.get(model)?.get("limit"));
            let Some(limit) = entry.get("limit").or_else(of_base) else { continue };
            let limits = ModelLimits {
                context_window: tokens(limit.get("context")).max(tokens(limit.get("input"))),
                max_output: tokens(limit.get("output")),
            };
            add(&mut found, (names.name, model.clone()), limits);
        }
    }
    Ok(found)
}

/// The files of limits: name and text, one per provider that has any.
#[must_use]
pub fn limit_files_of(rows: &[LimitRow], facts: &ImportFacts, comment: &str) -> Vec<(String, String)> {
    let mut names: Vec<&str> = rows.iter().map(|r| r.provider.as_str()).collect();
    names.dedup();
    let file = |name: &&str| {
        let rows: Vec<LimitRow> = rows.iter().filter(|r| r.provider == **name).cloned().collect();
        (format!("limits/{name}.toml"), crate::file::write_limits(name, facts.recorded_at, comment, &rows))
    };
    names.iter().map(file).collect()
}
