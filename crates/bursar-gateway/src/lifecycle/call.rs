//! The attempts of a request: one after the other, each with its own opening and settlement, until one answer
//! stands.

use std::sync::Arc;
use std::time::Duration;

use bursar_core::EndOfStream;
use bursar_wire::{ErrorKind, Framing, ResponseMeter, Surface, UsageChunkFilter, Vendor};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use hyper::body::Incoming;

use super::fetch::fetching;
use super::plan::{Outgoing, Plan};
use super::{Admitted, BUDGET, BUDGET_REMAINING, Shared, small};
use crate::attempt::Attempt;
use crate::budget::{Grant, Remaining};
use crate::config::StoreFailure;
use crate::error::{Refusal, in_words, refuse};
use crate::identify::{self, Principal};
use crate::relay::{From, GatewayBody, Relay, RelayParts};
use crate::route::Route;
use crate::upstream::{
    self, Again, ConnectFailure, Connection, OutBody, Provider, Target, after_failure, after_status,
};

/// One try: where, and with what.
struct Try {
    from: From,
    key: Option<usize>,
    hide_usage: bool,
}

/// A try's place among the others of its request.
struct Turn {
    /// The attempt's number within the request, from 0.
    number: u16,
    /// How often this provider was tried before.
    retry: u32,
    /// Whether another provider comes after this one.
    others: bool,
    /// Why there is a try after the first.
    why: Option<String>,
    /// What is left in the tightest budget that covers the call.
    remaining: Option<Remaining>,
}

/// What came of a try.
enum Outcome {
    Answer(Response<GatewayBody>),
    Again(Box<Failed>),
    Refused(Refusal),
}

/// A try that another one may make good.
struct Failed {
    /// How long to wait before the same provider is tried again; `None` where it is not to be.
    pause: Option<Duration>,
    /// What happened, for the record of the next try.
    what: String,
    /// What the client gets when there is no other try.
    otherwise: Result<Response<GatewayBody>, Refusal>,
}

/// Sends a request until an answer stands, and tells what is left in the tightest budget.
pub(super) async fn call(shared: &Arc<Shared>, plan: &Plan) -> Result<Response<GatewayBody>, Refusal> {
    let mut turn = Turn { number: 0, retry: 0, others: true, why: None, remaining: None };
    let answered = tries(shared, plan, &mut turn).await;
    let Some(remaining) = turn.remaining else { return answered };
    match answered {
        Ok(mut response) => {
            if !response.headers().contains_key(BUDGET) {
                put(response.headers_mut(), BUDGET, &remaining.budget);
                put(response.headers_mut(), BUDGET_REMAINING, &remaining.text);
            }
            Ok(response)
        }
        Err(refusal) if refusal.details.iter().any(|(name, _)| *name == "budget") => Err(refusal),
        Err(refusal) => Err(Box::new(
            refusal.with_detail("budget", remaining.budget).with_detail("budget_remaining", remaining.text),
        )),
    }
}

async fn tries(shared: &Arc<Shared>, plan: &Plan, turn: &mut Turn) -> Result<Response<GatewayBody>, Refusal> {
    let mut last = Err(refuse(ErrorKind::UpstreamUnavailable, "No provider answered."));
    for (place, &index) in plan.route.providers.iter().enumerate() {
        let provider = &shared.providers[index];
        turn.others = place + 1 < plan.route.providers.len();
        if turn.others && provider.rests() {
            turn.why = Some(format!("fallback: provider {} rests after failures", provider.config.name));
            continue;
        }
        for retry in 0..=provider.config.retries {
            turn.retry = retry;
            let failed = match attempt(shared, plan, provider, turn).await {
                Outcome::Answer(response) => return Ok(response),
                Outcome::Refused(refusal) => return Err(refusal),
                Outcome::Again(failed) => failed,
            };
            turn.number = turn.number.saturating_add(1);
            let pause = failed.pause.filter(|_| retry < provider.config.retries);
            if pause.is_none() && !turn.others {
                last = failed.otherwise;
                break;
            }
            // What came of this try is let go before the pause, not after it.
            let Failed { what, otherwise, .. } = *failed;
            drop(otherwise);
            let Some(pause) = pause else {
                turn.why = Some(format!("fallback: {what}"));
                break;
            };
            turn.why = Some(format!("tried again after {} ms: {what}", pause.as_millis()));
            tokio::time::sleep(pause).await;
        }
    }
    last
}

