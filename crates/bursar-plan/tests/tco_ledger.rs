//! The cost of owning a node: read from tco.toml, exact to the nano-dollar, and plausible beside a published model.

use bursar_core::{Money, Timestamp};
use bursar_plan::supply::{Dated, NodeType, Supply, SupplyRow, Term};
use bursar_plan::tco::{
    HOURS_PER_YEAR, LineKind, Millionths, Ownership, ScheduleYear, Tco, TcoError, read_tco,
};
use num_rational::BigRational;
use proptest::prelude::*;

fn today() -> Timestamp {
    Timestamp::from_date(2026, 11, 24).unwrap()
}

const FINE: &str = r#"format = 1

[site]
pue = 1.3
usd_per_kwh = "0.09"
wacc = 0.08
source = "the site's contract"
as_of = 2026-09-01

[[node]]
name = "hgx-h100"
accelerator = "H100"
accelerators = 8
at_most = 3
capex_usd = 310000
network_usd = "40000"
years = 4
residual = 0.1
power_kw = 10.2
idle_power = 0.3
space_usd_per_year = 6000
staff_usd_per_year = 9000
maintenance = 0.03
spares = 0.02
source = "the vendor's quote"
as_of = 2026-10-12
"#;

fn read(text: &str) -> Result<Tco, String> {
    read_tco("tco.toml", text, today()).map_err(|p| p.to_string())
}

fn node() -> Ownership {
    read(FINE).unwrap().nodes.remove(0)
}

fn dollars(text: &str) -> Money {
    text.parse().unwrap()
}

#[test]
fn a_whole_file_gives_a_ledger_whose_lines_were_checked_by_hand() {
    let ledger = node().ledger(Millionths::from_millionths(600_000)).unwrap();
    let line = |kind: LineKind| ledger.lines.iter().find(|l| l.kind == kind).unwrap().per_year;
    assert_eq!(line(LineKind::Depreciation), dollars("69750")); // 310000 × 0.9 / 4
    assert_eq!(line(LineKind::Network), dollars("10000"));
    // (350000 − 31000·1.08⁻⁴) · 0.08·1.08⁴/(1.08⁴ − 1) − 79750, worked out with 50 decimals
    assert_eq!(line(LineKind::Capital), dollars("19042.736620839"));
    // 10.2 kW × (0.3 + 0.7·0.6) × 1.3 × 8760 h × $0.09
    assert_eq!(line(LineKind::Power), dollars("7527.01248"));
    assert_eq!([line(LineKind::Space), line(LineKind::Staff)], [dollars("6000"), dollars("9000")]);
    assert_eq!([line(LineKind::Maintenance), line(LineKind::Spares)], [dollars("9300"), dollars("6200")]);
    assert_eq!(ledger.lines.len(), LineKind::ALL.len());
    assert_eq!(Money::checked_sum(ledger.lines.iter().map(|l| l.per_hour)), Some(ledger.per_hour));
}

#[test]
fn an_owned_node_is_a_row_of_supply_with_the_older_of_its_dates() {
    let owned = node();
    let row = owned.supply_row(Millionths::ONE).unwrap();
    let offer = &row.node.offers[0];
    assert_eq!((offer.term, row.at_most, row.node.provider.as_str()), (Term::Owned, Some(3), "own"));
    assert_eq!(offer.per_hour, owned.ledger(Millionths::ONE).unwrap().per_hour);
    assert_eq!(offer.dated.as_of, Timestamp::from_date(2026, 9, 1).unwrap());
    let tco = read(FINE).unwrap();
    assert!(!tco.staleness(today()).weakens());
    let staleness = tco.staleness(Timestamp::from_date(2027, 3, 5).unwrap());
    assert_eq!((staleness.stale.len(), staleness.facts), (1, 2));
}

#[test]
fn figures_in_the_wrong_unit_are_told_with_the_likely_one() {
    let told = |from: &str, to: &str| {
        assert!(FINE.contains(from), "{from}");
        read(&FINE.replacen(from, to, 1)).expect_err(to)
    };
    let all = [
        told("usd_per_kwh = \"0.09\"", "usd_per_kwh = 9"),
        told("usd_per_kwh = \"0.09\"", "usd_per_kwh = 0.00009"),
        told("pue = 1.3", "pue = 0.77"),
        told("pue = 1.3", "pue = 130"),
        told("wacc = 0.08", "wacc = 8"),
        told("years = 4", "years = 48"),
        told("years = 4", "years = 17"),
        told("years = 4", "years = 0"),
        told("power_kw = 10.2", "power_kw = 10200"),
        told("power_kw = 10.2", "power_kw = 0.1"),
        told("idle_power = 0.3", "idle_power = 30"),
        told("residual = 0.1", "residual = 31000"),
        told("maintenance = 0.03", "maintenance = 9300"),
        told("capex_usd = 310000", "capex_usd = 310"),
        told("capex_usd = 310000", "capex_usd = 31000000"),
        told("spares = 0.02\n", ""),
        told("[site]", "[sites]"),
        told("capex_usd", "capx_usd"),
    ];
    insta::assert_snapshot!(all.join("\n"));
    let checked = FINE.replace("usd_per_kwh = \"0.09\"", "usd_per_kwh = 1.2\nchecked = \"diesel\"");
    assert_eq!(read(&checked).unwrap().nodes[0].per_kwh, dollars("1.2"));
}

