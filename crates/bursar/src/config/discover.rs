//! Providers that Bursar knows, and those whose credentials are in the environment.

use super::Environment;
use super::provider::{ProviderSection, SecretSource};

/// What Bursar knows of a kind of provider.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KnownProvider {
    /// The kind's name, which is the provider's name in the price list too.
    pub(crate) name: &'static str,
    /// Its public base URL; `None` where every customer has their own.
    pub(crate) base_url: Option<&'static str>,
    /// Environment variables that its own SDK reads the credential from, first come first taken.
    pub(crate) key_variables: &'static [&'static str],
    /// The variable that its own SDK reads the base URL from.
    pub(crate) url_variable: Option<&'static str>,
    /// Models that go to it when nothing else is said.
    pub(crate) models: &'static [&'static str],
    /// Whether it is set up without a credential, the client's own then passing through.
    pub(crate) always: bool,
}

const fn known(
    name: &'static str,
    base_url: &'static str,
    key_variables: &'static [&'static str],
) -> KnownProvider {
    KnownProvider {
        name,
        base_url: Some(base_url),
        key_variables,
        url_variable: None,
        models: &[],
        always: false,
    }
}

/// Every kind that `kind = "…"` may name. The base URLs are those that the providers' own documentation gives;
/// a base URL ends where the dialect's own path (`/v1/…`, `/v1beta/…`) begins.
pub(crate) fn known_providers() -> &'static [KnownProvider] {
    const OPENAI_MODELS: &[&str] =
        &["gpt-*", "chatgpt-*", "o1*", "o3*", "o4*", "text-embedding-*", "whisper-*", "tts-*", "dall-e-*"];
    const KNOWN: &[KnownProvider] = &[
        KnownProvider {
            models: OPENAI_MODELS,
            always: true,
            ..known("openai", "https://api.openai.com", &["OPENAI_API_KEY"])
        },
        KnownProvider {
            models: &["claude-*"],
            always: true,
            ..known("anthropic", "https://api.anthropic.com", &["ANTHROPIC_API_KEY"])
        },
        KnownProvider {
            models: &["gemini-*", "gemma-*"],
            always: true,
            ..known(
                "gemini",
                "https://generativelanguage.googleapis.com",
                &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
            )
        },
        KnownProvider {
            base_url: None,
            url_variable: Some("AZURE_OPENAI_ENDPOINT"),
            ..known("azure", "", &["AZURE_OPENAI_API_KEY"])
        },
        KnownProvider { base_url: None, ..known("vertex", "", &[]) },
        KnownProvider { base_url: None, ..known("bedrock", "", &["AWS_BEARER_TOKEN_BEDROCK"]) },
        KnownProvider {
            models: &["mistral-*", "codestral-*", "ministral-*", "magistral-*", "devstral-*", "pixtral-*"],
            ..known("mistral", "https://api.mistral.ai", &["MISTRAL_API_KEY"])
        },
        KnownProvider {
            models: &["deepseek-*"],
            ..known("deepseek", "https://api.deepseek.com", &["DEEPSEEK_API_KEY"])
        },
        KnownProvider { models: &["grok-*"], ..known("xai", "https://api.x.ai", &["XAI_API_KEY"]) },
        KnownProvider {
            models: &["command-*", "embed-*", "rerank-*"],
            ..known("cohere", "https://api.cohere.com", &["COHERE_API_KEY", "CO_API_KEY"])
        },
        known("groq", "https://api.groq.com/openai", &["GROQ_API_KEY"]),
        known("openrouter", "https://openrouter.ai/api", &["OPENROUTER_API_KEY"]),
        known("together", "https://api.together.xyz", &["TOGETHER_API_KEY"]),
        known("fireworks", "https://api.fireworks.ai/inference", &["FIREWORKS_API_KEY"]),
        KnownProvider {
            models: &["sonar*"],
            ..known("perplexity", "https://api.perplexity.ai", &["PERPLEXITY_API_KEY"])
        },
        known("moonshot", "https://api.moonshot.ai", &["MOONSHOT_API_KEY"]),
        known("alibaba", "https://dashscope-intl.aliyuncs.com/compatible-mode", &["DASHSCOPE_API_KEY"]),
        known("huggingface", "https://router.huggingface.co", &["HF_TOKEN"]),
        KnownProvider { url_variable: Some("OLLAMA_HOST"), ..known("ollama", "http://127.0.0.1:11434", &[]) },
        KnownProvider { base_url: None, ..known("vllm", "", &[]) },
        KnownProvider { base_url: None, ..known("openai_compatible", "", &[]) },
    ];
    KNOWN
}

