//! What each factor does alone.

use bursar_core::Money;

use super::factors::{FactorKind, Factors, Future};
use super::simulate::{Choice, ScenarioError, saving};

/// What the plan saves when one factor is at its tenth and at its ninetieth percentile and all others at their medians.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TornadoBar {
    /// The factor.
    pub factor: FactorKind,
    /// The saving with the factor at its tenth percentile.
    pub at_p10: Money,
    /// The saving with every factor at its median.
    pub at_median: Money,
    /// The saving with the factor at its ninetieth percentile.
    pub at_p90: Money,
}

impl TornadoBar {
    /// How far apart the two ends are, in nano-dollars.
    #[must_use]
    pub const fn swing(&self) -> u64 {
        self.at_p10.nanos().abs_diff(self.at_p90.nanos())
    }
}

/// A bar for each factor, the largest swing first.
pub(super) fn bars(
    factors: &Factors,
    ask: &impl Fn(&Future, Choice) -> Result<Vec<Money>, ScenarioError>,
) -> Result<Vec<TornadoBar>, ScenarioError> {
    let saved = |of: FactorKind, share: f64| {
        let future = factors.future(|kind| if kind == of { share } else { 0.5 });
        let (api, plan) = (ask(&future, Choice::Api)?, ask(&future, Choice::Plan { after_months: 0 })?);
        saving(&api, &plan).map(Money::from_nanos)
    };
    let bar = |&factor: &FactorKind| {
        let (at_p10, at_median, at_p90) = (saved(factor, 0.1)?, saved(factor, 0.5)?, saved(factor, 0.9)?);
        Ok(TornadoBar { factor, at_p10, at_median, at_p90 })
    };
    let mut bars: Vec<TornadoBar> = FactorKind::ALL.iter().map(bar).collect::<Result<_, _>>()?;
    bars.sort_by_key(|b| (std::cmp::Reverse(b.swing()), b.factor));
    Ok(bars)
}
