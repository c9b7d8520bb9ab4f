//! Work that a provider does apart from any one call and tells of whenever it is fetched: responses that are made in
//! the background, and batches.
//!
//! It is booked under an id that is made from the provider's own. So it is booked once, whoever fetches it and
//! however often: the store keeps the first settlement of an id.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use bursar_core::{RecordId, RequestId};
use bursar_store::{Reader, Store};
use bursar_wire::Surface;
use http::Method;
use sha2::{Digest as _, Sha256};

/// How many pieces of work are remembered as booked. One that was forgotten is told to the store again, which knows
/// it.
const REMEMBERED: usize = 4096;

/// Whether a call fetches such work, or ends it, as far as its method and path tell.
pub(crate) fn is_fetch(method: &Method, surface: Surface, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default().trim_end_matches('/');
    let collection = match surface {
        Surface::OpenAiResponses => "/responses/",
        Surface::OpenAiBatches => "/batches/",
        _ => return false,
    };
    let Some((_, id)) = path.rsplit_once(collection) else { return false };
    let id = match *method {
        Method::GET => id,
        Method::POST => id.strip_suffix("/cancel").unwrap_or_default(),
        _ => return false,
    };
    !id.is_empty() && !id.contains('/')
}

/// The id under which a provider's work is booked.
pub(crate) fn record_id(provider: &str, work: &str) -> RecordId {
    let digest = Sha256::new().chain_update(provider).chain_update([0]).chain_update(work).finalize();
    let first = digest.iter().take(16).fold(0u128, |number, byte| number << 8 | u128::from(*byte));
    RecordId { request: RequestId(first), attempt: 0 }
}

/// Whether an earlier process has booked the work.
pub(crate) fn is_known(store: &Store, id: RecordId) -> bool {
    let records = Reader::open(store.folder()).and_then(|reader| reader.request(id.request));
    records.is_ok_and(|records| !records.is_empty())
}

/// The work that was booked lately.
#[derive(Default)]
pub(crate) struct Booked(Mutex<(HashSet<RecordId>, VecDeque<RecordId>)>);

impl Booked {
    /// Notes that work is being booked; `false` where it has been already.
    pub(crate) fn begin(&self, id: RecordId) -> bool {
        let mut booked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, order) = &mut *booked;
        if !known.insert(id) {
            return false;
        }
        order.push_back(id);
        if order.len() > REMEMBERED
            && let Some(oldest) = order.pop_front()
        {
            known.remove(&oldest);
        }
        true
    }

    /// Forgets work that could not be booked, so that the next fetch tries again.
    pub(crate) fn failed(&self, id: RecordId) {
        let mut booked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        booked.0.remove(&id);
        booked.1.retain(|known| *known != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fetch_names_one_response_or_batch_and_a_list_or_an_item_of_it_is_none() {
        let of = |method: Method, path: &str| {
            Surface::of(method.as_str(), path).is_some_and(|surface| is_fetch(&method, surface, path))
        };
        for path in ["/v1/responses/resp_1", "/v1/responses/resp_1?stream=true", "/v1/batches/batch_1/"] {
            assert!(of(Method::GET, path), "{path}");
        }
        for path in ["/v1/responses/resp_1/cancel", "/openai/v1/batches/batch_1/cancel"] {
            assert!(of(Method::POST, path) && !of(Method::GET, path), "{path}");
        }
        for path in
            ["/v1/batches", "/v1/responses/resp_1/input_items", "/v1/files/file-1", "/v1/models/gpt-5"]
        {
            assert!(!of(Method::GET, path) && !of(Method::DELETE, path), "{path}");
        }
        assert!(!of(Method::POST, "/v1/responses") && !of(Method::DELETE, "/v1/responses/resp_1"));
    }

    #[test]
    fn the_same_work_has_the_same_id_and_other_work_or_another_provider_another() {
        let id = record_id("openai", "resp_1");
        assert_eq!(id, record_id("openai", "resp_1"));
        assert_ne!(id, record_id("azure", "resp_1"));
        assert_ne!(id, record_id("openai", "resp_2"));
        assert_ne!(record_id("a", "bc"), record_id("ab", "c"));
    }

    #[test]
    fn work_is_booked_once_unless_booking_it_failed_and_old_work_is_forgotten() {
        let booked = Booked::default();
        let id = |n: usize| record_id("openai", &n.to_string());
        assert!(booked.begin(id(0)) && !booked.begin(id(0)));
        booked.failed(id(0));
        assert!(booked.begin(id(0)));
        assert!((1..=REMEMBERED).all(|n| booked.begin(id(n))));
        assert_eq!(booked.0.lock().unwrap().0.len(), REMEMBERED);
        assert!(booked.begin(id(0)), "the oldest is forgotten");
    }
}
