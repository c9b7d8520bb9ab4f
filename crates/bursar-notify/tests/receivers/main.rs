//! Channels against receivers that speak the real protocols on loopback.

mod courier;
mod http_receiver;
mod messages;
mod smtp_receiver;

use std::time::Duration;

use bursar_core::Timestamp;
use bursar_core::budget::{BudgetUnit, Window};
use bursar_notify::{ChannelConfig, ChannelKind};
use bursar_store::Alert;

const DOLLAR: i64 = 1_000_000_000;

/// 2026-07-09, noon UTC.
fn noon() -> Timestamp {
    Timestamp::from_date(2026, 7, 9).unwrap().plus_micros(12 * 3_600_000_000)
}

fn alert(recovery: Option<&str>) -> Alert {
    let (incident, id) = Alert::names("research/forecast:100", recovery.is_some());
    let (text, forecast) = match recovery {
        None => (
            "Budget research is on pace for $19.4M of $12M (likely $17.5M to $21.3M); crosses on 11 August; driver: \
             workflow claims-triage +310 %.",
            19_400_000,
        ),
        Some(_) => ("Budget research is on pace for $11M of $12M: below 100 % again.", 11_000_000),
    };
    Alert {
        id,
        incident,
        budget: Some("research".to_owned()),
        instance: None,
        window: Window {
            start: Timestamp::from_date(2026, 1, 1).unwrap(),
            end: Timestamp::from_date(2027, 1, 1).unwrap(),
        },
        rule: "forecast:100".to_owned(),
        episode: 0,
        recovery: recovery.map(str::to_owned),
        severity: "warning".to_owned(),
        audience: "everyone".to_owned(),
        at: noon(),
        owner: Some("research-leads".to_owned()),
        unit: Some(BudgetUnit::Usd),
        spent: 9_876_543_210_000_000,
        limit: 12_000_000 * DOLLAR,
        forecast: Some(forecast * DOLLAR),
        text: text.to_owned(),
    }
}

fn config(name: &str, kind: ChannelKind) -> ChannelConfig {
    ChannelConfig { name: name.to_owned(), kind, timeout: Duration::from_secs(2), quiet_hours: None }
}
