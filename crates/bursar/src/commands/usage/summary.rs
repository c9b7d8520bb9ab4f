//! What came of all recordings together.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bursar_console::answer::ExceptionAnswer;
use bursar_console::shown::grouped;
use bursar_wire::Verdict;
use serde::Serialize;

use super::line::{Parsed, UNREADABLE};
use crate::commands::table::{Column, number, plain, render, text};

/// Counts by kind of recording and verdict.
#[derive(Debug, Default)]
pub(super) struct Summary {
    recordings: u64,
    verdicts: BTreeMap<&'static str, u64>,
    kinds: BTreeMap<(String, &'static str), BTreeMap<&'static str, u64>>,
    /// By provider and what the exception says.
    exceptions: BTreeMap<(String, String), u64>,
    unreadable: Vec<String>,
}

/// The summary for a machine.
#[derive(Debug, Serialize)]
pub(super) struct SummaryAnswer<'a> {
    recordings: u64,
    verdicts: &'a BTreeMap<&'static str, u64>,
    kinds: Vec<KindAnswer<'a>>,
    exceptions: Vec<ExceptionCount<'a>>,
    unreadable: &'a [String],
}

#[derive(Debug, Serialize)]
struct KindAnswer<'a> {
    provider: &'a str,
    surface: &'static str,
    verdicts: &'a BTreeMap<&'static str, u64>,
}

#[derive(Debug, Serialize)]
struct ExceptionCount<'a> {
    provider: &'a str,
    exception: &'a str,
    recordings: u64,
}

/// Lines that cannot be read and are told one by one.
const MOST_TOLD: usize = 10;

/// What each verdict means, for a reader.
const MEANINGS: [(Verdict, &str); Verdict::ALL.len()] = [
    (Verdict::Agrees, "agree with the provider's own total"),
    (Verdict::NoTotal, "reported, without a total to compare with"),
    (Verdict::Counted, "not reported; counted or estimated, and marked so"),
    (Verdict::Exception, "with a visible exception"),
    (Verdict::BillsNothing, "bill nothing (errors, work that waits, counts of tokens, lists)"),
    (Verdict::Disagrees, "miss the provider's total without an exception"),
];

impl Summary {
    /// Counts one line.
    pub(super) fn add(&mut self, parsed: &Parsed) {
        self.recordings += 1;
        let verdict = parsed.verdict();
        *self.verdicts.entry(verdict).or_default() += 1;
        match &parsed.outcome {
            Ok(judged) => {
                *self.kinds.entry(parsed.kind()).or_default().entry(verdict).or_default() += 1;
                for exception in &judged.usage.exceptions {
                    let ExceptionAnswer { name, detail, .. } = ExceptionAnswer::from(exception);
                    let key = (parsed.kind().0, format!("{name}: {detail}"));
                    *self.exceptions.entry(key).or_default() += 1;
                }
            }
            Err(_) => self.unreadable.push(parsed.told()),
        }
    }

    /// How many lines were read.
    pub(super) fn recordings(&self) -> u64 {
        self.recordings
    }

    /// Whether every recording could be read and no total was missed in silence.
    pub(super) fn is_good(&self) -> bool {
        self.count(UNREADABLE) == 0 && self.count(Verdict::Disagrees.name()) == 0
    }

    fn count(&self, verdict: &str) -> u64 {
        self.verdicts.get(verdict).copied().unwrap_or_default()
    }

    /// The summary for a machine.
    pub(super) fn answer(&self) -> SummaryAnswer<'_> {
        let kinds = self.kinds.iter().map(|((provider, surface), verdicts)| KindAnswer {
            provider,
            surface,
            verdicts,
        });
        let exceptions = self.exceptions.iter().map(|((provider, exception), &recordings)| ExceptionCount {
            provider,
            exception,
            recordings,
        });
        SummaryAnswer {
            recordings: self.recordings,
            verdicts: &self.verdicts,
            kinds: kinds.collect(),
            exceptions: exceptions.collect(),
            unreadable: &self.unreadable,
        }
    }

    /// The summary for a person.
    pub(super) fn text(&self, out: &str) -> String {
        let mut text = self.kinds_table();
        for ((provider, exception), count) in &self.exceptions {
            let _ = writeln!(text, "! {count:>3}  {} {}", plain(provider), plain(exception));
        }
        for told in self.unreadable.iter().take(MOST_TOLD) {
            let _ = writeln!(text, "! {}", plain(told));
        }
        if self.unreadable.len() > MOST_TOLD {
            let more = (self.unreadable.len() - MOST_TOLD) as u64;
            let _ = writeln!(text, "! and {} more, each with its error in the output", grouped(more));
        }
        let _ = writeln!(text, "\n{} recordings; their meters are in {out}", grouped(self.recordings));
        for (verdict, meaning) in MEANINGS {
            let _ = writeln!(text, "{:>7}  {meaning}", grouped(self.count(verdict.name())));
        }
        if !self.unreadable.is_empty() {
            let _ = writeln!(text, "{:>7}  could not be read", grouped(self.count(UNREADABLE)));
        }
        text
    }

    fn kinds_table(&self) -> String {
        let counts = ["recordings", "agree", "no total", "counted", "exceptions", "bill nothing", "disagree"];
        let mut columns: Vec<Column> = vec![text("provider"), text("surface")];
        columns.extend(counts.map(number));
        let row = |((provider, surface), verdicts): (&(String, &str), &BTreeMap<&str, u64>)| {
            let mut cells = vec![provider.clone(), (*surface).to_owned()];
            cells.push(grouped(verdicts.values().sum()));
            cells
                .extend(MEANINGS.map(|(v, _)| verdicts.get(v.name()).map_or(String::new(), |n| grouped(*n))));
            cells
        };
        let table = render(&columns, self.kinds.iter().map(row).collect(), None);
        if self.exceptions.is_empty() && self.unreadable.is_empty() { table } else { format!("{table}\n") }
    }
}
