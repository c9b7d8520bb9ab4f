//! What those who watch the ledger are told besides balances: refusals, calls that no budget covers, changes of a
//! definition.

use super::Ledger;
use super::command::{ShortBy, Shortage};
use crate::budget::{BudgetName, Subject};
use crate::identity::KeyId;
use crate::time::Timestamp;

/// The most keys that wait to be asked for; more than these are told when these have been.
const MOST_UNCOVERED: usize = 1024;

impl Ledger {
    /// Notes that a call was refused for good because these budgets had too little left. What was short for another
    /// reason is not counted.
    pub fn note_refusal(&mut self, subject: &Subject, at: Timestamp, short: &[Shortage]) {
        for shortage in short.iter().filter(|s| s.by == ShortBy::Amount) {
            let Some(&number) = self.by_name.get(&shortage.budget.name) else { continue };
            let Some(no) = self.account_of(number, subject) else { continue };
            let budget = &self.slots[number as usize].budget;
            let account = &mut self.accounts[no as usize];
            let place = account.window_at(budget, at);
            account.windows[place].refused += 1;
            self.touch(no);
        }
    }

    /// Marks every account of a budget as touched, so that [`Ledger::take_touched`] tells how it stands; `false`
    /// where there is no such budget.
    pub fn touch_all(&mut self, name: &BudgetName) -> bool {
        let Some(&number) = self.by_name.get(name) else { return false };
        let accounts: Vec<u32> = self.slots[number as usize].accounts().collect();
        accounts.into_iter().for_each(|no| self.touch(no));
        true
    }

    /// Marks one account of a budget as touched: by whose share it is, as [`Balance::instance`](super::Balance) says it.
    pub fn touch_one(&mut self, name: &BudgetName, instance: Option<&str>) -> bool {
        let Some(&number) = self.by_name.get(name) else { return false };
        let found = self.slots[number as usize].account_told(instance);
        found.into_iter().for_each(|no| self.touch(no));
        found.is_some()
    }

    /// The keys whose calls no budget covered since this was asked last; `None` for calls without a key. Where there
    /// is no budget at all, nobody is told.
    pub fn take_uncovered(&mut self) -> Vec<Option<KeyId>> {
        let mut keys: Vec<Option<KeyId>> = self.uncovered.drain().collect();
        keys.sort_unstable();
        keys
    }

    pub(super) fn note_uncovered(&mut self, subject: &Subject) {
        let has_room = self.uncovered.len() < MOST_UNCOVERED;
        if has_room && !self.by_name.is_empty() && !self.uncovered.contains(&subject.key) {
            self.uncovered.insert(subject.key.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::budget::{Budget, BudgetUnit, ModelTiers, Scope, ScopeField, WhenTight};
    use crate::identity::{RecordId, RequestId};
    use crate::ledger::{Amounts, HoldRequest};
    use crate::money::Money;

    fn now() -> Timestamp {
        Timestamp::from_date(2026, 11, 24).unwrap()
    }

    fn ledger(scope: Scope) -> Ledger {
        let mut ledger = Ledger::new(ModelTiers::default());
        let mut budget = Budget::new("support".parse().unwrap(), BudgetUnit::Usd, 1_000);
        budget.scopes = vec![scope];
        budget.when_tight = WhenTight::Refuse;
        ledger.define(budget, |_| true);
        ledger
    }

    fn request(key: &str, nanos: i64) -> HoldRequest {
        let key = Some(KeyId(key.to_owned()));
        HoldRequest {
            id: RecordId { request: RequestId(7), attempt: 0 },
            subject: Arc::new(Subject { key, ..Subject::default() }),
            at: now(),
            ceiling: Amounts { usd: Some(Money::from_nanos(nanos)), tokens: 1 },
            lease_until: now().plus_micros(60_000_000),
            unpriced_passes: false,
        }
    }

    #[test]
    fn a_refusal_is_counted_in_the_window_that_would_have_paid() {
        let mut ledger = ledger(Scope::everything());
        let refused = request("key_1", 2_000);
        let short = ledger.hold(refused.clone(), now()).unwrap_err();
        ledger.note_refusal(&refused.subject, refused.at, &short);
        let told: Vec<u64> = ledger.take_touched(now()).iter().map(|b| b.refused).collect();
        assert_eq!(told, [1]);
    }

    #[test]
    fn a_key_that_no_budget_covers_is_told_once() {
        let mut ledger = ledger(Scope::default().and(ScopeField::Key, "key_1"));
        ledger.hold(request("key_2", 5), now()).unwrap();
        assert_eq!(ledger.take_uncovered(), [Some(KeyId("key_2".to_owned()))]);
        assert_eq!(ledger.take_uncovered(), []);
    }

    #[test]
    fn a_share_is_touched_by_the_name_that_its_balance_has() {
        let mut ledger = Ledger::new(ModelTiers::default());
        let mut budget = Budget::new("per-app".parse().unwrap(), BudgetUnit::Usd, 1_000);
        budget.per = vec![ScopeField::Team, ScopeField::App];
        ledger.define(budget, |_| true);
        let mut subject = Subject::default();
        subject.attribution.team = Some("legal".to_owned());
        subject.attribution.app = Some("review".to_owned());
        ledger.post(&subject, now(), Amounts { usd: Some(Money::from_nanos(10)), tokens: 1 });
        let instance = ledger.take_touched(now())[0].instance.clone();
        assert!(ledger.touch_one(&"per-app".parse().unwrap(), instance.as_deref()));
        assert_eq!(ledger.take_touched(now()).len(), 1);
        assert!(!ledger.touch_one(&"per-app".parse().unwrap(), Some("nobody")));
    }

    #[test]
    fn a_changed_definition_is_told_to_those_who_watch_its_accounts() {
        let mut ledger = ledger(Scope::everything());
        ledger.post(&Subject::default(), now(), Amounts { usd: Some(Money::from_nanos(10)), tokens: 1 });
        assert_eq!(ledger.take_touched(now()).len(), 1);
        let mut raised = Budget::clone(ledger.budget(&"support".parse().unwrap()).unwrap());
        raised.amount = 5_000;
        assert!(!ledger.define(raised, |_| true));
        assert_eq!(ledger.take_touched(now())[0].limit, 5_000);
        assert!(ledger.touch_one(&"support".parse().unwrap(), None));
        assert_eq!(ledger.take_touched(now()).len(), 1);
    }
}
