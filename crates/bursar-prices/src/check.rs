//! Everything that is wrong with a price list that can be read.

use std::collections::{BTreeMap, HashMap};

use bursar_core::{Meter, PriceKind, PriceList, PriceRow, PriceView, Timestamp};

use crate::call::is_snapshot_of;
use crate::compare::{Stated, Values};
use crate::date;
use crate::in_force::{InForce, Reading, RowKey, in_force};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Sources disagree about a row that holds: the meters, each with what every source says.
    Quarantined {
        /// The row.
        key: RowKey,
        /// The disputed meters and what each source says.
        meters: Vec<(Meter, Values)>,
    },
    /// Two rows of one kind, recorded at the same moment, hold at the same time with different prices; the later in
    /// the files wins, which nobody has decided.
    Overlapping {
        /// What both are about.
        key: RowKey,
        /// Their kind.
        kind: PriceKind,
        /// The sources of the two, the one that wins last.
        sources: [String; 2],
    },
    /// A contract or override without a context band holds before a list price above one, and takes it away.
    HidesBand {
        /// What is hidden.
        key: RowKey,
        /// The kind of the row that hides it.
        by: PriceKind,
    },
    /// A contract or override names a model and not its dated snapshot, under which the provider answers: the
    /// snapshot keeps the list price.
    LeavesSnapshot {
        /// The contract or override.
        key: RowKey,
        /// Its kind.
        kind: PriceKind,
        /// The snapshot's name.
        snapshot: String,
    },
    /// Rows that hold and whose source is old.
    Stale {
        /// The provider.
        provider: String,
        /// The date of the source as it says it; empty where it says none.
        as_of: String,
        /// Days since then; `None` where the date is not known.
        days: Option<i64>,
        /// How many rows.
        rows: usize,
    },
}

const MICROS_PER_DAY: i64 = 86_400_000_000;

impl Trouble {
    /// The provider that it is about.
    #[must_use]
    pub fn provider(&self) -> &str {
        match self {
            Trouble::Stale { provider, .. } => provider,
            _ => self.key().map_or("", |key| &key.provider),
        }
    }

    /// The row that it is about, where it is about one.
    #[must_use]
    pub fn key(&self) -> Option<&RowKey> {
        match self {
            Trouble::Quarantined { key, .. }
            | Trouble::Overlapping { key, .. }
            | Trouble::HidesBand { key, .. }
            | Trouble::LeavesSnapshot { key, .. } => Some(key),
            Trouble::Stale { .. } => None,
        }
    }

    /// A stable name for its sort.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Trouble::Quarantined { .. } => "quarantined",
            Trouble::Overlapping { .. } => "overlapping",
            Trouble::HidesBand { .. } => "hides_band",
            Trouble::LeavesSnapshot { .. } => "leaves_snapshot",
            Trouble::Stale { .. } => "stale",
        }
    }
}

/// Checks a list as it holds at `now`. A source is old after `stale_days`.
#[must_use]
pub fn check(list: &PriceList, now: Timestamp, stale_days: i64) -> Vec<Trouble> {
    let reading = |view| Reading { at: now, known_at: now, view };
    let contracted = in_force(list, &reading(PriceView::Contracted));
    let published = in_force(list, &reading(PriceView::List));
    let mut troubles: Vec<Trouble> = contracted.iter().filter_map(|(k, row)| quarantined(k, row)).collect();
    troubles.extend(overlapping(list, now));
    troubles.extend(contracted.iter().filter_map(|(k, row)| hides_band(k, row)));
    troubles.extend(leaves_snapshots(list, &contracted, &reading(PriceView::Contracted)));
    troubles.extend(stale(&published, now, stale_days));
    troubles
}

fn quarantined(key: &RowKey, row: &PriceRow) -> Option<Trouble> {
    let disputed = |&meter: &Meter| match Stated::of(row, meter) {
        Stated::Disputed(values) => Some((meter, values)),
        _ => None,
    };
    let meters: Vec<_> = Meter::ALL.iter().filter_map(disputed).collect();
    // A row that answers for a band or name that is not its own is told where it stands itself.
    let own = row.model == key.model && row.context_above == key.context_above;
    (own && !meters.is_empty()).then(|| Trouble::Quarantined { key: key.clone(), meters })
}

