//! Gemini: `models/{model}:generateContent`, `:streamGenerateContent`, `:countTokens`, `:embedContent` and
//! `:batchEmbedContents`.

use serde_json::Value;

use super::errors::{Shape, in_stream};
use super::openai_embeddings::coordinate;
use super::{Answer, Body, Frames, JSON, SSE, characters, quoted};
use crate::books::Draft;
use crate::plan::{Ask, Content, Plan};
use crate::price_table::Tokens;

pub(crate) const SURFACE: &str = "gemini.generate_content";
pub(crate) const STREAM_SURFACE: &str = "gemini.stream_generate_content";
pub(crate) const EMBED_SURFACE: &str = "gemini.embed_content";

/// Reads a request to generate; the model stands in the path.
pub(crate) fn ask(model: &str, stream: bool, body: &Value) -> Ask {
    let config = &body["generationConfig"];
    let budget = config["thinkingConfig"]["thinkingBudget"].as_i64().unwrap_or(0);
    Ask {
        model: model.to_owned(),
        stream,
        tell_usage: true,
        max_output: config["maxOutputTokens"].as_u64(),
        seed: config["seed"].as_u64(),
        tool: tool(body),
        schema: ["responseSchema", "responseJsonSchema"]
            .iter()
            .find(|name| config[**name].is_object())
            .map(|name| config[*name].clone()),
        thinks: budget != 0 || config["thinkingConfig"]["includeThoughts"] == true,
        characters: characters(&body["contents"])
            + characters(&body["systemInstruction"])
            + characters(&body["tools"]),
        choices: config["candidateCount"].as_u64().unwrap_or(1),
        ..Ask::default()
    }
}

fn tool(body: &Value) -> Option<(String, Value)> {
    let mode = body["toolConfig"]["functionCallingConfig"]["mode"].as_str().unwrap_or("AUTO");
    let parts = body["contents"].as_array()?.last()?["parts"].as_array()?;
    let answered = parts.iter().any(|p| p["functionResponse"].is_object());
    if mode == "NONE" || (answered && mode != "ANY") {
        return None;
    }
    let declared = body["tools"].as_array()?.iter().find_map(|t| t["functionDeclarations"].get(0))?;
    let schema = ["parameters", "parametersJsonSchema"].iter().find_map(|name| declared.get(*name));
    Some((declared["name"].as_str()?.to_owned(), schema.cloned().unwrap_or_default()))
}

/// Writes the answer; `sse` chooses between server-sent events and one JSON array for a stream.
pub(crate) fn answer(plan: &Plan, stream: bool, sse: bool, draft: Draft) -> Answer {
    if stream { streamed(plan, sse, draft) } else { whole(plan, draft) }
}

