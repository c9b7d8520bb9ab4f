//! A TOML table being read: fields are taken out, what nobody asked for is unknown, and every problem has its line.

use std::cell::RefCell;

use bursar_core::{DecimalError, Money, Timestamp};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problems::{Problems, shown, suggestion};
use crate::tco::Millionths;

/// A text with the beginnings of its lines.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Lines {
        Lines(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    /// The line of a byte, counted from 1.
    fn at(&self, byte: usize) -> u64 {
        self.0.partition_point(|start| *start <= byte) as u64
    }
}

/// What the tables of one document share.
struct Document {
    lines: Lines,
    /// The day on which it is read: nothing can be from a later day.
    today: Timestamp,
    problems: RefCell<Problems>,
}

/// A table, where it stands and what was asked of it.
pub(crate) struct Table<'d> {
    document: &'d Document,
    fields: &'d DeTable<'d>,
    path: String,
    line: u64,
    asked: Vec<&'static str>,
}

/// Reads a document: `read` takes the fields out of its root and returns what they say.
pub(crate) fn read_document<T>(
    file: &str,
    text: &str,
    today: Timestamp,
    read: impl FnOnce(&mut Table<'_>) -> Option<T>,
) -> Result<T, Problems> {
    let mut problems = Problems::of(file);
    let lines = Lines::of(text);
    let root = match DeTable::parse(text) {
        Ok(root) => root,
        Err(error) => {
            let line = error.span().map(|span| lines.at(span.start));
            problems.add(line, "", format!("is not TOML: {}", error.message()));
            return Err(problems);
        }
    };
    let document = Document { lines, today, problems: RefCell::new(problems) };
    let fields = root.get_ref();
    let mut table = Table { document: &document, fields, path: String::new(), line: 1, asked: Vec::new() };
    if table.whole("format", 1..=1, "1").is_none() && !table.has("format") {
        table.wrong("format", "is missing: write format = 1");
    }
    let read = read(&mut table);
    table.finish();
    document.problems.into_inner().or(read)
}

impl<'d> Table<'d> {
    /// The table's line.
    pub(crate) const fn line(&self) -> u64 {
        self.line
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// The line of a field, or the table's own where there is no such field.
    pub(crate) fn line_of(&self, field: &str) -> u64 {
        let key = self.fields.get_key_value(field).map(|(key, _)| key.span().start);
        key.map_or(self.line, |byte| self.document.lines.at(byte))
    }

    /// Tells a problem of a field, or of the table where `field` is empty.
    pub(crate) fn wrong(&self, field: &str, what: impl Into<String>) {
        let path = match (self.path.as_str(), field) {
            ("", field) => field.to_owned(),
            (path, "") => path.to_owned(),
            (path, field) => format!("{path}.{field}"),
        };
        self.document.problems.borrow_mut().add(self.line_of(field), &path, what);
    }

    fn take(&mut self, field: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        if !self.asked.contains(&field) {
            self.asked.push(field);
        }
        self.fields.get(field)
    }

    /// A text; `None` where it is missing, empty (which is told) or none (which is told).
    pub(crate) fn text(&mut self, field: &'static str) -> Option<String> {
        let value = self.take(field)?.get_ref();
        match value.as_str().map(str::trim) {
            Some("") => self.none(field, "is empty: write it, or leave the field out"),
            Some(text) if text.len() > 500 || text.chars().any(char::is_control) => {
                self.none(field, "is too long, or has control characters: at most 500 printable ones")
            }
            Some(text) => Some(text.to_owned()),
            None => self.none(field, format!("is {}, and a text in quotes is expected", kind(value))),
        }
    }

    /// A text that must be there; `why` says what for.
    pub(crate) fn must_text(&mut self, field: &'static str, why: &str) -> Option<String> {
        if !self.has(field) {
            self.take(field);
            return self.none(field, format!("is missing: {why}"));
        }
        self.text(field)
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(&mut self, field: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let text = self.must_text(field, &format!("write one of {}", names.join(", ")))?;
        let found = choices.iter().find(|(name, _)| *name == text).map(|&(_, value)| value);
        if found.is_none() {
            let hint = suggestion(&text, &names);
            self.wrong(
                field,
                format!("is {}, and one of {} is expected{hint}", shown(&text), names.join(", ")),
            );
        }
        found
    }

    /// A list of texts; empty where the field is missing.
    pub(crate) fn texts(&mut self, field: &'static str) -> Vec<String> {
        let Some(value) = self.take(field) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong(field, format!("is {}, and a list of texts is expected", kind(value.get_ref())));
            return Vec::new();
        };
        let texts: Vec<String> =
            items.iter().filter_map(|i| i.get_ref().as_str()).map(|t| t.trim().to_owned()).collect();
        if texts.len() != items.iter().count() || texts.iter().any(String::is_empty) {
            self.wrong(field, "has an item that is no text in quotes: write a list such as [\"eu\", \"us\"]");
        }
        texts
    }

    /// A whole number within a range.
    pub(crate) fn whole(
        &mut self,
        field: &'static str,
        range: std::ops::RangeInclusive<u32>,
        example: &str,
    ) -> Option<u32> {
        let value = self.take(field)?.get_ref();
        let text = number_text(value).and_then(|t| t.parse::<u32>().ok()).filter(|n| range.contains(n));
        if text.is_none() {
            let (from, to) = (range.start(), range.end());
            let what = format!(
                "is {}, and a whole number from {from} to {to} such as {example} is expected",
                told(value)
            );
            self.wrong(field, what);
        }
        text
    }

    /// An amount of dollars, read exactly from a number or a text in quotes.
    pub(crate) fn money(&mut self, field: &'static str) -> Option<Money> {
        self.exact(field, "dollars such as \"98.32\"", |text| match text.parse::<Money>() {
            Ok(money) if money < Money::ZERO => Err(DecimalError::Negative(text.to_owned())),
            other => other,
        })
    }

    /// A number with at most six decimals, read exactly from a number or a text in quotes.
    pub(crate) fn millionths(&mut self, field: &'static str, example: &str) -> Option<Millionths> {
        self.exact(field, example, Millionths::parse)
    }

    fn exact<T>(
        &mut self,
        field: &'static str,
        example: &str,
        read: impl Fn(&str) -> Result<T, DecimalError>,
    ) -> Option<T> {
        let value = self.take(field)?.get_ref();
        match number_text(value).map(|text| read(&text)) {
            Some(Ok(read)) => Some(read),
            Some(Err(DecimalError::Negative(text))) => {
                self.none(field, format!("is {text}, which is negative; write {example}"))
            }
            Some(Err(error)) => self.none(field, format!("{error}; write {example}")),
            None => self.none(field, format!("is {}, and {example} is expected", told(value))),
        }
    }

    /// A day, such as `2026-07-20` with or without quotes, or a month, whose first day is meant. No later than today.
    pub(crate) fn day(&mut self, field: &'static str) -> Option<Timestamp> {
        let Some(value) = self.take(field).map(Spanned::get_ref) else {
            return self.none(field, "is missing: write the day of the source, such as 2026-07-20");
        };
        let text = match value {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(at) => at.to_string(),
            _ => String::new(),
        };
        let Some(day) = read_day(&text) else {
            return self.none(field, format!("is {}, and a day such as 2026-07-20 is expected", told(value)));
        };
        if day > self.document.today {
            return self.none(field, format!("{text} is after today: write the day of the source"));
        }
        Some(day)
    }

    /// The tables of a list `[[field]]`; empty where it is missing.
    pub(crate) fn tables(&mut self, field: &'static str) -> Vec<Table<'d>> {
        let Some(value) = self.take(field) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong(
                field,
                format!("is {}, and a list of tables [[{field}]] is expected", kind(value.get_ref())),
            );
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (i, item) in items.iter().enumerate() {
            let path = if self.path.is_empty() { String::new() } else { format!("{}.", self.path) };
            let path = format!("{path}{field}[{}]", i + 1);
            match item.get_ref().as_table() {
                Some(fields) => tables.push(self.child(fields, path, item.span().start)),
                None => self.wrong(field, format!("has an item that is no table: write [[{field}]]")),
            }
        }
        tables
    }

    /// The table of a field `[field]`.
    pub(crate) fn table(&mut self, field: &'static str) -> Option<Table<'d>> {
        let value = self.take(field)?;
        match value.get_ref().as_table() {
            Some(fields) => Some(self.child(fields, field.to_owned(), value.span().start)),
            None => {
                self.wrong(field, format!("is {}, and a table [{field}] is expected", kind(value.get_ref())));
                None
            }
        }
    }

    fn child(&self, fields: &'d DeTable<'d>, path: String, byte: usize) -> Table<'d> {
        let line = self.document.lines.at(byte);
        Table { document: self.document, fields, path, line, asked: Vec::new() }
    }

    fn none<T>(&self, field: &str, what: impl Into<String>) -> Option<T> {
        self.wrong(field, what);
        None
    }

    /// Ends the reading: what nobody asked for is unknown.
    pub(crate) fn finish(&self) {
        for key in self.fields.keys().map(|k| k.get_ref().as_ref()) {
            if !self.asked.contains(&key) {
                let hint = suggestion(key, &self.asked);
                self.wrong(key, format!("is no field here; the fields are {}{hint}", self.asked.join(", ")));
            }
        }
    }
}

/// Reads `2026-07-20`, or `2026-07` as its first day.
pub(crate) fn read_day(text: &str) -> Option<Timestamp> {
    let mut parts = text.splitn(3, '-');
    let (year, month) = (parts.next()?, parts.next()?);
    let day = parts.next().unwrap_or("01");
    let sized = year.len() == 4 && month.len() == 2 && day.len() == 2;
    let number = |t: &str| t.bytes().all(|b| b.is_ascii_digit()).then(|| t.parse::<u32>().ok()).flatten();
    if !sized {
        return None;
    }
    Timestamp::from_date(i32::try_from(number(year)?).ok()?, number(month)?, number(day)?)
}

/// The text of a number, or of one in quotes.
fn number_text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::Integer(n) if n.radix() == 10 => Some(n.as_str().to_owned()),
        DeValue::Float(n) => Some(n.as_str().to_owned()),
        DeValue::String(text) => Some(text.trim().to_owned()),
        _ => None,
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A value as a message shows it.
fn told(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => shown(text),
        DeValue::Integer(n) => n.to_string(),
        DeValue::Float(n) => n.to_string(),
        other => kind(other).to_owned(),
    }
}
