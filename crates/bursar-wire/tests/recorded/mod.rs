//! Recorded requests and what their providers reported.
#![allow(dead_code, clippy::allow_attributes, reason = "a test and an example each use a part of it")]

use std::io::{BufRead, BufReader};
use std::path::Path;

use bursar_core::Provenance;
use bursar_wire::tokens::Family;
use bursar_wire::{RequestView, Surface};
use flate2::read::GzDecoder;
use serde_json::Value;

/// One recorded request.
pub(crate) struct Recording {
    pub(crate) id: String,
    pub(crate) provider: String,
    pub(crate) api: String,
    pub(crate) model: Option<String>,
    pub(crate) request: String,
    /// Input tokens as reported, those of caches included.
    pub(crate) reported: Option<u64>,
}

/// The requests of a gzipped file of JSON lines, this repository's or the full recordings.
pub(crate) fn load(path: &Path) -> Vec<Recording> {
    let file = std::fs::File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    BufReader::new(GzDecoder::new(file))
        .lines()
        .filter_map(|line| recording(&line.expect("a line")))
        .collect()
}

fn recording(line: &str) -> Option<Recording> {
    let row: Value = serde_json::from_str(line).expect("JSON");
    let text = |key: &str| row[key].as_str().map(str::to_owned);
    let is_whole = row["status"].as_u64().is_none_or(|s| s == 200);
    Some(Recording {
        id: text("id")?,
        provider: text("provider")?,
        api: text("api")?,
        model: text("model"),
        request: text("request")?,
        reported: row["input"].as_u64().or_else(|| reported(&row).filter(|_| is_whole)),
    })
}

/// The largest input that any part of a response reports, the tokens of caches included.
fn reported(row: &Value) -> Option<u64> {
    let body = row["response_body"].as_str()?;
    let parts: Vec<Value> = match row["format"].as_str()? {
        "json" => serde_json::from_str(body).into_iter().collect(),
        "sse" => body.lines().filter_map(|l| serde_json::from_str(l.strip_prefix("data:")?).ok()).collect(),
        _ => Vec::new(),
    };
    let places = ["/usage", "/usageMetadata", "/response/usage", "/message/usage", "/x_groq/usage"];
    parts.iter().flat_map(|p| places.iter().filter_map(|at| input_of(p.pointer(at)?))).max()
}

fn input_of(usage: &Value) -> Option<u64> {
    let get = |key: &str| usage[key].as_u64();
    let or_none = |key: &str| get(key).unwrap_or(0);
    if let Some(prompt) = get("promptTokenCount").or_else(|| get("prompt_tokens")) {
        return Some(prompt);
    }
    if let Some(input) = get("inputTokens") {
        return Some(input + or_none("cacheReadInputTokens") + or_none("cacheWriteInputTokens"));
    }
    let cached = or_none("cache_creation_input_tokens") + or_none("cache_read_input_tokens");
    get("input_tokens").or_else(|| usage["tokens"]["input_tokens"].as_u64()).map(|input| input + cached)
}

impl Recording {
    /// Whether the request is JSON at all; some recordings have no body.
    pub(crate) fn is_json(&self) -> bool {
        serde_json::from_str::<Value>(&self.request).is_ok()
    }

    /// The surface and path that the request went to.
    pub(crate) fn target(&self) -> (Surface, String) {
        let model = self.model.as_deref().unwrap_or("unknown");
        let model = model.strip_prefix("models/").unwrap_or(model);
        match (self.provider.as_str(), self.api.as_str()) {
            ("azure", "chat") => {
                (Surface::OpenAiChat, format!("/openai/deployments/{model}/chat/completions"))
            }
            ("bedrock", "converse") => (Surface::BedrockConverse, format!("/model/{model}/converse")),
            ("bedrock", "invoke") => (Surface::BedrockInvoke, format!("/model/{model}/invoke")),
            (_, "generateContent") => {
                (Surface::GeminiGenerate, format!("/v1beta/models/{model}:generateContent"))
            }
            ("gemini" | "vertex", "embeddings") => {
                (Surface::GeminiEmbed, format!("/v1beta/models/{model}:embedContent"))
            }
            ("anthropic", "messages") => (Surface::AnthropicMessages, "/v1/messages".to_owned()),
            ("cohere", _) => (Surface::CohereChat, "/v2/chat".to_owned()),
            (_, "responses") => (Surface::OpenAiResponses, "/v1/responses".to_owned()),
            (_, "embeddings") => (Surface::OpenAiEmbeddings, "/v1/embeddings".to_owned()),
            (_, "completions") => (Surface::OpenAiCompletions, "/v1/completions".to_owned()),
            _ => (Surface::OpenAiChat, "/v1/chat/completions".to_owned()),
        }
    }

    /// What Bursar reads from the request.
    pub(crate) fn view(&self) -> RequestView {
        let (surface, path) = self.target();
        RequestView::parse(surface, &path, Some("application/json"), self.request.as_bytes())
            .unwrap_or_else(|e| panic!("{} {} {}: {e}", self.id, self.provider, self.api))
    }

    /// Whether all that the provider counts stands in the request: no conversation that it keeps, no tool whose
    /// results it adds, no media.
    pub(crate) fn is_self_contained(&self, view: &RequestView) -> bool {
        const ELSEWHERE: [&str; 19] = [
            "\"previous_response_id\":\"",
            "\"previous_response_id\": \"",
            "\"conversation\":",
            "cachedContent",
            "web_search",
            "googleSearch",
            "code_interpreter",
            "code_execution",
            "mcp",
            "file_search",
            "urlContext",
            "web_fetch",
            "\"memory_",
            "\"advisor_",
            "\"openrouter:",
            "\"models\":",
            "\"preset\":",
            "compound-beta",
            "very very long system prompt",
        ];
        view.volume.pieces.iter().all(|&p| p == 0) && ELSEWHERE.iter().all(|e| !self.request.contains(e))
    }
}

/// A request's estimate beside what was reported.
pub(crate) struct Comparison {
    pub(crate) id: String,
    pub(crate) provider: String,
    pub(crate) family: Family,
    pub(crate) view: RequestView,
    pub(crate) reported: u64,
    pub(crate) estimated: u64,
    pub(crate) counted: (u64, Provenance),
}

impl Comparison {
    /// The estimate's error as a share of what was reported; above zero where it is too high.
    pub(crate) fn error(&self) -> f64 {
        share(self.estimated, self.reported)
    }

    /// The same for the count.
    pub(crate) fn count_error(&self) -> f64 {
        share(self.counted.0, self.reported)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share for a table of errors")]
fn share(is: u64, reported: u64) -> f64 {
    (is as f64 - reported as f64) / reported as f64
}

/// Every self-contained request with a reported input, beside its estimate.
pub(crate) fn compare(recordings: &[Recording]) -> Vec<Comparison> {
    let comparisons = recordings.iter().filter(|r| r.is_json()).filter_map(|r| {
        let view = r.view();
        let reported = r.reported.filter(|n| *n > 0 && r.is_self_contained(&view))?;
        let family = view.model.as_deref().map_or(Family::Other, Family::of);
        let (estimated, _) = view.estimate_input();
        let counted = view.count_input(r.request.as_bytes());
        Some(Comparison {
            id: r.id.clone(),
            provider: r.provider.clone(),
            family,
            view,
            reported,
            estimated,
            counted,
        })
    });
    comparisons.collect()
}

/// The value below which this share of the sorted values lies.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index"
)]
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    sorted
        .get(((sorted.len().saturating_sub(1)) as f64 * share).round() as usize)
        .copied()
        .unwrap_or(f64::NAN)
}
