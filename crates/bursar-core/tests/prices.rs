//! Which row answers a question, and what becomes of quantities without a price.

use bursar_core::price_list::{NoRow, UnitPrices};
use bursar_core::{
    Meter, Money, PriceConflict, PriceKind, PriceList, PriceQuery, PriceRow, PriceView, Provenance,
    Quantities, Rounding, ServiceTier, Timestamp, UnitPrice, Unpriced, price_usage,
};

fn day(day: u32) -> Timestamp {
    Timestamp::from_date(2026, 7, day).unwrap()
}

fn dollars(text: &str) -> UnitPrice {
    UnitPrice::from_dollars_per_million(text).unwrap()
}

/// A list row whose input has this price, by which it is recognised.
fn row(model: &str, input: &str) -> PriceRow {
    let mut prices = UnitPrices::default();
    prices.set(Meter::Input, Some(dollars(input)));
    PriceRow {
        provider: "acme".to_owned(),
        model: model.to_owned(),
        aliases: Vec::new(),
        region: None,
        tier: ServiceTier::Standard,
        context_above: 0,
        kind: PriceKind::List,
        effective_from: None,
        effective_to: None,
        recorded_at: day(1),
        source: "this test".to_owned(),
        as_of: String::new(),
        prices,
        conflicts: Vec::new(),
    }
}

fn query(model: &str) -> PriceQuery<'_> {
    PriceQuery {
        provider: "acme",
        model,
        region: None,
        tier: ServiceTier::Standard,
        context_tokens: 1_000,
        at: day(15),
        known_at: day(15),
        view: PriceView::Contracted,
    }
}

/// The input price of the row that answers.
fn answer(rows: Vec<PriceRow>, query: &PriceQuery<'_>) -> Result<String, NoRow> {
    PriceList::new(rows).find(query).map(|row| row.prices.get(Meter::Input).unwrap().to_string())
}

fn units(of: &[(Meter, u64)]) -> Quantities {
    of.iter().fold(Quantities::none(), |q, &(m, n)| q.with(m, n, Provenance::Reported))
}

#[test]
fn why_no_row_answers_is_told_from_the_outside_inwards() {
    let mut batch = row("m", "1.00");
    batch.tier = ServiceTier::Batch;
    batch.effective_to = Some(day(10));
    let elsewhere = PriceQuery { provider: "nobody", ..query("m") };
    assert_eq!(answer(vec![batch.clone()], &elsewhere), Err(NoRow::Provider));
    assert_eq!(answer(vec![batch.clone()], &query("n")), Err(NoRow::Model));
    assert_eq!(answer(vec![batch.clone()], &query("m")), Err(NoRow::Tier));
    let ended = PriceQuery { tier: ServiceTier::Batch, ..query("m") };
    assert_eq!(answer(vec![batch], &ended), Err(NoRow::Validity));
}

#[test]
fn an_exact_name_wins_over_a_longer_pattern_and_that_over_a_shorter() {
    let mut short = row("family", "1.00");
    short.aliases = vec!["m-*".to_owned()];
    let mut long = row("branch", "2.00");
    long.aliases = vec!["m-big-*".to_owned()];
    let rows = || vec![row("m-big-1", "3.00"), long.clone(), short.clone()];
    assert_eq!(answer(rows(), &query("m-big-1")).as_deref(), Ok("3.00"));
    assert_eq!(answer(rows(), &query("m-big-2")).as_deref(), Ok("2.00"));
    assert_eq!(answer(rows(), &query("m-small")).as_deref(), Ok("1.00"));
    assert_eq!(answer(rows(), &query("m")), Err(NoRow::Model));
}

#[test]
fn a_region_wins_over_a_kind_and_a_kind_over_a_band() {
    let mut here = row("m", "1.00");
    here.region = Some("eu".to_owned());
    let mut contract = row("m", "2.00");
    contract.kind = PriceKind::Contract;
    let mut band = row("m", "3.00");
    band.context_above = 100;
    let rows = || vec![here.clone(), contract.clone(), band.clone()];
    let in_eu = PriceQuery { region: Some("eu"), ..query("m") };
    assert_eq!(answer(rows(), &in_eu).as_deref(), Ok("1.00"));
    assert_eq!(answer(rows(), &query("m")).as_deref(), Ok("2.00"));
    let list = PriceQuery { view: PriceView::List, ..query("m") };
    assert_eq!(answer(rows(), &list).as_deref(), Ok("3.00"));
}

#[test]
fn a_band_begins_above_its_border_and_the_highest_that_is_exceeded_holds() {
    let band = |above, price| PriceRow { context_above: above, ..row("m", price) };
    let rows = || vec![band(200, "3.00"), band(0, "1.00"), band(100, "2.00")];
    for (context, price) in [(0, "1.00"), (100, "1.00"), (101, "2.00"), (200, "2.00"), (201, "3.00")] {
        let asked = PriceQuery { context_tokens: context, ..query("m") };
        assert_eq!(answer(rows(), &asked).as_deref(), Ok(price), "{context}");
    }
}

