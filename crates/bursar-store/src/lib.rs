//! Durable truth: the journal, the usage log, the cubes and the registry of keys and budgets, embedded in SQLite.
//!
//! The request path only appends to a journal file. One writer thread takes the journal into the database, each
//! piece in one transaction together with how far it has read, so that nothing is booked twice. What is
//! guaranteed, and under which durability, is in `docs/concepts/truth-on-disk.md`.
//!
//! * [`Store`]: opening, progress and settlement of attempts.
//! * [`Reader`]: the usage log, the cubes and the state of health, beside a running server.
//! * [`KeyDirectory`]: virtual keys.
//! * [`BudgetDirectory`]: budgets, and the ledger of what is held and spent of them.
//! * [`BudgetDoc`]: a budget as people write it.
//! * [`Outbox`]: what is to be told about budgets, kept until it is told.
//! * [`keep_plan`] and [`kept_plan`]: the latest placement plan, as a file beside the database.
//! * [`GpuLog`]: what GPUs did while they were paid for.

mod alerts;
mod attempt;
mod beside;
mod budgets;
mod codec;
mod cubes;
mod database;
mod drain;
mod error;
mod gpus;
mod in_flight;
mod journal;
mod kept_plan;
mod keys;
mod lock;
mod options;
mod reader;
mod replay;
mod schema;
mod shorten;
mod store;
mod usage_log;
mod writer;

pub use alerts::{
    Alert, AlertQuery, Delivery, DeliveryState, DueDelivery, NewAlert, Outbox, Silence, StoredAlert,
};
pub use attempt::{InFlight, OpenAttempt, Recovery};
pub use budgets::{
    AmountDoc, BudgetDirectory, BudgetDoc, BudgetDocError, BudgetDocErrors, BudgetError, BudgetOrigin,
    Change, ConfigSync, Deviation, FirstDayDoc, IncreaseDoc, PatternsDoc, PeriodDoc, RolloverDoc, ScopeDoc,
    ScopesDoc, StoredBudget, ThresholdsDoc, Verified,
};
pub use error::StoreError;
pub use gpus::{GpuGap, GpuLog, GpuModelTokens, GpuNode, GpuRound, GpuSpan, GpuUncounted};
pub use kept_plan::{keep_plan, kept_plan};
pub use keys::{KeyDirectory, KeySpec, Secret, VirtualKey};
pub use options::{Durability, StoreOptions};
pub use reader::{
    Dimension, Health, History, HistoryQuery, LoggedCall, Reader, SpendQuery, SpendRow, TrailEntry,
    TrailQuery, UnpricedModel, UsageQuery,
};
pub use store::{Store, StoreStatus};
