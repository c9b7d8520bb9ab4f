//! `bursar.toml`: one file per section, every problem reported at once with its field path.
//!
//! Order of precedence: command line, then environment (`BURSAR_GATEWAY_LISTEN` …), then the file, then the
//! defaults. Secrets never stand in the file: a key is `env:NAME` or `file:PATH`.

mod budgets;
mod console;
mod discover;
mod gateway;
mod gpu;
mod notify;
mod problems;
mod provider;
mod section;
mod store;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub(crate) use budgets::{BudgetsSection, json_of};
pub(crate) use console::ConsoleSection;
pub(crate) use gateway::{GatewaySection, OrRefuse, StoreFailure, UnpricedPolicy};
pub(crate) use gpu::{GpuNodeSection, GpuSection, exporter_url};
pub(crate) use notify::{ChannelSection, ChannelWay, NotifySection, Plain};
pub(crate) use problems::{ConfigProblems, Problem};
pub(crate) use provider::{ProviderSection, SecretSource, StreamUsage};
pub(crate) use section::Section;
pub(crate) use store::{DurabilityChoice, StoreSection};

/// Where the values came from and what they are.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The file that was read, where there was one.
    pub(crate) file: Option<PathBuf>,
    /// The data plane.
    pub(crate) gateway: GatewaySection,
    /// The control plane.
    pub(crate) console: ConsoleSection,
    /// The data folder.
    pub(crate) store: StoreSection,
    /// The providers, in the order in which they are tried.
    pub(crate) providers: Vec<ProviderSection>,
    /// The budgets, and the classes of models that they may ask for.
    pub(crate) budgets: BudgetsSection,
    /// Where warnings are told.
    pub(crate) notify: NotifySection,
    /// Nodes with GPUs.
    pub(crate) gpu: GpuSection,
}

/// A way to read the environment, so that tests bring their own.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The file that is read when none is named.
pub(crate) const DEFAULT_FILE: &str = "bursar.toml";

impl Config {
    /// Reads the named file; without a name, `bursar.toml` in the working folder where it exists.
    pub(crate) fn load(named: Option<&Path>, env: Environment<'_>) -> Result<Config, ConfigProblems> {
        let file = match named {
            Some(path) => Some(path.to_owned()),
            None => Some(PathBuf::from(DEFAULT_FILE)).filter(|p| p.is_file()),
        };
        let text = match &file {
            Some(path) => std::fs::read_to_string(path).map_err(|e| ConfigProblems::unreadable(path, &e))?,
            None => String::new(),
        };
        Config::parse(file, &text, env)
    }

    /// Reads the text of a configuration file.
    pub(crate) fn parse(
        file: Option<PathBuf>,
        text: &str,
        env: Environment<'_>,
    ) -> Result<Config, ConfigProblems> {
        let table: toml::Table =
            text.parse().map_err(|e: toml::de::Error| ConfigProblems::not_toml(file.as_deref(), &e))?;
        let mut problems = Vec::new();
        let mut root = Section::root(table, env);
        let gateway = GatewaySection::read(root.section("gateway"), &mut problems);
        let console = ConsoleSection::read(root.section("console"), &mut problems);
        let store = StoreSection::read(root.section("store"), &mut problems);
        let mut providers: Vec<ProviderSection> = root
            .sections("provider")
            .into_iter()
            .filter_map(|section| ProviderSection::read(section, &mut problems))
            .collect();
        let budgets = BudgetsSection::read(root.whole("budget"), root.whole("model_tiers"), &mut problems);
        let notify = NotifySection::read(root.section("notify"), &mut problems);
        let gpu = GpuSection::read(root.section("gpu"), &mut problems);
        root.finish(&mut problems);
        provider::check_together(&providers, &mut problems);
        check_listeners(gateway.listen, &console, &mut problems);
        if providers.is_empty() {
            providers = discover::from_environment(env);
        }
        gpu.check_together(&providers, &mut problems);
        if problems.is_empty() {
            Ok(Config { file, gateway, console, store, providers, budgets, notify, gpu })
        } else {
            Err(ConfigProblems::of(file, problems))
        }
    }
}

fn check_listeners(gateway: SocketAddr, console: &ConsoleSection, problems: &mut Vec<Problem>) {
    if gateway == console.listen && gateway.port() != 0 {
        problems.push(Problem::new(
            "console.listen",
            format!("{gateway} is also gateway.listen; the two listen on different ports"),
        ));
    }
    if !console.listen.ip().is_loopback() && console.token.is_none() {
        problems.push(Problem::new(
            "console.token",
            format!(
                "the control API listens on {}, which other machines reach, so it needs a token: \
                 token = \"env:BURSAR_CONSOLE_TOKEN\"",
                console.listen
            ),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn no_file_gives_a_configuration_that_starts_on_loopback() {
        let config = Config::parse(None, "", &nothing).unwrap();
        assert_eq!(config.gateway.listen.to_string(), "127.0.0.1:4000");
        assert_eq!(config.console.listen.to_string(), "127.0.0.1:4001");
        let names: Vec<&str> = config.providers.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["openai", "anthropic", "gemini"]);
    }

    #[test]
    fn every_problem_is_reported_at_once_with_its_field_path() {
        let text = r#"
            colour = "blue"
            [gateway]
            listen = "nowhere"
            max_body = "12 parsecs"
            unpriced = "maybe"
            budget_status = 418
            uncovered = "perhaps"
            require_labels = ["team", "colour"]
            [store]
            durabillity = "disk"
            [[provider]]
            name = "openai"
            kind = "openal"
            base_url = "ftp://x"
            api_keys = ["sk-literally-in-the-file"]
            [[provider]]
            name = "openai"
            kind = "openai"
            fallback = ["nobody"]
            [model_tiers]
            frontier = "*-pro"
            [[budget]]
            name = "support"
            scope = { team = "support" }
            amuont = "5"
            period = { every = "month", zone = "Mars/Olympus" }
        "#;
        let problems = Config::parse(None, text, &nothing).unwrap_err();
        let shown = problems.to_string();
        for path in [
            "colour",
            "gateway.listen",
            "gateway.max_body",
            "gateway.unpriced",
            "gateway.budget_status",
            "gateway.uncovered",
            "gateway.require_labels[1]",
            "store.durabillity",
            "provider[0].kind",
            "provider[0].base_url",
            "provider[0].api_keys[0]",
            "provider[1].name",
            "provider[1].fallback",
            "model_tiers.frontier",
            "budget[0].amount",
            "budget[0].period.zone",
            "budget[0].amuont",
        ] {
            assert!(shown.contains(path), "{path} is missing in:\n{shown}");
        }
        assert!(!shown.contains("sk-literally"), "a secret must not be repeated:\n{shown}");
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let env = |name: &str| (name == "BURSAR_GATEWAY_LISTEN").then(|| "127.0.0.1:5000".to_owned());
        let config = Config::parse(None, "[gateway]\nlisten = \"127.0.0.1:1\"", &env).unwrap();
        assert_eq!(config.gateway.listen.to_string(), "127.0.0.1:5000");
    }

    #[test]
    fn a_console_open_to_other_machines_needs_a_token() {
        let shown =
            Config::parse(None, "[console]\nlisten = \"0.0.0.0:4001\"", &nothing).unwrap_err().to_string();
        assert!(shown.contains("console.token"), "{shown}");
    }
}
