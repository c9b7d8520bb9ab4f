//! OpenAI: `POST /v1/completions`, the older text completion.

use serde_json::Value;

use super::errors::{Shape, in_stream};
use super::{Answer, Frames, characters, quoted};
use crate::books::Draft;
use crate::plan::{Ask, Plan};

pub(crate) const SURFACE: &str = "openai.completions";

/// Reads a request.
pub(crate) fn ask(body: &Value) -> Ask {
    let stream = body["stream"] == true;
    Ask {
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        stream,
        tell_usage: !stream || body["stream_options"]["include_usage"] == true,
        max_output: body["max_tokens"].as_u64().or(Some(16)),
        seed: body["seed"].as_u64(),
        characters: characters(&body["prompt"]),
        choices: body["n"].as_u64().unwrap_or(1),
        ..Ask::default()
    }
}

/// Writes the answer.
pub(crate) fn answer(plan: &Plan, stream: bool, draft: Draft) -> Answer {
    let open = format!(
        r#"{{"id":"{}","object":"text_completion","created":{},"model":{},"choices":["#,
        draft.id,
        plan.created,
        quoted(&plan.model)
    );
    let t = &plan.tokens;
    let usage = format!(
        r#"{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{}}}"#,
        t.input,
        t.produced(),
        t.input + t.produced()
    );
    let finish = if plan.at_limit { "\"length\"" } else { "\"stop\"" };
    let choice = |i: u64, text: &str, finish: &str| {
        format!(r#"{{"text":{},"index":{i},"logprobs":null,"finish_reason":{finish}}}"#, quoted(text))
    };
    if !stream {
        let text = plan.content.text();
        let choices: Vec<String> = (0..plan.choices).map(|i| choice(i, &text, finish)).collect();
        let usage = if plan.tell_usage { format!(r#","usage":{usage}"#) } else { String::new() };
        return Answer::booked(format!("{open}{}]{usage}}}", choices.join(",")), draft);
    }
    let close = if plan.tell_usage { r#"],"usage":null}"# } else { "]}" };
    let mut frames = Frames::default();
    for i in 0..plan.choices {
        for (p, piece) in plan.content.pieces().iter().enumerate() {
            let tokens = piece.tokens + if p == 0 && i == 0 { t.reasoning } else { 0 };
            frames.data(&format!("{open}{}{close}", choice(i, &piece.text, "null")), tokens);
        }
        frames.data(&format!("{open}{}{close}", choice(i, "", finish)), 0);
    }
    if plan.tell_usage {
        frames.data(&format!(r#"{open}],"usage":{usage}}}"#), 0);
    }
    frames.data("[DONE]", 0);
    Answer::stream(frames.done(), in_stream(Shape::OpenAi), draft)
}
