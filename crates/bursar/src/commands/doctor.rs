//! `bursar doctor`, the part about store and prices: every problem at once, each with what to do.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use bursar_console::shown::grouped;
use bursar_core::Timestamp;
use bursar_prices::PriceBook;
use bursar_store::{Dimension, Reader, SpendQuery};
use clap::Args;
use serde::Serialize;

use super::context::{Context, print_json, print_text};
use super::table::plain;

/// Free disk space under which the store is in danger.
const LEAST_FREE_BYTES: u64 = 1 << 30;
/// More of the journal than this outside the usage log, and reading has fallen behind.
const MOST_LAG_BYTES: u64 = 256 << 20;

/// How to look.
#[derive(Clone, Debug, Args)]
pub(crate) struct DoctorArgs {}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// As it should be.
    Ok,
    /// Something to look at; nothing is lost.
    Warning,
    /// Something is wrong.
    Error,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// How bad it is.
    pub(crate) severity: Severity,
    /// What it is about.
    pub(crate) about: &'static str,
    /// What was found.
    pub(crate) detail: String,
    /// What to do; empty where nothing is to be done.
    pub(crate) hint: String,
}

/// Everything that was found.
#[derive(Debug, Serialize)]
struct Report<'a> {
    ok: bool,
    findings: &'a [Finding],
}

