//! Prices as dated facts: rows with a source, and the question which row holds for a call.
//!
//! A row is valid from `effective_from` until `effective_to`, and is known from `recorded_at` on: a question
//! carries both times, so that a call is priced by what was known when it was priced, and can be priced again
//! by what is known now.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use crate::meter::Meter;
use crate::money::UnitPrice;
use crate::time::Timestamp;

/// How fast, and so how dear, the provider serves a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceTier {
    /// The usual service.
    #[default]
    Standard,
    /// Answers within hours.
    Batch,
    /// Cheaper and slower, may be refused at busy times.
    Flex,
    /// Faster, at a higher price.
    Priority,
}

impl ServiceTier {
    /// Every tier.
    pub const ALL: [ServiceTier; 4] =
        [ServiceTier::Standard, ServiceTier::Batch, ServiceTier::Flex, ServiceTier::Priority];

    /// The name in price files, the API and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ServiceTier::Standard => "standard",
            ServiceTier::Batch => "batch",
            ServiceTier::Flex => "flex",
            ServiceTier::Priority => "priority",
        }
    }
}

impl fmt::Display for ServiceTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is no service tier or no kind of price.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is none of {allowed}")]
pub struct UnknownName {
    /// What was given.
    pub given: String,
    /// What could have been given.
    pub allowed: &'static str,
}

impl FromStr for ServiceTier {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<ServiceTier, UnknownName> {
        let allowed = "standard, batch, flex, priority";
        let found = ServiceTier::ALL.into_iter().find(|t| t.name() == name);
        found.ok_or_else(|| UnknownName { given: name.to_owned(), allowed })
    }
}

/// Where a price comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PriceKind {
    /// Published by the provider.
    List,
    /// Set by hand to correct or settle a list price.
    Override,
    /// Negotiated with the provider.
    Contract,
}

impl PriceKind {
    /// The name in price files, the API and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            PriceKind::List => "list",
            PriceKind::Override => "override",
            PriceKind::Contract => "contract",
        }
    }
}

impl FromStr for PriceKind {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<PriceKind, UnknownName> {
        match name {
            "list" => Ok(PriceKind::List),
            "override" => Ok(PriceKind::Override),
            "contract" => Ok(PriceKind::Contract),
            _ => Err(UnknownName { given: name.to_owned(), allowed: "list, contract, override" }),
        }
    }
}

/// A price that a second source gives differently. While a row carries conflicts it is quarantined: the meters
/// in conflict have no price until an override settles them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceConflict {
    /// The meter in question.
    pub meter: Meter,
    /// The source that disagrees with the row's own.
    pub source: String,
    /// What it says; `None` where it says something that the row's source does not have at all.
    pub price: Option<UnitPrice>,
}

/// One dated price fact: the unit prices of one model at one provider, tier, region and context band.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceRow {
    /// The provider, by the names that `[[provider]]` sections use (`openai`, `anthropic`, `azure` …).
    pub provider: String,
    /// The model's name as the provider reports it.
    pub model: String,
    /// Further names; one that ends in `*` matches any name that starts so.
    pub aliases: Vec<String>,
    /// The region that the row holds for; `None` for all.
    pub region: Option<String>,
    /// The service tier that the row holds for.
    pub tier: ServiceTier,
    /// The row holds for calls with **more** context tokens than this; 0 for the base band.
    pub context_above: u64,
    /// List, contract or override.
    pub kind: PriceKind,
    /// First moment of validity; `None` where the source does not say (valid since ever).
    pub effective_from: Option<Timestamp>,
    /// First moment after validity; `None` while it holds.
    pub effective_to: Option<Timestamp>,
    /// When the fact entered the list.
    pub recorded_at: Timestamp,
    /// Where the fact was read.
    pub source: String,
    /// The date of the source, as it says it (ISO 8601).
    pub as_of: String,
    /// Prices by meter; a meter without one has no known price.
    pub prices: UnitPrices,
    /// What other sources say otherwise; empty when nothing is in dispute.
    pub conflicts: Vec<PriceConflict>,
}

/// Unit prices by meter. A meter without a price is unknown, which is not free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitPrices([Option<UnitPrice>; Meter::COUNT]);

impl Default for UnitPrices {
    fn default() -> Self {
        UnitPrices([None; Meter::COUNT])
    }
}

impl UnitPrices {
    /// The price of one meter, where it is known.
    #[must_use]
    pub const fn get(&self, meter: Meter) -> Option<UnitPrice> {
        self.0[meter as usize]
    }

    /// Sets or clears the price of one meter.
    pub fn set(&mut self, meter: Meter, price: Option<UnitPrice>) {
        self.0[meter as usize] = price;
    }

    /// The meters that have a price.
    pub fn iter(&self) -> impl Iterator<Item = (Meter, UnitPrice)> + '_ {
        Meter::ALL.iter().filter_map(|&m| self.get(m).map(|p| (m, p)))
    }
}

/// Which prices a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceView {
    /// What the provider publishes, hand corrections included.
    List,
    /// What this enterprise pays: contract before override before list.
    Contracted,
}

/// The question which prices hold for a call.
#[derive(Clone, Copy, Debug)]
pub struct PriceQuery<'a> {
    /// The provider that served the call.
    pub provider: &'a str,
    /// The model as the provider named it in its answer, or as it was asked for.
    pub model: &'a str,
    /// The region that served the call, where it is known.
    pub region: Option<&'a str>,
    /// The service tier that served the call.
    pub tier: ServiceTier,
    /// Context tokens of the call.
    pub context_tokens: u64,
    /// When the call was made.
    pub at: Timestamp,
    /// What was known when: rows recorded later do not count.
    pub known_at: Timestamp,
    /// List or contracted.
    pub view: PriceView,
}

