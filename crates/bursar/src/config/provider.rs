//! `[[provider]]`: whom requests are forwarded to.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::discover::{KnownProvider, known_providers};
use super::{Environment, Problem, Section};

/// One provider.
#[derive(Clone, Debug)]
pub(crate) struct ProviderSection {
    /// The name in paths, records and reports.
    pub(crate) name: String,
    /// The kind, which says the dialect, the credential's header and the usage conventions.
    pub(crate) kind: &'static KnownProvider,
    /// Where it answers: one or more base URLs, without a trailing slash.
    pub(crate) base_urls: Vec<String>,
    /// The region that the endpoints serve from, where prices depend on it.
    pub(crate) region: Option<String>,
    /// The provider's own credentials; empty where the client's credential passes through.
    pub(crate) api_keys: Vec<SecretSource>,
    /// Models that go to this provider, `*` at the end matching any rest; empty for any.
    pub(crate) models: Vec<String>,
    /// Providers to try, in order, where this one fails.
    pub(crate) fallback: Vec<String>,
    /// The name in the price list, where it is another.
    pub(crate) price_as: Option<String>,
    /// How usage is obtained from streams.
    pub(crate) stream_usage: StreamUsage,
    /// Attempts after the first, on failures that are safe to repeat.
    pub(crate) retries: u64,
    /// The time for a connection to be made.
    pub(crate) connect_timeout: Duration,
    /// The time until the response's head.
    pub(crate) first_byte_timeout: Duration,
    /// The time between two pieces of a response.
    pub(crate) idle_timeout: Duration,
}

/// How usage is obtained from streams that carry it only on request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamUsage {
    /// Bursar asks for it, and hides the extra chunk from a client that did not.
    Ask,
    /// The server sends it unasked.
    Always,
    /// The server does not know the option; what was streamed is counted.
    Never,
}

/// Where a secret is read from. The secret itself is never in the configuration.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// An environment variable.
    Env(String),
    /// A file whose content, without surrounding white space, is the secret.
    File(PathBuf),
}

impl SecretSource {
    pub(crate) fn parse(text: &str) -> Result<SecretSource, String> {
        if let Some(name) = text.strip_prefix("env:") {
            return Ok(SecretSource::Env(name.to_owned()));
        }
        if let Some(path) = text.strip_prefix("file:") {
            return Ok(SecretSource::File(PathBuf::from(path)));
        }
        Err("secrets do not stand in the configuration; write \"env:NAME\" or \"file:PATH\"".to_owned())
    }

