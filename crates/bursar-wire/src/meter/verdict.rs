//! What a recording's meters are worth: compared with the total that the provider states itself.
//!
//! The comparison shares nothing with the meter. It parses the whole body as JSON documents, takes the last usage
//! object by its place, and reads the total by its name, so that a mistake of the meter cannot confirm itself.

use std::fmt;

use bursar_core::{MeteredUsage, Provenance};
use serde_json::Value;

use super::{Recording, RecordingError, meter_recording};
use crate::surface::Framing;

/// What became of a recorded response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The meters add up to the total that the provider states.
    Agrees,
    /// The provider reports usage without a total that could be compared.
    NoTotal,
    /// Nothing was reported; the quantities are counted or estimated, and marked so.
    Counted,
    /// An exception says what a reader must know; see [`MeteredUsage::exceptions`].
    Exception,
    /// The response bills nothing: an error, a count of tokens, a list.
    BillsNothing,
    /// The meters do not add up to the provider's total and no exception says so: a defect of the meter.
    Disagrees,
}

impl Verdict {
    /// Every verdict, the best first.
    pub const ALL: [Verdict; 6] = [
        Verdict::Agrees,
        Verdict::NoTotal,
        Verdict::Counted,
        Verdict::Exception,
        Verdict::BillsNothing,
        Verdict::Disagrees,
    ];

    /// A stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Agrees => "agrees",
            Verdict::NoTotal => "no_total",
            Verdict::Counted => "counted",
            Verdict::Exception => "exception",
            Verdict::BillsNothing => "bills_nothing",
            Verdict::Disagrees => "disagrees",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A metered recording beside the provider's own total.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What the meter read.
    pub usage: MeteredUsage,
    /// The tokens that the provider says were used in all, where it says so.
    pub stated_total: Option<u64>,
    /// How the two compare.
    pub verdict: Verdict,
}

/// Meters a recording and compares the result with the provider's own total.
pub fn judge_recording(recording: &Recording<'_>) -> Result<Judged, RecordingError> {
    let usage = meter_recording(recording)?;
    let stated_total = stated_total(recording);
    let verdict = verdict(recording.surface().bills_usage(), &usage, stated_total);
    Ok(Judged { usage, stated_total, verdict })
}

fn verdict(bills_usage: bool, usage: &MeteredUsage, stated_total: Option<u64>) -> Verdict {
    let quantities = &usage.quantities;
    let agrees = stated_total.map(|total| total == quantities.total_tokens());
    if !usage.exceptions.is_empty() {
        return Verdict::Exception;
    }
    match agrees {
        _ if !bills_usage => Verdict::BillsNothing,
        Some(true) => Verdict::Agrees,
        Some(false) => Verdict::Disagrees,
        None if quantities.is_empty() => Verdict::BillsNothing,
        None if quantities.worst_provenance() > Provenance::Reported => Verdict::Counted,
        None => Verdict::NoTotal,
    }
}

/// The tokens that the provider says were used in all, by the plainest reading of its own words. `None` where it
/// gives no total, in binary framings, and for Anthropic's iterations, whose parts have totals of their own.
#[must_use]
pub fn stated_total(recording: &Recording<'_>) -> Option<u64> {
    let documents = documents(recording);
    let opening = documents.iter().find_map(|d| d.pointer("/message/usage").filter(|v| v.is_object()));
    last_usage(&documents).and_then(|usage| total_of(usage, opening))
}

/// The JSON documents of a body; a binary body has none here.
fn documents(recording: &Recording<'_>) -> Vec<Value> {
    let body = recording.body;
    match recording.framing() {
        Ok(Framing::Json) => serde_json::from_str(body).into_iter().collect(),
        Ok(Framing::Sse) => {
            let data = body.lines().filter_map(|line| line.strip_prefix("data:"));
            data.filter_map(|d| serde_json::from_str(d.trim()).ok()).collect()
        }
        Ok(Framing::JsonLines) => body.lines().filter_map(|l| serde_json::from_str(l).ok()).collect(),
        Ok(Framing::AwsEventStream | Framing::Opaque) | Err(_) => Vec::new(),
    }
}

