//! Which column of a usage file holds what.

use crate::problems::{Problems, shown, suggestion};

/// What a column can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Ts,
    Model,
    Tenant,
    Class,
    Requests,
    Input,
    CachedInput,
    Output,
    Peak,
}

impl Column {
    /// In the order of [`NAMES`].
    const ALL: [Column; 9] = [
        Column::Ts,
        Column::Model,
        Column::Tenant,
        Column::Class,
        Column::Requests,
        Column::Input,
        Column::CachedInput,
        Column::Output,
        Column::Peak,
    ];

    /// The name in messages and the documentation.
    pub(super) const fn name(self) -> &'static str {
        NAMES[self as usize][0]
    }
}

/// The names that each column may have; the first is its own.
const NAMES: [&[&str]; 9] = [
    &["ts", "timestamp", "time", "hour_start", "step_start"],
    &["model", "model_name"],
    &["tenant", "team", "customer", "client"],
    &["class", "latency_class"],
    &["requests", "request_count", "calls"],
    &["input", "input_tokens", "prompt_tokens"],
    &["cached_input", "cached_input_tokens", "cached_tokens", "cache_read", "cache_read_tokens"],
    &["output", "output_tokens", "completion_tokens"],
    &["peak", "peak10min_output_tps", "peak_output_per_second", "peak_output_tokens_per_second"],
];

/// Parts of a header that say another unit than tokens per step.
const OTHER_UNITS: &[(&str, &str)] = &[
    ("per_second", "a rate per second"),
    ("_tps", "a rate per second"),
    ("/s", "a rate per second"),
    ("per_minute", "a rate per minute"),
    ("_tpm", "a rate per minute"),
    ("/min", "a rate per minute"),
    ("per_day", "a rate per day"),
    ("thousand", "thousands of tokens"),
    ("_k", "thousands of tokens"),
    ("(k", "thousands of tokens"),
    ("million", "millions of tokens"),
    ("_m", "millions of tokens"),
    ("(m", "millions of tokens"),
];

/// Where each column stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Header {
    places: [Option<usize>; 9],
    pub(super) width: usize,
}

impl Header {
    pub(super) fn place(&self, column: Column) -> Option<usize> {
        self.places[column as usize]
    }

    /// Reads the first line. `optional` columns may be missing. `None` where the rows cannot be read with it.
    pub(super) fn read(names: &[String], optional: &[Column], problems: &mut Problems) -> Option<Header> {
        let mut header = Header { width: names.len(), ..Header::default() };
        let before = problems.kept.len();
        for (place, name) in names.iter().enumerate() {
            header.add(place, name, problems);
        }
        if let ([only], true) = (names, header.places.iter().flatten().next().is_none())
            && let Some(separator) = only.chars().find(|c| matches!(c, ';' | '\t' | '|'))
        {
            problems.kept.truncate(before);
            problems.add(1, "", format!("columns are separated by {separator:?}: separate them by commas"));
            return None;
        }
        for column in Column::ALL {
            if header.place(column).is_none() && !optional.contains(&column) {
                problems.add(1, column.name(), missing(column));
            }
        }
        (problems.kept.len() == before && problems.further == 0).then_some(header)
    }

    fn add(&mut self, place: usize, name: &str, problems: &mut Problems) {
        let plain = name.trim().to_lowercase().replace([' ', '-'], "_");
        let Some(index) = NAMES.iter().position(|names| names.contains(&plain.as_str())) else {
            problems.add(1, "", unknown(name, &plain));
            return;
        };
        match self.places[index] {
            Some(_) => problems.add(
                1,
                NAMES[index][0],
                format!("stands twice, the second time as {}: keep one", shown(name)),
            ),
            None => self.places[index] = Some(place),
        }
    }
}

fn missing(column: Column) -> String {
    let others = NAMES[column as usize][1..].join(", ");
    let hint = match column {
        Column::Class => "; its values are interactive, batch and edge",
        Column::Tenant => "; one name for all is fine",
        Column::Ts => "; the beginning of each step, such as 2026-11-02T13:00:00+01:00",
        _ => "",
    };
    format!("the column is missing: add it (other names: {others}){hint}")
}

fn unknown(name: &str, plain: &str) -> String {
    let about_tokens = ["input", "output", "token", "prompt", "completion", "cache", "peak"]
        .iter()
        .any(|w| plain.contains(w));
    let says = |part: &str| {
        if part.len() == 2 && part.starts_with('_') { plain.ends_with(part) } else { plain.contains(part) }
    };
    let unit = OTHER_UNITS.iter().find(|(part, _)| about_tokens && says(part));
    if let Some((_, unit)) = unit {
        let expected = if plain.contains("peak") {
            "the peak is the highest ten-minute mean in output tokens per second, in a column peak"
        } else {
            "whole tokens per step are expected, in a column input, cached_input or output"
        };
        return format!("the column {} looks like {unit}: {expected}", shown(name));
    }
    let all: Vec<&str> = NAMES.iter().flat_map(|names| names.iter().copied()).collect();
    let own = NAMES.map(|names| names[0]).join(", ");
    format!(
        "the column {} is not known: remove it or rename it to one of {own}{}",
        shown(name),
        suggestion(plain, &all)
    )
}
