//! A JSON body, read once.

use std::fmt;

use serde::de::{DeserializeSeed as _, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::scalar::{Key, Picking, Scalar, Skip};
use super::volume::Volume;
use super::walk::{Counting, Place, Walk, settle_outermost};
use super::{BadRequest, ModelPlace, Reach, RequestView};
use crate::labels::Labels;
use crate::surface::Surface;
use crate::tokens::TextCounter;

/// The keys of a body that carry what a model reads, and how they are walked.
const CONTENT: &[(&str, Place)] = &[
    ("messages", Place::CONTENT),
    ("input", Place::INPUT),
    ("prompt", Place::INPUT),
    ("contents", Place::CONTENT),
    ("content", Place::CONTENT),
    ("system", Place::CONTENT),
    ("systemInstruction", Place::CONTENT),
    ("system_instruction", Place::CONTENT),
    ("instructions", Place::CONTENT),
    ("tools", Place::SCHEMA),
    ("toolConfig", Place::SCHEMA),
    ("functions", Place::SCHEMA),
    ("texts", Place::CONTENT),
    ("inputs", Place::CONTENT),
    ("images", Place::CONTENT),
    ("message", Place::CONTENT),
    ("chat_history", Place::CONTENT),
    ("preamble", Place::CONTENT),
    ("documents", Place::CONTENT),
    ("query", Place::CONTENT),
    ("inputText", Place::CONTENT),
    ("singleEmbeddingParams", Place::CONTENT),
    ("requests", Place::CONTENT),
    ("instances", Place::CONTENT),
    ("response_format", Place::SCHEMA),
    ("text", Place::SCHEMA),
    ("output_config", Place::SCHEMA),
    ("output_format", Place::SCHEMA),
    ("outputConfig", Place::SCHEMA),
    ("suffix", Place::CONTENT),
];

/// Keys whose value is tools.
const TOOLS: [&str; 3] = ["tools", "toolConfig", "functions"];
/// Keys that say in which form the answer is to come.
const FORMATS: [&str; 5] = ["response_format", "text", "output_config", "output_format", "outputConfig"];
/// Keys whose value is one message, whatever its parts.
const AS_ONE: [&str; 4] = ["system", "systemInstruction", "system_instruction", "content"];

const OUTPUT_LIMITS: &[&str] = &[
    "maxOutputTokens",
    "max_output_tokens",
    "maxTokens",
    "maxTokenCount",
    "candidateCount",
    "candidate_count",
];

/// What the top level of a body says; the last of several equal keys.
#[derive(Default)]
struct Top<'a> {
    model: Option<String>,
    stream: bool,
    include_usage: bool,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    nested_limit: Option<u64>,
    choices: Option<u64>,
    service_tier: Option<String>,
    reach: Reach,
    labels: Vec<(&'static str, &'a RawValue)>,
    volumes: Vec<(usize, Volume)>,
}

/// Reads a body into a view; path and form are the caller's.
pub(super) fn parse(surface: Surface, body: &[u8]) -> Result<RequestView, BadRequest> {
    let text = utf8(body)?;
    let mut json = serde_json::Deserializer::from_str(text);
    let top = json
        .deserialize_map(TopVisitor { surface })
        .and_then(|top| json.end().map(|()| top))
        .map_err(|e| explain(text, &e))?;
    Ok(view_of(top))
}

/// Counts the tokens of a body's texts.
pub(super) fn count(body: &[u8], counter: impl Fn() -> TextCounter) -> Result<u64, BadRequest> {
    let text = utf8(body)?;
    let mut json = serde_json::Deserializer::from_str(text);
    json.deserialize_map(CountVisitor { counter: counter() }).map_err(|e| explain(text, &e))
}

fn utf8(body: &[u8]) -> Result<&str, BadRequest> {
    std::str::from_utf8(body).map_err(|e| BadRequest::NotUtf8 { at: e.valid_up_to() })
}

fn view_of(top: Top<'_>) -> RequestView {
    let mut volume = Volume::default();
    for (_, part) in &top.volumes {
        volume.add(part);
    }
    let mut labels = Labels::default();
    for (key, raw) in top.labels {
        labels.add_body_field(key, raw.get());
    }
    RequestView {
        model_place: if top.model.is_some() { ModelPlace::Body } else { ModelPlace::None },
        model: top.model,
        stream: top.stream,
        include_usage: top.include_usage,
        max_output_tokens: top.max_completion_tokens.or(top.max_tokens).or(top.nested_limit),
        choices: top.choices,
        service_tier: top.service_tier,
        characters: Some(volume.characters()),
        reach: top.reach,
        body_bytes: 0,
        is_form: false,
        volume,
        labels,
    }
}

