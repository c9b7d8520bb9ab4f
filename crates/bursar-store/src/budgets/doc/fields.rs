//! A table being read: fields are taken out, what is left at the end is unknown, and every problem is kept.

use serde_json::{Map, Value};

use super::BudgetDocError;

/// How far a word may be from a known one to be taken for a slip of the pen.
const SLIP: usize = 2;

/// A table with the path to it.
pub(super) struct Fields<'p> {
    path: String,
    table: Map<String, Value>,
    asked: Vec<&'static str>,
    problems: &'p mut Vec<BudgetDocError>,
}

impl<'p> Fields<'p> {
    pub(super) fn new(
        path: String,
        table: Map<String, Value>,
        problems: &'p mut Vec<BudgetDocError>,
    ) -> Self {
        Fields { path, table, asked: Vec::new(), problems }
    }

    pub(super) fn path_of(&self, field: &str) -> String {
        if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) }
    }

    pub(super) fn wrong(&mut self, field: &str, what: impl Into<String>) {
        let path = self.path_of(field);
        self.problems.push(BudgetDocError { path, what: what.into() });
    }

    /// Whether something is wrong with a field already, or within it.
    pub(super) fn is_wrong(&self, field: &str) -> bool {
        let path = self.path_of(field);
        let within = |p: &str| {
            p.strip_prefix(path.as_str()).is_some_and(|r| r.is_empty() || r.starts_with(['.', '[']))
        };
        self.problems.iter().any(|p| within(&p.path))
    }

    /// The value of a field; a JSON null is as good as none.
    pub(super) fn take(&mut self, field: &'static str) -> Option<Value> {
        self.asked.push(field);
        self.table.remove(field).filter(|v| !v.is_null())
    }

    pub(super) fn text(&mut self, field: &'static str) -> Option<String> {
        match self.take(field)? {
            Value::String(text) => Some(text),
            other => {
                self.wrong(field, format!("is {}, and a text in quotes is expected", kind(&other)));
                None
            }
        }
    }

    pub(super) fn flag(&mut self, field: &'static str) -> bool {
        match self.take(field) {
            None => false,
            Some(Value::Bool(flag)) => flag,
            Some(other) => {
                self.wrong(field, format!("is {}, and true or false is expected", kind(&other)));
                false
            }
        }
    }

    /// A whole number that fits into `T`.
    pub(super) fn number<T: TryFrom<i64>>(&mut self, field: &'static str, example: &str) -> Option<T> {
        let value = self.take(field)?;
        let number = value.as_i64().and_then(|n| T::try_from(n).ok());
        if number.is_none() {
            self.wrong(
                field,
                format!("is {}, and a whole number such as {example} is expected", shown(&value)),
            );
        }
        number
    }

    /// A list, each item with its path; empty where the field is missing.
    pub(super) fn list(&mut self, field: &'static str) -> Vec<(String, Value)> {
        let items = match self.take(field) {
            None => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(other) => {
                self.wrong(field, format!("is {}, and a list […] is expected", kind(&other)));
                return Vec::new();
            }
        };
        items.into_iter().enumerate().map(|(i, v)| (format!("{field}[{i}]"), v)).collect()
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, field: &'static str) -> Vec<String> {
        let mut texts = Vec::new();
        for (path, value) in self.list(field) {
            match value {
                Value::String(text) => texts.push(text),
                other => self.wrong(&path, format!("is {}, and a text in quotes is expected", kind(&other))),
            }
        }
        texts
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, field: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(field)?;
        let found = choices.iter().find(|(name, _)| *name == text).map(|&(_, value)| value);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let hint = suggestion(&text, &names);
            self.wrong(field, format!("is {text:?}, and one of {} is expected{hint}", names.join(", ")));
        }
        found
    }

    /// The table under a field.
    pub(super) fn table(&mut self, field: &'static str) -> Option<Fields<'_>> {
        match self.take(field)? {
            Value::Object(table) => Some(self.child(field, table)),
            other => {
                self.wrong(field, format!("is {}, and a table {{ … }} is expected", kind(&other)));
                None
            }
        }
    }

    /// A table that was taken out of a field.
    pub(super) fn child(&mut self, field: &str, table: Map<String, Value>) -> Fields<'_> {
        Fields::new(self.path_of(field), table, self.problems)
    }

    /// Every field that is left, for a table whose fields are not known beforehand.
    pub(super) fn rest(&mut self) -> Map<String, Value> {
        std::mem::take(&mut self.table)
    }

    /// Ends the reading: what is left is unknown.
    pub(super) fn finish(mut self) {
        for field in std::mem::take(&mut self.table).keys() {
            let hint = suggestion(field, &self.asked);
            let known = self.asked.join(", ");
            self.wrong(field, format!("is no field of a budget here; the fields are {known}{hint}"));
        }
    }
}

/// `; did you mean "amount"?` where a word is close to a known one.
pub(super) fn suggestion(word: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|k| (strsim::damerau_levenshtein(word, k), *k)).min();
    match nearest {
        Some((off, known)) if off <= SLIP && off < known.len() => format!("; did you mean {known:?}?"),
        _ => String::new(),
    }
}

pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

/// A short value as it is written, for a message.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Number(n) => n.to_string(),
        Value::String(text) => format!("{text:?}"),
        other => kind(other).to_owned(),
    }
}
