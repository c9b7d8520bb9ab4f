//! Anthropic's stream of events.

use super::anthropic::{signature, stop_reason, usage};
use super::errors::{Shape, in_stream};
use super::{Answer, Frames, quoted};
use crate::books::Draft;
use crate::plan::{Content, Piece, Plan};

/// Writes `message_start`, the blocks with their deltas, `message_delta` and `message_stop`.
pub(crate) fn answer(plan: &Plan, draft: Draft) -> Answer {
    let mut frames = Frames::default();
    let start_usage = if plan.tell_usage { format!(r#","usage":{}"#, usage(plan, 1)) } else { String::new() };
    frames.event(
        "message_start",
        &format!(
            r#"{{"type":"message_start","message":{{"id":"{}","type":"message","role":"assistant","model":{},"content":[],"stop_reason":null,"stop_sequence":null{start_usage}}}}}"#,
            draft.id,
            quoted(&plan.model)
        ),
        0,
    );
    let mut index = 0;
    if !plan.reasoning.is_empty() {
        thinking(&mut frames, plan);
        index = 1;
    }
    content(&mut frames, plan, index);
    let end_usage = if plan.tell_usage {
        format!(r#","usage":{}"#, usage(plan, plan.tokens.produced()))
    } else {
        String::new()
    };
    frames.event(
        "message_delta",
        &format!(
            r#"{{"type":"message_delta","delta":{{"stop_reason":"{}","stop_sequence":null}}{end_usage}}}"#,
            stop_reason(plan)
        ),
        0,
    );
    frames.event("message_stop", r#"{"type":"message_stop"}"#, 0);
    Answer::stream(frames.done(), in_stream(Shape::Anthropic), draft)
}

fn thinking(frames: &mut Frames, plan: &Plan) {
    let block = r#"{"type":"thinking","thinking":"","signature":""}"#;
    start(frames, 0, block);
    frames.event("ping", r#"{"type": "ping"}"#, 0);
    deltas(frames, 0, &plan.reasoning, "thinking_delta", "thinking");
    let signature = format!(r#"{{"type":"signature_delta","signature":"{}"}}"#, signature(plan));
    frames.event(
        "content_block_delta",
        &format!(r#"{{"type":"content_block_delta","index":0,"delta":{signature}}}"#),
        0,
    );
    stop(frames, 0);
}

fn content(frames: &mut Frames, plan: &Plan, index: usize) {
    match &plan.content {
        Content::Text(pieces) => {
            start(frames, index, r#"{"type":"text","text":""}"#);
            if index == 0 {
                frames.event("ping", r#"{"type": "ping"}"#, 0);
            }
            deltas(frames, index, pieces, "text_delta", "text");
        }
        Content::Tool { name, pieces, .. } => {
            let id = plan.inner_id("toolu_", 24, 1);
            let block = format!(r#"{{"type":"tool_use","id":"{id}","name":{},"input":{{}}}}"#, quoted(name));
            start(frames, index, &block);
            deltas(frames, index, pieces, "input_json_delta", "partial_json");
        }
    }
    stop(frames, index);
}

fn start(frames: &mut Frames, index: usize, block: &str) {
    let data = format!(r#"{{"type":"content_block_start","index":{index},"content_block":{block}}}"#);
    frames.event("content_block_start", &data, 0);
}

fn deltas(frames: &mut Frames, index: usize, pieces: &[Piece], kind: &str, field: &str) {
    for piece in pieces {
        let text = quoted(&piece.text);
        let data = format!(
            r#"{{"type":"content_block_delta","index":{index},"delta":{{"type":"{kind}","{field}":{text}}}}}"#
        );
        frames.event("content_block_delta", &data, piece.tokens);
    }
}

fn stop(frames: &mut Frames, index: usize) {
    frames.event("content_block_stop", &format!(r#"{{"type":"content_block_stop","index":{index}}}"#), 0);
}
