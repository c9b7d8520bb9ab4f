//! The placement plan that was kept last.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use bursar_core::UnitPrice;
use bursar_plan::demand::{Class, Demand, DemandPoint, Stream};
use bursar_plan::placement::{ApiPrice, Inputs, ModelFacts, Settings, UnitPrices, place};
use bursar_plan::report::Report;
use bursar_plan::supply::{Constraints, Supply};
use bursar_plan::throughput::{Catalogue, built_in_rows};
use bursar_store::keep_plan;

use crate::fixture::{Fixture, noon};
use crate::openapi::problems;

/// A plan of a day of one model, made as `bursar plan run` makes it.
fn plan() -> String {
    let hour = |h: u64| {
        let requests = 400_000 + h % 12 * 100_000;
        let (input, output) = (requests * 120, requests * 15);
        DemandPoint { requests, input, output, ..DemandPoint::default() }
    };
    let stream = Stream {
        model: "small".to_owned(),
        tenant: "all".to_owned(),
        class: Class::Interactive,
        points: (0..24).map(hour).collect(),
    };
    let demand = Demand { start: noon(), step_seconds: 3_600, streams: vec![stream] };
    let price = UnitPrice::from_dollars_per_million("0.22").unwrap();
    let standard = UnitPrices { input: price, cached: None, output: price };
    let (source, as_of) = ("a price of this test".to_owned(), Some(noon()));
    let price = ApiPrice { name: "acme/small".to_owned(), standard, batch: None, source, as_of };
    let runs_as = Some("Qwen/Qwen3-8B".to_owned());
    let facts = ModelFacts { price: Some(price), unpriced: String::new(), runs_as };
    let inputs = Inputs {
        demand: &demand,
        supply: &Supply::defaults(),
        owned: &[],
        constraints: &Constraints::default(),
        rows: &built_in_rows().unwrap(),
        catalogue: &Catalogue::built_in().unwrap(),
        models: &BTreeMap::from([("small".to_owned(), facts)]),
        settings: &Settings { draws: 100, ..Settings::new(noon()) },
        told: &[],
    };
    Report::of(&inputs, &place(&inputs, |_| ()).unwrap()).to_json().unwrap()
}

#[tokio::test]
async fn the_plan_that_was_kept_last_is_given_as_it_was() {
    let fixture = Fixture::with_records();
    let json = plan();
    keep_plan(fixture.store.folder(), "{}").unwrap();
    keep_plan(fixture.store.folder(), &json).unwrap();
    let answer = fixture.get("/api/v1/plan").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.json(), serde_json::from_str::<serde_json::Value>(&json).unwrap());
    assert!(answer.json()["risk"]["purchases"].is_array(), "there is something to regret");
    let document = fixture.get("/api/openapi.json").await.json();
    assert_eq!(problems(&document, "/api/v1/plan", "get", &answer), [""; 0]);
}

#[tokio::test]
async fn where_no_plan_was_kept_the_problem_says_how_to_make_one() {
    let fixture = Fixture::with_records();
    let answer = fixture.get("/api/v1/plan").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.json()["hint"].as_str().unwrap().contains("bursar plan run --keep"), "{}", answer.body);
    keep_plan(fixture.store.folder(), "{ no plan").unwrap();
    let answer = fixture.get("/api/v1/plan").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["hint"], "run bursar plan run --keep again");
}
