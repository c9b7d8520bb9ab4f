//! Which provider a request goes to, and which come after it.

use bursar_wire::{Dialect, ErrorKind, Surface, Vendor};

use crate::config::ProviderConfig;
use crate::error::{Refusal, refuse};

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// Providers by index, the first choice first.
    pub(crate) providers: Vec<usize>,
    /// The model without the prefix that chose the provider, where there was one.
    pub(crate) bare_model: Option<String>,
    /// Why.
    pub(crate) reason: String,
}

/// What a route is chosen by.
pub(crate) struct Wanted<'a> {
    pub(crate) surface: Surface,
    pub(crate) dialect: Dialect,
    /// The provider that the path names.
    pub(crate) named: Option<&'a str>,
    pub(crate) model: Option<&'a str>,
    /// The path, without a provider's name.
    pub(crate) path: &'a str,
}

/// Chooses: the provider that the path names; Azure for a path that only Azure has; the first that prefers the
/// model; that of the model's prefix; the first that speaks the dialect. Behind it stand its fallbacks, in order.
pub(crate) fn choose(providers: &[ProviderConfig], wanted: &Wanted<'_>) -> Result<Route, Refusal> {
    if let Some(name) = wanted.named {
        let Some(index) = providers.iter().position(|p| p.name == name) else {
            return Err(unknown_provider(providers, name));
        };
        return Ok(route(providers, index, None, format!("the path names provider {name}")));
    }
    if wanted.path.starts_with("/openai/deployments/")
        && let Some(index) = providers.iter().position(|p| p.vendor == Vendor::Azure)
    {
        let reason =
            format!("the path is one of Azure's, and {} is the first of its kind", providers[index].name);
        return Ok(route(providers, index, None, reason));
    }
    let speaks = |p: &ProviderConfig| p.speaks(wanted.dialect);
    let model = wanted.model.unwrap_or_default();
    let preferring = providers.iter().position(|p| speaks(p) && p.prefers(model));
    if let Some(index) = preferring.filter(|_| !model.is_empty()) {
        let reason = format!("provider {} takes models like {model}", providers[index].name);
        return Ok(route(providers, index, None, reason));
    }
    if let Some((prefix, bare)) = model.split_once('/')
        && let Some(index) = providers.iter().position(|p| p.name == prefix && speaks(p))
    {
        let reason = format!("the model's prefix names provider {prefix}");
        return Ok(route(providers, index, Some(bare.to_owned()), reason));
    }
    let Some(index) = providers.iter().position(speaks) else {
        return Err(refuse(
            ErrorKind::NotFound,
            format!("No provider is set up that speaks {}.", wanted.surface.name()),
        ));
    };
    let reason = format!("{} is the first provider that speaks this dialect", providers[index].name);
    Ok(route(providers, index, None, reason))
}

fn unknown_provider(providers: &[ProviderConfig], name: &str) -> Refusal {
    let names: Vec<&str> = providers.iter().map(|p| p.name.as_str()).collect();
    refuse(ErrorKind::NotFound, format!("There is no provider {name:?}; there are {}.", names.join(", ")))
}

fn route(providers: &[ProviderConfig], first: usize, bare_model: Option<String>, reason: String) -> Route {
    let mut order = vec![first];
    for name in &providers[first].fallback {
        if let Some(index) = providers.iter().position(|p| p.name == *name)
            && !order.contains(&index)
        {
            order.push(index);
        }
    }
    Route { providers: order, bare_model, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn providers() -> Vec<ProviderConfig> {
        let provider = |name: &str, vendor| ProviderConfig::new(name, vendor, "http://127.0.0.1:1");
        let mut openai = provider("openai", Vendor::OpenAi);
        openai.models = vec!["gpt-*".to_owned()];
        openai.fallback = vec!["azure".to_owned()];
        let mut groq = provider("groq", Vendor::Groq);
        groq.models = vec!["llama-*".to_owned()];
        vec![openai, provider("azure", Vendor::Azure), groq, provider("anthropic", Vendor::Anthropic)]
    }

    fn chosen(model: &str, named: Option<&str>, surface: Surface) -> Route {
        let wanted = Wanted { surface, dialect: surface.dialect(), named, model: Some(model), path: "" };
        choose(&providers(), &wanted).unwrap()
    }

    #[test]
    fn a_model_goes_to_the_provider_that_takes_it_and_its_fallbacks_follow() {
        assert_eq!(chosen("gpt-5", None, Surface::OpenAiChat).providers, [0, 1]);
        assert_eq!(chosen("llama-3", None, Surface::OpenAiChat).providers, [2]);
        assert_eq!(chosen("anything", None, Surface::AnthropicMessages).providers, [3]);
    }

    #[test]
    fn a_prefix_chooses_the_provider_and_is_taken_off() {
        let route = chosen("groq/openai/gpt-oss-120b", None, Surface::OpenAiChat);
        assert_eq!((route.providers, route.bare_model.as_deref()), (vec![2], Some("openai/gpt-oss-120b")));
    }

    #[test]
    fn the_path_decides_before_the_model_and_an_unknown_name_says_what_there_is() {
        assert_eq!(chosen("gpt-5", Some("groq"), Surface::OpenAiChat).providers, [2]);
        let (surface, dialect) = (Surface::Other, Dialect::OpenAi);
        let wanted = Wanted { surface, dialect, named: Some("x"), model: None, path: "" };
        assert!(
            choose(&providers(), &wanted).unwrap_err().message.contains("openai, azure, groq, anthropic")
        );
    }
}
