//! OpenAI: `POST /v1/embeddings` and `/v1/moderations`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{Answer, characters, quoted};
use crate::books::Draft;
use crate::plan::Ask;
use crate::words;

pub(crate) const SURFACE: &str = "openai.embeddings";

/// Reads a request; its characters include token arrays, at four characters a token.
pub(crate) fn ask(body: &Value) -> Ask {
    let input = &body["input"];
    Ask {
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        tell_usage: true,
        characters: characters(input) + 4 * numbers(input),
        choices: 1,
        ..Ask::default()
    }
}

fn numbers(value: &Value) -> u64 {
    match value {
        Value::Number(_) => 1,
        Value::Array(items) => items.iter().map(numbers).sum(),
        _ => 0,
    }
}

/// One coordinate of the vector that follows from a seed, between -0.1 and 0.1.
pub(super) fn coordinate(seed: u64, index: u64) -> f32 {
    let step = u16::try_from(words::mix(seed, index) % 2001).unwrap_or(0);
    (f32::from(step) - 1000.0) / 10_000.0
}

/// Writes the vectors: floats, or base64 of little-endian floats, which the official clients ask for.
pub(crate) fn answer(body: &Value, model: &str, told: bool, seed: u64, draft: Draft) -> Answer {
    let length = body["dimensions"].as_u64().unwrap_or(if model.ends_with("large") { 3072 } else { 1536 });
    let length = length.clamp(1, 3072);
    let base64 = body["encoding_format"] == "base64";
    let data: Vec<String> = (0..inputs(&body["input"]))
        .map(|i| {
            let vector = vector(words::mix(seed, i), length, base64);
            format!(r#"{{"object":"embedding","index":{i},"embedding":{vector}}}"#)
        })
        .collect();
    let n = draft.tokens.input;
    let usage =
        if told { format!(r#","usage":{{"prompt_tokens":{n},"total_tokens":{n}}}"#) } else { String::new() };
    let body = format!(r#"{{"object":"list","data":[{}],"model":{}{usage}}}"#, data.join(","), quoted(model));
    Answer::booked(body, draft)
}

/// How many inputs a request has: a text, a token array, or a list of either.
fn inputs(input: &Value) -> u64 {
    match input.as_array() {
        Some(items) if items.first().is_some_and(Value::is_number) => 1,
        Some(items) => items.len() as u64,
        None => 1,
    }
}

fn vector(seed: u64, length: u64, base64: bool) -> String {
    let coordinates = (0..length).map(|i| coordinate(seed, i));
    if base64 {
        let bytes: Vec<u8> = coordinates.flat_map(f32::to_le_bytes).collect();
        return format!("\"{}\"", STANDARD.encode(bytes));
    }
    let texts: Vec<String> = coordinates.map(|c| format!("{c}")).collect();
    format!("[{}]", texts.join(","))
}

const CATEGORIES: [&str; 13] = [
    "harassment",
    "harassment/threatening",
    "sexual",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm/intent",
    "self-harm/instructions",
    "self-harm",
    "sexual/minors",
    "violence",
    "violence/graphic",
];

/// A moderation that flags nothing. It is free, and so not booked.
pub(crate) fn moderation(body: &Value, id: &str) -> Answer {
    let each = |value: &str| CATEGORIES.map(|c| format!("\"{c}\":{value}")).join(",");
    let kinds = CATEGORIES.map(|c| format!("\"{c}\":[\"text\"]")).join(",");
    let result = format!(
        r#"{{"flagged":false,"categories":{{{}}},"category_scores":{{{}}},"category_applied_input_types":{{{kinds}}}}}"#,
        each("false"),
        each("0.00001")
    );
    let count = usize::try_from(inputs(&body["input"])).unwrap_or(1);
    let results = vec![result; count].join(",");
    let model = quoted(body["model"].as_str().unwrap_or("omni-moderation-latest"));
    Answer::json(200, format!(r#"{{"id":"{id}","model":{model},"results":[{results}]}}"#))
}
