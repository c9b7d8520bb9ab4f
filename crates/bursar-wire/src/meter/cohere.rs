//! Cohere: `billed_units` is what is charged, `tokens` what the model saw, which includes Cohere's own preamble.
//! The account is about money, so the billed units hold; without them, the tokens.

use bursar_core::{Meter, MeteredUsage, Provenance};
use serde_json::Value;

use super::numbers::Numbers;

const REPORTED: Provenance = Provenance::Reported;

/// `usage` of version 2, `meta` of version 1. Whether there were numbers in it.
pub(super) fn read(object: &Value, usage: &mut MeteredUsage) -> bool {
    let mut n = Numbers::of(object);
    let group = if n.at("billed_units").is_some() { "billed_units" } else { "tokens" };
    if n.at(group).is_none() {
        return false;
    }
    let mut count = |name: &str| n.part(&[&format!("{group}.{name}")]);
    let (input, output) = (count("input_tokens"), count("output_tokens"));
    let (images, searches, classifications) =
        (count("image_tokens"), count("search_units"), count("classifications"));
    let q = &mut usage.quantities;
    q.set(Meter::Input, input, REPORTED);
    q.set(Meter::Output, output, REPORTED);
    q.set(Meter::ImageIn, images, REPORTED);
    q.set(Meter::SearchUnits, searches, REPORTED);
    if classifications > 0 {
        n.not_understood(format!("classifications {classifications}"));
    }
    usage.exceptions.extend(n.exceptions());
    true
}
