//! Putting an output limit into a request.

use super::{Fields, insert_first, replace};
use crate::request::RequestView;
use crate::surface::{Surface, Vendor};

/// Where a dialect says how much an answer may have.
struct Place {
    /// The object around it, in its spellings; none where it stands at the top.
    inside: &'static [&'static str],
    /// The keys that say it.
    keys: &'static [&'static str],
    /// The key that is put in where none is.
    usual: &'static str,
}

const fn top(keys: &'static [&'static str], usual: &'static str) -> Place {
    Place { inside: &[], keys, usual }
}

/// The least output that a request can ask for and stay valid; `None` where its output cannot be limited.
#[must_use]
pub fn least_output(view: &RequestView, surface: Surface) -> Option<u64> {
    place(view, surface, Vendor::Other)?;
    let least = if surface == Surface::OpenAiResponses { 16 } else { 1 };
    Some(view.reach.thinking_budget.map_or(least, |budget| budget.saturating_add(1)))
}

/// The body with its output limit lowered to `limit`, or with one put in; every other byte as it was. `None` where
/// the surface has no such limit, or the body is no JSON object.
#[must_use]
pub fn limit_output(
    body: &[u8],
    view: &RequestView,
    surface: Surface,
    vendor: Vendor,
    limit: u64,
) -> Option<Vec<u8>> {
    let place = place(view, surface, vendor)?;
    let text = std::str::from_utf8(body).ok()?;
    let number = limit.to_string();
    if place.inside.is_empty() {
        return set(text, 0..text.len(), &place, &number);
    }
    let outer = Fields::of(text)?;
    let Some(object) = place.inside.iter().find_map(|key| outer.last(key)) else {
        let field = format!(r#""{}":{{"{}":{number}}}"#, place.inside[0], place.usual);
        return Some(insert_first(text, 0, &field));
    };
    if &text[object.clone()] == "null" {
        return Some(replace(body, object, format!(r#"{{"{}":{number}}}"#, place.usual).as_bytes()));
    }
    set(text, object, &place, &number)
}

/// Sets every key of the place in an object that has one of them, or puts the usual one in.
fn set(text: &str, object: std::ops::Range<usize>, place: &Place, number: &str) -> Option<Vec<u8>> {
    let fields = Fields::of(&text[object.clone()])?;
    let mut found: Vec<_> = place.keys.iter().filter_map(|key| fields.last(key)).collect();
    if found.is_empty() {
        let field = format!(r#""{}":{number}"#, place.usual);
        return Some(insert_first(text, object.start, &field));
    }
    found.sort_unstable_by_key(|value| std::cmp::Reverse(value.start));
    let mut edited = text.as_bytes().to_vec();
    for value in found {
        edited.splice(object.start + value.start..object.start + value.end, number.bytes());
    }
    Some(edited)
}

fn place(view: &RequestView, surface: Surface, vendor: Vendor) -> Option<Place> {
    const CHAT: &[&str] = &["max_completion_tokens", "max_tokens"];
    const GEMINI: &[&str] = &["generationConfig", "generation_config"];
    if view.is_form {
        return None;
    }
    Some(match surface {
        // Reasoning models refuse the older name; servers that are only compatible may not know the newer.
        Surface::OpenAiChat if matches!(vendor, Vendor::OpenAi | Vendor::Azure) => top(CHAT, CHAT[0]),
        Surface::OpenAiChat => top(CHAT, CHAT[1]),
        Surface::OpenAiCompletions | Surface::CohereChat => top(&["max_tokens"], "max_tokens"),
        Surface::AnthropicMessages => top(&["max_tokens"], "max_tokens"),
        Surface::OpenAiResponses => top(&["max_output_tokens"], "max_output_tokens"),
        Surface::GeminiGenerate | Surface::GeminiStreamGenerate => Place {
            inside: GEMINI,
            keys: &["maxOutputTokens", "max_output_tokens"],
            usual: "maxOutputTokens",
        },
        Surface::GeminiInteractions => Place {
            inside: &["generation_config", "generationConfig"],
            keys: &["max_output_tokens", "maxOutputTokens"],
            usual: "max_output_tokens",
        },
        Surface::BedrockConverse => {
            Place { inside: &["inferenceConfig"], keys: &["maxTokens"], usual: "maxTokens" }
        }
        Surface::BedrockInvoke => invoke(view.model.as_deref()?)?,
        _ => return None,
    })
}

/// The body of `InvokeModel` is the model's own.
fn invoke(model: &str) -> Option<Place> {
    let holds = |name: &str| model.contains(name);
    match () {
        () if holds("anthropic.") || holds("mistral.") => Some(top(&["max_tokens"], "max_tokens")),
        () if holds("meta.") => Some(top(&["max_gen_len"], "max_gen_len")),
        () if holds("amazon.titan-text") => Some(Place {
            inside: &["textGenerationConfig"],
            keys: &["maxTokenCount"],
            usual: "maxTokenCount",
        }),
        () if holds("amazon.nova") => Some(Place {
            inside: &["inferenceConfig"],
            keys: &["maxTokens", "max_new_tokens"],
            usual: "maxTokens",
        }),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn limited(surface: Surface, vendor: Vendor, path: &str, body: &str) -> Option<String> {
        let view = RequestView::parse(surface, path, None, body.as_bytes()).expect(body);
        let edited = limit_output(body.as_bytes(), &view, surface, vendor, 7)?;
        let again = RequestView::parse(surface, path, None, &edited).expect("still a request");
        assert_eq!(again.max_output_tokens, Some(7), "{body}");
        String::from_utf8(edited).ok()
    }

    #[test]
    fn a_limit_is_lowered_in_its_place_and_put_in_where_there_is_none() {
        use Surface::{AnthropicMessages, BedrockConverse, GeminiGenerate, OpenAiChat, OpenAiResponses};
        const GEMINI: &str = "/v1beta/models/g:generateContent";
        for (surface, vendor, path, body, expected) in [
            (OpenAiChat, Vendor::OpenAi, "/", r#"{"n": 1}"#, r#"{"max_completion_tokens":7,"n": 1}"#),
            (OpenAiChat, Vendor::Groq, "/", "{}", r#"{"max_tokens":7}"#),
            (
                OpenAiChat,
                Vendor::OpenAi,
                "/",
                r#"{"max_tokens" : 900, "max_completion_tokens":null }"#,
                r#"{"max_tokens" : 7, "max_completion_tokens":7 }"#,
            ),
            (
                OpenAiResponses,
                Vendor::OpenAi,
                "/",
                r#"{"max_output_tokens":99}"#,
                r#"{"max_output_tokens":7}"#,
            ),
            (AnthropicMessages, Vendor::Anthropic, "/", r#"{"max_tokens":1024}"#, r#"{"max_tokens":7}"#),
            (GeminiGenerate, Vendor::Gemini, GEMINI, "{}", r#"{"generationConfig":{"maxOutputTokens":7}}"#),
            (
                GeminiGenerate,
                Vendor::Gemini,
                GEMINI,
                r#"{"generation_config":{"max_output_tokens":80,"topK":1}}"#,
                r#"{"generation_config":{"max_output_tokens":7,"topK":1}}"#,
            ),
            (
                GeminiGenerate,
                Vendor::Gemini,
                GEMINI,
                r#"{"generationConfig":null}"#,
                r#"{"generationConfig":{"maxOutputTokens":7}}"#,
            ),
            (
                BedrockConverse,
                Vendor::Bedrock,
                "/model/m/converse",
                r#"{"inferenceConfig":{"topP":1}}"#,
                r#"{"inferenceConfig":{"maxTokens":7,"topP":1}}"#,
            ),
        ] {
            assert_eq!(limited(surface, vendor, path, body).as_deref(), Some(expected));
        }
    }

    #[test]
    fn the_last_of_equal_keys_is_the_one_that_is_lowered() {
        let body = r#"{"max_tokens":5,"max_tokens":6000}"#;
        let edited = limited(Surface::AnthropicMessages, Vendor::Anthropic, "/", body);
        assert_eq!(edited.as_deref(), Some(r#"{"max_tokens":5,"max_tokens":7}"#));
    }

    #[test]
    fn the_body_of_an_invoked_model_is_edited_where_its_shape_is_known() {
        let at = |model: &str, body: &str| {
            limited(Surface::BedrockInvoke, Vendor::Bedrock, &format!("/model/{model}/invoke"), body)
        };
        assert_eq!(at("us.anthropic.claude-x", "{}").as_deref(), Some(r#"{"max_tokens":7}"#));
        let titan = at("amazon.titan-text-express-v1", r#"{"inputText":"x"}"#).expect("edited");
        let titan: Value = serde_json::from_str(&titan).expect("JSON");
        assert_eq!(titan["textGenerationConfig"]["maxTokenCount"], 7);
        assert_eq!(at("unknown.model", "{}"), None);
        let embedding = RequestView::default();
        assert_eq!(least_output(&embedding, Surface::OpenAiEmbeddings), None);
    }

    #[test]
    fn thinking_needs_more_output_than_its_budget() {
        let least = |body: &str, surface, path: &str| {
            least_output(&RequestView::parse(surface, path, None, body.as_bytes()).expect(body), surface)
        };
        let thinking = r#"{"max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":4096}}"#;
        assert_eq!(least(thinking, Surface::AnthropicMessages, "/"), Some(4_097));
        let bedrock =
            r#"{"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":1024}}}"#;
        assert_eq!(least(bedrock, Surface::BedrockConverse, "/model/m/converse"), Some(1_025));
        assert_eq!(least(r#"{"thinking":{"type":"disabled"}}"#, Surface::AnthropicMessages, "/"), Some(1));
        assert_eq!(least("{}", Surface::OpenAiResponses, "/"), Some(16));
    }
}
