//! `bursar keys`: virtual keys, which say who a call is for.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use bursar_console::answer::{CreateKeyBody, CreatedKeyAnswer, KeyAnswer, KeysAnswer, RotateKeyBody};
use bursar_console::registry;
use bursar_store::KeyDirectory;
use clap::{Args, Subcommand};

use super::ask;
use super::context::{Context, print_json, print_text};
use super::table::{plain, render, text};

/// What to do with virtual keys.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key; its secret is shown once
    Create(Box<CreateArgs>),
    /// List all keys
    List,
    /// Show one key
    Show(KeyArgs),
    /// End a key now
    Revoke(RevokeArgs),
    /// Replace a key's secret, with a time in which both are good
    Rotate(RotateArgs),
}

/// What the new key is to be.
#[derive(Clone, Debug, Args)]
pub(crate) struct CreateArgs {
    /// The team that owns the spend
    #[arg(long)]
    team: Option<String>,
    /// The application
    #[arg(long)]
    app: Option<String>,
    /// The workflow within the application
    #[arg(long)]
    workflow: Option<String>,
    /// Such as production or staging
    #[arg(long)]
    environment: Option<String>,
    /// The end customer or user
    #[arg(long)]
    consumer: Option<String>,
    /// The legal or billing entity
    #[arg(long)]
    tenant: Option<String>,
    /// How long it lives, such as 90d [default: until it is revoked]
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// Models it may call, separated by commas; * stands for any characters [default: all]
    #[arg(long, value_name = "PATTERNS", value_delimiter = ',')]
    models: Option<Vec<String>>,
    /// Networks it may be used from, separated by commas, such as 10.0.0.0/8 [default: all]
    #[arg(long, value_name = "NETWORKS", value_delimiter = ',')]
    ips: Option<Vec<String>>,
    /// Labels a caller may set, separated by commas [default: all but tenant, team and app]
    #[arg(long, value_name = "LABELS", value_delimiter = ',')]
    may_set: Option<Vec<String>>,
    /// The gateway's address, for the lines to paste [default: where the gateway of this folder listens]
    #[arg(long, value_name = "URL")]
    gateway: Option<String>,
}

/// Which key.
#[derive(Clone, Debug, Args)]
pub(crate) struct KeyArgs {
    /// The key's id
    #[arg(value_name = "ID")]
    id: String,
}

