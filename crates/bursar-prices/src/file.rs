//! The format of price files.
//!
//! ```toml
//! format = 1
//! provider = "openai"
//! recorded_at = "2026-11-24"      # for rows that do not say otherwise
//!
//! [[row]]
//! model = "gpt-5"
//! source = "https://developers.openai.com/api/docs/pricing"
//! as_of = "2026-11-24"
//! price.input = "1.25"            # dollars per million tokens
//! price.web_searches = "0.01"     # meters that count no tokens: dollars per unit
//! ```
//!
//! Prices are texts, because a TOML number is a floating-point number. A row may also have `aliases`, `region`,
//! `tier`, `context_above`, `kind`, `effective_from`, `effective_to`, `recorded_at`, and `[[row.conflict]]` tables
//! with `meter`, `price` and `source`.
//!
//! A file may also say how much a model takes and gives at most:
//!
//! ```toml
//! [[limit]]
//! model = "gpt-5"
//! context_window = 400000         # tokens
//! max_output = 128000             # tokens
//! source = "https://developers.openai.com/api/docs/models/gpt-5"
//! as_of = "2026-11-24"
//! ```

mod limits;
mod read;
mod write;

use std::fmt;

use bursar_core::PriceRow;

use crate::limits::LimitRow;

pub use limits::write_limits;
pub use read::read;
pub use write::{price_text, write};

/// What a price file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceFile {
    /// Its prices.
    pub rows: Vec<PriceRow>,
    /// Its limits.
    pub limits: Vec<LimitRow>,
}

/// One thing that is wrong with a price file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceFileProblem {
    /// The file's name.
    pub file: String,
    /// The row, counted from 1 and named by its model; empty for the file as a whole.
    pub row: String,
    /// The field; empty for the row as a whole.
    pub field: String,
    /// What is wrong and what is expected.
    pub message: String,
}

/// Everything that is wrong with price files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceFileErrors(pub Vec<PriceFileProblem>);

impl fmt::Display for PriceFileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        for part in [&self.row, &self.field] {
            if !part.is_empty() {
                write!(f, ": {part}")?;
            }
        }
        write!(f, ": {}", self.message)
    }
}

impl fmt::Display for PriceFileErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "{count} problem{} in price files", if count == 1 { "" } else { "s" })?;
        for problem in &self.0 {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for PriceFileErrors {}
