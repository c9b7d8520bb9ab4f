//! The answer of a placement, and its faces: JSON, text for a terminal, and one HTML page.
//!
//! [`Report::of`] takes a [`crate::placement::Placement`] apart into what is shown; each face shows the same figures.
//! Money is a decimal string of whole nano-dollars, so that lines add up to their total exactly; shares, loads and
//! utilisations are numbers, which are finite or not there. `docs/reference/plan-output.md` describes every field.

mod answer;
mod answer_risk;
mod bases;
mod calibrated;
mod chart;
mod curves;
mod dearer;
mod figures;
mod html;
mod ledger;
mod overview;
mod risk;
mod table;
mod text;
mod verdict;

pub use answer::*;
pub use answer_risk::*;
pub use calibrated::calibrated_text;
pub use html::HtmlError;
