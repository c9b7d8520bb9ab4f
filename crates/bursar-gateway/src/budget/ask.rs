//! A call that asks its budgets for room, and the ways in which it can be sent.

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bursar_core::budget::{BudgetUnit, Subject, WhenTight};
use bursar_core::ledger::{Amounts, HoldRequest, Ledger, ShortBy, Shortage, Standing};
use bursar_core::{ModelLimits, RecordId, ServiceTier, Timestamp};
use bursar_prices::{CeilingFacts, PriceBook, price_bound};
use bursar_store::VirtualKey;
use bursar_wire::tokens::Family;
use bursar_wire::{Ceiling, InputBasis, ModelPlace, Surface, least_output};

use super::held::{Grant, Held, held_sentence};
use super::{Budgets, later};
use crate::attempt::Asked;
use crate::config::{BudgetPolicies, OrRefuse};

/// A call that wants to go out.
pub(crate) struct AskParts {
    pub(crate) budgets: Arc<Budgets>,
    pub(crate) id: RecordId,
    pub(crate) subject: Arc<Subject>,
    /// The moment whose window pays.
    pub(crate) at: Timestamp,
    /// How long the hold lasts when nothing is heard of the call.
    pub(crate) lease: Duration,
    pub(crate) asked: Arc<Asked>,
    pub(crate) surface: Surface,
    pub(crate) pricing: Pricing,
    /// The virtual key, which limits the models of a ladder.
    pub(crate) key: Option<Arc<VirtualKey>>,
}

/// The same, with the ways in which it can be sent.
pub(crate) struct Ask {
    call: AskParts,
    /// The call as it was asked for, and by the models of a ladder.
    ways: Vec<Way>,
    /// The least output that the request can be limited to; `None` where it cannot be.
    least: Option<u64>,
    /// An output limit that calls of this kind hardly ever exceed, for one that sets none.
    pub(super) usual_output: Option<u64>,
    /// A limit that was put in because nothing else bounds the output.
    pub(super) assumed_limit: Option<u64>,
    pub(super) waits_since: Option<Instant>,
    /// What the reader of the record has to know.
    pub(super) notes: Vec<String>,
}

/// What ceilings are priced by.
pub(crate) struct Pricing {
    pub(crate) book: Arc<PriceBook>,
    pub(crate) provider: String,
    pub(crate) region: Option<String>,
    pub(crate) tiers: &'static [ServiceTier],
}

/// A model, and the most that the call can use with it.
struct Way {
    /// Another model than the one asked for.
    model: Option<String>,
    ceiling: Ceiling,
}

/// What came of asking.
pub(super) enum Verdict {
    Held(Box<Grant>),
    /// Money that is held for others may come back.
    Wait(Vec<Shortage>),
    Short(Vec<Shortage>),
}

impl Pricing {
    fn amounts(&self, model: &str, ceiling: &Ceiling, at: Timestamp) -> Amounts {
        let facts = CeilingFacts {
            provider: &self.provider,
            model,
            region: self.region.as_deref(),
            tiers: self.tiers,
            at,
        };
        Amounts { usd: price_bound(&self.book, &facts, &ceiling.bound), tokens: ceiling.bound.tokens() }
    }

    pub(super) fn limits(&self, model: &str) -> ModelLimits {
        self.book.limits.of(&self.provider, model)
    }
}

impl Deref for Ask {
    type Target = AskParts;

    fn deref(&self) -> &AskParts {
        &self.call
    }
}

impl Ask {
    /// A call as it was asked for, its input bounded by its bytes.
    pub(crate) fn new(call: AskParts) -> Ask {
        let least = least_output(&call.asked.view, call.surface);
        let mut ask = Ask {
            call,
            ways: Vec::new(),
            least,
            usual_output: None,
            assumed_limit: None,
            waits_since: None,
            notes: Vec::new(),
        };
        ask.measure(InputBasis::Bytes);
        ask
    }

    pub(super) fn model(&self) -> &str {
        self.asked.view.model.as_deref().unwrap_or_default()
    }

    pub(super) const fn least(&self) -> Option<u64> {
        self.least
    }

    /// From now on another moment's window pays.
    pub(super) const fn move_to(&mut self, at: Timestamp) {
        self.call.at = at;
    }

    /// Works out the call's own ceiling.
    pub(super) fn measure(&mut self, basis: InputBasis) {
        let ceiling = Ceiling::of(&self.asked.view, self.surface, self.pricing.limits(self.model()), basis);
        self.ways = vec![Way { model: None, ceiling }];
    }

