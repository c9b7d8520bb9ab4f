//! The files of a plan, all read before anything is said, so that all their problems are told at once.

use std::fmt;
use std::path::{Path, PathBuf};

use bursar_core::Timestamp;
use bursar_plan::demand::{Class, MissingRows, Usage, UsageOptions, read_usage};
use bursar_plan::supply::{Constraints, Supply, read_constraints, read_supply};
use bursar_plan::tco::{Tco, read_tco};
use bursar_plan::throughput::{Row, built_in_rows, read_rows};
use clap::{Args, ValueEnum};

use crate::commands::input_file;

/// The largest usage file, in bytes once unpacked.
const LARGEST_USAGE: u64 = 512 << 20;
/// The largest other file.
const LARGEST: u64 = 4 << 20;

/// The files of a plan.
#[derive(Clone, Debug, Args)]
pub(super) struct FileArgs {
    /// Demand: a usage.csv, gzipped where the name ends in .gz [default: the cubes of the data folder]
    #[arg(long, value_name = "FILE")]
    pub(super) usage: Option<PathBuf>,
    /// What can be rented, and at which price [default: the prices that come with Bursar]
    #[arg(long, value_name = "FILE")]
    pub(super) supply: Option<PathBuf>,
    /// What can be owned, and at which total cost [default: nothing]
    #[arg(long, value_name = "FILE")]
    pub(super) tco: Option<PathBuf>,
    /// What must be kept to: residency, models that may not leave, latency limits, deadlines
    #[arg(long, value_name = "FILE")]
    pub(super) constraints: Option<PathBuf>,
    /// Calibrations of your own, before those that come with Bursar
    #[arg(long, value_name = "FILE")]
    pub(super) throughput: Vec<PathBuf>,
    /// The class of demand that has none: a usage file without that column, or cubes
    #[arg(long, value_name = "CLASS", default_value = "interactive")]
    pub(super) class: ClassChoice,
    /// The tenant of a usage file without that column
    #[arg(long, value_name = "NAME")]
    pub(super) tenant: Option<String>,
    /// What a step means for which a usage file has no row
    #[arg(long, value_name = "WAY", default_value = "refuse")]
    pub(super) missing_rows: MissingChoice,
}

/// A class on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ClassChoice {
    Interactive,
    Batch,
    Edge,
}

impl From<ClassChoice> for Class {
    fn from(class: ClassChoice) -> Class {
        match class {
            ClassChoice::Interactive => Class::Interactive,
            ClassChoice::Batch => Class::Batch,
            ClassChoice::Edge => Class::Edge,
        }
    }
}

/// What missing rows mean, on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum MissingChoice {
    /// The file is not whole
    Refuse,
    /// No requests, where another stream has a row for that step
    ZeroWhereOthersAre,
    /// No requests, between the first and the last step
    Zero,
}

impl From<MissingChoice> for MissingRows {
    fn from(choice: MissingChoice) -> MissingRows {
        match choice {
            MissingChoice::Refuse => MissingRows::Refuse,
            MissingChoice::ZeroWhereOthersAre => MissingRows::ZeroWhereOthersAre,
            MissingChoice::Zero => MissingRows::Zero,
        }
    }
}

/// What the files say.
pub(super) struct Files {
    /// `None` where the demand is to come from the cubes.
    pub(super) usage: Option<Usage>,
    pub(super) supply: Supply,
    pub(super) tco: Tco,
    pub(super) constraints: Constraints,
    /// Calibrations of the installation's own, then those that come with Bursar.
    pub(super) rows: Vec<Row>,
}

/// Everything that is wrong with the files of a plan.
#[derive(Debug)]
pub(super) struct FileProblems(pub(super) Vec<String>);

impl fmt::Display for FileProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for FileProblems {}

/// Reads one after the other and keeps every problem.
struct Reading {
    today: Timestamp,
    problems: Vec<String>,
}

impl Reading {
    fn text(&mut self, path: &Path) -> Option<String> {
        self.kept(input_file::read_text(path, LARGEST).map_err(|e| format!("{e:#}")))
    }

    fn kept<T>(&mut self, read: Result<T, String>) -> Option<T> {
        read.map_err(|problem| self.problems.push(problem)).ok()
    }

    /// A document of one of the TOML formats; the default where no file is named or it cannot be read.
    fn document<T>(
        &mut self,
        path: Option<&PathBuf>,
        otherwise: impl FnOnce() -> T,
        read: impl FnOnce(&str, &str, Timestamp) -> Result<T, bursar_plan::problems::Problems>,
    ) -> T {
        let Some(path) = path else { return otherwise() };
        let name = path.display().to_string();
        let text = self.text(path);
        let read = text.and_then(|text| {
            let today = self.today;
            self.kept(read(&name, &text, today).map_err(|problems| problems.to_string()))
        });
        read.unwrap_or_else(otherwise)
    }
}

impl FileArgs {
    /// Reads every file.
    ///
    /// # Errors
    ///
    /// Every problem of every file.
    pub(super) fn read(&self, today: Timestamp) -> Result<Files, FileProblems> {
        let mut reading = Reading { today, problems: Vec::new() };
        let usage = self.usage.as_ref().and_then(|path| self.read_usage(path, &mut reading));
        let supply = reading.document(self.supply.as_ref(), Supply::defaults, read_supply);
        let tco = reading.document(self.tco.as_ref(), Tco::default, read_tco);
        let constraints = reading.document(self.constraints.as_ref(), Constraints::default, read_constraints);
        let mut rows = Vec::new();
        for path in &self.throughput {
            let name = path.display();
            let Some(text) = reading.text(path) else { continue };
            let read = read_rows(&text).map_err(|e| format!("1 problem in {name}\n  {e}"));
            rows.extend(reading.kept(read).unwrap_or_default());
        }
        rows.extend(reading.kept(built_in_rows().map_err(|e| e.to_string())).unwrap_or_default());
        if reading.problems.is_empty() {
            Ok(Files { usage, supply, tco, constraints, rows })
        } else {
            Err(FileProblems(reading.problems))
        }
    }

    fn read_usage(&self, path: &Path, reading: &mut Reading) -> Option<Usage> {
        let bytes = reading.kept(input_file::read(path, LARGEST_USAGE).map_err(|e| format!("{e:#}")))?;
        let options = UsageOptions {
            class: Some(self.class.into()),
            tenant: Some(self.tenant.clone().unwrap_or_else(|| "all".to_owned())),
            step_seconds: None,
            missing_rows: self.missing_rows.into(),
        };
        let name = path.display().to_string();
        reading.kept(read_usage(&name, &bytes, &options).map_err(|problems| problems.to_string()))
    }
}
