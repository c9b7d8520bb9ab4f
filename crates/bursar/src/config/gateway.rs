//! `[gateway]`: where applications connect, and the limits on what they send.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Problem, Section};

/// The data plane's settings.
#[derive(Clone, Debug)]
pub(crate) struct GatewaySection {
    /// Where applications connect; `127.0.0.1:4000` unless told.
    pub(crate) listen: SocketAddr,
    /// The largest request body in bytes; 32 MiB unless told.
    pub(crate) max_body: u64,
    /// The time a client has to send its request's head; 10 s unless told.
    pub(crate) header_timeout: Duration,
    /// The time between two pieces of a request's body; 30 s unless told.
    pub(crate) body_timeout: Duration,
    /// The time that running streams have to end at shutdown; 30 s unless told.
    pub(crate) drain: Duration,
    /// Threads that serve; 0 for half of the cores, at least one.
    pub(crate) threads: u64,
    /// What happens to a call of a model whose price is not known.
    pub(crate) unpriced: UnpricedPolicy,
    /// What happens to a call when the store cannot record it.
    pub(crate) store_failure: StoreFailure,
}

/// What happens to a call of a model whose price is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnpricedPolicy {
    /// It is forwarded, recorded without a price, and shown as such.
    Allow,
    /// It is refused.
    Refuse,
}

/// What happens to a call when the store cannot record it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreFailure {
    /// It is refused: nothing is spent that is not recorded.
    Refuse,
    /// It goes on unrecorded, and the loss is counted and logged.
    GoOn,
}

impl GatewaySection {
    pub(crate) fn read(mut s: Section<'_>, problems: &mut Vec<Problem>) -> GatewaySection {
        let section = GatewaySection {
            listen: s.parsed("listen", "127.0.0.1:4000").unwrap_or(SocketAddr::from(([127, 0, 0, 1], 4000))),
            max_body: s.bytes("max_body").unwrap_or(32 << 20),
            header_timeout: s.duration("header_timeout").unwrap_or(Duration::from_secs(10)),
            body_timeout: s.duration("body_timeout").unwrap_or(Duration::from_secs(30)),
            drain: s.duration("drain").unwrap_or(Duration::from_secs(30)),
            threads: s.number("threads").unwrap_or(0),
            unpriced: s
                .choice("unpriced", &[("allow", UnpricedPolicy::Allow), ("refuse", UnpricedPolicy::Refuse)])
                .unwrap_or(UnpricedPolicy::Allow),
            store_failure: s
                .choice("store_failure", &[("refuse", StoreFailure::Refuse), ("go_on", StoreFailure::GoOn)])
                .unwrap_or(StoreFailure::Refuse),
        };
        s.finish(problems);
        section
    }
}
