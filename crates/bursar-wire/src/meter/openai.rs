//! OpenAI's two shapes, and what those who speak its dialect make of them.
//!
//! In both, cached tokens are inside the input. Reasoning is inside the output everywhere but in xAI's and
//! Perplexity's chat answers; the total, where there is one, tells which it is. Google's OpenAI surface leaves
//! thoughts out of the output and keeps them in the total.

use bursar_core::{Meter, MeteredUsage, Provenance, UsageException};
use serde_json::Value;

use super::numbers::Numbers;
use crate::surface::{Surface, Vendor};

const REPORTED: Provenance = Provenance::Reported;

/// The parts of the input, by the names that vendors give them.
struct InputParts {
    cached: u64,
    written: u64,
    audio: u64,
    image: u64,
    video: u64,
}

/// Chat completions, completions, embeddings: `prompt_tokens`, `completion_tokens`, `total_tokens`.
pub(super) fn read_chat(surface: Surface, vendor: Vendor, object: &Value, usage: &mut MeteredUsage) {
    let mut n = Numbers::of(object);
    let prompt = n.part(&["prompt_tokens"]);
    let completion = n.part(&["completion_tokens"]);
    let total = n.count("total_tokens");
    let reasoning = n.part(&["completion_tokens_details.reasoning_tokens", "reasoning_tokens"]);
    let parts = InputParts {
        cached: n.part(&[
            "prompt_tokens_details.cached_tokens",
            "prompt_cache_hit_tokens",
            "num_cached_tokens",
            "cached_tokens",
        ]),
        written: n.part(&["prompt_tokens_details.cache_write_tokens", "cache_creation_input_tokens"]),
        audio: n.part(&["prompt_tokens_details.audio_tokens"]),
        image: n.part(&["prompt_tokens_details.image_tokens"]),
        video: n.part(&["prompt_tokens_details.video_tokens"]),
    };
    let place = place_of_reasoning(vendor, prompt, completion, reasoning, total);
    let audio_out = n.part(&["completion_tokens_details.audio_tokens"]);
    let image_out = n.part(&["completion_tokens_details.image_tokens"]);
    set_input(&mut n, prompt, &parts, usage);
    let output = [(audio_out, "audio_tokens"), (image_out, "image_tokens")];
    set_output(&mut n, completion, reasoning, place, &output, usage);
    let summed = prompt.saturating_add(completion).saturating_add(place.outside(reasoning));
    let hidden = place.hidden();
    usage.quantities.add(Meter::Reasoning, hidden, REPORTED);
    if surface != Surface::OpenAiEmbeddings || total != Some(prompt) {
        n.check_total(total, summed.saturating_add(hidden));
    }
    read_extras(&mut n, usage);
    usage.exceptions.extend(n.exceptions());
}

/// Where reasoning tokens stand.
#[derive(Clone, Copy)]
enum Reasoning {
    Inside,
    Outside,
    /// In the total only; this many.
    Hidden(u64),
}

impl Reasoning {
    fn outside(self, reasoning: u64) -> u64 {
        if matches!(self, Reasoning::Outside) { reasoning } else { 0 }
    }

    fn hidden(self) -> u64 {
        if let Reasoning::Hidden(tokens) = self { tokens } else { 0 }
    }
}

fn place_of_reasoning(
    vendor: Vendor,
    prompt: u64,
    completion: u64,
    reasoning: u64,
    total: Option<u64>,
) -> Reasoning {
    let known = prompt.saturating_add(completion);
    match total {
        Some(total) if reasoning > 0 && total == known.saturating_add(reasoning) => Reasoning::Outside,
        Some(total) if total == known && vendor != Vendor::Perplexity => Reasoning::Inside,
        Some(total) if matches!(vendor, Vendor::Gemini | Vendor::Vertex) && reasoning == 0 => {
            Reasoning::Hidden(total.saturating_sub(known))
        }
        _ if matches!(vendor, Vendor::Xai | Vendor::Perplexity) => Reasoning::Outside,
        _ => Reasoning::Inside,
    }
}

fn set_input(n: &mut Numbers<'_>, whole: u64, parts: &InputParts, usage: &mut MeteredUsage) {
    let inside = [
        (parts.cached, "cached_tokens"),
        (parts.written, "cache_write_tokens"),
        (parts.audio, "audio_tokens"),
        (parts.image, "image_tokens"),
        (parts.video, "video_tokens"),
    ];
    // Cached audio and pictures are counted twice by those who report both; only the sum of all tells.
    let media = parts.audio.saturating_add(parts.image).saturating_add(parts.video);
    let overlap = inside.iter().map(|(u, _)| u).fold(0u64, |a, &u| a.saturating_add(u)).saturating_sub(whole);
    if overlap > 0 && overlap <= media && parts.cached.saturating_add(parts.written) <= whole {
        n.not_understood(format!("{overlap} cached input tokens are audio, picture or video tokens too"));
        usage.quantities.set(Meter::Input, whole - parts.cached - parts.written, REPORTED);
    } else {
        let rest = n.rest(whole, &inside);
        usage.quantities.set(Meter::Input, rest, REPORTED);
        usage.quantities.set(Meter::AudioIn, parts.audio, REPORTED);
        usage.quantities.set(Meter::ImageIn, parts.image, REPORTED);
        usage.quantities.set(Meter::VideoIn, parts.video, REPORTED);
    }
    usage.quantities.set(Meter::CacheRead, parts.cached, REPORTED);
    usage.quantities.set(Meter::CacheWrite5m, parts.written, REPORTED);
}

