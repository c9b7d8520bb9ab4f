//! How an amount came about: the price row, a line per meter, and the sentences.

use bursar_core::price_list::NoRow;
use bursar_core::{Money, PriceRow, PricedLine, Unpriced};
use serde::Serialize;
use utoipa::ToSchema;

use super::RecordAnswer;
use crate::times;

/// A request with every attempt, every number explained.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RequestAnswer {
    /// The request.
    #[schema(example = "req_0198a5b2c3d47e8f9a0b1c2d3e4f5061")]
    pub request: String,
    /// Whether every attempt has a price.
    pub priced: bool,
    /// Contracted cost of all attempts in US dollars; `null` where one has none.
    pub contracted_cost: Option<String>,
    /// List cost of all attempts in US dollars; `null` where one has none.
    pub list_cost: Option<String>,
    /// The attempts in order.
    pub attempts: Vec<AttemptAnswer>,
}

/// One attempt: what was recorded, and how its amounts are derived again.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AttemptAnswer {
    /// What was recorded.
    pub record: RecordAnswer,
    /// What a reader must know about the derivation, such as that the recorded price list is no longer at hand;
    /// empty when the recorded amounts follow exactly from the recorded price list.
    pub notes: Vec<String>,
    /// Whether both derived amounts are the recorded ones.
    pub agrees: bool,
    /// The digest of the price list that the derivation used.
    pub derived_with: String,
    /// The derivation at contracted prices.
    pub contracted: PricedAnswer,
    /// The derivation at list prices.
    pub list: PricedAnswer,
}

/// An amount, derived line by line.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PricedAnswer {
    /// The price row that answered; `null` where none did.
    pub row: Option<PriceRowAnswer>,
    /// One line per meter with units on it.
    pub lines: Vec<LineAnswer>,
    /// The sum of the lines in US dollars; `null` where it is not known in full.
    #[schema(example = "0.0111")]
    pub total: Option<String>,
    /// The recorded amount less the derived one, where both are known and differ.
    pub difference: Option<String>,
    /// The same in sentences.
    pub explanation: Vec<String>,
}

/// A dated price fact and its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PriceRowAnswer {
    /// The provider.
    pub provider: String,
    /// The model that the row is about.
    pub model: String,
    /// The region that it holds for; `null` for all.
    pub region: Option<String>,
    /// The service tier.
    #[schema(example = "standard")]
    pub tier: String,
    /// It holds for calls with more context tokens than this.
    pub context_above: u64,
    /// list, contract or override.
    #[schema(example = "list")]
    pub kind: String,
    /// First moment of validity (RFC 3339); `null` where the source does not say.
    pub effective_from: Option<String>,
    /// First moment after validity (RFC 3339); `null` while it holds.
    pub effective_to: Option<String>,
    /// When the fact entered the list (RFC 3339).
    pub recorded_at: String,
    /// Where it was read.
    pub source: String,
    /// The date of the source, as it says it.
    pub as_of: String,
    /// Whether sources disagree about the row.
    pub quarantined: bool,
}

/// One meter of a call, priced or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LineAnswer {
    /// The meter.
    #[schema(example = "input")]
    pub meter: String,
    /// Units on it.
    pub units: u64,
    /// How they are known.
    #[schema(example = "reported")]
    pub provenance: String,
    /// The meter whose price was taken, such as output for reasoning; `null` where there is no price.
    pub priced_as: Option<String>,
    /// US dollars per one million units; `null` where there is no price.
    #[schema(example = "1.25")]
    pub unit_price: Option<String>,
    /// Units times unit price, rounded half to even to a nano-dollar; `null` where there is no price.
    pub amount: Option<String>,
    /// Why there is no price; `null` where there is one.
    pub unpriced_because: Option<String>,
}

impl From<&PriceRow> for PriceRowAnswer {
    fn from(row: &PriceRow) -> PriceRowAnswer {
        PriceRowAnswer {
            provider: row.provider.clone(),
            model: row.model.clone(),
            region: row.region.clone(),
            tier: row.tier.name().to_owned(),
            context_above: row.context_above,
            kind: row.kind.name().to_owned(),
            effective_from: row.effective_from.map(times::text_of),
            effective_to: row.effective_to.map(times::text_of),
            recorded_at: times::text_of(row.recorded_at),
            source: row.source.clone(),
            as_of: row.as_of.clone(),
            quarantined: row.is_quarantined(),
        }
    }
}

impl From<&PricedLine> for LineAnswer {
    fn from(line: &PricedLine) -> LineAnswer {
        let basis = line.basis.ok();
        LineAnswer {
            meter: line.meter.name().to_owned(),
            units: line.units,
            provenance: line.provenance.name().to_owned(),
            priced_as: basis.map(|b| b.priced_as.name().to_owned()),
            unit_price: basis.map(|b| b.unit_price.to_string()),
            amount: basis.map(|b| b.amount.to_string()),
            unpriced_because: line.basis.err().map(|why| sentence(why).to_owned()),
        }
    }
}

impl PricedAnswer {
    /// A derivation beside the amount that was recorded.
    #[must_use]
    pub fn of(
        row: Option<&PriceRow>,
        lines: &[PricedLine],
        total: Option<Money>,
        recorded: Option<Money>,
        explanation: Vec<String>,
    ) -> PricedAnswer {
        let difference = match (recorded, total) {
            (Some(recorded), Some(derived)) if recorded != derived => recorded.checked_sub(derived),
            _ => None,
        };
        PricedAnswer {
            row: row.map(PriceRowAnswer::from),
            lines: lines.iter().map(LineAnswer::from).collect(),
            total: total.map(|m| m.to_string()),
            difference: difference.map(|m| m.to_string()),
            explanation,
        }
    }
}

/// Why a line has no price, and what can be done about it.
fn sentence(why: Unpriced) -> &'static str {
    match why {
        Unpriced::NoRow(NoRow::Provider) => "the price list has nothing of this provider",
        Unpriced::NoRow(NoRow::Model) => "the price list does not have this model",
        Unpriced::NoRow(NoRow::Tier) => "the price list has the model, but not at this service tier",
        Unpriced::NoRow(NoRow::Validity) => {
            "the price list has the model, but not at this time, region or context"
        }
        Unpriced::NoPriceForMeter => "the price row has no price for this meter",
        Unpriced::Quarantined => "sources disagree about this price; an override settles it",
        Unpriced::OutOfRange => "the amount is beyond the range of money",
    }
}
