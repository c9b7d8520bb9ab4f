//! What is called, whose conventions hold, and how a body is framed.

/// A family of surfaces with one shape of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI and everything that is compatible with it.
    OpenAi,
    /// Anthropic.
    Anthropic,
    /// Google Gemini and Vertex AI.
    Gemini,
    /// Amazon Bedrock.
    Bedrock,
    /// Cohere.
    Cohere,
}

macro_rules! surfaces {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $dialect:ident, $bills:literal;)+) => {
        /// One endpoint family of one dialect: what a request asks and how its answer is read.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Surface { $($(#[$doc])* $variant),+ }

        impl Surface {
            /// Every surface.
            pub const ALL: &[Surface] = &[$(Surface::$variant),+];

            /// The name in records, reports and on the command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Surface::$variant => $name),+ }
            }

            /// The dialect, and so the shape of errors.
            #[must_use]
            pub const fn dialect(self) -> Dialect {
                match self { $(Surface::$variant => Dialect::$dialect),+ }
            }

            /// Whether a successful answer bills usage, so that one without any is an exception.
            #[must_use]
            pub const fn bills_usage(self) -> bool {
                match self { $(Surface::$variant => $bills),+ }
            }
        }
    };
}

surfaces! {
    /// `POST /v1/chat/completions`
    OpenAiChat = "openai.chat_completions", OpenAi, true;
    /// `POST /v1/responses` and what hangs under it
    OpenAiResponses = "openai.responses", OpenAi, true;
    /// `POST /v1/responses/input_tokens`, free of charge
    OpenAiInputTokens = "openai.input_tokens", OpenAi, false;
    /// `POST /v1/embeddings`
    OpenAiEmbeddings = "openai.embeddings", OpenAi, true;
    /// `POST /v1/completions`
    OpenAiCompletions = "openai.completions", OpenAi, true;
    /// `GET /v1/models`
    OpenAiModels = "openai.models", OpenAi, false;
    /// `POST /v1/images/…`
    OpenAiImages = "openai.images", OpenAi, true;
    /// `POST /v1/audio/speech`
    OpenAiSpeech = "openai.audio_speech", OpenAi, true;
    /// `POST /v1/audio/transcriptions` and `/v1/audio/translations`
    OpenAiTranscription = "openai.audio_transcriptions", OpenAi, true;
    /// `POST /v1/moderations`, which OpenAI does not charge for
    OpenAiModerations = "openai.moderations", OpenAi, false;
    /// `/v1/files`
    OpenAiFiles = "openai.files", OpenAi, false;
    /// `/v1/batches`, whose calls are charged when they run; a batch that is over tells what they used
    OpenAiBatches = "openai.batches", OpenAi, false;
    /// `POST /v1/messages`
    AnthropicMessages = "anthropic.messages", Anthropic, true;
    /// `POST /v1/messages/count_tokens`, free of charge
    AnthropicCountTokens = "anthropic.count_tokens", Anthropic, false;
    /// `GET /v1/models` as Anthropic answers it
    AnthropicModels = "anthropic.models", Anthropic, false;
    /// `POST …:generateContent`
    GeminiGenerate = "gemini.generate_content", Gemini, true;
    /// `POST …:streamGenerateContent`
    GeminiStreamGenerate = "gemini.stream_generate_content", Gemini, true;
    /// `POST …:embedContent`, `:batchEmbedContents`, `:predict`
    GeminiEmbed = "gemini.embed_content", Gemini, true;
    /// `POST …:countTokens`, free of charge
    GeminiCountTokens = "gemini.count_tokens", Gemini, false;
    /// `GET /v1beta/models`
    GeminiModels = "gemini.models", Gemini, false;
    /// `POST /v1beta/interactions`
    GeminiInteractions = "gemini.interactions", Gemini, true;
    /// `POST /model/…/converse` and `/converse-stream`
    BedrockConverse = "bedrock.converse", Bedrock, true;
    /// `POST /model/…/invoke` and `/invoke-with-response-stream`
    BedrockInvoke = "bedrock.invoke_model", Bedrock, true;
    /// `POST /v1/chat`, `/v2/chat`
    CohereChat = "cohere.chat", Cohere, true;
    /// `POST /v1/embed`, `/v2/embed`
    CohereEmbed = "cohere.embed", Cohere, true;
    /// `POST /v1/rerank`, `/v2/rerank`
    CohereRerank = "cohere.rerank", Cohere, true;
    /// Anything else that is passed through
    Other = "other", OpenAi, false;
}

