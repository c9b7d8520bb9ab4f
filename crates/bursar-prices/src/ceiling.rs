//! What a call can cost at most, priced by the pricer that settles it.
//!
//! Every part of a [`UsageBound`] is priced on each of its meters, in every context band that the call can reach
//! and in every service tier that it may be served in; the dearest counts. A settlement whose quantities stay
//! within the bound then never costs more.

use bursar_core::{
    BoundPart, Meter, Money, PriceQuery, PriceView, Provenance, Quantities, Rounding, ServiceTier, Timestamp,
    UsageBound, price_usage,
};

use crate::book::PriceBook;

/// What a ceiling is looked up by.
#[derive(Clone, Copy, Debug)]
pub struct CeilingFacts<'a> {
    /// The provider's name in the price list.
    pub provider: &'a str,
    /// The model that is asked for.
    pub model: &'a str,
    /// The region that serves, where it is known.
    pub region: Option<&'a str>,
    /// The service tiers that may serve; those that the list does not have are left out unless there is only one.
    pub tiers: &'a [ServiceTier],
    /// The moment whose prices hold.
    pub at: Timestamp,
}

/// The most that a call can cost at contracted prices, rounded up; `None` where any part of it has no known price.
#[must_use]
pub fn price_bound(book: &PriceBook, facts: &CeilingFacts<'_>, bound: &UsageBound) -> Option<Money> {
    let mut bands = Vec::new();
    let mut dearest: Option<Money> = None;
    for &tier in facts.tiers {
        bands.clear();
        for row in book.list.rows_of(facts.provider, facts.model).filter(|r| r.tier == tier) {
            if !bands.contains(&row.context_above) {
                bands.push(row.context_above);
            }
        }
        if bands.is_empty() && facts.tiers.len() > 1 {
            continue;
        }
        if !bands.contains(&0) {
            bands.push(0);
        }
        for &band in bands.iter().filter(|&&b| b == 0 || b < bound.context) {
            let query = PriceQuery {
                provider: facts.provider,
                model: facts.model,
                region: facts.region,
                tier,
                context_tokens: if band == 0 { 0 } else { band + 1 },
                at: facts.at,
                known_at: facts.at,
                view: PriceView::Contracted,
            };
            let cost = cost_in_band(book, &query, &bound.parts)?;
            dearest = dearest.max(Some(cost));
        }
    }
    dearest
}

fn cost_in_band(book: &PriceBook, query: &PriceQuery<'_>, parts: &[BoundPart]) -> Option<Money> {
    parts.iter().try_fold(Money::ZERO, |sum, part| sum.checked_add(cost_of_part(book, query, part)?))
}

fn cost_of_part(book: &PriceBook, query: &PriceQuery<'_>, part: &BoundPart) -> Option<Money> {
    let quantities = part
        .candidates
        .iter()
        .fold(Quantities::none(), |q, c| q.with(c.meter, c.units, Provenance::Estimated));
    let priced = price_usage(&book.list, query, &quantities, Rounding::Up);
    let of = |meter| priced.lines.iter().find(|l| l.meter == meter).map(|l| l.basis);
    let mut dearest: Option<Money> = None;
    let mut is_whole = true;
    for candidate in &part.candidates {
        match of(candidate.meter) {
            Some(Ok(basis)) => {
                dearest = dearest.max(Some(basis.amount));
                is_whole &= basis.unit_price.nanos_per_million() % 1_000_000 == 0;
            }
            // A call has no price of its own unless the provider says so.
            None if candidate.units > 0 && candidate.meter == Meter::Requests => {}
            None => dearest = dearest.max(Some(Money::ZERO)),
            Some(Err(_)) if candidate.needed => return None,
            Some(Err(_)) => {}
        }
    }
    match dearest {
        None => part.may_be_absent.then_some(Money::ZERO),
        Some(Money::ZERO) => dearest,
        Some(amount) if is_whole => Some(amount),
        // The settlement rounds each of its lines to the nearest nano-dollar: half of one more on every line.
        Some(amount) => amount.checked_add(Money::from_nanos(LINES_OF_A_PART)),
    }
}

/// On so many lines at most a settlement divides what is one part of a bound.
const LINES_OF_A_PART: i64 = 8;

#[cfg(test)]
mod tests {
    use bursar_core::{MeteredUsage, ServiceTier};
    use proptest::prelude::*;

    use super::*;
    use crate::call::{CallFacts, cost_of_call};

