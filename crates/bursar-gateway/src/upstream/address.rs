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
        // Azure keeps OpenAI's paths under /openai.
        let azure = vendor == Vendor::Azure && path_and_query.starts_with("/v1/");
        let middle = if azure && !self.prefix.ends_with("/openai") { "/openai" } else { "" };
        if self.prefix.is_empty() && middle.is_empty() {
            return path_and_query.parse().ok();
        }
        format!("{}{middle}{path_and_query}", self.prefix).parse().ok()
    }
}
