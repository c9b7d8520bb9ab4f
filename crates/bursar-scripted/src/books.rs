//! The provider's own books: one entry per call, written when the last byte was handed to the socket.
//!
//! Nothing of Bursar takes part in them, so that they can bear witness against it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::price_table::{self, Tokens};

/// How a call ended, as the provider saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The last byte of the answer was handed to the socket without an error.
    Completed,
    /// The answer was cut off: the caller went away, or the script closed the connection.
    Cut,
    /// The call was refused with an error status, and nothing was produced.
    Refused,
}

/// One call.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The response id that the answer carried; empty where the dialect gives none.
    pub id: String,
    /// The caller's own name for the request (`x-scripted: tag=…`).
    pub tag: Option<String>,
    /// What was called, such as `openai.chat_completions`.
    pub surface: &'static str,
    /// The model that the answer named.
    pub model: String,
    /// How it ended.
    pub ending: Ending,
    /// The HTTP status that was sent.
    pub status: u16,
    /// Whether the answer told its usage; a reader of the answer alone cannot know it otherwise.
    pub told: bool,
    /// The tokens. For a call that was cut off, the output is what had been handed to the socket.
    #[serde(flatten)]
    pub tokens: EntryTokens,
    /// The cost in nano-dollars by the provider's own price table; `None` where it has no price.
    pub cost_nanos: Option<i64>,
}

/// The serialised form of [`Tokens`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EntryTokens {
    /// Everything sent.
    pub input: u64,
    /// Of it, read from the cache.
    pub cached: u64,
    /// Of it, written to the five-minute cache.
    pub cache_write_5m: u64,
    /// Of it, written to the one-hour cache.
    pub cache_write_1h: u64,
    /// The visible answer.
    pub output: u64,
    /// Reasoning besides.
    pub reasoning: u64,
}

impl From<Tokens> for EntryTokens {
    fn from(t: Tokens) -> EntryTokens {
        EntryTokens {
            input: t.input,
            cached: t.cached,
            cache_write_5m: t.cache_write_5m,
            cache_write_1h: t.cache_write_1h,
            output: t.output,
            reasoning: t.reasoning,
        }
    }
}

/// Sums over entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// Calls.
    pub calls: u64,
    /// Of them, calls whose answer told no usage.
    pub untold: u64,
    /// Of them, calls that the price table has no price for.
    pub unpriced: u64,
    /// Tokens sent.
    pub input: u64,
    /// Tokens read from the cache.
    pub cached: u64,
    /// Tokens written to a cache.
    pub cache_written: u64,
    /// Tokens of visible answers.
    pub output: u64,
    /// Tokens of reasoning.
    pub reasoning: u64,
    /// Cost of the priced calls in nano-dollars.
    pub cost_nanos: i64,
}

impl Sums {
    fn add(&mut self, entry: &Entry) {
        let t = &entry.tokens;
        self.calls += 1;
        self.untold += u64::from(!entry.told);
        self.unpriced += u64::from(entry.cost_nanos.is_none());
        self.input += t.input;
        self.cached += t.cached;
        self.cache_written += t.cache_write_5m + t.cache_write_1h;
        self.output += t.output;
        self.reasoning += t.reasoning;
        self.cost_nanos = self.cost_nanos.saturating_add(entry.cost_nanos.unwrap_or(0));
    }
}

/// The books' totals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Calls answered in full.
    pub completed: Sums,
    /// Calls cut off.
    pub cut: Sums,
    /// Calls refused, by HTTP status.
    pub refused: BTreeMap<u16, u64>,
    /// Completed calls by the model that the answer named.
    pub by_model: BTreeMap<String, Sums>,
}

/// The books. Shared by all connections; every operation takes well under a microsecond.
#[derive(Debug)]
pub struct Books {
    ledger: Mutex<Ledger>,
}

#[derive(Debug)]
struct Ledger {
    totals: Totals,
    kept: Option<Vec<Entry>>,
    file: Option<BufWriter<File>>,
}

impl Books {
    /// Books that keep totals only.
    #[must_use]
    pub fn totals_only() -> Books {
        Books::with(None, None)
    }

    /// Books that keep every entry in memory: for tests and for comparing record by record.
    #[must_use]
    pub fn keeping_entries() -> Books {
        Books::with(Some(Vec::new()), None)
    }

