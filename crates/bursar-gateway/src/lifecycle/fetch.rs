//! Calls that use nothing themselves and fetch work that was done apart from them: see [`crate::fetched_work`].

use std::sync::Arc;

use bursar_core::{MeteredUsage, ServiceTier};
use bursar_store::OpenAttempt;
use bursar_wire::{RequestView, Surface};
use bytes::Bytes;

use super::{Admitted, Shared, attribute};
use crate::attempt::{self, Asked, Attempt, Opening};
use crate::fetched_work;
use crate::upstream::{Provider, Target};

/// An attempt for a call that fetches work done apart from it; `None` for any other. It is in no journal: what the
/// provider did is done, whether this call ends well or not.
pub(super) fn fetching(
    shared: &Arc<Shared>,
    admitted: &Admitted,
    head: &http::request::Parts,
    provider: &Provider,
    target: &Target,
) -> Option<Attempt> {
    if !fetched_work::is_fetch(&head.method, admitted.surface, &admitted.path) {
        return None;
    }
    let mut view = RequestView::default();
    let (attribution, notes) = attribute(&head.headers, &mut view, &admitted.principal);
    let is_batch = admitted.surface == Surface::OpenAiBatches;
    let open = OpenAttempt {
        id: attempt::record_id(admitted.id, 0),
        started_at: attempt::now(),
        key: admitted.principal.key_id(),
        attribution,
        provider: provider.config.price_as.clone(),
        surface: admitted.surface.name().to_owned(),
        region: target.region.clone(),
        requested_model: None,
        expected: MeteredUsage::default(),
        ceiling: None,
        lease_until: None,
    };
    let opening = Opening {
        open,
        asked: Arc::new(Asked { view, body: Bytes::new(), tier: is_batch.then_some(ServiceTier::Batch) }),
        arrived: admitted.arrived,
        reasons: notes,
        journalled: false,
        surface: admitted.surface,
        sent_model: None,
        held: None,
        fetches: true,
    };
    Some(Attempt::new(Arc::clone(shared), opening))
}
