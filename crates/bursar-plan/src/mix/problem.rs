//! What there is to decide: models with their hourly loads, hardware with its terms, and what must not happen.

use std::ops::Range;

use bursar_core::Money;

use crate::supply::Term;

/// Models, hardware and rules, over the same hours.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// What nodes there are.
    pub hardware: Vec<Hardware>,
    /// What is to be served. Each model has nodes of its own, since a node holds one model's weights at a time; models
    /// that do share nodes are one here (see [`Model::sharing`]).
    pub models: Vec<Model>,
}

/// A kind of node.
#[derive(Clone, Debug, PartialEq)]
pub struct Hardware {
    /// Its name, such as `p5.48xlarge`.
    pub name: String,
    /// Where it stands; `None` where that does not matter.
    pub region: Option<String>,
    /// On which terms nodes can be had; on demand at most once.
    pub choices: Vec<Choice>,
    /// How its nodes fail; `None` where they are taken not to.
    pub failures: Option<Failures>,
}

/// A term on which nodes can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The term. On demand is paid for the hours in which it is wanted; all others in every hour.
    pub term: Term,
    /// For one node, per hour.
    pub per_hour: Money,
    /// How many can be had at once, all models together; `None` for as many as wanted.
    pub limit: Option<u32>,
}

/// How often a node fails and for how long it is away.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Failures {
    /// Mean time between failures of one node, in hours.
    pub between_hours: f64,
    /// Mean time until it is back, in hours.
    pub repair_hours: f64,
}

/// Where a model may be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On nodes or at the API, whichever costs less.
    Anywhere,
    /// On nodes only: what they cannot carry is not served, and shown.
    StaysInside,
    /// At the API only, as a frontier model that nobody else runs.
    ApiOnly,
}

/// A model and its demand, hour by hour.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// Where it may be served.
    pub place: Place,
    /// The regions in which its nodes may stand; `None` for all.
    pub regions: Option<Vec<String>>,
    /// For each hardware the load of each hour in nodes of that kind; `None` where it cannot run.
    pub loads: Vec<Option<Vec<f64>>>,
    /// For each hour the highest mean over ten minutes as a multiple of the hour's mean (1 to 6); `None` where it is
    /// not known and the load is taken as even.
    pub peaks: Option<Vec<f64>>,
    /// What each hour costs at the API; `None` where the price is unknown, which is not zero.
    pub api: Option<Vec<Money>>,
    /// `k` of N+k: nodes that are had besides, so that as many may fail at the same time.
    pub spare: u32,
}

/// Why there can be no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MixError {
    /// Nothing to plan over.
    #[error("there is no hour of demand: give at least one")]
    NoHours,
    /// Series that do not fit together.
    #[error(
        "model {model:?}: {what} has {found} hours where the first series has {expected}: give the same hours"
    )]
    Hours {
        /// Whose.
        model: String,
        /// Which series.
        what: String,
        /// Hours of the first series.
        expected: usize,
        /// Hours of this one.
        found: usize,
    },
    /// A model that says nothing about some hardware.
    #[error(
        "model {model:?} has loads for {found} kinds of nodes of {expected}: say for each, `None` where it cannot run"
    )]
    Hardware {
        /// Whose.
        model: String,
        /// Kinds of nodes.
        expected: usize,
        /// Kinds that the model speaks of.
        found: usize,
    },
    /// A load, peak or failure that is no sensible number.
    #[error("{whose}: {what} is {value} in hour {hour}: it must be {must}")]
    Number {
        /// Of which model or hardware.
        whose: String,
        /// What it is.
        what: &'static str,
        /// In which hour, from 0.
        hour: usize,
        /// The number as text.
        value: String,
        /// What it must be.
        must: &'static str,
    },
    /// A price below zero.
    #[error("{whose} has a price below zero ({price} $): a credit belongs to the total cost of ownership")]
    NegativePrice {
        /// Of which model or hardware.
        whose: String,
        /// The price.
        price: Money,
    },
    /// An API price that is not known.
    #[error("model {model:?} has no API price: give one, or say that it stays inside; unknown is not free")]
    Unpriced {
        /// Whose.
        model: String,
    },
    /// A model that may not leave and fits nowhere.
    #[error(
        "model {model:?} stays inside, but no hardware may and can run it: allow a region or add hardware"
    )]
    NowhereToRun {
        /// Which.
        model: String,
    },
    /// More than one price on demand.
    #[error("hardware {hardware:?} has {found} prices on demand: make each a kind of hardware of its own")]
    OnDemandTwice {
        /// Which.
        hardware: String,
        /// How many.
        found: usize,
    },
    /// Models that cannot share nodes.
    #[error("models {0:?} and {1:?} cannot share nodes: their places, regions or prices differ")]
    CannotShare(String, String),
    /// A fleet that cannot be had.
    #[error(
        "the fleet has more committed {hardware:?} than its limits allow: raise a limit or take nodes away"
    )]
    TooMany {
        /// Of which kind.
        hardware: String,
    },
    /// A fleet for another problem.
    #[error(
        "the fleet was made for another problem: it needs a number for each model, kind of node and hour of this one"
    )]
    Shape,
    /// An amount outside the range of money.
    #[error("{0} is more money than can be held (9.2 thousand million dollars): plan over fewer hours")]
    TooMuch(String),
    /// The solver failed.
    #[error(
        "the linear program was not solved ({0}): loads or prices differ by too many orders of magnitude"
    )]
    Solver(String),
}