fn set_output(
    n: &mut Numbers<'_>,
    whole: u64,
    reasoning: u64,
    place: Reasoning,
    media: &[(u64, &'static str); 2],
    usage: &mut MeteredUsage,
) {
    let inside = if matches!(place, Reasoning::Inside) { reasoning } else { 0 };
    let text = n.rest(whole, &[(inside, "reasoning_tokens"), media[0], media[1]]);
    usage.quantities.set(Meter::Output, text, REPORTED);
    usage.quantities.set(
        Meter::Reasoning,
        reasoning.min(if inside > 0 { whole } else { u64::MAX }),
        REPORTED,
    );
    usage.quantities.set(Meter::AudioOut, media[0].0, REPORTED);
    usage.quantities.set(Meter::ImageOut, media[1].0, REPORTED);
}

/// What stands beside the tokens: searches, sources, the vendor's own idea of the cost.
fn read_extras(n: &mut Numbers<'_>, usage: &mut MeteredUsage) {
    let searches = n.part(&[
        "num_search_queries",
        "server_tool_use.web_search_requests",
        "server_tool_use_details.web_search_requests",
        "server_side_tool_usage_details.web_search_calls",
    ]);
    usage.quantities.set(Meter::WebSearches, searches, REPORTED);
    let audio_seconds = n.part(&["prompt_audio_seconds"]);
    usage.quantities.set(Meter::AudioSeconds, audio_seconds, REPORTED);
    for field in ["num_sources_used", "citation_tokens"] {
        let units = n.part(&[field]);
        if units > 0 {
            n.not_understood(format!("{field} {units}"));
        }
    }
    for tool in ["x_search_calls", "code_interpreter_calls", "file_search_calls", "document_search_calls"]
        .into_iter()
        .chain(["mcp_calls", "image_generation_calls"])
    {
        let path = format!("server_side_tool_usage_details.{tool}");
        let calls = n.part(&[&path]);
        if calls > 0 {
            n.not_understood(format!("{tool} {calls}"));
        }
    }
    let ticks = n.part(&["cost_in_usd_ticks"]);
    // xAI's ticks are 10⁻¹⁰ dollars.
    let from_ticks = i64::try_from(ticks / 10).ok().filter(|&t| t > 0).map(bursar_core::Money::from_nanos);
    usage.provider_stated_cost = n.dollars("cost").or_else(|| n.dollars("cost.total_cost")).or(from_ticks);
}

/// Responses, images, transcriptions: `input_tokens`, `output_tokens`, `total_tokens`.
pub(super) fn read_responses(surface: Surface, object: &Value, usage: &mut MeteredUsage) {
    let mut n = Numbers::of(object);
    let input = n.part(&["input_tokens"]);
    let output = n.part(&["output_tokens"]);
    let total = n.count("total_tokens");
    let parts = InputParts {
        cached: n.part(&["input_tokens_details.cached_tokens", "input_token_details.cached_tokens"]),
        written: n.part(&["input_tokens_details.cache_write_tokens"]),
        audio: n.part(&["input_tokens_details.audio_tokens", "input_token_details.audio_tokens"]),
        image: n.part(&["input_tokens_details.image_tokens"]),
        video: 0,
    };
    set_input(&mut n, input, &parts, usage);
    let reasoning = n.part(&["output_tokens_details.reasoning_tokens"]);
    let audio = match surface {
        // Speech is all that this endpoint produces.
        Surface::OpenAiSpeech => output,
        _ => n.part(&["output_tokens_details.audio_tokens", "output_token_details.audio_tokens"]),
    };
    let image = match (surface, n.count("output_tokens_details.image_tokens")) {
        (_, Some(tokens)) => tokens,
        // The images endpoint produces pictures and nothing else unless it says so.
        (Surface::OpenAiImages, None) => output,
        (_, None) => 0,
    };
    let place = place_of_reasoning(Vendor::OpenAi, input, output, reasoning, total);
    let media = [(audio, "audio_tokens"), (image, "image_tokens")];
    set_output(&mut n, output, reasoning, place, &media, usage);
    n.check_total(total, input.saturating_add(output).saturating_add(place.outside(reasoning)));
    read_extras(&mut n, usage);
    usage.exceptions.extend(n.exceptions());
}

/// Transcriptions that are charged by time: `{"type":"duration","seconds":12}`.
pub(super) fn read_seconds(object: &Value, usage: &mut MeteredUsage) {
    let mut n = Numbers::of(object);
    if let Some(seconds) = n.count("seconds") {
        usage.quantities.set(Meter::AudioSeconds, seconds, REPORTED);
    }
    usage.exceptions.extend(n.exceptions());
}

/// OpenAI's `tool_usage`: searches, and pictures that another model drew at its own price.
pub(super) fn read_tools(tools: Option<&Value>, usage: &mut MeteredUsage) {
    let Some(tools) = tools else { return };
    let mut n = Numbers::of(tools);
    let searches = n.part(&["web_search.num_requests"]);
    usage.quantities.add(Meter::WebSearches, searches, REPORTED);
    let drawn = n.part(&["image_gen.total_tokens"]);
    if drawn > 0 {
        n.not_understood(format!("tool_usage.image_gen used {drawn} tokens of an image model"));
    }
    usage.exceptions.extend(n.exceptions());
}

/// Groq's compound systems add up the tokens of several models, each with its own price.
pub(super) fn read_breakdown(breakdown: Option<&Value>, usage: &mut MeteredUsage) {
    let models = breakdown.and_then(|b| b.get("models")).and_then(Value::as_array);
    let mut names: Vec<&str> =
        models.into_iter().flatten().filter_map(|m| m.get("model").and_then(Value::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() > 1 {
        let what = format!("usage_breakdown names several models: {}", names.join(", "));
        usage.exceptions.push(UsageException::NotUnderstood { what });
    }
}
