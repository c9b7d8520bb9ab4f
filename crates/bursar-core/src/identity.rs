//! Who a call is for, and the names of requests, attempts and keys.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The name of one request to the gateway: 128 bits, ordered by time of arrival (UUID version 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u128);

/// The name of one attempt at a provider: a request and the number of the attempt, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    /// The request that the attempt served.
    pub request: RequestId,
    /// The attempt's number within the request, from 0.
    pub attempt: u16,
}

/// The name of a virtual key. It is not the secret: it may be shown and logged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub String);

/// A text that is no request or record id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a request id; one looks like req_ followed by 32 hexadecimal digits")]
pub struct BadRequestId(pub String);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "req_{:032x}", self.0)
    }
}

impl FromStr for RequestId {
    type Err = BadRequestId;

    fn from_str(text: &str) -> Result<RequestId, BadRequestId> {
        let bad = || BadRequestId(text.to_owned());
        let hex = text.strip_prefix("req_").ok_or_else(bad)?;
        if hex.len() != 32 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(bad());
        }
        u128::from_str_radix(hex, 16).map(RequestId).map_err(|_| bad())
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.request, self.attempt)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whom a call is for. A virtual key fixes some of it; labels that the key allows may set the rest. `None` means
/// that nobody said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attribution {
    /// The legal or billing entity, where one installation serves several.
    pub tenant: Option<String>,
    /// The team that owns the spend.
    pub team: Option<String>,
    /// The application.
    pub app: Option<String>,
    /// The workflow within the application.
    pub workflow: Option<String>,
    /// Such as `production` or `staging`.
    pub environment: Option<String>,
    /// The end customer or user that the call serves.
    pub consumer: Option<String>,
    /// The agentic run that the call belongs to.
    pub task: Option<String>,
    /// The step within the task.
    pub step: Option<String>,
    /// The step that caused this step.
    pub parent_step: Option<String>,
    /// Further labels, by name.
    pub tags: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_written_and_read_again_is_the_same() {
        for id in [RequestId(0), RequestId(u128::MAX), RequestId(0x0191_abcd)] {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn a_text_that_is_no_request_id_is_refused() {
        for text in ["", "req_", "req_+0000000000000000000000000000001", "0191", "req_zz"] {
            assert!(text.parse::<RequestId>().is_err(), "{text}");
        }
    }
}
