//! Which alert goes to which channels.

use bursar_core::Timestamp;
use bursar_core::budget::{BudgetName, Pattern};
use bursar_insight::watch::{Audience, Event, Phase, Severity};

use crate::channel::ChannelConfig;
use crate::quiet_hours::QuietHours;

/// What is told to whom.
#[derive(Clone, Debug)]
pub struct Route {
    /// Only about budgets with such a name.
    pub budget: Option<Pattern>,
    /// Only about budgets with such an owner.
    pub owner: Option<Pattern>,
    /// Only what matters at least so much.
    pub least: Severity,
    /// Where it is told.
    pub channels: Vec<String>,
}

/// What the router has to know of a channel.
#[derive(Clone, Debug)]
pub struct RouteChannel {
    /// Its name.
    pub name: String,
    /// Whether it keeps an incident open until it is told that it is over.
    pub keeps_incidents: bool,
    /// When it is told only what is critical.
    pub quiet_hours: Option<QuietHours>,
}

impl RouteChannel {
    /// What there is to know of a configured channel.
    #[must_use]
    pub fn of(config: &ChannelConfig) -> RouteChannel {
        RouteChannel {
            name: config.name.clone(),
            keeps_incidents: config.kind.keeps_incidents(),
            quiet_hours: config.quiet_hours.clone(),
        }
    }
}

/// Something to tell that is about no budget, such as GPUs that stand idle.
#[derive(Clone, Copy, Debug)]
pub struct Notice<'a> {
    /// Whose it is.
    pub owner: Option<&'a str>,
    /// How much it matters.
    pub severity: Severity,
    /// When it was seen.
    pub at: Timestamp,
    /// Whether it ends what was told before.
    pub is_over: bool,
}

/// What a route is chosen by.
struct Topic<'a> {
    budget: Option<&'a str>,
    owner: Option<&'a str>,
    severity: Severity,
    at: Timestamp,
    is_over: bool,
}

/// A channel that is told, and the moment before which it is not.
pub type Told = (String, Timestamp);

/// All routes and channels.
#[derive(Clone, Debug, Default)]
pub struct Router {
    routes: Vec<Route>,
    channels: Vec<RouteChannel>,
}

impl Router {
    /// A router. Without a route every channel is told everything.
    #[must_use]
    pub fn new(routes: Vec<Route>, channels: Vec<RouteChannel>) -> Router {
        Router { routes, channels }
    }

    /// Where an event is told: the channels of every route that fits. What only ends an incident goes to channels
    /// that keep them open. In quiet hours only what is critical is told at once.
    #[must_use]
    pub fn channels_for(&self, event: &Event) -> Vec<Told> {
        let topic = Topic {
            budget: event.case.budget.as_ref().map(BudgetName::as_str),
            owner: event.figures.owner.as_deref(),
            severity: event.severity,
            at: event.at,
            is_over: event.phase != Phase::Raised,
        };
        self.told(&topic, event.audience)
    }

    /// Where a notice is told: as an event, by routes that name no budget.
    #[must_use]
    pub fn channels_for_notice(&self, notice: &Notice<'_>) -> Vec<Told> {
        let Notice { owner, severity, at, is_over } = *notice;
        self.told(&Topic { budget: None, owner, severity, at, is_over }, Audience::Everyone)
    }

    fn told(&self, topic: &Topic<'_>, audience: Audience) -> Vec<Told> {
        let is_told = |channel: &&RouteChannel| match audience {
            Audience::Everyone => true,
            Audience::Incidents => channel.keeps_incidents,
            Audience::Nobody => false,
        };
        let told = self.channels.iter().filter(is_told).filter(|c| self.is_routed(&c.name, topic));
        told.map(|c| (c.name.clone(), not_before(c, topic))).collect()
    }

    /// The end of an incident goes where its beginning went, which the outbox knows: severity does not matter then.
    fn is_routed(&self, channel: &str, topic: &Topic<'_>) -> bool {
        let fits = |pattern: Option<&Pattern>, value: Option<&str>| {
            pattern.is_none_or(|p| value.is_some_and(|v| p.fits(v)))
        };
        self.routes.is_empty()
            || self.routes.iter().any(|route| {
                route.channels.iter().any(|c| c == channel)
                    && (topic.is_over || topic.severity >= route.least)
                    && fits(route.budget.as_ref(), topic.budget)
                    && fits(route.owner.as_ref(), topic.owner)
            })
    }
}

