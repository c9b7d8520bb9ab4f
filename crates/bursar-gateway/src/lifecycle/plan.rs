//! What a request will be sent as, and everything that its attempts have in common.

use std::sync::Arc;

use bursar_core::{Attribution, MeteredUsage, Quantities, ServiceTier, Timestamp};
use bursar_store::OpenAttempt;
use bursar_wire::{RequestView, Surface, ask_for_usage, replace_model};
use bytes::Bytes;
use http::Method;

use super::{Admitted, kept_for_counting};
use crate::attempt::{self, Asked, Opening};
use crate::config::StreamUsage;
use crate::route::Route;
use crate::upstream::{Provider, Target};

/// A request that is ready to be sent.
pub(super) struct Plan {
    pub(super) admitted: Admitted,
    pub(super) head: http::request::Parts,
    /// The client's bytes, with the model's prefix taken off where it had one.
    pub(super) body: Bytes,
    pub(super) asked: Arc<Asked>,
    pub(super) route: Route,
    pub(super) path: String,
    compressed: bool,
    readable: Bytes,
    started_at: Timestamp,
    attribution: Attribution,
    notes: Vec<String>,
    expected: MeteredUsage,
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
        let mut body = sent;
        let mut kept = readable;
        let mut path = admitted.path.clone();
        if let Some(bare) = &route.bare_model {
            if let bursar_wire::ModelPlace::Path(place) = &view.model_place {
                path.replace_range(place.clone(), bare);
            } else if !compressed {
                body = Bytes::from(replace_model(&body, &view, bare));
                kept = body.clone();
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
        calls && (surface.bills_usage() || surface == Surface::Other)
    }

    /// The body for a provider, and whether the usage chunk has to be hidden again.
    pub(super) fn body_for(&self, provider: &Provider) -> (Bytes, bool) {
        let view = &self.asked.view;
        let chat = matches!(self.admitted.surface, Surface::OpenAiChat | Surface::OpenAiCompletions);
        if !chat || !view.stream || view.include_usage || self.compressed {
            return (self.body.clone(), false);
        }
        match provider.config.stream_usage {
            StreamUsage::Never | StreamUsage::Always => (self.body.clone(), false),
            StreamUsage::Ask => match ask_for_usage(&self.readable, view) {
                Some(body) => (Bytes::from(body), true),
                None => (self.body.clone(), false),
            },
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
        }
    }
}

fn tier_of(name: &str) -> Option<ServiceTier> {
    match name {
        "default" => Some(ServiceTier::Standard),
        other => other.parse().ok(),
    }
}
