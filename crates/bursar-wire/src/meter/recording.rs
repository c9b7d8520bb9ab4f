//! A recorded response, metered as the gateway would have metered it.

use base64::Engine as _;
use bursar_core::{EndOfStream, MeteredUsage};

use super::ResponseMeter;
use crate::facts::RequestFacts;
use crate::surface::{Framing, Surface, Vendor};

/// A recorded response of a provider.
#[derive(Clone, Debug, Default)]
pub struct Recording<'a> {
    /// The provider's name, such as `openai`.
    pub provider: &'a str,
    /// The API's name, such as `chat`, `responses`, `messages`, `generateContent`, or a surface's own name.
    pub api: &'a str,
    /// The framing by name: `json`, `sse`, `one JSON event per line`, `aws-eventstream-base64`.
    pub format: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// Response headers, as far as they are known.
    pub headers: Vec<(String, String)>,
    /// The body; base64 where the format says so.
    pub body: &'a str,
    /// What is known of the request.
    pub request: RequestFacts,
}

/// A recording that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// A format that no framing belongs to.
    #[error(
        "there is no format {0:?}; the formats are json, sse, one JSON event per line, aws-eventstream-base64"
    )]
    Format(String),
    /// A body that should be base64 and is not.
    #[error("the body is not base64: {0}")]
    Base64(String),
}

impl Recording<'_> {
    /// The surface that the recording belongs to.
    #[must_use]
    pub fn surface(&self) -> Surface {
        Surface::from_name(self.api).unwrap_or_else(|| surface_of(self.provider, self.api))
    }

    /// The framing of the body.
    pub fn framing(&self) -> Result<Framing, RecordingError> {
        match self.format {
            "json" => Ok(Framing::Json),
            "sse" => Ok(Framing::Sse),
            "one JSON event per line" | "jsonl" => Ok(Framing::JsonLines),
            "aws-eventstream-base64" => Ok(Framing::AwsEventStream),
            other => Err(RecordingError::Format(other.to_owned())),
        }
    }

    /// The bytes that the provider sent.
    pub fn bytes(&self) -> Result<Vec<u8>, RecordingError> {
        if self.framing()? != Framing::AwsEventStream {
            return Ok(self.body.as_bytes().to_vec());
        }
        let compact: String = self.body.split_whitespace().collect();
        base64::engine::general_purpose::STANDARD
            .decode(compact)
            .map_err(|e| RecordingError::Base64(e.to_string()))
    }
}

/// Reads a recording.
pub fn meter_recording(recording: &Recording<'_>) -> Result<MeteredUsage, RecordingError> {
    let vendor = Vendor::from_name(recording.provider);
    let mut meter = ResponseMeter::new(recording.surface(), vendor, recording.status, recording.framing()?);
    for (name, value) in &recording.headers {
        meter.header(name, value.as_bytes());
    }
    meter.feed(&recording.bytes()?);
    Ok(meter.finish(EndOfStream::Complete, &recording.request))
}

fn surface_of(provider: &str, api: &str) -> Surface {
    let google = matches!(provider, "gemini" | "google" | "vertex");
    match api {
        "chat" if provider == "cohere" => Surface::CohereChat,
        "chat" => Surface::OpenAiChat,
        "completions" => Surface::OpenAiCompletions,
        "responses" => Surface::OpenAiResponses,
        "embeddings" if google => Surface::GeminiEmbed,
        "embeddings" if provider == "cohere" => Surface::CohereEmbed,
        "embeddings" => Surface::OpenAiEmbeddings,
        "reranking" if provider == "bedrock" => Surface::BedrockInvoke,
        "reranking" => Surface::CohereRerank,
        // OpenAI's "messages" are those of assistants' threads, which bill nothing themselves.
        "messages" if provider == "anthropic" => Surface::AnthropicMessages,
        "count_tokens" if google => Surface::GeminiCountTokens,
        "count_tokens" => Surface::AnthropicCountTokens,
        "generateContent" | "speech-translation" => Surface::GeminiGenerate,
        "interactions" => Surface::GeminiInteractions,
        "converse" => Surface::BedrockConverse,
        "invoke" => Surface::BedrockInvoke,
        "default" => usual_surface(provider),
        _ => Surface::Other,
    }
}

fn usual_surface(provider: &str) -> Surface {
    match provider {
        "anthropic" => Surface::AnthropicMessages,
        "gemini" | "google" | "vertex" => Surface::GeminiGenerate,
        "bedrock" => Surface::BedrockConverse,
        "cohere" => Surface::CohereChat,
        _ => Surface::OpenAiChat,
    }
}
