//! What differs between two readings of price lists.

use bursar_core::{Meter, PriceRow, UnitPrice};

use crate::file::price_text;
use crate::in_force::{InForce, RowKey};
use crate::source_text::without;

/// What several sources say about one price, each by its name; `None` where one says that there is none.
pub type Values = Vec<(String, Option<UnitPrice>)>;

/// What a list says about one meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stated {
    /// Nothing; the price is unknown, which is not free.
    Nothing,
    /// A price.
    Price(UnitPrice),
    /// Sources disagree: each with what it says.
    Disputed(Values),
}

/// One meter's difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterDifference {
    /// The meter.
    pub meter: Meter,
    /// What was said before.
    pub before: Stated,
    /// What is said after.
    pub after: Stated,
}

/// Whether a row is in both readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// In the second only.
    New,
    /// In the first only.
    Gone,
    /// In both.
    Both,
}

/// One row's differences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The row.
    pub key: RowKey,
    /// Whether both readings have it.
    pub presence: Presence,
    /// The meters that differ, in the order of statements.
    pub meters: Vec<MeterDifference>,
}

impl Stated {
    /// What a row says about a meter.
    #[must_use]
    pub fn of(row: &PriceRow, meter: Meter) -> Stated {
        let others: Vec<_> = row.conflicts.iter().filter(|c| c.meter == meter).collect();
        if others.is_empty() {
            return row.prices.get(meter).map_or(Stated::Nothing, Stated::Price);
        }
        let sources: Vec<&str> = others.iter().map(|c| c.source.as_str()).collect();
        let source = without(&row.source, &sources);
        let own = (source, row.prices.get(meter));
        Stated::Disputed(
            std::iter::once(own).chain(others.iter().map(|c| (c.source.clone(), c.price))).collect(),
        )
    }

    /// The price, as files write it: `2.50`, `unknown`, or `2.50 or 3.00` in a dispute.
    #[must_use]
    pub fn text(&self, meter: Meter) -> String {
        let shown = |price: Option<UnitPrice>| price.map_or("nothing".to_owned(), |p| price_text(meter, p));
        match self {
            Stated::Nothing => "unknown".to_owned(),
            Stated::Price(price) => price_text(meter, *price),
            Stated::Disputed(values) => {
                values.iter().map(|(_, price)| shown(*price)).collect::<Vec<_>>().join(" or ")
            }
        }
    }
}

/// Every row that differs, in order. A dispute that is settled at one of its prices is a difference as well.
#[must_use]
pub fn differences(before: &InForce<'_>, after: &InForce<'_>) -> Vec<Difference> {
    let mut keys: Vec<&RowKey> = before.keys().chain(after.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter().filter_map(|key| difference(key, before.get(key), after.get(key))).collect()
}

fn difference(key: &RowKey, old: Option<&&PriceRow>, new: Option<&&PriceRow>) -> Option<Difference> {
    let presence = match (old, new) {
        (None, _) => Presence::New,
        (_, None) => Presence::Gone,
        _ => Presence::Both,
    };
    let stated = |row: Option<&&PriceRow>, meter| row.map_or(Stated::Nothing, |row| Stated::of(row, meter));
    let of = |&meter: &Meter| {
        let (before, after) = (stated(old, meter), stated(new, meter));
        (!is_same(&before, &after)).then_some(MeterDifference { meter, before, after })
    };
    let meters: Vec<MeterDifference> = Meter::ALL.iter().filter_map(of).collect();
    (!meters.is_empty()).then(|| Difference { key: key.clone(), presence, meters })
}

/// The same prices in dispute are the same, whatever the versions of their sources are called.
fn is_same(a: &Stated, b: &Stated) -> bool {
    match (a, b) {
        (Stated::Disputed(a), Stated::Disputed(b)) => {
            a.iter().map(|(_, price)| price).eq(b.iter().map(|(_, price)| price))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PriceBook;
    use crate::in_force::{Reading, in_force};
    use bursar_core::PriceView;

    const OLD: &str = r#"
        format = 1
        provider = "acme"
        recorded_at = "2026-07-01"
        [[row]]
        model = "same"
        source = "list"
        price.input = "1"
        [[row]]
        model = "dearer"
        source = "list"
        price.input = "1"
        price.output = "4"
        [[row]]
        model = "gone"
        source = "list"
        price.web_searches = "0.01"
        [[row]]
        model = "disputed"
        source = "list"
        price.input = "1"
        [[row.conflict]]
        meter = "input"
        price = "2"
        source = "other list"
    "#;

    const NEW: &str = r#"
        format = 1
        provider = "acme"
        recorded_at = "2026-07-01"
        [[row]]
        model = "same"
        source = "another source"
        price.input = "1.00"
        [[row]]
        model = "dearer"
        source = "list"
        price.input = "1"
        price.output = "5"
        [[row]]
        model = "disputed"
        source = "list"
        price.input = "1"
        [[row]]
        model = "new"
        source = "list"
        price.input = "3"
    "#;

    fn told(old: &str, new: &str) -> Vec<String> {
        let at = crate::date::parse("2026-08-01").unwrap();
        let reading = Reading { at, known_at: at, view: PriceView::List };
        let book = |text: &str| PriceBook::from_files([("acme.toml", text)]).unwrap();
        let (old, new) = (book(old), book(new));
        let found = differences(&in_force(&old.list, &reading), &in_force(&new.list, &reading));
        let line = |d: &Difference, m: &MeterDifference| {
            let (before, after) = (m.before.text(m.meter), m.after.text(m.meter));
            format!("{:?} {} {}: {before} → {after}", d.presence, d.key, m.meter)
        };
        found.iter().flat_map(|d| d.meters.iter().map(move |m| line(d, m))).collect()
    }

    #[test]
    fn what_differs_is_told_by_meter_with_both_prices() {
        assert_eq!(
            told(OLD, NEW),
            [
                "Both acme/dearer output: 4.00 → 5.00",
                "Both acme/disputed input: 1.00 or 2.00 → 1.00",
                "Gone acme/gone web_searches: 0.01 → unknown",
                "New acme/new input: unknown → 3.00",
            ]
        );
    }

    #[test]
    fn a_list_does_not_differ_from_itself() {
        assert!(told(OLD, OLD).is_empty());
    }
}
