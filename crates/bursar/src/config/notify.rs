//! `[notify]`: where warnings about budgets are told, to whom, and when not.

use std::time::Duration;

use bursar_core::budget::Pattern;
use bursar_insight::watch::Severity;
use bursar_notify::{BadQuietHours, QuietHours, SmtpTls};

use super::provider::SecretSource;
use super::{Problem, Section};

/// Where warnings are told.
#[derive(Clone, Debug, Default)]
pub(crate) struct NotifySection {
    /// The channels.
    pub(crate) channels: Vec<ChannelSection>,
    /// Which alert goes to which of them; without any, all go to all.
    pub(crate) routes: Vec<RouteSection>,
}

/// One channel.
#[derive(Clone, Debug)]
pub(crate) struct ChannelSection {
    /// Its name.
    pub(crate) name: String,
    /// What it is, with what it needs.
    pub(crate) kind: ChannelWay,
    /// How long one message may take; 10 s unless told.
    pub(crate) timeout: Duration,
    /// When it is told only what is critical.
    pub(crate) quiet_hours: Option<QuietHours>,
}

/// What a channel is, with what it needs.
#[derive(Clone, Debug)]
pub(crate) enum ChannelWay {
    Webhook { url: Plain, secret: Option<SecretSource> },
    Slack { url: Plain },
    PagerDuty { routing_key: SecretSource, url: Option<String> },
    Email(EmailWay),
}

/// A mail server and who is written to.
#[derive(Clone, Debug)]
pub(crate) struct EmailWay {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: SmtpTls,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<SecretSource>,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
}

/// A URL that stands in the file, or the place of one that is a secret.
#[derive(Clone, Debug)]
pub(crate) enum Plain {
    Url(String),
    From(SecretSource),
}

/// Which alert goes to which channels.
#[derive(Clone, Debug)]
pub(crate) struct RouteSection {
    pub(crate) budget: Option<Pattern>,
    pub(crate) owner: Option<Pattern>,
    pub(crate) least: Severity,
    pub(crate) channels: Vec<String>,
}

const TIMEOUT: Duration = Duration::from_secs(10);
const KINDS: [(&str, Kind); 4] = [
    ("webhook", Kind::Webhook),
    ("slack", Kind::Slack),
    ("pagerduty", Kind::PagerDuty),
    ("email", Kind::Email),
];

#[derive(Clone, Copy)]
enum Kind {
    Webhook,
    Slack,
    PagerDuty,
    Email,
}

impl NotifySection {
    pub(crate) fn read(mut s: Section<'_>, problems: &mut Vec<Problem>) -> NotifySection {
        let zone = s.text("zone").unwrap_or_else(|| "UTC".to_owned());
        let quiet = quiet_hours(&mut s, &zone);
        let channels: Vec<ChannelSection> = s
            .sections("channel")
            .into_iter()
            .filter_map(|c| ChannelSection::read(c, (&zone, quiet.as_ref()), problems))
            .collect();
        let routes = s.sections("route").into_iter().map(|r| RouteSection::read(r, problems)).collect();
        s.finish(problems);
        let section = NotifySection { channels, routes };
        section.check_together(problems);
        section
    }

    /// What can only be seen with all channels at hand.
    fn check_together(&self, problems: &mut Vec<Problem>) {
        for (i, channel) in self.channels.iter().enumerate() {
            if self.channels[..i].iter().any(|c| c.name == channel.name) {
                let message = format!("{:?} is the name of an earlier channel; names differ", channel.name);
                problems.push(Problem::new(format!("notify.channel[{i}].name"), message));
            }
        }
        for (i, route) in self.routes.iter().enumerate() {
            let path = format!("notify.route[{i}].channels");
            if route.channels.is_empty() {
                problems.push(Problem::new(path.clone(), "is missing; say where it is told"));
            }
            for name in route.channels.iter().filter(|n| !self.channels.iter().any(|c| c.name == **n)) {
                problems.push(Problem::new(path.clone(), format!("there is no channel {name:?}")));
            }
        }
    }
}

