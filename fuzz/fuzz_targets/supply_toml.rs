//! Any text as `supply.toml`, `tco.toml` or `constraints.toml`: no panic; what is read adds up, what is refused says why.
//!
//! The first byte chooses which file it is.
#![no_main]

use bursar_core::{Money, Timestamp};
use bursar_plan::problems::Problems;
use bursar_plan::supply::{read_constraints, read_supply};
use bursar_plan::tco::{Millionths, read_tco};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((which, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let today = Timestamp::from_seconds(1_795_478_400);
    let refused = match which % 3 {
        0 => read_supply("supply.toml", text, today).map(|supply| {
            for row in &supply.rows {
                assert!(row.node.offers.iter().all(|o| o.per_hour >= Money::ZERO && o.dated.as_of <= today));
            }
        }),
        1 => read_tco("tco.toml", text, today).map(|tco| {
            for node in &tco.nodes {
                let ledger = node.ledger(Millionths::ONE).expect("a node that was read has a ledger");
                assert_eq!(Money::checked_sum(ledger.lines.iter().map(|l| l.per_year)), Some(ledger.per_year));
                assert_eq!(Money::checked_sum(ledger.lines.iter().map(|l| l.per_hour)), Some(ledger.per_hour));
                node.schedule().expect("and a schedule");
            }
        }),
        _ => read_constraints("constraints.toml", text, today).map(|_| ()),
    };
    let says_why = |problems: &Problems| !problems.is_empty() && !problems.to_string().is_empty();
    assert!(refused.err().is_none_or(|problems| says_why(&problems)));
});
