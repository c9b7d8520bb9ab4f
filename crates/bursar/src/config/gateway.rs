//! `[gateway]`: where applications connect, and the limits on what they send.

use std::net::SocketAddr;
use std::time::Duration;

use bursar_core::LabelField;

use super::{Problem, Section};

/// The data plane's settings.
#[derive(Clone, Debug)]
pub(crate) struct GatewaySection {
    /// Where applications connect; `127.0.0.1:4000` unless told.
    pub(crate) listen: SocketAddr,
    /// The largest request body in bytes; 32 MiB unless told.
    pub(crate) max_body: u64,
    /// The time a client has to send its request's head; 10 s unless told.
    pub(crate) header_timeout: Duration,
    /// The time between two pieces of a request's body; 30 s unless told.
    pub(crate) body_timeout: Duration,
    /// The time that running streams have to end at shutdown; 30 s unless told.
    pub(crate) drain: Duration,
    /// Threads that serve; 0 for half of the cores, at least one.
    pub(crate) threads: u64,
    /// What happens to a call of a model whose price is not known.
    pub(crate) unpriced: UnpricedPolicy,
    /// What happens to a call when the store cannot record it.
    pub(crate) store_failure: StoreFailure,
    /// What a call has to say about whom it is for; nothing unless told.
    pub(crate) require_labels: Vec<LabelField>,
    /// What happens to a call that does not.
    pub(crate) missing_labels: OrRefuse,
    /// The HTTP status of a refusal by a budget, 429 or 402; 429 unless told.
    pub(crate) budget_status: u64,
    /// A call whose price is not known, under a budget in dollars that enforces.
    pub(crate) unpriced_under_budget: OrRefuse,
    /// A call that nothing bounds, under a budget that refuses.
    pub(crate) unbounded_under_budget: OrRefuse,
    /// A call that no budget covers.
    pub(crate) uncovered: OrRefuse,
    /// The most calls that wait for a budget at a time; 4096 unless told.
    pub(crate) max_waiting: u64,
}

/// Whether a call goes on, noted and counted, or is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrRefuse {
    Allow,
    Refuse,
}

/// What happens to a call of a model whose price is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnpricedPolicy {
    /// It is forwarded, recorded without a price, and shown as such.
    Allow,
    /// It is refused.
    Refuse,
}

/// What happens to a call when the store cannot record it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreFailure {
    /// It is refused: nothing is spent that is not recorded.
    Refuse,
    /// It goes on unrecorded, and the loss is counted and logged.
    GoOn,
}

impl GatewaySection {
    pub(crate) fn read(mut s: Section<'_>, problems: &mut Vec<Problem>) -> GatewaySection {
        let section = GatewaySection {
            listen: s.parsed("listen", "127.0.0.1:4000").unwrap_or(SocketAddr::from(([127, 0, 0, 1], 4000))),
            max_body: s.bytes("max_body").unwrap_or(32 << 20),
            header_timeout: s.duration("header_timeout").unwrap_or(Duration::from_secs(10)),
            body_timeout: s.duration("body_timeout").unwrap_or(Duration::from_secs(30)),
            drain: s.duration("drain").unwrap_or(Duration::from_secs(30)),
            threads: s.number("threads").unwrap_or(0),
            unpriced: s
                .choice("unpriced", &[("allow", UnpricedPolicy::Allow), ("refuse", UnpricedPolicy::Refuse)])
                .unwrap_or(UnpricedPolicy::Allow),
            store_failure: s
                .choice("store_failure", &[("refuse", StoreFailure::Refuse), ("go_on", StoreFailure::GoOn)])
                .unwrap_or(StoreFailure::Refuse),
            require_labels: labels(&mut s),
            missing_labels: or_refuse(&mut s, "missing_labels", OrRefuse::Refuse),
            budget_status: budget_status(&mut s),
            unpriced_under_budget: or_refuse(&mut s, "unpriced_under_budget", OrRefuse::Refuse),
            unbounded_under_budget: or_refuse(&mut s, "unbounded_under_budget", OrRefuse::Refuse),
            uncovered: or_refuse(&mut s, "uncovered", OrRefuse::Allow),
            max_waiting: s.number("max_waiting").unwrap_or(4096),
        };
        s.finish(problems);
        section
    }
}

fn or_refuse(s: &mut Section<'_>, field: &str, unless_told: OrRefuse) -> OrRefuse {
    let choices = [("allow", OrRefuse::Allow), ("refuse", OrRefuse::Refuse)];
    s.choice(field, &choices).unwrap_or(unless_told)
}

fn labels(s: &mut Section<'_>) -> Vec<LabelField> {
    let mut fields = Vec::new();
    for (i, name) in s.texts("require_labels").iter().enumerate() {
        match LabelField::from_name(name) {
            Some(field) => fields.push(field),
            None => {
                let names: Vec<&str> = LabelField::ALL.iter().map(|f| f.name()).collect();
                s.wrong(&format!("require_labels[{i}]"), format!("{name:?} is none of {}", names.join(", ")));
            }
        }
    }
    fields
}

fn budget_status(s: &mut Section<'_>) -> u64 {
    let status = s.number("budget_status").unwrap_or(429);
    if !matches!(status, 429 | 402) {
        s.wrong("budget_status", format!("is {status}; a refusal by a budget has the status 429 or 402"));
    }
    status
}
