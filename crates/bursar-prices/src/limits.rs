//! How much a model takes and gives at most, as dated facts beside its prices.

use std::collections::HashMap;

use bursar_core::ModelLimits;

/// One dated fact: the limits of one model at one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitRow {
    /// The provider, by its name in the price list.
    pub provider: String,
    /// The model's name as the provider reports it.
    pub model: String,
    /// Further names; one that ends in `*` matches any name that starts so.
    pub aliases: Vec<String>,
    /// The limits, as far as they are known.
    pub limits: ModelLimits,
    /// Where the fact was read.
    pub source: String,
    /// The date of the source, as it says it (ISO 8601).
    pub as_of: String,
    /// What another source says otherwise; the larger figure is the row's, because a limit bounds what can be spent.
    pub note: Option<String>,
}

/// All limits, indexed by provider and name.
#[derive(Clone, Debug, Default)]
pub struct LimitList {
    rows: Vec<LimitRow>,
    by_provider: HashMap<String, Names>,
}

#[derive(Clone, Debug, Default)]
struct Names {
    exact: HashMap<String, u32>,
    patterns: Vec<(String, u32)>,
}

impl LimitList {
    /// A list of these rows; later rows win over earlier ones of the same name.
    #[must_use]
    pub fn new(rows: Vec<LimitRow>) -> LimitList {
        let mut list = LimitList::default();
        for row in rows {
            let number = u32::try_from(list.rows.len()).expect("a list of limits has fewer than 2^32 rows");
            let names = list.by_provider.entry(row.provider.clone()).or_default();
            names.exact.insert(row.model.clone(), number);
            for alias in &row.aliases {
                match alias.strip_suffix('*') {
                    Some(stem) => names.patterns.push((stem.to_owned(), number)),
                    None => {
                        names.exact.insert(alias.clone(), number);
                    }
                }
            }
            list.rows.push(row);
        }
        list
    }

    /// All rows, in the order they were given.
    #[must_use]
    pub fn rows(&self) -> &[LimitRow] {
        &self.rows
    }

    /// The row of a model: by its name, else by the longest pattern.
    #[must_use]
    pub fn find(&self, provider: &str, model: &str) -> Option<&LimitRow> {
        let names = self.by_provider.get(provider)?;
        let by_pattern = || {
            let fits = names.patterns.iter().filter(|(stem, _)| model.starts_with(stem.as_str()));
            fits.max_by_key(|(stem, number)| (stem.len(), *number)).map(|(_, number)| number)
        };
        let number = names.exact.get(model).or_else(by_pattern)?;
        Some(&self.rows[*number as usize])
    }

    /// What is known of a model's limits.
    #[must_use]
    pub fn of(&self, provider: &str, model: &str) -> ModelLimits {
        self.find(provider, model).map(|row| row.limits).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(model: &str, aliases: &[&str], window: u64) -> LimitRow {
        LimitRow {
            provider: "openai".to_owned(),
            model: model.to_owned(),
            aliases: aliases.iter().map(|a| (*a).to_owned()).collect(),
            limits: ModelLimits { context_window: Some(window), max_output: None },
            source: "a test".to_owned(),
            as_of: "2026-11-24".to_owned(),
            note: None,
        }
    }

    #[test]
    fn a_limit_is_found_by_name_then_by_the_longest_pattern_and_later_rows_win() {
        let list = LimitList::new(vec![row("a", &["a-*"], 1), row("b", &["a-b*", "c"], 2), row("a", &[], 3)]);
        let window = |model| list.of("openai", model).context_window;
        assert_eq!([window("a"), window("a-x"), window("a-bx"), window("c")], [3, 1, 2, 2].map(Some));
        assert_eq!((window("d"), list.of("azure", "a").context_window), (None, None));
    }
}
