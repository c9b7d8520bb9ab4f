//! Calls whose cost was worked out by hand, compared to the nano-dollar.
//!
//! The cases stand in the `*.toml` files beside this one; `price_list.toml` and `contracts.toml` are the lists that
//! some of them use instead of the built-in one. Each case says in `worked_out` how a reader comes to its figure
//! with pencil and paper: one token at one dollar per million costs 1,000 nano-dollars.

mod case;

use bursar_core::{MeteredUsage, Money, PriceView};
use bursar_prices::{CallFacts, PriceBook, cost_of_call, price_call};
use case::{Book, Case, Expected};

const FILES: &[(&str, &str)] = &[
    ("meters.toml", include_str!("meters.toml")),
    ("tiers_and_bands.toml", include_str!("tiers_and_bands.toml")),
    ("rounding.toml", include_str!("rounding.toml")),
    ("names_and_regions.toml", include_str!("names_and_regions.toml")),
    ("contracts_and_time.toml", include_str!("contracts_and_time.toml")),
    ("unknown.toml", include_str!("unknown.toml")),
    ("responses_openai.toml", include_str!("responses_openai.toml")),
    ("responses_anthropic.toml", include_str!("responses_anthropic.toml")),
    ("responses_others.toml", include_str!("responses_others.toml")),
];

fn cases() -> Vec<Case> {
    FILES.iter().flat_map(|(file, text)| case::read(file, text)).collect()
}

fn own_book() -> PriceBook {
    let files = [
        ("price_list.toml", include_str!("price_list.toml")),
        ("contracts.toml", include_str!("contracts.toml")),
        ("other_provider.toml", include_str!("other_provider.toml")),
    ];
    PriceBook::from_files(files).unwrap_or_else(|errors| panic!("{errors}"))
}

/// What is wrong with the outcome of a case, in a sentence; `None` where it is as expected.
fn problem(case: &Case, own: &PriceBook) -> Option<String> {
    let book: &PriceBook = match case.book {
        Book::Own => own,
        Book::BuiltIn => PriceBook::embedded(),
    };
    let usage: MeteredUsage = case.usage();
    let facts = CallFacts {
        provider: &case.provider,
        region: case.region.as_deref(),
        requested_model: case.requested.as_deref(),
        at: case.at,
        known_at: case.known_at,
        requested_tier: case.tier,
    };
    let priced = price_call(book, &facts, &usage, case.view, case.rounding);
    let brief = cost_of_call(book, &facts, &usage, case.view, case.rounding);
    let told = priced.explanation.join("\n    ");
    let outcome = match &case.expected {
        _ if brief != priced.total => Some(format!("the brief answer is {brief:?}")),
        Expected::Cost(nanos) if priced.total != Some(Money::from_nanos(*nanos)) => {
            Some(format!("expected {nanos} nano-dollars, got {:?}", priced.total.map(Money::nanos)))
        }
        Expected::Cost(_) if priced.priced.priced_part.nanos() != priced.total.map_or(0, Money::nanos) => {
            Some("the lines do not add up to the total".to_owned())
        }
        Expected::Unknown { .. } if priced.total.is_some() => {
            Some(format!("expected no total, got {:?}", priced.total.map(Money::nanos)))
        }
        Expected::Unknown { known_part, .. } if priced.priced.priced_part.nanos() != *known_part => {
            Some(format!("the known part is {}", priced.priced.priced_part.nanos()))
        }
        Expected::Unknown { because, .. } if !told.contains(because) => {
            Some(format!("{because:?} is not told"))
        }
        _ => None,
    };
    outcome.map(|what| format!("{}: {what}\n    {told}\n    {usage:?}", case.name))
}

#[test]
fn every_case_costs_what_was_worked_out_by_hand_to_the_nano_dollar() {
    let own = own_book();
    let wrong: Vec<String> = cases().iter().filter_map(|c| problem(c, &own)).collect();
    assert!(wrong.is_empty(), "{} cases are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn there_are_at_least_eighty_cases_with_names_of_their_own() {
    let mut names: Vec<String> = cases().into_iter().map(|c| c.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "two cases have one name");
    assert!(count >= 80, "there are {count} cases");
}

#[test]
fn the_cases_cover_every_meter_tier_and_view() {
    let cases = cases();
    for &meter in bursar_core::Meter::ALL {
        let priced =
            |c: &&Case| matches!(c.expected, Expected::Cost(_)) && c.usage().quantities.get(meter) > 0;
        assert!(cases.iter().any(|c| priced(&c)), "no case with {meter}");
    }
    for tier in bursar_core::ServiceTier::ALL {
        assert!(
            cases.iter().any(|c| c.tier == Some(tier) || c.usage().tier == Some(tier)),
            "no case at {tier}"
        );
    }
    for view in [PriceView::List, PriceView::Contracted] {
        assert!(cases.iter().any(|c| c.view == view));
    }
}

#[test]
fn a_figure_that_is_off_by_one_nano_dollar_is_told_for_every_case() {
    let own = own_book();
    for mut case in cases() {
        case.expected = match case.expected {
            Expected::Cost(nanos) => Expected::Cost(nanos + 1),
            Expected::Unknown { because, known_part } => {
                Expected::Unknown { because, known_part: known_part + 1 }
            }
        };
        assert!(problem(&case, &own).is_some(), "{}", case.name);
    }
}
