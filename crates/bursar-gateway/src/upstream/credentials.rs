//! A provider's credentials, in its own header, each in turn; one that was told to wait rests.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bursar_wire::Vendor;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::config::{ConfigError, ProviderConfig};

/// The credentials of one provider.
pub(crate) struct Credentials {
    name: HeaderName,
    values: Vec<HeaderValue>,
    rests_until: Mutex<Vec<Option<Instant>>>,
    turn: AtomicUsize,
}

impl Credentials {
    pub(crate) fn new(provider: &ProviderConfig) -> Result<Credentials, ConfigError> {
        let (name, prefix) = match provider.vendor {
            Vendor::Anthropic => (HeaderName::from_static("x-api-key"), ""),
            Vendor::Azure => (HeaderName::from_static("api-key"), ""),
            Vendor::Gemini => (HeaderName::from_static("x-goog-api-key"), ""),
            _ => (header::AUTHORIZATION, "Bearer "),
        };
        let value = |secret: &crate::config::ProviderSecret| {
            let mut value = HeaderValue::from_str(&format!("{prefix}{}", secret.reveal()))
                .map_err(|_| ConfigError::BadSecret(provider.name.clone()))?;
            value.set_sensitive(true);
            Ok(value)
        };
        let values = provider.keys.iter().map(value).collect::<Result<Vec<_>, ConfigError>>()?;
        let rests_until = Mutex::new(vec![None; values.len()]);
        Ok(Credentials { name, values, rests_until, turn: AtomicUsize::new(0) })
    }

    /// Whether the provider has credentials of its own.
    pub(crate) fn are_set(&self) -> bool {
        !self.values.is_empty()
    }

    /// Puts the next credential that does not rest into the headers, and says which it was.
    pub(crate) fn put_into(&self, headers: &mut HeaderMap) -> Option<usize> {
        let count = self.values.len();
        if count == 0 {
            return None;
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let index = if count == 1 { 0 } else { self.awake(turn, count) };
        headers.insert(self.name.clone(), self.values[index].clone());
        Some(index)
    }

    fn awake(&self, turn: usize, count: usize) -> usize {
        let now = Instant::now();
        let rests = self.rests_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let awake = |i: &usize| rests[*i].is_none_or(|until| until <= now);
        (0..count).map(|i| (turn + i) % count).find(awake).unwrap_or(turn % count)
    }

    /// Lets a credential rest, where there are others to take its place. Whether there are.
    pub(crate) fn rest(&self, index: usize, pause: Duration) -> bool {
        let mut rests = self.rests_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(slot) = rests.get_mut(index) {
            *slot = Some(Instant::now() + pause);
        }
        let now = Instant::now();
        rests.iter().any(|until| until.is_none_or(|until| until <= now))
    }
}
