//! All price rows together, and the version that identifies them.

use std::sync::Arc;

use bursar_core::{PriceList, PriceRow};
use sha2::{Digest as _, Sha256};

use crate::embedded;
use crate::file::{self, PriceFile, PriceFileErrors};
use crate::limits::LimitList;

/// A price list and its version.
#[derive(Clone, Debug, Default)]
pub struct PriceBook {
    /// The rows.
    pub list: PriceList,
    /// How much models take and give at most.
    pub limits: LimitList,
    /// A digest of the price rows (the first 16 hexadecimal digits of SHA-256): equal for equal rows.
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
        PriceBook { list: PriceList::new(rows), limits: LimitList::default(), version }
    }

    /// A list from files, each with its name (for errors) and text. Every problem in any of them is told.
    pub fn from_files<N: AsRef<str>, T: AsRef<str>>(
        files: impl IntoIterator<Item = (N, T)>,
    ) -> Result<PriceBook, PriceFileErrors> {
        let PriceFile { rows, limits } = contents_of(files)?;
        Ok(PriceBook { limits: LimitList::new(limits), ..PriceBook::of(rows) })
    }

    /// This list with further files put over it: their rows come later, and so win over equal ones; contracts and
    /// overrides win by their kind.
    pub fn with_overlay<N: AsRef<str>, T: AsRef<str>>(
        &self,
        files: impl IntoIterator<Item = (N, T)>,
    ) -> Result<PriceBook, PriceFileErrors> {
        let more = contents_of(files)?;
        let (mut rows, mut limits) = (self.list.rows().to_vec(), self.limits.rows().to_vec());
        rows.extend(more.rows);
        limits.extend(more.limits);
        Ok(PriceBook { limits: LimitList::new(limits), ..PriceBook::of(rows) })
    }

    /// Whether any row is about the model at the provider, by whatever name. Looked up in the list's index: the
    /// request path asks it.
    #[must_use]
    pub fn knows(&self, provider: &str, model: &str) -> bool {
        self.list.rows_of(provider, model).next().is_some()
    }
}

fn contents_of<N: AsRef<str>, T: AsRef<str>>(
    files: impl IntoIterator<Item = (N, T)>,
) -> Result<PriceFile, PriceFileErrors> {
    let (mut contents, mut problems) = (PriceFile::default(), Vec::new());
    for (name, text) in files {
        let PriceFile { rows, limits } = file::read(name.as_ref(), text.as_ref(), &mut problems);
        contents.rows.extend(rows);
        contents.limits.extend(limits);
    }
    if problems.is_empty() { Ok(contents) } else { Err(PriceFileErrors(problems)) }
}

fn digest(rows: &[PriceRow]) -> String {
    let mut hash = Sha256::new();
    for row in rows {
        hash.update(format!("{row:?}\n"));
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUSE: &str = r#"
        format = 1
        provider = "house"
        recorded_at = "2026-07-01"
        [[row]]
        model = "house-large"
        aliases = ["house-latest", "house-large-*"]
        source = "the team's own hardware"
        price.input = "0.10"
    "#;

    #[test]
    fn a_model_is_known_by_its_name_its_aliases_and_its_patterns() {
        let book = PriceBook::from_files([("house.toml", HOUSE)]).unwrap();
        for model in ["house-large", "house-latest", "house-large-2026-07"] {
            assert!(book.knows("house", model), "{model}");
        }
        for (provider, model) in [("house", "house-small"), ("house", "house"), ("openai", "house-large")] {
            assert!(!book.knows(provider, model), "{provider}/{model}");
        }
    }

    #[test]
    fn equal_rows_have_an_equal_version_and_other_rows_another() {
        let of = |text: &str| PriceBook::from_files([("house.toml", text)]).unwrap().version;
        assert_eq!(of(HOUSE), of(HOUSE));
        assert_ne!(of(HOUSE), of(&HOUSE.replace("0.10", "0.11")));
    }
}
