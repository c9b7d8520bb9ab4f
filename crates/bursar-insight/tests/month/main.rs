//! A simulated month with a clock of its own: every crossing is told exactly once and within a second, nothing else is
//! told, and neither restarts nor a process that is killed before it could store what it saw change that.

mod oracle;
mod outbox;
mod world;

use world::{Simulation, Ticks};

#[test]
fn every_crossing_of_a_month_is_told_exactly_once_and_within_a_second() {
    for seed in 0..3 {
        let told = Simulation::new(seed, Ticks::AfterChanges).run(30);
        let latest = told.agrees_with_the_oracle();
        eprintln!(
            "seed {seed}: {} crossings told, {} restarts, at most {latest} µs late while the watch was up",
            told.raised(),
            told.restarts()
        );
        assert!(told.raised() > 150, "seed {seed}: only {} crossings", told.raised());
        assert!(told.restarts() >= 4, "seed {seed}: only {} restarts", told.restarts());
    }
}

#[test]
fn looking_four_times_a_second_tells_the_same_as_looking_after_changes() {
    let every = Simulation::new(11, Ticks::Every).run(2);
    every.agrees_with_the_oracle();
    let after_changes = Simulation::new(11, Ticks::AfterChanges).run(2);
    assert_eq!(every.keys(), after_changes.keys());
    assert!(every.raised() > 10, "only {} crossings", every.raised());
}
