//! The placement plan: what to run where.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use bursar_plan::report::Report;
use serde_json::Value;

use crate::console::Console;
use crate::params::Given;
use crate::plan;
use crate::problem::Problem;

/// The placement plan that was kept last
///
/// What to run where, with its verdict, table, baselines, ledger, risk and what it rests on: the answer of
/// `bursar plan run --keep`, as it was on that day.
#[utoipa::path(
    get, path = "/api/v1/plan", tag = "plan",
    responses(
        (status = 200, description = "The plan", body = Report),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No plan was kept", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The plan cannot be read", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn kept_plan(State(console): State<Console>, uri: Uri) -> Result<Json<Value>, Problem> {
    Given::read(&uri, &[])?;
    let folder = console.parts.store.folder().to_owned();
    console.reads.run(move |_| plan::latest(&folder)).await.map(Json)
}
