//! The life of a request, step by step: `docs/life-of-a-request.md` follows this file.

mod call;
mod fetch;
mod plan;
mod rehearsal;
mod small;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;
use bursar_core::{Attribution, KeyId, LabelPolicy, PriceQuery, PriceView, RequestId};
use bursar_prices::PriceBook;
use bursar_store::Store;
use bursar_wire::{Dialect, ErrorKind, Labels, RequestView, Surface};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};
use hyper::body::Incoming;

use crate::budget::{Budgets, missing_labels};
use crate::config::{GatewayConfig, OrRefuse, UnpricedPolicy};
use crate::error::{Refusal, refuse, respond, told};
use crate::identify::{self, Principal};
use crate::observe::Warned;
use crate::relay::GatewayBody;
use crate::route::{self, Route, Wanted};
use crate::upstream::Provider;
use crate::{attempt, body, fetched_work};

/// The methods that are passed on. Any other, such as `post` in small letters, could be a call to a provider and
/// none to the meter.
const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// Headers of answers.
pub use rehearsal::Rehearsal;
pub(crate) use rehearsal::rehearse;

pub(crate) const COST: &str = "x-bursar-cost";
pub(crate) const MODEL: &str = "x-bursar-model";
pub(crate) const BUDGET: &str = "x-bursar-budget";
pub(crate) const BUDGET_REMAINING: &str = "x-bursar-budget-remaining";
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-bursar-request-id");

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) config: GatewayConfig,
    pub(crate) providers: Vec<Arc<Provider>>,
    pub(crate) store: Store,
    pub(crate) prices: Arc<ArcSwap<PriceBook>>,
    pub(crate) budgets: Arc<Budgets>,
    pub(crate) in_flight: InFlightCount,
    pub(crate) warned: Warned,
    pub(crate) booked_work: fetched_work::Booked,
    requests: AtomicUsize,
    cut_off: AtomicBool,
}

/// How many attempts are on their way or being settled.
#[derive(Default)]
pub(crate) struct InFlightCount(AtomicUsize);

