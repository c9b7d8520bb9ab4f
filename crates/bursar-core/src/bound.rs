//! The most that a call can use, known before it is made.

use crate::meter::Meter;

/// What a model takes and gives at most, in tokens. `None` is unknown, which is not unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelLimits {
    /// The most that one call may send, what the provider keeps of earlier calls included.
    pub context_window: Option<u64>,
    /// The most that one answer may have, reasoning included.
    pub max_output: Option<u64>,
}

/// A meter that units may turn out to be on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The meter.
    pub meter: Meter,
    /// How many units at most.
    pub units: u64,
    /// Whether an unknown price makes the whole unknown. One that is not needed counts only where it has a price,
    /// because a model without a price for it does not bill it.
    pub needed: bool,
}

/// A part of a call, such as its text: each unit is on one of the meters, and nobody knows on which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoundPart {
    /// The meters; the dearest counts.
    pub candidates: Vec<Candidate>,
    /// Whether it costs nothing where none of its meters has a price.
    pub may_be_absent: bool,
}

/// The most that a call can use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageBound {
    /// Its parts.
    pub parts: Vec<BoundPart>,
    /// Tokens of context at most, by which price bands are chosen.
    pub context: u64,
}

impl BoundPart {
    /// A part whose units are on one of these meters, each of which needs a price.
    #[must_use]
    pub fn on(units: u64, meters: impl IntoIterator<Item = Meter>) -> BoundPart {
        let candidates = meters.into_iter().map(|meter| Candidate { meter, units, needed: true }).collect();
        BoundPart { candidates, may_be_absent: false }
    }

    /// The part with one more meter, which counts only where it has a price.
    #[must_use]
    pub fn or(mut self, meter: Meter, units: u64) -> BoundPart {
        self.candidates.push(Candidate { meter, units, needed: false });
        self
    }

    /// The part, which may cost nothing.
    #[must_use]
    pub fn or_nothing(mut self) -> BoundPart {
        self.may_be_absent = true;
        self
    }

    /// The most tokens of a model that it can be.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.candidates.iter().filter(|c| c.meter.is_tokens()).map(|c| c.units).max().unwrap_or(0)
    }
}

impl UsageBound {
    /// The most tokens of a model on all meters together.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(part.tokens()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_that_may_be_on_several_meters_is_one_token() {
        let input = BoundPart::on(100, [Meter::Input, Meter::CacheWrite5m]);
        let output = BoundPart::on(7, [Meter::Output]).or(Meter::AudioOut, 9);
        let searches = BoundPart::on(5, [Meter::WebSearches]);
        let bound = UsageBound { parts: vec![input, output, searches], context: 100 };
        assert_eq!(bound.tokens(), 109);
    }
}
