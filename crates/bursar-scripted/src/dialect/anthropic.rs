//! Anthropic: `POST /v1/messages` and `/v1/messages/count_tokens`.

use serde_json::Value;

use super::{Answer, anthropic_stream, characters, quoted};
use crate::books::Draft;
use crate::plan::{Ask, Content, Plan};

pub(crate) const SURFACE: &str = "anthropic.messages";

/// Reads a request.
pub(crate) fn ask(body: &Value) -> Ask {
    Ask {
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        stream: body["stream"] == true,
        tell_usage: true,
        max_output: body["max_tokens"].as_u64(),
        tool: tool(body),
        schema: schema(body),
        thinks: matches!(body["thinking"]["type"].as_str(), Some("enabled" | "adaptive")),
        characters: characters(&body["messages"]) + characters(&body["system"]) + characters(&body["tools"]),
        choices: 1,
        ..Ask::default()
    }
}

/// What a request must have, as the provider says it when it has not.
pub(crate) fn missing(body: &Value) -> Option<&'static str> {
    if body["model"].as_str().is_none() {
        Some("model: Field required")
    } else if body["messages"].as_array().is_none() {
        Some("messages: Field required")
    } else if body["max_tokens"].as_u64().is_none() {
        Some("max_tokens: Field required")
    } else {
        None
    }
}

fn tool(body: &Value) -> Option<(String, Value)> {
    let tools = body["tools"].as_array()?;
    let choice = &body["tool_choice"];
    let last = body["messages"].as_array()?.last()?;
    let answered = last["content"].as_array().is_some_and(|c| c.iter().any(|b| b["type"] == "tool_result"));
    let forced = matches!(choice["type"].as_str(), Some("any" | "tool"));
    if choice["type"] == "none" || (answered && !forced) {
        return None;
    }
    let named = choice["name"].as_str();
    let chosen =
        tools.iter().find(|t| t["input_schema"].is_object() && named.is_none_or(|n| t["name"] == n))?;
    Some((chosen["name"].as_str()?.to_owned(), chosen["input_schema"].clone()))
}

fn schema(body: &Value) -> Option<Value> {
    [&body["output_config"]["format"], &body["output_format"]]
        .into_iter()
        .find(|f| f["type"] == "json_schema")
        .map(|f| f["schema"].clone())
}

/// Writes the answer.
pub(crate) fn answer(plan: &Plan, stream: bool, draft: Draft) -> Answer {
    if stream { anthropic_stream::answer(plan, draft) } else { whole(plan, draft) }
}

pub(super) fn stop_reason(plan: &Plan) -> &'static str {
    match (&plan.content, plan.at_limit) {
        (Content::Tool { .. }, _) => "tool_use",
        (Content::Text(_), true) => "max_tokens",
        (Content::Text(_), false) => "end_turn",
    }
}

/// The usage object: input without the cache's parts, output with the thinking.
pub(super) fn usage(plan: &Plan, output: u64) -> String {
    let t = &plan.tokens;
    format!(
        r#"{{"input_tokens":{},"cache_creation_input_tokens":{},"cache_read_input_tokens":{},"cache_creation":{{"ephemeral_5m_input_tokens":{},"ephemeral_1h_input_tokens":{}}},"output_tokens":{output},"service_tier":"standard","inference_geo":"not_available"}}"#,
        t.fresh_input(),
        t.cache_write_5m + t.cache_write_1h,
        t.cached,
        t.cache_write_5m,
        t.cache_write_1h
    )
}

/// The signature of a thinking block.
pub(super) fn signature(plan: &Plan) -> String {
    plan.inner_id("EqoB", 60, 9)
}

fn whole(plan: &Plan, draft: Draft) -> Answer {
    let mut blocks = Vec::new();
    if !plan.reasoning.is_empty() {
        let text: String = plan.reasoning.iter().map(|p| p.text.as_str()).collect();
        blocks.push(format!(
            r#"{{"type":"thinking","thinking":{},"signature":"{}"}}"#,
            quoted(&text),
            signature(plan)
        ));
    }
    blocks.push(match &plan.content {
        Content::Text(_) => format!(r#"{{"type":"text","text":{}}}"#, quoted(&plan.content.text())),
        Content::Tool { name, arguments, .. } => format!(
            r#"{{"type":"tool_use","id":"{}","name":{},"input":{arguments}}}"#,
            plan.inner_id("toolu_", 24, 1),
            quoted(name)
        ),
    });
    let usage = if plan.tell_usage {
        format!(r#","usage":{}"#, usage(plan, plan.tokens.produced()))
    } else {
        String::new()
    };
    let body = format!(
        r#"{{"id":"{}","type":"message","role":"assistant","model":{},"content":[{}],"stop_reason":"{}","stop_sequence":null{usage}}}"#,
        draft.id,
        quoted(&plan.model),
        blocks.join(","),
        stop_reason(plan)
    );
    Answer::booked(body, draft)
}

/// The answer to a question how many tokens a request has: a quarter of its characters.
pub(crate) fn count_tokens(body: &Value) -> Answer {
    let tokens = ask(body).characters.div_ceil(4).max(1);
    Answer::json(200, format!(r#"{{"input_tokens":{tokens}}}"#))
}