async fn attempt(shared: &Arc<Shared>, plan: &Plan, provider: &Arc<Provider>, turn: &mut Turn) -> Outcome {
    let number_of_target = provider.next_target();
    let from = From { provider: Arc::clone(provider), target: number_of_target };
    let grant = match admit(shared, plan, provider, from.target(), turn).await {
        Ok(grant) => grant,
        Err(refusal) => return Outcome::Refused(refusal),
    };
    let Some(Outgoing { body, path, hide_usage, is_unpacked }) = plan.outgoing(provider, grant.as_ref())
    else {
        return Outcome::Refused(refuse(ErrorKind::QuotaExhausted, "The call's output cannot be limited."));
    };
    let body = OutBody::Full(Some(body));
    let prepared = prepare(&plan.admitted, &plan.head, provider, from.target(), &path, body);
    let (mut request, key) = match prepared {
        Ok(prepared) => prepared,
        Err(refusal) => return Outcome::Refused(refusal),
    };
    if is_unpacked {
        request.headers_mut().remove(header::CONTENT_ENCODING);
    }
    if hide_usage {
        // The chunk can be taken out of plain text only.
        request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    let mut booking = match open(shared, plan, (provider, from.target()), turn, grant) {
        Ok(booking) => booking,
        Err(refusal) => return Outcome::Refused(refusal),
    };
    let tried = Try { from, key, hide_usage };
    match send(tried.from.target(), provider, request, booking.as_mut()).await {
        Ok((connection, response)) => {
            answered(shared, plan, tried, connection, (response, booking), turn).await
        }
        Err(failure) => failed(&tried, provider, failure, booking, turn.retry),
    }
}

/// How long a credential rests when the provider says nothing about it.
const UNASKED_REST: Duration = Duration::from_secs(10);

/// Holds what the attempt may use in its budgets.
async fn admit(
    shared: &Arc<Shared>,
    plan: &Plan,
    provider: &Provider,
    target: &Target,
    turn: &mut Turn,
) -> Result<Option<Grant>, Refusal> {
    if !plan.is_booked() {
        return Ok(None);
    }
    let ask = plan.ask(shared, provider, target, turn.number);
    let grant = shared.budgets.admit(ask, plan.readable()).await?;
    turn.remaining = grant.held.remaining();
    Ok(Some(grant))
}

fn open(
    shared: &Arc<Shared>,
    plan: &Plan,
    (provider, target): (&Provider, &Target),
    turn: &mut Turn,
    grant: Option<Grant>,
) -> Result<Option<Attempt>, Refusal> {
    let Some(grant) = grant else {
        return Ok(fetching(shared, &plan.admitted, &plan.head, provider, target));
    };
    let opening = plan.opening(provider, target, turn.number, &grant);
    let journalled = match shared.store.open_attempt(&opening) {
        Ok(()) => true,
        Err(error) if shared.config.policies.store_failure == StoreFailure::GoOn => {
            tracing::error!(request = %opening.id, %error, "a call goes on unrecorded, as the policy says");
            metrics::counter!("bursar_unrecorded_total").increment(1);
            false
        }
        Err(error) => {
            tracing::error!(request = %opening.id, %error, "a call is refused because it cannot be recorded");
            return Err(Box::new(
                refuse(ErrorKind::StoreUnavailable, format!("The call cannot be recorded: {error}."))
                    .with_retry_after(Duration::from_secs(1)),
            ));
        }
    };
    let mut attempt = Attempt::new(Arc::clone(shared), plan.live(opening, journalled, grant));
    if let Some(why) = turn.why.take() {
        attempt.because(why);
    }
    Ok(Some(attempt))
}

/// The request as it goes out, and the number of the credential that it goes with.
fn prepare(
    admitted: &Admitted,
    head: &http::request::Parts,
    provider: &Provider,
    target: &Target,
    path: &str,
    body: OutBody,
) -> Result<(Request<OutBody>, Option<usize>), Refusal> {
    let holds_virtual_key = matches!(admitted.principal, Principal::Key(_));
    if holds_virtual_key && !provider.credentials.are_set() && needs_credential(provider.config.vendor) {
        return Err(Box::new(
            refuse(
                ErrorKind::UpstreamUnavailable,
                format!("The gateway has no credential for provider {}.", provider.config.name),
            )
            .with_hint("Set api_keys of the provider in bursar.toml, or its variable in the environment."),
        ));
    }
    let pass_credentials = !holds_virtual_key && !provider.credentials.are_set();
    let path = identify::without_query_key(path, pass_credentials || !provider.speaks_gemini());
    let Some(path) = target.address.path(provider.config.vendor, &path) else {
        return Err(refuse(ErrorKind::BadRequest, "The path cannot be forwarded."));
    };
    let uri = Uri::from(path);
    let mut request =
        upstream::request_head(&head.method, uri, &head.headers, &target.address.host, pass_credentials);
    let key = provider.credentials.put_into(request.headers_mut());
    *request.body_mut() = body;
    Ok((request, key))
}

/// Local servers need none.
fn needs_credential(vendor: Vendor) -> bool {
    vendor != Vendor::Other
}

/// Why a try got no response.
enum Failure {
    Connect(ConnectFailure),
    Broken(hyper::Error),
    TimedOut(Duration),
}

async fn send(
    target: &Target,
    provider: &Provider,
    request: Request<OutBody>,
    mut booking: Option<&mut Attempt>,
) -> Result<(Connection, Response<Incoming>), Failure> {
    let timeouts = provider.config.timeouts;
    let mut request = request;
    let mut waiting = target.pool.waiting().await;
    loop {
        let reused = waiting.is_some();
        let mut connection = match waiting.take() {
            Some(connection) => connection,
            None => Box::pin(target.pool.connect(&target.address.origin, timeouts.connect))
                .await
                .map_err(Failure::Connect)?,
        };
        if let Some(booking) = booking.as_deref_mut() {
            booking.sending();
        }
        let answer = tokio::time::timeout(timeouts.first_byte, connection.send(request)).await;
        match answer {
            Ok(Ok(response)) => return Ok((connection, response)),
            Err(_) => return Err(Failure::TimedOut(timeouts.first_byte)),
            Ok(Err(failure)) => match failure.unsent {
                // The provider closed a waiting connection in the very moment that it was taken.
                Some(unsent) if reused => request = unsent,
                _ => return Err(Failure::Broken(failure.error)),
            },
        }
    }
}

async fn answered(
    shared: &Arc<Shared>,
    plan: &Plan,
    tried: Try,
    connection: Connection,
    (response, mut booking): (Response<Incoming>, Option<Attempt>),
    turn: &Turn,
) -> Outcome {
    let config = &tried.from.provider.config;
    let status = response.status();
    let again = after_status(status, response.headers(), turn.retry, config.longest_pause);
    let pause = match note_health(&tried, status.as_u16(), again) {
        Again::After(pause) => Some(Some(pause)),
        Again::Elsewhere(_) if turn.others => Some(None),
        Again::Elsewhere(_) | Again::No => None,
    };
    if let Some(booking) = &mut booking {
        begin_metering(booking, (plan.admitted.surface, config.vendor), &response);
    }
    let what = format!("provider {} answered {}", config.name, status.as_u16());
    let hide = tried.hide_usage && status.is_success() && is_plain_stream(response.headers());
    let (head, body) = response.into_parts();
    let headers = upstream::response_head(head.headers, !hide);
    let small = small::is_small(&headers, &plan.head.method) && !hide;
    let parts = RelayParts {
        shared: Arc::clone(shared),
        from: tried.from,
        connection,
        body,
        attempt: booking,
        filter: hide.then(UsageChunkFilter::new),
    };
    if !small && pause.is_none() {
        return Outcome::Answer(relayed(parts, status, headers));
    }
    let collected = small::collected(parts, status, headers).await;
    match (pause, collected) {
        (Some(pause), otherwise) => Outcome::Again(Box::new(Failed { pause, what, otherwise })),
        (None, Ok(response)) => Outcome::Answer(response),
        (None, Err(refusal)) => Outcome::Refused(refusal),
    }
}

/// Whether events can be taken out of the answer.
fn is_plain_stream(headers: &HeaderMap) -> bool {
    let encoded = headers.get(header::CONTENT_ENCODING).is_some_and(|v| v != "identity");
    framing_of(headers) == Framing::Sse && !encoded
}

/// Notes how the endpoint and the credential did. Where the credential has to rest and another one is awake, that
/// one is tried at once.
fn note_health(tried: &Try, status: u16, again: Again) -> Again {
    let health = &tried.from.target().health;
    if status >= 500 {
        health.failed();
    } else {
        health.succeeded();
    }
    let (429 | 401, Some(key)) = (status, tried.key) else { return again };
    let rest = match again {
        Again::After(pause) | Again::Elsewhere(pause) => pause,
        Again::No => UNASKED_REST,
    };
    let another_is_awake = tried.from.provider.credentials.rest(key, rest);
    // A limit that the provider says is no matter of waiting stands; an unknown credential says nothing of others.
    if another_is_awake && (again != Again::No || status == 401) {
        return Again::After(Duration::ZERO);
    }
    again
}

fn begin_metering(
    booking: &mut Attempt,
    (surface, vendor): (Surface, Vendor),
    response: &Response<Incoming>,
) {
    let headers = response.headers();
    let status = response.status().as_u16();
    let mut meter = ResponseMeter::new(surface, vendor, status, framing_of(headers));
    if let Some(model) = booking.sent_model() {
        meter.set_model(model);
    }
    for (name, value) in headers {
        meter.header(name.as_str(), value.as_bytes());
    }
    let encoding = headers.get(header::CONTENT_ENCODING).and_then(|v| v.to_str().ok());
    booking.answered(status, meter, encoding);
}

fn framing_of(headers: &HeaderMap) -> Framing {
    Framing::of_content_type(headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()))
}

