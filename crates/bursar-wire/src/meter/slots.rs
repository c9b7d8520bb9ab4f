//! The values that the sieve found, the last of each kind.

use bursar_core::{MeteredUsage, Quantities, ServiceTier, UsageException};
use serde_json::Value;

use super::text::Texts;
use crate::sieve::{Field, FieldSink};

/// The last value of each field, as it stood in the document.
#[derive(Clone, Debug, Default)]
pub(super) struct Slots {
    raw: Vec<(Field, Vec<u8>)>,
    /// Sums of fields of which there are many.
    predictions: Option<u64>,
    titan_output: Option<u64>,
    pictures: u64,
    headers: Vec<(&'static str, u64)>,
    oversized: bool,
    texts: Texts,
}

const HEADERS: [&str; 4] = [
    "x-amzn-bedrock-input-token-count",
    "x-amzn-bedrock-output-token-count",
    "x-amzn-bedrock-cache-read-input-token-count",
    "x-amzn-bedrock-cache-write-input-token-count",
];

impl FieldSink for Slots {
    fn value(&mut self, field: Field, raw: &[u8]) {
        if raw == b"null" || raw == b"\"\"" {
            return;
        }
        match field {
            Field::Picture => self.pictures += 1,
            Field::PredictionTokens => self.predictions = added(self.predictions, raw),
            Field::TitanOutput => self.titan_output = added(self.titan_output, raw),
            _ => self.set(field, raw),
        }
    }

    fn text(&mut self, field: Field, piece: &[u8]) {
        self.texts.push(field == Field::ReasoningText, piece);
    }

    fn too_large(&mut self, field: Field) {
        match field {
            Field::Picture => self.pictures += 1,
            Field::Usage | Field::UsageMetadata | Field::Meta | Field::MessageUsage => self.oversized = true,
            _ => {}
        }
    }
}

fn added(sum: Option<u64>, raw: &[u8]) -> Option<u64> {
    let number = std::str::from_utf8(raw).ok()?.parse::<u64>().ok();
    number.map_or(sum, |n| Some(sum.unwrap_or(0).saturating_add(n)))
}

impl Slots {
    fn set(&mut self, field: Field, raw: &[u8]) {
        if let Some((_, slot)) = self.raw.iter_mut().find(|(f, _)| *f == field) {
            slot.clear();
            slot.extend_from_slice(raw);
        } else {
            self.raw.push((field, raw.to_vec()));
        }
    }

    pub(super) fn set_asked_model(&mut self, model: &str) {
        self.texts.set_model(model);
    }

    /// From now on, text is estimated and not counted.
    pub(super) fn estimate_roughly(&mut self) {
        self.texts.estimate_roughly();
    }

    pub(super) fn set_header(&mut self, name: &str, value: &[u8]) {
        let known = HEADERS.iter().find(|h| h.eq_ignore_ascii_case(name));
        let number = std::str::from_utf8(value).ok().and_then(|v| v.trim().parse().ok());
        if let (Some(name), Some(number)) = (known, number) {
            self.headers.push((name, number));
        }
    }

    /// A token count from a response header.
    pub(super) fn header(&self, name: &str) -> Option<u64> {
        self.headers.iter().find(|(n, _)| *n == name).map(|&(_, units)| units)
    }

    fn raw(&self, field: Field) -> Option<&[u8]> {
        self.raw.iter().find(|(f, _)| *f == field).map(|(_, raw)| raw.as_slice())
    }

    /// The value as JSON; `None` where there is none or it is not JSON.
    pub(super) fn json(&self, field: Field) -> Option<Value> {
        self.raw(field).and_then(|raw| serde_json::from_slice(raw).ok())
    }

    /// The object under a field, where it is one.
    pub(super) fn object(&self, field: Field) -> Option<Value> {
        self.json(field).filter(Value::is_object)
    }

    pub(super) fn number(&self, field: Field) -> Option<u64> {
        self.json(field).and_then(|v| v.as_u64())
    }

