//! One table of the configuration, read field by field.
//!
//! A field that is wrong becomes a [`Problem`] and reading goes on, so that a reader sees all of them at once.
//! A field that nobody asked for is a problem too: a misspelt setting must not pass in silence.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use toml::Value;

use super::{Environment, Problem};

/// A table being read. Fields are taken out; what is left at the end is unknown.
pub(crate) struct Section<'e> {
    path: String,
    table: toml::Table,
    asked: Vec<String>,
    problems: Vec<Problem>,
    env: Environment<'e>,
}

impl<'e> Section<'e> {
    pub(crate) fn root(table: toml::Table, env: Environment<'e>) -> Section<'e> {
        Section { path: String::new(), table, asked: Vec::new(), problems: Vec::new(), env }
    }

    /// The path of a field of this table.
    pub(crate) fn path_of(&self, field: &str) -> String {
        if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) }
    }

    /// The table under a name; an empty one where it is missing.
    pub(crate) fn section(&mut self, name: &str) -> Section<'e> {
        let table = match self.take(name) {
            None => toml::Table::new(),
            Some(Value::Table(table)) => table,
            Some(other) => {
                self.wrong(name, format!("is {}, and a table [{name}] is expected", kind(&other)));
                toml::Table::new()
            }
        };
        self.child(self.path_of(name), table)
    }

    /// The tables of an array of tables.
    pub(crate) fn sections(&mut self, name: &str) -> Vec<Section<'e>> {
        let tables = match self.take(name) {
            None => Vec::new(),
            Some(Value::Array(items)) => items,
            Some(other) => {
                self.wrong(name, format!("is {}, and tables [[{name}]] are expected", kind(&other)));
                Vec::new()
            }
        };
        let base = self.path_of(name);
        let child = |(i, value)| match value {
            Value::Table(table) => Some(self.child(format!("{base}[{i}]"), table)),
            _ => None,
        };
        tables.into_iter().enumerate().filter_map(child).collect()
    }

    /// Everything under a name, for what is read elsewhere.
    pub(crate) fn whole(&mut self, name: &str) -> Option<Value> {
        self.take(name)
    }

    fn child(&self, path: String, table: toml::Table) -> Section<'e> {
        Section { path, table, asked: Vec::new(), problems: Vec::new(), env: self.env }
    }

    /// Whether a field is given.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.table.contains_key(field)
    }

    /// Whether a field is given as this very text.
    pub(crate) fn is_text(&self, field: &str, text: &str) -> bool {
        self.table.get(field).and_then(Value::as_str) == Some(text)
    }

    fn take(&mut self, field: &str) -> Option<Value> {
        self.asked.push(field.to_owned());
        let value = self.table.remove(field);
        let top_level = !self.path.is_empty() && !self.path.contains(['[', '.']);
        let variable = format!("BURSAR_{}_{}", self.path, field).to_uppercase();
        let overriding = if top_level { (self.env)(&variable) } else { None };
        overriding.map(Value::String).or(value)
    }

    /// Notes that a field is wrong.
    pub(crate) fn wrong(&mut self, field: &str, message: impl Into<String>) {
        let path = self.path_of(field);
        self.problems.push(Problem::new(path, message));
    }

    /// Whether something was noted about a field or a part of it.
    pub(crate) fn has_problem(&self, field: &str) -> bool {
        let path = self.path_of(field);
        self.problems.iter().any(|p| p.path.starts_with(&path))
    }

    /// A text, where it is given.
    pub(crate) fn text(&mut self, field: &str) -> Option<String> {
        match self.take(field)? {
            Value::String(text) => Some(text),
            other => {
                self.wrong(field, format!("is {}, and a text in quotes is expected", kind(&other)));
                None
            }
        }
    }

    /// A value that is written as a text and parsed, where it is given.
    pub(crate) fn parsed<T: FromStr<Err: Display>>(&mut self, field: &str, example: &str) -> Option<T> {
        let text = self.text(field)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(why) => {
                self.wrong(field, format!("{text:?}: {why}; write it like {example:?}"));
                None
            }
        }
    }

    /// One of a few words, where it is given.
    pub(crate) fn choice<T: Copy>(&mut self, field: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(field)?;
        let found = choices.iter().find(|(name, _)| *name == text).map(|&(_, value)| value);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.wrong(field, format!("{text:?} is none of {}", names.join(", ")));
        }
        found
    }

    /// A whole number, where it is given.
    pub(crate) fn number(&mut self, field: &str) -> Option<u64> {
        let value = self.take(field)?;
        let number = match &value {
            Value::Integer(n) => u64::try_from(*n).ok(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        if number.is_none() {
            self.wrong(field, format!("is {value}, and a whole number of zero or more is expected"));
        }
        number
    }

    /// True or false, where it is given.
    pub(crate) fn flag(&mut self, field: &str) -> Option<bool> {
        let value = self.take(field)?;
        let flag = match &value {
            Value::Boolean(flag) => Some(*flag),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        if flag.is_none() {
            self.wrong(field, format!("is {value}, and true or false is expected"));
        }
        flag
    }

    /// A duration such as `"30s"`, `"5m"`, `"250ms"`.
    pub(crate) fn duration(&mut self, field: &str) -> Option<Duration> {
        let text = self.text(field)?;
        let duration = parse_scaled(&text, &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)]);
        if duration.is_none() {
            self.wrong(field, format!("{text:?} is no duration; write it like \"250ms\", \"30s\", \"5m\""));
        }
        duration.map(Duration::from_millis)
    }

    /// A size in bytes such as `"32 MiB"` or `"512 KiB"`.
    pub(crate) fn bytes(&mut self, field: &str) -> Option<u64> {
        let text = self.text(field)?;
        let size = parse_scaled(&text, &[("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)]);
        if size.is_none() {
            self.wrong(field, format!("{text:?} is no size; write it like \"512 KiB\" or \"32 MiB\""));
        }
        size
    }

    /// A list of texts; empty where it is missing.
    pub(crate) fn texts(&mut self, field: &str) -> Vec<String> {
        let items = match self.take(field) {
            None => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(other) => {
                self.wrong(field, format!("is {}, and a list [\"…\"] is expected", kind(&other)));
                return Vec::new();
            }
        };
        let mut texts = Vec::new();
        for (i, item) in items.into_iter().enumerate() {
            match item {
                Value::String(text) => texts.push(text),
                other => self.wrong(&format!("{field}[{i}]"), format!("is {}, not a text", kind(&other))),
            }
        }
        texts
    }

    /// Ends the reading where it is not known which fields there are: those that are left are no problem.
    pub(crate) fn finish_lenient(mut self, problems: &mut Vec<Problem>) {
        problems.append(&mut self.problems);
    }

    /// Ends the reading: unknown fields become problems, and all problems go to the list.
    pub(crate) fn finish(mut self, problems: &mut Vec<Problem>) {
        let unknown: Vec<String> = self.table.keys().cloned().collect();
        for field in unknown {
            let known = self.asked.join(", ");
            self.wrong(&field, format!("is no setting; the settings here are {known}"));
        }
        problems.append(&mut self.problems);
    }
}

fn parse_scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.trim().bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.trim().split_at(digits);
    let factor = units.iter().find(|(name, _)| *name == unit.trim()).map(|&(_, factor)| factor)?;
    number.parse::<u64>().ok()?.checked_mul(factor)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) | Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}