/// Why no row answers a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoRow {
    /// The list has nothing of this provider.
    Provider,
    /// The list has the provider, and not this model.
    Model,
    /// The list has the model, and not at this service tier.
    Tier,
    /// The list has the model and tier, and not at this time, region or context.
    Validity,
}

/// All rows, indexed for the question.
#[derive(Clone, Debug, Default)]
pub struct PriceList {
    rows: Vec<PriceRow>,
    by_provider: HashMap<String, ProviderIndex>,
}

#[derive(Clone, Debug, Default)]
struct ProviderIndex {
    by_name: HashMap<String, Vec<u32>>,
    patterns: Vec<(String, u32)>,
}

impl PriceList {
    /// A list of these rows; later rows win over earlier ones that are otherwise equal.
    #[must_use]
    pub fn new(rows: Vec<PriceRow>) -> PriceList {
        let mut list = PriceList::default();
        for row in rows {
            list.push(row);
        }
        list
    }

    fn push(&mut self, row: PriceRow) {
        let number = u32::try_from(self.rows.len()).expect("a price list has fewer than 2^32 rows");
        let index = self.by_provider.entry(row.provider.clone()).or_default();
        index.by_name.entry(row.model.clone()).or_default().push(number);
        for alias in &row.aliases {
            match alias.strip_suffix('*') {
                Some(stem) => index.patterns.push((stem.to_owned(), number)),
                None => index.by_name.entry(alias.clone()).or_default().push(number),
            }
        }
        self.rows.push(row);
    }

    /// All rows, in the order they were given.
    #[must_use]
    pub fn rows(&self) -> &[PriceRow] {
        &self.rows
    }

    /// The rows of a model at a provider, by whatever name, those of the exact name before those of a pattern.
    pub fn rows_of<'a>(&'a self, provider: &str, model: &'a str) -> impl Iterator<Item = &'a PriceRow> {
        let index = self.by_provider.get(provider);
        let numbers = index.into_iter().flat_map(move |index| index.candidates(model));
        numbers.map(|(_, number)| &self.rows[number as usize])
    }

    /// The row that answers the question.
    ///
    /// Among rows that fit, the name decides first (exact before pattern, a longer pattern before a shorter),
    /// then the region (named before any), then the kind, then the highest context band that the call exceeds,
    /// then what was recorded last, then what took effect last.
    pub fn find(&self, query: &PriceQuery<'_>) -> Result<&PriceRow, NoRow> {
        let index = self.by_provider.get(query.provider).ok_or(NoRow::Provider)?;
        let (mut seen_model, mut seen_tier) = (false, false);
        let mut best: Option<(Rank, &PriceRow)> = None;
        for (name_rank, number) in index.candidates(query.model) {
            let row = &self.rows[number as usize];
            seen_model = true;
            if row.tier != query.tier {
                continue;
            }
            seen_tier = true;
            if let Some(rank) = row.rank(query, name_rank, number)
                && best.as_ref().is_none_or(|(b, _)| rank > *b)
            {
                best = Some((rank, row));
            }
        }
        match best {
            Some((_, row)) => Ok(row),
            None if seen_tier => Err(NoRow::Validity),
            None if seen_model => Err(NoRow::Tier),
            None => Err(NoRow::Model),
        }
    }
}

/// Larger is better, field by field: name, region, kind, band, recorded, effective, position.
type Rank = (usize, bool, u8, u64, Timestamp, Option<Timestamp>, u32);

impl ProviderIndex {
    fn candidates<'a>(&'a self, model: &'a str) -> impl Iterator<Item = (usize, u32)> + 'a {
        let exact = self.by_name.get(model).into_iter().flatten().map(|&n| (usize::MAX, n));
        let fits =
            |(stem, n): &'a (String, u32)| model.starts_with(stem.as_str()).then_some((stem.len(), *n));
        exact.chain(self.patterns.iter().filter_map(fits))
    }
}

impl PriceRow {
    /// The price of a meter that is not in dispute.
    #[must_use]
    pub fn undisputed(&self, meter: Meter) -> Option<UnitPrice> {
        if self.conflicts.iter().any(|c| c.meter == meter) { None } else { self.prices.get(meter) }
    }

    /// Whether sources disagree about this row.
    #[must_use]
    pub fn is_quarantined(&self) -> bool {
        !self.conflicts.is_empty()
    }

    /// Whether the row was valid at a moment.
    #[must_use]
    pub fn is_effective_at(&self, at: Timestamp) -> bool {
        self.effective_from.is_none_or(|from| from <= at) && self.effective_to.is_none_or(|to| at < to)
    }

    fn rank(&self, query: &PriceQuery<'_>, name_rank: usize, number: u32) -> Option<Rank> {
        let region_fits = self.region.is_none() || self.region.as_deref() == query.region;
        let band_fits = self.context_above == 0 || query.context_tokens > self.context_above;
        let fits = region_fits
            && band_fits
            && self.recorded_at <= query.known_at
            && self.is_effective_at(query.at)
            && (self.kind != PriceKind::Contract || query.view == PriceView::Contracted);
        let kind = self.kind as u8;
        fits.then_some((
            name_rank,
            self.region.is_some(),
            kind,
            self.context_above,
            self.recorded_at,
            self.effective_from,
            number,
        ))
    }
}