impl Problem {
    /// How many hours there are; 0 where there is no series at all.
    #[must_use]
    pub fn hours(&self) -> usize {
        self.models.first().and_then(Model::hours).unwrap_or(0)
    }

    /// The same problem over some of its hours, as far as there are such.
    #[must_use]
    pub fn within(&self, hours: Range<usize>) -> Problem {
        fn part<T: Clone>(series: &[T], hours: &Range<usize>) -> Vec<T> {
            series.iter().take(hours.end).skip(hours.start).cloned().collect()
        }
        let models = self.models.iter().map(|model| Model {
            loads: model.loads.iter().map(|load| load.as_deref().map(|load| part(load, &hours))).collect(),
            peaks: model.peaks.as_deref().map(|peaks| part(peaks, &hours)),
            api: model.api.as_deref().map(|api| part(api, &hours)),
            ..model.clone()
        });
        Problem { hardware: self.hardware.clone(), models: models.collect() }
    }

    /// Whether everything fits together.
    ///
    /// # Errors
    ///
    /// The first thing that does not.
    pub fn check(&self) -> Result<(), MixError> {
        if self.hours() == 0 {
            return Err(MixError::NoHours);
        }
        self.hardware.iter().try_for_each(Hardware::check)?;
        self.models.iter().try_for_each(|model| self.check_model(model))
    }

    fn check_model(&self, model: &Model) -> Result<(), MixError> {
        if model.place != Place::ApiOnly && model.loads.len() != self.hardware.len() {
            let (expected, found) = (self.hardware.len(), model.loads.len());
            return Err(MixError::Hardware { model: model.name.clone(), expected, found });
        }
        model.check_lengths(self.hours(), &self.hardware)?;
        model.check_numbers()?;
        if model.place != Place::StaysInside && model.api.is_none() {
            return Err(MixError::Unpriced { model: model.name.clone() });
        }
        let nowhere = !self.hardware.iter().enumerate().any(|(h, hardware)| model.runs_on(h, hardware));
        if model.place == Place::StaysInside && nowhere {
            return Err(MixError::NowhereToRun { model: model.name.clone() });
        }
        Ok(())
    }
}

impl Hardware {
    fn check(&self) -> Result<(), MixError> {
        if let Some(choice) = self.choices.iter().find(|c| c.per_hour < Money::ZERO) {
            return Err(MixError::NegativePrice { whose: self.name.clone(), price: choice.per_hour });
        }
        let found = self.choices.iter().filter(|c| c.term == Term::OnDemand).count();
        if found > 1 {
            return Err(MixError::OnDemandTwice { hardware: self.name.clone(), found });
        }
        let wrong = |hours: f64| !(hours.is_finite() && hours > 0.0);
        match self.failures {
            Some(Failures { between_hours, repair_hours }) if wrong(between_hours) || wrong(repair_hours) => {
                let value = format!("{between_hours} h between, {repair_hours} h to repair");
                let (whose, what) = (self.name.clone(), "its time between failures and to repair");
                Err(MixError::Number { whose, what, hour: 0, value, must: "above zero" })
            }
            _ => Ok(()),
        }
    }

    /// The choice on demand.
    #[must_use]
    pub fn on_demand(&self) -> Option<&Choice> {
        self.choices.iter().find(|c| c.term == Term::OnDemand)
    }
}

impl Model {
    fn hours(&self) -> Option<usize> {
        let loads = self.loads.iter().flatten().map(Vec::len);
        loads.chain(self.api.iter().map(Vec::len)).next()
    }

