//! `bursar config`: a configuration to start from, and a check of the one at hand.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;

use super::context::print_text;
use super::doctor::{Finding, Severity};
use crate::cli::GlobalArgs;
use crate::config::{Config, DEFAULT_FILE};

const TEMPLATE: &str = include_str!("bursar.toml");

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Write an annotated bursar.toml with every setting at its default
    Init {
        /// Where to write it; `-` for standard output
        #[arg(default_value = DEFAULT_FILE)]
        file: PathBuf,
        /// Write over a file that exists
        #[arg(long)]
        force: bool,
    },
    /// Read the configuration and report every problem at once
    Check,
}

/// Does it.
pub(crate) fn run(command: &ConfigCommand, global: &GlobalArgs) -> anyhow::Result<ExitCode> {
    match command {
        ConfigCommand::Init { file, force } => init(file, *force),
        ConfigCommand::Check => check(global),
    }
}

fn init(file: &Path, force: bool) -> anyhow::Result<ExitCode> {
    if file == Path::new("-") {
        print_text(TEMPLATE)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true);
    if force {
        options.truncate(true)
    } else {
        options.create_new(true)
    };
    let mut target = options
        .open(file)
        .with_context(|| format!("cannot write {}; --force writes over a file", file.display()))?;
    target.write_all(TEMPLATE.as_bytes())?;
    print_text(&format!("wrote {0}; start with: bursar serve --config {0}\n", file.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn check(global: &GlobalArgs) -> anyhow::Result<ExitCode> {
    match Config::load(global.config_file(), &|name| std::env::var(name).ok()) {
        Ok(config) => {
            report_good(&config, global.json())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) if global.json() => {
            let list: Vec<_> = problems
                .iter()
                .map(|p| serde_json::json!({ "field": p.path, "message": p.message }))
                .collect();
            print_text(&format!("{}\n", serde_json::json!({ "ok": false, "problems": list })))?;
            Ok(ExitCode::from(crate::cli::FAILED))
        }
        Err(problems) => Err(problems.into()),
    }
}

/// What `bursar doctor` says about the configuration, and the configuration where it can be read.
pub(crate) fn findings(global: &GlobalArgs) -> (Vec<Finding>, Option<Config>) {
    let env = |name: &str| std::env::var(name).ok();
    let config = match Config::load(global.config_file(), &env) {
        Ok(config) => config,
        Err(problems) => return (problems.iter().map(problem).collect(), None),
    };
    let mut findings = vec![Finding {
        severity: Severity::Ok,
        about: "configuration",
        detail: match config.providers.len() {
            1 => "1 provider is set up".to_owned(),
            count => format!("{count} providers are set up"),
        },
        hint: String::new(),
    }];
    for provider in &config.providers {
        for source in &provider.api_keys {
            if let Err(why) = source.resolve(&env) {
                findings.push(Finding {
                    severity: Severity::Error,
                    about: "provider credential",
                    detail: format!("provider {:?}: {why}", provider.name),
                    hint: format!("set it, or take {source} out of api_keys"),
                });
            }
        }
    }
    findings.extend(config.notify.channels.iter().filter_map(|channel| channel_finding(channel, &env)));
    findings.extend(super::gpus::findings(&config));
    if let Err(error) = crate::compose::load_prices(&config) {
        findings.push(Finding {
            severity: Severity::Error,
            about: "price files",
            detail: format!("{error:#}"),
            hint: "bursar prices check names every problem".to_owned(),
        });
    }
    (findings, Some(config))
}

/// A channel for warnings that cannot be set up: nobody would be told.
fn channel_finding(
    section: &crate::config::ChannelSection,
    env: crate::config::Environment<'_>,
) -> Option<Finding> {
    let error = crate::compose::notify_config::channel(section, env).err()?;
    Some(Finding {
        severity: Severity::Error,
        about: "warnings",
        detail: format!("{error:#}"),
        hint: format!("mend it, then try it: bursar alerts test {}", section.name),
    })
}

fn problem(problem: &crate::config::Problem) -> Finding {
    Finding {
        severity: Severity::Error,
        about: "configuration",
        detail: format!("{}: {}", problem.path, problem.message),
        hint: "bursar config init writes an annotated file to start from".to_owned(),
    }
}

fn report_good(config: &Config, json: bool) -> anyhow::Result<()> {
    let names: Vec<&str> = config.providers.iter().map(|p| p.name.as_str()).collect();
    if json {
        print_text(&format!("{}\n", serde_json::json!({ "ok": true, "problems": [], "providers": names })))
    } else {
        let file = config.file.as_deref().map_or("no file, defaults".to_owned(), |f| f.display().to_string());
        print_text(&format!("configuration is good ({file}); providers: {}\n", names.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_whose_secret_is_not_there_is_told_with_how_to_try_it() {
        let text = "[[notify.channel]]\nname = \"chat\"\nkind = \"slack\"\nurl = \"env:SLACK_URL\"";
        let config = Config::parse(None, text, &|_| None).unwrap();
        let found = channel_finding(&config.notify.channels[0], &|_| None).unwrap();
        assert!(found.detail.contains("SLACK_URL") && found.hint.contains("alerts test chat"), "{found:?}");
        let url = |_: &str| Some("https://hooks.example.com/T0".to_owned());
        assert_eq!(channel_finding(&config.notify.channels[0], &url), None);
    }

    #[test]
    fn the_template_is_a_valid_configuration_and_says_the_defaults() {
        let given = Config::parse(None, TEMPLATE, &|_| None).unwrap();
        let default = Config::parse(None, "", &|_| None).unwrap();
        assert_eq!(format!("{:?}", given.gateway), format!("{:?}", default.gateway));
        assert_eq!(format!("{:?}", given.store), format!("{:?}", default.store));
        assert_eq!(format!("{:?}", given.console), format!("{:?}", default.console));
        assert_eq!(format!("{:?}", given.notify), format!("{:?}", default.notify));
        assert_eq!(format!("{:?}", given.gpu), format!("{:?}", default.gpu));
    }
}