/// The offset and the sentence of a parser's complaint.
fn explain(text: &str, error: &serde_json::Error) -> BadRequest {
    let line_start: usize =
        text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let at = (line_start + error.column()).min(text.len());
    let whole = error.to_string();
    let reason = whole.rsplit_once(" at line ").map_or(whole.as_str(), |(r, _)| r).to_owned();
    let field = reason.strip_prefix('`').and_then(|r| r.split_once('`')).map(|(f, _)| f.to_owned());
    match field {
        Some(field) => BadRequest::WrongType { at, field, reason },
        None => BadRequest::NotJson { at: at.saturating_sub(1), reason },
    }
}

/// Whether the surface wraps its texts in messages.
fn has_messages(surface: Surface) -> bool {
    !matches!(
        surface,
        Surface::OpenAiEmbeddings
            | Surface::OpenAiCompletions
            | Surface::OpenAiModerations
            | Surface::OpenAiSpeech
            | Surface::OpenAiImages
            | Surface::GeminiEmbed
            | Surface::CohereEmbed
            | Surface::CohereRerank
    )
}

struct TopVisitor {
    surface: Surface,
}

impl<'de> Visitor<'de> for TopVisitor {
    type Value = Top<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top<'de>, A::Error> {
        let mut top = Top::default();
        while let Some(Key(key)) = map.next_key()? {
            if let Some(i) = CONTENT.iter().position(|(k, _)| *k == key) {
                top.take_content(i, &mut map)?;
            } else if let Some(&label) = Labels::BODY_FIELDS.iter().find(|k| **k == key) {
                top.take_label(label, map.next_value()?);
            } else if !top.take_field(&key, &mut map)? {
                map.next_value_seed(Skip)?;
            }
        }
        if !has_messages(self.surface) {
            for (_, volume) in &mut top.volumes {
                volume.messages = 0;
            }
        }
        Ok(top)
    }
}

impl<'de> Top<'de> {
    fn take_content<A: MapAccess<'de>>(&mut self, i: usize, map: &mut A) -> Result<(), A::Error> {
        let (key, place) = CONTENT[i];
        let mut volume = Volume::default();
        let found = if key == "tools" {
            let raw: &RawValue = map.next_value()?;
            self.reach.take_tools(raw);
            let mut json = serde_json::Deserializer::from_str(raw.get());
            Walk { sink: &mut volume, place }.deserialize(&mut json).map_err(serde::de::Error::custom)?
        } else {
            map.next_value_seed(Walk { sink: &mut volume, place })?
        };
        // A prompt that is an object is one that the provider keeps.
        self.reach.remembers |= key == "prompt" && found.is_object;
        settle_outermost(&mut volume, found);
        if TOOLS.contains(&key) {
            volume.messages = 0;
        } else if FORMATS.contains(&key) {
            (volume.messages, volume.tools) = (0, 0);
        } else if AS_ONE.contains(&key) || volume.messages == 0 {
            volume.messages = u64::from(volume.characters() > 0);
        }
        self.volumes.retain(|(j, _)| *j != i);
        self.volumes.push((i, volume));
        Ok(())
    }

    fn take_label(&mut self, key: &'static str, raw: &'de RawValue) {
        self.labels.retain(|(k, _)| *k != key);
        self.labels.push((key, raw));
    }

    /// Takes a field of its own; says whether the key was one.
    fn take_field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "model" => self.model = text("model", &map.next_value()?)?,
            "stream" => self.stream = boolean("stream", &map.next_value()?)?,
            "stream_options" => {
                let options = object("stream_options", map.next_value_seed(Picking(&["include_usage"]))?)?;
                self.include_usage = match options.get("include_usage") {
                    Some(asked) => boolean("stream_options.include_usage", asked)?,
                    None => false,
                };
            }
            "max_completion_tokens" => {
                self.max_completion_tokens = natural("max_completion_tokens", &map.next_value()?)?;
            }
            "max_tokens" => self.max_tokens = natural("max_tokens", &map.next_value()?)?,
            "max_output_tokens" => self.max_tokens = natural("max_output_tokens", &map.next_value()?)?,
            "max_tokens_to_sample" => self.max_tokens = natural("max_tokens_to_sample", &map.next_value()?)?,
            "max_gen_len" => self.max_tokens = natural("max_gen_len", &map.next_value()?)?,
            "n" => self.choices = natural("n", &map.next_value()?)?,
            "cache_control" => {
                let mark = map.next_value_seed(Picking(&["ttl"]))?;
                let is_hour = matches!(mark.get("ttl"), Some(Scalar::Text(ttl)) if ttl == "1h");
                let volume = Volume { cache_marks: 1, cache_hours: u64::from(is_hour), ..Volume::default() };
                self.volumes.push((usize::MAX, volume));
            }
            "service_tier" => self.service_tier = text("service_tier", &map.next_value()?)?,
            "serviceTier" => self.service_tier = tier(&map.next_value_seed(Picking(&["type"]))?),
            "generationConfig" | "generation_config" | "inferenceConfig" | "textGenerationConfig" => {
                self.take_nested_limits(map)?;
            }
            _ if Reach::is_key(key) => self.reach.take(key, map.next_value()?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn take_nested_limits<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        let config = map.next_value_seed(Picking(OUTPUT_LIMITS))?;
        let (limits, counts) = OUTPUT_LIMITS.split_at(4);
        for name in limits {
            if let Some(limit) = config.get(name) {
                self.nested_limit = natural(name, limit)?;
            }
        }
        for name in counts {
            if let Some(count) = config.get(name) {
                self.choices = natural(name, count)?;
            }
        }
        Ok(())
    }
}