/// The quiet hours of a section: given, or none.
fn quiet_hours(s: &mut Section<'_>, zone: &str) -> Option<QuietHours> {
    let text = s.text("quiet_hours")?;
    match QuietHours::parse(&text, zone) {
        Ok(hours) => Some(hours),
        Err(why @ BadQuietHours::Times(_)) => {
            s.wrong("quiet_hours", why.to_string());
            None
        }
        Err(why @ BadQuietHours::Zone(_)) => {
            s.wrong("zone", why.to_string());
            None
        }
    }
}

impl ChannelSection {
    fn read(
        mut s: Section<'_>,
        (zone, quiet): (&str, Option<&QuietHours>),
        problems: &mut Vec<Problem>,
    ) -> Option<ChannelSection> {
        let name = needed(&mut s, "name", "the channel's name in routes, such as \"finops\"");
        let kind = if s.has("kind") {
            s.choice("kind", &KINDS)
        } else {
            s.wrong("kind", "is missing; it is one of webhook, slack, pagerduty, email");
            None
        };
        let way = kind.and_then(|kind| way(&mut s, kind));
        let timeout = s.duration("timeout").unwrap_or(TIMEOUT);
        let quiet_hours = if s.has("quiet_hours") { own_quiet_hours(&mut s, zone) } else { quiet.cloned() };
        if kind.is_some() {
            s.finish(problems);
        } else {
            // Without a kind nobody knows which fields are right.
            s.finish_lenient(problems);
        }
        Some(ChannelSection { name: name?, kind: way?, timeout, quiet_hours })
    }
}

/// `"none"` takes the common quiet hours back.
fn own_quiet_hours(s: &mut Section<'_>, zone: &str) -> Option<QuietHours> {
    if s.is_text("quiet_hours", "none") {
        s.text("quiet_hours");
        return None;
    }
    quiet_hours(s, zone)
}

fn way(s: &mut Section<'_>, kind: Kind) -> Option<ChannelWay> {
    match kind {
        Kind::Webhook => {
            let url = url(s);
            let secret = secret(s, "secret");
            Some(ChannelWay::Webhook { url: url?, secret })
        }
        Kind::Slack => Some(ChannelWay::Slack { url: url(s)? }),
        Kind::PagerDuty => {
            if !s.has("routing_key") {
                s.wrong("routing_key", "is missing; write \"env:NAME\" or \"file:PATH\"");
            }
            let routing_key = secret(s, "routing_key");
            let url = s.text("url");
            Some(ChannelWay::PagerDuty { routing_key: routing_key?, url })
        }
        Kind::Email => email(s).map(ChannelWay::Email),
    }
}

fn email(s: &mut Section<'_>) -> Option<EmailWay> {
    let host = needed(s, "host", "the mail server, such as \"smtp.example.com\"");
    let tls =
        s.choice("tls", &[("starttls", SmtpTls::StartTls), ("tls", SmtpTls::Tls), ("none", SmtpTls::None)]);
    let tls = tls.unwrap_or(SmtpTls::StartTls);
    let usual = match tls {
        SmtpTls::StartTls => 587,
        SmtpTls::Tls => 465,
        SmtpTls::None => 25,
    };
    let port = s.number("port").map_or(Some(usual), |n| u16::try_from(n).ok());
    if port.is_none() {
        s.wrong("port", "is no port; it is at most 65535");
    }
    let (username, password) = (s.text("username"), secret(s, "password"));
    if username.is_some() != password.is_some() {
        s.wrong("password", "and username are given together or not at all");
    }
    let from = needed(s, "from", "who writes, such as \"Bursar <bursar@example.com>\"");
    let to = s.texts("to");
    if to.is_empty() {
        s.wrong("to", "is missing; who is written to, such as [\"finops@example.com\"]");
    }
    Some(EmailWay { host: host?, port: port?, tls, username, password, from: from?, to })
}

fn needed(s: &mut Section<'_>, field: &str, what: &str) -> Option<String> {
    if !s.has(field) {
        s.wrong(field, format!("is missing; it is {what}"));
    }
    s.text(field)
}

/// A URL, which may be a secret: `env:NAME` and `file:PATH` are understood.
fn url(s: &mut Section<'_>) -> Option<Plain> {
    let text = needed(s, "url", "where to, such as \"https://example.com/hook\" or \"env:NAME\"")?;
    if let Ok(source) = SecretSource::parse(&text) {
        return Some(Plain::From(source));
    }
    if text.starts_with("https://") || text.starts_with("http://") {
        return Some(Plain::Url(text));
    }
    s.wrong("url", "begins with neither https:// nor http://, nor is it env:NAME or file:PATH");
    None
}