#[test]
fn impossible_figures_are_refused_by_the_ledger_itself() {
    let refused = |change: fn(&mut Ownership), busy| {
        let mut owned = node();
        change(&mut owned);
        owned.ledger(Millionths::from_millionths(busy)).unwrap_err()
    };
    assert_eq!(refused(|o| o.years = 0, 0), TcoError::NoYears);
    assert_eq!(refused(|o| o.residual = o.capex.checked_add(o.capex).unwrap(), 0), TcoError::Residual);
    assert_eq!(refused(|_| (), 1_000_001), TcoError::Utilisation);
    assert_eq!(refused(|o| o.space = Money::from_nanos(i64::MAX), 0), TcoError::OutOfRange("year"));
}

#[test]
fn what_owning_costs_lies_in_the_band_of_a_published_model() {
    // A plausibility band, not a claim: the published rows do not say what their capital and sites cost. The dearer
    // and the cheaper end of what a node of eight H100s was quoted at, with little and with much around it.
    let (lean, rich) =
        (owned_h100("200000", "10000", "0.05", 30_000), owned_h100("320000", "50000", "0.15", 120_000));
    let of = |o: &Ownership| o.ledger(Millionths::from_millionths(600_000)).unwrap().per_hour.nanos() / 8;
    let (low, high) = (Money::from_nanos(of(&lean)), Money::from_nanos(of(&rich)));
    let benchmarks = Supply::owned_benchmarks();
    let h100 = benchmarks.iter().find(|b| b.accelerator == "H100").unwrap();
    println!(
        "an owned H100 by this ledger: ${low} to ${high} an hour; published: hyperscaler ${}, neocloud ${}, \
              three-year rental ${}",
        h100.hyperscaler, h100.neocloud, h100.three_years
    );
    assert!(low < h100.neocloud && h100.hyperscaler < high, "{low} {high}");
}

fn owned_h100(capex: &str, network: &str, tariff: &str, maintenance: u64) -> Ownership {
    let maintenance =
        Money::from_nanos(dollars(capex).nanos() / 1_000_000 * i64::try_from(maintenance).unwrap());
    Ownership {
        capex: dollars(capex),
        network: dollars(network),
        per_kwh: dollars(tariff),
        maintenance,
        ..node()
    }
}