impl Surface {
    /// The surface of a name, where there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Surface> {
        Surface::ALL.iter().copied().find(|s| s.name() == name)
    }

    /// The surface that a path belongs to, whatever stands before its dialect's own part (`/openai/v1/…`,
    /// `/v1/projects/…`), and without its query. `None` where no dialect has such a path.
    #[must_use]
    pub fn of(method: &str, path: &str) -> Option<Surface> {
        let path = path.split(['?', '#']).next().unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        let get = method.eq_ignore_ascii_case("GET");
        gemini_or_bedrock(path, get).or_else(|| openai(path)).or_else(|| others(path))
    }
}

fn gemini_or_bedrock(path: &str, get: bool) -> Option<Surface> {
    let last = path.rsplit('/').next().unwrap_or_default();
    if let Some((_, verb)) = last.split_once(':') {
        return match verb {
            "generateContent" => Some(Surface::GeminiGenerate),
            "streamGenerateContent" => Some(Surface::GeminiStreamGenerate),
            "embedContent" | "batchEmbedContents" | "asyncBatchEmbedContent" | "predict" => {
                Some(Surface::GeminiEmbed)
            }
            "countTokens" => Some(Surface::GeminiCountTokens),
            _ => None,
        };
    }
    let gemini_models = path.starts_with("/v1beta/models") || path.starts_with("/v1alpha/models");
    match last {
        "converse" | "converse-stream" if path.contains("/model/") => Some(Surface::BedrockConverse),
        "invoke" | "invoke-with-response-stream" if path.contains("/model/") => Some(Surface::BedrockInvoke),
        "interactions" => Some(Surface::GeminiInteractions),
        _ if gemini_models && get => Some(Surface::GeminiModels),
        _ => None,
    }
}

fn openai(path: &str) -> Option<Surface> {
    let has = |part: &str| path.ends_with(part) || path.contains(&format!("{part}/"));
    if has("/messages/count_tokens") {
        return Some(Surface::AnthropicCountTokens);
    }
    const PARTS: &[(&str, Surface)] = &[
        ("/chat/completions", Surface::OpenAiChat),
        ("/completions", Surface::OpenAiCompletions),
        ("/responses/input_tokens", Surface::OpenAiInputTokens),
        ("/responses", Surface::OpenAiResponses),
        ("/embeddings", Surface::OpenAiEmbeddings),
        ("/images", Surface::OpenAiImages),
        ("/audio/speech", Surface::OpenAiSpeech),
        ("/audio/transcriptions", Surface::OpenAiTranscription),
        ("/audio/translations", Surface::OpenAiTranscription),
        ("/moderations", Surface::OpenAiModerations),
        ("/files", Surface::OpenAiFiles),
        ("/batches", Surface::OpenAiBatches),
    ];
    PARTS.iter().find(|(part, _)| has(part)).map(|&(_, surface)| surface)
}

fn others(path: &str) -> Option<Surface> {
    if path == "/v1/messages" || path.ends_with("/v1/messages") {
        return Some(Surface::AnthropicMessages);
    }
    match path {
        "/v1/chat" | "/v2/chat" => Some(Surface::CohereChat),
        "/v1/embed" | "/v2/embed" => Some(Surface::CohereEmbed),
        "/v1/rerank" | "/v2/rerank" => Some(Surface::CohereRerank),
        _ if path == "/v1/models" || path.starts_with("/v1/models/") || path.ends_with("/v1/models") => {
            Some(Surface::OpenAiModels)
        }
        _ => None,
    }
}

macro_rules! vendors {
    ($($variant:ident = $name:literal $(| $other:literal)*;)+) => {
        /// Whose conventions hold for the numbers in a response. Several vendors speak one dialect and count
        /// differently.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the variants are the vendors' own names")]
        pub enum Vendor { $($variant),+ }

        impl Vendor {
            /// The name in configuration and price list.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Vendor::$variant => $name),+ }
            }

            /// The vendor of a name; [`Vendor::Other`] for one that Bursar does not know.
            #[must_use]
            pub fn from_name(name: &str) -> Vendor {
                match name { $($name $(| $other)* => Vendor::$variant,)+ _ => Vendor::Other }
            }
        }
    };
}

