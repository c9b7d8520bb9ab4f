//! One recording read from a line, and the line that is written for it.

use std::collections::BTreeMap;

use bursar_console::answer::ExceptionAnswer;
use bursar_wire::{Judged, Recording, RequestView, Surface, judge_recording};
use serde::Serialize;
use serde_json::{Map, Value};

/// What became of one line.
#[derive(Debug)]
pub(super) struct Parsed {
    number: u64,
    id: Value,
    facts: Facts,
    pub(super) outcome: Result<Judged, String>,
}

/// What a recording says about itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) provider: String,
    api: String,
    format: String,
    status: u16,
    surface: Option<Surface>,
}

/// The line that is written; `docs/reference/usage-output.md` describes it.
#[derive(Debug, Serialize)]
pub(super) struct LineAnswer<'a> {
    id: &'a Value,
    line: u64,
    provider: &'a str,
    api: &'a str,
    surface: Option<&'static str>,
    format: &'a str,
    status: u16,
    verdict: &'static str,
    #[serde(flatten)]
    usage: Option<UsageAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct UsageAnswer {
    model: Option<String>,
    tier: Option<&'static str>,
    quantities: BTreeMap<&'static str, u64>,
    provenance: BTreeMap<&'static str, &'static str>,
    total_tokens: u64,
    stated_total: Option<u64>,
    exceptions: Vec<ExceptionAnswer>,
    finish_reason: Option<String>,
    response_id: Option<String>,
    provider_stated_cost: Option<String>,
}

/// The verdict of a line that is no recording.
pub(super) const UNREADABLE: &str = "unreadable";

/// Reads one line.
pub(super) fn parse(number: u64, line: &[u8]) -> Parsed {
    let row = match serde_json::from_slice::<Value>(line) {
        Ok(Value::Object(row)) => row,
        Ok(_) => return unreadable(number, "the line is no object".to_owned()),
        Err(error) => return unreadable(number, format!("the line is not JSON: {error}")),
    };
    let mut facts = facts_of(&row);
    let id = row.get("id").cloned().unwrap_or(Value::Null);
    let Some(body) = row.get("response_body").and_then(Value::as_str) else {
        let outcome = Err("response_body is missing; it is the body as a text".to_owned());
        return Parsed { number, id, facts, outcome };
    };
    let mut recording = Recording {
        provider: &facts.provider,
        api: &facts.api,
        format: &facts.format,
        status: facts.status,
        headers: headers_of(&row),
        body,
        ..Recording::default()
    };
    let surface = recording.surface();
    if let Some(request) = row.get("request").and_then(Value::as_str) {
        // A request that is no JSON says nothing, as for a GET.
        let view = RequestView::parse(surface, "", Some("application/json"), request.as_bytes());
        recording.request = view.map(|view| view.facts()).unwrap_or_default();
    }
    let outcome = judge_recording(&recording).map_err(|e| e.to_string());
    facts.surface = Some(surface);
    Parsed { number, id, facts, outcome }
}

fn unreadable(number: u64, error: String) -> Parsed {
    Parsed { number, id: Value::Null, facts: Facts::default(), outcome: Err(error) }
}

fn facts_of(row: &Map<String, Value>) -> Facts {
    let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let or = |text: String, other: &str| if text.is_empty() { other.to_owned() } else { text };
    let status = row.get("status").and_then(Value::as_u64).and_then(|s| u16::try_from(s).ok());
    Facts {
        provider: text("provider"),
        api: or(text("api"), "default"),
        format: or(text("format"), "json"),
        status: status.unwrap_or(200),
        surface: None,
    }
}

fn headers_of(row: &Map<String, Value>) -> Vec<(String, String)> {
    let headers = row.get("response_headers").and_then(Value::as_object).into_iter().flatten();
    headers.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

impl Parsed {
    /// The line to write.
    pub(super) fn answer(&self) -> LineAnswer<'_> {
        LineAnswer {
            id: &self.id,
            line: self.number,
            provider: &self.facts.provider,
            api: &self.facts.api,
            surface: self.facts.surface.map(Surface::name),
            format: &self.facts.format,
            status: self.facts.status,
            verdict: self.verdict(),
            usage: self.outcome.as_ref().ok().map(usage_of),
            error: self.outcome.as_ref().err().map(String::as_str),
        }
    }

    /// The verdict's name.
    pub(super) fn verdict(&self) -> &'static str {
        self.outcome.as_ref().map_or(UNREADABLE, |judged| judged.verdict.name())
    }

    /// What is wrong with a line, and with which one; empty where nothing is.
    pub(super) fn told(&self) -> String {
        let id = self.id.as_str().map_or(String::new(), |id| format!(" ({id})"));
        self.outcome
            .as_ref()
            .err()
            .map_or(String::new(), |error| format!("line {}{id}: {error}", self.number))
    }

    /// Provider and surface, by which the summary counts.
    pub(super) fn kind(&self) -> (String, &'static str) {
        (self.facts.provider.clone(), self.facts.surface.map_or("", Surface::name))
    }
}

fn usage_of(judged: &Judged) -> UsageAnswer {
    let usage = &judged.usage;
    let quantities = &usage.quantities;
    UsageAnswer {
        model: usage.model.clone(),
        tier: usage.tier.map(bursar_core::ServiceTier::name),
        quantities: quantities.iter().map(|(meter, units, _)| (meter.name(), units)).collect(),
        provenance: quantities.iter().map(|(meter, _, how)| (meter.name(), how.name())).collect(),
        total_tokens: quantities.total_tokens(),
        stated_total: judged.stated_total,
        exceptions: usage.exceptions.iter().map(ExceptionAnswer::from).collect(),
        finish_reason: usage.finish_reason.clone(),
        response_id: usage.response_id.clone(),
        provider_stated_cost: usage.provider_stated_cost.map(|cost| cost.to_string()),
    }
}
