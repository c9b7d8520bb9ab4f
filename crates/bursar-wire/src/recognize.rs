//! What a body is, told by its bytes alone: for responses that were saved without their headers and path.

use serde_json::Value;

use crate::surface::{Dialect, Framing, Surface};

/// Bytes at the start that decide; a document that begins later is not looked for.
const LOOKED_AT: usize = 64 << 10;

impl Framing {
    /// The framing that a saved body shows. `None` for bytes that are neither JSON, nor server-sent events, nor
    /// Amazon's event stream.
    #[must_use]
    pub fn of_body(body: &[u8]) -> Option<Framing> {
        let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
        match text.first()? {
            b'{' if is_lines(text) => Some(Framing::JsonLines),
            b'{' | b'[' => Some(Framing::Json),
            _ if is_event_stream(text) => Some(Framing::Sse),
            _ if is_aws(body) => Some(Framing::AwsEventStream),
            _ => None,
        }
    }
}

/// Whether the first line is a whole document and another one follows it.
fn is_lines(text: &[u8]) -> bool {
    let end = text.iter().position(|&b| b == b'\n').unwrap_or(text.len());
    let (first, rest) = text.split_at(end);
    rest.trim_ascii_start().first() == Some(&b'{') && serde_json::from_slice::<Value>(first).is_ok()
}

fn is_event_stream(text: &[u8]) -> bool {
    [b"data:".as_slice(), b"event:", b"id:", b"retry:", b":"].iter().any(|field| text.starts_with(field))
}

/// A frame begins with its length, the length of its headers, and a checksum of those eight bytes.
fn is_aws(body: &[u8]) -> bool {
    let number = |at: usize| body.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    let (Some(total), Some(headers)) = (number(0), number(4)) else { return false };
    (16..=16 << 20).contains(&total) && headers <= total - 16 && total as usize <= body.len()
}

impl Surface {
    /// The surface of a dialect that a saved body belongs to; the dialect's usual one where the body does not tell.
    #[must_use]
    pub fn of_body(dialect: Dialect, body: &[u8]) -> Surface {
        let first = first_document(body).unwrap_or_default();
        match dialect {
            Dialect::OpenAi => openai(&first),
            Dialect::Anthropic => anthropic(&first),
            Dialect::Gemini => gemini(&first),
            Dialect::Bedrock => bedrock(&first, body),
            Dialect::Cohere => cohere(&first),
        }
    }
}

/// The first JSON document of a body, whatever its framing.
fn first_document(body: &[u8]) -> Option<Value> {
    if let Ok(whole) = serde_json::from_slice::<Value>(body) {
        return match whole {
            Value::Array(items) => items.into_iter().next(),
            other => Some(other),
        };
    }
    let start = String::from_utf8_lossy(&body[..body.len().min(LOOKED_AT)]);
    let lines = start.lines().map(|line| line.strip_prefix("data:").unwrap_or(line).trim());
    lines.filter_map(|line| serde_json::from_str::<Value>(line).ok()).find(Value::is_object)
}

fn openai(first: &Value) -> Surface {
    let text = |key: &str| first.get(key).and_then(Value::as_str).unwrap_or_default();
    let item = |key: &str| first.pointer(&format!("/data/0/{key}"));
    match (text("object"), text("type")) {
        ("response", _) => Surface::OpenAiResponses,
        (_, kind) if kind.starts_with("response.") => Surface::OpenAiResponses,
        ("text_completion", _) => Surface::OpenAiCompletions,
        (object, _) if object.starts_with("chat.completion") => Surface::OpenAiChat,
        _ if item("embedding").is_some() => Surface::OpenAiEmbeddings,
        _ if item("b64_json").is_some() || item("url").is_some() => Surface::OpenAiImages,
        _ if first.get("text").is_some_and(Value::is_string) && first.get("choices").is_none() => {
            Surface::OpenAiTranscription
        }
        _ => Surface::OpenAiChat,
    }
}

fn anthropic(first: &Value) -> Surface {
    let counts = first.get("input_tokens").is_some() && first.get("type").is_none();
    if counts { Surface::AnthropicCountTokens } else { Surface::AnthropicMessages }
}

