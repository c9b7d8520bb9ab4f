//! Whether Bursar is well: probes and metrics.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use crate::answer::{AliveAnswer, ReadyAnswer};
use crate::console::Console;
use crate::health;

/// Whether the process is alive
#[utoipa::path(
    get, path = "/healthz", tag = "health",
    responses((status = 200, description = "It is", body = AliveAnswer))
)]
pub(crate) async fn healthz() -> Json<AliveAnswer> {
    Json(AliveAnswer { alive: true, version: env!("CARGO_PKG_VERSION").to_owned() })
}

/// Whether Bursar is ready
///
/// Every check with what was found: the store, the journal's lag, the providers.
#[utoipa::path(
    get, path = "/readyz", tag = "health",
    responses(
        (status = 200, description = "Every check passed", body = ReadyAnswer),
        (status = 503, description = "A check failed; the answer says which and what to do", body = ReadyAnswer),
    )
)]
pub(crate) async fn readyz(State(console): State<Console>) -> (StatusCode, Json<ReadyAnswer>) {
    let read = console.reads.run(health::can_be_read).await;
    let mut checks = health::store_checks(&console.parts.store.status(), read);
    checks.push(health::providers_check(&console.parts.providers));
    let ready = checks.iter().all(|c| c.ok);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(ReadyAnswer { ready, checks }))
}

/// Metrics for Prometheus
#[utoipa::path(
    get, path = "/metrics", tag = "health",
    responses((status = 200, description = "Prometheus text", body = String, content_type = "text/plain"))
)]
pub(crate) async fn metrics(State(console): State<Console>) -> impl IntoResponse {
    let text = (console.parts.metrics)() + &health::gauges(&console.parts.store.status());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
