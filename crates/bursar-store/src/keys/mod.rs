//! Virtual keys: who may call, for whom, and with what.

mod directory;
mod secret;
mod table;

use std::net::IpAddr;

use bursar_core::{Attribution, KeyId, LabelPolicy, Timestamp};
use ipnet::IpNet;

pub use directory::KeyDirectory;
pub use secret::Secret;

use crate::error::StoreError;

/// What a new key is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySpec {
    /// The labels that the key fixes.
    pub fixed: Attribution,
    /// The labels that a caller may set.
    pub may_set: LabelPolicy,
    /// Patterns of the models that may be called, where `*` stands for any characters; `None` for all.
    pub models: Option<Vec<String>>,
    /// Addresses and networks that it may be used from; `None` for all.
    pub ips: Option<Vec<String>>,
    /// When it ends; `None` for never.
    pub expires_at: Option<Timestamp>,
}

/// A virtual key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualKey {
    /// Its name, which may be shown and logged.
    pub id: KeyId,
    /// The first characters of its secret, to recognise it by.
    pub prefix: String,
    /// The labels that it fixes.
    pub fixed: Attribution,
    /// The labels that a caller may set.
    pub may_set: LabelPolicy,
    /// Patterns of the models that may be called; `None` for all.
    pub models: Option<Vec<String>>,
    /// Addresses and networks that it may be used from; `None` for all.
    pub ips: Option<Vec<String>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// From when on it is refused: when it was revoked, or when its overlap with a new key ends.
    pub revoked_at: Option<Timestamp>,
    /// The key that took its place.
    pub replaced_by: Option<KeyId>,
    /// When it was last used, to about a minute; `None` for never.
    pub last_used_at: Option<Timestamp>,
    networks: Option<Vec<IpNet>>,
}

impl VirtualKey {
    /// Whether the key is good at this time.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        let over = |end: Option<Timestamp>| end.is_some_and(|end| end <= now);
        !over(self.expires_at) && !over(self.revoked_at)
    }

    /// Whether the key may call a model.
    #[must_use]
    pub fn allows_model(&self, model: &str) -> bool {
        self.models.as_ref().is_none_or(|patterns| patterns.iter().any(|p| matches(p, model)))
    }

    /// Whether the key may be used from an address.
    #[must_use]
    pub fn allows_ip(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.as_ref().is_none_or(|networks| networks.iter().any(|n| n.contains(&address)))
    }
}

/// Whether a text fits a pattern, in which every `*` stands for any characters, none included.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn read_networks(texts: Option<&Vec<String>>) -> Result<Option<Vec<IpNet>>, StoreError> {
    let one = |text: &String| {
        let address = || text.parse::<IpAddr>().map(|a| IpNet::from(a.to_canonical()));
        text.parse::<IpNet>().or_else(|_| address()).map_err(|_| StoreError::BadNetwork(text.clone()))
    };
    texts.map(|all| all.iter().map(one).collect()).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_in_a_pattern_stands_for_any_characters_and_everything_else_for_itself() {
        for (pattern, text, fits) in [
            ("gpt-4o", "gpt-4o", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("gpt-4o*", "gpt-4o", true),
            ("gpt-4o*", "gpt-4o-mini", true),
            ("*-mini", "gpt-4o-mini", true),
            ("*-mini", "gpt-4o", false),
            ("claude-*-4*", "claude-sonnet-4-5", true),
            ("claude-*-4*", "claude-4", false),
            ("*", "", true),
            ("", "a", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn networks_hold_addresses_of_both_families_and_mapped_ones() {
        let texts = vec!["10.0.0.0/8".to_owned(), "2001:db8::/32".to_owned(), "192.0.2.7".to_owned()];
        let networks = read_networks(Some(&texts)).unwrap().unwrap();
        let holds =
            |a: &str| networks.iter().any(|n| n.contains(&a.parse::<IpAddr>().unwrap().to_canonical()));
        assert!(holds("10.1.2.3") && holds("::ffff:10.1.2.3") && holds("2001:db8::1") && holds("192.0.2.7"));
        assert!(!holds("11.0.0.1") && !holds("2001:db9::1") && !holds("192.0.2.8"));
        assert!(read_networks(Some(&vec!["10.0.0.0/33".to_owned()])).is_err());
    }
}
