//! `bursar serve`: the gateway and the control API, until a signal ends them.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use crate::cli::GlobalArgs;
use crate::compose;
use crate::config::{Config, ProviderSection};

/// How to serve.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServeArgs {
    /// Write log lines as JSON
    #[arg(long)]
    log_json: bool,
    /// Do not print what was found and what to try
    #[arg(long, short)]
    quiet: bool,
}

/// Serves until SIGINT or SIGTERM, then lets running streams end.
pub(crate) fn run(args: &ServeArgs, global: &GlobalArgs) -> anyhow::Result<ExitCode> {
    let config = global.load_config()?;
    compose::start_logging(args.log_json);
    let runtime = compose::runtime(&config)?;
    runtime.block_on(async {
        let running = compose::start(&config).await?;
        if !args.quiet {
            eprint!("{}", greeting(&config, &running.addresses(), &|name| std::env::var(name).ok()));
        }
        compose::wait_for_a_signal().await.context("cannot listen for signals")?;
        eprintln!("stopping: running streams have {} s to end", config.gateway.drain.as_secs());
        let summary = running.stop().await?;
        eprintln!("{summary}");
        Ok(ExitCode::SUCCESS)
    })
}

/// What was found, what is missing, and what to try.
fn greeting(config: &Config, at: &compose::Addresses, env: &dyn Fn(&str) -> Option<String>) -> String {
    let file = config
        .file
        .as_deref()
        .map_or("none; defaults (bursar config init writes one)".to_owned(), |f| f.display().to_string());
    let providers: String =
        config.providers.iter().map(|p| format!("  {}\n", provider_line(p, env))).collect();
    format!(
        "Bursar {version}\n\
         gateway        http://{gateway}\n\
         control API    http://{console}\n\
         configuration  {file}\n\
         data folder    {folder}\n\
         \nProviders\n{providers}\n{tries}",
        version = env!("CARGO_PKG_VERSION"),
        gateway = at.gateway,
        console = at.console,
        folder = config.store.folder.display(),
        tries = what_to_try(config, at, env),
    )
}

fn provider_line(provider: &ProviderSection, env: &dyn Fn(&str) -> Option<String>) -> String {
    let credential = match provider.api_keys.as_slice() {
        [] => missing_credential(provider),
        [source] => state_of_key(source, env),
        several => {
            let states: Vec<String> = several.iter().map(|s| state_of_key(s, env)).collect();
            format!("{} credentials: {}", several.len(), states.join(", "))
        }
    };
    format!("{:<12} {:<52} {credential}", provider.name, provider.base_urls.join(" "))
}

fn state_of_key(source: &crate::config::SecretSource, env: &dyn Fn(&str) -> Option<String>) -> String {
    match source.resolve(&env) {
        Ok(_) => format!("credential found ({source})"),
        Err(why) => format!("no credential: {why}"),
    }
}

fn missing_credential(provider: &ProviderSection) -> String {
    match provider.kind.key_variables.first() {
        Some(variable) => format!("no credential; set {variable}, or clients send their own"),
        None => "no credential needed".to_owned(),
    }
}

fn what_to_try(config: &Config, at: &compose::Addresses, env: &dyn Fn(&str) -> Option<String>) -> String {
    let usable = |p: &&ProviderSection| p.api_keys.iter().any(|s| s.resolve(&env).is_ok());
    let speaks_anthropic = config.providers.iter().find(usable).is_some_and(|p| p.kind.name == "anthropic");
    let gateway = at.gateway;
    let curl = if speaks_anthropic {
        format!(
            "  curl http://{gateway}/v1/messages -H 'anthropic-version: 2023-06-01' \
             -H \"x-api-key: $ANTHROPIC_API_KEY\" \\\n    -H 'content-type: application/json' \
             -d '{{\"model\":\"claude-haiku-4-5\",\"max_tokens\":64,\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'\n"
        )
    } else {
        format!(
            "  curl http://{gateway}/v1/chat/completions -H \"Authorization: Bearer $OPENAI_API_KEY\" \\\n    \
             -H 'content-type: application/json' \
             -d '{{\"model\":\"gpt-4o-mini\",\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'\n"
        )
    };
    format!(
        "Try\n{curl}\
         \x20 OpenAI SDK     export OPENAI_BASE_URL=http://{gateway}/v1\n\
         \x20 Anthropic SDK  export ANTHROPIC_BASE_URL=http://{gateway}\n\
         \x20 Gemini SDK     export GOOGLE_GEMINI_BASE_URL=http://{gateway}\n\
         \x20 then           bursar spend --by team,model --since 1h\n\
         \x20 give a team its own key:  bursar keys create --team support --app helpdesk\n\
         \x20 without any provider:     bursar demo\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting_for(text: &str, env: &dyn Fn(&str) -> Option<String>) -> String {
        let config = Config::parse(None, text, &env).unwrap();
        let at = compose::Addresses {
            gateway: "127.0.0.1:4000".parse().unwrap(),
            console: "127.0.0.1:4001".parse().unwrap(),
        };
        greeting(&config, &at, env)
    }

    #[test]
    fn a_start_without_anything_says_what_is_missing_and_what_to_try() {
        insta::assert_snapshot!(greeting_for("", &|_| None));
    }

    #[test]
    fn a_found_credential_is_named_by_its_variable_and_never_shown() {
        let env = |name: &str| (name == "ANTHROPIC_API_KEY").then(|| "sk-ant-secret".to_owned());
        let shown = greeting_for("", &env);
        assert!(shown.contains("credential found (env:ANTHROPIC_API_KEY)"), "{shown}");
        assert!(shown.contains("/v1/messages"), "{shown}");
        assert!(!shown.contains("sk-ant-secret"), "{shown}");
    }

    #[test]
    fn a_configured_credential_that_is_not_there_is_said() {
        let text = "[[provider]]\nname=\"openai\"\nkind=\"openai\"\napi_keys=[\"env:MY_KEY\"]";
        assert!(greeting_for(text, &|_| None).contains("the environment has no variable MY_KEY"));
    }
}