    /// Books that append one JSON line per entry to a file. Fails where the file cannot be opened.
    pub fn appending_to(path: &Path) -> io::Result<Books> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Books::with(None, Some(BufWriter::new(file))))
    }

    fn with(kept: Option<Vec<Entry>>, file: Option<BufWriter<File>>) -> Books {
        Books { ledger: Mutex::new(Ledger { totals: Totals::default(), kept, file }) }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Books one call. A file that cannot be written to is reported in the log; the totals go on.
    pub fn book(&self, entry: Entry) {
        self.ledger().book(entry);
    }

    /// Books a call if `hand_over` says that its last byte has been handed over. Nobody can read the books
    /// between the two: whoever has the whole answer finds it booked.
    pub fn book_if<E>(
        &self,
        entry: Option<Entry>,
        hand_over: impl FnOnce() -> Result<bool, E>,
    ) -> Result<bool, E> {
        let mut ledger = self.ledger();
        let done = hand_over()?;
        if let (true, Some(entry)) = (done, entry) {
            ledger.book(entry);
        }
        Ok(done)
    }

    /// The totals so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.ledger().totals.clone()
    }

    /// The entries kept so far, in the order they ended; empty unless the books keep entries.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.ledger().kept.clone().unwrap_or_default()
    }

    /// Writes what is buffered to the file.
    pub fn flush(&self) -> io::Result<()> {
        self.ledger().file.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Ledger {
    fn book(&mut self, entry: Entry) {
        match entry.ending {
            Ending::Completed => {
                self.totals.completed.add(&entry);
                self.totals.by_model.entry(entry.model.clone()).or_default().add(&entry);
            }
            Ending::Cut => self.totals.cut.add(&entry),
            Ending::Refused => *self.totals.refused.entry(entry.status).or_default() += 1,
        }
        if let Some(file) = self.file.as_mut() {
            let written = serde_json::to_writer(&mut *file, &entry).map_err(io::Error::from);
            if let Err(error) = written.and_then(|()| file.write_all(b"\n")) {
                tracing::error!(%error, "the provider's books could not be written to their file");
            }
        }
        if let Some(kept) = self.kept.as_mut() {
            kept.push(entry);
        }
    }
}

/// What an answer will be booked as, once it is known how it ended.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The response id.
    pub id: String,
    /// The caller's name for the request.
    pub tag: Option<String>,
    /// What was called.
    pub surface: &'static str,
    /// The model that the answer names.
    pub model: String,
    /// Whether the answer tells its usage.
    pub told: bool,
    /// The tokens of the whole answer.
    pub tokens: Tokens,
}

impl Draft {
    /// The entry of an answer that was handed over in full.
    #[must_use]
    pub fn completed(self) -> Entry {
        let told = self.told;
        self.entry(Ending::Completed, 200, told)
    }

    /// The entry of an answer that was cut off after `produced` tokens.
    #[must_use]
    pub fn cut(mut self, produced: u64) -> Entry {
        self.tokens.reasoning = self.tokens.reasoning.min(produced);
        self.tokens.output = self.tokens.output.min(produced - self.tokens.reasoning);
        self.entry(Ending::Cut, 200, false)
    }

    /// The entry of a call that was refused.
    #[must_use]
    pub fn refused(mut self, status: u16) -> Entry {
        self.tokens = Tokens::default();
        self.entry(Ending::Refused, status, false)
    }

    fn entry(self, ending: Ending, status: u16, told: bool) -> Entry {
        let cost_nanos = price_table::find(&self.model).and_then(|p| self.tokens.cost_nanos(p));
        Entry {
            id: self.id,
            tag: self.tag,
            surface: self.surface,
            model: self.model,
            ending,
            status,
            told,
            tokens: self.tokens.into(),
            cost_nanos,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Draft {
        let tokens = Tokens { input: 100, output: 10, reasoning: 4, ..Tokens::default() };
        Draft {
            id: "r1".into(),
            tag: None,
            surface: "openai.chat_completions",
            model: "gpt-5".into(),
            told: true,
            tokens,
        }
    }

    #[test]
    fn completed_cut_and_refused_calls_are_summed_apart() {
        let books = Books::keeping_entries();
        books.book(draft().completed());
        books.book(draft().cut(6));
        books.book(draft().refused(429));
        let totals = books.totals();
        assert_eq!((totals.completed.calls, totals.completed.cost_nanos), (1, 100 * 1_250 + 14 * 10_000));
        assert_eq!((totals.cut.calls, totals.cut.output, totals.cut.reasoning), (1, 2, 4));
        assert_eq!(totals.refused, BTreeMap::from([(429, 1)]));
        assert_eq!(books.entries().len(), 3);
    }

    #[test]
    fn a_file_of_books_has_one_json_line_per_call() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("books.jsonl");
        let books = Books::appending_to(&path).unwrap();
        books.book(draft().completed());
        books.book(draft().refused(500));
        books.flush().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["cost_nanos"], 265_000);
        assert_eq!(lines[1]["ending"], "refused");
    }
}
