//! An alert as its receivers see it.

use bursar_core::budget::BudgetUnit;
use bursar_core::{Money, Timestamp};
use bursar_store::Alert;
use serde_json::{Value, json};

/// An alert on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What is told.
    pub alert: Alert,
}

impl Message {
    /// A message to see whether a channel works.
    #[must_use]
    pub fn test(now: Timestamp) -> Message {
        let (incident, id) = Alert::names(&format!("test at {}", now.micros()), false);
        Message {
            alert: Alert {
                id,
                incident,
                budget: None,
                instance: None,
                window: bursar_core::budget::Window { start: now, end: now },
                rule: "test".to_owned(),
                episode: 0,
                recovery: None,
                severity: "info".to_owned(),
                audience: "everyone".to_owned(),
                at: now,
                owner: None,
                unit: None,
                spent: 0,
                limit: 0,
                forecast: None,
                text: "This is a test of Bursar's warnings: the channel works.".to_owned(),
            },
        }
    }

    /// Whether it says that an incident is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.alert.recovery.is_some()
    }

    /// `critical`, or `resolved` where it is over.
    #[must_use]
    pub fn heading(&self) -> &str {
        if self.is_over() { "resolved" } else { &self.alert.severity }
    }

    /// One line, short enough for a subject.
    #[must_use]
    pub fn subject(&self) -> String {
        let text: String = self.alert.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mut subject = format!("[Bursar] {}: {text}", self.heading());
        if let Some((end, _)) = subject.char_indices().nth(140) {
            subject.truncate(end);
            subject.push('…');
        }
        subject
    }

    /// Names and values for a reader, in their order; what is not known is left out.
    #[must_use]
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let a = &self.alert;
        let mut facts = Vec::new();
        let mut add = |name, value: Option<String>| facts.extend(value.map(|v| (name, v)));
        add("budget", a.budget.clone());
        add("share", a.instance.clone().filter(|_| a.budget.is_some()));
        let place = if a.rule.starts_with("gpu:") { "node" } else { "key" };
        add(place, a.instance.clone().filter(|_| a.budget.is_none()));
        add("owner", a.owner.clone());
        if let Some(unit) = a.unit {
            add("spent", Some(unit.text(a.spent)));
            add("limit", Some(unit.text(a.limit)));
            add("forecast", a.forecast.map(|f| unit.text(f)));
        }
        add("rule", Some(a.rule.clone()));
        add("seen", Some(time(a.at)));
        add("incident", Some(a.incident.clone()));
        facts
    }

    /// The whole of it for programs. Amounts are decimal strings: dollars, or tokens.
    #[must_use]
    pub fn json(&self) -> Value {
        let a = &self.alert;
        let amount = |n: i64| match a.unit {
            Some(BudgetUnit::Usd) => Some(Money::from_nanos(n).to_string()),
            Some(BudgetUnit::Tokens) => Some(n.to_string()),
            None => None,
        };
        let bound = |t: Timestamp| (t.micros() > i64::MIN && t.micros() < i64::MAX).then(|| time(t));
        json!({
            "id": a.id,
            "incident": a.incident,
            "phase": if self.is_over() { "recovered" } else { "raised" },
            "recovery": a.recovery,
            "rule": a.rule,
            "severity": a.severity,
            "at": time(a.at),
            "budget": a.budget,
            "instance": a.instance,
            "owner": a.owner,
            "unit": a.unit.map(BudgetUnit::name),
            "spent": amount(a.spent),
            "limit": amount(a.limit),
            "forecast": a.forecast.and_then(amount),
            "window": { "start": bound(a.window.start), "end": bound(a.window.end) },
            "text": a.text,
        })
    }
}

/// RFC 3339 in UTC.
pub(crate) fn time(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.micros()).map_or_else(|_| at.micros().to_string(), |t| t.to_string())
}
