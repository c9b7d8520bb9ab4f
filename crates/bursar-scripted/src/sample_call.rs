//! Requests as applications send them, over the three dialects.

use crate::http1;
use crate::words;

/// What to call, and in which dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// OpenAI chat completions.
    OpenAiChat,
    /// OpenAI embeddings.
    OpenAiEmbeddings,
    /// Anthropic messages.
    AnthropicMessages,
    /// Gemini `generateContent`, or `streamGenerateContent` with server-sent events.
    Gemini,
}

/// One call to make.
#[derive(Clone, Debug)]
pub struct SampleCall {
    /// What to call.
    pub kind: Kind,
    /// The model to ask for.
    pub model: &'static str,
    /// Whether to stream the answer.
    pub stream: bool,
    /// Words of prompt to send.
    pub prompt_words: u64,
    /// The most tokens to produce; `None` leaves it to the provider, or to the 4,096 that Anthropic must be told.
    pub max_tokens: Option<u64>,
    /// The seed of the prompt.
    pub seed: u64,
    /// The value of `x-scripted`; no header where it is empty.
    pub script: String,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
}

impl SampleCall {
    /// The call as bytes for a socket. `key` is sent as each dialect sends its key.
    #[must_use]
    pub fn bytes(&self, host: &str, key: Option<&str>) -> Vec<u8> {
        let mut headers: Vec<(&str, &str)> = self.headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        if !self.script.is_empty() {
            headers.push(("x-scripted", &self.script));
        }
        let bearer = format!("Bearer {}", key.unwrap_or_default());
        match (self.kind, key) {
            (_, None) => {}
            (Kind::OpenAiChat | Kind::OpenAiEmbeddings, Some(_)) => headers.push(("authorization", &bearer)),
            (Kind::AnthropicMessages, Some(key)) => headers.push(("x-api-key", key)),
            (Kind::Gemini, Some(key)) => headers.push(("x-goog-api-key", key)),
        }
        if self.kind == Kind::AnthropicMessages {
            headers.push(("anthropic-version", "2023-06-01"));
        }
        http1::request(host, &self.path(), &headers, &self.body())
    }

    fn path(&self) -> String {
        match self.kind {
            Kind::OpenAiChat => "/v1/chat/completions".into(),
            Kind::OpenAiEmbeddings => "/v1/embeddings".into(),
            Kind::AnthropicMessages => "/v1/messages".into(),
            Kind::Gemini if self.stream => {
                format!("/v1beta/models/{}:streamGenerateContent?alt=sse", self.model)
            }
            Kind::Gemini => format!("/v1beta/models/{}:generateContent", self.model),
        }
    }

    fn body(&self) -> String {
        let (model, prompt) = (self.model, words::text(self.seed, self.prompt_words.max(1)));
        let stream = match (self.kind, self.stream) {
            (_, false) => "",
            (Kind::OpenAiChat, true) => r#","stream":true,"stream_options":{"include_usage":true}"#,
            (_, true) => r#","stream":true"#,
        };
        let limited = |name: &str| self.max_tokens.map_or(String::new(), |n| format!(r#","{name}":{n}"#));
        match self.kind {
            Kind::OpenAiChat => {
                let limit = limited("max_completion_tokens");
                format!(
                    r#"{{"model":"{model}","messages":[{{"role":"user","content":"{prompt}"}}]{limit}{stream}}}"#
                )
            }
            Kind::OpenAiEmbeddings => {
                format!(
                    r#"{{"model":"{model}","input":"{prompt}","dimensions":16,"encoding_format":"base64"}}"#
                )
            }
            Kind::AnthropicMessages => format!(
                r#"{{"model":"{model}","max_tokens":{},"messages":[{{"role":"user","content":"{prompt}"}}]{stream}}}"#,
                self.max_tokens.unwrap_or(4096)
            ),
            Kind::Gemini => {
                let config = self
                    .max_tokens
                    .map_or(String::new(), |n| format!(r#","generationConfig":{{"maxOutputTokens":{n}}}"#));
                format!(r#"{{"contents":[{{"role":"user","parts":[{{"text":"{prompt}"}}]}}]{config}}}"#)
            }
        }
    }
}
