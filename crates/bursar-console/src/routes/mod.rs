//! What can be asked of the control plane: one table of routes.

mod alerts;
mod budgets;
mod gpus;
mod health;
mod keys;
mod plan;
mod reading;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::routing::{MethodRouter, get, post};

use crate::console::Console;
use crate::openapi;
use crate::problem::Problem;

pub(crate) use alerts::*;
pub(crate) use budgets::*;
pub(crate) use gpus::*;
pub(crate) use health::*;
pub(crate) use keys::*;
pub(crate) use plan::*;
pub(crate) use reading::*;

/// Every route; each is in the OpenAPI document, which a test holds.
pub(crate) fn table() -> Vec<(&'static str, MethodRouter<Console>)> {
    vec![
        ("/", get(reading::home)),
        ("/api/v1/spend", get(reading::spend)),
        ("/api/v1/usage", get(reading::usage)),
        ("/api/v1/requests/{id}", get(reading::request)),
        ("/api/v1/keys", get(keys::list_keys).post(keys::create_key)),
        ("/api/v1/keys/{id}", get(keys::show_key)),
        ("/api/v1/keys/{id}/revoke", post(keys::revoke_key)),
        ("/api/v1/keys/{id}/rotate", post(keys::rotate_key)),
        ("/api/v1/alerts", get(alerts::list_alerts)),
        ("/api/v1/alerts/{id}/ack", post(alerts::ack_alert)),
        ("/api/v1/silences", get(alerts::list_silences).post(alerts::create_silence)),
        ("/api/v1/budgets", get(budgets::list_budgets).post(budgets::create_budget)),
        (
            "/api/v1/budgets/{name}",
            get(budgets::show_budget).put(budgets::replace_budget).delete(budgets::remove_budget),
        ),
        ("/api/v1/budgets/{name}/raise", post(budgets::raise_budget)),
        ("/api/v1/budgets/{name}/pause", post(budgets::pause_budget)),
        ("/api/v1/budgets/{name}/resume", post(budgets::resume_budget)),
        ("/api/v1/budgets/{name}/audit", get(budgets::budget_trail)),
        ("/api/v1/gpus", get(gpus::list_gpus)),
        ("/api/v1/gpus/bill", get(gpus::gpu_bill)),
        ("/api/v1/plan", get(plan::kept_plan)),
        ("/api/openapi.json", get(openapi::document)),
        ("/metrics", get(health::metrics)),
        ("/healthz", get(health::healthz)),
        ("/readyz", get(health::readyz)),
    ]
}

pub(crate) fn all() -> Router<Console> {
    let router = table().into_iter().fold(Router::new(), |r, (path, methods)| r.route(path, methods));
    router.fallback(nothing_here).method_not_allowed_fallback(other_method)
}

async fn nothing_here(uri: Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {}", uri.path()), "/api/openapi.json lists what there is")
}

async fn other_method(method: Method, uri: Uri) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "Method not allowed",
        format!("{} does not take {method}", uri.path()),
        "/api/openapi.json says which methods each path takes",
    )
}
