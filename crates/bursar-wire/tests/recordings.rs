//! Every recorded response of real providers, metered and compared with a derivation of its own.
//!
//! The recordings lie beside the repository (`shared/data/agents/fixtures_dev.jsonl.gz`); where they are not
//! there, the tests say so and pass.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;

use bursar_core::{EndOfStream, Meter, MeteredUsage};
use bursar_wire::{
    Recording, RequestFacts, RequestView, ResponseMeter, Vendor, Verdict, judge_recording, meter_recording,
};
use serde_json::Value;

struct Row {
    id: String,
    provider: String,
    api: String,
    format: String,
    status: u16,
    body: String,
    headers: Vec<(String, String)>,
    request: RequestFacts,
}

impl Row {
    fn recording(&self) -> Recording<'_> {
        Recording {
            provider: &self.provider,
            api: &self.api,
            format: &self.format,
            status: self.status,
            headers: self.headers.clone(),
            body: &self.body,
            request: self.request.clone(),
        }
    }
}

fn recordings() -> Vec<Row> {
    let shared = std::env::var_os("BURSAR_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let path = shared.join("data/agents/fixtures_dev.jsonl.gz");
    let Ok(file) = std::fs::File::open(&path) else {
        eprintln!("no recordings at {}; nothing was compared", path.display());
        return Vec::new();
    };
    let lines = BufReader::new(flate2::read::GzDecoder::new(file)).lines();
    lines.map(|line| row_of(&serde_json::from_str(&line.unwrap()).unwrap())).collect()
}

fn row_of(value: &Value) -> Row {
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let headers = value["response_headers"].as_object().into_iter().flatten();
    let headers = headers.map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned())).collect();
    let mut row = Row {
        id: text("id"),
        provider: text("provider"),
        api: text("api"),
        format: text("format"),
        status: u16::try_from(value["status"].as_u64().unwrap_or(200)).unwrap(),
        body: text("response_body"),
        headers,
        request: RequestFacts::default(),
    };
    if let Some(body) = value["request"].as_str() {
        let surface = row.recording().surface();
        if let Ok(view) = RequestView::parse(surface, "", Some("application/json"), body.as_bytes()) {
            row.request = view.facts();
        }
    }
    row
}

fn metered(row: &Row) -> MeteredUsage {
    meter_recording(&row.recording()).unwrap_or_else(|e| panic!("{}: {e}", row.id))
}

#[test]
fn the_meters_of_every_recording_add_up_to_the_providers_own_total_or_show_an_exception() {
    let (mut compared, mut wrong) = (0, Vec::new());
    for row in recordings() {
        let judged = judge_recording(&row.recording()).unwrap_or_else(|e| panic!("{}: {e}", row.id));
        compared += u32::from(judged.stated_total.is_some());
        if judged.verdict == Verdict::Disagrees {
            wrong.push(format!(
                "{} {}/{}: {:?} is not {:?}",
                row.id, row.provider, row.api, judged.usage.quantities, judged.stated_total
            ));
        }
    }
    eprintln!("{compared} recordings with usage compared");
    assert!(wrong.is_empty(), "{} of {compared}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_every_kind_of_recording_gives_is_as_it_was_reviewed() {
    let mut kinds: BTreeMap<String, [u32; 4]> = BTreeMap::new();
    let mut exceptions: BTreeMap<String, u32> = BTreeMap::new();
    let rows = recordings();
    if rows.is_empty() {
        return;
    }
    for row in &rows {
        let usage = metered(row);
        let kind =
            kinds.entry(format!("{:<18} {}", row.provider, row.recording().surface().name())).or_default();
        let reported = usage.quantities.iter().any(|(.., p)| p == bursar_core::Provenance::Reported);
        kind[0] += 1;
        kind[1] += u32::from(reported);
        kind[2] += u32::from(!reported && !usage.quantities.is_empty());
        kind[3] += u32::from(!usage.exceptions.is_empty());
        for exception in &usage.exceptions {
            *exceptions.entry(format!("{:<12} {}", row.provider, described(exception))).or_default() += 1;
        }
    }
    let kinds: String = kinds
        .iter()
        .map(|(k, [n, r, c, e])| {
            format!("{k:<52} {n:>4} recordings {r:>4} reported {c:>3} counted {e:>3} with exceptions\n")
        })
        .collect();
    let exceptions: String = exceptions.iter().map(|(k, n)| format!("{n:>4} {k}\n")).collect();
    insta::assert_snapshot!(format!("{kinds}\n{exceptions}"));
}

fn described(exception: &bursar_core::UsageException) -> String {
    use bursar_core::UsageException as E;
    match exception {
        E::NotUnderstood { what } => format!("{}: {what}", exception.name()),
        E::Unreadable { reason } => format!("{}: {reason}", exception.name()),
        E::TotalsDisagree { reported, summed } => {
            format!("{}: reported {reported}, summed {summed}", exception.name())
        }
        E::PartExceedsWhole { field } => format!("{}: {field}", exception.name()),
        E::NotReported | E::Truncated => exception.name().to_owned(),
    }
}

#[test]
fn any_split_of_a_recordings_bytes_gives_the_same_usage() {
    // A linear congruential sequence: the same cuts on every run.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for (i, row) in recordings().iter().enumerate() {
        let recording = row.recording();
        let (bytes, whole) = (recording.bytes().unwrap(), metered(row));
        let sizes = [1 + i % 7, 1 + i % 61, 1 + i % 1021];
        for size in if i % 5 == 0 { &sizes[..] } else { &sizes[1..2] } {
            let vendor = Vendor::from_name(&row.provider);
            let framing = recording.framing().unwrap();
            let mut meter = ResponseMeter::new(recording.surface(), vendor, row.status, framing);
            for (name, value) in &row.headers {
                meter.header(name, value.as_bytes());
            }
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let n = (1 + usize::try_from(state >> 40).unwrap() % (2 * size)).min(rest.len());
                meter.feed(&rest[..n]);
                rest = &rest[n..];
            }
            assert_eq!(meter.finish(EndOfStream::Complete, &row.request), whole, "{} by {size}", row.id);
        }
    }
}

#[test]
fn cache_and_reasoning_flags_of_the_recordings_are_met() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/agents/fixtures_dev.jsonl.gz");
    let Ok(file) = std::fs::File::open(path) else { return };
    let mut missing = Vec::new();
    for line in BufReader::new(flate2::read::GzDecoder::new(file)).lines() {
        let value: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let row = row_of(&value);
        if row.provider == "cohere" {
            // Cohere's cached tokens are among the tokens that the model saw, not among those that it bills.
            continue;
        }
        let usage = metered(&row);
        let q = |m: Meter| usage.quantities.get(m);
        let cached = q(Meter::CacheRead) + q(Meter::AudioCacheRead) + q(Meter::ImageCacheRead);
        let checks = [
            ("cached", cached),
            ("cache_write_5m", q(Meter::CacheWrite5m)),
            ("cache_write_1h", q(Meter::CacheWrite1h)),
            ("reasoning", q(Meter::Reasoning)),
        ];
        for (flag, units) in checks {
            let expected =
                value[flag].as_bool().unwrap_or_else(|| value[flag].as_u64().is_some_and(|n| n > 0));
            if expected && units == 0 && usage.exceptions.is_empty() {
                missing.push(format!("{} {}/{} {flag}", row.id, row.provider, row.api));
            }
        }
    }
    assert!(missing.is_empty(), "{}\n{}", missing.len(), missing.join("\n"));
}
