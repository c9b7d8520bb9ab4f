//! Alerts about budgets.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use bursar_core::Timestamp;
use bursar_store::Outbox;

use super::keys::read_body;
use crate::alerts;
use crate::answer::{AckBody, AlertsAnswer, SilenceAnswer, SilenceBody, SilencesAnswer};
use crate::console::Console;
use crate::openapi;
use crate::params::{ALERT_FILTERS, Given, PAGE};
use crate::problem::Problem;

/// Alerts about budgets
///
/// What was told, the latest first, with its way to each channel, page by page.
#[utoipa::path(
    get, path = "/api/v1/alerts", tag = "alerts", params(openapi::AlertParams),
    responses(
        (status = 200, description = "A page of alerts", body = AlertsAnswer),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be read", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_alerts(
    State(console): State<Console>,
    uri: Uri,
) -> Result<Json<AlertsAnswer>, Problem> {
    let given = Given::read(&uri, &[ALERT_FILTERS, PAGE])?;
    let now = console.now();
    console.reads.run(move |reader| alerts::list(reader, &given, now)).await.map(Json)
}

/// Say that somebody knows of an alert
///
/// The first to say so is kept.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/ack", tag = "alerts", request_body = AckBody,
    params(("id" = String, Path, description = "the alert's id")),
    responses(
        (status = 204, description = "It is noted"),
        (status = 400, description = "The body is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such alert", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn ack_alert(
    State(console): State<Console>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let body: AckBody = read_body(&headers, &body)?;
    on_outbox(&console, move |outbox, now| alerts::ack(outbox, &id, &body, now)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Silences that are not over
#[utoipa::path(
    get, path = "/api/v1/silences", tag = "alerts",
    responses(
        (status = 200, description = "The silences", body = SilencesAnswer),
        (status = 503, description = "The store cannot be read", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_silences(
    State(console): State<Console>,
    uri: Uri,
) -> Result<Json<SilencesAnswer>, Problem> {
    Given::read(&uri, &[])?;
    on_outbox(&console, alerts::silences).await.map(Json)
}

/// Send nothing about a budget for a time
///
/// What is raised meanwhile is kept and not sent.
#[utoipa::path(
    post, path = "/api/v1/silences", tag = "alerts", request_body = SilenceBody,
    responses(
        (status = 201, description = "The silence", body = SilenceAnswer),
        (status = 400, description = "The body is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create_silence(
    State(console): State<Console>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<SilenceAnswer>), Problem> {
    let body: SilenceBody = read_body(&headers, &body)?;
    let made = on_outbox(&console, move |outbox, now| alerts::silence(outbox, &body, now)).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// The outbox is used on a blocking thread: it waits for the disk.
async fn on_outbox<T: Send + 'static>(
    console: &Console,
    work: impl FnOnce(&Outbox, Timestamp) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let (outbox, now) = (console.parts.store.outbox(), console.now());
    let done = tokio::task::spawn_blocking(move || work(&outbox, now)).await;
    done.map_err(|e| Problem::store(format!("the outbox did not answer: {e}")))?
}