fn wrong<E: serde::de::Error>(field: &str, must_be: &str, is: &Scalar<'_>) -> E {
    E::custom(format_args!("`{field}` must be {must_be}, not {}", is.what()))
}

fn text<E: serde::de::Error>(field: &str, value: &Scalar<'_>) -> Result<Option<String>, E> {
    match value {
        Scalar::Text(text) => Ok(Some(text.clone().into_owned())),
        Scalar::Null => Ok(None),
        other => Err(wrong(field, "a string", other)),
    }
}

fn boolean<E: serde::de::Error>(field: &str, value: &Scalar<'_>) -> Result<bool, E> {
    match value {
        Scalar::Bool(value) => Ok(*value),
        Scalar::Null => Ok(false),
        other => Err(wrong(field, "true or false", other)),
    }
}

/// A whole number. A negative one, by which some servers mean "as many as you like", is no limit.
fn natural<E: serde::de::Error>(field: &str, value: &Scalar<'_>) -> Result<Option<u64>, E> {
    match value {
        Scalar::Natural(value) => Ok(Some(*value)),
        Scalar::Null => Ok(None),
        Scalar::Number(value) if *value < 0.0 && value.fract() == 0.0 => Ok(None),
        Scalar::Number(_) => Err(E::custom(format_args!("`{field}` must be a whole number"))),
        other => Err(wrong(field, "a whole number", other)),
    }
}

fn object<'a, E: serde::de::Error>(field: &str, value: Scalar<'a>) -> Result<Scalar<'a>, E> {
    match value {
        Scalar::Null | Scalar::Object(_) => Ok(value),
        other => Err(wrong(field, "an object", &other)),
    }
}

fn tier(value: &Scalar<'_>) -> Option<String> {
    match value.get("type").unwrap_or(value) {
        Scalar::Text(text) => Some(text.clone().into_owned()),
        _ => None,
    }
}

struct CountVisitor {
    counter: TextCounter,
}

impl<'de> Visitor<'de> for CountVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<u64, A::Error> {
        let mut totals = vec![0u64; CONTENT.len()];
        while let Some(Key(key)) = map.next_key()? {
            let Some(i) = CONTENT.iter().position(|(k, _)| *k == key) else {
                map.next_value_seed(Skip)?;
                continue;
            };
            let mut sink = Counting { of_text: |t: &str| self.counter.tokens_of(t), total: 0 };
            map.next_value_seed(Walk { sink: &mut sink, place: CONTENT[i].1 })?;
            totals[i] = sink.total;
        }
        Ok(totals.into_iter().fold(0, u64::saturating_add))
    }
}
