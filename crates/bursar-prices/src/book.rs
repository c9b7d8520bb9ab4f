//! All price rows together, and the version that identifies them.

use std::sync::Arc;

use bursar_core::{Meter, PriceList, PriceQuery, PriceRow};
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

    /// Whether a call would have a known price: a row answers the question, and neither what goes in nor what comes
    /// out is in dispute there. A dispute about a rarer meter, such as searches, does not count: the calls that use
    /// it stay unpriced, the others have a price.
    #[must_use]
    pub fn prices_calls(&self, query: &PriceQuery<'_>) -> bool {
        self.list.find(query).is_ok_and(|row| {
            let settled = |meter| row.conflicts.iter().all(|c| c.meter != meter);
            let has_price = row.prices.iter().any(|(meter, _)| row.undisputed(meter).is_some());
            has_price && settled(Meter::Input) && settled(Meter::Output)
        })
    }

    /// The name under which the list keeps a model of a provider: of names that mean the same model, one.
    #[must_use]
    pub fn listed_name<'a>(&'a self, provider: &str, model: &'a str) -> Option<&'a str> {
        self.list.rows_of(provider, model).next().map(|row| row.model.as_str())
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
    use bursar_core::{PriceView, ServiceTier, Timestamp};

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
    fn a_model_whose_input_or_output_is_in_dispute_has_no_known_price_and_one_of_a_rarer_meter_has() {
        let with = |meter: &str| {
            let conflict = format!(
                "\n[[row.conflict]]\nmeter = \"{meter}\"\nprice = \"9\"\nsource = \"another list\"\n"
            );
            PriceBook::from_files([("house.toml", HOUSE.trim_end().to_owned() + &conflict)]).unwrap()
        };
        let at = Timestamp::from_date(2026, 8, 1).unwrap();
        let asked = |book: &PriceBook, model, tier| {
            book.prices_calls(&PriceQuery {
                provider: "house",
                model,
                region: None,
                tier,
                context_tokens: 0,
                at,
                known_at: at,
                view: PriceView::Contracted,
            })
        };
        let standard = ServiceTier::Standard;
        assert!(asked(&PriceBook::from_files([("house.toml", HOUSE)]).unwrap(), "house-latest", standard));
        assert!(asked(&with("web_searches"), "house-large", standard));
        for (book, model, tier) in [
            (with("input"), "house-large", standard),
            (with("output"), "house-large", standard),
            (with("web_searches"), "house-small", standard),
            (with("web_searches"), "house-large", ServiceTier::Flex),
        ] {
            assert!(!asked(&book, model, tier), "{model} {tier}");
        }
    }

    #[test]
    fn names_of_one_model_are_listed_under_one() {
        let book = PriceBook::from_files([("house.toml", HOUSE)]).unwrap();
        for model in ["house-large", "house-latest", "house-large-made-up"] {
            assert_eq!(book.listed_name("house", model), Some("house-large"));
        }
        assert_eq!(book.listed_name("house", "made-up"), None);
    }

    #[test]
    fn equal_rows_have_an_equal_version_and_other_rows_another() {
        let of = |text: &str| PriceBook::from_files([("house.toml", text)]).unwrap().version;
        assert_eq!(of(HOUSE), of(HOUSE));
        assert_ne!(of(HOUSE), of(&HOUSE.replace("0.10", "0.11")));
    }
}
