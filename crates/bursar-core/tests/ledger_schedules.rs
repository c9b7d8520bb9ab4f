//! Seeded schedules of the ledger; `examples/simulate_ledger` runs a million of them.

#[path = "../examples/simulate_ledger/chance.rs"]
mod chance;
#[path = "../examples/simulate_ledger/family.rs"]
mod family;
#[path = "../examples/simulate_ledger/schedule.rs"]
mod schedule;
#[path = "../examples/simulate_ledger/shadow.rs"]
mod shadow;

use schedule::Tally;

#[test]
fn every_invariant_holds_after_every_event_of_two_thousand_schedules_in_which_everything_happens() {
    let mut tally = Tally::default();
    (0..2_000).for_each(|seed| tally.add(&schedule::run(seed)));
    let never: Vec<&str> = tally.all().into_iter().filter(|(_, n)| *n == 0).map(|(what, _)| what).collect();
    assert!(never.is_empty(), "never happened: {never:?}");
}
