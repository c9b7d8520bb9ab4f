//! The comparison must find every kind of fault, and none where there is none.

use super::*;
use crate::books::Draft;
use crate::price_table::Tokens;

fn outcome(number: u64, way: Way) -> Outcome {
    Outcome { number, way, near_a_kill: false }
}

fn draft(number: u64) -> Draft {
    Draft {
        id: format!("resp-{number}"),
        tag: Some(tag(number)),
        surface: "openai.chat_completions",
        model: "gpt-4o-mini-2024-07-18".to_owned(),
        told: true,
        tokens: Tokens { input: 100, output: 10, ..Tokens::default() },
    }
}

/// 100 × 150 + 10 × 600 nano-dollars.
const COST: i64 = 21_000;

fn record(number: u64, end: &str) -> Booked {
    Booked {
        request: format!("req-{number}"),
        tag: Some(tag(number)),
        end: end.to_owned(),
        status: Some(200),
        response_id: Some(format!("resp-{number}")),
        cost_nanos: Some(COST),
        ..Booked::default()
    }
}

#[test]
fn equal_accounts_agree_to_the_nano_dollar() {
    let verdict = compare(
        &[outcome(1, Way::Answered), outcome(2, Way::Refused(500))],
        &[draft(1).completed(), draft(2).refused(500)],
        &[record(1, "complete"), Booked { status: Some(500), response_id: None, ..record(2, "complete") }],
    );
    assert!(verdict.agrees(), "{verdict:?}");
    assert_eq!((verdict.complete_in_both, verdict.provider_nanos, verdict.refused_attempts), (1, COST, 1));
}

#[test]
fn a_call_that_only_the_provider_knows_is_lost() {
    let verdict = compare(&[outcome(1, Way::Answered)], &[draft(1).completed()], &[]);
    assert_eq!((verdict.lost, verdict.agrees()), (1, false));
}

#[test]
fn a_record_twice_or_unasked_for_is_duplicated() {
    let twice = [record(1, "complete"), Booked { attempt: 1, ..record(1, "complete") }];
    let verdict = compare(&[outcome(1, Way::Answered)], &[draft(1).completed()], &twice);
    assert!(verdict.duplicated > 0, "{verdict:?}");
    let stranger = compare(&[], &[], &[record(9, "complete")]);
    assert_eq!(stranger.duplicated, 1);
}

#[test]
fn a_nano_dollar_of_difference_is_found() {
    let off = Booked { cost_nanos: Some(COST + 1), ..record(1, "complete") };
    let verdict = compare(&[outcome(1, Way::Answered)], &[draft(1).completed()], &[off]);
    assert_eq!((verdict.disagreeing, verdict.faults[0].what), (1, "complete at another cost"));
    let unpriced = Booked { cost_nanos: None, ..record(1, "complete") };
    assert!(!compare(&[outcome(1, Way::Answered)], &[draft(1).completed()], &[unpriced]).agrees());
}

#[test]
fn a_call_in_flight_at_a_kill_is_neither_lost_nor_complete() {
    let killed = Outcome { near_a_kill: true, ..outcome(1, Way::Broken) };
    let in_flight = Booked { cost_nanos: None, estimated: true, ..record(1, "gateway_stopped") };
    let verdict =
        compare(std::slice::from_ref(&killed), &[draft(1).completed()], std::slice::from_ref(&in_flight));
    assert!(verdict.agrees(), "{verdict:?}");
    assert_eq!((verdict.in_flight_at_a_kill, verdict.in_flight_completed_by_provider), (1, 1));
    assert_eq!((verdict.complete_in_both, verdict.provider_nanos), (0, 0));
    let unmarked =
        compare(std::slice::from_ref(&killed), &[draft(1).completed()], &[record(1, "client_cancelled")]);
    assert_eq!(unmarked.faults[0].what, "in flight at a kill, and not marked gateway_stopped");
    let both = [record(1, "complete"), Booked { response_id: None, attempt: 1, ..in_flight.clone() }];
    assert_eq!(compare(std::slice::from_ref(&killed), &[draft(1).completed()], &both).duplicated, 1);
    let no_kill = compare(&[outcome(1, Way::Broken)], &[draft(1).completed()], &[in_flight]);
    assert!(!no_kill.agrees());
    let gone = compare(&[killed], &[draft(1).completed()], &[]);
    assert_eq!(gone.lost, 1);
}

#[test]
fn a_call_left_by_its_caller_is_marked_so_or_complete_at_the_same_cost() {
    let left = [outcome(1, Way::Left)];
    let marked = compare(&left, &[draft(1).cut(3)], &[record(1, "client_cancelled")]);
    assert_eq!((marked.agrees(), marked.left_by_the_caller), (true, 1));
    let complete = compare(&left, &[draft(1).completed()], &[record(1, "complete")]);
    assert_eq!((complete.agrees(), complete.left_but_complete), (true, 1));
    assert!(!compare(&left, &[draft(1).cut(3)], &[record(1, "complete")]).agrees());
    assert!(!compare(&left, &[draft(1).cut(3)], &[record(1, "upstream_error")]).agrees());
}

#[test]
fn an_answer_in_full_that_is_not_complete_is_found() {
    let verdict =
        compare(&[outcome(1, Way::Answered)], &[draft(1).completed()], &[record(1, "client_cancelled")]);
    assert_eq!(verdict.faults[0].what, "answered in full, and not complete");
}
