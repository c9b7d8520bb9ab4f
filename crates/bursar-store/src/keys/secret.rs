//! Secrets of virtual keys.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::error::StoreError;

/// How every secret begins.
const MARK: &str = "bsk_";
/// The length of a secret: the mark and 256 random bits, six to a character.
const LENGTH: usize = MARK.len() + 43;
/// Characters of the secret that are kept to recognise it by, the mark included.
const PREFIX: usize = 8;

/// The SHA-256 of a secret: what is stored. The secret has 256 random bits, so a plain hash cannot be guessed.
pub(crate) type SecretHash = [u8; 32];

/// The secret of a virtual key. It is neither stored nor printed by `{:?}`.
pub struct Secret(String);

impl Secret {
    /// A new secret from the operating system's randomness.
    pub(crate) fn new() -> Result<Secret, StoreError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|e| StoreError::NoRandomness(e.to_string()))?;
        Ok(Secret(format!("{MARK}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// The secret itself, to be shown once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.0[..PREFIX]
    }

    pub(crate) fn hash(&self) -> SecretHash {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({}…)", self.prefix())
    }
}

/// The hash of a text that may be a secret; `None` for one that cannot be.
pub(crate) fn hash_of(text: &str) -> Option<SecretHash> {
    (text.len() == LENGTH && text.starts_with(MARK)).then(|| Sha256::digest(text.as_bytes()).into())
}

/// A new name for a key.
pub(crate) fn new_id() -> Result<String, StoreError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|e| StoreError::NoRandomness(e.to_string()))?;
    Ok(format!("key_{:016x}", u64::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_recognised_by_its_hash_and_never_printed() {
        let secret = Secret::new().unwrap();
        assert_eq!(secret.reveal().len(), LENGTH);
        assert_eq!(hash_of(secret.reveal()), Some(secret.hash()));
        assert!(!format!("{secret:?}").contains(&secret.reveal()[PREFIX..]));
        assert_ne!(Secret::new().unwrap().hash(), secret.hash());
    }

    #[test]
    fn what_cannot_be_a_secret_is_not_even_hashed() {
        for text in ["", "bsk_", "sk-proj-abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrs"] {
            assert_eq!(hash_of(text), None);
        }
    }
}
