//! Rows that override a price or put a contract over it.
//!
//! A row that answers a question answers all of it, so a row with one price would leave every other meter without
//! one. An adjustment therefore takes along what holds and is not changed: the other meters, disputes that it does
//! not settle, the bands of long context above it, and the dated snapshots under which a provider answers.

use bursar_core::{Meter, PriceKind, PriceList, PriceRow, PriceView, Timestamp, UnitPrice};

use crate::check::{only_published, snapshots_of};
use crate::in_force::{Reading, RowKey, in_force};

/// What is to be set.
#[derive(Clone, Debug)]
pub struct Adjustment {
    /// The model, tier, region and band.
    pub key: RowKey,
    /// Override or contract.
    pub kind: PriceKind,
    /// The prices that are set.
    pub prices: Vec<(Meter, UnitPrice)>,
    /// Where they were read.
    pub source: String,
    /// The source's date.
    pub as_of: String,
    /// First moment of validity; `None` for all times.
    pub from: Option<Timestamp>,
    /// First moment after validity.
    pub until: Option<Timestamp>,
    /// Whether dated snapshots of the model are left as they are.
    pub exact_name: bool,
    /// The time now.
    pub now: Timestamp,
}

/// An adjustment that cannot be made. The message is a sentence for the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdjustError {
    /// A list price is a published one.
    #[error("a published price is imported, not set by hand; set an override or a contract")]
    Published,
    /// Nothing is set.
    #[error("no price is given; give one or more such as input=2.50 output=10")]
    NoPrice,
    /// A meter is given twice.
    #[error("{0} is given twice")]
    Twice(Meter),
    /// Without a source nobody can check the price later.
    #[error("the source is empty; say where the price was read, such as an invoice or a page")]
    NoSource,
    /// A name that cannot be one model's.
    #[error("{0:?} is a pattern; name one model, or write aliases in a price file of your own")]
    Pattern(String),
    /// A name that cannot name a file.
    #[error("{0:?} is no provider's name; it has letters, digits, - and _ only")]
    Provider(String),
    /// The end is not after the start.
    #[error("the price would end before it begins")]
    Backwards,
}

/// The rows that make an adjustment, the adjusted one first.
pub fn adjust(list: &PriceList, adjustment: &Adjustment) -> Result<Vec<PriceRow>, AdjustError> {
    refuse(adjustment)?;
    let at = adjustment.from.unwrap_or(adjustment.now);
    let reading = Reading { at, known_at: adjustment.now, view: view_of(adjustment.kind) };
    let mut rows = vec![adjusted(list, adjustment, &reading)];
    rows.extend(kept_bands(list, adjustment, &reading));
    Ok(rows)
}

/// In which view an adjustment shows: an override in both, a contract in what is paid only.
#[must_use]
pub const fn view_of(kind: PriceKind) -> PriceView {
    match kind {
        PriceKind::Contract => PriceView::Contracted,
        PriceKind::List | PriceKind::Override => PriceView::List,
    }
}

/// Whether a row is one that an adjustment of this kind and key has made; a key without a band means every band.
#[must_use]
pub fn is_made_by(row: &PriceRow, key: &RowKey, kind: PriceKind, from: Option<Timestamp>) -> bool {
    let same = RowKey { context_above: key.context_above, ..RowKey::of(row) } == *key;
    let band = key.context_above == 0 || row.context_above == key.context_above;
    let start = from.is_none() || row.effective_from == from;
    same && band && start && row.kind == kind
}

fn refuse(a: &Adjustment) -> Result<(), AdjustError> {
    if a.kind == PriceKind::List {
        return Err(AdjustError::Published);
    }
    if a.prices.is_empty() {
        return Err(AdjustError::NoPrice);
    }
    let twice = |(i, (meter, _)): (usize, &(Meter, UnitPrice))| {
        a.prices[..i].iter().any(|(other, _)| other == meter).then_some(*meter)
    };
    if let Some(meter) = a.prices.iter().enumerate().find_map(twice) {
        return Err(AdjustError::Twice(meter));
    }
    if a.source.trim().is_empty() {
        return Err(AdjustError::NoSource);
    }
    if a.key.model.is_empty() || a.key.model.contains('*') {
        return Err(AdjustError::Pattern(a.key.model.clone()));
    }
    if !is_plain_name(&a.key.provider) {
        return Err(AdjustError::Provider(a.key.provider.clone()));
    }
    match (a.from, a.until) {
        (Some(from), Some(until)) if from >= until => Err(AdjustError::Backwards),
        _ => Ok(()),
    }
}

