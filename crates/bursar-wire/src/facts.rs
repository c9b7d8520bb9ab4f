//! What a request tells the meter about an answer that does not report for itself.

use bursar_core::Provenance;

/// Facts of a request, for answers that end early or carry no usage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFacts {
    /// The model that was asked for; it chooses the tokenizer.
    pub model: Option<String>,
    /// Tokens sent, as counted or estimated from the request; `None` where the request is not known.
    pub input_tokens: Option<(u64, Provenance)>,
    /// Characters to be spoken, for speech synthesis.
    pub characters: Option<u64>,
    /// Whether the answer is a stream that OpenAI's chat dialect sends without usage unless asked.
    pub usage_not_asked: bool,
}