impl InFlightCount {
    pub(crate) fn enter(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn leave(&self) {
        self.0.fetch_sub(1, Ordering::Release);
    }

    pub(crate) fn now(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

/// A request that has just come.
#[derive(Clone, Copy)]
struct Arrival {
    id: RequestId,
    arrived: Instant,
    from: SocketAddr,
    dialect: Dialect,
}

impl Arrival {
    fn now(path: &str, headers: &HeaderMap, from: SocketAddr) -> Arrival {
        let dialect = dialect_of(path, |name| headers.contains_key(name));
        Arrival { id: new_request_id(), arrived: Instant::now(), from, dialect }
    }
}

/// A request that was let in.
struct Admitted {
    id: RequestId,
    arrived: Instant,
    surface: Surface,
    dialect: Dialect,
    /// The provider that the path names, and the path without that name.
    named: Option<String>,
    path: String,
    principal: Principal,
}

impl Shared {
    pub(crate) fn new(
        config: GatewayConfig,
        providers: Vec<Arc<Provider>>,
        store: Store,
        prices: Arc<ArcSwap<PriceBook>>,
    ) -> Shared {
        let budgets = Budgets::new(store.budgets(), config.policies.budgets, config.limits.waiting);
        Shared {
            config,
            providers,
            store,
            prices,
            budgets: Arc::new(budgets),
            in_flight: InFlightCount::default(),
            warned: Warned::default(),
            booked_work: fetched_work::Booked::default(),
            requests: AtomicUsize::new(0),
            cut_off: AtomicBool::new(false),
        }
    }

    /// Whether the time for running answers is over.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.cut_off.load(Ordering::Relaxed)
    }

    pub(crate) fn cut_off(&self) {
        self.cut_off.store(true, Ordering::Relaxed);
    }
}

/// Counts a request until its answer has ended.
pub(crate) struct Place(Arc<Shared>);

impl Place {
    /// A place, where there is one, or how many requests have one already.
    fn take(shared: &Arc<Shared>) -> Result<Place, usize> {
        let running = shared.requests.fetch_add(1, Ordering::Relaxed);
        let place = Place(Arc::clone(shared));
        if running < shared.config.limits.requests { Ok(place) } else { Err(running) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A new request's id.
pub(crate) fn new_request_id() -> RequestId {
    RequestId(uuid::Uuid::now_v7().as_u128())
}

/// Answers a request. What is seldom needed on the way is boxed: a task's future is copied whenever it is handed on, so
/// the size of its rarest branch would be paid by every call.
pub(crate) async fn handle(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    from: SocketAddr,
) -> Result<Response<GatewayBody>, Infallible> {
    let arrival = Arrival::now(request.uri().path(), request.headers(), from);
    let Arrival { id, dialect, .. } = arrival;
    let answered = match Place::take(&shared) {
        Ok(place) => answer(&shared, request, arrival).await.map(|response| (response, place)),
        Err(running) => {
            let message = format!("The gateway has {running} requests to answer already.");
            Err(refuse(ErrorKind::Overloaded, message))
        }
    };
    Ok(match answered {
        Ok((mut response, place)) => {
            if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
                response.headers_mut().insert(REQUEST_ID, value);
            }
            response.body_mut().keep(place);
            response
        }
        Err(refusal) => {
            told(&refusal, id);
            respond(&refusal, dialect, id)
        }
    })
}

async fn answer(
    shared: &Arc<Shared>,
    request: Request<Incoming>,
    arrival: Arrival,
) -> Result<Response<GatewayBody>, Refusal> {
    let (head, incoming) = request.into_parts();
    check_head(&head.headers, shared)?;
    let admitted = admit(shared, &head, arrival)?;
    if passes_unread(&admitted, &head.method) {
        let route = choose(shared, &admitted, None)?;
        return Box::pin(call::upload(shared, &admitted, &head, incoming, &route)).await;
    }
    let sent = body::read(incoming, &shared.config.limits).await?;
    let plan = planned(shared, admitted, head, sent)?;
    call::call(shared, &plan).await
}

/// What a request asks for, where it goes, and whom it is for.
fn planned(
    shared: &Shared,
    admitted: Admitted,
    head: http::request::Parts,
    sent: Bytes,
) -> Result<plan::Plan, Refusal> {
    let readable = body::readable(&sent, &head.headers, &shared.config.limits)?;
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let mut view = RequestView::parse(admitted.surface, &admitted.path, content_type, &readable)
        .map_err(|bad| bad_request(&bad))?;
    check_model(&admitted, &view)?;
    let mut route = choose(shared, &admitted, view.model.as_deref())?;
    check_price(shared, &admitted, &mut route, &view)?;
    let (attribution, mut notes) = attribute(&head.headers, &mut view, &admitted.principal);
    notes.extend(check_labels(shared, &admitted, &attribution)?);
    Ok(plan::Plan::new(admitted, head, sent, readable, view, route, attribution, notes))
}

fn check_head(headers: &HeaderMap, shared: &Shared) -> Result<(), Refusal> {
    let limits = &shared.config.limits;
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if headers.len() > limits.header_fields || bytes > limits.head_bytes {
        return Err(refuse(
            ErrorKind::HeadersTooLarge,
            format!(
                "The request's head has {} fields and {bytes} bytes; at most {} and {} are read.",
                headers.len(),
                limits.header_fields,
                limits.head_bytes
            ),
        ));
    }
    Ok(())
}

fn admit(shared: &Shared, head: &http::request::Parts, arrival: Arrival) -> Result<Admitted, Refusal> {
    let Arrival { id, arrived, from, dialect } = arrival;
    let full = head.uri.path_and_query().map_or("/", |p| p.as_str());
    let (named, path) = named_provider(full);
    let surface = Surface::of(head.method.as_str(), path).or(named.is_some().then_some(Surface::Other));
    let principal = identify::identify(
        &head.headers,
        &head.uri,
        &shared.store.keys(),
        shared.config.open_mode,
        from.ip(),
        attempt::now(),
    )?;
    if has_dots(path) {
        return Err(refuse(ErrorKind::BadRequest, "The path has a segment of dots, which is not passed on."));
    }
    if !METHODS.contains(&head.method) {
        let known = METHODS.map(|m| m.to_string()).join(", ");
        return Err(Box::new(
            refuse(ErrorKind::MethodNotAllowed, format!("The method {} is not passed on.", head.method))
                .with_hint(format!("These are: {known}.")),
        ));
    }
    let Some(surface) = surface else {
        return Err(Box::new(
            refuse(ErrorKind::NotFound, format!("There is nothing at {} {}.", head.method, head.uri.path()))
                .with_hint("Any path of a provider is at /providers/{name}/…"),
        ));
    };
    Ok(Admitted {
        id,
        arrived,
        surface,
        dialect,
        named: named.map(str::to_owned),
        path: path.to_owned(),
        principal,
    })
}

/// Whether a path has `.` or `..` among its segments: it would be another path to the provider than to the gateway.
fn has_dots(path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    if memchr::memchr2(b'.', b'%', path.as_bytes()).is_none() {
        return false;
    }
    path.split(['/', '\\']).any(|segment| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    })
}

/// `/providers/{name}/rest` apart.
fn named_provider(path: &str) -> (Option<&str>, &str) {
    let split = path.strip_prefix("/providers/").and_then(|rest| rest.find('/').map(|at| rest.split_at(at)));
    match split {
        Some((name, rest)) => (Some(name), rest),
        None => (None, path),
    }
}

/// The dialect that the caller speaks: by the path, and where dialects share one, by the headers that it `has`.
pub(crate) fn dialect_of(path: &str, has: impl Fn(&str) -> bool) -> Dialect {
    let (_, path) = named_provider(path);
    match Surface::of("POST", path) {
        Some(Surface::OpenAiModels | Surface::OpenAiFiles | Surface::OpenAiBatches | Surface::Other)
        | None => {
            if path.starts_with("/v1beta/") || path.starts_with("/v1alpha/") {
                Dialect::Gemini
            } else if has("anthropic-version") {
                Dialect::Anthropic
            } else if has("x-goog-api-key") {
                Dialect::Gemini
            } else {
                Dialect::OpenAi
            }
        }
        Some(surface) => surface.dialect(),
    }
}

/// Uploads and requests without a body are not read: there is nothing in them to see.
fn passes_unread(admitted: &Admitted, method: &Method) -> bool {
    matches!(admitted.surface, Surface::OpenAiFiles)
        || !matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

fn bad_request(bad: &bursar_wire::BadRequest) -> Refusal {
    let refusal = refuse(ErrorKind::BadRequest, bad.to_string());
    match bad.field() {
        Some(field) => Box::new(refusal.with_param(field.to_owned())),
        None => refusal,
    }
}

/// The longest name of a model, in bytes. A longer one is none, and would not fit into a record.
const LONGEST_MODEL: usize = 1024;

fn check_model(admitted: &Admitted, view: &RequestView) -> Result<(), Refusal> {
    if view.model.as_ref().is_some_and(|model| model.len() > LONGEST_MODEL) {
        let message = format!("The model's name is longer than {LONGEST_MODEL} bytes.");
        return Err(Box::new(refuse(ErrorKind::BadRequest, message).with_param("model")));
    }
    let Principal::Key(key) = &admitted.principal else { return Ok(()) };
    let Some(allowed) = &key.models else { return Ok(()) };
    let refusal = match &view.model {
        Some(model) if key.allows_model(model) => return Ok(()),
        Some(model) => format!("The virtual key {} may not call {model:?}.", key.id),
        None if !runs_a_model(admitted) => return Ok(()),
        None => format!("The virtual key {} is limited to models, and the request names none.", key.id),
    };
    let hint = format!("It may call {}.", allowed.join(", "));
    Err(Box::new(refuse(ErrorKind::Forbidden, refusal).with_hint(hint).with_param("model")))
}

/// Whether a call makes a model work, as far as its path tells. What hangs under a response, a batch or a stored
/// completion, such as `/v1/responses/{id}/cancel`, does not.
fn runs_a_model(admitted: &Admitted) -> bool {
    let path = admitted.path.split('?').next().unwrap_or_default().trim_end_matches('/');
    match admitted.surface {
        Surface::OpenAiResponses => path.ends_with("/responses") || path.ends_with("/responses/compact"),
        Surface::OpenAiChat => path.ends_with("/chat/completions"),
        Surface::OpenAiBatches => path.ends_with("/batches"),
        surface => surface.bills_usage() || surface == Surface::Other,
    }
}

fn choose(shared: &Shared, admitted: &Admitted, model: Option<&str>) -> Result<Route, Refusal> {
    let wanted = Wanted {
        surface: admitted.surface,
        dialect: admitted.dialect,
        named: admitted.named.as_deref(),
        model,
        path: &admitted.path,
    };
    route::choose(&shared.config.providers, &wanted)
}

/// Where models without a price are refused: refuses one that has none at the first provider, and takes the others
/// where it has none out of the route.
fn check_price(
    shared: &Shared,
    admitted: &Admitted,
    route: &mut Route,
    view: &RequestView,
) -> Result<(), Refusal> {
    if shared.config.policies.unpriced == UnpricedPolicy::Allow || !admitted.surface.bills_usage() {
        return Ok(());
    }
    let model = route.bare_model.as_deref().or(view.model.as_deref()).unwrap_or_default();
    let (prices, now) = (shared.prices.load(), attempt::now());
    let tier = view.service_tier.as_deref().and_then(plan::tier_of).unwrap_or_default();
    let is_priced = |index: usize| {
        let config = &shared.config.providers[index];
        prices.prices_calls(&PriceQuery {
            provider: &config.price_as,
            model,
            region: config.endpoints.first().and_then(|e| e.region.as_deref()),
            tier,
            context_tokens: 0,
            at: now,
            known_at: now,
            view: PriceView::Contracted,
        })
    };
    let provider = &shared.config.providers[route.providers[0]];
    if is_priced(route.providers[0]) {
        route.providers.retain(|&index| is_priced(index));
        return Ok(());
    }
    Err(Box::new(
        refuse(
            ErrorKind::Unpriced,
            format!(
                "The price of {model:?} at {} in tier {tier} is not known or in dispute, and such calls are refused.",
                provider.name
            ),
        )
        .with_hint(format!(
            "Give it one: bursar prices override {}/{model} …; or set gateway.unpriced = \"allow\".",
            provider.price_as
        )),
    ))
}

/// Whether the call says what the configuration requires; a note, where it does not and goes on all the same.
fn check_labels(
    shared: &Shared,
    admitted: &Admitted,
    attribution: &Attribution,
) -> Result<Option<String>, Refusal> {
    let (surface, policies) = (admitted.surface, &shared.config.policies);
    if !surface.bills_usage() && surface != Surface::Other {
        return Ok(None);
    }
    match (missing_labels(attribution, &policies.required_labels), policies.missing_labels) {
        (None, _) => Ok(None),
        (Some(refusal), OrRefuse::Refuse) => Err(refusal),
        (Some(refusal), OrRefuse::Allow) => {
            metrics::counter!("bursar_missing_labels_total").increment(1);
            Ok(Some(refusal.message.clone()))
        }
    }
}

fn attribute(
    headers: &HeaderMap,
    view: &mut RequestView,
    principal: &Principal,
) -> (Attribution, Vec<String>) {
    let mut labels = Labels::new();
    for (name, value) in headers {
        labels.add_header(name.as_str(), value.as_bytes());
    }
    labels.merge(std::mem::take(&mut view.labels));
    match principal {
        Principal::Key(key) => labels.merge_into(&key.fixed, key.may_set),
        Principal::Open => labels.merge_into(&Attribution::default(), LabelPolicy::ALL),
    }
}

impl Principal {
    fn key_id(&self) -> Option<KeyId> {
        match self {
            Principal::Key(key) => Some(key.id.clone()),
            Principal::Open => None,
        }
    }
}

/// Bytes of a body that are kept because its answer may end without usage.
fn kept_for_counting(view: &RequestView, readable: &Bytes) -> Bytes {
    if view.stream { readable.clone() } else { Bytes::new() }
}
