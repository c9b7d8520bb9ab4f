//! Virtual keys.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bursar_core::Timestamp;
use bursar_store::KeyDirectory;
use serde::de::DeserializeOwned;

use crate::answer::{CreateKeyBody, CreatedKeyAnswer, KeyAnswer, KeysAnswer, RotateKeyBody};
use crate::console::Console;
use crate::params::Given;
use crate::problem::Problem;
use crate::registry;

/// The largest body of a call about keys or budgets, in bytes.
const MOST_BYTES: usize = 64 * 1024;

/// All virtual keys
#[utoipa::path(
    get, path = "/api/v1/keys", tag = "keys",
    responses(
        (status = 200, description = "The keys, without secrets", body = KeysAnswer),
        (status = 503, description = "The registry cannot be read", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_keys(State(console): State<Console>, uri: Uri) -> Result<Json<KeysAnswer>, Problem> {
    Given::read(&uri, &[])?;
    on_registry(&console, registry::list).await.map(Json)
}

/// Make a virtual key
///
/// The answer holds the secret, the only time that it is shown.
#[utoipa::path(
    post, path = "/api/v1/keys", tag = "keys", request_body = CreateKeyBody,
    responses(
        (status = 201, description = "The key and its secret", body = CreatedKeyAnswer),
        (status = 400, description = "The body is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create_key(
    State(console): State<Console>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let body: CreateKeyBody = read_body(&headers, &body)?;
    let created = on_registry(&console, move |keys, now| registry::create(keys, &body, now)).await?;
    Ok(secret_answer(created))
}

/// One virtual key
#[utoipa::path(
    get, path = "/api/v1/keys/{id}", tag = "keys",
    params(("id" = String, Path, description = "the key's id")),
    responses(
        (status = 200, description = "The key, without its secret", body = KeyAnswer),
        (status = 404, description = "There is no such key", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show_key(
    State(console): State<Console>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<KeyAnswer>, Problem> {
    Given::read(&uri, &[])?;
    on_registry(&console, move |keys, now| registry::show(keys, &id, now)).await.map(Json)
}

/// End a virtual key now
///
/// Calls with it are refused from now on. This cannot be undone; a key that has ended stays as it is.
#[utoipa::path(
    post, path = "/api/v1/keys/{id}/revoke", tag = "keys",
    params(("id" = String, Path, description = "the key's id")),
    responses(
        (status = 200, description = "The key as it is now", body = KeyAnswer),
        (status = 404, description = "There is no such key", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn revoke_key(
    State(console): State<Console>,
    Path(id): Path<String>,
) -> Result<Json<KeyAnswer>, Problem> {
    on_registry(&console, move |keys, now| registry::revoke(keys, &id, now)).await.map(Json)
}

/// Replace a virtual key's secret
///
/// Makes a key with the same labels and rules; the old one goes on for the overlap. The answer holds the new
/// secret, the only time that it is shown.
#[utoipa::path(
    post, path = "/api/v1/keys/{id}/rotate", tag = "keys", request_body = RotateKeyBody,
    params(("id" = String, Path, description = "the key's id")),
    responses(
        (status = 201, description = "The new key and its secret", body = CreatedKeyAnswer),
        (status = 400, description = "The body is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such key", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The key has ended or was rotated already", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn rotate_key(
    State(console): State<Console>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let body: RotateKeyBody = read_body(&headers, &body)?;
    let created = on_registry(&console, move |keys, now| registry::rotate(keys, &id, &body, now)).await?;
    Ok(secret_answer(created))
}

/// An answer with a secret in it is kept by nobody on the way.
fn secret_answer(created: CreatedKeyAnswer) -> Response {
    (StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(created)).into_response()
}

/// The registry is written on a blocking thread: it waits for the disk.
async fn on_registry<T: Send + 'static>(
    console: &Console,
    work: impl FnOnce(&KeyDirectory, Timestamp) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let (keys, now) = (console.parts.store.keys(), console.now());
    let done = tokio::task::spawn_blocking(move || work(&keys, now)).await;
    done.map_err(|e| Problem::store(format!("the registry did not answer: {e}")))?
}

pub(super) fn read_body<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Not JSON",
            format!("the body's content type is {kind:?}"),
            "send Content-Type: application/json",
        ));
    }
    if body.len() > MOST_BYTES {
        return Err(Problem::bad_value("the body", format!("it has more than {MOST_BYTES} bytes")));
    }
    serde_json::from_slice(body).map_err(|e| Problem::bad_value("the body", e))
}
