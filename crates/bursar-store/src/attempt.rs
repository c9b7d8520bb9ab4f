//! Attempts that are on their way.

use bursar_core::ledger::Amounts;
use bursar_core::{Attribution, KeyId, MeteredUsage, RecordId, Timestamp};

/// An attempt at a provider that is about to begin. It is in the journal before a byte goes to the provider, so
/// that whatever the provider charges for is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAttempt {
    /// Request and attempt.
    pub id: RecordId,
    /// When the request arrived.
    pub started_at: Timestamp,
    /// The virtual key, where one was used.
    pub key: Option<KeyId>,
    /// Whom the call is for.
    pub attribution: Attribution,
    /// The provider.
    pub provider: String,
    /// What is called, such as `openai.chat_completions`.
    pub surface: String,
    /// The region that serves, where it is configured.
    pub region: Option<String>,
    /// The model that the client asked for.
    pub requested_model: Option<String>,
    /// What it will use as far as that can be told beforehand: the input, estimated.
    pub expected: MeteredUsage,
    /// What budgets hold for it: the most that it may use. `None` where no budget was asked.
    pub ceiling: Option<Amounts>,
    /// When that hold ends by itself; also how long the rest of it is held after a crash.
    pub lease_until: Option<Timestamp>,
}

/// An attempt that was opened and never settled, because the process ended first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// How it was opened.
    pub attempt: OpenAttempt,
    /// The last that was seen of its response, where anything was.
    pub progress: Option<MeteredUsage>,
}

/// What was found when the store was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Attempts that were opened and never settled. They stay open until the caller settles each of them, as
    /// [`bursar_core::EndOfStream::GatewayStopped`].
    pub in_flight: Vec<InFlight>,
    /// Journal records that were not yet in the database, and now are.
    pub replayed: u64,
    /// Bytes of journal that could not be read: the record that was being written when the process ended. It was
    /// never acknowledged.
    pub torn_bytes: u64,
    /// Segments that are damaged in the middle, with whole records behind the damage. Those are taken; a copy of
    /// each segment is kept beside the journal.
    pub damaged_segments: u64,
}
