//! Gemini and Vertex AI: cached content is inside the prompt; thoughts and tool-use prompts are outside of
//! candidates and prompt; details divide by modality.

use bursar_core::{Meter, MeteredUsage, Provenance};
use serde_json::Value;

use super::numbers::Numbers;
use super::slots::set_tier;

const REPORTED: Provenance = Provenance::Reported;

/// Units by modality, text and what has no modality first.
#[derive(Clone, Copy, Default)]
struct Modal {
    text: u64,
    image: u64,
    audio: u64,
    video: u64,
    document: u64,
}

impl Modal {
    /// The details under one of the names, whose sum is taken as text where there are none.
    fn read(n: &mut Numbers<'_>, names: &[&str], whole: u64, count_key: &str) -> Modal {
        let details = names.iter().find_map(|name| n.at(name)).and_then(Value::as_array);
        let mut modal = Modal::default();
        for detail in details.into_iter().flatten() {
            let units = detail.get(count_key).and_then(Value::as_u64).unwrap_or_default();
            let modality = detail.get("modality").and_then(Value::as_str).unwrap_or_default();
            let part = match modality.to_ascii_uppercase().as_str() {
                "IMAGE" => &mut modal.image,
                "AUDIO" => &mut modal.audio,
                "VIDEO" => &mut modal.video,
                "DOCUMENT" => &mut modal.document,
                _ => continue,
            };
            *part = part.saturating_add(units);
        }
        let media = [
            (modal.image, "IMAGE"),
            (modal.audio, "AUDIO"),
            (modal.video, "VIDEO"),
            (modal.document, "DOCUMENT"),
        ];
        modal.text = n.rest(whole, &media);
        modal
    }
}

/// `usageMetadata` of generateContent, streamGenerateContent, embedContent and live answers.
pub(super) fn read(object: &Value, usage: &mut MeteredUsage) {
    let mut n = Numbers::of(object);
    let prompt = n.part(&["promptTokenCount"]);
    let cached = n.part(&["cachedContentTokenCount"]);
    let tool_use = n.part(&["toolUsePromptTokenCount"]);
    let candidates = n.part(&["candidatesTokenCount", "responseTokenCount"]);
    let thoughts = n.part(&["thoughtsTokenCount"]);
    let sent = Modal::read(&mut n, &["promptTokensDetails", "promptTokenDetails"], prompt, "tokenCount");
    let from_cache = Modal::read(&mut n, &["cacheTokensDetails"], cached, "tokenCount");
    let tools = Modal::read(&mut n, &["toolUsePromptTokensDetails"], tool_use, "tokenCount");
    let output_names = ["candidatesTokensDetails", "responseTokensDetails"];
    let produced = Modal::read(&mut n, &output_names, candidates, "tokenCount");
    set_input(&mut n, [sent, from_cache, tools], usage);
    set_output(produced, thoughts, usage);
    let total = n.count("totalTokenCount");
    let summed = [prompt, tool_use, candidates, thoughts].iter().fold(0u64, |a, &b| a.saturating_add(b));
    n.check_total(total, summed);
    for field in ["trafficType", "serviceTier"] {
        if let Some(tier) = n.at(field).and_then(Value::as_str) {
            set_tier(usage, field, tier);
        }
    }
    usage.exceptions.extend(n.exceptions());
}

fn set_input(n: &mut Numbers<'_>, [sent, cached, tools]: [Modal; 3], usage: &mut MeteredUsage) {
    let parts = [
        (Meter::Input, sent.text, cached.text, tools.text, "cachedContentTokenCount"),
        (Meter::ImageIn, sent.image, cached.image, tools.image, "cacheTokensDetails IMAGE"),
        (Meter::AudioIn, sent.audio, cached.audio, tools.audio, "cacheTokensDetails AUDIO"),
        (Meter::VideoIn, sent.video, cached.video, tools.video, "cacheTokensDetails VIDEO"),
        (Meter::DocumentIn, sent.document, cached.document, tools.document, "cacheTokensDetails DOCUMENT"),
    ];
    for (meter, sent, cached, tools, name) in parts {
        let fresh = n.rest(sent, &[(cached, name)]);
        usage.quantities.set(meter, fresh.saturating_add(tools), REPORTED);
    }
    let q = &mut usage.quantities;
    // Cached video and documents have the price of cached text.
    q.set(Meter::CacheRead, cached.text + cached.video + cached.document, REPORTED);
    q.set(Meter::ImageCacheRead, cached.image, REPORTED);
    q.set(Meter::AudioCacheRead, cached.audio, REPORTED);
}

fn set_output(produced: Modal, thoughts: u64, usage: &mut MeteredUsage) {
    let q = &mut usage.quantities;
    q.set(Meter::Output, produced.text + produced.video + produced.document, REPORTED);
    q.set(Meter::ImageOut, produced.image, REPORTED);
    q.set(Meter::AudioOut, produced.audio, REPORTED);
    q.set(Meter::Reasoning, thoughts, REPORTED);
}

/// The usage object of the interactions surface.
pub(super) fn read_interaction(object: &Value, usage: &mut MeteredUsage) {
    let mut n = Numbers::of(object);
    let input = n.part(&["total_input_tokens"]);
    let cached = n.part(&["total_cached_tokens"]);
    let output = n.part(&["total_output_tokens"]);
    let thoughts = n.part(&["total_thought_tokens", "total_reasoning_tokens"]);
    let tool_use = n.part(&["total_tool_use_tokens"]);
    let sent = Modal::read(&mut n, &["input_tokens_by_modality"], input, "tokens");
    let from_cache = Modal::read(&mut n, &["cached_tokens_by_modality"], cached, "tokens");
    let tools = Modal::read(&mut n, &["tool_use_tokens_by_modality"], tool_use, "tokens");
    let produced = Modal::read(&mut n, &["output_tokens_by_modality"], output, "tokens");
    set_input(&mut n, [sent, from_cache, tools], usage);
    set_output(produced, thoughts, usage);
    let total = n.count("total_tokens");
    let summed = [input, tool_use, output, thoughts].iter().fold(0u64, |a, &b| a.saturating_add(b));
    n.check_total(total, summed);
    usage.exceptions.extend(n.exceptions());
}
