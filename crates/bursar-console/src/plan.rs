//! The placement plan that was kept last.

use std::path::Path;

use serde_json::Value;

use crate::problem::Problem;

/// The plan that `bursar plan run --keep` wrote last.
///
/// # Errors
///
/// A problem with status 404 where none was kept, and with 503 where it cannot be read.
pub fn latest(folder: &Path) -> Result<Value, Problem> {
    let kept = bursar_store::kept_plan(folder).map_err(Problem::store)?;
    let Some(text) = kept else {
        return Err(Problem::not_found(
            "no placement plan was kept",
            "run bursar plan run --keep with the same data folder; bursar plan run --help says what it needs",
        ));
    };
    serde_json::from_str(&text).map_err(|e| {
        let mut problem = Problem::store(format!("the kept plan is no JSON any more: {e}"));
        problem.hint = "run bursar plan run --keep again".to_owned();
        problem
    })
}
