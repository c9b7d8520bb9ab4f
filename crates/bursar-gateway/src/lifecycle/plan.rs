//! What a request will be sent as, and everything that its attempts have in common.

use std::sync::Arc;

use bursar_core::budget::Subject;
use bursar_core::{Attribution, MeteredUsage, Quantities, ServiceTier, Timestamp};
use bursar_store::OpenAttempt;
use bursar_wire::{ModelPlace, RequestView, Surface, ask_for_usage, limit_output, replace_model};
use bytes::Bytes;
use http::Method;

use super::{Admitted, Shared, kept_for_counting, runs_a_model};
use crate::attempt::{self, Asked, Opening};
use crate::budget::{Ask, AskParts, Grant, Pricing, lease};
use crate::config::StreamUsage;
use crate::identify::Principal;
use crate::route::Route;
use crate::upstream::{Provider, Target};

/// A request that is ready to be sent.
pub(super) struct Plan {
    pub(super) admitted: Admitted,
    pub(super) head: http::request::Parts,
    /// The client's bytes, or the readable ones with the model's prefix taken off where it had one.
    body: Bytes,
    pub(super) asked: Arc<Asked>,
    pub(super) route: Route,
    pub(super) path: String,
    /// Whether the client's bytes are compressed.
    compressed: bool,
    /// Whether the body is not the client's bytes any more.
    edited: bool,
    readable: Bytes,
    started_at: Timestamp,
    attribution: Attribution,
    notes: Vec<String>,
    expected: MeteredUsage,
}

/// The body of an attempt.
pub(super) struct Outgoing {
    pub(super) body: Bytes,
    pub(super) path: String,
    /// Whether usage was asked for on the client's behalf, and its chunk has to be hidden again.
    pub(super) hide_usage: bool,
    /// Whether the client's bytes were compressed and these are not.
    pub(super) is_unpacked: bool,
}

impl Plan {
    #[expect(clippy::too_many_arguments, reason = "the one place where the parts of a request come together")]
    pub(super) fn new(
        admitted: Admitted,
        head: http::request::Parts,
        sent: Bytes,
        readable: Bytes,
        mut view: RequestView,
        route: Route,
        attribution: Attribution,
        notes: Vec<String>,
    ) -> Plan {
        let compressed = sent.len() != readable.len() || sent.as_ptr() != readable.as_ptr();
        let (mut body, mut kept, mut edited) = (sent, readable, false);
        let mut path = admitted.path.clone();
        if let Some(bare) = &route.bare_model {
            if let ModelPlace::Path(place) = &view.model_place {
                path.replace_range(place.clone(), bare);
            } else {
                kept = Bytes::from(replace_model(&kept, &view, bare));
                (body, edited) = (kept.clone(), true);
            }
            if let ModelPlace::Path(place) | ModelPlace::Form(place) = &mut view.model_place {
                place.end = place.start + bare.len();
            }
            view.model = Some(bare.clone());
        }
        let (tokens, provenance) = view.estimate_input();
        let quantities = Quantities::none().with(bursar_core::Meter::Input, tokens, provenance);
        let tier = view.service_tier.as_deref().and_then(tier_of);
        Plan {
            asked: Arc::new(Asked { body: kept_for_counting(&view, &kept), view, tier }),
            started_at: attempt::now(),
            expected: MeteredUsage { quantities, ..MeteredUsage::default() },
            readable: kept,
            compressed,
            edited,
            admitted,
            head,
            body,
            route,
            path,
            attribution,
            notes,
        }
    }

    /// Whether the call is booked: what is charged for, or may be, because nothing is known of its path.
    pub(super) fn is_booked(&self) -> bool {
        let surface = self.admitted.surface;
        let calls = matches!(self.head.method, Method::POST | Method::PUT | Method::PATCH);
        calls && (surface.bills_usage() || surface == Surface::Other) && runs_a_model(&self.admitted)
    }

