//! The values of one row of a usage file, and whether they can be so.

use bursar_core::Timestamp;

use super::columns::{Column, Header};
use super::{Class, DemandPoint};
use crate::problems::{Problems, shown, suggestion};

/// More than any fleet does in a step; a number above it is in another unit or garbled.
const MOST_PER_STEP: u64 = 1_000_000_000_000_000;

/// More input or output tokens than one request of any model can have.
const MOST_PER_REQUEST: u64 = 20_000_000;

/// By how much a peak and the tokens of its step may disagree: their sources round and count at other moments.
const TOLERANCE: f64 = 0.01;

/// A row that was read: where it stands, whose it is, and what was asked.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) at: Timestamp,
    pub(super) model: String,
    pub(super) tenant: String,
    pub(super) class: Class,
    pub(super) point: DemandPoint,
}

/// One row's fields, with the problems they give.
pub(super) struct Fields<'r, 'p> {
    pub(super) header: &'r Header,
    pub(super) record: &'r csv::ByteRecord,
    pub(super) line: u64,
    pub(super) problems: &'p mut Problems,
}

impl Fields<'_, '_> {
    /// The row; `None` where something is wrong with it. `class` and `tenant` stand in for missing columns.
    pub(super) fn row(mut self, class: Option<Class>, tenant: Option<&str>) -> Option<Row> {
        let at = self.time();
        let model = self.name(Column::Model, None);
        let tenant = self.name(Column::Tenant, tenant);
        let class = self.class(class);
        let requests = self.count(Column::Requests);
        let input = self.count(Column::Input);
        let cached_input = self.count(Column::CachedInput);
        let output = self.count(Column::Output);
        let peak_output_per_second = self.peak();
        let point = DemandPoint {
            requests: requests?,
            input: input?,
            cached_input: cached_input?,
            output: output?,
            peak_output_per_second: peak_output_per_second?,
        };
        let row = Row { line: self.line, at: at?, model: model?, tenant: tenant?, class: class?, point };
        self.is_possible(&row.point).then_some(row)
    }

    fn wrong<T>(&mut self, column: Column, what: impl Into<String>) -> Option<T> {
        self.problems.add(self.line, column.name(), what);
        None
    }

    /// The text of a column; `None` with a problem where it is no UTF-8, `Some(None)` where there is no such column.
    #[expect(clippy::option_option, reason = "a missing column is not a wrong field")]
    fn text(&mut self, column: Column) -> Option<Option<String>> {
        let Some(place) = self.header.place(column) else { return Some(None) };
        let bytes = self.record.get(place).unwrap_or_default();
        match std::str::from_utf8(bytes) {
            Ok(text) => Some(Some(text.trim().to_owned())),
            Err(_) => self.wrong(column, "is not UTF-8: save the file as UTF-8"),
        }
    }

    fn time(&mut self) -> Option<Timestamp> {
        let text = self.text(Column::Ts)??;
        match read_time(&text) {
            Ok(at) => Some(at),
            Err(what) => self.wrong(Column::Ts, what),
        }
    }

    fn name(&mut self, column: Column, missing: Option<&str>) -> Option<String> {
        match self.text(column)? {
            None => missing.map(str::to_owned),
            Some(name) if name.is_empty() => self.wrong(column, "is empty: name it"),
            Some(name) if name.len() > 200 || name.chars().any(char::is_control) => {
                self.wrong(column, format!("{} is no name: at most 200 printable characters", shown(&name)))
            }
            Some(name) => Some(name),
        }
    }

    fn class(&mut self, missing: Option<Class>) -> Option<Class> {
        let Some(text) = self.text(Column::Class)? else { return missing };
        let name = text.to_lowercase();
        let class = Class::from_name(&name);
        if class.is_none() {
            let names: Vec<&str> = Class::ALL.iter().map(|c| c.name()).collect();
            let hint = suggestion(&name, &names);
            return self.wrong(
                Column::Class,
                format!("{} is no class: write interactive, batch or edge{hint}", shown(&text)),
            );
        }
        class
    }

    /// A whole number; 0 where there is no such column.
    fn count(&mut self, column: Column) -> Option<u64> {
        let Some(text) = self.text(column)? else { return Some(0) };
        match read_count(&text) {
            Ok(n) => Some(n),
            Err(what) => self.wrong(column, what),
        }
    }

    #[expect(clippy::option_option, reason = "an unknown peak is not a wrong field")]
    fn peak(&mut self) -> Option<Option<f64>> {
        let Some(text) = self.text(Column::Peak)?.filter(|t| !t.is_empty()) else { return Some(None) };
        match text.parse::<f64>() {
            Ok(peak) if peak.is_finite() && peak >= 0.0 => Some(Some(peak)),
            _ => self.wrong(
                Column::Peak,
                format!(
                    "{} is no rate: write output tokens per second such as 512.5, or leave it empty where it \
                         is not known",
                    shown(&text)
                ),
            ),
        }
    }