vendors! {
    OpenAi = "openai";
    Azure = "azure";
    Anthropic = "anthropic";
    Gemini = "gemini" | "google";
    Vertex = "vertex" | "vertex_ai";
    Bedrock = "bedrock";
    Groq = "groq";
    Mistral = "mistral";
    DeepSeek = "deepseek";
    Xai = "xai";
    Cohere = "cohere";
    OpenRouter = "openrouter";
    Perplexity = "perplexity";
    Together = "together" | "togetherai";
    Fireworks = "fireworks";
    Alibaba = "alibaba";
    Moonshot = "moonshot" | "moonshotai";
    HuggingFace = "huggingface";
    Other = "other";
}

/// How a response's body is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// One JSON document (or, for Gemini, one array of documents).
    Json,
    /// Server-sent events whose data are JSON documents.
    Sse,
    /// One JSON document after another.
    JsonLines,
    /// Amazon's binary event stream whose payloads are JSON documents.
    AwsEventStream,
    /// Bytes without usage in them, such as audio.
    Opaque,
}

impl Framing {
    /// The framing that a `content-type` tells. Without one, JSON is assumed.
    #[must_use]
    pub fn of_content_type(content_type: Option<&str>) -> Framing {
        let Some(value) = content_type else { return Framing::Json };
        let media_type = value.split(';').next().unwrap_or(value).trim().to_ascii_lowercase();
        match media_type.as_str() {
            "text/event-stream" => Framing::Sse,
            "application/x-ndjson" | "application/jsonl" | "application/jsonlines" => Framing::JsonLines,
            "application/stream+json" => Framing::JsonLines,
            "application/vnd.amazon.eventstream" => Framing::AwsEventStream,
            m if m.ends_with("json") => Framing::Json,
            _ => Framing::Opaque,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_surface_is_found_again_by_its_name() {
        for &surface in Surface::ALL {
            assert_eq!(Surface::from_name(surface.name()), Some(surface));
        }
    }

    #[test]
    fn the_page_about_endpoints_has_every_surface_in_the_section_where_it_belongs() {
        let page = include_str!("../../../docs/reference/endpoints.md");
        let (booked, passed) = page.split_once("## Passed on without a record").expect("both sections");
        for &surface in Surface::ALL {
            let row = format!("| `{}` |", surface.name());
            let is_booked = surface.bills_usage() || surface == Surface::Other;
            assert_eq!((booked.contains(&row), passed.contains(&row)), (is_booked, !is_booked), "{row}");
        }
    }

    #[test]
    fn paths_lead_to_their_surfaces() {
        for (path, surface) in [
            ("/v1/chat/completions", Surface::OpenAiChat),
            ("/openai/deployments/gpt-4o/chat/completions?api-version=2024-06-01", Surface::OpenAiChat),
            ("/v1/completions", Surface::OpenAiCompletions),
            ("/v1/responses/resp_1/cancel", Surface::OpenAiResponses),
            ("/v1/responses/input_tokens", Surface::OpenAiInputTokens),
            ("/v1/images/generations", Surface::OpenAiImages),
            ("/v1/audio/transcriptions", Surface::OpenAiTranscription),
            ("/v1/messages", Surface::AnthropicMessages),
            ("/v1/messages/count_tokens", Surface::AnthropicCountTokens),
            ("/v1beta/models/gemini-2.5-flash:generateContent", Surface::GeminiGenerate),
            ("/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", Surface::GeminiStreamGenerate),
            ("/v1beta/models/gemini-embedding-001:batchEmbedContents", Surface::GeminiEmbed),
            ("/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse-stream", Surface::BedrockConverse),
            ("/model/amazon.titan-text/invoke", Surface::BedrockInvoke),
            ("/v2/rerank", Surface::CohereRerank),
            ("/v1/files/file-1/content", Surface::OpenAiFiles),
        ] {
            assert_eq!(Surface::of("POST", path), Some(surface), "{path}");
        }
        assert_eq!(Surface::of("GET", "/v1/models"), Some(Surface::OpenAiModels));
        assert_eq!(Surface::of("GET", "/v1beta/models"), Some(Surface::GeminiModels));
        assert_eq!(Surface::of("GET", "/robots.txt"), None);
    }

    #[test]
    fn a_content_type_tells_the_framing_whatever_its_parameters_and_case() {
        assert_eq!(Framing::of_content_type(Some("Text/Event-Stream; charset=utf-8")), Framing::Sse);
        assert_eq!(Framing::of_content_type(Some("application/problem+json")), Framing::Json);
        assert_eq!(Framing::of_content_type(Some("audio/mpeg")), Framing::Opaque);
        assert_eq!(Framing::of_content_type(None), Framing::Json);
    }
}
