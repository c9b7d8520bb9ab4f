//! What an imported list changes in ours.
//!
//! A list speaks for itself alone. A later version of the only list that a price stands on replaces the price from
//! the moment of the import on; a list that contradicts another one puts the meter into quarantine with both values;
//! versions that agree again settle it. What the imported list does not state stays as it is.

use std::collections::BTreeSet;

use bursar_core::{Meter, PriceConflict, PriceList, PriceRow, PriceView, Timestamp, UnitPrice};

use crate::check::only_published;
use crate::date;
use crate::in_force::{Reading, RowKey};
use crate::source_text::{is_same_list, lists_of};

/// How an import is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergeRules {
    /// The time now, from which changed prices hold unless told.
    pub now: Timestamp,
    /// From when changed prices hold; `None` for now. New ones hold for all times.
    pub from: Option<Timestamp>,
    /// Whether the imported list is believed where it contradicts another.
    pub trust: bool,
    /// Whether rows that the import only confirms are written as well, with its date.
    pub confirmed: bool,
}

/// What becomes of an imported row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Our list did not have it.
    New,
    /// Prices are added or replaced.
    Changed,
    /// A meter goes into quarantine, or stays there with another value.
    Disputed,
    /// It says what ours says.
    Confirmed,
    /// It is an earlier version of the list that ours stands on; ours stays.
    Earlier,
}

/// What an import would do.
#[derive(Clone, Debug, Default)]
pub struct Merge {
    /// Every imported row that says something, in order, with what becomes of it.
    pub outcomes: Vec<(RowKey, Outcome)>,
    /// The rows to write.
    pub rows: Vec<PriceRow>,
}

impl Merge {
    /// How many rows have an outcome.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.outcomes.iter().filter(|(_, o)| *o == outcome).count()
    }
}

/// One source's word on a price.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    source: String,
    price: Option<UnitPrice>,
}

/// Puts imported rows against a list. Overrides and contracts take no part: they hold before published prices.
#[must_use]
pub fn merge(list: &PriceList, imported: &[PriceRow], rules: &MergeRules) -> Merge {
    let published = only_published(list);
    let at = rules.from.unwrap_or(rules.now).max(rules.now);
    let reading = Reading { at, known_at: rules.now, view: PriceView::List };
    let mut merged = Merge::default();
    for row in imported {
        let key = RowKey::of(row);
        let base = key.find(&published, &reading).filter(|base| is_same_place(base, row));
        let (outcome, row) = match base {
            Some(base) if is_earlier(row, base) => (Outcome::Earlier, row.clone()),
            Some(base) => merged_row(base, row, rules),
            None => (Outcome::New, without_free(row)),
        };
        if row.prices.iter().next().is_none() && row.conflicts.is_empty() {
            continue;
        }
        merged.outcomes.push((key, outcome));
        let kept = match outcome {
            Outcome::Earlier => false,
            Outcome::Confirmed => rules.confirmed,
            Outcome::New | Outcome::Changed | Outcome::Disputed => true,
        };
        merged.rows.extend(kept.then_some(row));
    }
    merged
}

/// A row may also be answered for by one of another band or of all regions, which then stays as it is.
fn is_same_place(a: &PriceRow, b: &PriceRow) -> bool {
    a.context_above == b.context_above && a.region == b.region
}

/// Whether an imported row is of an earlier version of the list that a row stands on first, by their dates.
fn is_earlier(imported: &PriceRow, base: &PriceRow) -> bool {
    let same = lists_of(&base.source).next().is_some_and(|list| is_same_list(list, &imported.source));
    let dates = (date::of_source(&imported.as_of), date::of_source(&base.as_of));
    same && matches!(dates, (Some(imported), Some(base)) if imported < base)
}

/// A price of nothing needs two witnesses: in a list it often stands for "not known".
fn without_free(row: &PriceRow) -> PriceRow {
    let mut row = row.clone();
    let free: Vec<Meter> =
        row.prices.iter().filter(|(_, price)| *price == UnitPrice::FREE).map(|(meter, _)| meter).collect();
    for meter in free {
        row.prices.set(meter, None);
    }
    row
}

fn merged_row(base: &PriceRow, imported: &PriceRow, rules: &MergeRules) -> (Outcome, PriceRow) {
    let mut row = PriceRow {
        model: imported.model.clone(),
        effective_from: Some(rules.from.unwrap_or(rules.now)),
        recorded_at: rules.now,
        source: with_list(&base.source, imported),
        as_of: base.as_of.clone().max(imported.as_of.clone()),
        ..base.clone()
    };
    let mut outcome = Outcome::Confirmed;
    for (meter, price) in imported.prices.iter() {
        let words = settled(base, meter, &imported.source, price, rules.trust);
        outcome = worse(outcome, say(&mut row, meter, &words, base));
    }
    if outcome == Outcome::Confirmed {
        row.effective_from = base.effective_from;
    }
    if base.model != imported.model {
        row.aliases.clear();
    }
    (outcome, row)
}