fn not_before(channel: &RouteChannel, topic: &Topic<'_>) -> Timestamp {
    if topic.severity == Severity::Critical {
        return topic.at;
    }
    channel.quiet_hours.as_ref().and_then(|q| q.end(topic.at)).unwrap_or(topic.at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::budget::Window;
    use bursar_insight::watch::{Case, Figures, Recovery, Rule};

    fn event(budget: &str, owner: &str, rule: Rule) -> Event {
        let at = Timestamp::from_date(2026, 7, 15).unwrap().plus_micros(23 * 3_600_000_000);
        let case = Case {
            budget: Some(budget.parse().unwrap()),
            instance: None,
            window: Window { start: at, end: at },
            rule,
            episode: 0,
        };
        Event {
            case,
            phase: Phase::Raised,
            severity: rule.severity(),
            at,
            audience: Audience::Everyone,
            figures: Figures { owner: Some(owner.to_owned()), ..Figures::default() },
            text: String::new(),
        }
    }

    fn router() -> Router {
        let channel = |name: &str, keeps_incidents, quiet: Option<&str>| RouteChannel {
            name: name.to_owned(),
            keeps_incidents,
            quiet_hours: quiet.map(|q| QuietHours::parse(q, "UTC").unwrap()),
        };
        let route = |budget: Option<&str>, owner: Option<&str>, least, to: &str| Route {
            budget: budget.map(|p| p.parse().unwrap()),
            owner: owner.map(|p| p.parse().unwrap()),
            least,
            channels: vec![to.to_owned()],
        };
        Router::new(
            vec![
                route(None, None, Severity::Critical, "pager"),
                route(Some("research*"), None, Severity::Info, "chat"),
                route(None, Some("legal"), Severity::Warning, "mail"),
            ],
            vec![
                channel("pager", true, None),
                channel("chat", false, Some("22:00-07:00")),
                channel("mail", false, None),
            ],
        )
    }

    fn names(event: &Event) -> Vec<String> {
        router().channels_for(event).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn an_alert_goes_to_the_channels_of_every_route_that_fits() {
        assert_eq!(names(&event("research-a", "legal", Rule::Actual(100))), ["pager", "chat", "mail"]);
        assert_eq!(names(&event("research-a", "legal", Rule::Actual(50))), ["chat"]);
        assert_eq!(names(&event("sales", "legal", Rule::Actual(80))), ["mail"]);
        assert_eq!(names(&event("sales", "sales", Rule::Actual(80))), [""; 0]);
    }

    #[test]
    fn what_only_ends_an_incident_goes_to_what_keeps_incidents_open() {
        let mut over = event("research-a", "legal", Rule::Actual(80));
        (over.phase, over.audience) = (Phase::Recovered(Recovery::PeriodEnded), Audience::Incidents);
        assert_eq!(names(&over), ["pager"]);
        over.audience = Audience::Nobody;
        assert_eq!(names(&over), [""; 0]);
    }

    #[test]
    fn quiet_hours_hold_back_what_is_not_critical() {
        let warning = event("research-a", "x", Rule::Actual(80));
        let told = router().channels_for(&warning);
        assert_eq!(told[0].1, warning.at.plus_micros(8 * 3_600_000_000));
        let critical = event("research-a", "x", Rule::Exhausted);
        assert!(router().channels_for(&critical).iter().all(|(_, at)| *at == critical.at));
    }

    #[test]
    fn without_routes_every_channel_is_told_everything() {
        let all = Router::new(Vec::new(), router().channels);
        assert_eq!(all.channels_for(&event("sales", "x", Rule::Actual(50))).len(), 3);
    }

    #[test]
    fn what_is_about_no_budget_goes_by_owner_and_severity_and_not_to_routes_that_name_a_budget() {
        let at = Timestamp::from_date(2026, 7, 15).unwrap();
        let told = |owner, severity, is_over| {
            let notice = Notice { owner: Some(owner), severity, at, is_over };
            router().channels_for_notice(&notice).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(told("legal", Severity::Warning, false), ["mail"]);
        assert_eq!(told("legal", Severity::Info, false), [""; 0]);
        assert_eq!(told("sales", Severity::Critical, false), ["pager"]);
        assert_eq!(told("legal", Severity::Info, true), ["pager", "mail"]);
    }
}
