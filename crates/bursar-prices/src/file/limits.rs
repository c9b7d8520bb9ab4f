//! The `[[limit]]` tables of a price file.

use std::fmt::Write as _;

use bursar_core::{ModelLimits, Timestamp};
use toml::{Table, Value};

use super::read::Reader;
use super::write::{opening, quoted};
use crate::limits::LimitRow;

const LIMIT_FIELDS: &str = "model, aliases, context_window, max_output, source, as_of, note";

impl Reader<'_> {
    pub(super) fn limit(&mut self, mut t: Table, provider: &str) -> Option<LimitRow> {
        let model = self.text(&mut t, "model");
        match &model {
            Some(model) => self.name_row(&format!(" ({model})")),
            None => self.problem("model", "is missing"),
        }
        let before = self.problem_count();
        let source = self.text(&mut t, "source");
        if source.is_none() {
            self.problem("source", "is missing; every limit says where it was read");
        }
        let row = LimitRow {
            provider: provider.to_owned(),
            model: model?,
            aliases: self.texts(&mut t, "aliases"),
            limits: ModelLimits {
                context_window: self.tokens(&mut t, "context_window"),
                max_output: self.tokens(&mut t, "max_output"),
            },
            source: source.unwrap_or_default(),
            as_of: self.text(&mut t, "as_of").unwrap_or_default(),
            note: self.text(&mut t, "note"),
        };
        if row.limits == ModelLimits::default() {
            self.problem(
                "context_window",
                "is missing, and so is max_output; a row without either says nothing",
            );
        }
        self.unknown(&t, LIMIT_FIELDS);
        (self.problem_count() == before).then_some(row)
    }

    /// A number of tokens above zero; a limit of nothing would be no model's.
    fn tokens(&mut self, t: &mut Table, field: &str) -> Option<u64> {
        let value = t.remove(field)?;
        let tokens = value.as_integer().and_then(|n| u64::try_from(n).ok()).filter(|&n| n > 0);
        if tokens.is_none() {
            self.problem(field, format!("is {value}; a number of tokens above zero is expected"));
        }
        tokens
    }
}

/// The tables of a field, as far as they are tables.
pub(super) fn tables(reader: &mut Reader<'_>, file: &mut Table, field: &str) -> Vec<Table> {
    let values = match file.remove(field) {
        None => Vec::new(),
        Some(Value::Array(values)) => values,
        Some(_) => {
            reader.problem(field, format!("is no list of [[{field}]] tables"));
            Vec::new()
        }
    };
    let mut tables = Vec::with_capacity(values.len());
    for (i, value) in values.into_iter().enumerate() {
        match value {
            Value::Table(table) => tables.push(table),
            _ => reader.problem(field, format!("{} is no table", i + 1)),
        }
    }
    tables
}

/// The text of a file with these limits, which are all of one provider. `comment` stands at its top.
#[must_use]
pub fn write_limits(provider: &str, recorded_at: Timestamp, comment: &str, rows: &[LimitRow]) -> String {
    let mut text = opening(provider, recorded_at, comment);
    for row in rows {
        let _ = writeln!(text, "\n[[limit]]\nmodel = {}", quoted(&row.model));
        if !row.aliases.is_empty() {
            let names: Vec<String> = row.aliases.iter().map(|a| quoted(a)).collect();
            let _ = writeln!(text, "aliases = [{}]", names.join(", "));
        }
        let limits = [("context_window", row.limits.context_window), ("max_output", row.limits.max_output)];
        for (name, limit) in limits {
            if let Some(limit) = limit {
                let _ = writeln!(text, "{name} = {limit}");
            }
        }
        let _ = writeln!(text, "source = {}", quoted(&row.source));
        for (name, value) in [("as_of", Some(&row.as_of)), ("note", row.note.as_ref())] {
            if let Some(value) = value.filter(|v| !v.is_empty()) {
                let _ = writeln!(text, "{name} = {}", quoted(value));
            }
        }
    }
    text
}
