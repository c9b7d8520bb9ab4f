//! Reading spend, usage and single requests.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderName, Uri, header};
use axum::response::{Html, IntoResponse};

use crate::answer::{RequestAnswer, SpendAnswer, UsageAnswer};
use crate::console::Console;
use crate::params::{BY, FILTERS, Given, PAGE, RANGE, RECORD_FILTERS};
use crate::problem::Problem;
use crate::{home, openapi, query};

/// The page runs no script, loads nothing and is not to be framed.
const PAGE_POLICY: (HeaderName, &str) = (
    header::CONTENT_SECURITY_POLICY,
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Spend by groups
///
/// Sums over attempts in a time range, from the hourly cubes: the range is widened to whole hours, and the
/// answer says to which.
#[utoipa::path(
    get, path = "/api/v1/spend", tag = "reading", params(openapi::SpendParams),
    responses(
        (status = 200, description = "Spend by groups, the largest first", body = SpendAnswer),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be read", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn spend(State(console): State<Console>, uri: Uri) -> Result<Json<SpendAnswer>, Problem> {
    let given = Given::read(&uri, &[BY, RANGE, FILTERS])?;
    let now = console.now();
    console.reads.run(move |reader| query::spend(reader, &given, now)).await.map(Json)
}

/// Attempts at a provider
///
/// Single attempts, the latest first, page by page.
#[utoipa::path(
    get, path = "/api/v1/usage", tag = "reading", params(openapi::UsageParams),
    responses(
        (status = 200, description = "A page of attempts", body = UsageAnswer),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be read", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn usage(State(console): State<Console>, uri: Uri) -> Result<Json<UsageAnswer>, Problem> {
    let given = Given::read(&uri, &[RANGE, FILTERS, RECORD_FILTERS, PAGE])?;
    let now = console.now();
    console.reads.run(move |reader| query::usage(reader, &given, now)).await.map(Json)
}

/// One request, explained
///
/// Every attempt, and for each how its amounts come about: the price row, its source, a line per meter, and the
/// same in sentences.
#[utoipa::path(
    get, path = "/api/v1/requests/{id}", tag = "reading",
    params(("id" = String, Path, description = "the request's id, as the header x-bursar-request-id gives it")),
    responses(
        (status = 200, description = "The request", body = RequestAnswer),
        (status = 400, description = "That is no request id", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such request is recorded", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be read", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn request(
    State(console): State<Console>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<RequestAnswer>, Problem> {
    Given::read(&uri, &[])?;
    let prices = console.parts.prices.load_full();
    console.reads.run(move |reader| query::request(reader, &id, &prices)).await.map(Json)
}

/// The root page
///
/// Links to what can be read here, and the spend of the last 24 hours; HTML without a script.
#[utoipa::path(
    get, path = "/", tag = "pages",
    responses((status = 200, description = "The page", body = String, content_type = "text/html"))
)]
pub(crate) async fn home(State(console): State<Console>) -> impl IntoResponse {
    let now = console.now();
    let pairs = vec![("by".to_owned(), "team,model".to_owned()), ("since".to_owned(), "24h".to_owned())];
    let answer = match Given::of(pairs, &[BY, RANGE]) {
        Ok(given) => console.reads.run(move |reader| query::spend(reader, &given, now)).await,
        Err(problem) => Err(problem),
    };
    let page = match &answer {
        Ok(answer) => home::page(Ok(answer)),
        Err(problem) => home::page(Err(&problem.to_string())),
    };
    ([PAGE_POLICY, (header::CACHE_CONTROL, "no-store")], Html(page))
}
