//! `[store]`: where the truth lies on disk.

use std::path::PathBuf;

use super::{Problem, Section};

/// The store's settings.
#[derive(Clone, Debug)]
pub(crate) struct StoreSection {
    /// The data folder; `bursar-data` in the working folder unless told.
    pub(crate) folder: PathBuf,
    /// What a settled record survives.
    pub(crate) durability: DurabilityChoice,
    /// Price files that overlay the built-in list; `prices` in the data folder unless told.
    pub(crate) prices: Option<PathBuf>,
}

/// What a settled record survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DurabilityChoice {
    /// The end of the process, `kill -9` included.
    Process,
    /// The end of the machine's power as well: every record waits for the disk.
    Disk,
}

impl StoreSection {
    pub(crate) fn read(mut s: Section<'_>, problems: &mut Vec<Problem>) -> StoreSection {
        let section = StoreSection {
            folder: s.text("folder").map_or_else(|| PathBuf::from("bursar-data"), PathBuf::from),
            durability: s
                .choice(
                    "durability",
                    &[("process", DurabilityChoice::Process), ("disk", DurabilityChoice::Disk)],
                )
                .unwrap_or(DurabilityChoice::Process),
            prices: s.text("prices").map(PathBuf::from),
        };
        s.finish(problems);
        section
    }
}
