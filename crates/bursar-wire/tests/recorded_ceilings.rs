//! Ceilings of recorded requests of real clients against what their providers reported: no report is above.

use std::path::Path;

use bursar_core::ModelLimits;
use bursar_wire::{Ceiling, InputBasis};

mod recorded;

const WINDOW: u64 = 2_000_000;
/// A recording whose system text its makers cut short ("very very long system prompt") and whose answer they did not.
const CUT_SHORT: &str = "58646b0dbd40f9ec";

#[test]
fn no_provider_reported_more_input_than_the_ceiling_of_the_request() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/requests.jsonl.gz");
    let limits = ModelLimits { context_window: Some(WINDOW), max_output: Some(1) };
    let (mut compared, mut by_window) = (0, 0);
    for r in recorded::load(&path).iter().filter(|r| r.is_json() && r.id != CUT_SHORT) {
        let (view, Some(reported)) = (r.view(), r.reported) else { continue };
        // Cohere reports more tokens than it bills, and its own preamble is among them.
        if r.provider == "cohere" {
            continue;
        }
        let ceiling = Ceiling::of(&view, r.target().0, limits, InputBasis::Bytes);
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
    assert!(compared > 250, "{compared} compared");
    assert!(by_window * 3 < compared, "{by_window} of {compared} are bounded by the context window alone");
}