#[test]
fn validity_includes_its_first_moment_and_excludes_its_end() {
    let mut july = row("m", "1.00");
    july.effective_from = Some(day(10));
    july.effective_to = Some(day(20));
    for (at, holds) in
        [(day(10).plus_micros(-1), false), (day(10), true), (day(20).plus_micros(-1), true), (day(20), false)]
    {
        let asked = PriceQuery { at, known_at: day(30), ..query("m") };
        assert_eq!(answer(vec![july.clone()], &asked).is_ok(), holds, "{at:?}");
    }
}

#[test]
fn what_was_recorded_later_answers_later_questions_only() {
    let mut corrected = row("m", "2.00");
    corrected.recorded_at = day(20);
    let rows = || vec![corrected.clone(), row("m", "1.00")];
    let known = |known_at| PriceQuery { known_at, ..query("m") };
    assert_eq!(answer(rows(), &known(day(19))).as_deref(), Ok("1.00"));
    assert_eq!(answer(rows(), &known(day(20))).as_deref(), Ok("2.00"));
}

#[test]
fn of_rows_that_are_equal_in_everything_the_last_wins() {
    assert_eq!(answer(vec![row("m", "1.00"), row("m", "2.00")], &query("m")).as_deref(), Ok("2.00"));
}

#[test]
fn reasoning_takes_the_price_of_output_and_says_so() {
    let mut with_output = row("m", "1.00");
    with_output.prices.set(Meter::Output, Some(dollars("3.00")));
    let list = PriceList::new(vec![with_output]);
    let priced = price_usage(&list, &query("m"), &units(&[(Meter::Reasoning, 7)]), Rounding::HalfEven);
    let basis = priced.lines[0].basis.unwrap();
    assert_eq!((basis.priced_as, basis.amount), (Meter::Output, Money::from_nanos(21_000)));
    assert_eq!(priced.total, Some(Money::from_nanos(21_000)));
}

#[test]
fn one_line_without_a_price_leaves_no_total_and_a_lower_bound() {
    let list = PriceList::new(vec![row("m", "1.00")]);
    let used = units(&[(Meter::Input, 5), (Meter::AudioOut, 1)]);
    let priced = price_usage(&list, &query("m"), &used, Rounding::HalfEven);
    assert_eq!((priced.total, priced.priced_part), (None, Money::from_nanos(5_000)));
    let unpriced: Vec<_> = priced.unpriced().map(|(line, why)| (line.meter, why)).collect();
    assert_eq!(unpriced, [(Meter::AudioOut, Unpriced::NoPriceForMeter)]);
}

#[test]
fn a_disputed_meter_has_no_price_though_the_row_names_one() {
    let mut disputed = row("m", "1.00");
    let other = PriceConflict { meter: Meter::Input, source: "another".to_owned(), price: None };
    disputed.conflicts.push(other);
    assert_eq!(disputed.undisputed(Meter::Input), None);
    assert!(disputed.is_quarantined());
    let list = PriceList::new(vec![disputed]);
    let used = units(&[(Meter::Input, 5), (Meter::VideoIn, 5)]);
    let priced = price_usage(&list, &query("m"), &used, Rounding::HalfEven);
    assert!(priced.lines.iter().all(|l| l.basis == Err(Unpriced::Quarantined)), "{priced:?}");
}

#[test]
fn without_a_row_every_line_says_why() {
    let used = units(&[(Meter::Input, 5), (Meter::Requests, 1)]);
    let nothing = PriceList::default();
    let priced = price_usage(&nothing, &query("m"), &used, Rounding::HalfEven);
    assert_eq!((priced.row, priced.total), (None, None));
    assert_eq!(priced.lines.len(), 1, "a call alone has no price of its own");
    assert_eq!(priced.lines[0].basis, Err(Unpriced::NoRow(NoRow::Provider)));
}

#[test]
fn a_call_has_a_price_of_its_own_where_the_row_gives_it_one() {
    let mut per_call = row("m", "1.00");
    per_call.prices.set(Meter::Requests, Some(UnitPrice::from_dollars_per_unit("0.005").unwrap()));
    let list = PriceList::new(vec![per_call]);
    let priced = price_usage(&list, &query("m"), &units(&[(Meter::Requests, 2)]), Rounding::HalfEven);
    assert_eq!(priced.total, Some(Money::from_nanos(10_000_000)));
}

#[test]
fn a_sum_beyond_the_range_of_money_is_no_total() {
    let mut dear = row("m", "1.00");
    let largest = UnitPrice::from_nanos_per_million(i64::MAX).unwrap();
    dear.prices.set(Meter::Input, Some(largest));
    dear.prices.set(Meter::Output, Some(largest));
    let list = PriceList::new(vec![dear]);
    let used = units(&[(Meter::Input, 1_000_000), (Meter::Output, 1_000_000)]);
    let priced = price_usage(&list, &query("m"), &used, Rounding::HalfEven);
    assert!(priced.lines.iter().all(|l| l.basis.is_ok()));
    assert_eq!(priced.total, None);
}

#[test]
fn tiers_and_kinds_are_found_again_by_their_names() {
    for tier in ServiceTier::ALL {
        assert_eq!(tier.name().parse(), Ok(tier));
    }
    for kind in [PriceKind::List, PriceKind::Override, PriceKind::Contract] {
        assert_eq!(kind.name().parse(), Ok(kind));
    }
    let wrong = "express".parse::<ServiceTier>().unwrap_err();
    assert_eq!(wrong.to_string(), "\"express\" is none of standard, batch, flex, priority");
}
