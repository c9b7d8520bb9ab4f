//! `bursar alerts`: what was told about budgets, and whether it arrives.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use bursar_console::alerts;
use bursar_console::answer::{AckBody, AlertAnswer, AlertsAnswer, SilenceBody, SilencesAnswer};
use bursar_console::params::{ALERT_FILTERS, Given, PAGE};
use bursar_console::times;
use bursar_notify::Message;
use bursar_store::Outbox;
use clap::{Args, Subcommand};

use super::context::{Context, print_json, print_text};
use super::table::{plain, render, text};
use crate::cli::GlobalArgs;
use crate::compose::notify_config;

/// What to do about alerts.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum AlertsCommand {
    /// List what was told, the latest first
    List(ListArgs),
    /// Send a test message to a channel, now
    Test {
        /// The channel's name in the configuration
        channel: String,
    },
    /// Send nothing about a budget for a time; without a budget, list what is silenced
    Silence(SilenceArgs),
    /// Say that somebody knows of an alert
    Ack {
        /// The alert's id
        id: String,
        /// Who it is [default: the user's name]
        #[arg(long, env = "USER")]
        who: Option<String>,
    },
}

/// Which alerts.
#[derive(Clone, Debug, Args)]
pub(crate) struct ListArgs {
    /// Only what is not over
    #[arg(long)]
    open: bool,
    /// Only about this budget
    #[arg(long)]
    budget: Option<String>,
    /// Only of this severity: info, warning or critical
    #[arg(long)]
    severity: Option<String>,
    /// Only those seen at this time or later, such as 7d or 2026-07-01
    #[arg(long)]
    since: Option<String>,
    /// The most to list
    #[arg(long, default_value_t = 20)]
    limit: u32,
    /// Go on where a page ended
    #[arg(long)]
    cursor: Option<String>,
}

/// What to silence.
#[derive(Clone, Debug, Args)]
pub(crate) struct SilenceArgs {
    /// The budget
    budget: Option<String>,
    /// All budgets
    #[arg(long, conflicts_with = "budget")]
    all: bool,
    /// For how long, such as 2h
    #[arg(long = "for", value_name = "TIME")]
    lasts: Option<String>,
    /// Why
    #[arg(long)]
    why: Option<String>,
    /// Who wants it [default: the user's name]
    #[arg(long, env = "USER")]
    who: Option<String>,
}

/// Runs one of the commands.
pub(crate) fn run(command: &AlertsCommand, global: &GlobalArgs) -> anyhow::Result<ExitCode> {
    match command {
        AlertsCommand::List(args) => list(args, &global.context()?),
        AlertsCommand::Test { channel } => test(channel, global),
        AlertsCommand::Silence(args) => silence(args, &global.context()?),
        AlertsCommand::Ack { id, who } => ack(id, who.clone(), &global.context()?),
    }
}