/// Whether a provider's name can be a file's.
#[must_use]
pub fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn adjusted(list: &PriceList, a: &Adjustment, reading: &Reading) -> PriceRow {
    let base = a.key.find(list, reading).cloned();
    let mut row = base.clone().unwrap_or_else(|| blank(&a.key));
    for &(meter, price) in &a.prices {
        row.prices.set(meter, Some(price));
        row.conflicts.retain(|c| c.meter != meter);
    }
    let set = |meter: Meter| a.prices.iter().any(|(m, _)| *m == meter);
    let takes_along = row.prices.iter().any(|(meter, _)| !set(meter)) || !row.conflicts.is_empty();
    let source = match &base {
        Some(base) if takes_along => format!("{}; other meters from {}", a.source, base.source),
        _ => a.source.clone(),
    };
    let aliases = aliases(list, a, base.as_ref(), reading);
    PriceRow { aliases, source, as_of: a.as_of.clone(), ..stamped(row, a) }
}

/// The names beside its own under which calls of the model come: those that the row below has, and its dated
/// snapshots at the same price.
fn aliases(list: &PriceList, a: &Adjustment, base: Option<&PriceRow>, reading: &Reading) -> Vec<String> {
    let own = base.filter(|base| base.model == a.key.model);
    let mut names = own.map(|base| base.aliases.clone()).unwrap_or_default();
    if !a.exact_name {
        names.extend(snapshots_of(&only_published(list), &a.key, reading));
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// The bands above, as they are: a row of this kind without them would take them away.
fn kept_bands(list: &PriceList, a: &Adjustment, reading: &Reading) -> Vec<PriceRow> {
    let is_above = |key: &RowKey| {
        let at_this_band = RowKey { context_above: a.key.context_above, ..key.clone() };
        at_this_band == a.key && key.context_above > a.key.context_above
    };
    let rows = in_force(list, reading).into_iter().filter(|(key, _)| is_above(key));
    let hidden = rows.filter(|(key, row)| row.context_above == key.context_above && row.kind < a.kind);
    let kept = |(key, row): (RowKey, &PriceRow)| {
        let names = aliases(list, &Adjustment { key, ..a.clone() }, Some(row), reading);
        PriceRow { aliases: names, ..stamped(row.clone(), a) }
    };
    hidden.map(kept).collect()
}

/// A row as a posting of this adjustment.
fn stamped(row: PriceRow, a: &Adjustment) -> PriceRow {
    PriceRow {
        provider: a.key.provider.clone(),
        model: a.key.model.clone(),
        region: a.key.region.clone(),
        tier: a.key.tier,
        context_above: row.context_above.max(a.key.context_above),
        kind: a.kind,
        effective_from: a.from,
        effective_to: a.until,
        recorded_at: a.now,
        ..row
    }
}

fn blank(key: &RowKey) -> PriceRow {
    PriceRow {
        provider: key.provider.clone(),
        model: key.model.clone(),
        aliases: Vec::new(),
        region: key.region.clone(),
        tier: key.tier,
        context_above: key.context_above,
        kind: PriceKind::Override,
        effective_from: None,
        effective_to: None,
        recorded_at: Timestamp::default(),
        source: String::new(),
        as_of: String::new(),
        prices: bursar_core::price_list::UnitPrices::default(),
        conflicts: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use bursar_core::ServiceTier;

    use super::*;
    use crate::PriceBook;
    use crate::compare::Stated;

    const FILE: &str = r#"
        format = 1
        provider = "acme"
        recorded_at = "2026-07-01"
        [[row]]
        model = "m"
        aliases = ["m-latest"]
        source = "first list"
        as_of = "2026-07-01"
        price.input = "1"
        price.cache_read = "0.1"
        price.output = "4"
        [[row.conflict]]
        meter = "input"
        price = "2"
        source = "second list"
        [[row.conflict]]
        meter = "output"
        price = "5"
        source = "second list"
        [[row]]
        model = "m"
        context_above = 200000
        source = "first list"
        price.input = "3"
        price.output = "9"
        [[row]]
        model = "m-2026-05-01"
        source = "first list"
        price.input = "1"
        price.cache_read = "0.1"
        price.output = "4"
        [[row]]
        model = "m-2025-01-01"
        source = "first list"
        price.input = "7"
    "#;

    fn list() -> PriceList {
        PriceBook::from_files([("acme.toml", FILE)]).unwrap().list.clone()
    }

    fn day(text: &str) -> Timestamp {
        crate::date::parse(text).unwrap()
    }

    fn adjustment(kind: PriceKind, prices: &[(Meter, &str)]) -> Adjustment {
        let price = |&(m, text): &(Meter, &str)| (m, UnitPrice::from_dollars_per_million(text).unwrap());
        Adjustment {
            key: RowKey {
                provider: "acme".to_owned(),
                model: "m".to_owned(),
                tier: ServiceTier::Standard,
                region: None,
                context_above: 0,
            },
            kind,
            prices: prices.iter().map(price).collect(),
            source: "the invoice".to_owned(),
            as_of: "2026-08-01".to_owned(),
            from: None,
            until: None,
            exact_name: false,
            now: day("2026-08-01"),
        }
    }

    fn with(rows: Vec<PriceRow>) -> PriceList {
        PriceList::new(list().rows().iter().cloned().chain(rows).collect())
    }

    fn reading(view: PriceView) -> Reading {
        Reading { at: day("2026-08-02"), known_at: day("2026-08-02"), view }
    }

    #[test]
    fn an_override_settles_what_it_names_and_takes_the_rest_along() {
        let rows = adjust(&list(), &adjustment(PriceKind::Override, &[(Meter::Input, "1.5")])).unwrap();
        let shown = |meter| Stated::of(&rows[0], meter).text(meter);
        assert_eq!(
            [shown(Meter::Input), shown(Meter::CacheRead), shown(Meter::Output)],
            ["1.50", "0.10", "4.00 or 5.00"]
        );
        assert_eq!(rows[0].source, "the invoice; other meters from first list");
    }

    #[test]
    fn the_bands_above_and_the_snapshots_at_the_same_price_stay_priced() {
        let rows = adjust(&list(), &adjustment(PriceKind::Contract, &[(Meter::Input, "0.8")])).unwrap();
        let list = with(rows);
        let input = |model: &str, above| {
            let key = RowKey { context_above: above, ..adjustment(PriceKind::Contract, &[]).key };
            let row = key.for_model(model).find(&list, &reading(PriceView::Contracted)).unwrap();
            Stated::of(row, Meter::Input).text(Meter::Input)
        };
        assert_eq!([input("m", 0), input("m-latest", 0), input("m-2026-05-01", 0)], ["0.80"; 3]);
        assert_eq!(input("m", 200_000), "3.00");
        assert_eq!(input("m-2025-01-01", 0), "7.00");
    }

    #[test]
    fn an_exact_name_leaves_the_snapshots_as_they_are() {
        let only =
            Adjustment { exact_name: true, ..adjustment(PriceKind::Override, &[(Meter::Input, "1.5")]) };
        assert_eq!(adjust(&list(), &only).unwrap()[0].aliases, ["m-latest"]);
    }

    #[test]
    fn a_contract_does_not_show_at_list_prices() {
        let list = with(adjust(&list(), &adjustment(PriceKind::Contract, &[(Meter::Input, "0.8")])).unwrap());
        let key = adjustment(PriceKind::Contract, &[]).key;
        let kind = |view| key.find(&list, &reading(view)).unwrap().kind;
        assert_eq!(
            [kind(PriceView::List), kind(PriceView::Contracted)],
            [PriceKind::List, PriceKind::Contract]
        );
    }

    #[test]
    fn a_model_that_the_list_does_not_have_gets_the_prices_that_are_given_and_no_others() {
        let mut unknown = adjustment(PriceKind::Override, &[(Meter::Input, "2"), (Meter::Output, "8")]);
        unknown.key = unknown.key.for_model("house");
        let rows = adjust(&list(), &unknown).unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].prices.iter().count(), 2);
        assert_eq!(rows[0].source, "the invoice");
    }

    #[test]
    fn what_an_adjustment_has_made_is_found_again_and_nothing_else() {
        let made = adjustment(PriceKind::Override, &[(Meter::Input, "1.5")]);
        let rows = adjust(&list(), &made).unwrap();
        assert!(rows.iter().all(|r| is_made_by(r, &made.key, PriceKind::Override, None)));
        assert!(list().rows().iter().all(|r| !is_made_by(r, &made.key, PriceKind::Override, None)));
        assert!(!is_made_by(&rows[0], &made.key, PriceKind::Contract, None));
        assert!(!is_made_by(&rows[0], &made.key.for_model("n"), PriceKind::Override, None));
    }

    #[test]
    fn what_cannot_be_set_is_refused() {
        let good = adjustment(PriceKind::Override, &[(Meter::Input, "1")]);
        let refused = |a: Adjustment| adjust(&list(), &a).unwrap_err();
        assert_eq!(refused(Adjustment { prices: Vec::new(), ..good.clone() }), AdjustError::NoPrice);
        assert_eq!(refused(Adjustment { source: " ".to_owned(), ..good.clone() }), AdjustError::NoSource);
        assert_eq!(refused(Adjustment { kind: PriceKind::List, ..good.clone() }), AdjustError::Published);
        let twice =
            Adjustment { prices: [good.prices.clone(), good.prices.clone()].concat(), ..good.clone() };
        assert_eq!(refused(twice), AdjustError::Twice(Meter::Input));
        let mut pattern = good.clone();
        pattern.key.model = "gpt-*".to_owned();
        assert!(matches!(refused(pattern), AdjustError::Pattern(_)));
        let mut path = good.clone();
        path.key.provider = "../acme".to_owned();
        assert!(matches!(refused(path), AdjustError::Provider(_)));
        let (from, until) = (Some(day("2026-08-02")), Some(day("2026-08-01")));
        assert_eq!(refused(Adjustment { from, until, ..good }), AdjustError::Backwards);
    }
}
