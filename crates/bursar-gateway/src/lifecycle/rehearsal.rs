//! What happens to a call before it goes out, without sending it.

use std::net::SocketAddr;
use std::sync::Arc;

use bursar_core::Money;
use bursar_wire::ErrorKind;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::Request;

use super::{Arrival, Shared, admit, check_head, planned};
use crate::budget::Grant;
use crate::error::{Refusal, refuse};

/// A call that was admitted and not sent. What is held for it is released when this is dropped.
pub struct Rehearsal {
    grant: Grant,
}

impl Rehearsal {
    /// The most that the call may cost; `None` where its price is not known.
    #[must_use]
    pub fn ceiling(&self) -> Option<Money> {
        self.grant.held.ceiling.usd
    }

    /// What was done to the call, and why.
    #[must_use]
    pub fn reasons(&self) -> &[String] {
        &self.grant.reasons
    }
}

pub(crate) fn rehearse(
    shared: &Arc<Shared>,
    request: Request<Bytes>,
    from: SocketAddr,
) -> Result<Rehearsal, Refusal> {
    let (head, body) = request.into_parts();
    check_head(&head.headers, shared)?;
    let arrival = Arrival::now(head.uri.path(), &head.headers, from);
    let admitted = admit(shared, &head, arrival)?;
    let plan = planned(shared, admitted, head, body)?;
    let provider = &shared.providers[plan.route.providers[0]];
    let ask = plan.ask(shared, provider, provider.target(0), 0);
    match shared.budgets.admit(ask, plan.readable()).now_or_never() {
        Some(admitted) => admitted.map(|grant| Rehearsal { grant }),
        None => Err(refuse(ErrorKind::QuotaExhausted, "The call would have to wait for its budgets.")),
    }
}