/// Rows between which neither their names, kinds and bands nor their times decide.
fn overlapping(list: &PriceList, now: Timestamp) -> Vec<Trouble> {
    let mut by_key: HashMap<(RowKey, PriceKind, Timestamp), Vec<&PriceRow>> = HashMap::new();
    for row in list.rows().iter().filter(|row| row.effective_to.is_none_or(|to| to > now)) {
        by_key.entry((RowKey::of(row), row.kind, row.recorded_at)).or_default().push(row);
    }
    let mut found: Vec<Trouble> = Vec::new();
    for ((key, kind, _), rows) in by_key {
        let pairs = rows.iter().enumerate().flat_map(|(i, a)| rows[i + 1..].iter().map(move |b| (a, b)));
        let clash =
            |(a, b): &(&&PriceRow, &&PriceRow)| a.effective_from == b.effective_from && a.prices != b.prices;
        found.extend(pairs.filter(clash).map(|(a, b)| Trouble::Overlapping {
            key: key.clone(),
            kind,
            sources: [a.source.clone(), b.source.clone()],
        }));
    }
    found.sort_by(|a, b| a.key().cmp(&b.key()));
    found
}

fn hides_band(key: &RowKey, row: &PriceRow) -> Option<Trouble> {
    let hides = row.kind != PriceKind::List && row.context_above < key.context_above;
    hides.then(|| Trouble::HidesBand { key: key.clone(), by: row.kind })
}

/// Snapshots that a contract or override leaves at the list price, though the list prices them as the model.
fn leaves_snapshots(list: &PriceList, contracted: &InForce<'_>, reading: &Reading) -> Vec<Trouble> {
    let published = only_published(list);
    let ours = contracted.iter().filter(|(key, row)| row.kind != PriceKind::List && row.model == key.model);
    let left = |(key, row): (&RowKey, &&PriceRow)| {
        let is_left = |name: &String| {
            let found = key.for_model(name).find(list, reading);
            found.is_some_and(|other| other.kind == PriceKind::List)
        };
        let names = snapshots_of(&published, key, reading).into_iter().filter(is_left);
        let of = |snapshot| Trouble::LeavesSnapshot { key: key.clone(), kind: row.kind, snapshot };
        names.map(of).collect::<Vec<_>>()
    };
    ours.flat_map(left).collect()
}

/// The published rows alone, without overrides and contracts.
pub(crate) fn only_published(list: &PriceList) -> PriceList {
    PriceList::new(list.rows().iter().filter(|row| row.kind == PriceKind::List).cloned().collect())
}

/// Other names of a model that a list prices as it prices the model itself: its dated snapshots, and the aliases of
/// its row.
pub(crate) fn snapshots_of(published: &PriceList, key: &RowKey, reading: &Reading) -> Vec<String> {
    let own = key.find(published, reading).map(|row| row.prices);
    let rows = published.rows().iter().filter(|row| row.provider == key.provider);
    let mut found: Vec<&str> = Vec::new();
    for row in rows {
        let aliases = row.aliases.iter().filter(|alias| !alias.ends_with('*')).map(String::as_str);
        let is_own = row.model == key.model;
        let names = std::iter::once(row.model.as_str()).chain(aliases);
        found.extend(names.filter(|name| *name != key.model && (is_own || is_snapshot_of(name, &key.model))));
    }
    found.sort_unstable();
    found.dedup();
    let priced_alike = |name: &&str| {
        let prices = key.for_model(name).find(published, reading).map(|row| row.prices);
        prices.is_some() && prices == own
    };
    found.into_iter().filter(priced_alike).map(str::to_owned).collect()
}

