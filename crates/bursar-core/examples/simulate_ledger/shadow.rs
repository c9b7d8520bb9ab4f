//! A second account of the same events, kept in the plainest way: lists that are added up when asked. It shares no
//! code with the ledger, except the definitions of scopes and periods.

use std::collections::HashMap;

use bursar_core::budget::{Budget, ModelTiers, Period, Subject};
use bursar_core::ledger::{Amounts, Balance};
use bursar_core::{RecordId, Timestamp};

/// One thing that is or was on its way.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) subject: Subject,
    pub(crate) at: Timestamp,
    pub(crate) ceiling: Amounts,
    pub(crate) actual: Option<Amounts>,
    pub(crate) holds: bool,
}

/// Everything that was ever let out.
#[derive(Default)]
pub(crate) struct Shadow {
    pub(crate) calls: HashMap<RecordId, Call>,
    /// The order of settlements.
    pub(crate) settled: Vec<RecordId>,
}

impl Shadow {
    /// What an account holds and has spent in the window of a balance, added up anew.
    pub(crate) fn sums(&self, balance: &Balance, now: Timestamp) -> (i64, i64) {
        let (mut held, mut spent) = (0, 0);
        for call in self.calls.values().filter(|c| pays(balance, c)) {
            match call.actual {
                Some(actual) => spent += if counts(balance, call, now) { amount(balance, actual) } else { 0 },
                None if call.holds => held += amount(balance, call.ceiling),
                None => {}
            }
        }
        (held, spent)
    }
}

fn amount(balance: &Balance, amounts: Amounts) -> i64 {
    amounts.of(balance.budget.unit).expect("every simulated call has a price")
}

/// Whether a call belongs to the account and window of a balance.
fn pays(balance: &Balance, call: &Call) -> bool {
    let budget: &Budget = &balance.budget;
    let in_scope = budget.scopes.iter().any(|s| s.covers(&call.subject, &ModelTiers::default()));
    let values: Option<Vec<&str>> = budget.per.iter().map(|f| f.of(&call.subject)).collect();
    let instance = values.map(|v| v.join(" / "));
    let of_account = match (&balance.instance, &instance) {
        (None, Some(joined)) => joined.is_empty(),
        (mine, theirs) => mine == theirs,
    };
    // No simulated task ends; a clock that is set back may bring calls from before its first one.
    let is_life = matches!(budget.period, Period::Life { .. });
    in_scope && of_account && (is_life || balance.window.holds(call.at))
}

/// Whether settled spend still counts at a moment.
fn counts(balance: &Balance, call: &Call, now: Timestamp) -> bool {
    let Period::Rolling { length } = &balance.budget.period else { return true };
    let step = balance.budget.period.bucket_micros().unwrap();
    let bucket = call.at.micros().div_euclid(step) * step;
    bucket + step > now.micros() - i64::try_from(length.as_micros()).unwrap()
}