fn gemini(first: &Value) -> Surface {
    let has = |key: &str| first.get(key).is_some();
    if has("embedding") || has("embeddings") || has("predictions") {
        Surface::GeminiEmbed
    } else if has("totalTokens") && !has("candidates") {
        Surface::GeminiCountTokens
    } else if has("interaction") || first.pointer("/usage/total_input_tokens").is_some() {
        Surface::GeminiInteractions
    } else {
        Surface::GeminiGenerate
    }
}

fn bedrock(first: &Value, body: &[u8]) -> Surface {
    let converse = ["output", "stopReason", "metrics"].iter().any(|key| first.get(key).is_some());
    let wrapped = memchr::memmem::find(body, b"{\"bytes\":").is_some();
    let binary = Framing::of_body(body) == Some(Framing::AwsEventStream);
    if converse || (binary && !wrapped) { Surface::BedrockConverse } else { Surface::BedrockInvoke }
}

fn cohere(first: &Value) -> Surface {
    if first.pointer("/results/0/relevance_score").is_some() {
        Surface::CohereRerank
    } else if first.get("embeddings").is_some() {
        Surface::CohereEmbed
    } else {
        Surface::CohereChat
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_body_shows_its_framing() {
        let aws = [0, 0, 0, 20, 0, 0, 0, 4, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        for (body, framing) in [
            (b"  {\"a\": 1\n}".as_slice(), Some(Framing::Json)),
            (b"[{}]", Some(Framing::Json)),
            (b"{\"a\":1}\n", Some(Framing::Json)),
            (b"{\"a\":1}\n{\"a\":2}\n", Some(Framing::JsonLines)),
            (b"data: {}\n\n", Some(Framing::Sse)),
            (b"event: message_start\ndata: {}\n\n", Some(Framing::Sse)),
            (b": ping\n\n", Some(Framing::Sse)),
            (&aws, Some(Framing::AwsEventStream)),
            (b"<html>", None),
            (b"", None),
        ] {
            assert_eq!(Framing::of_body(body), framing, "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn a_saved_body_shows_its_surface_within_the_dialect() {
        for (dialect, body, surface) in [
            (Dialect::OpenAi, r#"{"object":"chat.completion"}"#, Surface::OpenAiChat),
            (Dialect::OpenAi, r#"{"object":"response"}"#, Surface::OpenAiResponses),
            (
                Dialect::OpenAi,
                "event: x\ndata: {\"type\":\"response.created\"}\n\n",
                Surface::OpenAiResponses,
            ),
            (Dialect::OpenAi, r#"{"object":"list","data":[{"embedding":[]}]}"#, Surface::OpenAiEmbeddings),
            (Dialect::OpenAi, r#"{"created":1,"data":[{"b64_json":""}]}"#, Surface::OpenAiImages),
            (Dialect::OpenAi, r#"{"text":"hi","duration":3}"#, Surface::OpenAiTranscription),
            (Dialect::OpenAi, r#"{"object":"text_completion","choices":[]}"#, Surface::OpenAiCompletions),
            (Dialect::OpenAi, "nothing known", Surface::OpenAiChat),
            (Dialect::Anthropic, r#"{"type":"message"}"#, Surface::AnthropicMessages),
            (Dialect::Anthropic, r#"{"input_tokens":5}"#, Surface::AnthropicCountTokens),
            (Dialect::Gemini, r#"[{"candidates":[]}]"#, Surface::GeminiGenerate),
            (Dialect::Gemini, r#"{"totalTokens":4}"#, Surface::GeminiCountTokens),
            (Dialect::Gemini, r#"{"embedding":{}}"#, Surface::GeminiEmbed),
            (Dialect::Bedrock, r#"{"output":{},"stopReason":"end_turn"}"#, Surface::BedrockConverse),
            (Dialect::Bedrock, r#"{"content":[]}"#, Surface::BedrockInvoke),
            (Dialect::Cohere, r#"{"results":[{"relevance_score":1}]}"#, Surface::CohereRerank),
            (Dialect::Cohere, r#"{"message":{}}"#, Surface::CohereChat),
        ] {
            assert_eq!(Surface::of_body(dialect, body.as_bytes()), surface, "{body}");
        }
    }
}
