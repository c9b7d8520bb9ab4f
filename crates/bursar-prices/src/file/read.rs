//! Reading a price file: what can be read is read, and everything that is wrong is told.

use bursar_core::{Meter, PriceConflict, PriceKind, PriceRow, ServiceTier, Timestamp, UnitPrice};
use toml::{Table, Value};

use super::limits::tables;
use super::{PriceFile, PriceFileProblem};
use crate::date;

const ROW_FIELDS: &str = "model, aliases, region, tier, context_above, kind, effective_from, effective_to, \
                          recorded_at, source, as_of, price, conflict";

/// Reads a file's text; problems are added to the list.
pub fn read(file: &str, text: &str, problems: &mut Vec<PriceFileProblem>) -> PriceFile {
    let mut reader = Reader { file, row: String::new(), problems };
    let table = match text.parse::<Table>() {
        Ok(table) => table,
        Err(error) => {
            reader.problem("", format!("is not valid TOML: {}", error.to_string().trim_end()));
            return PriceFile::default();
        }
    };
    reader.file(table)
}

pub(super) struct Reader<'a> {
    file: &'a str,
    row: String,
    problems: &'a mut Vec<PriceFileProblem>,
}

impl Reader<'_> {
    pub(super) fn problem(&mut self, field: &str, message: impl Into<String>) {
        self.problems.push(PriceFileProblem {
            file: self.file.to_owned(),
            row: self.row.clone(),
            field: field.to_owned(),
            message: message.into(),
        });
    }

    pub(super) fn problem_count(&self) -> usize {
        self.problems.len()
    }

    /// Adds to the name by which problems tell the row.
    pub(super) fn name_row(&mut self, more: &str) {
        self.row.push_str(more);
    }

    fn file(&mut self, mut table: Table) -> PriceFile {
        match table.remove("format") {
            Some(Value::Integer(1)) => {}
            _ => self.problem("format", "is not 1, the only format there is"),
        }
        let provider = self.text(&mut table, "provider").unwrap_or_else(|| {
            self.problem("provider", "is missing; it is the provider's name, such as \"openai\"");
            String::new()
        });
        let recorded_at = self.moment(&mut table, "recorded_at");
        let mut read = PriceFile::default();
        for (i, row) in tables(self, &mut table, "row").into_iter().enumerate() {
            self.row = format!("row {}", i + 1);
            read.rows.extend(self.row(row, &provider, recorded_at));
            self.row.clear();
        }
        for (i, limit) in tables(self, &mut table, "limit").into_iter().enumerate() {
            self.row = format!("limit {}", i + 1);
            read.limits.extend(self.limit(limit, &provider));
            self.row.clear();
        }
        self.unknown(&table, "format, provider, recorded_at, row, limit");
        read
    }

    fn row(&mut self, mut t: Table, provider: &str, default: Option<Timestamp>) -> Option<PriceRow> {
        let model = self.text(&mut t, "model");
        match &model {
            Some(model) => self.row = format!("{} ({model})", self.row),
            None => self.problem("model", "is missing"),
        }
        let before = self.problems.len();
        let recorded_at = self.moment(&mut t, "recorded_at").or(default);
        if recorded_at.is_none() {
            self.problem("recorded_at", "is missing, here and at the top of the file");
        }
        let source = self.text(&mut t, "source");
        if source.is_none() {
            self.problem("source", "is missing; every price says where it was read");
        }
        let mut row = PriceRow {
            provider: provider.to_owned(),
            model: model?,
            aliases: self.texts(&mut t, "aliases"),
            region: self.text(&mut t, "region"),
            tier: self.named(&mut t, "tier").unwrap_or(ServiceTier::Standard),
            context_above: self.number(&mut t, "context_above"),
            kind: self.named(&mut t, "kind").unwrap_or(PriceKind::List),
            effective_from: self.moment(&mut t, "effective_from"),
            effective_to: self.moment(&mut t, "effective_to"),
            recorded_at: recorded_at.unwrap_or_default(),
            source: source.unwrap_or_default(),
            as_of: self.text(&mut t, "as_of").unwrap_or_default(),
            prices: bursar_core::price_list::UnitPrices::default(),
            conflicts: Vec::new(),
        };
        self.prices(&mut t, &mut row);
        self.conflicts(&mut t, &mut row);
        self.unknown(&t, ROW_FIELDS);
        self.check(&row);
        (self.problems.len() == before).then_some(row)
    }

    fn check(&mut self, row: &PriceRow) {
        if let (Some(from), Some(to)) = (row.effective_from, row.effective_to)
            && from >= to
        {
            self.problem("effective_to", "is not after effective_from");
        }
        if row.prices.iter().next().is_none() && row.conflicts.is_empty() {
            self.problem("price", "names no meter; a row without a price says nothing");
        }
        if row.model.ends_with('*') {
            self.problem("model", "ends in *; patterns stand in aliases");
        }
    }

    fn prices(&mut self, t: &mut Table, row: &mut PriceRow) {
        let Some(Value::Table(prices)) = t.remove("price") else { return };
        for (name, value) in prices {
            let field = format!("price.{name}");
            if let Some((meter, price)) = self.price(&field, &name, &value) {
                row.prices.set(meter, Some(price));
            }
        }
    }

    fn price(&mut self, field: &str, name: &str, value: &Value) -> Option<(Meter, UnitPrice)> {
        let meter = match name.parse::<Meter>() {
            Ok(meter) => meter,
            Err(unknown) => {
                self.problem(field, unknown.to_string());
                return None;
            }
        };
        let Value::String(text) = value else {
            self.problem(
                field,
                format!("is {value}; a price is a text such as \"1.25\", so that it stays exact"),
            );
            return None;
        };
        let price = if meter.is_tokens() {
            UnitPrice::from_dollars_per_million(text)
        } else {
            UnitPrice::from_dollars_per_unit(text)
        };
        price.map_err(|e| self.problem(field, e.to_string())).ok().map(|price| (meter, price))
    }

    fn conflicts(&mut self, t: &mut Table, row: &mut PriceRow) {
        let Some(Value::Array(conflicts)) = t.remove("conflict") else { return };
        for (i, conflict) in conflicts.into_iter().enumerate() {
            let field = format!("conflict {}", i + 1);
            let Value::Table(mut c) = conflict else {
                self.problem(&field, "is no table");
                continue;
            };
            let (name, source) = (self.text(&mut c, "meter"), self.text(&mut c, "source"));
            let (Some(name), Some(source)) = (name, source) else {
                self.problem(&field, "needs meter and source");
                continue;
            };
            let value = c.remove("price");
            let price = value.as_ref().and_then(|v| self.price(&field, &name, v)).map(|(_, price)| price);
            match name.parse() {
                Ok(meter) => row.conflicts.push(PriceConflict { meter, source, price }),
                Err(unknown) if value.is_none() => self.problem(&field, format!("{unknown}")),
                Err(_) => {}
            }
        }
    }

    pub(super) fn text(&mut self, t: &mut Table, field: &str) -> Option<String> {
        match t.remove(field)? {
            Value::String(text) => Some(text),
            other => {
                self.problem(field, format!("is {other}; a text in quotes is expected"));
                None
            }
        }
    }

    pub(super) fn texts(&mut self, t: &mut Table, field: &str) -> Vec<String> {
        let Some(value) = t.remove(field) else { return Vec::new() };
        let texts =
            value.as_array().and_then(|items| items.iter().map(|v| v.as_str().map(str::to_owned)).collect());
        texts.unwrap_or_else(|| {
            self.problem(field, "is no list of texts");
            Vec::new()
        })
    }

    fn number(&mut self, t: &mut Table, field: &str) -> u64 {
        let Some(value) = t.remove(field) else { return 0 };
        value.as_integer().and_then(|n| u64::try_from(n).ok()).unwrap_or_else(|| {
            self.problem(field, format!("is {value}; a whole number of tokens is expected"));
            0
        })
    }

    fn moment(&mut self, t: &mut Table, field: &str) -> Option<Timestamp> {
        let text = self.text(t, field)?;
        let moment = date::parse(&text);
        if moment.is_none() {
            self.problem(field, format!("{text:?} is no date such as 2026-07-02 or 2026-07-02T15:04:05Z"));
        }
        moment
    }

    fn named<T: std::str::FromStr<Err: std::fmt::Display>>(
        &mut self,
        t: &mut Table,
        field: &str,
    ) -> Option<T> {
        let text = self.text(t, field)?;
        text.parse().map_err(|e| self.problem(field, format!("{e}"))).ok()
    }

    pub(super) fn unknown(&mut self, t: &Table, known: &str) {
        for field in t.keys() {
            self.problem(field, format!("is no field; the fields here are {known}"));
        }
    }
}