fn relayed(parts: RelayParts, status: http::StatusCode, headers: HeaderMap) -> Response<GatewayBody> {
    let mut response = Response::new(GatewayBody::relay(Relay::new(parts)));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn failed(
    tried: &Try,
    provider: &Provider,
    failure: Failure,
    booking: Option<Attempt>,
    retry: u32,
) -> Outcome {
    tried.from.target().health.failed();
    let name = &provider.config.name;
    metrics::counter!("bursar_upstream_failures_total", "provider" => name.clone()).increment(1);
    let (kind, end, message, again) = match failure {
        Failure::Connect(ConnectFailure::Failed(why)) => {
            let message = format!("Provider {name} cannot be reached: {why}.");
            (ErrorKind::UpstreamUnavailable, EndOfStream::UpstreamError, message, true)
        }
        Failure::Connect(ConnectFailure::TimedOut) => {
            let message = format!(
                "Provider {name} took no connection for {}.",
                in_words(provider.config.timeouts.connect)
            );
            (ErrorKind::UpstreamTimeout, EndOfStream::UpstreamError, message, true)
        }
        // The request was on its way: the provider may have done the work, so it is not sent twice.
        Failure::Broken(error) => {
            let message = format!("Provider {name} broke off before its answer: {error}.");
            (ErrorKind::UpstreamUnavailable, EndOfStream::UpstreamError, message, false)
        }
        Failure::TimedOut(limit) => {
            let message = format!("Provider {name} did not answer for {}.", in_words(limit));
            (ErrorKind::UpstreamTimeout, EndOfStream::TimedOut, message, false)
        }
    };
    if let Some(mut booking) = booking {
        booking.because(message.clone());
        booking.settle(end);
    }
    let refusal = refuse(kind, message.clone());
    if !again {
        return Outcome::Refused(refusal);
    }
    let pause = Some(after_failure(retry, provider.config.longest_pause));
    Outcome::Again(Box::new(Failed { pause, what: message, otherwise: Err(refusal) }))
}

/// Passes a request through whose body is not read: uploads, and methods without a body. It is tried once.
pub(super) async fn upload(
    shared: &Arc<Shared>,
    admitted: &Admitted,
    head: &http::request::Parts,
    body: Incoming,
    route: &Route,
) -> Result<Response<GatewayBody>, Refusal> {
    let provider = &shared.providers[route.providers[0]];
    let from = From { provider: Arc::clone(provider), target: provider.next_target() };
    let bodiless = matches!(head.method, Method::GET | Method::HEAD);
    let body = if bodiless { OutBody::Empty } else { OutBody::Upload(body) };
    let (request, key) = prepare(admitted, head, provider, from.target(), &admitted.path, body)?;
    let mut booking = fetching(shared, admitted, head, provider, from.target());
    let tried = Try { from, key, hide_usage: false };
    match send(tried.from.target(), provider, request, booking.as_mut()).await {
        Ok((connection, response)) => {
            if let Some(booking) = &mut booking {
                begin_metering(booking, (admitted.surface, provider.config.vendor), &response);
            }
            note_health(&tried, response.status().as_u16(), Again::No);
            let (parts, body) = response.into_parts();
            let headers = upstream::response_head(parts.headers, true);
            let relay = RelayParts {
                shared: Arc::clone(shared),
                from: tried.from,
                connection,
                body,
                attempt: booking,
                filter: None,
            };
            Ok(relayed(relay, parts.status, headers))
        }
        Err(failure) => match failed(&tried, provider, failure, booking, 0) {
            Outcome::Answer(response) => Ok(response),
            Outcome::Refused(refusal) => Err(refusal),
            Outcome::Again(failed) => failed.otherwise,
        },
    }
}

/// Adds a header whose value is known to be one.
pub(super) fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