/// The usage object: thoughts stand beside the candidates, the cache's part inside the prompt.
fn usage(tokens: &Tokens) -> String {
    let mut text =
        format!(r#"{{"promptTokenCount":{},"candidatesTokenCount":{}"#, tokens.input, tokens.output);
    if tokens.cached > 0 {
        text.push_str(&format!(r#","cachedContentTokenCount":{}"#, tokens.cached));
    }
    if tokens.reasoning > 0 {
        text.push_str(&format!(r#","thoughtsTokenCount":{}"#, tokens.reasoning));
    }
    text.push_str(&format!(
        r#","totalTokenCount":{},"promptTokensDetails":[{{"modality":"TEXT","tokenCount":{}}}]}}"#,
        tokens.input + tokens.produced(),
        tokens.input
    ));
    text
}

fn finish_reason(plan: &Plan) -> &'static str {
    if plan.at_limit { "MAX_TOKENS" } else { "STOP" }
}

/// One response object around the parts of one candidate per choice.
fn response(plan: &Plan, parts: &str, last: bool, tokens: &Tokens, id: &str) -> String {
    let finish = if last { format!(r#","finishReason":"{}""#, finish_reason(plan)) } else { String::new() };
    let candidates: Vec<String> = (0..plan.choices)
        .map(|i| format!(r#"{{"content":{{"parts":[{parts}],"role":"model"}}{finish},"index":{i}}}"#))
        .collect();
    let usage =
        if plan.tell_usage { format!(r#","usageMetadata":{}"#, usage(tokens)) } else { String::new() };
    format!(
        r#"{{"candidates":[{}]{usage},"modelVersion":{},"responseId":"{id}"}}"#,
        candidates.join(","),
        quoted(&plan.model)
    )
}

fn function_call(name: &str, arguments: &Value) -> String {
    format!(r#"{{"functionCall":{{"name":{},"args":{arguments}}}}}"#, quoted(name))
}

fn whole(plan: &Plan, draft: Draft) -> Answer {
    let part = match &plan.content {
        Content::Text(_) => format!(r#"{{"text":{}}}"#, quoted(&plan.content.text())),
        Content::Tool { name, arguments, .. } => function_call(name, arguments),
    };
    Answer::booked(response(plan, &part, true, &plan.tokens, &draft.id), draft)
}

/// Every chunk tells the usage so far, as the provider does.
fn streamed(plan: &Plan, sse: bool, draft: Draft) -> Answer {
    let mut so_far = Tokens { output: 0, ..plan.tokens };
    let mut chunks = Vec::new();
    match &plan.content {
        Content::Text(pieces) => {
            for (i, piece) in pieces.iter().enumerate() {
                so_far.output += piece.tokens * plan.choices;
                let part = format!(r#"{{"text":{}}}"#, quoted(&piece.text));
                let last = i + 1 == pieces.len();
                chunks.push((response(plan, &part, last, &so_far, &draft.id), piece.tokens * plan.choices));
            }
        }
        Content::Tool { name, arguments, .. } => {
            let part = function_call(name, arguments);
            chunks.push((response(plan, &part, true, &plan.tokens, &draft.id), plan.tokens.output));
        }
    }
    let mut frames = Frames::default();
    for (i, (chunk, tokens)) in chunks.into_iter().enumerate() {
        let tokens = tokens + if i == 0 { plan.tokens.reasoning } else { 0 };
        match (sse, i) {
            (true, _) => frames.raw(format!("data: {chunk}\r\n\r\n"), tokens),
            (false, 0) => frames.raw(format!("[{chunk}"), tokens),
            (false, _) => frames.raw(format!(",\r\n{chunk}"), tokens),
        }
    }
    if !sse {
        frames.raw("]".to_owned(), 0);
    }
    let failure = if sse { in_stream(Shape::Gemini) } else { Vec::new() };
    Answer {
        status: 200,
        content_type: if sse { SSE } else { JSON },
        headers: Vec::new(),
        body: Body::Stream { frames: frames.done(), failure },
        draft: Some(draft),
    }
}

/// The answer to a question how many tokens a request has: a quarter of its characters.
pub(crate) fn count_tokens(body: &Value) -> Answer {
    let inner =
        if body["generateContentRequest"].is_object() { &body["generateContentRequest"] } else { body };
    let tokens = ask("", false, inner).characters.div_ceil(4).max(1);
    Answer::json(
        200,
        format!(
            r#"{{"totalTokens":{tokens},"promptTokensDetails":[{{"modality":"TEXT","tokenCount":{tokens}}}]}}"#
        ),
    )
}

/// One embedding, or a batch of them. The provider tells no usage here.
pub(crate) fn embed(body: &Value, batch: bool, seed: u64, draft: Draft) -> Answer {
    let vector = |of: &Value, seed: u64| {
        let length = of["outputDimensionality"].as_u64().unwrap_or(768).clamp(1, 3072);
        let values: Vec<String> = (0..length).map(|i| format!("{:.6}", coordinate(seed, i))).collect();
        format!(r#"{{"values":[{}]}}"#, values.join(","))
    };
    let body = if batch {
        let empty = Vec::new();
        let requests = body["requests"].as_array().unwrap_or(&empty);
        let all: Vec<String> = requests.iter().zip(seed..).map(|(r, s)| vector(r, s)).collect();
        format!(r#"{{"embeddings":[{}]}}"#, all.join(","))
    } else {
        format!(r#"{{"embedding":{}}}"#, vector(body, seed))
    };
    Answer::booked(body, draft)
}
