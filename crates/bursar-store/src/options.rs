//! How the store is to behave.

use std::path::PathBuf;
use std::time::Duration;

use bursar_core::budget::ModelTiers;

/// What a settled record survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process at any moment, `kill -9` included: every record is handed to the operating system
    /// with one write(2) before the call returns.
    #[default]
    Process,
    /// The loss of power as well: the call returns after the record is on the disk. Calls that run at the same
    /// time share one fsync. It blocks for as long as the disk takes.
    Disk,
}

/// How the store is to behave.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The data folder; made where it is missing.
    pub folder: PathBuf,
    /// What a settled record survives.
    pub durability: Durability,
    /// Size of one journal segment in bytes; its room is taken from the disk before it is needed.
    pub segment_bytes: u64,
    /// The most that may wait in the journal, in bytes; above it, new attempts are refused.
    pub journal_bytes: u64,
    /// How long the writer gathers records into one transaction.
    pub group_window: Duration,
    /// How long [`crate::Store::flush`] and [`crate::Store::close`] wait for a database that does not take
    /// records.
    pub patience: Duration,
    /// How often the sums of the budgets are kept, so that a start after a crash adds up less. They are also kept
    /// when the store is closed.
    pub snapshot_period: Duration,
    /// The classes of models that budgets may ask for.
    pub model_tiers: ModelTiers,
}

impl Default for StoreOptions {
    fn default() -> StoreOptions {
        StoreOptions {
            folder: PathBuf::from("bursar-data"),
            durability: Durability::Process,
            segment_bytes: 16 << 20,
            journal_bytes: 1 << 30,
            group_window: Duration::from_millis(50),
            patience: Duration::from_secs(10),
            snapshot_period: Duration::from_secs(300),
            model_tiers: ModelTiers::default(),
        }
    }
}
