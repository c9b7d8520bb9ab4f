//! Which convention the numbers follow, told by their shape and, where two vendors use one shape differently, by
//! the vendor.

use bursar_core::{Meter, MeteredUsage, Provenance, UsageException};
use serde_json::Value;

use super::slots::Slots;
use super::{anthropic, bedrock, cohere, gemini, openai};
use crate::facts::RequestFacts;
use crate::sieve::Field;
use crate::surface::{Surface, Vendor};

/// Reads the numbers into disjoint meters. Whether there were any.
pub(super) fn interpret(
    surface: Surface,
    vendor: Vendor,
    slots: &mut Slots,
    usage: &mut MeteredUsage,
) -> bool {
    if slots.oversized() {
        let reason = "the usage object is larger than any that is known".to_owned();
        usage.exceptions.push(UsageException::Unreadable { reason });
        return true;
    }
    if let Some(metadata) = slots.object(Field::UsageMetadata) {
        gemini::read(&metadata, usage);
        return true;
    }
    let found = slots.object(Field::Usage).or_else(|| slots.object(Field::GroqUsage));
    let opening = slots.object(Field::MessageUsage);
    match (found, opening) {
        (Some(object), None) => read_object(surface, vendor, &object, slots, usage),
        (found, Some(opening)) => {
            anthropic::read(&anthropic::merged(opening, found), usage);
            true
        }
        (None, None) => read_loose(slots, usage),
    }
}

fn read_object(
    surface: Surface,
    vendor: Vendor,
    object: &Value,
    slots: &Slots,
    usage: &mut MeteredUsage,
) -> bool {
    let has = |key: &str| object.get(key).is_some_and(|v| !v.is_null());
    if has("prompt_tokens") || has("completion_tokens") {
        openai::read_chat(surface, vendor, object, usage);
        openai::read_breakdown(slots.object(Field::UsageBreakdown).as_ref(), usage);
    } else if has("inputTokens") || has("outputTokens") {
        bedrock::read_converse(object, usage);
    } else if has("total_input_tokens") || has("total_output_tokens") {
        gemini::read_interaction(object, usage);
    } else if has("billed_units") || has("tokens") {
        cohere::read(object, usage);
    } else if is_anthropic(object, surface) {
        anthropic::read(object, usage);
    } else if has("input_tokens") || has("output_tokens") {
        openai::read_responses(surface, object, usage);
        openai::read_tools(slots.object(Field::ToolUsage).as_ref(), usage);
    } else if has("seconds") {
        openai::read_seconds(object, usage);
    } else {
        return read_loose(slots, usage);
    }
    true
}

/// Anthropic's object has no total and keeps the cache beside the input; OpenAI's has a total and details.
fn is_anthropic(object: &Value, surface: Surface) -> bool {
    let has = |key: &str| object.get(key).is_some();
    has("cache_creation_input_tokens")
        || has("cache_read_input_tokens")
        || has("cache_creation")
        || (has("input_tokens")
            && !has("total_tokens")
            && !has("input_tokens_details")
            && surface != Surface::OpenAiResponses)
}

/// Numbers that stand outside a usage object.
fn read_loose(slots: &Slots, usage: &mut MeteredUsage) -> bool {
    if let Some(meta) = slots.object(Field::Meta)
        && cohere::read(&meta, usage)
    {
        return true;
    }
    if let Some(tokens) = slots.predictions() {
        usage.quantities.set(Meter::Input, tokens, Provenance::Reported);
        return true;
    }
    bedrock::read_loose(slots, usage)
}

/// Counts what is not tokens: pictures, characters to speak, seconds heard. Whether the surface is of that kind
/// and something could be counted.
pub(super) fn count_products(
    surface: Surface,
    slots: &Slots,
    request: &RequestFacts,
    usage: &mut MeteredUsage,
) -> bool {
    let (meter, units) = match surface {
        Surface::OpenAiImages => (Meter::Images, Some(slots.pictures()).filter(|&n| n > 0)),
        Surface::OpenAiSpeech => (Meter::Characters, request.characters),
        Surface::OpenAiTranscription => (Meter::AudioSeconds, seconds(slots)),
        _ => return false,
    };
    match units {
        Some(units) => usage.quantities.set(meter, units, Provenance::Counted),
        None => usage.exceptions.push(UsageException::NotReported),
    }
    true
}

/// A duration in seconds, part seconds rounded up.
fn seconds(slots: &Slots) -> Option<u64> {
    let text = slots.json(Field::Duration)?.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let part = fraction.bytes().any(|b| b.is_ascii_digit() && b != b'0');
    whole.parse::<u64>().ok().map(|s| s.saturating_add(u64::from(part)))
}
