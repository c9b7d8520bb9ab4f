//! The two weeks of a production trace, with prices and calibrations that come with Bursar.

use std::collections::BTreeMap;
use std::io::Read as _;

use bursar_core::{Timestamp, UnitPrice};
use bursar_plan::demand::{Class, Demand, SHIPPED_TRACE, UsageOptions, read_usage, trace_as_usage};
use bursar_plan::placement::{
    ApiPrice, Inputs, ModelFacts, Placement, PlacementError, Settings, UnitPrices, place,
};
use bursar_plan::report::Report;
use bursar_plan::supply::{Constraints, Supply, read_constraints, read_supply};
use bursar_plan::tco::{Tco, read_tco};
use bursar_plan::throughput::{Catalogue, Row, built_in_rows};

pub(crate) fn today() -> Timestamp {
    Timestamp::from_date(2026, 11, 25).unwrap()
}

/// Inputs that own what they are made of.
pub(crate) struct Case {
    pub(crate) demand: Demand,
    pub(crate) supply: Supply,
    pub(crate) tco: Tco,
    pub(crate) constraints: Constraints,
    pub(crate) rows: Vec<Row>,
    pub(crate) catalogue: Catalogue,
    pub(crate) models: BTreeMap<String, ModelFacts>,
    pub(crate) settings: Settings,
}

/// The trace of one model, served as Qwen3-8B on own nodes, at this price per million tokens in and out.
pub(crate) fn one_model(model: &str, dollars: &str) -> Case {
    let mut trace = String::new();
    flate2::read::GzDecoder::new(SHIPPED_TRACE).read_to_string(&mut trace).unwrap();
    let usage = trace_as_usage(&trace, Timestamp::from_date(2026, 11, 2).unwrap()).unwrap();
    let usage = read_usage("usage.csv", usage.as_bytes(), &UsageOptions::default()).unwrap();
    let demand = usage.demand.only(|s| s.model == model);
    Case {
        demand,
        supply: Supply::defaults(),
        tco: Tco::default(),
        constraints: constraints(""),
        rows: built_in_rows().unwrap(),
        catalogue: Catalogue::built_in().unwrap(),
        models: BTreeMap::from([(model.to_owned(), facts(dollars))]),
        settings: Settings { draws: 500, ..Settings::new(today()) },
    }
}

pub(crate) fn facts(dollars: &str) -> ModelFacts {
    let price = UnitPrice::from_dollars_per_million(dollars).unwrap();
    let standard = UnitPrices { input: price, cached: None, output: price };
    let price = ApiPrice {
        name: "acme/small".to_owned(),
        standard,
        batch: None,
        source: "a price of this test".to_owned(),
        as_of: Some(today()),
    };
    let runs_as = Some("Qwen/Qwen3-8B".to_owned());
    ModelFacts { price: Some(price), unpriced: String::new(), runs_as }
}

pub(crate) fn constraints(more: &str) -> Constraints {
    let slo = "[[slo]]\nmodel = \"*\"\nclass = \"interactive\"\nttft_p99_ms = 2000\nitl_ms = 50\n";
    read_constraints("constraints.toml", &format!("format = 1\n{more}\n{slo}"), today()).unwrap()
}

pub(crate) fn supply(offers: &str, more: &str) -> Supply {
    let text = format!(
        "format = 1\n[[node]]\nname = \"one-h100\"\nprovider = \"acme\"\naccelerator = \"H100\"\naccelerators = 1\n\
         {more}\n{offers}"
    );
    read_supply("supply.toml", &text, today()).unwrap()
}

pub(crate) fn offer(term: &str, dollars: &str) -> String {
    format!(
        "[[node.offer]]\nterm = \"{term}\"\nusd_per_hour = \"{dollars}\"\nas_of = 2026-11-01\nsource = \"this test\"\n"
    )
}

pub(crate) fn tco(capex: &str) -> Tco {
    let text = format!(
        "format = 1\n[site]\npue = 1.3\nusd_per_kwh = \"0.09\"\nwacc = 0.08\nsource = \"this test\"\nas_of = 2026-11-01\n\
         [[node]]\nname = \"own-h100\"\naccelerator = \"H100\"\naccelerators = 8\ncapex_usd = \"{capex}\"\n\
         network_usd = \"40000\"\nyears = 4\nresidual = 0.1\npower_kw = 10.2\nidle_power = 0.3\n\
         space_usd_per_year = \"6000\"\nstaff_usd_per_year = \"9000\"\nmaintenance = 0.03\nspares = 0.02\n\
         source = \"this test\"\nas_of = 2026-11-01\n"
    );
    read_tco("tco.toml", &text, today()).unwrap()
}

impl Case {
    pub(crate) fn inputs(&self) -> Inputs<'_> {
        Inputs {
            demand: &self.demand,
            supply: &self.supply,
            owned: &self.tco.nodes,
            constraints: &self.constraints,
            rows: &self.rows,
            catalogue: &self.catalogue,
            models: &self.models,
            settings: &self.settings,
            told: &[],
        }
    }

    pub(crate) fn placed(&self) -> Result<Placement, PlacementError> {
        place(&self.inputs(), |_| ())
    }

    pub(crate) fn report(&self) -> Report {
        Report::of(&self.inputs(), &self.placed().unwrap())
    }

    /// All demand in another class.
    pub(crate) fn of_class(mut self, class: Class) -> Case {
        self.demand.streams.iter_mut().for_each(|s| s.class = class);
        self
    }
}
