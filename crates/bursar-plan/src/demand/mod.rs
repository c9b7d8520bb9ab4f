//! What was asked of which model, by whom, step by step.
//!
//! [`read_usage`] reads it from a `usage.csv`, [`Demand::from_cubes`] takes it from hourly cubes.

mod columns;
mod cubes;
mod gaps;
mod growth;
mod shipped;
mod sums;
mod usage_file;
mod values;

use bursar_core::Timestamp;

pub use cubes::{CubeRow, CubesError, NO_TEAM};
pub use growth::{Growth, GrowthError};
pub use shipped::{SHIPPED_TRACE, trace_as_usage};
pub use usage_file::{MissingRows, Usage, UsageOptions, read_usage};

/// How soon an answer is needed, which decides where it may be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Somebody waits: the latency limits hold.
    Interactive,
    /// May wait until its deadline, so it can fill idle hours.
    Batch,
    /// Must be computed near its user: only within the round-trip limit.
    Edge,
}

impl Class {
    /// Every class.
    pub const ALL: &[Class] = &[Class::Interactive, Class::Batch, Class::Edge];

    /// The name in files, the API and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Class::Interactive => "interactive",
            Class::Batch => "batch",
            Class::Edge => "edge",
        }
    }

    /// The class of a name, where there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Class> {
        Class::ALL.iter().copied().find(|c| c.name() == name)
    }
}

/// What one tenant asked of one model, in one class, in one step of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DemandPoint {
    /// Requests.
    pub requests: u64,
    /// Input tokens, those read from a cache included.
    pub input: u64,
    /// Input tokens that a prefix cache held; at most `input`.
    pub cached_input: u64,
    /// Output tokens, reasoning included.
    pub output: u64,
    /// The highest mean over ten minutes within the step, in output tokens per second; `None` where it is not known.
    pub peak_output_per_second: Option<f64>,
}

/// What one tenant asks of one model, in one class.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// The model's name, as in the price list.
    pub model: String,
    /// Who asks.
    pub tenant: String,
    /// How soon the answers are needed.
    pub class: Class,
    /// One point for each step of [`Demand`], without a gap.
    pub points: Vec<DemandPoint>,
}

/// Demand over a stretch of time: streams over the same steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Demand {
    /// When the first step begins (UTC).
    pub start: Timestamp,
    /// A step's length in seconds: 600 to 3,600, a divisor of an hour.
    pub step_seconds: u32,
    /// The streams, ordered by model, tenant and class; all have the same number of points.
    pub streams: Vec<Stream>,
}
