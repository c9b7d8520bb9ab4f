//! What is not known, by name. A figure that rests on a gap is left out; it is never guessed.

use std::fmt;

macro_rules! gap_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// Why something is not known.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum GapKind { $($(#[$doc])* $variant),+ }

        impl GapKind {
            /// Every kind.
            pub const ALL: &[GapKind] = &[$(GapKind::$variant),+];

            /// The name in the API and reports.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(GapKind::$variant => $name),+ }
            }
        }
    };
}

gap_kinds! {
    /// The exporter did not answer, or not with an exposition.
    NoAnswer = "no_answer",
    /// The answer is larger than is read; what stands after the cut is missing.
    Cut = "cut",
    /// Lines that are not in the format.
    UnreadLines = "unread_lines",
    /// One series with two values in one answer.
    Contradiction = "contradiction",
    /// A value that DCGM writes for "not supported", "not found" or "not permitted".
    Blank = "blank",
    /// A value outside of what the metric can be.
    OutOfRange = "out_of_range",
    /// A metric that decides is not in the answer.
    Missing = "missing",
    /// The exporter says when a value was so, and that is too long ago.
    Stale = "stale",
    /// Only `DCGM_FI_DEV_GPU_UTIL` tells of activity: that a kernel ran, not how much of the GPU it used.
    ProfilingOff = "profiling_off",
    /// One metric says that the GPU works, others that it does not.
    ActivityDisagrees = "activity_disagrees",
    /// More memory in use than there is.
    MemoryOverTotal = "memory_over_total",
    /// A counter is lower than it was before.
    CounterReset = "counter_reset",
    /// The energy counter and the power draw do not fit each other.
    EnergyDisagrees = "energy_disagrees",
    /// A fault is reported while the GPU works: DCGM keeps the last fault until its exporter starts again.
    StickyFault = "sticky_fault",
    /// Two exporters report the same GPU; the second is not counted.
    SharedGpu = "shared_gpu",
    /// A GPU that was reported before is not in the answer.
    Vanished = "vanished",
    /// More GPUs are reported than the node's price is for.
    MoreGpus = "more_gpus",
    /// Fewer GPUs are reported than the node's price is for.
    FewerGpus = "fewer_gpus",
    /// No sample covers this time.
    NotSampled = "not_sampled",
    /// More tokens went through Bursar than the engine counted.
    TokensDisagree = "tokens_disagree",
    /// GPUs worked, and nobody is known to have used them.
    NobodyKnown = "nobody_known",
}

/// Something that is not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gap {
    /// Why.
    pub kind: GapKind,
    /// What it is about: a GPU, a model, an exporter or a node.
    pub about: String,
    /// What was seen.
    pub detail: String,
}

impl Gap {
    /// A gap about something.
    #[must_use]
    pub fn new(kind: GapKind, about: impl Into<String>, detail: impl Into<String>) -> Gap {
        Gap { kind, about: about.into(), detail: detail.into() }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.kind.name(), self.about, self.detail)
    }
}