/// Prints every finding about the store and the prices, after those that are given.
pub(crate) fn run(_args: &DoctorArgs, before: Vec<Finding>, context: &Context) -> anyhow::Result<ExitCode> {
    let mut findings = before;
    findings.extend(store_findings(&context.folder, &context.prices));
    let ok = findings.iter().all(|f| f.severity != Severity::Error);
    if context.json {
        print_json(&Report { ok, findings: &findings })?;
    } else {
        print_text(&text(&findings))?;
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn finding(severity: Severity, about: &'static str, detail: String, hint: &str) -> Finding {
    Finding { severity, about, detail, hint: hint.to_owned() }
}

/// What the store says about itself and its records.
#[derive(Clone, Debug, Default)]
struct StoreFacts {
    schema_version: u32,
    in_flight: u64,
    lag_bytes: u64,
    /// Journal entries that were not understood.
    set_aside: u64,
    /// Provider, model and count of attempts without a known cost.
    unpriced: Vec<(String, Option<String>, u64)>,
    /// Name and count of exceptions about usage.
    exceptions: Vec<(String, u64)>,
    /// Provider, model and count of all attempts.
    used: Vec<(String, Option<String>, u64)>,
}

/// The findings about a data folder and the prices that its records need.
fn store_findings(folder: &Path, prices: &PriceBook) -> Vec<Finding> {
    if !folder.is_dir() {
        let detail = format!("there is no data folder {}", folder.display());
        let hint = "run bursar demo or bursar serve, which make it; or name another with --folder";
        return vec![finding(Severity::Warning, "data folder", detail, hint)];
    }
    let mut findings = vec![disk_finding(free_bytes(folder))];
    match facts_of(folder) {
        Ok(facts) => findings.extend(findings_of(&facts, prices)),
        Err(error) => {
            let hint = "nothing was changed; if a running server holds the folder, this works beside it";
            findings.push(finding(Severity::Error, "store", format!("{error:#}"), hint));
        }
    }
    findings
}

fn facts_of(folder: &Path) -> anyhow::Result<StoreFacts> {
    let reader = Reader::open(folder)?;
    let health = reader.health()?;
    let used = reader.spend(&SpendQuery {
        since: Timestamp::from_micros(0),
        until: bursar_console::times::now(),
        by: vec![Dimension::Provider, Dimension::Model],
        filter: Vec::new(),
    })?;
    let named = |row: bursar_store::SpendRow| {
        let mut group = row.group.into_iter();
        let (provider, model) = (group.next().flatten(), group.next().flatten());
        (provider.unwrap_or_default(), model, row.cell.records)
    };
    Ok(StoreFacts {
        schema_version: health.schema_version,
        in_flight: health.in_flight,
        lag_bytes: health.journal_lag_bytes,
        set_aside: health.set_aside,
        unpriced: health.unpriced_by_model.into_iter().map(|u| (u.provider, u.model, u.records)).collect(),
        exceptions: health.exceptions,
        used: used.into_iter().map(named).collect(),
    })
}

/// Bytes that are free for this user on the folder's file system.
fn free_bytes(folder: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

fn disk_finding(free: Option<u64>) -> Finding {
    match free {
        Some(free) if free < LEAST_FREE_BYTES => finding(
            Severity::Error,
            "disk",
            format!("{} MiB are free where the data folder lies", free >> 20),
            "make room or move the folder; a full disk stops calls or their accounting, as [gateway] says",
        ),
        Some(free) => finding(Severity::Ok, "disk", format!("{} GiB are free", free >> 30), ""),
        None => finding(
            Severity::Warning,
            "disk",
            "the free space cannot be read".to_owned(),
            "check the folder's file system",
        ),
    }
}

fn findings_of(facts: &StoreFacts, prices: &PriceBook) -> Vec<Finding> {
    let mut findings =
        vec![finding(Severity::Ok, "store", format!("schema version {}", facts.schema_version), "")];
    findings.push(if facts.lag_bytes > MOST_LAG_BYTES {
        let detail = format!("{} MiB of the journal are not in the usage log yet", facts.lag_bytes >> 20);
        finding(
            Severity::Warning,
            "journal",
            detail,
            "start bursar serve, which drains it; check the disk's speed",
        )
    } else {
        finding(Severity::Ok, "journal", format!("{} bytes behind", grouped(facts.lag_bytes)), "")
    });
    if facts.set_aside > 0 {
        findings.push(finding(
            Severity::Error,
            "journal",
            format!("{} entries were not understood and are kept aside", grouped(facts.set_aside)),
            "an older Bursar may have read a newer one's journal; use the newest Bursar, and report it if it stays",
        ));
    }
    if facts.in_flight > 0 {
        findings.push(finding(
            Severity::Ok,
            "in flight",
            format!("{} attempts are open", grouped(facts.in_flight)),
            "where no server is running, the next start books them as gateway_stopped, marked as estimated",
        ));
    }
    findings.extend(facts.unpriced.iter().map(|u| unpriced_finding(u, prices)));
    findings.extend(quarantine_findings(facts, prices));
    findings.extend(facts.exceptions.iter().map(|(name, count)| Finding {
        severity: Severity::Warning,
        about: "usage exception",
        detail: format!(
            "{name}: {}",
            if *count == 1 { "1 attempt".to_owned() } else { format!("{} attempts", grouped(*count)) }
        ),
        hint: exception_hint(name).to_owned(),
    }));
    findings
}

fn unpriced_finding((provider, model, count): &(String, Option<String>, u64), prices: &PriceBook) -> Finding {
    let attempts = match count {
        1 => "1 attempt has no known cost".to_owned(),
        n => format!("{} attempts have no known cost", grouped(*n)),
    };
    let (detail, hint) = match model {
        Some(model) if prices.knows(provider, model) => (
            format!("{provider} {model}: {attempts}, though the price list has the model"),
            format!(
                "bursar requests list --unpriced --model {model} gives them and bursar requests show ID the reason: \
                 a tier, time or meter without a price, a price in quarantine, or usage that could not be read"
            ),
        ),
        Some(model) => (
            format!("{provider} {model}: {attempts}, the price list does not have the model"),
            format!("price it: bursar prices override {provider}/{model} …"),
        ),
        None => (
            format!("{provider}: {attempts}, neither request nor response names a model"),
            format!("bursar requests list --unpriced --provider {provider} shows them"),
        ),
    };
    Finding { severity: Severity::Error, about: "unpriced", detail, hint }
}

/// Models that calls have used and whose price rows are in quarantine.
fn quarantine_findings(facts: &StoreFacts, prices: &PriceBook) -> Vec<Finding> {
    let mut disputed: BTreeMap<(&str, &str), (u64, Vec<&'static str>)> = BTreeMap::new();
    for (provider, model, count) in &facts.used {
        let Some(model) = model else { continue };
        let rows = prices.list.rows_of(provider, model);
        let mut meters: Vec<&str> = rows.flat_map(|r| &r.conflicts).map(|c| c.meter.name()).collect();
        meters.sort_unstable();
        meters.dedup();
        if !meters.is_empty() {
            disputed.insert((provider, model), (*count, meters));
        }
    }
    let one = |((provider, model), (count, meters)): ((&str, &str), (u64, Vec<&str>))| Finding {
        severity: Severity::Warning,
        about: "price in quarantine",
        detail: format!(
            "{provider} {model}: sources disagree about {}; {} attempts used the model",
            meters.join(", "),
            grouped(count)
        ),
        hint: "bursar prices check shows what each source says; bursar prices override settles it".to_owned(),
    };
    disputed.into_iter().map(one).collect()
}

fn exception_hint(name: &str) -> &'static str {
    match name {
        "truncated" => "streams that ended early; their quantities are what was seen, counted or estimated",
        "totals_disagree" => {
            "the provider's totals and parts differ; bursar requests show ID gives both numbers"
        }
        _ => "bursar requests show ID says what happened; the cost of these attempts is not known",
    }
}

/// The findings for a person, the worst first.
fn text(findings: &[Finding]) -> String {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|f| std::cmp::Reverse(f.severity));
    let count = |s| findings.iter().filter(|f| f.severity == s).count();
    let mut out = String::new();
    for f in sorted {
        let mark = match f.severity {
            Severity::Ok => "ok     ",
            Severity::Warning => "warning",
            Severity::Error => "error  ",
        };
        out.push_str(&format!("{mark}  {}: {}\n", f.about, plain(&f.detail)));
        if !f.hint.is_empty() {
            out.push_str(&format!("         {}\n", plain(&f.hint)));
        }
    }
    out.push_str(&format!("\n{} errors, {} warnings\n", count(Severity::Error), count(Severity::Warning)));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> StoreFacts {
        StoreFacts {
            schema_version: 1,
            in_flight: 2,
            lag_bytes: 0,
            set_aside: 1,
            unpriced: vec![
                ("openai".to_owned(), Some("house-model".to_owned()), 1_204),
                ("openai".to_owned(), Some("gpt-5".to_owned()), 1),
                ("openai".to_owned(), None, 2),
            ],
            exceptions: vec![("truncated".to_owned(), 7), ("unreadable".to_owned(), 1)],
            used: vec![("openai".to_owned(), Some("house-model".to_owned()), 1_204)],
        }
    }

    #[test]
    fn every_problem_is_shown_at_once_with_what_to_do() {
        insta::assert_snapshot!(text(&findings_of(&facts(), PriceBook::embedded())));
    }

    #[test]
    fn a_disk_that_is_nearly_full_is_an_error() {
        assert_eq!(disk_finding(Some(1 << 20)).severity, Severity::Error);
        assert_eq!(disk_finding(Some(1 << 40)).severity, Severity::Ok);
        assert_eq!(disk_finding(None).severity, Severity::Warning);
    }

    #[test]
    fn a_journal_that_is_far_behind_is_a_warning() {
        let behind = StoreFacts { lag_bytes: 1 << 30, ..StoreFacts::default() };
        let found = findings_of(&behind, PriceBook::embedded());
        assert!(found.iter().any(|f| f.about == "journal" && f.severity == Severity::Warning));
    }

    #[test]
    fn no_data_folder_says_how_to_get_one() {
        let found = store_findings(Path::new("/nonexistent/bursar"), PriceBook::embedded());
        assert!(found[0].hint.contains("bursar demo"), "{found:?}");
    }
}