    /// Whether the counts of a row fit together.
    fn is_possible(&mut self, p: &DemandPoint) -> bool {
        let before = self.problems.kept.len() as u64 + self.problems.further;
        if p.cached_input > p.input {
            let what = format!(
                "{} is more than the {} of input: input includes what a cache held; add the two up if your source \
                 counts them apart",
                p.cached_input, p.input
            );
            self.problems.add(self.line, Column::CachedInput.name(), what);
        }
        if p.requests == 0 && (p.input > 0 || p.output > 0) {
            self.problems.add(
                self.line,
                Column::Requests.name(),
                "is 0, but there are tokens: write how many requests they belong to",
            );
        }
        for (column, tokens) in [(Column::Input, p.input), (Column::Output, p.output)] {
            if let Some(what) = per_request(tokens, p.requests) {
                self.problems.add(self.line, column.name(), what);
            }
        }
        self.problems.kept.len() as u64 + self.problems.further == before
    }
}

/// What tokens per request say about the unit.
fn per_request(tokens: u64, requests: u64) -> Option<String> {
    if requests == 0 || tokens == 0 {
        return None;
    }
    if tokens < requests {
        return Some(format!(
            "{tokens} tokens for {requests} requests are less than one each: is the column in tokens per second, \
             thousands or millions? Write whole tokens per step"
        ));
    }
    let each = tokens / requests;
    (each > MOST_PER_REQUEST).then(|| {
        format!("{each} tokens for each request are more than any model takes: write whole tokens per step")
    })
}

/// What a peak says against the tokens of its step; `None` where they fit together.
pub(super) fn misfit_of_peak(p: &DemandPoint, step_seconds: u32) -> Option<String> {
    let peak = p.peak_output_per_second?;
    let output = p.output as f64;
    let mean = output / f64::from(step_seconds);
    if peak < mean * (1.0 - TOLERANCE) {
        return Some(format!(
            "{peak} is below the step's own mean of {mean:.1} output tokens per second ({} in {step_seconds} s): \
             write the highest ten-minute mean in tokens per second, and output in tokens per step",
            p.output
        ));
    }
    let in_peak = peak * 600.0;
    (in_peak > output * (1.0 + TOLERANCE) + 1.0).then(|| {
        format!(
            "{peak} tokens per second for ten minutes are {in_peak:.0} tokens, more than the {} of the whole step: \
             is the peak per minute, or output per second or in thousands? Write the peak per second and output \
             per step",
            p.output
        )
    })
}

fn read_time(text: &str) -> Result<Timestamp, String> {
    const EXAMPLE: &str = "such as 2026-11-02T13:00:00+01:00 or 2026-11-02T12:00:00Z";
    if text.is_empty() {
        return Err(format!("is empty: write the beginning of the step, {EXAMPLE}"));
    }
    if text.len() >= 9 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(format!(
            "{} looks like Unix time, whose unit is not said: write it {EXAMPLE}",
            shown(text)
        ));
    }
    if text.ends_with("-00:00") {
        return Err(format!(
            "{} says with -00:00 that its zone is not known: write it {EXAMPLE}",
            shown(text)
        ));
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        let at = Timestamp::from_micros(at.as_microsecond());
        return if at.micros() % 1_000_000 == 0 {
            Ok(at)
        } else {
            Err(format!("{} has a fraction of a second: write the beginning of the step", shown(text)))
        };
    }
    if text.parse::<jiff::civil::DateTime>().is_ok() {
        return Err(format!(
            "{} has no zone offset, so its hour is ambiguous: write it {EXAMPLE}",
            shown(text)
        ));
    }
    Err(format!("{} is no moment: write it {EXAMPLE}", shown(text)))
}

fn read_count(text: &str) -> Result<u64, String> {
    let whole = |n: u64| {
        if n > MOST_PER_STEP {
            return Err(format!("{n} is more than any fleet does in a step: write whole tokens per step"));
        }
        Ok(n)
    };
    if let Ok(n) = text.strip_suffix(".0").unwrap_or(text).parse::<u64>() {
        return whole(n);
    }
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("{} is out of range: write whole tokens per step", shown(text)));
    }
    let told = match text {
        "" => "is empty: write 0 where there was nothing".to_owned(),
        _ if text.starts_with('-') => {
            format!("{} is negative: write what was asked, without corrections", shown(text))
        }
        _ if text.ends_with(['k', 'K', 'm', 'M', 'b', 'B']) => {
            format!("{} is abbreviated: write the whole number", shown(text))
        }
        _ if text.contains([',', '_', '\'', ' ']) => {
            format!("{} has separators of thousands: write digits alone", shown(text))
        }
        _ if text.parse::<f64>().is_ok_and(f64::is_finite) => format!(
            "{} is no whole number: is it a rate, or in thousands or millions? Write whole units per step",
            shown(text)
        ),
        _ => format!("{} is no number: write a whole number, 0 where there was nothing", shown(text)),
    };
    Err(told)
}
