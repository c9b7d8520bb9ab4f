//! What each model of a demand costs at the API, from the price list.

use std::collections::BTreeMap;

use bursar_core::{Meter, PriceQuery, PriceRow, PriceView, ServiceTier, Timestamp};
use bursar_plan::demand::{Demand, DemandPoint};
use bursar_plan::placement::{ApiPrice, ModelFacts, UnitPrices};
use bursar_prices::{PriceBook, date};

/// A model of the demand and what stands for it, such as `m-large=openai/gpt-5`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stands {
    pub(super) model: String,
    pub(super) name: String,
}

/// Reads `MODEL=NAME`.
pub(super) fn stands(text: &str) -> Result<Stands, String> {
    match text.split_once('=') {
        Some((model, name)) if !model.trim().is_empty() && !name.trim().is_empty() => {
            Ok(Stands { model: model.trim().to_owned(), name: name.trim().to_owned() })
        }
        _ => Err("write MODEL=NAME, such as m-large=openai/gpt-5".to_owned()),
    }
}

/// What is to be found for the models of a demand.
pub(super) struct Wanted<'a> {
    pub(super) book: &'a PriceBook,
    pub(super) at: Timestamp,
    pub(super) price_as: &'a [Stands],
    pub(super) run_as: &'a [Stands],
    /// Providers by model, where the demand says who served it.
    pub(super) served_by: &'a BTreeMap<String, String>,
}

impl Wanted<'_> {
    /// Every model of the demand with its price and what own nodes would serve for it.
    ///
    /// # Errors
    ///
    /// A model that stands for something and is not in the demand.
    pub(super) fn facts(&self, demand: &Demand) -> anyhow::Result<BTreeMap<String, ModelFacts>> {
        let mut totals: BTreeMap<&str, DemandPoint> = BTreeMap::new();
        for stream in &demand.streams {
            let sum = totals.entry(&stream.model).or_default();
            for point in &stream.points {
                sum.requests = sum.requests.saturating_add(point.requests);
                sum.input = sum.input.saturating_add(point.input);
            }
        }
        for stands in self.price_as.iter().chain(self.run_as) {
            let known: Vec<&str> = totals.keys().copied().collect();
            anyhow::ensure!(
                totals.contains_key(stands.model.as_str()),
                "there is no demand for {:?}; there is for {}",
                stands.model,
                known.join(", ")
            );
        }
        Ok(totals.into_iter().map(|(model, total)| (model.to_owned(), self.of_model(model, total))).collect())
    }

    fn of_model(&self, model: &str, total: DemandPoint) -> ModelFacts {
        let runs_as = self.run_as.iter().find(|s| s.model == model).map(|s| s.name.clone());
        let context = total.input.checked_div(total.requests).unwrap_or(0);
        match self.provider_of(model).and_then(|(provider, name)| self.price(&provider, &name, context)) {
            Ok(price) => ModelFacts { price: Some(price), unpriced: String::new(), runs_as },
            Err(unpriced) => ModelFacts { price: None, unpriced, runs_as },
        }
    }

    /// Whose model it is: as told, as served, as named, or the only provider whose list has the name.
    fn provider_of(&self, model: &str) -> Result<(String, String), String> {
        let split = |name: &str| {
            let (provider, rest) = name.split_once('/')?;
            (!rest.is_empty()).then(|| (provider.to_owned(), rest.to_owned()))
        };
        if let Some(stands) = self.price_as.iter().find(|s| s.model == model) {
            return split(&stands.name)
                .ok_or_else(|| format!("{:?} does not name provider and model", stands.name));
        }
        if let Some(provider) = self.served_by.get(model) {
            return Ok((provider.clone(), model.to_owned()));
        }
        if let Some((provider, name)) = split(model).filter(|(p, m)| self.book.knows(p, m)) {
            return Ok((provider, name));
        }
        let has_name = |row: &&PriceRow| row.model == model || row.aliases.iter().any(|alias| alias == model);
        let mut providers: Vec<&str> =
            self.book.list.rows().iter().filter(has_name).map(|r| r.provider.as_str()).collect();
        providers.sort_unstable();
        providers.dedup();
        match providers.as_slice() {
            [one] => Ok(((*one).to_owned(), model.to_owned())),
            [] => Err("the price list has no such model".to_owned()),
            several => Err(format!("the price list has it for {}", several.join(", "))),
        }
    }

    fn price(&self, provider: &str, model: &str, context_tokens: u64) -> Result<ApiPrice, String> {
        let row = |tier| {
            self.book.list.find(&PriceQuery {
                provider,
                model,
                region: None,
                tier,
                context_tokens,
                at: self.at,
                known_at: self.at,
                view: PriceView::Contracted,
            })
        };
        let standard = row(ServiceTier::Standard)
            .map_err(|_| format!("{provider}/{model} has no price at the standard tier today"))?;
        let prices = unit_prices(standard)
            .ok_or_else(|| format!("the price of {provider}/{model} is not known in full, or in dispute"))?;
        Ok(ApiPrice {
            name: format!("{provider}/{model}"),
            standard: prices,
            batch: row(ServiceTier::Batch).ok().and_then(unit_prices),
            source: standard.source.clone(),
            as_of: date::of_source(&standard.as_of),
        })
    }
}

/// Prices of what goes in and what comes out; `None` where one of them is unknown or in dispute.
fn unit_prices(row: &PriceRow) -> Option<UnitPrices> {
    Some(UnitPrices {
        input: row.undisputed(Meter::Input)?,
        cached: row.undisputed(Meter::CacheRead),
        output: row.undisputed(Meter::Output)?,
    })
}