    /// Whether any place that usage stands in was seen.
    pub(super) fn reports_usage(&self) -> bool {
        const PLACES: &[Field] = &[
            Field::Usage,
            Field::MessageUsage,
            Field::GroqUsage,
            Field::UsageMetadata,
            Field::Meta,
            Field::InvocationMetrics,
            Field::TitanInput,
            Field::LlamaInput,
        ];
        PLACES.iter().any(|&field| self.raw(field).is_some()) || !self.headers.is_empty()
    }

    fn text_value(&self, field: Field) -> Option<String> {
        self.raw(field).and_then(|raw| serde_json::from_slice(raw).ok())
    }

    pub(super) fn predictions(&self) -> Option<u64> {
        self.predictions
    }

    pub(super) fn titan_output(&self) -> Option<u64> {
        self.titan_output
    }

    pub(super) fn pictures(&self) -> u64 {
        self.pictures
    }

    pub(super) fn oversized(&self) -> bool {
        self.oversized
    }

    pub(super) fn has_text(&self) -> bool {
        !self.texts.is_empty()
    }

    /// Whether the answer says that the work is still to be done (OpenAI's background mode).
    pub(super) fn is_pending(&self) -> bool {
        matches!(self.text_value(Field::Status).as_deref(), Some("queued" | "in_progress"))
            && !self.has_text()
    }

    /// The id of a piece of work that is over and tells its usage.
    pub(super) fn finished_work(&self) -> Option<String> {
        const OVER: [&str; 5] = ["completed", "incomplete", "failed", "cancelled", "expired"];
        let is_over = self.text_value(Field::Status).is_some_and(|s| OVER.contains(&s.as_str()));
        let used = self.object(Field::Usage)?.get("total_tokens").and_then(Value::as_u64);
        if is_over && used.is_some_and(|tokens| tokens > 0) {
            self.text_value(Field::ResponseId)
        } else {
            None
        }
    }

    /// Whether the answer is a response that is produced in the background.
    pub(super) fn is_background(&self) -> bool {
        self.json(Field::Background) == Some(Value::Bool(true))
    }

    /// Whether the answer told an error, for all that its status is a success.
    pub(super) fn tells_error(&self) -> bool {
        self.raw(Field::Error).is_some()
    }

    /// Whether the only usage is that of Anthropic's opening event, which cannot know the output.
    pub(super) fn only_opening_usage(&self) -> bool {
        self.raw(Field::MessageUsage).is_some() && self.raw(Field::Usage).is_none()
    }

    /// Counts the text that was seen; whether there was any.
    pub(super) fn count_text(&mut self, quantities: &mut Quantities) -> bool {
        let served = self.text_value(Field::Model);
        self.texts.count(served.as_deref(), quantities)
    }

    /// Model, tier, finish reason and id.
    pub(super) fn describe(&self, usage: &mut MeteredUsage) {
        usage.model = self.text_value(Field::Model);
        usage.response_id = self.text_value(Field::ResponseId);
        usage.finish_reason = self.text_value(Field::Finish).or_else(|| self.text_value(Field::Status));
        let tier = self.json(Field::Tier);
        let named = tier.as_ref().and_then(|t| t.as_str().or_else(|| t.get("type").and_then(Value::as_str)));
        if let Some(name) = named {
            set_tier(usage, "service_tier", name);
        }
    }
}

/// Translates a provider's word for the tier that it served.
pub(super) fn set_tier(usage: &mut MeteredUsage, field: &str, name: &str) {
    let tier = match name.to_ascii_lowercase().as_str() {
        "default" | "standard" | "on_demand" | "standard_only" => ServiceTier::Standard,
        "batch" => ServiceTier::Batch,
        "flex" | "on_demand_flex" => ServiceTier::Flex,
        "priority" | "on_demand_priority" => ServiceTier::Priority,
        // A wish, not what was served.
        "auto" | "" | "traffic_type_unspecified" | "unspecified" => return,
        _ => {
            let name: String = name.chars().take(40).collect();
            let what = format!("{field} {name:?}");
            usage.exceptions.push(UsageException::NotUnderstood { what });
            return;
        }
    };
    usage.tier = Some(tier);
}
