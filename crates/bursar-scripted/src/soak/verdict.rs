//! The comparison of the provider's books with the gateway's records.
//!
//! Three parties tell of every call: the caller, the provider and the gateway. The rules, call by call:
//!
//! * What the caller has in full must stand in both accounts as complete, once, with the same response id and the
//!   same cost to the nano-dollar.
//! * What the gateway calls complete must be complete in the provider's books at the same cost, whatever the
//!   caller saw.
//! * What the provider has begun must stand in the gateway's records, with as many attempts. A call whose gateway
//!   was killed stands there as `gateway_stopped` and not as complete: it was in flight. One that its caller left
//!   stands as `client_cancelled`, or as complete where it had ended before the gateway knew.
//! * No record stands there twice, and none that nobody asked for.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use super::mix::tag;
use super::outcome::{Outcome, Way};
use crate::books::{Ending, Entry};

/// One record of the gateway, as it reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Booked {
    /// The gateway's request id.
    pub request: String,
    /// The attempt within the request.
    pub attempt: u64,
    /// The call's tag.
    pub tag: Option<String>,
    /// How it ended, in the gateway's words.
    pub end: String,
    /// The provider's status.
    pub status: Option<u16>,
    /// The provider's response id.
    pub response_id: Option<String>,
    /// The cost in nano-dollars; `None` where it is not known.
    pub cost_nanos: Option<i64>,
    /// Whether any quantity is estimated or counted and not reported by the provider.
    pub estimated: bool,
}

/// A call on which the accounts do not agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The call's tag, or the record's request where it has none.
    pub call: String,
    /// What is wrong.
    pub what: &'static str,
    /// The two accounts of it, for a reader.
    pub detail: String,
}

/// What the comparison came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Calls made.
    pub calls: u64,
    /// Records of the gateway.
    pub records: u64,
    /// Calls complete in both accounts.
    pub complete_in_both: u64,
    /// Their cost by the provider's books, in nano-dollars.
    pub provider_nanos: i64,
    /// Their cost by the gateway's records, in nano-dollars.
    pub gateway_nanos: i64,
    /// Calls that the provider began and the gateway does not know: must be 0.
    pub lost: u64,
    /// Records that stand there more than once, or that nobody asked for: must be 0.
    pub duplicated: u64,
    /// Calls with any other disagreement: must be 0.
    pub disagreeing: u64,
    /// Calls in flight at a kill, all of them marked `gateway_stopped`.
    pub in_flight_at_a_kill: u64,
    /// Of those, calls that the provider had completed.
    pub in_flight_completed_by_provider: u64,
    /// Of those, calls whose caller had the whole answer before the gateway had settled it.
    pub in_flight_answered_in_full: u64,
    /// Of those, calls with estimated quantities.
    pub in_flight_estimated: u64,
    /// Calls that their caller left, marked `client_cancelled`.
    pub left_by_the_caller: u64,
    /// Calls that their caller left and that were complete all the same.
    pub left_but_complete: u64,
    /// Attempts that the provider refused, in both accounts.
    pub refused_attempts: u64,
    /// Attempts that the provider cut off, marked `upstream_error`.
    pub cut_off_by_the_provider: u64,
    /// Calls that a kill kept from reaching the provider.
    pub never_begun: u64,
    /// Calls by how their caller saw them.
    pub as_the_caller_saw: BTreeMap<String, u64>,
    /// The first faults.
    pub faults: Vec<Fault>,
}

const MOST_FAULTS: usize = 20;

impl Verdict {
    /// Whether the two accounts agree in everything.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.lost == 0
            && self.duplicated == 0
            && self.disagreeing == 0
            && self.provider_nanos == self.gateway_nanos
    }

    fn fault(&mut self, call: &str, what: &'static str, detail: String) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(Fault { call: call.to_owned(), what, detail });
        }
    }
}

/// Everything that is told of one call.
struct Case<'a> {
    tag: &'a str,
    outcome: &'a Outcome,
    entries: &'a [&'a Entry],
    records: &'a [&'a Booked],
}

/// Compares the accounts.
#[must_use]
pub fn compare(outcomes: &[Outcome], entries: &[Entry], records: &[Booked]) -> Verdict {
    let mut verdict =
        Verdict { calls: outcomes.len() as u64, records: records.len() as u64, ..Verdict::default() };
    let mut theirs: HashMap<&str, Vec<&Entry>> = HashMap::new();
    for entry in entries {
        theirs.entry(entry.tag.as_deref().unwrap_or_default()).or_default().push(entry);
    }
    let mut ours: HashMap<&str, Vec<&Booked>> = HashMap::new();
    for record in records {
        ours.entry(record.tag.as_deref().unwrap_or_default()).or_default().push(record);
    }
    look_for_duplicates(&mut verdict, records);
    for outcome in outcomes {
        let name = format!("{:?}", outcome.way);
        *verdict.as_the_caller_saw.entry(name).or_default() += 1;
        let tag = tag(outcome.number);
        let entries = theirs.remove(tag.as_str()).unwrap_or_default();
        let records = ours.remove(tag.as_str()).unwrap_or_default();
        judge(&mut verdict, &Case { tag: &tag, outcome, entries: &entries, records: &records });
    }
    for (tag, records) in ours {
        verdict.duplicated += records.len() as u64;
        verdict.fault(tag, "a record that nobody asked for", format!("{records:?}"));
    }
    for (tag, entries) in theirs {
        verdict.disagreeing += entries.len() as u64;
        verdict.fault(tag, "the provider knows a call that nobody made", format!("{entries:?}"));
    }
    verdict
}