fn ownerships() -> impl Strategy<Value = Ownership> {
    let money = || (0i64..1_000_000_000_000_000).prop_map(Money::from_nanos);
    let capital =
        (1i64..10_000_000_000_000_000, 0i64..1_000_000_000_000_000, 0.0f64..=1.0, 1u32..=15, 0u64..500_000);
    let power = (0u64..200_000_000, 0u64..=1_000_000, 1_000_000u64..3_000_000, 0i64..1_000_000_000);
    (capital, power, (money(), money(), money(), money())).prop_map(
        |(c, p, (space, staff, maintenance, spares))| {
            let millionths = Millionths::from_millionths;
            let row = SupplyRow { node: NodeType { name: "n".to_owned(), ..node().row.node }, ..node().row };
            let dated = Dated { source: "test".to_owned(), as_of: today() };
            Ownership {
                row,
                capex: Money::from_nanos(c.0),
                network: Money::from_nanos(c.1),
                residual: Money::from_nanos((c.0 as f64 * c.2) as i64).min(Money::from_nanos(c.0)),
                years: c.3,
                wacc: millionths(c.4),
                power_kw: millionths(p.0),
                idle_power: millionths(p.1),
                pue: millionths(p.2),
                per_kwh: Money::from_nanos(p.3),
                space,
                staff,
                maintenance,
                spares,
                dated: dated.clone(),
                site_dated: dated,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn lines_add_up_to_the_year_and_to_the_hour_exactly(owned in ownerships(), busy in 0u64..=1_000_000) {
        let ledger = owned.ledger(Millionths::from_millionths(busy)).unwrap();
        prop_assert_eq!(Money::checked_sum(ledger.lines.iter().map(|l| l.per_year)), Some(ledger.per_year));
        prop_assert_eq!(Money::checked_sum(ledger.lines.iter().map(|l| l.per_hour)), Some(ledger.per_hour));
        let off = i128::from(ledger.per_hour.nanos()) * i128::from(HOURS_PER_YEAR) - i128::from(ledger.per_year.nanos());
        prop_assert!(off.abs() * 2 <= i128::from(HOURS_PER_YEAR));
        for line in &ledger.lines {
            prop_assert!(line.per_year >= Money::ZERO && line.per_hour >= Money::ZERO, "{:?}", line);
        }
    }

    #[test]
    fn the_schedule_pays_back_exactly_what_the_node_loses(owned in ownerships()) {
        let schedule = owned.schedule().unwrap();
        let principal = Money::checked_sum(schedule.iter().map(|y| y.principal)).unwrap();
        let outlay = owned.capex.checked_add(owned.network).unwrap();
        prop_assert_eq!(principal.checked_add(owned.residual), Some(outlay));
        prop_assert_eq!(schedule.last().unwrap().closing, owned.residual);
        let level = capital(&owned);
        let paid = |year: &ScheduleYear| year.interest.checked_add(year.principal).unwrap().nanos();
        let (last, before) = schedule.split_last().unwrap();
        prop_assert!(before.iter().all(|year| paid(year) == level));
        // What rounding moves in a year bears interest until the last, which takes up all of it: half a nano-dollar of
        // interest, and up to 0.6 of the level payment (see the test below).
        let grown: f64 = (0..owned.years).map(|k| (1.0 + owned.wacc.to_f64()).powi(k as i32)).sum();
        prop_assert!(((paid(last) - level) as f64).abs() <= 1.1 * grown, "{:?} against {}", last, level);
    }

    // The exact payment is a fraction of whole numbers: in floats, `(1+i)ⁿ − 1` loses all but a few digits of a small
    // rate. The ledger's may be off by half a nano-dollar, rounded once, and by what its discount factors carry: each of
    // them is made from the one before and rounded at 10⁻¹⁸, so it is off by at most ½·10⁻¹⁸·(1 + v + v² + …) with
    // v = 1/(1+i). Over these outlays (1.1·10¹⁶), years and rates that is below 0.07; hence 0.6 in all.
    #[test]
    fn the_level_payment_is_that_of_the_capital_recovery_factor(owned in ownerships()) {
        let off = exact(capital(&owned)) - recovered(&owned);
        let bound = BigRational::new(6.into(), 10.into());
        prop_assert!(off <= bound && -off <= bound, "{} against {}", capital(&owned), recovered(&owned));
    }

    #[test]
    fn dearer_figures_never_make_owning_cheaper(owned in ownerships(), busy in 0u64..=900_000) {
        let year = |o: &Ownership, busy| o.ledger(Millionths::from_millionths(busy)).unwrap().per_year;
        let base = year(&owned, busy);
        let more = Money::from_nanos(1_000_000_000);
        let plus = |m: Money| m.checked_add(more).unwrap();
        let wacc = Millionths::from_millionths(owned.wacc.millionths() + 10_000);
        let residual = Money::from_nanos(owned.residual.nanos() / 2);
        let dearer = [
            year(&owned, busy + 100_000),
            year(&Ownership { capex: plus(owned.capex), ..owned.clone() }, busy),
            year(&Ownership { per_kwh: plus(owned.per_kwh), ..owned.clone() }, busy),
            year(&Ownership { wacc, ..owned.clone() }, busy),
            year(&Ownership { residual, ..owned.clone() }, busy),
        ];
        prop_assert!(dearer.iter().all(|d| *d >= base), "{:?} against {}", dearer, base);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
        let _ = read(&text);
    }
}

/// The level payment of a year: depreciation, network and capital.
fn capital(owned: &Ownership) -> i64 {
    owned.ledger(Millionths::ONE).unwrap().lines[..3].iter().map(|l| l.per_year.nanos()).sum()
}

fn exact(nanos: i64) -> BigRational {
    BigRational::from_integer(nanos.into())
}

/// `(P − R·(1+i)⁻ⁿ) · CRF` without any rounding, in nano-dollars.
fn recovered(owned: &Ownership) -> BigRational {
    let one = exact(1);
    let rate = BigRational::new(owned.wacc.millionths().into(), 1_000_000.into());
    let grown = (&one + &rate).pow(i32::try_from(owned.years).unwrap());
    let factor = if rate == exact(0) {
        BigRational::new(1.into(), owned.years.into())
    } else {
        &rate * &grown / (&grown - one)
    };
    (exact(owned.capex.nanos()) + exact(owned.network.nanos()) - exact(owned.residual.nanos()) / grown)
        * factor
}
