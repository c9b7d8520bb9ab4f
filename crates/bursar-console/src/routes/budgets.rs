//! Budgets.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use bursar_core::Timestamp;
use bursar_store::BudgetDirectory;
use serde_json::Value;

use super::keys::read_body;
use crate::answer::{
    BudgetAnswer, BudgetDetailAnswer, BudgetForm, BudgetsAnswer, RaiseBody, ReasonBody, TrailAnswer,
};
use crate::budgets;
use crate::console::Console;
use crate::openapi::{ReasonParams, TrailParams};
use crate::params::{Given, REASON, TRAIL};
use crate::problem::Problem;

/// All budgets and how they stand
#[utoipa::path(
    get, path = "/api/v1/budgets", tag = "budgets",
    responses(
        (status = 200, description = "The budgets, each with its tightest account", body = BudgetsAnswer),
        (status = 503, description = "The registry cannot be read", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_budgets(
    State(console): State<Console>,
    uri: Uri,
) -> Result<Json<BudgetsAnswer>, Problem> {
    Given::read(&uri, &[])?;
    on_budgets(&console, budgets::list).await.map(Json)
}

/// Make a budget
///
/// It is in effect when the answer comes. What was spent in its window before counts from the beginning.
#[utoipa::path(
    post, path = "/api/v1/budgets", tag = "budgets", request_body = BudgetForm, params(ReasonParams),
    responses(
        (status = 201, description = "The budget and how it stands", body = BudgetDetailAnswer),
        (status = 400, description = "The definition cannot be used; every reason is told", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There is a budget of that name", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create_budget(
    State(console): State<Console>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let (reason, definition) = (reason(&uri)?, read_body::<Value>(&headers, &body)?);
    let made = on_budgets(&console, move |b, now| {
        budgets::create(b, &definition, &budgets::change(&reason, "api", now))
    });
    Ok((StatusCode::CREATED, Json(made.await?)).into_response())
}

/// One budget with its accounts
#[utoipa::path(
    get, path = "/api/v1/budgets/{name}", tag = "budgets",
    params(("name" = String, Path, description = "the budget's name")),
    responses(
        (status = 200, description = "The budget and every account", body = BudgetDetailAnswer),
        (status = 400, description = "That is no name", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such budget", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show_budget(
    State(console): State<Console>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Json<BudgetDetailAnswer>, Problem> {
    Given::read(&uri, &[])?;
    on_budgets(&console, move |b, now| budgets::show(b, &name, now)).await.map(Json)
}

/// Replace a budget's definition
///
/// Where scope, shares, unit, period or beginning differ, it counts anew from the beginning of its window; else what
/// was spent stays.
#[utoipa::path(
    put, path = "/api/v1/budgets/{name}", tag = "budgets", request_body = BudgetForm,
    params(("name" = String, Path, description = "the budget's name"), ReasonParams),
    responses(
        (status = 200, description = "The budget as it is now", body = BudgetDetailAnswer),
        (status = 400, description = "The definition cannot be used; every reason is told", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such budget", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The configuration file defines it", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn replace_budget(
    State(console): State<Console>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<BudgetDetailAnswer>, Problem> {
    let (reason, definition) = (reason(&uri)?, read_body::<Value>(&headers, &body)?);
    let replaced = on_budgets(&console, move |b, now| {
        budgets::replace(b, &name, &definition, &budgets::change(&reason, "api", now))
    });
    replaced.await.map(Json)
}

/// End a budget
///
/// Calls on their way settle in the budgets that are left.
#[utoipa::path(
    delete, path = "/api/v1/budgets/{name}", tag = "budgets",
    params(("name" = String, Path, description = "the budget's name"), ReasonParams),
    responses(
        (status = 200, description = "The budget as it was", body = BudgetAnswer),
        (status = 400, description = "That is no name", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such budget", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The configuration file defines it", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn remove_budget(
    State(console): State<Console>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Json<BudgetAnswer>, Problem> {
    let reason = reason(&uri)?;
    let removed =
        on_budgets(&console, move |b, now| budgets::remove(b, &name, &budgets::change(&reason, "api", now)));
    removed.await.map(Json)
}

/// Raise a budget for some time
#[utoipa::path(
    post, path = "/api/v1/budgets/{name}/raise", tag = "budgets", request_body = RaiseBody,
    params(("name" = String, Path, description = "the budget's name")),
    responses(
        (status = 200, description = "The budget as it is now", body = BudgetDetailAnswer),
        (status = 400, description = "The body is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such budget", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn raise_budget(
    State(console): State<Console>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<BudgetDetailAnswer>, Problem> {
    let body: RaiseBody = read_body(&headers, &body)?;
    on_budgets(&console, move |b, now| budgets::raise(b, &name, &body, now)).await.map(Json)
}

/// Stop the calls that a budget covers
#[utoipa::path(
    post, path = "/api/v1/budgets/{name}/pause", tag = "budgets", request_body = ReasonBody,
    params(("name" = String, Path, description = "the budget's name")),
    responses(
        (status = 200, description = "The budget as it is now", body = BudgetDetailAnswer),
        (status = 400, description = "The body is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such budget", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn pause_budget(
    State(console): State<Console>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<BudgetDetailAnswer>, Problem> {
    set_paused(&console, name, true, read_body(&headers, &body)?).await
}

/// Let the calls that a budget covers go on
#[utoipa::path(
    post, path = "/api/v1/budgets/{name}/resume", tag = "budgets", request_body = ReasonBody,
    params(("name" = String, Path, description = "the budget's name")),
    responses(
        (status = 200, description = "The budget as it is now", body = BudgetDetailAnswer),
        (status = 400, description = "The body is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such budget", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn resume_budget(
    State(console): State<Console>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<BudgetDetailAnswer>, Problem> {
    set_paused(&console, name, false, read_body(&headers, &body)?).await
}

/// What was done to a budget, by whom and why
///
/// Also of a budget that has ended.
#[utoipa::path(
    get, path = "/api/v1/budgets/{name}/audit", tag = "budgets",
    params(("name" = String, Path, description = "the budget's name"), TrailParams),
    responses(
        (status = 200, description = "The trail, the latest first", body = TrailAnswer),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn budget_trail(
    State(console): State<Console>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Json<TrailAnswer>, Problem> {
    let given = Given::read(&uri, &[TRAIL])?;
    let before = given.number("before", 0, u32::MAX)?.map(i64::from);
    let limit = given.number("limit", 1, 1_000)?.unwrap_or(100) as usize;
    console.reads.run(move |reader| budgets::trail(reader, Some(&name), before, limit)).await.map(Json)
}

async fn set_paused(
    console: &Console,
    name: String,
    is_paused: bool,
    reason: ReasonBody,
) -> Result<Json<BudgetDetailAnswer>, Problem> {
    let done = on_budgets(console, move |b, now| {
        budgets::set_paused(b, &name, is_paused, &budgets::change(&reason, "api", now))
    });
    done.await.map(Json)
}

fn reason(uri: &Uri) -> Result<ReasonBody, Problem> {
    let given = Given::read(uri, &[REASON])?;
    Ok(ReasonBody { why: given.text("why").map(str::to_owned), by: given.text("by").map(str::to_owned) })
}

/// The registry is read and written on a blocking thread: it waits for the disk.
async fn on_budgets<T: Send + 'static>(
    console: &Console,
    work: impl FnOnce(&BudgetDirectory, Timestamp) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let (budgets, now) = (console.parts.store.budgets(), console.now());
    let done = tokio::task::spawn_blocking(move || work(&budgets, now)).await;
    done.map_err(|e| Problem::store(format!("the registry did not answer: {e}")))?
}
