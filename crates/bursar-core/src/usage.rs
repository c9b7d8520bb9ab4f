//! The record of one attempt at a provider.

use crate::identity::{Attribution, KeyId, RecordId};
use crate::meter::Quantities;
use crate::money::Money;
use crate::price_list::ServiceTier;
use crate::time::Timestamp;

/// How a response ended. Exactly one of these closes every attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndOfStream {
    /// The provider finished its answer.
    Complete,
    /// The provider, or the way to it, failed before the answer was whole.
    UpstreamError,
    /// The client went away before the answer was whole.
    ClientCancelled,
    /// A time limit ran out.
    TimedOut,
    /// The gateway stopped while the attempt was in flight; found when it started again.
    GatewayStopped,
}

impl EndOfStream {
    /// Every way to end.
    pub const ALL: [EndOfStream; 5] = [
        EndOfStream::Complete,
        EndOfStream::UpstreamError,
        EndOfStream::ClientCancelled,
        EndOfStream::TimedOut,
        EndOfStream::GatewayStopped,
    ];

    /// The name in the API and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            EndOfStream::Complete => "complete",
            EndOfStream::UpstreamError => "upstream_error",
            EndOfStream::ClientCancelled => "client_cancelled",
            EndOfStream::TimedOut => "timed_out",
            EndOfStream::GatewayStopped => "gateway_stopped",
        }
    }

    /// The ending of a name, where there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<EndOfStream> {
        EndOfStream::ALL.into_iter().find(|e| e.name() == name)
    }
}

/// Something about a response's usage that its reader must see. An exception never becomes a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UsageException {
    /// The response carries no usage and none could be counted or estimated: the quantities are unknown.
    NotReported,
    /// The response's own totals do not agree with its parts.
    TotalsDisagree {
        /// The total as the provider gave it.
        reported: u64,
        /// The sum of the parts as Bursar understands them.
        summed: u64,
    },
    /// A part is larger than the whole that contains it (cached above input, reasoning above output).
    PartExceedsWhole {
        /// The field of the part, as the provider names it.
        field: String,
    },
    /// The response ended before the usage that a whole one carries; the quantities are what was seen, counted
    /// or estimated, and their provenance says so.
    Truncated,
    /// The response is not what its dialect prescribes.
    Unreadable {
        /// What was wrong, for a reader.
        reason: String,
    },
    /// The response says something about its usage that Bursar does not price, such as an unknown service tier.
    NotUnderstood {
        /// The field and value.
        what: String,
    },
}

impl UsageException {
    /// Whether the quantities leave out something that may have cost money, so that no total may be given.
    #[must_use]
    pub const fn hides_quantities(&self) -> bool {
        !matches!(self, UsageException::TotalsDisagree { .. } | UsageException::Truncated)
    }

    /// A stable name for the API and for counting.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            UsageException::NotReported => "not_reported",
            UsageException::TotalsDisagree { .. } => "totals_disagree",
            UsageException::PartExceedsWhole { .. } => "part_exceeds_whole",
            UsageException::Truncated => "truncated",
            UsageException::Unreadable { .. } => "unreadable",
            UsageException::NotUnderstood { .. } => "not_understood",
        }
    }
}

/// What a response used, as read from its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeteredUsage {
    /// Units on disjoint meters.
    pub quantities: Quantities,
    /// What the reader must see about them.
    pub exceptions: Vec<UsageException>,
    /// The model that the provider says served the call.
    pub model: Option<String>,
    /// The service tier that the provider says it used; `None` where it does not say.
    pub tier: Option<ServiceTier>,
    /// Why generation stopped, in the provider's words.
    pub finish_reason: Option<String>,
    /// The provider's own id of the response.
    pub response_id: Option<String>,
    /// The cost that the provider itself states in the response (OpenRouter, xAI, Perplexity); shown beside our
    /// own and never used in its place.
    pub provider_stated_cost: Option<Money>,
}

/// Durations of an attempt in microseconds; `None` where the moment never came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// From the request's arrival to the first byte sent to the provider.
    pub to_upstream_us: Option<u64>,
    /// From the request's arrival to the provider's response head.
    pub to_response_us: Option<u64>,
    /// From the request's arrival to the first body byte of the response.
    pub to_first_byte_us: Option<u64>,
    /// From the request's arrival to the end.
    pub total_us: Option<u64>,
}

/// One attempt at a provider: who, what, how much, how it ended. It holds no prompt and no completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRecord {
    /// Request and attempt. A record is booked once per id.
    pub id: RecordId,
    /// When the request arrived.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The virtual key, where one was used.
    pub key: Option<KeyId>,
    /// Whom the call is for.
    pub attribution: Attribution,
    /// The provider, by its configured name's price list name.
    pub provider: String,
    /// What was called, such as `openai.chat_completions`.
    pub surface: String,
    /// The region that served, where it is configured.
    pub region: Option<String>,
    /// The model that the client asked for.
    pub requested_model: Option<String>,
    /// What the response said; the served model and tier are in it.
    pub usage: MeteredUsage,
    /// The tier that the call was priced at.
    pub tier: ServiceTier,
    /// How it ended.
    pub end: EndOfStream,
    /// The HTTP status that the provider gave; `None` where it gave none.
    pub status: Option<u16>,
    /// Cost at list price; `None` where any part of it is unknown.
    pub list_cost: Option<Money>,
    /// Cost at contracted prices; `None` where any part of it is unknown.
    pub contracted_cost: Option<Money>,
    /// The digest of the price list that priced the record, so that the same rows can be found again.
    pub price_version: String,
    /// Why the gateway did what it did, one sentence each.
    pub reasons: Vec<String>,
    /// How long it took.
    pub timings: Timings,
}

impl UsageRecord {
    /// The model that the price is looked up by: what the provider says it served, else what was asked for.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.usage.model.as_deref().or(self.requested_model.as_deref())
    }

    /// Whether the record's cost is not known in full.
    #[must_use]
    pub fn is_unpriced(&self) -> bool {
        self.contracted_cost.is_none()
    }
}