fn list(args: &ListArgs, context: &Context) -> anyhow::Result<ExitCode> {
    let flag = args.open.then(|| "true".to_owned());
    let given = [
        ("open", flag),
        ("budget", args.budget.clone()),
        ("severity", args.severity.clone()),
        ("since", args.since.clone()),
        ("limit", Some(args.limit.to_string())),
        ("cursor", args.cursor.clone()),
    ];
    let pairs = given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let given = Given::of(pairs.collect(), &[ALERT_FILTERS, PAGE])?;
    let answer = alerts::list(&context.reader()?, &given, context.now())?;
    if context.json {
        print_json(&answer)?;
    } else {
        print_text(&list_text(&answer))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Sends one message and says what came of it.
fn test(name: &str, global: &GlobalArgs) -> anyhow::Result<ExitCode> {
    let config = global.load_config()?;
    let names: Vec<&str> = config.notify.channels.iter().map(|c| c.name.as_str()).collect();
    let section = config.notify.channels.iter().find(|c| c.name == name).with_context(|| {
        let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        format!("the configuration has no channel {name:?}; it has {known} ([[notify.channel]])")
    })?;
    let channel = notify_config::channel(section, &|name| std::env::var(name).ok())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let sent = runtime.block_on(channel.send(&Message::test(times::now())));
    sent.map_err(|why| anyhow::anyhow!("channel {name:?} did not take the message: {why}"))?;
    if global.json() {
        print_json(&serde_json::json!({ "channel": name, "sent": true }))?;
    } else {
        print_text(&format!("channel {name:?} took the message\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn silence(args: &SilenceArgs, context: &Context) -> anyhow::Result<ExitCode> {
    let outbox = outbox(context)?;
    if args.budget.is_none() && !args.all {
        let answer = alerts::silences(&outbox, context.now())?;
        if context.json {
            print_json(&answer)?;
        } else {
            print_text(&silences_text(&answer))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let body = SilenceBody {
        budget: args.budget.clone(),
        lasts: args.lasts.clone(),
        who: args.who.clone(),
        why: args.why.clone(),
    };
    let made = alerts::silence(&outbox, &body, context.now())?;
    if context.json {
        print_json(&made)?;
    } else {
        let about = made.budget.as_ref().map_or("any budget".to_owned(), |b| format!("budget {b}"));
        print_text(&format!(
            "nothing about {about} is sent until {}; it is kept: bursar alerts list
",
            made.until
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn ack(id: &str, who: Option<String>, context: &Context) -> anyhow::Result<ExitCode> {
    let body = AckBody { who };
    alerts::ack(&outbox(context)?, id, &body, context.now())?;
    if !context.json {
        print_text(&format!("{} knows of {id}\n", body.who.as_deref().unwrap_or_default()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The outbox of a folder that has data; no folder is made.
fn outbox(context: &Context) -> anyhow::Result<Outbox> {
    context.reader()?;
    Ok(Outbox::of(&context.folder))
}

/// Alerts, each with its sentence and its ways on lines of their own.
fn list_text(answer: &AlertsAnswer) -> String {
    if answer.alerts.is_empty() {
        return "Nothing was told.\n".to_owned();
    }
    let mut out = String::new();
    for alert in &answer.alerts {
        let _ = writeln!(out, "{}  {:<8}  {}", alert.at, heading(alert), plain(&alert.text));
        let _ = writeln!(out, "    {}  {}{}", alert.id, deliveries(alert), acked(alert));
    }
    if let Some(cursor) = &answer.next_cursor {
        let _ = writeln!(out, "more: --cursor {cursor}");
    }
    out
}

fn heading(alert: &AlertAnswer) -> &str {
    if alert.recovery.is_some() { "over" } else { &alert.severity }
}

fn deliveries(alert: &AlertAnswer) -> String {
    if alert.deliveries.is_empty() {
        let is_told_by_another = alert.audience == "nobody";
        return if is_told_by_another { "told by another alert" } else { "to no channel" }.to_owned();
    }
    let one = |d: &bursar_console::answer::DeliveryAnswer| {
        let error = d.last_error.as_ref().map_or_else(String::new, |e| format!(" ({})", plain(e)));
        format!("{}: {}{error}", d.channel, d.state)
    };
    alert.deliveries.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn acked(alert: &AlertAnswer) -> String {
    alert.acked_by.as_ref().map_or_else(String::new, |who| format!("  known to {}", plain(who)))
}

fn silences_text(answer: &SilencesAnswer) -> String {
    if answer.silences.is_empty() {
        return "Nothing is silenced.\n".to_owned();
    }
    let row = |s: &bursar_console::answer::SilenceAnswer| {
        let budget = s.budget.clone().unwrap_or_else(|| "all".to_owned());
        vec![budget, s.until.clone(), s.who.clone(), s.why.clone()]
    };
    let columns = [text("budget"), text("until (UTC)"), text("who"), text("why")];
    render(&columns, answer.silences.iter().map(row).collect(), None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_console::answer::{DeliveryAnswer, SilenceAnswer};

    fn alert() -> AlertAnswer {
        let delivery = |channel: &str, state, error: Option<&str>| DeliveryAnswer {
            channel: channel.to_owned(),
            state,
            attempts: 1,
            next_try: None,
            last_error: error.map(str::to_owned),
            ended_at: None,
        };
        AlertAnswer {
            id: "alr_c40c547ae8b85aae8a2f967f_begin".to_owned(),
            incident: "inc_c40c547ae8b85aae8a2f967f".to_owned(),
            phase: "raised",
            recovery: None,
            is_over: false,
            rule: "actual:80".to_owned(),
            severity: "warning".to_owned(),
            audience: "everyone".to_owned(),
            at: "2026-07-15T12:00:00Z".to_owned(),
            budget: Some("research".to_owned()),
            instance: None,
            owner: None,
            unit: Some("usd"),
            spent: Some("402.10".to_owned()),
            limit: Some("500.00".to_owned()),
            forecast: None,
            text: "Budget research has reached 80 %: $402.10 of $500.00 are spent.".to_owned(),
            acked_by: Some("ann".to_owned()),
            acked_at: None,
            deliveries: vec![
                delivery("chat", "sent", None),
                delivery("mail", "waiting", Some("no answer within 10 s")),
            ],
        }
    }

    #[test]
    fn each_alert_says_what_happened_and_whether_it_arrived() {
        let over = AlertAnswer {
            recovery: Some("period_ended".to_owned()),
            deliveries: Vec::new(),
            acked_by: None,
            ..alert()
        };
        let unsaid = AlertAnswer { audience: "nobody".to_owned(), ..over.clone() };
        let answer =
            AlertsAnswer { alerts: vec![over, unsaid, alert()], next_cursor: Some("6f.alr_x".to_owned()) };
        insta::assert_snapshot!(list_text(&answer));
        assert_eq!(list_text(&AlertsAnswer { alerts: Vec::new(), next_cursor: None }), "Nothing was told.\n");
    }

    #[test]
    fn silences_are_listed_with_who_and_why() {
        let silence = SilenceAnswer {
            budget: None,
            since: "2026-07-15T12:00:00Z".to_owned(),
            until: "2026-07-15T14:00:00Z".to_owned(),
            who: "ann".to_owned(),
            why: "migration".to_owned(),
        };
        insta::assert_snapshot!(silences_text(&SilencesAnswer { silences: vec![silence] }));
        assert_eq!(silences_text(&SilencesAnswer { silences: Vec::new() }), "Nothing is silenced.\n");
    }
}
