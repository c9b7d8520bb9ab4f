//! OpenAI: `POST /v1/chat/completions`.

use serde_json::Value;

use super::errors::{Shape, in_stream};
use super::{Answer, Frames, characters, quoted};
use crate::books::Draft;
use crate::plan::{Ask, Content, Piece, Plan};

pub(crate) const SURFACE: &str = "openai.chat_completions";
const FINGERPRINT: &str = "fp_560af6e559";

/// Reads a request.
pub(crate) fn ask(body: &Value) -> Ask {
    let stream = body["stream"] == true;
    Ask {
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        stream,
        tell_usage: !stream || body["stream_options"]["include_usage"] == true,
        max_output: body["max_completion_tokens"].as_u64().or(body["max_tokens"].as_u64()),
        seed: body["seed"].as_u64(),
        tool: tool(body),
        schema: schema(&body["response_format"]),
        probabilities: body["logprobs"] == true,
        thinks: body["reasoning_effort"].as_str().is_some_and(|e| e != "none"),
        characters: characters(&body["messages"]) + characters(&body["tools"]),
        choices: body["n"].as_u64().unwrap_or(1),
    }
}

/// The tool to call: the one that `tool_choice` names, or the first unless a tool has just answered.
fn tool(body: &Value) -> Option<(String, Value)> {
    let tools = body["tools"].as_array()?;
    let choice = &body["tool_choice"];
    let last_is_tool = body["messages"].as_array()?.last().is_some_and(|m| m["role"] == "tool");
    if choice == "none" || (last_is_tool && choice != "required" && !choice.is_object()) {
        return None;
    }
    let named = choice["function"]["name"].as_str();
    let chosen = tools.iter().find(|t| named.is_none_or(|n| t["function"]["name"] == n))?;
    let name = chosen["function"]["name"].as_str()?.to_owned();
    Some((name, chosen["function"]["parameters"].clone()))
}

/// The schema that the text must follow; a plain JSON mode asks for any object.
fn schema(format: &Value) -> Option<Value> {
    match format["type"].as_str()? {
        "json_schema" => Some(format["json_schema"]["schema"].clone()),
        "json_object" => {
            Some(serde_json::json!({"type": "object", "properties": {"answer": {"type": "string"}}}))
        }
        _ => None,
    }
}

/// Writes the answer.
pub(crate) fn answer(plan: &Plan, stream: bool, draft: Draft) -> Answer {
    if stream { streamed(plan, draft) } else { whole(plan, draft) }
}

fn finish_reason(plan: &Plan) -> &'static str {
    match (&plan.content, plan.at_limit) {
        (Content::Tool { .. }, _) => "tool_calls",
        (Content::Text(_), true) => "length",
        (Content::Text(_), false) => "stop",
    }
}

/// The usage object, with cached tokens inside the prompt and reasoning inside the completion.
pub(crate) fn usage(plan: &Plan) -> String {
    let t = &plan.tokens;
    format!(
        r#"{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},"prompt_tokens_details":{{"cached_tokens":{},"audio_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":{},"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}}"#,
        t.input,
        t.produced(),
        t.input + t.produced(),
        t.cached,
        t.reasoning
    )
}

/// The probabilities of the pieces' tokens, where they were asked for: all alike, for nothing was drawn.
fn logprobs(plan: &Plan, pieces: &[Piece]) -> String {
    if !plan.probabilities {
        return "null".to_owned();
    }
    let token = |piece: &Piece| {
        format!(r#"{{"token":{},"logprob":-0.25,"bytes":null,"top_logprobs":[]}}"#, quoted(&piece.text))
    };
    let tokens: Vec<String> = pieces.iter().map(token).collect();
    format!(r#"{{"content":[{}],"refusal":null}}"#, tokens.join(","))
}

fn whole(plan: &Plan, draft: Draft) -> Answer {
    let message = match &plan.content {
        Content::Text(_) => {
            let text = quoted(&plan.content.text());
            format!(r#"{{"role":"assistant","content":{text},"refusal":null,"annotations":[]}}"#)
        }
        Content::Tool { name, .. } => format!(
            r#"{{"role":"assistant","content":null,"tool_calls":[{{"id":"{}","type":"function","function":{{"name":{},"arguments":{}}}}}],"refusal":null,"annotations":[]}}"#,
            plan.inner_id("call_", 24, 1),
            quoted(name),
            quoted(&plan.content.text())
        ),
    };
    let finish = finish_reason(plan);
    let probabilities = logprobs(plan, plan.content.pieces());
    let choices: Vec<String> = (0..plan.choices)
        .map(|i| {
            format!(
                r#"{{"index":{i},"message":{message},"logprobs":{probabilities},"finish_reason":"{finish}"}}"#
            )
        })
        .collect();
    let usage = if plan.tell_usage { format!(r#""usage":{},"#, usage(plan)) } else { String::new() };
    let body = format!(
        r#"{{"id":"{}","object":"chat.completion","created":{},"model":{},"choices":[{}],{usage}"service_tier":"default","system_fingerprint":"{FINGERPRINT}"}}"#,
        draft.id,
        plan.created,
        quoted(&plan.model),
        choices.join(",")
    );
    Answer::booked(body, draft)
}

fn streamed(plan: &Plan, draft: Draft) -> Answer {
    let open = format!(
        r#"{{"id":"{}","object":"chat.completion.chunk","created":{},"model":{},"service_tier":"default","system_fingerprint":"{FINGERPRINT}","choices":["#,
        draft.id,
        plan.created,
        quoted(&plan.model)
    );
    let close = if plan.tell_usage { r#"],"usage":null}"# } else { "]}" };
    let mut frames = Frames::default();
    for i in 0..plan.choices {
        let mut delta = |delta: &str, pieces: &[Piece], finish: &str, tokens: u64| {
            let probabilities = if pieces.is_empty() { "null".to_owned() } else { logprobs(plan, pieces) };
            let choice = format!(
                r#"{{"index":{i},"delta":{delta},"logprobs":{probabilities},"finish_reason":{finish}}}"#
            );
            frames.data(&format!("{open}{choice}{close}"), tokens);
        };
        let opening = match &plan.content {
            Content::Text(_) => r#"{"role":"assistant","content":"","refusal":null}"#.to_owned(),
            Content::Tool { name, .. } => format!(
                r#"{{"role":"assistant","content":null,"tool_calls":[{{"index":0,"id":"{}","type":"function","function":{{"name":{},"arguments":""}}}}],"refusal":null}}"#,
                plan.inner_id("call_", 24, 1),
                quoted(name)
            ),
        };
        delta(&opening, &[], "null", if i == 0 { plan.tokens.reasoning } else { 0 });
        for piece in plan.content.pieces() {
            let text = quoted(&piece.text);
            let part = match &plan.content {
                Content::Text(_) => format!(r#"{{"content":{text}}}"#),
                Content::Tool { .. } => {
                    format!(r#"{{"tool_calls":[{{"index":0,"function":{{"arguments":{text}}}}}]}}"#)
                }
            };
            delta(&part, std::slice::from_ref(piece), "null", piece.tokens);
        }
        delta("{}", &[], &quoted(finish_reason(plan)), 0);
    }
    if plan.tell_usage {
        frames.data(&format!(r#"{open}],"usage":{}}}"#, usage(plan)), 0);
    }
    frames.data("[DONE]", 0);
    Answer::stream(frames.done(), in_stream(Shape::OpenAi), draft)
}