/// The last usage object that a provider sent.
fn last_usage(documents: &[Value]) -> Option<&Value> {
    const PLACES: [&str; 9] = [
        "/usage",
        "/response/usage",
        "/interaction/usage",
        "/metadata/usage",
        "/delta/usage",
        "/usageMetadata",
        "/x_groq/usage",
        "/meta",
        "/response/meta",
    ];
    let mut objects = documents.iter().flat_map(|d| PLACES.iter().filter_map(|place| d.pointer(place)));
    objects.rfind(|v| v.is_object())
}

fn total_of(usage: &Value, opening: Option<&Value>) -> Option<u64> {
    let number = |key: &str| usage.get(key).and_then(Value::as_u64);
    if let Some(total) = ["total_tokens", "totalTokens", "totalTokenCount"].iter().find_map(|k| number(k)) {
        return Some(total);
    }
    if usage.get("iterations").and_then(Value::as_array).is_some_and(|i| !i.is_empty()) {
        return None;
    }
    if let Some(billed) = usage.get("billed_units").or_else(|| usage.get("tokens")) {
        let parts = ["input_tokens", "output_tokens", "image_tokens"];
        return Some(parts.iter().filter_map(|k| billed.get(*k).and_then(Value::as_u64)).sum());
    }
    // Anthropic states no total; what it counts beside each other is one.
    let parts = ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"];
    let opened = |key: &str| opening.and_then(|o| o.get(key)).and_then(Value::as_u64);
    let known: Vec<u64> = parts.iter().filter_map(|k| number(k).or_else(|| opened(k))).collect();
    (!known.is_empty()).then(|| known.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(format: &str, status: u16, body: &str) -> Judged {
        let recording =
            Recording { provider: "openai", api: "chat", format, status, body, ..Recording::default() };
        judge_recording(&recording).unwrap()
    }

    #[test]
    fn meters_that_add_up_to_the_stated_total_agree() {
        let body = r#"{"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}"#;
        let judged = judged("json", 200, body);
        assert_eq!((judged.verdict, judged.stated_total), (Verdict::Agrees, Some(12)));
    }

    #[test]
    fn a_total_that_the_parts_do_not_reach_is_a_visible_exception() {
        let body = r#"{"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":99}}"#;
        assert_eq!(judged("json", 200, body).verdict, Verdict::Exception);
    }

    #[test]
    fn meters_that_miss_a_stated_total_without_an_exception_disagree() {
        assert_eq!(verdict(true, &MeteredUsage::default(), Some(7)), Verdict::Disagrees);
    }

    #[test]
    fn an_error_bills_nothing_and_an_answer_without_usage_is_an_exception() {
        let error = r#"{"error":{"message":"no such model"}}"#;
        assert_eq!(judged("json", 404, error).verdict, Verdict::BillsNothing);
        let silent = r#"{"choices":[{"message":{"content":"Hello there"}}]}"#;
        assert_eq!(judged("json", 200, silent).verdict, Verdict::Exception);
    }

    #[test]
    fn the_last_usage_of_a_stream_is_the_one_that_counts() {
        let body = "data: {\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1,\"total_tokens\":10}}\n\n\
                    data: {\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3,\"total_tokens\":12}}\n\n\
                    data: [DONE]\n\n";
        let judged = judged("sse", 200, body);
        assert_eq!((judged.verdict, judged.stated_total), (Verdict::Agrees, Some(12)));
    }

    #[test]
    fn a_format_that_does_not_exist_is_an_error_and_no_verdict() {
        assert!(judge_recording(&Recording { format: "xml", ..Recording::default() }).is_err());
    }
}
