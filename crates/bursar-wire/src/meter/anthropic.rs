//! Anthropic: the input excludes what was read from and written to the cache; thinking is inside the output.
//!
//! Where an answer took several rounds, `iterations` lists each of them and the top level may leave some out
//! (compaction), so the sum of the iterations is what was used.

use bursar_core::{Meter, MeteredUsage, Provenance, UsageException};
use serde_json::Value;

use super::numbers::Numbers;
use super::slots::set_tier;

const REPORTED: Provenance = Provenance::Reported;

/// The opening event's usage with what the closing events said put over it.
pub(super) fn merged(mut opening: Value, closing: Option<Value>) -> Value {
    let (Some(target), Some(Value::Object(closing))) = (opening.as_object_mut(), closing) else {
        return opening;
    };
    for (key, value) in closing {
        if !value.is_null() {
            target.insert(key, value);
        }
    }
    opening
}

/// One usage object, or one of its iterations.
struct Round {
    input: u64,
    read: u64,
    written_5m: u64,
    written_1h: u64,
    output: u64,
}

/// Reads a usage object.
pub(super) fn read(object: &Value, usage: &mut MeteredUsage) {
    let mut n = Numbers::of(object);
    let top = round(&mut n);
    let iterations =
        object.get("iterations").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let (mut rounds, foreign) = rounds(iterations, &mut n);
    note_foreign(&foreign, &mut n);
    if rounds.is_empty() {
        rounds.push(top);
    }
    let sum = |part: fn(&Round) -> u64| rounds.iter().fold(0u64, |sum, r| sum.saturating_add(part(r)));
    let output = sum(|r| r.output);
    let thinking = n.part(&["output_tokens_details.thinking_tokens"]);
    let text = n.rest(output, &[(thinking, "thinking_tokens")]);
    let q = &mut usage.quantities;
    q.set(Meter::Input, sum(|r| r.input), REPORTED);
    q.set(Meter::CacheRead, sum(|r| r.read), REPORTED);
    q.set(Meter::CacheWrite5m, sum(|r| r.written_5m), REPORTED);
    q.set(Meter::CacheWrite1h, sum(|r| r.written_1h), REPORTED);
    q.set(Meter::Output, text, REPORTED);
    q.set(Meter::Reasoning, thinking.min(output), REPORTED);
    q.set(Meter::WebSearches, n.part(&["server_tool_use.web_search_requests"]), REPORTED);
    if let Some(tier) = n.at("service_tier").and_then(Value::as_str) {
        set_tier(usage, "service_tier", tier);
    }
    usage.exceptions.extend(n.exceptions());
}

fn round(n: &mut Numbers<'_>) -> Round {
    let written = n.count("cache_creation_input_tokens");
    let short = n.count("cache_creation.ephemeral_5m_input_tokens");
    let long = n.count("cache_creation.ephemeral_1h_input_tokens");
    let (written_5m, written_1h) = match (short, long) {
        // Without a division by lifetime it is the usual one, five minutes.
        (None, None) => (written.unwrap_or_default(), 0),
        (short, long) => (short.unwrap_or_default(), long.unwrap_or_default()),
    };
    n.check_total(written, written_5m.saturating_add(written_1h));
    Round {
        input: n.part(&["input_tokens"]),
        read: n.part(&["cache_read_input_tokens"]),
        written_5m,
        written_1h,
        output: n.part(&["output_tokens"]),
    }
}

/// The iterations that the answering model made, and the tokens that other models used, by name.
fn rounds(iterations: &[Value], n: &mut Numbers<'_>) -> (Vec<Round>, Vec<(String, u64)>) {
    let (mut own, mut foreign) = (Vec::new(), Vec::new());
    // Of several messages by different models, the last is the one that answered.
    let message_model = iterations.iter().rev().find(|i| is_message(i)).and_then(model_of);
    for iteration in iterations {
        let mut inner = Numbers::of(iteration);
        let round = round(&mut inner);
        for exception in inner.exceptions() {
            n.note(exception);
        }
        match model_of(iteration) {
            Some(model) if !is_message(iteration) || Some(model) != message_model => {
                let used = round.input + round.read + round.written_5m + round.written_1h + round.output;
                foreign.push((model.to_owned(), used));
            }
            _ => own.push(round),
        }
    }
    (own, foreign)
}

fn is_message(iteration: &Value) -> bool {
    let kind = iteration.get("type").and_then(Value::as_str);
    matches!(kind, Some("message" | "fallback_message" | "compaction"))
}

fn model_of(iteration: &Value) -> Option<&str> {
    iteration.get("model").and_then(Value::as_str)
}

fn note_foreign(foreign: &[(String, u64)], n: &mut Numbers<'_>) {
    for (model, tokens) in foreign.iter().filter(|(_, tokens)| *tokens > 0) {
        n.note(UsageException::NotUnderstood {
            what: format!("usage.iterations: {tokens} tokens of {model}, another model at another price"),
        });
    }
}