/// Old sources, by provider and date. What is set by hand or by contract holds until somebody ends it.
fn stale(rows: &InForce<'_>, now: Timestamp, stale_days: i64) -> Vec<Trouble> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for row in rows.values().filter(|row| row.kind == PriceKind::List) {
        *counts.entry((&row.provider, &row.as_of)).or_default() += 1;
    }
    let of = |((provider, as_of), rows): ((&str, &str), usize)| {
        let days = date::of_source(as_of).map(|at| (now.micros() - at.micros()).div_euclid(MICROS_PER_DAY));
        let old = days.is_none_or(|days| days > stale_days);
        old.then(|| Trouble::Stale { provider: provider.to_owned(), as_of: as_of.to_owned(), days, rows })
    };
    counts.into_iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PriceBook;

    const HEAD: &str = "format = 1\nprovider = \"acme\"\nrecorded_at = \"2026-07-01\"\n";

    fn row(fields: &str) -> String {
        let as_of = if fields.contains("as_of") { "" } else { "as_of = \"2026-07-01\"\n" };
        format!("[[row]]\nsource = \"list\"\n{as_of}{fields}\n")
    }

    fn names(rows: &[String]) -> Vec<&'static str> {
        troubles(rows).iter().map(Trouble::name).collect()
    }

    fn troubles(rows: &[String]) -> Vec<Trouble> {
        let book = PriceBook::from_files([("acme.toml", format!("{HEAD}{}", rows.concat()))]).unwrap();
        check(&book.list, date::parse("2026-08-01").unwrap(), 180)
    }

    const PRICE: &str = "price.input = \"1\"";

    #[test]
    fn a_list_without_trouble_has_none() {
        assert_eq!(names(&[row(&format!("model = \"m\"\n{PRICE}"))]), [""; 0]);
    }

    #[test]
    fn a_quarantined_row_gives_both_values_until_an_override_settles_it() {
        let conflict = "[[row.conflict]]\nmeter = \"input\"\nprice = \"2\"\nsource = \"other\"";
        let disputed = row(&format!("model = \"m\"\n{PRICE}\n{conflict}"));
        let found = troubles(std::slice::from_ref(&disputed));
        let [Trouble::Quarantined { meters, .. }] = found.as_slice() else { panic!("{found:?}") };
        let values: Vec<&str> = meters[0].1.iter().map(|(source, _)| source.as_str()).collect();
        assert_eq!((meters[0].0, values), (Meter::Input, vec!["list", "other"]));
        let settled = row("model = \"m\"\nkind = \"override\"\nprice.input = \"2\"");
        assert_eq!(names(&[disputed, settled]), [""; 0]);
    }

    #[test]
    fn rows_that_overlap_are_told_where_nothing_decides_between_them() {
        let at = |price: &str, more: &str| row(&format!("model = \"m\"\nprice.input = \"{price}\"\n{more}"));
        assert_eq!(names(&[at("1", ""), at("2", "")]), ["overlapping"]);
        assert_eq!(names(&[at("1", ""), at("1", "")]), [""; 0]);
        assert_eq!(names(&[at("1", ""), at("2", "recorded_at = \"2026-07-02\"")]), [""; 0]);
        assert_eq!(names(&[at("1", ""), at("2", "tier = \"batch\"")]), [""; 0]);
        assert_eq!(names(&[at("1", ""), at("2", "effective_from = \"2026-07-15\"")]), [""; 0]);
    }

    #[test]
    fn a_contract_that_takes_a_long_context_price_away_is_told() {
        let band = row("model = \"m\"\ncontext_above = 200000\nprice.input = \"2\"");
        let base = row(&format!("model = \"m\"\n{PRICE}"));
        let contract = row("model = \"m\"\nkind = \"contract\"\nprice.input = \"0.8\"");
        assert_eq!(names(&[base.clone(), band.clone()]), [""; 0]);
        assert_eq!(names(&[base, band, contract]), ["hides_band"]);
    }

    #[test]
    fn a_contract_that_leaves_a_dated_snapshot_at_the_list_price_is_told() {
        let rows = |aliases: &str| {
            [
                row(&format!("model = \"m\"\n{PRICE}")),
                row(&format!("model = \"m-2026-05-01\"\n{PRICE}")),
                row(&format!("model = \"m-large\"\n{PRICE}")),
                row(&format!("model = \"m\"\nkind = \"contract\"\n{aliases}price.input = \"0.8\"")),
            ]
        };
        let found = troubles(&rows(""));
        let [Trouble::LeavesSnapshot { snapshot, .. }] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(snapshot, "m-2026-05-01");
        assert_eq!(names(&rows("aliases = [\"m-2026-05-01\"]\n")), [""; 0]);
        let aliased = row(&format!("model = \"m\"\naliases = [\"m-latest\"]\n{PRICE}"));
        assert_eq!(names(&[aliased, rows("")[3].clone()]), ["leaves_snapshot"]);
    }

    #[test]
    fn an_old_source_is_told_once_with_the_number_of_its_rows() {
        let old =
            |model: &str, as_of: &str| row(&format!("model = \"{model}\"\nas_of = \"{as_of}\"\n{PRICE}"));
        let found = troubles(&[old("a", "2025-12"), old("b", "2025-12"), old("c", "2026-06-30")]);
        let stale = Trouble::Stale {
            provider: "acme".to_owned(),
            as_of: "2025-12".to_owned(),
            days: Some(243),
            rows: 2,
        };
        assert_eq!(found, [stale]);
        assert_eq!(names(&[old("a", "soon")]), ["stale"]);
    }
}