    /// Whether it may and can run on this hardware, which is the `h`th.
    #[must_use]
    pub fn runs_on(&self, h: usize, hardware: &Hardware) -> bool {
        self.place != Place::ApiOnly
            && self.loads.get(h).is_some_and(Option::is_some)
            && match (&self.regions, &hardware.region) {
                (Some(allowed), Some(region)) => allowed.contains(region),
                _ => true,
            }
    }

    fn check_lengths(&self, expected: usize, hardware: &[Hardware]) -> Result<(), MixError> {
        let wrong = |what: String, found: usize| {
            Err(MixError::Hours { model: self.name.clone(), what, expected, found })
        };
        for (load, hardware) in self.loads.iter().zip(hardware) {
            match load {
                Some(load) if load.len() != expected => {
                    return wrong(format!("the load on {}", hardware.name), load.len());
                }
                _ => {}
            }
        }
        match (&self.peaks, &self.api) {
            (Some(peaks), _) if peaks.len() != expected => wrong("the peaks".to_owned(), peaks.len()),
            (_, Some(api)) if api.len() != expected => wrong("the API's bill".to_owned(), api.len()),
            _ => Ok(()),
        }
    }

    fn check_numbers(&self) -> Result<(), MixError> {
        let wrong = |what, hour, value: f64, must| {
            Err(MixError::Number { whose: self.name.clone(), what, hour, value: value.to_string(), must })
        };
        for load in self.loads.iter().flatten() {
            if let Some(hour) = load.iter().position(|l| !(l.is_finite() && (0.0..=1e6).contains(l))) {
                return wrong("the load", hour, load[hour], "0 to 1,000,000 nodes");
            }
        }
        let peaks = self.peaks.as_deref().unwrap_or_default();
        if let Some(hour) = peaks.iter().position(|p| !(1.0..=6.0).contains(p)) {
            return wrong("the peak", hour, peaks[hour], "1 to 6 times the hour's mean");
        }
        match self.api.iter().flatten().find(|&&price| price < Money::ZERO) {
            Some(&price) => Err(MixError::NegativePrice { whose: self.name.clone(), price }),
            None => Ok(()),
        }
    }

    /// Several models as one that shares its nodes, where a node can hold all their weights: loads and bills add up,
    /// and what does not fit goes to the API in equal parts of each.
    ///
    /// # Errors
    ///
    /// [`MixError::CannotShare`] where one may be served elsewhere than another, or has no API price where another has.
    pub fn sharing(name: &str, models: &[Model]) -> Result<Model, MixError> {
        let [first, others @ ..] = models else { return Err(MixError::NoHours) };
        let mut shared = Model { name: name.to_owned(), ..first.clone() };
        for other in others {
            let fits = other.place == first.place
                && other.regions == first.regions
                && other.api.is_some() == first.api.is_some();
            if !fits || other.hours() != first.hours() || other.loads.len() != first.loads.len() {
                return Err(MixError::CannotShare(first.name.clone(), other.name.clone()));
            }
            shared.add(other).ok_or_else(|| MixError::TooMuch(format!("what {name:?} costs in an hour")))?;
        }
        Ok(shared)
    }

    /// Adds another's demand. A peak is the loads' mean of both peaks, as if they fell together.
    fn add(&mut self, other: &Model) -> Option<()> {
        let both = |mine: &Option<Vec<f64>>, its: &Option<Vec<f64>>| {
            Some(mine.as_ref()?.iter().zip(its.as_ref()?).map(|(a, b)| a + b).collect::<Vec<f64>>())
        };
        let before = self.loads.iter().flatten().next().cloned();
        let loads = self.loads.iter().zip(&other.loads).map(|(mine, its)| both(mine, its)).collect();
        let (Some(mine), Some(its)) = (before, other.loads.iter().flatten().next()) else { return Some(()) };
        let peak = |peaks: &Option<Vec<f64>>, t: usize| peaks.as_ref().map_or(1.0, |p| p[t]);
        let weighed = |t: usize| match mine[t] + its[t] {
            0.0 => 1.0,
            sum => (mine[t] * peak(&self.peaks, t) + its[t] * peak(&other.peaks, t)) / sum,
        };
        let known = self.peaks.is_some() || other.peaks.is_some();
        self.peaks = known.then(|| (0..mine.len()).map(|t| weighed(t).clamp(1.0, 6.0)).collect());
        self.loads = loads;
        if let (Some(mine), Some(its)) = (&mut self.api, &other.api) {
            for (a, b) in mine.iter_mut().zip(its) {
                *a = a.checked_add(*b)?;
            }
        }
        self.spare = self.spare.max(other.spare);
        Some(())
    }
}
