//! Calibrations with their provenance: those that come with Bursar and those of an installation's own.

use super::calibration::Calibration;
use super::catalogue::{Catalogue, Published, Scenario};
use super::measurements::{Measurement, MeasurementError, read_measurements};
use super::published_names::{is_accelerator, is_model};
use super::row_file::{RowError, read_rows};
use crate::supply::Dated;

const FITTED: &str = include_str!("../../data/throughput/fitted.toml");
const H100_FP8: &str = include_str!("../../data/throughput/silybench_h100_qwen3_8b_fp8.csv");
const H100_BF16: &str = include_str!("../../data/throughput/silybench_h100_qwen3_8b_bf16.csv");

/// What was calibrated: a fit holds for this and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// The accelerator, such as `NVIDIA H100-SXM-80GB`.
    pub accelerator: String,
    /// How many accelerators one engine runs on.
    pub accelerators: u32,
    /// The model.
    pub model: String,
    /// The precision of its weights, such as `fp8`.
    pub precision: String,
    /// The software with its version, such as `vLLM 0.30.0`.
    pub software: String,
    /// How the model is spread over the accelerators, such as `TP 1`.
    pub parallelism: String,
}

/// A calibration with its provenance.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What was calibrated.
    pub engine: Engine,
    /// Where the measurements come from, and their day.
    pub dated: Dated,
    /// The parameters and their errors.
    pub calibration: Calibration,
}

impl Row {
    /// How many engines a node with so many accelerators runs.
    #[must_use]
    pub const fn engines_on(&self, accelerators: u32) -> u32 {
        match self.engine.accelerators {
            0 => 0,
            each => accelerators / each,
        }
    }
}

/// What a capacity rests on.
#[derive(Clone, Debug, PartialEq)]
pub enum Source<'a> {
    /// A calibration of this model on this accelerator.
    Fitted(&'a Row),
    /// Published results of others, for their shapes and limits.
    Published(Published),
}

impl Source<'_> {
    /// How a figure from here is labelled.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Source::Fitted(_) => "fitted",
            Source::Published(_) => "published (divided per accelerator, unofficial)",
        }
    }
}

/// What is known of a model on an accelerator: its calibrations, the newest first; without any, published results.
/// Calibrations of several precisions or engine versions are several answers, and the caller chooses.
#[must_use]
pub fn sources<'a>(
    rows: &'a [Row],
    catalogue: &Catalogue,
    accelerator: &str,
    model: &str,
    scenario: Scenario,
) -> Vec<Source<'a>> {
    let fits = |row: &&Row| {
        is_accelerator(&row.engine.accelerator, accelerator) && is_model(&row.engine.model, model)
    };
    let mut fitted: Vec<&Row> = rows.iter().filter(fits).collect();
    fitted.sort_by_key(|row| std::cmp::Reverse(row.dated.as_of));
    if fitted.is_empty() {
        return catalogue.capacity(accelerator, model, scenario).map(Source::Published).into_iter().collect();
    }
    fitted.into_iter().map(Source::Fitted).collect()
}

/// The calibrations that come with Bursar.
pub fn built_in_rows() -> Result<Vec<Row>, RowError> {
    read_rows(FITTED)
}

/// The measurements of the calibrations that come with Bursar, in the same order.
pub fn built_in_measurements() -> Result<Vec<Vec<Measurement>>, Vec<MeasurementError>> {
    [H100_FP8, H100_BF16].into_iter().map(read_measurements).collect()
}
