//! How much of a demand one node carries within its latency limits, fitted from measurements.
//!
//! * [`read_measurements`] reads a load test's results; [`engine_samples`] reads what a running vLLM says of itself, and
//!   [`rates`] turns such samples into loads.
//! * [`Calibration::of`] and [`Calibration::of_live`] fit the step-time model and say how far it is off on what it did
//!   not see, and which parameters the measurements cannot tell apart.
//! * [`Calibration::capacity`] is the largest load within latency limits, [`Calibration::load`] how many engines a
//!   demand needs; both with the interval that the errors allow.
//! * [`write_rows`] and [`read_rows`] keep calibrations with their provenance as TOML; [`built_in_rows`] are those that
//!   come with Bursar.
//! * [`Catalogue`] holds published results for what nobody calibrated, labelled as such.
//!
//! `docs/concepts/throughput.md` tells the formula, its units, what was measured and where it ends.

mod calibration;
mod capacity;
mod catalogue;
mod errors;
mod estimate;
mod fit;
mod histogram;
mod identified;
mod live;
mod load;
mod measurements;
mod nnls;
mod observation;
mod published_names;
mod row_file;
mod rows;
mod step_time;
mod vllm_samples;

pub use calibration::{Calibration, CalibrationError, Coverage, Measured};
pub use capacity::{Bound, Capacity, NoCapacity, Prediction, Slo};
pub use catalogue::{Catalogue, CatalogueError, Entry, MlPerf, Origin, PrefixPoint, Published, Scenario};
pub use errors::{Errors, LeftOut, Spread};
pub use estimate::{Estimate, dollars_per_million};
pub use histogram::Histogram;
pub use identified::{Unidentified, Why};
pub use live::{Counter, EngineSample, Gap, Live, LiveError, WhyGap, rates};
pub use load::{Load, LoadError};
pub use measurements::{Measurement, MeasurementError, Problem, read_measurements};
pub use row_file::{RowError, read_rows, write_rows};
pub use rows::{Engine, Row, Source, built_in_measurements, built_in_rows, sources};
pub use step_time::{FirstToken, KvTokens, Parameter, Shape, ShapeError, StepTime};
pub use vllm_samples::{SampleError, engine_samples};