    /// What asks the budgets for room.
    pub(super) fn ask(&self, shared: &Shared, provider: &Provider, target: &Target, attempt: u16) -> Ask {
        let key = match &self.admitted.principal {
            Principal::Key(key) => Some(Arc::clone(key)),
            Principal::Open => None,
        };
        let subject = Subject {
            attribution: self.attribution.clone(),
            key: self.admitted.principal.key_id(),
            provider: provider.config.price_as.clone(),
            model: self.asked.view.model.clone(),
        };
        Ask::new(AskParts {
            budgets: Arc::clone(&shared.budgets),
            id: attempt::record_id(self.admitted.id, attempt),
            subject: Arc::new(subject),
            at: self.started_at,
            lease: lease(&provider.config.timeouts),
            asked: Arc::clone(&self.asked),
            surface: self.admitted.surface,
            pricing: Pricing {
                book: shared.prices.load_full(),
                provider: provider.config.price_as.clone(),
                region: target.region.clone(),
                tiers: self.asked.view.possible_tiers(),
            },
            key,
        })
    }

    /// The body as it is read.
    pub(super) const fn readable(&self) -> &Bytes {
        &self.readable
    }

    /// What goes out to a provider: the body with what the budgets ask for, and the path. `None` where the output
    /// cannot be limited.
    pub(super) fn outgoing(&self, provider: &Provider, grant: Option<&Grant>) -> Option<Outgoing> {
        let (view, surface) = (&self.asked.view, self.admitted.surface);
        let (model, limit) = grant.map_or((None, None), |g| (g.model.as_deref(), g.limit));
        let mut path = self.path.clone();
        let mut edited: Option<Vec<u8>> = None;
        match (&view.model_place, model) {
            (_, None) => {}
            (ModelPlace::Path(place), Some(model)) => {
                path.replace_range(place.clone(), &model.replace('/', "%2F"));
            }
            (_, Some(model)) => edited = Some(replace_model(&self.readable, view, model)),
        }
        if let Some(limit) = limit {
            let body = edited.as_deref().unwrap_or(&self.readable);
            edited = Some(limit_output(body, view, surface, provider.config.vendor, limit)?);
        }
        let chat = matches!(surface, Surface::OpenAiChat | Surface::OpenAiCompletions);
        let asks = chat && provider.config.stream_usage == StreamUsage::Ask;
        let asking = if asks && view.stream && !view.include_usage {
            ask_for_usage(edited.as_deref().unwrap_or(&self.readable), view)
        } else {
            None
        };
        let hide_usage = asking.is_some();
        let edited = asking.or(edited);
        let is_unpacked = self.compressed && (self.edited || edited.is_some());
        let body = edited.map_or_else(|| self.body.clone(), Bytes::from);
        Some(Outgoing { body, path, hide_usage, is_unpacked })
    }

    /// The opening of an attempt at an endpoint.
    pub(super) fn opening(
        &self,
        provider: &Provider,
        target: &Target,
        attempt: u16,
        grant: &Grant,
    ) -> OpenAttempt {
        OpenAttempt {
            id: attempt::record_id(self.admitted.id, attempt),
            started_at: grant.at,
            key: self.admitted.principal.key_id(),
            attribution: self.attribution.clone(),
            provider: provider.config.price_as.clone(),
            surface: self.surface_name(),
            region: target.region.clone(),
            requested_model: self.asked.view.model.clone(),
            expected: self.expected.clone(),
            ceiling: Some(grant.held.ceiling),
            lease_until: Some(grant.lease_until),
        }
    }

    fn surface_name(&self) -> String {
        match self.admitted.surface {
            Surface::Other => {
                let path = self.path.split('?').next().unwrap_or_default();
                format!("other {}", path.chars().take(64).collect::<String>())
            }
            surface => surface.name().to_owned(),
        }
    }

    /// What the attempt keeps beside its opening.
    pub(super) fn live(&self, open: OpenAttempt, journalled: bool, grant: Grant) -> Opening {
        let mut reasons = vec![self.route.reason.clone()];
        reasons.extend(self.notes.iter().cloned());
        reasons.extend(grant.reasons);
        Opening {
            open,
            asked: Arc::clone(&self.asked),
            arrived: self.admitted.arrived,
            reasons,
            journalled,
            surface: self.admitted.surface,
            sent_model: grant.model,
            held: Some(grant.held),
            fetches: false,
        }
    }
}

/// The tier that a request asks for; `None` where it leaves the choice to the provider.
pub(super) fn tier_of(name: &str) -> Option<ServiceTier> {
    match name {
        "default" => Some(ServiceTier::Standard),
        other => other.parse().ok(),
    }
}