fn secret(s: &mut Section<'_>, field: &str) -> Option<SecretSource> {
    let text = s.text(field)?;
    match SecretSource::parse(&text) {
        Ok(source) => Some(source),
        Err(why) => {
            s.wrong(field, why);
            None
        }
    }
}

impl RouteSection {
    fn read(mut s: Section<'_>, problems: &mut Vec<Problem>) -> RouteSection {
        let severities = Severity::ALL.map(|severity| (severity.name(), severity));
        let route = RouteSection {
            budget: s.parsed("budget", "research*"),
            owner: s.parsed("owner", "research-leads"),
            least: s.choice("severity", &severities).unwrap_or(Severity::Info),
            channels: s.texts("channels"),
        };
        s.finish(problems);
        route
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn problems(text: &str) -> String {
        Config::parse(None, text, &|_| None).err().map(|p| p.to_string()).unwrap_or_default()
    }

    const GOOD: &str = r#"
        [notify]
        quiet_hours = "22:00-07:00"
        zone = "Europe/Berlin"
        [[notify.channel]]
        name = "ours"
        kind = "webhook"
        url = "https://example.com/hook"
        secret = "env:HOOK_SECRET"
        [[notify.channel]]
        name = "chat"
        kind = "slack"
        url = "env:SLACK_URL"
        quiet_hours = "none"
        [[notify.channel]]
        name = "pager"
        kind = "pagerduty"
        routing_key = "file:/run/secrets/pager"
        [[notify.channel]]
        name = "mail"
        kind = "email"
        host = "smtp.example.com"
        tls = "tls"
        username = "bursar"
        password = "env:SMTP_PASSWORD"
        from = "Bursar <bursar@example.com>"
        to = ["leads@example.com"]
        [[notify.route]]
        severity = "critical"
        channels = ["pager"]
        [[notify.route]]
        budget = "research*"
        owner = "leads"
        channels = ["chat", "mail"]
    "#;

    #[test]
    fn channels_and_routes_are_read_with_their_defaults() {
        let notify = Config::parse(None, GOOD, &|_| None).unwrap().notify;
        let names: Vec<&str> = notify.channels.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["ours", "chat", "pager", "mail"]);
        assert!(notify.channels[0].quiet_hours.is_some() && notify.channels[1].quiet_hours.is_none());
        let ChannelWay::Email(email) = &notify.channels[3].kind else { panic!("{:?}", notify.channels[3]) };
        assert_eq!((email.port, notify.channels[0].timeout), (465, TIMEOUT));
        assert_eq!(notify.routes[0].least, Severity::Critical);
        assert!(notify.routes[1].budget.as_ref().unwrap().fits("research-a"));
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once_and_no_secret_is_repeated() {
        let text = r#"
            [notify]
            quiet_hours = "late"
            [[notify.channel]]
            name = "a"
            kind = "slack"
            url = "xoxb-secret"
            [[notify.channel]]
            name = "a"
            kind = "pagerduty"
            routing_key = "R0UT1NG"
            [[notify.channel]]
            name = "mail"
            kind = "email"
            port = 99999
            username = "bursar"
            [[notify.channel]]
            kind = "carrier pigeon"
            [[notify.route]]
            severity = "dire"
            channels = ["nobody"]
        "#;
        let shown = problems(text);
        for path in [
            "notify.quiet_hours",
            "notify.channel[0].url",
            "notify.channel[1].routing_key",
            "notify.channel[2].host",
            "notify.channel[2].port",
            "notify.channel[2].password",
            "notify.channel[2].from",
            "notify.channel[2].to",
            "notify.channel[3].name",
            "notify.channel[3].kind",
            "notify.route[0].severity",
            "notify.route[0].channels",
        ] {
            assert!(shown.contains(path), "{path} is missing in:\n{shown}");
        }
        assert!(!shown.contains("xoxb-secret") && !shown.contains("R0UT1NG"), "{shown}");
    }
}
