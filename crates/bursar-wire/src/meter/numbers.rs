//! Reading whole numbers out of a usage object. A number that is no count is an exception, never a guess.

use bursar_core::{Money, UsageException};
use serde_json::Value;

/// A usage object, and the exceptions met while reading it.
pub(super) struct Numbers<'a> {
    object: &'a Value,
    exceptions: Vec<UsageException>,
}

impl<'a> Numbers<'a> {
    pub(super) fn of(object: &'a Value) -> Numbers<'a> {
        Numbers { object, exceptions: Vec::new() }
    }

    /// The value at a path of keys divided by dots; `None` where it is missing or null.
    pub(super) fn at(&self, path: &str) -> Option<&'a Value> {
        let found = path.split('.').try_fold(self.object, |value, key| value.get(key))?;
        Some(found).filter(|v| !v.is_null())
    }

    /// The count at a path. What is there and is no count becomes an exception.
    pub(super) fn count(&mut self, path: &str) -> Option<u64> {
        let value = self.at(path)?;
        let count = whole(value);
        if count.is_none() {
            let reason = format!("usage.{path} is {}, which is no count", short(value));
            self.exceptions.push(UsageException::Unreadable { reason });
        }
        count
    }

    /// The first count that is there.
    pub(super) fn first(&mut self, paths: &[&str]) -> Option<u64> {
        paths.iter().find_map(|path| self.count(path))
    }

    /// The first count that is there, or nothing on that meter: parts that a provider leaves out are absent.
    pub(super) fn part(&mut self, paths: &[&str]) -> u64 {
        self.first(paths).unwrap_or_default()
    }

    /// Notes an exception.
    pub(super) fn note(&mut self, exception: UsageException) {
        self.exceptions.push(exception);
    }

    /// Notes that something is charged for that Bursar does not price.
    pub(super) fn not_understood(&mut self, what: String) {
        self.note(UsageException::NotUnderstood { what });
    }

    /// `whole - parts`; an exception, and zero, where the parts are larger.
    pub(super) fn rest(&mut self, whole: u64, parts: &[(u64, &str)]) -> u64 {
        let sum = parts.iter().fold(0u64, |sum, (units, _)| sum.saturating_add(*units));
        whole.checked_sub(sum).unwrap_or_else(|| {
            let largest = parts.iter().max_by_key(|(units, _)| *units).map_or("", |(_, name)| name);
            self.note(UsageException::PartExceedsWhole { field: largest.to_owned() });
            0
        })
    }

    /// Notes a total that does not agree.
    pub(super) fn check_total(&mut self, reported: Option<u64>, summed: u64) {
        if let Some(reported) = reported.filter(|&r| r != summed) {
            self.note(UsageException::TotalsDisagree { reported, summed });
        }
    }

    /// Dollars at a path, exact to the nano-dollar; finer digits are cut, since the figure is only shown.
    pub(super) fn dollars(&self, path: &str) -> Option<Money> {
        dollars_cut(&self.at(path)?.to_string())
    }

    pub(super) fn exceptions(self) -> Vec<UsageException> {
        self.exceptions
    }
}

fn whole(value: &Value) -> Option<u64> {
    let text = value.as_number()?.to_string();
    text.parse().ok().or_else(|| text.strip_suffix(".0")?.parse().ok())
}

/// What a value is, for a reader. Only numbers are repeated: an exception is kept, and a text might be anything.
fn short(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string().chars().take(40).collect(),
        Value::String(_) => "a text".to_owned(),
        Value::Bool(_) => "true or false".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::Null => "null".to_owned(),
    }
}

fn dollars_cut(text: &str) -> Option<Money> {
    if let Ok(money) = text.parse() {
        return Some(money);
    }
    let (whole, fraction) = text.split_once('.')?;
    if fraction.contains(['e', 'E']) {
        return None;
    }
    format!("{whole}.{}", fraction.get(..9)?).parse().ok()
}
