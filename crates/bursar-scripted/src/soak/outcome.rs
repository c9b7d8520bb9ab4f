//! What became of a call, as its caller saw it.

/// What became of a call, as its caller saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The call's number.
    pub number: u64,
    /// How it went.
    pub way: Way,
    /// Whether the gateway was killed while the call was under way, or so shortly before that it may have met it.
    pub near_a_kill: bool,
}

/// How a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// A whole answer with status 200.
    Answered,
    /// The caller went away in the middle of the answer.
    Left,
    /// A whole answer with an error status.
    Refused(u16),
    /// The connection ended before the answer did.
    Broken,
    /// No connection could be made.
    NotSent,
}
