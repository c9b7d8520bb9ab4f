//! The full sequence of events that `POST /v1/responses` streams.

use serde_json::Value;

use super::errors::{Shape, in_stream};
use super::openai_responses::{
    State, call_ids, call_item, message_id, message_item, object, reasoning_item, text_part,
};
use super::{Answer, Frames, quoted};
use crate::books::Draft;
use crate::plan::{Content, Piece, Plan};

/// Events with their running number.
#[derive(Default)]
struct Events {
    frames: Frames,
    sequence: u64,
}

impl Events {
    /// Adds an event; `fields` are its members after the type and the running number.
    fn add(&mut self, kind: &str, fields: &str, tokens: u64) {
        let data = format!(r#"{{"type":"{kind}","sequence_number":{},{fields}}}"#, self.sequence);
        self.frames.event(kind, &data, tokens);
        self.sequence += 1;
    }
}

/// Writes the events from `response.created` to `response.completed` (or `response.incomplete`).
pub(crate) fn answer(plan: &Plan, body: &Value, draft: Draft) -> Answer {
    let mut events = Events::default();
    let begun = object(plan, body, &draft.id, &State::begun());
    events.add("response.created", &format!(r#""response":{begun}"#), 0);
    events.add("response.in_progress", &format!(r#""response":{begun}"#), 0);
    let mut index = 0;
    if plan.tokens.reasoning > 0 {
        let item = format!(r#""output_index":0,"item":{}"#, reasoning_item(plan));
        events.add("response.output_item.added", &item, 0);
        events.add("response.output_item.done", &item, plan.tokens.reasoning);
        index = 1;
    }
    match &plan.content {
        Content::Text(pieces) => message(&mut events, plan, pieces, index),
        Content::Tool { name, pieces, .. } => call(&mut events, plan, name, pieces, index),
    }
    let state = State::finished(plan);
    let ending = format!("response.{}", state.status);
    events.add(&ending, &format!(r#""response":{}"#, object(plan, body, &draft.id, &state)), 0);
    Answer::stream(events.frames.done(), in_stream(Shape::OpenAi), draft)
}

fn message(events: &mut Events, plan: &Plan, pieces: &[Piece], index: usize) {
    let text = plan.content.text();
    let place = format!(r#""item_id":"{}","output_index":{index},"content_index":0"#, message_id(plan));
    let item = |status: &str, text: Option<&str>| {
        format!(r#""output_index":{index},"item":{}"#, message_item(plan, status, text))
    };
    events.add("response.output_item.added", &item("in_progress", None), 0);
    events.add("response.content_part.added", &format!(r#"{place},"part":{}"#, text_part("")), 0);
    for piece in pieces {
        let delta = format!(r#"{place},"delta":{},"logprobs":[]"#, quoted(&piece.text));
        events.add("response.output_text.delta", &delta, piece.tokens);
    }
    let done = format!(r#"{place},"text":{},"logprobs":[]"#, quoted(&text));
    events.add("response.output_text.done", &done, 0);
    events.add("response.content_part.done", &format!(r#"{place},"part":{}"#, text_part(&text)), 0);
    events.add("response.output_item.done", &item("completed", Some(&text)), 0);
}

fn call(events: &mut Events, plan: &Plan, name: &str, pieces: &[Piece], index: usize) {
    let arguments = plan.content.text();
    let place = format!(r#""item_id":"{}","output_index":{index}"#, call_ids(plan).0);
    let item = |status: &str, arguments: &str| {
        format!(r#""output_index":{index},"item":{}"#, call_item(plan, name, status, arguments))
    };
    events.add("response.output_item.added", &item("in_progress", ""), 0);
    for piece in pieces {
        let delta = format!(r#"{place},"delta":{}"#, quoted(&piece.text));
        events.add("response.function_call_arguments.delta", &delta, piece.tokens);
    }
    let done = format!(r#"{place},"arguments":{},"name":{}"#, quoted(&arguments), quoted(name));
    events.add("response.function_call_arguments.done", &done, 0);
    events.add("response.output_item.done", &item("completed", &arguments), 0);
}
