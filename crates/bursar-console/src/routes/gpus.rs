//! GPUs: what they do, and whose their bill is.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;

use crate::answer::{GpuBillAnswer, GpusAnswer};
use crate::console::Console;
use crate::params::{GPU_BASIS, GPU_NODE, Given, RANGE};
use crate::problem::Problem;
use crate::{gpus, openapi};

/// GPUs as they are now
///
/// Each with its state, since when, the evidence, and what it costs an hour. A GPU that no sample covers any more is
/// unknown.
#[utoipa::path(
    get, path = "/api/v1/gpus", tag = "gpus", params(openapi::GpuParams),
    responses(
        (status = 200, description = "The nodes with their GPUs", body = GpusAnswer),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be read", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_gpus(State(console): State<Console>, uri: Uri) -> Result<Json<GpusAnswer>, Problem> {
    let given = Given::read(&uri, &[GPU_NODE])?;
    let now = console.now();
    console.reads.run(move |reader| gpus::list(reader, given.text("node"), now)).await.map(Json)
}

/// The bill of GPUs, divided
///
/// To teams what they used, to owners what was idle, and a line each for what was broken and what nobody knows. The
/// lines of a node add up to its bill exactly. The range is whole hours, up to now.
#[utoipa::path(
    get, path = "/api/v1/gpus/bill", tag = "gpus", params(openapi::GpuBillParams),
    responses(
        (status = 200, description = "The bill of each node", body = GpuBillAnswer),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be read", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn gpu_bill(
    State(console): State<Console>,
    uri: Uri,
) -> Result<Json<GpuBillAnswer>, Problem> {
    let given = Given::read(&uri, &[RANGE, GPU_NODE, GPU_BASIS])?;
    let now = console.now();
    console.reads.run(move |reader| gpus::bill(reader, &given, now)).await.map(Json)
}
