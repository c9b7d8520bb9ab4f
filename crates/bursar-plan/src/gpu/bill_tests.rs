//! Bills by hand, and by many that are made up.

use std::collections::BTreeMap;

use bursar_core::{Meter, Money, Rounding, Timestamp};
use proptest::prelude::*;

use super::bill::{Account, Payer, Rate, Span, Statement, TeamUse, Weights, statement, used_here, without};
use super::gap::GapKind;
use super::price::{Basis, model_costs, price_row, prices_of};
use super::state::GpuState;
use super::vllm::Tokens;

fn hour(n: i64) -> Timestamp {
    Timestamp::from_seconds(n * 3_600)
}

fn rate(per_hour: &str, accelerators: u32) -> Rate {
    let per_hour = per_hour.parse().unwrap();
    Rate { since: hour(0), until: None, per_hour, accelerators, owner: "platform".to_owned() }
}

fn span(gpu: &str, state: GpuState, since: Timestamp, until: Timestamp) -> Span {
    Span { gpu: gpu.to_owned(), slices: 7, state, since, until }
}

fn used(team: &str, input: u64, output: u64) -> TeamUse {
    TeamUse {
        team: Some(team.to_owned()),
        model: "m".to_owned(),
        tokens: Tokens { input, cached: 0, output },
    }
}

fn account<'a>(
    rates: &'a [Rate],
    spans: &'a [Span],
    used: &'a [TeamUse],
    counted: &'a BTreeMap<String, Tokens>,
) -> Account<'a> {
    let weights = Weights { input: 1, cached: 0, output: 8 };
    Account {
        node: "n",
        since: hour(0),
        until: hour(10),
        rates,
        spans,
        used,
        counted,
        counted_whole: true,
        weights,
    }
}

fn shown(statement: &Statement) -> Vec<String> {
    statement
        .lines
        .iter()
        .map(|l| format!("{:?} {} s ${}", l.payer, l.gpu_micros / 1_000_000, l.amount))
        .collect()
}

#[test]
fn a_node_of_two_gpus_is_split_to_teams_to_its_owner_and_to_what_is_broken_and_unknown() {
    use GpuState::{Active, Faulty, ResidentIdle, Saturated};
    let rates = [rate("8", 2)];
    let spans = [
        span("a", Active, hour(0), hour(4)),
        span("a", Saturated, hour(4), hour(5)),
        span("a", ResidentIdle, hour(5), hour(9)),
        span("b", Faulty, hour(0), hour(10)),
    ];
    let users = [used("search", 8_000, 1_000), used("chat", 0, 2_000)];
    let counted = BTreeMap::from([("m".to_owned(), Tokens { input: 8_000, cached: 500, output: 4_000 })]);
    let split = statement(&account(&rates, &spans, &users, &counted)).unwrap();
    assert_eq!(split.bill, "80".parse().unwrap());
    assert_eq!(
        shown(&split),
        [
            "Team { team: Some(\"chat\"), model: \"m\" } 7200 s $8.00",
            "Team { team: Some(\"search\"), model: \"m\" } 7200 s $8.00",
            "Outside { model: \"m\" } 3600 s $4.00",
            "Idle(ResidentIdle) 14400 s $16.00",
            "Faulty 36000 s $40.00",
            "Unknown 3600 s $4.00",
        ]
    );
    assert_eq!(split.gaps.iter().map(|g| g.kind).collect::<Vec<_>>(), [GapKind::NotSampled]);
}

#[test]
fn work_of_which_no_token_is_known_is_the_owners_and_named() {
    let spans = [span("a", GpuState::Active, hour(0), hour(10))];
    let split = statement(&account(&[rate("8", 1)], &spans, &[], &BTreeMap::new())).unwrap();
    assert_eq!(shown(&split), ["Unattributed 36000 s $80.00"]);
    assert_eq!(split.gaps[0].kind, GapKind::NobodyKnown);
    assert_eq!(model_costs(&split, Weights::default(), Basis::Node), []);
}

#[test]
fn more_tokens_through_bursar_than_the_engine_counted_are_named() {
    let spans = [span("a", GpuState::Active, hour(0), hour(10))];
    let counted = BTreeMap::from([("m".to_owned(), Tokens { input: 100, cached: 0, output: 100 })]);
    let (rates, users) = ([rate("8", 1)], [used("chat", 100, 300)]);
    let split = statement(&account(&rates, &spans, &users, &counted)).unwrap();
    assert_eq!(split.gaps[0].kind, GapKind::TokensDisagree);
    let account = Account { counted_whole: false, ..account(&rates, &spans, &users, &counted) };
    assert_eq!(statement(&account).unwrap().gaps, []);
}

