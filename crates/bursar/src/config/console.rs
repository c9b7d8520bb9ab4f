//! `[console]`: where the control API listens and who may use it.

use std::net::SocketAddr;

use super::provider::SecretSource;
use super::{Problem, Section};

/// The control plane's settings.
#[derive(Clone, Debug)]
pub(crate) struct ConsoleSection {
    /// Where the control API listens; `127.0.0.1:4001` unless told.
    pub(crate) listen: SocketAddr,
    /// The token that a caller must show; needed as soon as other machines reach the listener.
    pub(crate) token: Option<SecretSource>,
}

impl ConsoleSection {
    pub(crate) fn read(mut s: Section<'_>, problems: &mut Vec<Problem>) -> ConsoleSection {
        let listen = s.parsed("listen", "127.0.0.1:4001").unwrap_or(SocketAddr::from(([127, 0, 0, 1], 4001)));
        let token = s.text("token").and_then(|text| match SecretSource::parse(&text) {
            Ok(source) => Some(source),
            Err(why) => {
                s.wrong("token", why);
                None
            }
        });
        s.finish(problems);
        ConsoleSection { listen, token }
    }
}
