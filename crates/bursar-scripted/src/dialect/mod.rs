//! The dialects: each reads its requests into an [`Ask`](crate::plan::Ask) and writes a
//! [`Plan`](crate::plan::Plan) down as its provider would.

pub(crate) mod anthropic;
pub(crate) mod anthropic_stream;
pub(crate) mod errors;
pub(crate) mod gemini;
pub(crate) mod models;
pub(crate) mod openai_chat;
pub(crate) mod openai_completions;
pub(crate) mod openai_embeddings;
pub(crate) mod openai_files;
pub(crate) mod openai_media;
pub(crate) mod openai_responses;
pub(crate) mod openai_responses_stream;

use serde_json::Value;

use crate::books::Draft;

pub(crate) const JSON: &str = "application/json";
pub(crate) const SSE: &str = "text/event-stream; charset=utf-8";

/// A part of a stream, and the tokens that are produced once it has been sent.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) bytes: Vec<u8>,
    pub(crate) produced: u64,
}

/// What goes back to the caller.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Body,
    /// What the books will say; `None` for calls that use no model.
    pub(crate) draft: Option<Draft>,
}

#[derive(Debug)]
pub(crate) enum Body {
    Whole(Vec<u8>),
    Stream {
        frames: Vec<Frame>,
        /// What the dialect sends when a stream fails in its middle.
        failure: Vec<u8>,
    },
}

impl Answer {
    /// A JSON answer that is not booked.
    pub(crate) fn json(status: u16, body: impl Into<Vec<u8>>) -> Answer {
        Answer {
            status,
            content_type: JSON,
            headers: Vec::new(),
            body: Body::Whole(body.into()),
            draft: None,
        }
    }

    /// A JSON answer of a model.
    pub(crate) fn booked(body: String, draft: Draft) -> Answer {
        Answer { draft: Some(draft), ..Answer::json(200, body) }
    }

    /// A stream of a model.
    pub(crate) fn stream(frames: Vec<Frame>, failure: Vec<u8>, draft: Draft) -> Answer {
        Answer {
            status: 200,
            content_type: SSE,
            headers: Vec::new(),
            body: Body::Stream { frames, failure },
            draft: Some(draft),
        }
    }
}

/// The frames of a stream under construction.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    list: Vec<Frame>,
    produced: u64,
}

impl Frames {
    /// Adds a server-sent event without a name, which brings `tokens` new tokens.
    pub(crate) fn data(&mut self, data: &str, tokens: u64) {
        self.raw(format!("data: {data}\n\n"), tokens);
    }

    /// Adds a server-sent event with a name.
    pub(crate) fn event(&mut self, name: &str, data: &str, tokens: u64) {
        self.raw(format!("event: {name}\ndata: {data}\n\n"), tokens);
    }

    /// Adds bytes as they are.
    pub(crate) fn raw(&mut self, bytes: String, tokens: u64) {
        self.produced += tokens;
        self.list.push(Frame { bytes: bytes.into_bytes(), produced: self.produced });
    }

    pub(crate) fn done(self) -> Vec<Frame> {
        self.list
    }
}

/// A text as a JSON string, quotes included.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Characters of all text anywhere inside a value, keys left out.
pub(crate) fn characters(value: &Value) -> u64 {
    match value {
        Value::String(s) => s.chars().count() as u64,
        Value::Array(items) => items.iter().map(characters).sum(),
        Value::Object(members) => members.values().map(characters).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}