    /// Reads the secret; `Err` says why it cannot be read, without repeating it.
    pub(crate) fn resolve(&self, env: Environment<'_>) -> Result<String, String> {
        let secret = match self {
            SecretSource::Env(name) => {
                env(name).ok_or_else(|| format!("the environment has no variable {name}"))?
            }
            SecretSource::File(path) => std::fs::read_to_string(path)
                .map_err(|e| format!("the file {} cannot be read: {e}", path.display()))?,
        };
        let secret = secret.trim();
        if secret.is_empty() { Err(format!("{self} is empty")) } else { Ok(secret.to_owned()) }
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretSource::Env(name) => write!(f, "env:{name}"),
            SecretSource::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ProviderSection {
    /// A provider with the defaults of its kind.
    pub(crate) fn of_kind(kind: &'static KnownProvider) -> ProviderSection {
        ProviderSection {
            name: kind.name.to_owned(),
            kind,
            base_urls: kind.base_url.map(str::to_owned).into_iter().collect(),
            region: None,
            api_keys: Vec::new(),
            models: kind.models.iter().map(|&m| m.to_owned()).collect(),
            fallback: Vec::new(),
            price_as: None,
            stream_usage: StreamUsage::Ask,
            retries: 2,
            connect_timeout: Duration::from_secs(5),
            first_byte_timeout: Duration::from_secs(600),
            idle_timeout: Duration::from_secs(300),
        }
    }

    pub(crate) fn read(mut s: Section<'_>, problems: &mut Vec<Problem>) -> Option<ProviderSection> {
        let name = s.text("name");
        let kinds: Vec<(&str, &'static KnownProvider)> =
            known_providers().iter().map(|k| (k.name, k)).collect();
        let kind = if s.has("kind") {
            s.choice("kind", &kinds)
        } else {
            let names: Vec<&str> = kinds.iter().map(|(n, _)| *n).collect();
            s.wrong("kind", format!("is missing; it says what the provider speaks: {}", names.join(", ")));
            None
        };
        if name.is_none() {
            s.wrong("name", "is missing; it is the provider's name in reports, such as \"openai\"");
        }
        let defaults = ProviderSection::of_kind(kind.unwrap_or(&known_providers()[0]));
        let base_urls = read_base_urls(&mut s, &defaults, kind.is_some());
        let api_keys = read_keys(&mut s);
        let stream_usage =
            [("ask", StreamUsage::Ask), ("always", StreamUsage::Always), ("never", StreamUsage::Never)];
        let provider = ProviderSection {
            name: name.clone().unwrap_or_default(),
            base_urls,
            api_keys,
            region: s.text("region"),
            models: s.texts("models"),
            fallback: s.texts("fallback"),
            price_as: s.text("price_as"),
            stream_usage: s.choice("stream_usage", &stream_usage).unwrap_or(defaults.stream_usage),
            retries: s.number("retries").unwrap_or(defaults.retries),
            connect_timeout: s.duration("connect_timeout").unwrap_or(defaults.connect_timeout),
            first_byte_timeout: s.duration("first_byte_timeout").unwrap_or(defaults.first_byte_timeout),
            idle_timeout: s.duration("idle_timeout").unwrap_or(defaults.idle_timeout),
            ..defaults
        };
        s.finish(problems);
        // One without a valid kind is kept for the checks that look at all of them; it is a problem already.
        name.is_some().then_some(provider)
    }
}

fn read_base_urls(s: &mut Section<'_>, defaults: &ProviderSection, kind_known: bool) -> Vec<String> {
    let single = s.text("base_url");
    let several = s.texts("base_urls");
    if single.is_some() && !several.is_empty() {
        s.wrong("base_url", "stands beside base_urls; give one of the two");
    }
    let given: Vec<String> = single.into_iter().chain(several).collect();
    for url in &given {
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            s.wrong("base_url", format!("{url:?} starts with neither http:// nor https://"));
        }
    }
    if given.is_empty() && defaults.base_urls.is_empty() && kind_known {
        s.wrong("base_url", "is missing, and this kind has no usual one; such as \"http://127.0.0.1:8000\"");
    }
    let urls = if given.is_empty() { defaults.base_urls.clone() } else { given };
    urls.into_iter().map(|u| u.trim_end_matches('/').to_owned()).collect()
}

fn read_keys(s: &mut Section<'_>) -> Vec<SecretSource> {
    let mut sources = Vec::new();
    for (i, text) in s.texts("api_keys").iter().enumerate() {
        match SecretSource::parse(text) {
            Ok(source) => sources.push(source),
            Err(why) => s.wrong(&format!("api_keys[{i}]"), why),
        }
    }
    sources
}

/// What can only be seen with all providers at hand.
pub(crate) fn check_together(providers: &[ProviderSection], problems: &mut Vec<Problem>) {
    for (i, provider) in providers.iter().enumerate() {
        if providers[..i].iter().any(|p| p.name == provider.name) {
            let message = format!("{:?} is the name of an earlier provider; names differ", provider.name);
            problems.push(Problem::new(format!("provider[{i}].name"), message));
        }
        for name in &provider.fallback {
            if !providers.iter().any(|p| p.name == *name) {
                let message = format!("there is no provider {name:?} to fall back to");
                problems.push(Problem::new(format!("provider[{i}].fallback"), message));
            }
        }
    }
}
