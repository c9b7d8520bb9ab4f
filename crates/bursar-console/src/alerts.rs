//! Alerts, for the API and the commands.

use bursar_core::Timestamp;
use bursar_core::budget::BudgetName;
use bursar_store::{Alert, AlertQuery, Outbox, Reader, Silence};

use crate::answer::{AckBody, AlertAnswer, AlertsAnswer, SilenceAnswer, SilenceBody, SilencesAnswer};
use crate::params::Given;
use crate::problem::Problem;
use crate::times;

/// Alerts on a page unless told otherwise.
const PAGE: u32 = 100;

/// A page of alerts, the latest first.
pub fn list(reader: &Reader, given: &Given, now: Timestamp) -> Result<AlertsAnswer, Problem> {
    let limit = given.number("limit", 1, 1000)?.unwrap_or(PAGE) as usize;
    let severity = given.text("severity").map(severity).transpose()?;
    let query = AlertQuery {
        budget: given.text("budget").map(str::to_owned),
        severity,
        since: given.time("since", now)?,
        only_open: given.flag("open")?.unwrap_or(false),
        before: given.text("cursor").map(read_cursor).transpose()?,
        limit: limit + 1,
    };
    let mut alerts = reader.alerts(&query).map_err(Problem::store)?;
    let has_more = alerts.len() > limit;
    alerts.truncate(limit);
    let next_cursor = alerts.last().filter(|_| has_more).map(|a| write_cursor(&a.alert));
    Ok(AlertsAnswer { alerts: alerts.iter().map(AlertAnswer::from).collect(), next_cursor })
}

/// Notes that somebody knows of an alert.
pub fn ack(outbox: &Outbox, id: &str, body: &AckBody, now: Timestamp) -> Result<(), Problem> {
    let who = person("who", body.who.as_deref())?;
    if outbox.ack(id, who, now).map_err(Problem::store)? {
        return Ok(());
    }
    Err(Problem::not_found(format!("there is no alert {id}"), "bursar alerts list shows the latest"))
}

/// Silences that are not over.
pub fn silences(outbox: &Outbox, now: Timestamp) -> Result<SilencesAnswer, Problem> {
    let found = outbox.silences(now).map_err(Problem::store)?;
    Ok(SilencesAnswer { silences: found.iter().map(SilenceAnswer::from).collect() })
}

/// Sends nothing about a budget, or about all of them, for a time.
pub fn silence(outbox: &Outbox, body: &SilenceBody, now: Timestamp) -> Result<SilenceAnswer, Problem> {
    let lasts = body.lasts.as_deref().unwrap_or_default();
    let until = times::parse_after(lasts, now).map_err(|e| Problem::bad_value("for", e))?;
    if let Some(name) = &body.budget {
        name.parse::<BudgetName>().map_err(|e| Problem::bad_value("budget", e))?;
    }
    let silence = Silence {
        budget: body.budget.clone(),
        since: now,
        until,
        who: person("who", body.who.as_deref())?.to_owned(),
        why: person("why", body.why.as_deref())?.to_owned(),
    };
    outbox.silence(&silence).map_err(Problem::store)?;
    Ok(SilenceAnswer::from(&silence))
}

/// A text that says who or why: it stands in the trail for ever.
fn person<'a>(name: &str, text: Option<&'a str>) -> Result<&'a str, Problem> {
    let text = text.unwrap_or_default().trim();
    let fits = !text.is_empty() && text.len() <= 200 && !text.chars().any(char::is_control);
    if fits { Ok(text) } else { Err(Problem::bad_value(name, "is needed: 1 to 200 bytes, on one line")) }
}

fn severity(text: &str) -> Result<String, Problem> {
    if ["info", "warning", "critical"].contains(&text) {
        return Ok(text.to_owned());
    }
    Err(Problem::bad_value("severity", format!("{text:?} is none of info, warning, critical")))
}

/// Where a page ended: the time and id of its last alert.
fn write_cursor(alert: &Alert) -> String {
    format!("{:x}.{}", alert.at.micros(), alert.id)
}

fn read_cursor(text: &str) -> Result<(Timestamp, String), Problem> {
    let read = || {
        let (micros, id) = text.split_once('.')?;
        Some((Timestamp::from_micros(i64::from_str_radix(micros, 16).ok()?), id.to_owned()))
    };
    read().ok_or_else(|| Problem::bad_value("cursor", format!("{text:?} is no next_cursor of a page before")))
}