/// Puts the words on one meter into a row, and says what that changes. The same prices from the same lists, in
/// whatever order, change nothing.
fn say(row: &mut PriceRow, meter: Meter, words: &[Word], base: &PriceRow) -> Outcome {
    let Some((first, others)) = words.split_first() else { return Outcome::Confirmed };
    let conflicts = base.conflicts.iter().filter(|c| c.meter == meter).map(|c| c.price);
    let before: BTreeSet<_> = std::iter::once(base.prices.get(meter)).chain(conflicts).collect();
    if before == words.iter().map(|word| word.price).collect() {
        return Outcome::Confirmed;
    }
    row.prices.set(meter, first.price);
    row.conflicts.retain(|c| c.meter != meter);
    let conflict = |word: &Word| PriceConflict { meter, source: word.source.clone(), price: word.price };
    row.conflicts.extend(others.iter().map(conflict));
    if others.is_empty() { Outcome::Changed } else { Outcome::Disputed }
}

fn worse(a: Outcome, b: Outcome) -> Outcome {
    let rank = |outcome| match outcome {
        Outcome::Confirmed | Outcome::Earlier => 0,
        Outcome::New => 1,
        Outcome::Changed => 2,
        Outcome::Disputed => 3,
    };
    if rank(b) > rank(a) { b } else { a }
}

/// What every source says on a meter once the imported list has spoken. The first word is the row's own price.
fn settled(base: &PriceRow, meter: Meter, source: &str, price: UnitPrice, trust: bool) -> Vec<Word> {
    let own = base.prices.get(meter);
    let conflicts: Vec<Word> = base
        .conflicts
        .iter()
        .filter(|c| c.meter == meter)
        .map(|c| Word { source: c.source.clone(), price: c.price })
        .collect();
    let list = lists_of(source).next().unwrap_or(source);
    let new = Word { source: list.to_owned(), price: Some(price) };
    if own.is_none() && conflicts.is_empty() {
        // Free needs two witnesses, and this would be the only one.
        let believed = trust || price != UnitPrice::FREE;
        return if believed { vec![new] } else { Vec::new() };
    }
    if trust {
        return vec![new];
    }
    let disputing = |list: &&str| conflicts.iter().any(|c| is_same_list(&c.source, list));
    let mut words: Vec<Word> = lists_of(&base.source)
        .filter(|list| !disputing(list))
        .map(|list| Word { source: list.to_owned(), price: own })
        .chain(conflicts.clone())
        .filter(|word| !is_same_list(&word.source, source))
        .collect();
    words.push(new);
    let mut different: Vec<Word> = Vec::new();
    for word in words {
        if different.iter().all(|d| d.price != word.price) {
            different.push(word);
        }
    }
    different
}

