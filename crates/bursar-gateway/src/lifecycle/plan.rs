//! What a request will be sent as, and everything that its attempts have in common.

use std::sync::Arc;

use bursar_core::{Attribution, MeteredUsage, Quantities, ServiceTier, Timestamp};
use bursar_store::OpenAttempt;
use bursar_wire::{RequestView, Surface, ask_for_usage, replace_model};
use bytes::Bytes;
use http::Method;

use super::{Admitted, kept_for_counting, runs_a_model};
use crate::attempt::{self, Asked, Opening};
use crate::config::StreamUsage;
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
            if let bursar_wire::ModelPlace::Path(place) = &view.model_place {
                path.replace_range(place.clone(), bare);
            } else {
                kept = Bytes::from(replace_model(&kept, &view, bare));
                (body, edited) = (kept.clone(), true);
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

    /// The body for a provider.
    pub(super) fn body_for(&self, provider: &Provider) -> Outgoing {
        let view = &self.asked.view;
        let chat = matches!(self.admitted.surface, Surface::OpenAiChat | Surface::OpenAiCompletions);
        let asks = chat && provider.config.stream_usage == StreamUsage::Ask;
        let asking = if asks && view.stream && !view.include_usage {
            ask_for_usage(&self.readable, view)
        } else {
            None
        };
        let hide_usage = asking.is_some();
        Outgoing {
            body: asking.map_or_else(|| self.body.clone(), Bytes::from),
            hide_usage,
            is_unpacked: self.compressed && (self.edited || hide_usage),
        }
    }

    /// The opening of an attempt at an endpoint.
    pub(super) fn opening(&self, provider: &Provider, target: &Target, attempt: u16) -> OpenAttempt {
        OpenAttempt {
            id: attempt::record_id(self.admitted.id, attempt),
            started_at: self.started_at,
            key: self.admitted.principal.key_id(),
            attribution: self.attribution.clone(),
            provider: provider.config.price_as.clone(),
            surface: self.surface_name(),
            region: target.region.clone(),
            requested_model: self.asked.view.model.clone(),
            expected: self.expected.clone(),
            ceiling: None,
            lease_until: None,
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
    pub(super) fn live(&self, open: OpenAttempt, journalled: bool) -> Opening {
        let mut reasons = vec![self.route.reason.clone()];
        reasons.extend(self.notes.iter().cloned());
        Opening {
            open,
            asked: Arc::clone(&self.asked),
            arrived: self.admitted.arrived,
            reasons,
            journalled,
            unknown_surface: self.admitted.surface == Surface::Other,
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
