//! The OpenAPI document, made from the routes' own descriptions.

use axum::Json;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, OpenApi};

use crate::params::{
    ALERT_FILTERS, BY, FILTERS, GPU_BASIS, GPU_NODE, PAGE, RANGE, REASON, RECORD_FILTERS, TRAIL, documented,
};
use crate::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Bursar control API",
        description = "Reads what every call to a language model cost and who it was for, and keeps virtual keys and budgets. \
            Money is a decimal string in US dollars; unknown money is null beside \"priced\": false. Times are \
            RFC 3339 in UTC. Errors are RFC 9457 problem documents with a hint."
    ),
    paths(
        routes::home, routes::spend, routes::usage, routes::request,
        routes::list_keys, routes::create_key, routes::show_key, routes::revoke_key, routes::rotate_key,
        routes::list_alerts, routes::ack_alert, routes::list_silences, routes::create_silence,
        routes::list_budgets, routes::create_budget, routes::show_budget, routes::replace_budget,
        routes::remove_budget, routes::raise_budget, routes::pause_budget, routes::resume_budget,
        routes::budget_trail, routes::list_gpus, routes::gpu_bill, routes::kept_plan, document, routes::metrics, routes::healthz, routes::readyz,
    ),
    tags(
        (name = "reading", description = "Spend, usage and single requests"),
        (name = "keys", description = "Virtual keys"),
        (name = "alerts", description = "What was told about budgets"),
        (name = "budgets", description = "Budgets: their definitions and how they stand"),
        (name = "gpus", description = "GPUs: what they do, and whose their bill is"),
        (name = "plan", description = "What to run where, at which total cost, with which risk"),
        (name = "health", description = "Whether Bursar is well"),
        (name = "pages", description = "HTML pages"),
    )
)]
struct ApiDocument;

/// The parameters of spend.
pub(crate) struct SpendParams;

/// The parameters of usage.
pub(crate) struct UsageParams;

/// The parameters of alerts.
pub(crate) struct AlertParams;

impl IntoParams for AlertParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        documented(&[ALERT_FILTERS, PAGE])
    }
}

impl IntoParams for SpendParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        documented(&[BY, RANGE, FILTERS])
    }
}

impl IntoParams for UsageParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        documented(&[RANGE, FILTERS, RECORD_FILTERS, PAGE])
    }
}

/// The parameters of GPUs.
pub(crate) struct GpuParams;

impl IntoParams for GpuParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        documented(&[GPU_NODE])
    }
}

/// The parameters of the bill of GPUs.
pub(crate) struct GpuBillParams;

impl IntoParams for GpuBillParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        documented(&[RANGE, GPU_NODE, GPU_BASIS])
    }
}

/// The parameters of changes.
pub(crate) struct ReasonParams;

/// The parameters of a trail.
pub(crate) struct TrailParams;

impl IntoParams for ReasonParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        documented(&[REASON])
    }
}

impl IntoParams for TrailParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        documented(&[TRAIL])
    }
}

/// The document of the control API.
#[must_use]
pub fn api_document() -> Document {
    ApiDocument::openapi()
}

/// This document
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "health",
    responses((status = 200, description = "The OpenAPI document of this API", body = serde_json::Value))
)]
pub(crate) async fn document() -> Json<Document> {
    Json(api_document())
}