/// The providers of a start without `[[provider]]` sections: OpenAI, Anthropic and Gemini always, the others
/// where their credential is in the environment.
pub(crate) fn from_environment(env: Environment<'_>) -> Vec<ProviderSection> {
    known_providers().iter().filter_map(|kind| discover(kind, env)).collect()
}

fn discover(kind: &'static KnownProvider, env: Environment<'_>) -> Option<ProviderSection> {
    let has_value = |name: &&&str| env(name).is_some_and(|v| !v.trim().is_empty());
    let variable = kind.key_variables.iter().find(has_value);
    let named_url = kind.url_variable.filter(|name| has_value(&name)).and_then(env);
    let needs_none = kind.key_variables.is_empty() && named_url.is_some();
    if variable.is_none() && !kind.always && !needs_none {
        return None;
    }
    let url = named_url.map(|url| as_url(&url, kind)).or_else(|| kind.base_url.map(str::to_owned))?;
    let mut provider = ProviderSection::of_kind(kind);
    provider.base_urls = vec![url.trim_end_matches('/').to_owned()];
    provider.api_keys = variable.map(|name| SecretSource::Env((*name).to_owned())).into_iter().collect();
    Some(provider)
}

/// A variable may hold a mere host, as Ollama's own does: scheme and port are then those of the usual base URL.
fn as_url(given: &str, kind: &KnownProvider) -> String {
    let given = given.trim();
    if given.contains("://") {
        return given.to_owned();
    }
    let usual = kind.base_url.unwrap_or("https://");
    let (scheme, place) = usual.split_once("://").unwrap_or(("https", ""));
    let port = place.rsplit_once(':').map_or(String::new(), |(_, port)| format!(":{port}"));
    let has_port = given.rsplit_once(':').is_some_and(|(_, end)| end.parse::<u16>().is_ok());
    format!("{scheme}://{given}{}", if has_port { "" } else { &port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_in_the_environment_brings_its_provider() {
        let env = |name: &str| match name {
            "GROQ_API_KEY" => Some("gsk".to_owned()),
            "AZURE_OPENAI_API_KEY" => Some("az".to_owned()),
            "AZURE_OPENAI_ENDPOINT" => Some("https://me.openai.azure.com/".to_owned()),
            _ => None,
        };
        let found: Vec<(String, String)> =
            from_environment(&env).into_iter().map(|p| (p.name, p.base_urls[0].clone())).collect();
        assert!(found.contains(&("azure".to_owned(), "https://me.openai.azure.com".to_owned())));
        assert!(found.iter().any(|(name, _)| name == "groq"));
        assert!(!found.iter().any(|(name, _)| name == "mistral"));
    }

    #[test]
    fn an_empty_variable_is_no_credential() {
        let env = |name: &str| (name == "OPENAI_API_KEY").then(String::new);
        let openai = from_environment(&env).into_iter().find(|p| p.name == "openai").unwrap();
        assert!(openai.api_keys.is_empty());
    }

    #[test]
    fn ollamas_host_brings_it_with_or_without_scheme_and_port() {
        for (host, url) in [
            ("http://gpu:8080/", "http://gpu:8080"),
            ("0.0.0.0", "http://0.0.0.0:11434"),
            ("gpu:8080", "http://gpu:8080"),
        ] {
            let env = |name: &str| (name == "OLLAMA_HOST").then(|| host.to_owned());
            let found = from_environment(&env).into_iter().find(|p| p.name == "ollama").unwrap();
            assert_eq!((found.base_urls[0].as_str(), found.api_keys.len()), (url, 0), "{host}");
        }
        assert!(from_environment(&|_| None).iter().all(|p| p.name != "ollama"));
    }
}