/// The source of a row after the imported list has spoken on it: that list's version takes the place of an earlier
/// one, or stands behind the others.
fn with_list(source: &str, imported: &PriceRow) -> String {
    let (lists, page) = source.split_once("; ").map_or((source, None), |(lists, page)| (lists, Some(page)));
    let new = lists_of(&imported.source).next().unwrap_or(&imported.source);
    let mut named: Vec<&str> = lists.split(" and ").collect();
    match named.iter_mut().find(|list| is_same_list(list, new)) {
        Some(earlier) => *earlier = new,
        None => named.push(new),
    }
    let page = imported.source.split_once("; ").map(|(_, page)| page).or(page);
    match page {
        Some(page) => format!("{}; {page}", named.join(" and ")),
        None => named.join(" and "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PriceBook;
    use crate::compare::Stated;

    fn book(rows: &str) -> PriceBook {
        let text = format!("format = 1\nprovider = \"acme\"\nrecorded_at = \"2026-07-01\"\n{rows}");
        PriceBook::from_files([("acme.toml", text)]).unwrap()
    }

    fn row(source: &str, prices: &str) -> String {
        format!("[[row]]\nmodel = \"m\"\nsource = \"{source}\"\nas_of = \"2026-07-01\"\n{prices}\n")
    }

    const RULES: MergeRules = MergeRules {
        now: Timestamp::from_seconds(1_790_000_000),
        from: None,
        trust: false,
        confirmed: false,
    };

    /// What the import makes of input, and what becomes of the row.
    fn imported(ours: &str, theirs: &str, rules: &MergeRules) -> (Option<Outcome>, String, Vec<PriceRow>) {
        let merge = merge(&book(ours).list, book(theirs).list.rows(), rules);
        let outcome = merge.outcomes.first().map(|(_, outcome)| *outcome);
        let text =
            merge.rows.first().map_or(String::new(), |row| Stated::of(row, Meter::Input).text(Meter::Input));
        (outcome, text, merge.rows)
    }

    #[test]
    fn a_later_version_of_the_only_list_replaces_the_price_from_now_on() {
        let (outcome, input, rows) = imported(
            &row("litellm 1", "price.input = \"1\"\nprice.output = \"4\""),
            &row("litellm 2", "price.input = \"2\""),
            &RULES,
        );
        assert_eq!((outcome, input.as_str()), (Some(Outcome::Changed), "2.00"));
        assert_eq!(rows[0].effective_from, Some(RULES.now));
        assert_eq!(rows[0].source, "litellm 2");
        assert!(rows[0].prices.get(Meter::Output).is_some(), "what is not stated stays");
    }

    #[test]
    fn a_list_that_contradicts_another_puts_the_meter_into_quarantine_with_both_values() {
        let ours = row("litellm 1 and models.dev a; https://page", "price.input = \"1\"");
        let (outcome, input, rows) = imported(&ours, &row("litellm 2", "price.input = \"2\""), &RULES);
        assert_eq!((outcome, input.as_str()), (Some(Outcome::Disputed), "1.00 or 2.00"));
        assert_eq!(rows[0].source, "litellm 2 and models.dev a; https://page");
        assert_eq!(rows[0].conflicts[0].source, "litellm 2");
    }

    #[test]
    fn a_list_that_is_trusted_wins() {
        let ours = row("litellm 1 and models.dev a", "price.input = \"1\"");
        let rules = MergeRules { trust: true, ..RULES };
        let (outcome, input, _) = imported(&ours, &row("litellm 2", "price.input = \"2\""), &rules);
        assert_eq!((outcome, input.as_str()), (Some(Outcome::Changed), "2.00"));
    }

    #[test]
    fn versions_that_agree_again_settle_a_dispute() {
        let conflict = "price.input = \"1\"\n[[row.conflict]]\nmeter = \"input\"\nprice = \"2\"\nsource = \"models.dev a\"";
        let ours = row("litellm 1 and models.dev a", conflict);
        let (outcome, input, rows) = imported(&ours, &row("litellm 2", "price.input = \"2\""), &RULES);
        assert_eq!((outcome, input.as_str()), (Some(Outcome::Changed), "2.00"));
        assert!(!rows[0].is_quarantined());
        for unmoved in [row("models.dev b", "price.input = \"2\""), row("litellm 2", "price.input = \"1\"")] {
            let (outcome, ..) = imported(&ours, &unmoved, &RULES);
            assert_eq!(outcome, Some(Outcome::Confirmed), "the dispute stands as it stood");
        }
    }

    #[test]
    fn what_is_the_same_is_confirmed_and_written_only_when_asked() {
        let (ours, theirs) =
            (row("litellm 1", "price.input = \"1\""), row("models.dev a", "price.input = \"1\""));
        let (outcome, _, rows) = imported(&ours, &theirs, &RULES);
        assert_eq!((outcome, rows.len()), (Some(Outcome::Confirmed), 0));
        let (.., rows) = imported(&ours, &theirs, &MergeRules { confirmed: true, ..RULES });
        assert_eq!(rows[0].source, "litellm 1 and models.dev a");
        assert_eq!(rows[0].effective_from, None);
    }

    #[test]
    fn a_new_price_of_nothing_is_not_believed() {
        let other = "[[row]]\nmodel = \"other\"\nsource = \"litellm 1\"\nprice.input = \"1\"\n";
        let (outcome, _, rows) = imported(other, &row("litellm 2", "price.input = \"0\""), &RULES);
        assert_eq!((outcome, rows.len()), (None, 0));
        let ours = row("litellm 1", "price.output = \"4\"");
        let (outcome, ..) = imported(&ours, &row("models.dev a", "price.input = \"0\""), &RULES);
        assert_eq!(outcome, Some(Outcome::Confirmed));
    }

    #[test]
    fn an_earlier_version_of_the_same_list_changes_nothing() {
        let ours = row("litellm 2 and models.dev a", "price.input = \"1\"");
        let theirs = |source| row(source, "price.input = \"2\"").replace("2026-07-01", "2026-06");
        let (outcome, _, rows) = imported(&ours, &theirs("litellm 1"), &RULES);
        assert_eq!((outcome, rows.len()), (Some(Outcome::Earlier), 0));
        let (outcome, ..) = imported(&ours, &theirs("another list"), &RULES);
        assert_eq!(outcome, Some(Outcome::Disputed));
    }

    #[test]
    fn a_model_that_is_new_holds_for_all_times() {
        let other = "[[row]]\nmodel = \"other\"\nsource = \"litellm 1\"\nprice.input = \"1\"\n";
        let (outcome, input, rows) = imported(other, &row("litellm 2", "price.input = \"3\""), &RULES);
        assert_eq!((outcome, input.as_str()), (Some(Outcome::New), "3.00"));
        assert_eq!(rows[0].effective_from, None);
    }

    #[test]
    fn the_price_of_a_region_is_not_that_of_all_regions() {
        let ours = row("litellm 1", "price.input = \"1\"");
        let theirs = row("litellm 2", "region = \"eu\"\nprice.input = \"2\"");
        let (outcome, _, rows) = imported(&ours, &theirs, &RULES);
        assert_eq!((outcome, rows[0].region.as_deref()), (Some(Outcome::New), Some("eu")));
    }

    #[test]
    fn an_override_takes_no_part_in_an_import() {
        let ours = row("litellm 1", "price.input = \"1\"")
            + &row("the invoice", "kind = \"override\"\nprice.input = \"9\"");
        let (outcome, ..) = imported(&ours, &row("litellm 1", "price.input = \"1\""), &RULES);
        assert_eq!(outcome, Some(Outcome::Confirmed));
    }
}
