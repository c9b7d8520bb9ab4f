//! A provider's base URL, taken apart once.

use bursar_wire::Vendor;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};

use crate::config::ConfigError;

/// Where an endpoint is.
pub(crate) struct Address {
    /// The URL that a connection is made to.
    pub(crate) origin: Uri,
    /// The `host` header.
    pub(crate) host: HeaderValue,
    /// What stands in front of the dialect's own path.
    prefix: String,
}

impl Address {
    pub(crate) fn parse(provider: &str, base_url: &str) -> Result<Address, ConfigError> {
        let bad = |why: String| ConfigError::BadUrl {
            provider: provider.to_owned(),
            url: base_url.to_owned(),
            why,
        };
        let uri: Uri = base_url.parse().map_err(|e: http::uri::InvalidUri| bad(e.to_string()))?;
        let scheme = uri.scheme().cloned().ok_or_else(|| bad("it has no http:// or https://".to_owned()))?;
        if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
            return Err(bad(format!("{scheme} is neither http nor https")));
        }
        let authority: Authority =
            uri.authority().cloned().ok_or_else(|| bad("it has no host".to_owned()))?;
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(bad("it has a user or a query; credentials stand in api_keys".to_owned()));
        }
        let host = HeaderValue::from_str(authority.as_str()).map_err(|e| bad(e.to_string()))?;
        let prefix = uri.path().trim_end_matches('/').to_owned();
        let origin = Uri::builder().scheme(scheme).authority(authority).path_and_query("/").build();
        Ok(Address { origin: origin.map_err(|e| bad(e.to_string()))?, host, prefix })
    }

    /// The path to ask for: the endpoint's prefix and the dialect's own path. `None` where they make no path.
    pub(crate) fn path(&self, vendor: Vendor, path_and_query: &str) -> Option<PathAndQuery> {
        let own = self.without_what_the_prefix_says(vendor, path_and_query);
        // Azure keeps OpenAI's paths under /openai.
        let azure = vendor == Vendor::Azure && own.starts_with("/v1/");
        let middle = if azure && !self.prefix.ends_with("/openai") { "/openai" } else { "" };
        if self.prefix.is_empty() && middle.is_empty() {
            return own.parse().ok();
        }
        format!("{}{middle}{own}", self.prefix).parse().ok()
    }

    /// The dialect's path without the beginning that the base URL has already. Base URLs are often written as the
    /// SDKs want them, with the version at their end: `https://api.groq.com/openai/v1`.
    fn without_what_the_prefix_says<'p>(&self, vendor: Vendor, path: &'p str) -> &'p str {
        let deployments = path.strip_prefix("/openai").filter(|rest| rest.starts_with("/deployments/"));
        if vendor == Vendor::Azure
            && let Some(rest) = deployments
            && self.prefix.ends_with("/openai")
        {
            return rest;
        }
        let mut segments = self.prefix.rsplit('/');
        let last = segments.next().unwrap_or_default();
        // Google's own surface for OpenAI's clients is at /v1beta/openai.
        let version = if last == "openai" { segments.next().unwrap_or_default() } else { last };
        let own_versions =
            matches!(vendor, Vendor::Anthropic | Vendor::Gemini | Vendor::Vertex | Vendor::Cohere);
        let first = path[1.min(path.len())..].split(['/', '?']).next().unwrap_or_default();
        let is_said = if own_versions { version == first } else { is_version(version) && first == "v1" };
        match path.get(1 + first.len()..) {
            Some(rest) if is_said && is_version(first) && rest.starts_with('/') => rest,
            _ => path,
        }
    }
}

/// Whether a segment of a path is a version, such as `v1` or `v1beta`.
fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(vendor: Vendor, base_url: &str, path: &str) -> String {
        Address::parse("p", base_url).unwrap().path(vendor, path).unwrap().to_string()
    }

    #[test]
    fn a_version_in_the_base_url_takes_the_place_of_the_dialects_own() {
        let chat = "/v1/chat/completions?a=b";
        for (vendor, base_url, expected) in [
            (Vendor::OpenAi, "https://h", "/v1/chat/completions?a=b"),
            (Vendor::OpenAi, "https://h/v1", "/v1/chat/completions?a=b"),
            (Vendor::Groq, "https://h/openai/v1/", "/openai/v1/chat/completions?a=b"),
            (Vendor::Groq, "https://h/openai", "/openai/v1/chat/completions?a=b"),
            (Vendor::Other, "https://h/api/paas/v4", "/api/paas/v4/chat/completions?a=b"),
            (Vendor::Other, "https://h/v1beta/openai", "/v1beta/openai/chat/completions?a=b"),
            (Vendor::Other, "https://h/v1/account/openai", "/v1/account/openai/v1/chat/completions?a=b"),
            (Vendor::Azure, "https://h/openai/v1", "/openai/v1/chat/completions?a=b"),
            (Vendor::Azure, "https://h", "/openai/v1/chat/completions?a=b"),
        ] {
            assert_eq!(asked(vendor, base_url, chat), expected, "{base_url}");
        }
    }

    #[test]
    fn other_dialects_keep_their_versions_unless_the_base_url_ends_in_the_same() {
        let gemini = "/v1beta/models/m:generateContent";
        for (vendor, base_url, path, expected) in [
            (Vendor::Gemini, "https://h/v1beta", gemini, gemini),
            (Vendor::Gemini, "https://h/v1", gemini, "/v1/v1beta/models/m:generateContent"),
            (Vendor::Anthropic, "https://h/v1", "/v1/messages", "/v1/messages"),
            (
                Vendor::Anthropic,
                "https://h/v1/account/anthropic",
                "/v1/messages",
                "/v1/account/anthropic/v1/messages",
            ),
            (Vendor::Cohere, "https://h/v2", "/v2/chat", "/v2/chat"),
        ] {
            assert_eq!(asked(vendor, base_url, path), expected, "{base_url}");
        }
    }

    #[test]
    fn azures_deployments_stand_under_openai_once() {
        let path = "/openai/deployments/d/chat/completions?api-version=1";
        for base_url in ["https://h", "https://h/openai"] {
            assert_eq!(asked(Vendor::Azure, base_url, path), path, "{base_url}");
        }
    }
}
