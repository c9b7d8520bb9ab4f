//! Reading supply.toml and constraints.toml: what is right is read exactly, what is wrong is told by line.

use bursar_core::{Money, Timestamp};
use bursar_plan::demand::Class;
use bursar_plan::supply::{
    Constraints, Dated, Reliability, Slo, Staleness, Supply, Term, read_constraints, read_supply,
};
use proptest::prelude::*;

fn today() -> Timestamp {
    Timestamp::from_date(2026, 11, 24).unwrap()
}

fn read(text: &str) -> Result<Supply, String> {
    read_supply("supply.toml", text, today()).map_err(|p| p.to_string())
}

fn told(text: &str) -> String {
    read(text).expect_err("is told")
}

const FINE: &str = r#"format = 1

[[node]]
name = "p5.48xlarge"
provider = "aws"
region = "us-east-1"
accelerator = "H100"
accelerators = 8
at_most = 4
mtbf_hours = 2000
repair_hours = 6
residency = ["us"]
round_trip_ms = 18

[[node.offer]]
term = "on-demand"
usd_per_hour = 55.04
as_of = 2026-07-20
source = "price list"

[[node.offer]]
term = "3-year"
usd_per_accelerator_hour = "2.1"
as_of = "2026-10"
source = "quote"
"#;

#[test]
fn a_whole_file_is_read_exactly() {
    let supply = read(FINE).unwrap();
    let row = &supply.rows[0];
    assert_eq!((row.at_least, row.at_most, row.round_trip_ms), (0, Some(4), Some(18)));
    assert_eq!(row.reliability, Some(Reliability { mtbf_hours: 2_000, repair_hours: 6 }));
    assert!((row.reliability.unwrap().availability() - 2_000.0 / 2_006.0).abs() < 1e-12);
    let offers = &row.node.offers;
    assert_eq!((offers[0].term, offers[0].per_hour), (Term::OnDemand, Money::from_nanos(55_040_000_000)));
    assert_eq!((offers[1].term, offers[1].per_hour), (Term::ThreeYears, Money::from_nanos(16_800_000_000)));
    let day = |y, m, d| Timestamp::from_date(y, m, d).unwrap();
    assert_eq!(offers[0].dated, Dated { source: "price list".to_owned(), as_of: day(2026, 7, 20) });
    assert_eq!(offers[1].dated.as_of, day(2026, 10, 1));
}

#[test]
fn a_price_by_month_or_year_becomes_one_by_the_hour_rounded_once() {
    let with = |price: &str| {
        read(&FINE.replace("usd_per_hour = 55.04", price)).unwrap().rows[0].node.offers[0].per_hour
    };
    assert_eq!(with("usd_per_month = 40179.20"), Money::from_nanos(55_040_000_000));
    assert_eq!(with("usd_per_year = \"482150.40\""), Money::from_nanos(55_040_000_000));
    assert_eq!(with("usd_per_month = 40000"), Money::from_nanos(54_794_520_548));
}

/// The file with one line put in the place of another.
fn changed(from: &str, to: &str) -> String {
    assert!(FINE.contains(from), "{from}");
    FINE.replacen(from, to, 1)
}

#[test]
fn prices_in_the_wrong_unit_are_told_with_the_likely_one() {
    let price = |to: &str| told(&changed("usd_per_hour = 55.04", to));
    let all = [
        price("usd_per_hour = 40179.20"),
        price("usd_per_hour = 482150.4"),
        price("usd_per_hour = 2.99"),
        price("usd_per_accelerator_hour = 55.04"),
        price("usd_per_month = 55.04"),
        price("usd_per_hour = 5504"),
        price("usd_per_hour = 0.0001"),
        price("usd_per_hour = -3"),
        price("usd_per_hour = nan"),
        price("usd_per_hour = 0.00000000001"),
        price("usd_per_hour = \"55,04\""),
        price("usd_per_hour = 55.04\nusd_per_month = 40179.20"),
        price("checked = \"\"\nusd_per_hour = 55.04"),
    ];
    insta::assert_snapshot!(all.join("\n"));
    let acknowledged = changed("usd_per_hour = 55.04", "usd_per_hour = 5504\nchecked = \"an auction\"");
    assert_eq!(
        read(&acknowledged).unwrap().rows[0].node.offers[0].per_hour,
        Money::from_nanos(5_504_000_000_000)
    );
    let unknown = changed("accelerator = \"H100\"", "accelerator = \"Abacus\"");
    assert!(told(&unknown.replace("55.04", "960")).contains("two cents to 40 dollars are expected"));
}

#[test]
fn unknown_fields_missing_ones_and_wrong_kinds_are_told_by_line_all_at_once() {
    let text = "format = 2\ncolour = 3\n\n[[node]]\nnmae = \"x\"\nprovider = 7\nacelerator = \"H100\"\n\
                accelerators = 8.5\nat_least = 5\nat_most = 4\nmtbf_hours = 100\nresidency = [\"eu\", 3]\n\n\
                [[node.offer]]\nterm = \"3-years\"\nusd_per_hour = true\nas_of = 2027-01-01\n\n\
                [[node.offer]]\nterm = \"owned\"\nusd_per_hour = 1\nsource = \"\"\nas_of = \"lately\"\n\n\
                [[nodes]]\nname = 1\n";
    insta::assert_snapshot!(told(text));
}

