//! Runs seeded schedules of the ledger with every invariant checked after each event.
//!
//! ```text
//! cargo run --release -p bursar-core --example simulate_ledger -- 1000000 [first seed]
//! ```

mod chance;
mod family;
mod schedule;
mod shadow;

use std::process::ExitCode;

use schedule::Tally;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut number = |otherwise: u64| match arguments.next() {
        None => Some(otherwise),
        Some(text) => text.replace('_', "").parse().ok(),
    };
    let (Some(count), Some(first)) = (number(1_000_000), number(0)) else {
        eprintln!("usage: simulate_ledger [schedules] [first seed]");
        return ExitCode::from(2);
    };
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let tally = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|t| {
                scope.spawn(move || {
                    let mut tally = Tally::default();
                    let seeds = (first + t..first + count).step_by(usize::try_from(threads).unwrap_or(1));
                    seeds.for_each(|seed| tally.add(&schedule::run(seed)));
                    tally
                })
            })
            .collect();
        workers.into_iter().try_fold(Tally::default(), |mut sum, worker| {
            sum.add(&worker.join().ok()?);
            Some(sum)
        })
    });
    let Some(tally) = tally else {
        eprintln!("an invariant does not hold; the message above names the seed");
        return ExitCode::FAILURE;
    };
    println!("{count} schedules from seed {first}: every invariant held after every event");
    for (what, times) in tally.all() {
        println!("{times:>12}  {what}");
    }
    ExitCode::SUCCESS
}
