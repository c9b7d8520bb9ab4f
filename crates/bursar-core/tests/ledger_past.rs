//! What happened before: accounts that begin with a past, and calls whose end nobody saw.

use std::sync::Arc;

use bursar_core::budget::{Budget, BudgetUnit, ModelTiers, Rollover, Subject, WhenTight};
use bursar_core::ledger::{Amounts, Balance, Command, HoldRequest, Ledger, Outcome, Past};
use bursar_core::{Money, RecordId, RequestId, Timestamp};

fn noon() -> Timestamp {
    Timestamp::from_date(2026, 11, 24).unwrap().plus_micros(12 * 3_600_000_000)
}

fn budget(amount: i64) -> Budget {
    let mut budget = Budget::new("all".parse().unwrap(), BudgetUnit::Usd, amount);
    budget.when_tight = WhenTight::Refuse;
    budget
}

fn used(nanos: i64) -> Amounts {
    Amounts { usd: Some(Money::from_nanos(nanos)), tokens: 1 }
}

fn id(n: u128) -> RecordId {
    RecordId { request: RequestId(n), attempt: 0 }
}

fn hold(n: u128, ceiling: i64, at: Timestamp) -> Command {
    Command::Hold(HoldRequest {
        id: id(n),
        subject: Arc::new(Subject::default()),
        at,
        ceiling: used(ceiling),
        lease_until: at.plus_micros(60_000_000),
        unpriced_passes: false,
    })
}

fn balance(ledger: &mut Ledger, now: Timestamp) -> Balance {
    ledger.balances(&"all".parse().unwrap(), now).remove(0)
}

#[test]
fn a_call_whose_end_nobody_saw_is_booked_once_and_the_rest_of_its_ceiling_is_held_until_its_lease_ends() {
    let mut ledger = Ledger::new(ModelTiers::default());
    ledger.define(budget(1_000), |_| true);
    assert!(matches!(ledger.apply(hold(1, 700, noon()), noon()), Outcome::Held(_)));
    let postings = ledger.book(id(1), used(200)).unwrap();
    assert_eq!((postings[0].held, postings[0].spent), (700, Some(200)));
    let now = balance(&mut ledger, noon());
    assert_eq!((now.spent, now.held, now.available, now.overrun), (200, 500, 300, 0));
    assert_eq!(ledger.book(id(1), used(200)), None);
    assert_eq!(ledger.settle(id(1), used(200)), None);
    assert_eq!(ledger.open_ids().count(), 0);
    assert!(matches!(ledger.apply(hold(2, 301, noon()), noon()), Outcome::Short(_)));
    let later = noon().plus_micros(60_000_000);
    ledger.expire(later);
    let now = balance(&mut ledger, later);
    assert_eq!((now.spent, now.held, now.available), (200, 0, 800));
    ledger.expire(later.plus_micros(25 * 3_600_000_000));
    assert_eq!((ledger.open_holds(), balance(&mut ledger, later).held), (0, 0));
}

#[test]
fn a_call_that_is_booked_above_its_ceiling_is_an_overrun() {
    let mut ledger = Ledger::new(ModelTiers::default());
    ledger.define(budget(1_000), |_| true);
    ledger.apply(hold(1, 100, noon()), noon());
    ledger.book(id(1), used(250)).unwrap();
    let now = balance(&mut ledger, noon());
    assert_eq!((now.spent, now.held, now.overrun), (250, 0, 150));
}

#[test]
fn a_ledger_with_the_accounts_of_another_as_its_past_stands_as_that_one_and_goes_on_alike() {
    let mut rolling_over = budget(1_000);
    rolling_over.rollover = Rollover::Capped(600);
    let month = |m| Timestamp::from_date(2026, m, 10).unwrap();
    let mut whole = Ledger::new(ModelTiers::default());
    whole.define(rolling_over.clone(), |_| true);
    for (m, nanos) in [(1, 700), (2, 100), (3, 50), (5, 10)] {
        whole.post(&Subject::default(), month(m), used(nanos));
    }
    let mut kept = Ledger::new(ModelTiers::default());
    let past = Past { accounts: whole.states(), ..Past::default() };
    assert!(kept.define_with_past(rolling_over, past, |_| true));
    for ledger in [&mut whole, &mut kept] {
        // A settlement that comes too late for its own window is counted in the oldest that is left.
        ledger.post(&Subject::default(), month(1), used(3));
        ledger.post(&Subject::default(), month(6), used(1));
    }
    assert_eq!(kept.states(), whole.states());
    assert_eq!(balance(&mut kept, month(6)).carried, 600);
}

#[test]
fn a_call_that_began_before_a_budget_counts_is_not_held_in_it() {
    let mut ledger = Ledger::new(ModelTiers::default());
    ledger.apply(hold(1, 100, noon()), noon());
    ledger.apply(hold(2, 40, noon().plus_micros(9)), noon());
    let past = Past { from: noon().plus_micros(5), accounts: Vec::new() };
    ledger.define_with_past(budget(1_000), past, |_| true);
    assert_eq!(balance(&mut ledger, noon()).held, 40);
    assert_eq!(ledger.settle(id(1), used(100)), Some(Vec::new()));
}