#[test]
fn nodes_and_terms_that_stand_twice_are_told_with_both_lines() {
    let twice = format!("{FINE}\n{}", FINE.replacen("format = 1\n", "", 1));
    let overlap = FINE.replacen("term = \"3-year\"", "term = \"on-demand\"", 1);
    let swapped = FINE.replacen("usd_per_accelerator_hour = \"2.1\"", "usd_per_accelerator_hour = \"8\"", 1);
    insta::assert_snapshot!([told(&twice), told(&overlap), told(&swapped)].join("\n"));
}

#[test]
fn what_is_no_toml_or_says_nothing_is_told() {
    insta::assert_snapshot!([told("format = 1\n[[node]\n"), told(""), told("format = 1\nnode = 3\n")].join("\n"), @r#"
    1 problem in supply.toml
      line 2: is not TOML: unclosed array table, expected `]`
    2 problems in supply.toml
      line 1, format: is missing: write format = 1
      line 1: has no node: add a table [[node]] for each kind of machine
    1 problem in supply.toml
      line 2, node: is a number, and a list of tables [[node]] is expected
    "#);
}

#[test]
fn constraints_are_read_and_their_conflicts_told() {
    let text = "format = 1\nresidency = [\"eu\"]\nfrontier_only = [\"gpt-5\"]\nmay_not_leave = [\"hr\"]\n\
                edge_round_trip_ms = 20\nbatch_deadline_hours = 24\n\n\
                [[slo]]\nmodel = \"*\"\nclass = \"interactive\"\nttft_p99_ms = 2000\nitl_ms = 50\n\n\
                [[slo]]\nmodel = \"hr\"\nclass = \"interactive\"\nttft_p99_ms = 500\nitl_ms = 30\n";
    let read = |text: &str| read_constraints("constraints.toml", text, today()).map_err(|p| p.to_string());
    let constraints = read(text).unwrap();
    let slo = |model: Option<&str>, ttft_p99_ms, itl_ms| Slo {
        model: model.map(str::to_owned),
        class: Class::Interactive,
        ttft_p99_ms,
        itl_ms,
    };
    assert_eq!(constraints.slo("hr", Class::Interactive), Some(&slo(Some("hr"), 500, 30)));
    assert_eq!(constraints.slo("other", Class::Interactive), Some(&slo(None, 2_000, 50)));
    assert_eq!(constraints.slo("hr", Class::Edge), None);
    assert!(constraints.allow_residency(&["eu".to_owned()]));
    assert!(!constraints.allow_residency(&["eu".to_owned(), "us".to_owned()]));
    assert!(!constraints.allow_residency(&[]) && Constraints::default().allow_residency(&[]));
    let wrong = text
        .replace("\"hr\"]", "\"gpt-5\"]")
        .replace("ttft_p99_ms = 500", "ttft_p99_ms = 2")
        .replace("itl_ms = 50", "itl_ms = 0.05");
    let doubled = text.replace("model = \"hr\"", "model = \"*\"");
    insta::assert_snapshot!([read(&wrong).unwrap_err(), read(&doubled).unwrap_err()].join("\n"));
}

#[test]
fn prices_older_than_180_days_weaken_a_verdict() {
    let supply = read(FINE).unwrap();
    assert!(!supply.staleness(today()).weakens());
    let later = Timestamp::from_date(2027, 1, 17).unwrap();
    let staleness = supply.staleness(later);
    assert_eq!(staleness.stale.iter().map(|s| s.days).collect::<Vec<_>>(), [181]);
    let day_before = Timestamp::from_date(2027, 1, 16).unwrap();
    assert!(!supply.staleness(day_before).weakens());
    insta::assert_snapshot!(staleness.and(Staleness { facts: 3, ..Staleness::default() }).sentence().unwrap(), @"1 of 5 prices and figures are older than 180 days (the oldest, p5.48xlarge of aws, on-demand, 181 days): check them before acting");
    let defaults = Supply::defaults().staleness(Timestamp::from_date(2028, 1, 1).unwrap());
    assert_eq!(defaults.stale.len(), defaults.facts);
}

fn mutated(bytes: &[u8], at: &[(usize, u8)]) -> String {
    let mut bytes = bytes.to_vec();
    for (place, byte) in at {
        let place = place % bytes.len();
        bytes[place] = *byte;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

proptest! {
    #[test]
    fn no_text_makes_the_readers_panic(text in "\\PC{0,200}") {
        let _ = read(&text);
        let _ = read_constraints("constraints.toml", &text, today());
    }

    #[test]
    fn no_damage_to_a_file_makes_the_reader_panic(
        at in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..8),
    ) {
        let _ = read(&mutated(FINE.as_bytes(), &at));
    }

    #[test]
    fn a_price_written_with_any_decimals_is_read_to_the_nano_dollar(nanos in 4_000_000_000i64..300_000_000_000) {
        let price = Money::from_nanos(nanos);
        for written in [format!("{price}"), format!("\"{price}\"")] {
            let supply = read(&changed("55.04", &written).replace("\"2.1\"", "\"0.5\"")).unwrap();
            prop_assert_eq!(supply.rows[0].node.offers[0].per_hour, price);
        }
    }
}
