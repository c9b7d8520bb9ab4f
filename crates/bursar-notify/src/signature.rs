//! The signature of a webhook's call: HMAC-SHA256 with a shared secret over the time and the body.
//!
//! The header `x-bursar-signature` is `t=SECONDS,v1=HEX`: when the call was sent, in seconds since 1970, and the
//! HMAC-SHA256 of `SECONDS`, a full stop and the body's bytes as they are. The time is in it so that an old call cannot
//! be sent again by somebody else for ever.
//!
//! ```
//! use bursar_notify::signature::{sign, verify, BadSignature};
//!
//! let (secret, body) = (b"a secret of the two sides", br#"{"text":"a"}"#);
//! let header = sign(secret, 1_783_598_400, body);
//! assert_eq!(verify(secret, &header, body, 1_783_598_430, 300), Ok(()));
//! assert_eq!(verify(secret, &header, b"{}", 1_783_598_430, 300), Err(BadSignature::Differs));
//! assert_eq!(verify(secret, &header, body, 1_783_599_000, 300), Err(BadSignature::TooOld));
//! ```

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The header's name.
pub const HEADER: &str = "x-bursar-signature";

/// Why a call is not to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// The header is not `t=SECONDS,v1=HEX`.
    #[error("the signature is not of the form t=SECONDS,v1=HEX")]
    Malformed,
    /// It was signed too long ago, or in the future.
    #[error("the call was signed too long ago, or the clocks differ")]
    TooOld,
    /// The secret or the body is another.
    #[error("the signature does not fit the body")]
    Differs,
}

/// The header's value for a body that is sent at a time.
#[must_use]
pub fn sign(secret: &[u8], seconds: i64, body: &[u8]) -> String {
    let digest = mac(secret, seconds, body).finalize().into_bytes();
    let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
    format!("t={seconds},v1={hex}")
}

/// Whether a header fits a body, within `tolerance` seconds of now. The comparison takes the same time wherever the
/// two differ.
///
/// # Errors
///
/// [`BadSignature`] where the call is not to be believed.
pub fn verify(
    secret: &[u8],
    header: &str,
    body: &[u8],
    now: i64,
    tolerance: i64,
) -> Result<(), BadSignature> {
    let (mut seconds, mut digest) = (None, None);
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", value)) => seconds = value.parse::<i64>().ok(),
            Some(("v1", value)) => digest = bytes_of(value),
            _ => {}
        }
    }
    let (Some(seconds), Some(digest)) = (seconds, digest) else { return Err(BadSignature::Malformed) };
    if now.saturating_sub(seconds).saturating_abs() > tolerance {
        return Err(BadSignature::TooOld);
    }
    mac(secret, seconds, body).verify_slice(&digest).map_err(|_| BadSignature::Differs)
}

fn mac(secret: &[u8], seconds: i64, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key of HMAC may have any length");
    mac.update(seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    mac
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    if !hex.len().is_multiple_of(2) || !hex.is_ascii() {
        return None;
    }
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_digest_is_the_one_that_any_other_implementation_gives() {
        // printf '1783598400.{"a":1}' | openssl dgst -sha256 -hmac key
        let expected = "t=1783598400,v1=54ed6fb11477cb68cb10b7231d064cdf7f085f822ca9ad8cdc4d515c00bcbb6a";
        assert_eq!(sign(b"key", 1_783_598_400, br#"{"a":1}"#), expected);
    }

    #[test]
    fn what_is_no_signature_is_malformed() {
        for header in ["", "t=1", "v1=00", "t=x,v1=00", "t=1,v1=0", "t=1,v1=zz", "t=1,v1=ä"] {
            assert_eq!(verify(b"key", header, b"", 1, 300), Err(BadSignature::Malformed), "{header}");
        }
    }

    proptest! {
        #[test]
        fn a_changed_body_secret_or_time_never_fits(
            body in proptest::collection::vec(any::<u8>(), 0..64), at in 0usize..64, bit in 0u8..8, shift in 1i64..9,
        ) {
            let header = sign(b"secret", 1_000, &body);
            prop_assert_eq!(verify(b"secret", &header, &body, 1_000, 300), Ok(()));
            prop_assert_eq!(verify(b"Secret", &header, &body, 1_000, 300), Err(BadSignature::Differs));
            let moved = header.replacen("t=1000", &format!("t={}", 1_000 + shift), 1);
            prop_assert_eq!(verify(b"secret", &moved, &body, 1_000, 300), Err(BadSignature::Differs));
            let mut changed = body.clone();
            if let Some(byte) = changed.get_mut(at) {
                *byte ^= 1 << bit;
                prop_assert_eq!(verify(b"secret", &header, &changed, 1_000, 300), Err(BadSignature::Differs));
            }
        }
    }
}