    /// Whether budgets in this unit have to have room for it.
    pub(super) fn uses(&self, unit: BudgetUnit) -> bool {
        self.amounts(&self.ways[0], None).of(unit) != Some(0)
    }

    pub(super) fn ceiling(&mut self) -> &mut Ceiling {
        &mut self.ways[0].ceiling
    }

    /// Asks. `force` says that the call does not wait (any more).
    pub(super) fn ask(
        &mut self,
        ledger: &mut Ledger,
        now: Timestamp,
        policies: &BudgetPolicies,
        force: bool,
    ) -> Verdict {
        let short = match self.hold(ledger, now, policies, &self.ways[0], None) {
            Ok(grant) => return Verdict::Held(grant),
            Err(short) => short,
        };
        let yields = |s: &Shortage| {
            s.by == ShortBy::Amount && matches!(s.budget.when_tight, WhenTight::Clamp | WhenTight::Downgrade)
        };
        if !short.iter().all(yields) {
            return Verdict::Short(short);
        }
        let (cheapest, short) = match self.step_down(ledger, now, policies, short) {
            Ok(grant) => return Verdict::Held(grant),
            Err(left) => left,
        };
        let most = self.ways[cheapest].ceiling.output_limit();
        let usual = self.usual_output.filter(|usual| most.is_none_or(|most| *usual < most));
        let usual = usual.map(|limit| (limit, short.as_slice()));
        if usual.is_some()
            && let Ok(grant) = self.hold(ledger, now, policies, &self.ways[cheapest], usual)
        {
            return Verdict::Held(grant);
        }
        self.wait_or_limit(ledger, now, policies, (cheapest, short), force)
    }

    /// Tries the cheaper models of the ladders of the budgets that are short; else the last of them, by its place among
    /// the ways, and its shortages.
    fn step_down(
        &mut self,
        ledger: &mut Ledger,
        now: Timestamp,
        policies: &BudgetPolicies,
        mut short: Vec<Shortage>,
    ) -> Result<Box<Grant>, (usize, Vec<Shortage>)> {
        let downgrades = short.iter().filter(|s| s.budget.when_tight == WhenTight::Downgrade);
        let ladder: Vec<String> = downgrades.flat_map(|s| s.budget.ladder.iter().cloned()).collect();
        let mut cheapest = 0;
        for model in ladder {
            let Some(way) = self.way_to(model) else { continue };
            match self.hold(ledger, now, policies, &self.ways[way], None) {
                Ok(grant) => return Ok(grant),
                Err(still) if still.iter().all(|s| s.by == ShortBy::Amount) => {
                    (cheapest, short) = (way, still);
                }
                // A model without a known price is no cheaper one.
                Err(_) => {}
            }
        }
        Err((cheapest, short))
    }

    /// The call by another model; `None` where the request does not name one, or the key may not call it.
    fn way_to(&mut self, model: String) -> Option<usize> {
        let view = &self.asked.view;
        let names_one = view.model_place != ModelPlace::None;
        let may = self.key.as_ref().is_none_or(|key| key.allows_model(&model));
        if !names_one || !may || model == self.model() {
            return None;
        }
        let known = self.ways.iter().position(|w| w.model.as_ref() == Some(&model));
        if known.is_some() {
            return known;
        }
        let mut ceiling = Ceiling::of(view, self.surface, self.pricing.limits(&model), InputBasis::Bytes);
        let own = &self.ways[0].ceiling;
        // A count with one vocabulary says nothing of another.
        let alike = Family::of(&model) == Family::of(self.model());
        if alike && own.bound.context < ceiling.bound.context {
            let limit = ceiling.output_limit();
            ceiling = own.clone();
            if let Some(limit) = limit {
                ceiling.limit_output(limit);
            }
        }
        self.ways.push(Way { model: Some(model), ceiling });
        Some(self.ways.len() - 1)
    }

    fn wait_or_limit(
        &self,
        ledger: &mut Ledger,
        now: Timestamp,
        policies: &BudgetPolicies,
        (way, mut short): (usize, Vec<Shortage>),
        force: bool,
    ) -> Verdict {
        let way = &self.ways[way];
        let least = self.amounts(way, self.least);
        let need = |s: &Shortage| least.of(s.budget.unit).unwrap_or(i64::MAX);
        let fits = |s: &Shortage| need(s) <= s.available;
        if short.iter().any(|s| need(s) > s.available.saturating_add(s.held)) {
            short.iter_mut().for_each(|s| s.need = least.of(s.budget.unit).unwrap_or(s.need));
            return Verdict::Short(short);
        }
        let may_wait = !force && short.iter().all(|s| !s.budget.longest_wait.is_zero());
        // Where more is held for others than is left, waiting makes the better answer.
        let pays = short.iter().all(Shortage::may_fit_later) || short.iter().any(|s| s.held > s.available);
        if may_wait && (pays || !short.iter().all(fits)) {
            return Verdict::Wait(short);
        }
        if short.iter().all(fits)
            && let Some(limit) = self.largest_limit(way, &short)
            && let Ok(grant) = self.hold(ledger, now, policies, way, Some((limit, &short)))
        {
            return Verdict::Held(grant);
        }
        short.iter_mut().for_each(|s| s.need = least.of(s.budget.unit).unwrap_or(s.need));
        Verdict::Short(short)
    }

