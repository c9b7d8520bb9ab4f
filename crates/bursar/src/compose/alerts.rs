//! Between an event of the watch and an alert of the outbox.

use bursar_insight::watch::{Audience, Case, Event, Figures, Known, Phase, Recovery};
use bursar_store::Alert;

const AUDIENCES: [(Audience, &str); 3] =
    [(Audience::Everyone, "everyone"), (Audience::Incidents, "incidents"), (Audience::Nobody, "nobody")];

/// An event as it is kept.
pub(super) fn alert(event: &Event) -> Alert {
    let Event { case, figures, .. } = event;
    let recovery = match event.phase {
        Phase::Raised => None,
        Phase::Recovered(Recovery::BackBelow) => Some("back_below"),
        Phase::Recovered(Recovery::PeriodEnded) => Some("period_ended"),
        Phase::Recovered(Recovery::BudgetChanged) => Some("budget_changed"),
        Phase::Recovered(Recovery::BudgetRemoved) => Some("budget_removed"),
    };
    let audience = AUDIENCES.iter().find(|(a, _)| *a == event.audience).map_or("everyone", |(_, name)| name);
    let (incident, id) = Alert::names(&case.key(), recovery.is_some());
    Alert {
        id,
        incident,
        budget: case.budget.as_ref().map(ToString::to_string),
        instance: case.instance.clone(),
        window: case.window,
        rule: case.rule.to_string(),
        episode: case.episode,
        recovery: recovery.map(str::to_owned),
        severity: event.severity.name().to_owned(),
        audience: audience.to_owned(),
        at: event.at,
        owner: figures.owner.clone(),
        unit: figures.unit,
        spent: figures.spent,
        limit: figures.limit,
        forecast: figures.forecast,
        text: event.text.clone(),
    }
}

/// What a new watch has to know of an alert that began something; `None` for what this version does not know.
pub(super) fn known(alert: &Alert, is_raised: bool) -> Option<Known> {
    let audience = AUDIENCES.iter().find(|(_, name)| *name == alert.audience)?.0;
    let budget = match &alert.budget {
        Some(name) => Some(name.parse().ok()?),
        None => None,
    };
    let case = Case {
        budget,
        instance: alert.instance.clone(),
        window: alert.window,
        rule: alert.rule.parse().ok()?,
        episode: alert.episode,
    };
    let figures = Figures {
        owner: alert.owner.clone(),
        unit: alert.unit,
        spent: alert.spent,
        limit: alert.limit,
        forecast: alert.forecast,
    };
    Some(Known { case, is_raised, audience, figures })
}
