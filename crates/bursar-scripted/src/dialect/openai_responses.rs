//! OpenAI: `POST /v1/responses`.

use serde_json::Value;

use super::{Answer, characters, openai_responses_stream, quoted};
use crate::books::Draft;
use crate::plan::{Ask, Content, Plan};

pub(crate) const SURFACE: &str = "openai.responses";

/// Reads a request.
pub(crate) fn ask(body: &Value) -> Ask {
    Ask {
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        stream: body["stream"] == true,
        tell_usage: true,
        max_output: body["max_output_tokens"].as_u64(),
        tool: tool(body),
        schema: schema(&body["text"]["format"]),
        thinks: body["reasoning"]["effort"].as_str().is_some_and(|e| e != "none"),
        characters: characters(&body["input"])
            + characters(&body["instructions"])
            + characters(&body["tools"]),
        choices: 1,
        ..Ask::default()
    }
}

fn tool(body: &Value) -> Option<(String, Value)> {
    let tools = body["tools"].as_array()?;
    let choice = &body["tool_choice"];
    let answered = body["input"]
        .as_array()
        .and_then(|items| items.last())
        .is_some_and(|item| item["type"] == "function_call_output");
    if choice == "none" || (answered && choice != "required" && !choice.is_object()) {
        return None;
    }
    let named = choice["name"].as_str();
    let chosen = tools.iter().find(|t| t["type"] == "function" && named.is_none_or(|n| t["name"] == n))?;
    Some((chosen["name"].as_str()?.to_owned(), chosen["parameters"].clone()))
}

fn schema(format: &Value) -> Option<Value> {
    (format["type"] == "json_schema").then(|| format["schema"].clone())
}

/// Writes the answer. `body` is the request, parts of which the answer repeats.
pub(crate) fn answer(plan: &Plan, body: &Value, stream: bool, draft: Draft) -> Answer {
    if stream {
        return openai_responses_stream::answer(plan, body, draft);
    }
    let text = object(plan, body, &draft.id, &State::finished(plan));
    Answer::booked(text, draft)
}

/// The parts of the response object that change while it is made.
pub(super) struct State {
    pub(super) status: &'static str,
    pub(super) output: String,
    pub(super) usage: String,
}

impl State {
    /// The response when it has just begun.
    pub(super) fn begun() -> State {
        State { status: "in_progress", output: "[]".into(), usage: "null".into() }
    }

    /// The finished response.
    pub(super) fn finished(plan: &Plan) -> State {
        let mut items = Vec::new();
        if plan.tokens.reasoning > 0 {
            items.push(reasoning_item(plan));
        }
        items.push(match &plan.content {
            Content::Text(_) => message_item(plan, "completed", Some(&plan.content.text())),
            Content::Tool { name, .. } => call_item(plan, name, "completed", &plan.content.text()),
        });
        let usage = if plan.tell_usage { usage(plan) } else { "null".to_owned() };
        let status = if plan.at_limit { "incomplete" } else { "completed" };
        State { status, output: format!("[{}]", items.join(",")), usage }
    }
}

/// The usage object, with cached tokens inside the input and reasoning inside the output.
fn usage(plan: &Plan) -> String {
    let t = &plan.tokens;
    format!(
        r#"{{"input_tokens":{},"input_tokens_details":{{"cached_tokens":{}}},"output_tokens":{},"output_tokens_details":{{"reasoning_tokens":{}}},"total_tokens":{}}}"#,
        t.input,
        t.cached,
        t.produced(),
        t.reasoning,
        t.input + t.produced()
    )
}

pub(super) fn message_id(plan: &Plan) -> String {
    plan.inner_id("msg_", 50, 1)
}

pub(super) fn call_ids(plan: &Plan) -> (String, String) {
    (plan.inner_id("fc_", 50, 2), plan.inner_id("call_", 24, 3))
}

pub(super) fn reasoning_item(plan: &Plan) -> String {
    format!(r#"{{"id":"{}","type":"reasoning","summary":[]}}"#, plan.inner_id("rs_", 50, 4))
}

/// The part of a message that holds its text.
pub(super) fn text_part(text: &str) -> String {
    format!(r#"{{"type":"output_text","annotations":[],"logprobs":[],"text":{}}}"#, quoted(text))
}

pub(super) fn message_item(plan: &Plan, status: &str, text: Option<&str>) -> String {
    let content = text.map(text_part).unwrap_or_default();
    format!(
        r#"{{"id":"{}","type":"message","status":"{status}","content":[{content}],"role":"assistant"}}"#,
        message_id(plan)
    )
}

pub(super) fn call_item(plan: &Plan, name: &str, status: &str, arguments: &str) -> String {
    let (id, call) = call_ids(plan);
    format!(
        r#"{{"id":"{id}","type":"function_call","status":"{status}","arguments":{},"call_id":"{call}","name":{}}}"#,
        quoted(arguments),
        quoted(name)
    )
}

/// The response object.
pub(super) fn object(plan: &Plan, body: &Value, id: &str, state: &State) -> String {
    let echo = |name: &str, otherwise: &str| match body.get(name) {
        Some(value) if !value.is_null() => value.to_string(),
        _ => otherwise.to_owned(),
    };
    let incomplete = if state.status == "incomplete" { r#"{"reason":"max_output_tokens"}"# } else { "null" };
    format!(
        r#"{{"id":"{id}","object":"response","created_at":{},"status":"{}","background":false,"billing":{{"payer":"developer"}},"error":null,"incomplete_details":{incomplete},"instructions":{},"max_output_tokens":{},"max_tool_calls":null,"model":{},"output":{},"parallel_tool_calls":{},"previous_response_id":{},"prompt_cache_key":{},"prompt_cache_retention":null,"reasoning":{},"safety_identifier":{},"service_tier":"default","store":{},"temperature":{},"text":{},"tool_choice":{},"tools":{},"top_logprobs":0,"top_p":{},"truncation":"disabled","usage":{},"user":{},"metadata":{}}}"#,
        plan.created,
        state.status,
        echo("instructions", "null"),
        echo("max_output_tokens", "null"),
        quoted(&plan.model),
        state.output,
        echo("parallel_tool_calls", "true"),
        echo("previous_response_id", "null"),
        echo("prompt_cache_key", "null"),
        echo("reasoning", r#"{"effort":null,"summary":null}"#),
        echo("safety_identifier", "null"),
        echo("store", "true"),
        echo("temperature", "1.0"),
        echo("text", r#"{"format":{"type":"text"},"verbosity":"medium"}"#),
        echo("tool_choice", "\"auto\""),
        echo("tools", "[]"),
        echo("top_p", "1.0"),
        state.usage,
        echo("user", "null"),
        echo("metadata", "{}"),
    )
}
