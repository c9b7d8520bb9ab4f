//! Ceilings of recorded requests of real clients against what their providers reported: no report is above.
//!
//! The requests in this repository, and all of the recordings where they lie beside it.

use std::path::{Path, PathBuf};

use bursar_core::ModelLimits;
use bursar_wire::{Ceiling, InputBasis};

mod recorded;

const WINDOW: u64 = 2_000_000;
/// A recording whose system text its makers cut short and whose answer they did not, under both of its ids.
const CUT_SHORT: [&str; 2] = ["58646b0dbd40f9ec", "b698bec2aa3554d1"];

/// How many requests were compared, and how many of them nothing but the context window bounds.
fn compared(path: &Path) -> (u32, u32) {
    let limits = ModelLimits { context_window: Some(WINDOW), max_output: Some(1) };
    let (mut compared, mut by_window) = (0, 0);
    for r in recorded::load(path).iter().filter(|r| r.is_json() && !CUT_SHORT.contains(&r.id.as_str())) {
        let (view, Some(reported)) = (r.view(), r.reported) else { continue };
        // Cohere reports more tokens than it bills, and its own preamble is among them. What is billed at the price of
        // another model has no bound, and says so.
        let ceiling = Ceiling::of(&view, r.target().0, limits, InputBasis::Bytes);
        if r.provider == "cohere" || !ceiling.unbounded.is_empty() {
            continue;
        }
        compared += 1;
        by_window += u32::from(ceiling.bound.context == WINDOW);
        assert!(
            reported < ceiling.bound.tokens(),
            "{} {} {:?}: {reported} reported, {:?}",
            r.id,
            r.provider,
            r.model,
            ceiling.bound
        );
    }
    (compared, by_window)
}

#[test]
fn no_provider_reported_more_input_than_the_ceiling_of_the_request() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (requests, by_window) = compared(&own.join("tests/data/requests.jsonl.gz"));
    assert!(requests > 250, "{requests} compared");
    assert!(by_window * 3 < requests, "{by_window} of {requests} are bounded by the context window alone");
    let shared = std::env::var_os("BURSAR_SHARED").map_or_else(|| own.join("../../../shared"), PathBuf::from);
    let all = shared.join("data/agents/fixtures_dev.jsonl.gz");
    if all.is_file() {
        let (requests, _) = compared(&all);
        assert!(requests > 1_000, "{requests} compared");
    } else {
        eprintln!("no recordings at {}; only those of the repository were compared", all.display());
    }
}