/// A record's name, and a complete record's response id, may stand there once.
fn look_for_duplicates(verdict: &mut Verdict, records: &[Booked]) {
    let (mut names, mut ids) = (HashSet::new(), HashSet::new());
    for record in records {
        let id = record.response_id.as_deref().filter(|id| !id.is_empty());
        let again = !names.insert((&record.request, record.attempt)) || id.is_some_and(|id| !ids.insert(id));
        if again {
            verdict.duplicated += 1;
            verdict.fault(&record.request, "a record stands there twice", format!("{record:?}"));
        }
    }
}

fn judge(verdict: &mut Verdict, case: &Case<'_>) {
    let complete: Vec<&&Booked> =
        case.records.iter().filter(|r| r.end == "complete" && is_success(r)).collect();
    let stopped = case.records.iter().filter(|r| r.end == "gateway_stopped").count();
    if case.entries.len() > case.records.len() {
        verdict.lost += 1;
        verdict.fault(case.tag, "the provider began a call that the gateway does not know", detail(case));
        return;
    }
    if complete.len() + stopped.min(complete.len()) > 1 {
        verdict.duplicated += 1;
        verdict.fault(case.tag, "one call is complete twice", detail(case));
        return;
    }
    if let Err(what) = rules(case, &complete, stopped) {
        verdict.disagreeing += 1;
        verdict.fault(case.tag, what, detail(case));
        return;
    }
    add_up(verdict, case, &complete, stopped);
}

fn is_success(record: &Booked) -> bool {
    record.status.is_none_or(|status| status < 400)
}

fn completed<'a>(case: &Case<'a>) -> Option<&'a Entry> {
    case.entries.iter().copied().find(|e| e.ending == Ending::Completed)
}

/// The rules beyond presence; the error says which one is broken.
fn rules(case: &Case<'_>, complete: &[&&Booked], stopped: usize) -> Result<(), &'static str> {
    let provider = completed(case);
    if let Some(record) = complete.first() {
        let entry = provider.ok_or("complete for the gateway, and not for the provider")?;
        let same_id = entry.id.is_empty() || record.response_id.as_deref() == Some(entry.id.as_str());
        if !same_id {
            return Err("complete under another response id");
        }
        if entry.cost_nanos.is_none() || record.cost_nanos != entry.cost_nanos {
            return Err("complete at another cost");
        }
    }
    if stopped > 0 && !case.outcome.near_a_kill {
        return Err("marked gateway_stopped, and no kill was near");
    }
    let refused = case.entries.iter().filter(|e| e.ending == Ending::Refused).count();
    let refusals = case.records.iter().filter(|r| !is_success(r)).count();
    if refused != refusals && stopped == 0 {
        return Err("other refusals than the provider's");
    }
    match case.outcome.way {
        Way::Answered if complete.is_empty() && stopped == 0 && !cut_off(case) => {
            Err("answered in full, and not complete")
        }
        Way::Answered if provider.is_none() && !cut_off(case) => {
            Err("answered in full, and not completed by the provider")
        }
        Way::Left if complete.is_empty() && stopped == 0 && !ended(case, "client_cancelled") => {
            Err("left by its caller, and not marked so")
        }
        Way::Refused(_) if refused == 0 && !case.outcome.near_a_kill => {
            Err("refused, and not by the provider")
        }
        Way::Broken | Way::NotSent if !case.outcome.near_a_kill && !ended(case, "upstream_error") => {
            Err("broken, and neither by a kill nor by the provider")
        }
        Way::Broken
            if !case.entries.is_empty()
                && complete.is_empty()
                && stopped == 0
                && !ended(case, "upstream_error") =>
        {
            Err("in flight at a kill, and not marked gateway_stopped")
        }
        _ => Ok(()),
    }
}

/// Whether the provider cut the answer off and the gateway says so. Its caller may then have got the part as a
/// whole, with an error at its end.
fn cut_off(case: &Case<'_>) -> bool {
    ended(case, "upstream_error") && case.entries.iter().any(|e| e.ending == Ending::Cut)
}

fn ended(case: &Case<'_>, end: &str) -> bool {
    case.records.iter().any(|r| r.end == end)
}

fn add_up(verdict: &mut Verdict, case: &Case<'_>, complete: &[&&Booked], stopped: usize) {
    if let (Some(record), Some(entry)) = (complete.first(), completed(case)) {
        verdict.complete_in_both += 1;
        verdict.provider_nanos += entry.cost_nanos.unwrap_or(0);
        verdict.gateway_nanos += record.cost_nanos.unwrap_or(0);
        verdict.left_but_complete += u64::from(case.outcome.way == Way::Left);
    } else if stopped > 0 {
        verdict.in_flight_at_a_kill += 1;
        verdict.in_flight_completed_by_provider += u64::from(completed(case).is_some());
        verdict.in_flight_answered_in_full += u64::from(case.outcome.way == Way::Answered);
        verdict.in_flight_estimated += u64::from(case.records.iter().any(|r| r.estimated));
    } else if ended(case, "client_cancelled") {
        verdict.left_by_the_caller += 1;
    } else if case.records.is_empty() {
        verdict.never_begun += 1;
    }
    verdict.refused_attempts += case.records.iter().filter(|r| !is_success(r)).count() as u64;
    let cut_off = case.records.iter().filter(|r| r.end == "upstream_error" && is_success(r)).count();
    verdict.cut_off_by_the_provider += cut_off as u64;
}

fn detail(case: &Case<'_>) -> String {
    format!("caller {:?}; provider {:?}; gateway {:?}", case.outcome, case.entries, case.records)
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
