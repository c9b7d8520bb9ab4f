//! Which row holds where, at one moment: the list as a reader sees it, without what is superseded.

use std::collections::BTreeMap;
use std::fmt;

use bursar_core::{PriceList, PriceQuery, PriceRow, PriceView, ServiceTier, Timestamp};

use crate::call::grouped;

/// What a price is about, apart from the price itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// The provider.
    pub provider: String,
    /// The model.
    pub model: String,
    /// The service tier.
    pub tier: ServiceTier,
    /// The region; `None` for all.
    pub region: Option<String>,
    /// The context band: it holds for more context tokens than this.
    pub context_above: u64,
}

/// The moment and the view in which a list is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Rows hold that are valid then.
    pub at: Timestamp,
    /// Rows recorded later do not count.
    pub known_at: Timestamp,
    /// With contracts or without.
    pub view: PriceView,
}

/// The rows that hold, by what they are about.
pub type InForce<'a> = BTreeMap<RowKey, &'a PriceRow>;

impl RowKey {
    /// What a row is about, under its own name.
    #[must_use]
    pub fn of(row: &PriceRow) -> RowKey {
        RowKey {
            provider: row.provider.clone(),
            model: row.model.clone(),
            tier: row.tier,
            region: row.region.clone(),
            context_above: row.context_above,
        }
    }

    /// The same for another model.
    #[must_use]
    pub fn for_model(&self, model: &str) -> RowKey {
        RowKey { model: model.to_owned(), ..self.clone() }
    }

    /// The row that prices a call of exactly this kind, by the rules of [`PriceList::find`].
    #[must_use]
    pub fn find<'a>(&self, list: &'a PriceList, reading: &Reading) -> Option<&'a PriceRow> {
        let query = PriceQuery {
            provider: &self.provider,
            model: &self.model,
            region: self.region.as_deref(),
            tier: self.tier,
            context_tokens: if self.context_above == 0 { 0 } else { self.context_above.saturating_add(1) },
            at: reading.at,
            known_at: reading.known_at,
            view: reading.view,
        };
        list.find(&query).ok()
    }
}

impl fmt::Display for RowKey {
    /// Such as `openai/gpt-5, batch, above 200,000 tokens, region eu`; what is usual is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)?;
        if self.tier != ServiceTier::Standard {
            write!(f, ", {}", self.tier)?;
        }
        if self.context_above > 0 {
            write!(f, ", above {} tokens", grouped(self.context_above))?;
        }
        match &self.region {
            Some(region) => write!(f, ", region {region}"),
            None => Ok(()),
        }
    }
}

/// Every row that holds, under the names that rows have themselves.
#[must_use]
pub fn in_force<'a>(list: &'a PriceList, reading: &Reading) -> InForce<'a> {
    let keys: std::collections::BTreeSet<RowKey> = list.rows().iter().map(RowKey::of).collect();
    keys.into_iter().filter_map(|key| key.find(list, reading).map(|row| (key, row))).collect()
}

/// Models of a list whose names come close to one that it does not have, the closest first, with their provider.
#[must_use]
pub fn similar_models<'a>(list: &'a PriceList, model: &str, most: usize) -> Vec<(&'a str, &'a str)> {
    let wanted = model.to_ascii_lowercase();
    let mut found: Vec<(usize, &str, &str)> = list
        .rows()
        .iter()
        .filter_map(|row| Some((closeness(&row.model.to_ascii_lowercase(), &wanted)?, row)))
        .map(|(far, row)| (far, row.model.as_str(), row.provider.as_str()))
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().take(most).map(|(_, model, provider)| (provider, model)).collect()
}

/// How far a name is from the wanted one: the letters beside those that both share. `None` where they share too
/// little to be meant.
fn closeness(name: &str, wanted: &str) -> Option<usize> {
    let inside = !wanted.is_empty() && (name.contains(wanted) || (wanted.contains(name) && name.len() > 3));
    let shared = name.bytes().zip(wanted.bytes()).take_while(|(a, b)| a == b).count();
    let close = inside || (shared >= 4 && shared * 3 >= wanted.len() * 2);
    let common = if inside { name.len().min(wanted.len()) } else { shared };
    close.then(|| (name.len() - common.min(name.len())) + (wanted.len() - common.min(wanted.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PriceBook;

    const FILE: &str = r#"
        format = 1
        provider = "acme"
        recorded_at = "2026-07-01"
        [[row]]
        model = "m"
        source = "first"
        price.input = "1"
        [[row]]
        model = "m"
        source = "second"
        recorded_at = "2026-08-01"
        price.input = "2"
        [[row]]
        model = "m"
        kind = "contract"
        source = "contract"
        effective_from = "2026-09-01"
        price.input = "3"
        [[row]]
        model = "m"
        tier = "batch"
        source = "first"
        price.input = "0.5"
    "#;

    fn reading(at: &str, known_at: &str, view: PriceView) -> Reading {
        let day = |text| crate::date::parse(text).unwrap();
        Reading { at: day(at), known_at: day(known_at), view }
    }

    #[test]
    fn what_is_superseded_or_not_known_yet_is_not_in_force() {
        let book = PriceBook::from_files([("acme.toml", FILE)]).unwrap();
        let sources = |r: Reading| -> Vec<&str> {
            in_force(&book.list, &r).into_values().map(|row| row.source.as_str()).collect()
        };
        assert_eq!(sources(reading("2026-07-15", "2026-07-15", PriceView::Contracted)), ["first", "first"]);
        assert_eq!(sources(reading("2026-07-15", "2026-08-15", PriceView::Contracted)), ["second", "first"]);
        assert_eq!(
            sources(reading("2026-09-15", "2026-09-15", PriceView::Contracted)),
            ["contract", "first"]
        );
        assert_eq!(sources(reading("2026-09-15", "2026-09-15", PriceView::List)), ["second", "first"]);
        assert!(sources(reading("2026-09-15", "2026-06-15", PriceView::List)).is_empty());
    }

    #[test]
    fn a_key_is_written_without_what_is_usual() {
        let book = PriceBook::from_files([("acme.toml", FILE)]).unwrap();
        let mut key = RowKey::of(&book.list.rows()[3]);
        assert_eq!(key.to_string(), "acme/m, batch");
        (key.context_above, key.region) = (200_000, Some("eu".to_owned()));
        assert_eq!(key.to_string(), "acme/m, batch, above 200,000 tokens, region eu");
    }

    #[test]
    fn a_misspelt_model_finds_those_that_may_be_meant() {
        let list = &PriceBook::embedded().list;
        let similar = similar_models(list, "gpt-5-minni", 3);
        assert!(similar.contains(&("openai", "gpt-5-mini")), "{similar:?}");
        assert!(similar_models(list, "zzz", 3).is_empty());
    }
}
