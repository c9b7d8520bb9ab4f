//! The load client: what a gateway adds to a call, measured beside the same call without it.

mod closed_loop;
mod latencies;
mod open_loop;
mod resident;
mod streams;
mod wire;

pub use closed_loop::{ClosedLoop, ClosedLoopReport};
pub use latencies::{Added, Latencies, Quantiles};
pub use open_loop::{Interleave, OpenLoop, OpenLoopReport};
pub use resident::{Resident, ResidentWatch};
pub use streams::{Streams, StreamsReport};
pub use wire::LoadError;

/// The two ways that calls take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Straight to the provider.
    Direct,
    /// Through the gateway.
    Gateway,
}

impl Way {
    const fn of_turn(odd: bool) -> Way {
        if odd { Way::Gateway } else { Way::Direct }
    }
}
