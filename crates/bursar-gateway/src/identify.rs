//! Who calls: the credential in the request, and the virtual key behind it.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use bursar_core::Timestamp;
use bursar_store::{KeyDirectory, VirtualKey};
use bursar_wire::ErrorKind;
use http::{HeaderMap, Uri, header};

use crate::error::{Refusal, refuse};

/// What every secret of a virtual key begins with.
const PREFIX: &str = "bsk_";

/// Who calls.
#[derive(Clone, Debug)]
pub(crate) enum Principal {
    /// The holder of a virtual key.
    Key(Arc<VirtualKey>),
    /// Anyone on this machine, while no virtual key exists.
    Open,
}

/// The headers that carry a credential in one dialect or another.
pub(crate) const CREDENTIALS: [&str; 4] = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];

/// Who calls, by the first virtual key among the request's credentials.
pub(crate) fn identify(
    headers: &HeaderMap,
    uri: &Uri,
    keys: &KeyDirectory,
    open_mode: bool,
    from: IpAddr,
    now: Timestamp,
) -> Result<Principal, Refusal> {
    let Some(secret) = virtual_secret(headers, uri) else {
        if open_mode && keys.is_empty() {
            return Ok(Principal::Open);
        }
        return Err(Box::new(
            refuse(ErrorKind::Unauthorized, "This gateway needs a virtual key, and the request has none.")
                .with_hint("Send it as your SDK's API key; bursar keys create makes one."),
        ));
    };
    let Some(key) = keys.find(secret) else {
        return Err(refuse(ErrorKind::Unauthorized, "The virtual key is not known to this gateway."));
    };
    if !key.is_active(now) {
        return Err(refuse(
            ErrorKind::Unauthorized,
            format!("The virtual key {} ({}…) has expired or was revoked.", key.id, key.prefix),
        ));
    }
    if !key.allows_ip(from) {
        return Err(refuse(
            ErrorKind::Forbidden,
            format!("The virtual key {} may not be used from {from}.", key.id),
        ));
    }
    keys.note_use(secret, now);
    Ok(Principal::Key(key))
}

fn virtual_secret<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    CREDENTIALS
        .iter()
        .flat_map(|name| headers.get_all(*name))
        .filter_map(|value| value.to_str().ok())
        .map(|value| value.split_once(' ').map_or(value, |(_, secret)| secret).trim())
        .chain(query_key(uri))
        .find(|secret| secret.starts_with(PREFIX))
}

/// The `key` parameter of the query, which Gemini's clients may use.
pub(crate) fn query_key(uri: &Uri) -> Option<&str> {
    uri.query()?.split('&').find_map(|pair| pair.strip_prefix("key="))
}

/// The path and query without the credential in the query's `key`: a virtual key never passes, and one of the
/// client's own only where it may.
pub(crate) fn without_query_key(path: &str, own_passes: bool) -> Cow<'_, str> {
    let Some((bare, query)) = path.split_once('?') else { return Cow::Borrowed(path) };
    let goes = |pair: &str| {
        pair.strip_prefix("key=").is_some_and(|secret| secret.starts_with(PREFIX) || !own_passes)
    };
    if !query.split('&').any(goes) {
        return Cow::Borrowed(path);
    }
    let kept: Vec<&str> = query.split('&').filter(|pair| !goes(pair)).collect();
    Cow::Owned(if kept.is_empty() { bare.to_owned() } else { format!("{bare}?{}", kept.join("&")) })
}

/// Whether a header carries a credential.
pub(crate) fn is_credential(name: &header::HeaderName) -> bool {
    CREDENTIALS.contains(&name.as_str())
}