/// Which key to end.
#[derive(Clone, Debug, Args)]
pub(crate) struct RevokeArgs {
    /// The key's id
    #[arg(value_name = "ID")]
    id: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Which key to replace, and how fast.
#[derive(Clone, Debug, Args)]
pub(crate) struct RotateArgs {
    /// The key's id
    #[arg(value_name = "ID")]
    id: String,
    /// How long the old secret stays good beside the new one
    #[arg(long, value_name = "TIME", default_value = "24h")]
    overlap: String,
    /// The gateway's address, for the lines to paste [default: where the gateway of this folder listens]
    #[arg(long, value_name = "URL")]
    gateway: Option<String>,
}

const DEFAULT_GATEWAY: &str = "http://127.0.0.1:4000";

/// Runs one of the commands.
pub(crate) fn run(command: &KeysCommand, context: &Context) -> anyhow::Result<ExitCode> {
    match command {
        KeysCommand::Create(args) => create(args, context),
        KeysCommand::List => list(context),
        KeysCommand::Show(args) => show(args, context),
        KeysCommand::Revoke(args) => revoke(args, context),
        KeysCommand::Rotate(args) => rotate(args, context),
    }
}

fn create(args: &CreateArgs, context: &Context) -> anyhow::Result<ExitCode> {
    let body = CreateKeyBody {
        tenant: args.tenant.clone(),
        team: args.team.clone(),
        app: args.app.clone(),
        workflow: args.workflow.clone(),
        environment: args.environment.clone(),
        consumer: args.consumer.clone(),
        expires: args.expires.clone(),
        models: args.models.clone(),
        ips: args.ips.clone(),
        may_set: args.may_set.clone(),
    };
    let created = registry::create(&directory(context)?, &body, context.now())?;
    print_created(&created, args.gateway.as_deref(), context)
}

fn list(context: &Context) -> anyhow::Result<ExitCode> {
    let answer = registry::list(&directory(context)?, context.now())?;
    if context.json {
        print_json(&answer)?;
    } else {
        print_text(&list_text(&answer))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(args: &KeyArgs, context: &Context) -> anyhow::Result<ExitCode> {
    let key = registry::show(&directory(context)?, &args.id, context.now())?;
    if context.json {
        print_json(&key)?;
    } else {
        print_text(&key_text(&key))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn revoke(args: &RevokeArgs, context: &Context) -> anyhow::Result<ExitCode> {
    let directory = directory(context)?;
    let key = registry::show(&directory, &args.id, context.now())?;
    if !args.yes && !confirmed(&key)? {
        eprintln!("Nothing was changed.");
        return Ok(ExitCode::FAILURE);
    }
    let key = registry::revoke(&directory, &args.id, context.now())?;
    if context.json {
        print_json(&key)?;
    } else {
        print_text(&format!("{} is revoked; calls with it are refused from now on.\n", key.id))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn rotate(args: &RotateArgs, context: &Context) -> anyhow::Result<ExitCode> {
    let body = RotateKeyBody { overlap: Some(args.overlap.clone()) };
    let created = registry::rotate(&directory(context)?, &args.id, &body, context.now())?;
    if !context.json {
        print_text(&format!("{} stays good for {} beside the new key.\n\n", args.id, args.overlap))?;
    }
    print_created(&created, args.gateway.as_deref(), context)
}

/// Shows what would end, and asks.
fn confirmed(key: &KeyAnswer) -> anyhow::Result<bool> {
    let refusal = format!("revoking {} cannot be undone", key.id);
    ask::confirmed(&key_text(key), &refusal, "Revoke it? This cannot be undone.")
}

fn print_created(
    created: &CreatedKeyAnswer,
    gateway: Option<&str>,
    context: &Context,
) -> anyhow::Result<ExitCode> {
    if context.json {
        print_json(created)?;
    } else {
        let gateway = gateway.map_or_else(|| gateway_of(&context.folder), str::to_owned);
        print_text(&created_text(created, &gateway))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the gateway of a data folder listens, or last listened.
fn gateway_of(folder: &Path) -> String {
    let read = || {
        let text = std::fs::read_to_string(folder.join("listen.json")).ok()?;
        let places: serde_json::Value = serde_json::from_str(&text).ok()?;
        Some(format!("http://{}", places.get("gateway")?.as_str()?))
    };
    read().unwrap_or_else(|| DEFAULT_GATEWAY.to_owned())
}

/// A new key with the lines to paste.
fn created_text(created: &CreatedKeyAnswer, gateway: &str) -> String {
    let (secret, gateway) = (&created.secret, gateway.trim_end_matches('/'));
    format!(
        "{key}\nThe secret, shown this once (only its hash is stored):\n\n  {secret}\n\n\
         OpenAI SDKs\n  export OPENAI_BASE_URL={gateway}/v1\n  export OPENAI_API_KEY={secret}\n\
         Anthropic SDKs\n  export ANTHROPIC_BASE_URL={gateway}\n  export ANTHROPIC_API_KEY={secret}\n\
         Gemini SDKs\n  export GOOGLE_GEMINI_BASE_URL={gateway}\n  export GEMINI_API_KEY={secret}\n",
        key = key_text(&created.key),
    )
}

fn labels(key: &KeyAnswer) -> String {
    key.attribution.set().iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(" ")
}

fn all_or(list: Option<&Vec<String>>) -> String {
    list.map_or_else(|| "all".to_owned(), |l| l.join(", "))
}

/// One key, a line per fact.
fn key_text(key: &KeyAnswer) -> String {
    let mut out = format!("Key {} ({}), {}\n", key.id, key.prefix, key.state);
    let may_set = if key.may_set.is_empty() { "nothing".to_owned() } else { key.may_set.join(", ") };
    for (name, value) in [
        ("labels", labels(key)),
        ("callers may set", may_set),
        ("models", all_or(key.models.as_ref())),
        ("networks", all_or(key.ips.as_ref())),
        ("created", key.created_at.clone()),
        ("expires", key.expires_at.clone().unwrap_or_else(|| "never".to_owned())),
        ("last used", key.last_used_at.clone().unwrap_or_else(|| "never".to_owned())),
        ("refused from", key.revoked_at.clone().unwrap_or_default()),
        ("replaced by", key.replaced_by.clone().unwrap_or_default()),
    ] {
        if !value.is_empty() {
            let _ = writeln!(out, "  {name:<16}{}", plain(&value));
        }
    }
    out
}

/// All keys as a table.
fn list_text(answer: &KeysAnswer) -> String {
    if answer.keys.is_empty() {
        return "There is no virtual key. While there is none, the gateway takes calls from this machine without one.\n\
                Make one: bursar keys create --team NAME --app NAME\n"
            .to_owned();
    }
    let columns =
        [text("id"), text("prefix"), text("state"), text("labels"), text("models"), text("ends (UTC)")];
    let row = |key: &KeyAnswer| {
        vec![
            key.id.clone(),
            key.prefix.clone(),
            key.state.clone(),
            labels(key),
            all_or(key.models.as_ref()),
            key.revoked_at
                .as_ref()
                .or(key.expires_at.as_ref())
                .map_or_else(|| "never".to_owned(), String::clone),
        ]
    };
    render(&columns, answer.keys.iter().map(row).collect(), None)
}

fn directory(context: &Context) -> anyhow::Result<KeyDirectory> {
    Ok(KeyDirectory::open(&context.folder)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_console::answer::AttributionAnswer;

    fn key() -> KeyAnswer {
        KeyAnswer {
            id: "key_7".to_owned(),
            prefix: "bsk_4fQ2".to_owned(),
            state: "active".to_owned(),
            attribution: AttributionAnswer {
                team: Some("support".to_owned()),
                app: Some("helpdesk".to_owned()),
                ..AttributionAnswer::default()
            },
            may_set: vec!["consumer".to_owned(), "task".to_owned()],
            models: Some(vec!["gpt-*".to_owned(), "claude-*".to_owned()]),
            ips: None,
            created_at: "2026-07-15T12:00:00Z".to_owned(),
            expires_at: Some("2026-10-13T12:00:00Z".to_owned()),
            revoked_at: None,
            last_used_at: None,
            replaced_by: None,
        }
    }

    #[test]
    fn a_new_key_comes_with_the_lines_to_paste() {
        let created = CreatedKeyAnswer { key: key(), secret: "bsk_4fQ2-the-rest".to_owned() };
        insta::assert_snapshot!(created_text(&created, "http://127.0.0.1:4000/"));
    }

    #[test]
    fn the_list_says_what_each_key_is_for() {
        let mut ended = key();
        (ended.id, ended.state, ended.expires_at) = ("key_3".to_owned(), "revoked".to_owned(), None);
        insta::assert_snapshot!(list_text(&KeysAnswer { keys: vec![key(), ended] }));
    }

    #[test]
    fn the_lines_to_paste_have_the_address_at_which_the_gateway_listens() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(gateway_of(folder.path()), DEFAULT_GATEWAY);
        let text = r#"{"console":"127.0.0.1:4001","gateway":"127.0.0.1:5000"}"#;
        std::fs::write(folder.path().join("listen.json"), text).unwrap();
        assert_eq!(gateway_of(folder.path()), "http://127.0.0.1:5000");
    }

    #[test]
    fn no_key_at_all_says_what_that_means_and_how_to_make_one() {
        assert!(list_text(&KeysAnswer { keys: Vec::new() }).contains("bursar keys create"));
    }
}