#[test]
fn a_price_that_changes_in_between_holds_for_its_own_time() {
    let rates = [Rate { until: Some(hour(4)), ..rate("10", 1) }, Rate { since: hour(4), ..rate("1", 1) }];
    let spans =
        [span("a", GpuState::Unallocated, hour(0), hour(4)), span("a", GpuState::Active, hour(4), hour(10))];
    let split = statement(&account(&rates, &spans, &[used("chat", 1, 1)], &BTreeMap::new())).unwrap();
    assert_eq!(split.bill, "46".parse().unwrap());
    assert_eq!(split.by_state[&GpuState::Unallocated].1, "40".parse().unwrap());
    let later = [Rate { since: hour(20), ..rate("10", 1) }];
    let nothing = statement(&account(&later, &spans, &[], &BTreeMap::new())).unwrap();
    assert_eq!((nothing.bill, nothing.lines.len()), (Money::ZERO, 0));
}

#[test]
fn the_price_of_a_model_takes_its_waiting_in_or_leaves_it_out_and_is_none_without_tokens() {
    use GpuState::{Active, ResidentIdle, Unallocated};
    let spans = [
        span("a", Active, hour(0), hour(5)),
        span("a", ResidentIdle, hour(5), hour(8)),
        span("a", Unallocated, hour(8), hour(10)),
    ];
    let counted =
        BTreeMap::from([("m".to_owned(), Tokens { input: 2_000_000, cached: 9, output: 1_000_000 })]);
    let (rates, weights) = ([rate("10", 1)], Weights { input: 1, cached: 0, output: 8 });
    let split = statement(&account(&rates, &spans, &[], &counted)).unwrap();
    let price = |basis| {
        let cost = model_costs(&split, weights, basis).remove(0);
        let prices = cost.prices.unwrap();
        format!("{} {} {} {}", cost.cost, prices.input, prices.cached, prices.output)
    };
    assert_eq!(price(Basis::Work), "50.00 5.00 0.00 40.00");
    assert_eq!(price(Basis::Resident), "80.00 8.00 0.00 64.00");
    assert_eq!(price(Basis::Node), "100.00 10.00 0.00 80.00");
    assert_eq!(prices_of("5".parse().unwrap(), Tokens::default(), weights), None);
    assert_eq!(prices_of("5".parse().unwrap(), Tokens { input: 0, cached: 5, output: 0 }, weights), None);
}

#[test]
fn a_row_of_the_price_list_has_the_three_meters_and_says_where_it_comes_from() {
    let prices = prices_of(
        "5".parse().unwrap(),
        Tokens { input: 0, cached: 0, output: 1_000_000 },
        Weights::default(),
    );
    let row = price_row("local", "m", prices.unwrap(), hour(24 * 365), "measured".to_owned());
    assert_eq!(
        (row.as_of.as_str(), row.source.as_str(), row.effective_from),
        ("1971-01-01", "measured", Some(hour(8_760)))
    );
    let meters: Vec<(Meter, String)> = row.prices.iter().map(|(m, p)| (m, p.to_string())).collect();
    let expected = [(Meter::Input, "0.621621622"), (Meter::CacheRead, "0.00"), (Meter::Output, "5.00")];
    assert_eq!(meters, expected.map(|(m, p)| (m, p.to_owned())));
}

#[test]
fn time_in_which_tokens_were_not_counted_is_cut_out_of_spans() {
    let spans = [span("a", GpuState::Active, hour(0), hour(10))];
    let cut = without(&spans, &[(hour(2), hour(3)), (hour(9), hour(20)), (hour(-5), hour(0))]);
    let left: Vec<(Timestamp, Timestamp)> = cut.iter().map(|s| (s.since, s.until)).collect();
    assert_eq!(left, [(hour(0), hour(2)), (hour(3), hour(9))]);
}

#[test]
fn nodes_of_one_provider_share_its_calls_by_what_their_engines_counted() {
    let counted = |input, output| BTreeMap::from([("m".to_owned(), Tokens { input, cached: 0, output })]);
    let (all, here) = (counted(4_000, 100), counted(1_000, 25));
    let users = [used("a", 400, 40), TeamUse { model: "other".to_owned(), ..used("b", 10, 10) }];
    let shown =
        |part: Vec<TeamUse>| part.iter().map(|t| (t.tokens.input, t.tokens.output)).collect::<Vec<_>>();
    assert_eq!(shown(used_here(&users, &here, &all, 2)), [(100, 10), (5, 5)]);
    assert_eq!(shown(used_here(&users, &BTreeMap::new(), &all, 2)), [(5, 5)]);
    assert_eq!(shown(used_here(&users, &BTreeMap::new(), &BTreeMap::new(), 1)), [(400, 40), (10, 10)]);
}