    const AT: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn book() -> PriceBook {
        let text = r#"
format = 1
provider = "p"
recorded_at = "2026-01-01"
[[row]]
model = "m"
source = "a test"
price.input = "0.0375"
price.cache_read = "0.0101"
price.cache_write_5m = "0.05"
price.cache_write_1h = "0.0777"
price.output = "0.3"
price.reasoning = "0.4004"
price.web_searches = "0.01"
[[row]]
model = "m"
source = "a test"
context_above = 1000
price.input = "0.08"
price.cache_read = "0.01"
price.cache_write_5m = "0.1"
price.cache_write_1h = "0.16"
price.output = "0.9"
[[row]]
model = "m"
tier = "priority"
source = "a test"
price.input = "1.00"
price.cache_write_5m = "1.25"
price.cache_write_1h = "2.00"
price.output = "4.00"
[[row]]
model = "free"
source = "a test"
price.input = "0.00"
price.output = "0.00"
"#;
        PriceBook::from_files([("p.toml", text)]).unwrap()
    }

    fn facts<'a>(model: &'a str, tiers: &'a [ServiceTier]) -> CeilingFacts<'a> {
        CeilingFacts { provider: "p", model, region: None, tiers, at: AT }
    }

    fn bound(input: u64, output: u64) -> UsageBound {
        let sent = BoundPart::on(input, [Meter::Input, Meter::CacheWrite5m, Meter::CacheWrite1h]);
        let made = BoundPart::on(output, [Meter::Output, Meter::Reasoning]).or(Meter::AudioOut, output);
        UsageBound { parts: vec![sent, made], context: input }
    }

    const STANDARD: &[ServiceTier] = &[ServiceTier::Standard];

    #[test]
    fn the_dearest_meter_band_and_tier_count() {
        let book = book();
        let cost =
            |tiers, bound: &UsageBound| price_bound(&book, &facts("m", tiers), bound).map(Money::nanos);
        // 1,000 × 77.7 + 100 × 400.4 in the base band, and above it 1,001 × 160 + 100 × 900.
        assert_eq!(cost(STANDARD, &bound(1_000, 100)), Some(77_700 + 8 + 40_040 + 8));
        assert_eq!(cost(STANDARD, &bound(1_001, 100)), Some(1_001 * 160 + 90_000));
        assert_eq!(cost(&ServiceTier::ALL, &bound(1_000, 100)), Some(1_000 * 2_000 + 100 * 4_000));
    }

    #[test]
    fn what_costs_nothing_is_nothing_and_what_is_not_known_stays_unknown() {
        let book = book();
        let free = UsageBound { parts: vec![BoundPart::on(9, [Meter::Input])], context: 9 };
        assert_eq!(price_bound(&book, &facts("free", STANDARD), &free), Some(Money::ZERO));
        assert_eq!(price_bound(&book, &facts("other", STANDARD), &free), None);
        assert_eq!(price_bound(&book, &facts("m", &[ServiceTier::Flex]), &free), None);
        let needed = UsageBound { parts: vec![BoundPart::on(9, [Meter::Pages])], context: 0 };
        assert_eq!(price_bound(&book, &facts("m", STANDARD), &needed), None);
        let perhaps = BoundPart::default().or(Meter::Pages, 9).or_nothing();
        let call = BoundPart::on(1, [Meter::Requests]).or_nothing();
        let perhaps = UsageBound { parts: vec![perhaps, call], context: 0 };
        assert_eq!(price_bound(&book, &facts("m", STANDARD), &perhaps), Some(Money::ZERO));
    }

    proptest! {
        #[test]
        fn no_settlement_within_the_bound_costs_more_than_the_ceiling(
            parts in prop::array::uniform4(0u64..1_500), made in prop::array::uniform2(0u64..3_000),
        ) {
            let book = book();
            let sent = [Meter::Input, Meter::CacheRead, Meter::CacheWrite5m, Meter::CacheWrite1h];
            let units = sent.into_iter().zip(parts).chain([Meter::Output, Meter::Reasoning].into_iter().zip(made));
            let quantities = units
                .fold(Quantities::none(), |q, (meter, units)| q.with(meter, units, Provenance::Reported));
            let usage = MeteredUsage { quantities, ..MeteredUsage::default() };
            let call = CallFacts {
                provider: "p",
                region: None,
                requested_model: Some("m"),
                at: AT,
                known_at: AT,
                requested_tier: None,
            };
            let cost = cost_of_call(&book, &call, &usage, PriceView::Contracted, Rounding::HalfEven).unwrap();
            let bound = bound(parts.iter().sum(), made.iter().sum());
            prop_assert!(cost <= price_bound(&book, &facts("m", STANDARD), &bound).unwrap());
        }
    }
}
