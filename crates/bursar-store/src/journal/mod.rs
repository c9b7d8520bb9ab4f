//! The journal: the file to which every opening, progress and settlement is appended before anything else
//! happens to it.

pub(crate) mod frame;
pub(crate) mod scan;
pub(crate) mod segment;

mod front;

pub(crate) use front::Journal;

/// A place in the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// The number of the segment.
    pub(crate) segment: u64,
    /// Bytes from the segment's start.
    pub(crate) offset: u64,
}