fn any_state() -> impl Strategy<Value = GpuState> {
    proptest::sample::select(GpuState::ALL)
}

fn any_tokens() -> impl Strategy<Value = Tokens> {
    let count = || prop_oneof![Just(0u64), Just(1u64), 0..10_000_000u64, any::<u64>()];
    (count(), count(), count()).prop_map(|(input, cached, output)| Tokens { input, cached, output })
}

fn any_span() -> impl Strategy<Value = Span> {
    (0..4u8, any_state(), -20_000_000_000i64..60_000_000_000, 0..30_000_000_000i64, 1..9u32).prop_map(
        |(gpu, state, since, length, slices)| Span {
            gpu: format!("g{gpu}"),
            slices,
            state,
            since: Timestamp::from_micros(since),
            until: Timestamp::from_micros(since + length),
        },
    )
}

fn any_rate() -> impl Strategy<Value = Rate> {
    let price = prop_oneof![Just(0i64), Just(1i64), 1..200_000_000_000i64, Just(i64::MAX / 20)];
    (price, -10..5i64, proptest::option::of(0..20i64), 0..10u32).prop_map(
        |(nanos, since, until, accelerators)| Rate {
            since: hour(since),
            until: until.map(hour),
            per_hour: Money::from_nanos(nanos),
            accelerators,
            owner: "o".to_owned(),
        },
    )
}

fn any_use() -> impl Strategy<Value = TeamUse> {
    (proptest::option::of("[ab]"), "[mn]", any_tokens()).prop_map(|(team, model, tokens)| TeamUse {
        team,
        model,
        tokens,
    })
}

proptest! {
    #[test]
    fn the_lines_and_the_states_each_add_up_to_the_bill_exactly(
        rates in proptest::collection::vec(any_rate(), 0..2),
        spans in proptest::collection::vec(any_span(), 0..30),
        users in proptest::collection::vec(any_use(), 0..8),
        counted in proptest::collection::btree_map("[mn]", any_tokens(), 0..3),
        weights in (0..300u32, 0..300u32, 0..300u32),
    ) {
        let weights = Weights { input: weights.0, cached: weights.1, output: weights.2 };
        let account = Account { weights, ..account(&rates, &spans, &users, &counted) };
        let Some(split) = statement(&account) else { return Ok(()) };
        let lines: i128 = split.lines.iter().map(|l| i128::from(l.amount.nanos())).sum();
        let states: i128 = split.by_state.values().map(|(_, m)| i128::from(m.nanos())).sum();
        prop_assert_eq!(lines, i128::from(split.bill.nanos()));
        prop_assert_eq!(states, i128::from(split.bill.nanos()));
        let works = |p: &Payer| matches!(p, Payer::Team { .. } | Payer::Outside { .. } | Payer::Unattributed);
        let worked: u64 = split.lines.iter().filter(|l| works(&l.payer)).map(|l| l.gpu_micros).sum();
        let measured: u64 = split.by_state.iter().filter(|(s, _)| s.works()).map(|(_, (t, _))| t).sum();
        prop_assert_eq!(worked, measured);
    }

    #[test]
    fn tokens_at_the_price_cost_what_they_cost_to_within_the_rounding_of_the_price(
        cost in 0..1_000_000_000_000_000i64,
        tokens in (0..1_000_000_000u64, 0..1_000_000_000u64, 0..1_000_000_000u64),
    ) {
        let tokens = Tokens { input: tokens.0, cached: tokens.1, output: tokens.2 };
        let weights = Weights { input: 23, cached: 2, output: 185 };
        let Some(prices) = prices_of(Money::from_nanos(cost), tokens, weights) else { return Ok(()) };
        let cost_of = |price: bursar_core::UnitPrice, units| price.cost(units, Rounding::HalfEven).unwrap().nanos();
        let again = cost_of(prices.input, tokens.input) + cost_of(prices.cached, tokens.cached) + cost_of(prices.output, tokens.output);
        // Each price is off by half a nano-dollar per million at most, and each line by half a nano-dollar.
        let allowed = i64::try_from(tokens.total() / 2_000_000).unwrap() + 3;
        prop_assert!((again - cost).abs() <= allowed, "{again} {cost} {allowed}");
    }
}
