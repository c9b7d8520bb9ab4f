//! All price rows together, and the version that identifies them.

use std::sync::Arc;

use bursar_core::{PriceList, PriceRow};
use sha2::{Digest as _, Sha256};

use crate::embedded;
use crate::file::{self, PriceFileErrors};

/// A price list and its version.
#[derive(Clone, Debug, Default)]
pub struct PriceBook {
    /// The rows.
    pub list: PriceList,
    /// A digest of the rows (the first 16 hexadecimal digits of SHA-256): equal for equal rows.
    pub version: String,
}

impl PriceBook {
    /// The list that is built in.
    ///
    /// # Panics
    /// Never: a test reads the built-in files.
    #[must_use]
    pub fn embedded() -> &'static Arc<PriceBook> {
        embedded::book()
    }

    /// A list of these rows.
    #[must_use]
    pub fn of(rows: Vec<PriceRow>) -> PriceBook {
        let version = digest(&rows);
        PriceBook { list: PriceList::new(rows), version }
    }

    /// A list from files, each with its name (for errors) and text. Every problem in any of them is told.
    pub fn from_files<N: AsRef<str>, T: AsRef<str>>(
        files: impl IntoIterator<Item = (N, T)>,
    ) -> Result<PriceBook, PriceFileErrors> {
        Ok(PriceBook::of(rows_of(files)?))
    }

    /// This list with further files put over it: their rows come later, and so win over equal ones; contracts and
    /// overrides win by their kind.
    pub fn with_overlay<N: AsRef<str>, T: AsRef<str>>(
        &self,
        files: impl IntoIterator<Item = (N, T)>,
    ) -> Result<PriceBook, PriceFileErrors> {
        let mut rows = self.list.rows().to_vec();
        rows.extend(rows_of(files)?);
        Ok(PriceBook::of(rows))
    }

    /// Whether a list row or an override exists for the model at the provider, by whatever name.
    #[must_use]
    pub fn knows(&self, provider: &str, model: &str) -> bool {
        self.list.rows().iter().any(|r| {
            let named = r.model == model || r.aliases.iter().any(|a| a == model);
            r.provider == provider && named
        })
    }
}

fn rows_of<N: AsRef<str>, T: AsRef<str>>(
    files: impl IntoIterator<Item = (N, T)>,
) -> Result<Vec<PriceRow>, PriceFileErrors> {
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    for (name, text) in files {
        rows.extend(file::read(name.as_ref(), text.as_ref(), &mut problems));
    }
    if problems.is_empty() { Ok(rows) } else { Err(PriceFileErrors(problems)) }
}

fn digest(rows: &[PriceRow]) -> String {
    let mut hash = Sha256::new();
    for row in rows {
        hash.update(format!("{row:?}\n"));
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