    /// The largest output limit that all of the budgets have room for; `None` where output cannot be limited.
    fn largest_limit(&self, way: &Way, short: &[Shortage]) -> Option<u64> {
        let fits = |limit: u64| {
            let amounts = self.amounts(way, Some(limit));
            short.iter().all(|s| amounts.of(s.budget.unit).is_some_and(|need| need <= s.available))
        };
        let (mut low, mut high) = (self.least?, way.ceiling.output_limit()?);
        if low > high || !fits(low) {
            return None;
        }
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if fits(middle) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        Some(low)
    }

    fn amounts(&self, way: &Way, limit: Option<u64>) -> Amounts {
        let model = way.model.as_deref().unwrap_or(self.model());
        match limit {
            None => self.pricing.amounts(model, &way.ceiling, self.at),
            Some(limit) => {
                let mut ceiling = way.ceiling.clone();
                if ceiling.output_limit().is_none_or(|before| limit < before) {
                    ceiling.limit_output(limit);
                }
                self.pricing.amounts(model, &ceiling, self.at)
            }
        }
    }

    /// Holds the call in one of its ways, its output limited where the budgets that are short ask for it.
    fn hold(
        &self,
        ledger: &mut Ledger,
        now: Timestamp,
        policies: &BudgetPolicies,
        way: &Way,
        limited: Option<(u64, &[Shortage])>,
    ) -> Result<Box<Grant>, Vec<Shortage>> {
        let limit = limited.map(|(limit, _)| limit);
        let ceiling = self.amounts(way, limit);
        let lease_until = later(now, self.lease);
        let standing = ledger.hold(
            HoldRequest {
                id: self.id,
                subject: Arc::clone(&self.subject),
                at: self.at,
                ceiling,
                lease_until,
                unpriced_passes: policies.unpriced == OrRefuse::Allow,
            },
            now,
        )?;
        let mut held = Held::new(&self.budgets, self.id, self.lease, ceiling, &self.pricing.book);
        let most = limit.or_else(|| way.ceiling.output_limit()).filter(|_| !self.asked.view.reach.predicts);
        held.most_output = most.map(|most| most.saturating_mul(self.asked.view.answers(self.surface)));
        // A server's own tools send the context more than once.
        held.most_input = if self.asked.view.reach.server_tools { 0 } else { way.ceiling.bound.context };
        let reasons = self.reasons(way, limited, (ceiling, ledger.has_budgets()), &standing);
        held.tightest = standing.tightest;
        let limit = limit.or(self.assumed_limit);
        Ok(Box::new(Grant { held, model: way.model.clone(), limit, at: self.at, lease_until, reasons }))
    }

    fn reasons(
        &self,
        way: &Way,
        limited: Option<(u64, &[Shortage])>,
        (ceiling, is_budgeted): (Amounts, bool),
        standing: &Standing,
    ) -> Vec<String> {
        let mut reasons: Vec<String> = held_sentence(ceiling, &standing.budgets).into_iter().collect();
        if let Some(since) = self.waits_since {
            reasons.push(format!(
                "waited {} ms for money that was held for others",
                since.elapsed().as_millis()
            ));
        }
        if let Some(model) = &way.model {
            reasons.push(format!("answered by {model} instead of {}: a budget is tight", self.model()));
        }
        match (limited, self.assumed_limit) {
            (Some((limit, short)), _) => {
                let names: Vec<&str> = short.iter().map(|s| s.budget.name.as_str()).collect();
                reasons.push(format!("output limited to {limit} tokens by budget {}", names.join(", ")));
            }
            (None, Some(limit)) => reasons.push(format!(
                "output limited to {limit} tokens: nothing else bounds it, and a budget enforces"
            )),
            (None, None) => {}
        }
        if standing.covering == 0 && is_budgeted {
            reasons.push("no budget covers the call".to_owned());
        }
        reasons.extend(self.notes.iter().cloned());
        reasons
    }
}
