//! The watch, the outbox and the forecasts over a real store.

use std::path::Path;
use std::sync::Arc;

use bursar_core::budget::{Budget, BudgetUnit, Subject, WhenTight};
use bursar_core::ledger::{Amounts, HoldRequest};
use bursar_core::{
    Attribution, EndOfStream, Meter, MeteredUsage, Money, Provenance, Quantities, RecordId, RequestId,
    ServiceTier, Timestamp, Timings, UsageRecord,
};
use bursar_insight::watch::Watch;
use bursar_notify::{Bell, Router};
use bursar_store::{Alert, AlertQuery, Change, Reader, Store, StoreOptions};

use super::alerts;
use super::outlooks::Forecaster;
use super::warnings::Watcher;

const DOLLAR: i64 = 1_000_000_000;
const DAY: i64 = 86_400_000_000;

fn noon() -> Timestamp {
    Timestamp::from_date(2026, 7, 15).unwrap().plus_micros(DAY / 2)
}

fn open(folder: &Path) -> Store {
    Store::open(StoreOptions { folder: folder.to_owned(), ..StoreOptions::default() }).unwrap().0
}

/// A watch as the process has it after a start.
fn watcher(store: &Store, now: Timestamp) -> Watcher {
    let mut watch = Watch::new();
    let known = store.outbox().known(now).unwrap();
    watch.restore(known.into_iter().filter_map(|(alert, raised)| alerts::known(&alert, raised)));
    Watcher {
        watch,
        budgets: store.budgets(),
        outbox: store.outbox(),
        router: Router::default(),
        bell: Bell::default(),
        waiting: Vec::new(),
        has_trouble: false,
    }
}

fn create(store: &Store, dollars: i64) {
    let mut budget = Budget::new("research".parse().unwrap(), BudgetUnit::Usd, dollars * DOLLAR);
    budget.owner = Some("research-leads".to_owned());
    budget.when_tight = WhenTight::Refuse;
    let change = Change { who: "ann".to_owned(), why: None, at: noon() };
    store.budgets().create(&budget, &change).unwrap();
}

/// A settled call, in the ledger and in the usage log.
fn call(store: &Store, n: u128, at: Timestamp, dollars: i64, workflow: &str) {
    let id = RecordId { request: RequestId(n), attempt: 0 };
    let cost = Some(Money::from_nanos(dollars * DOLLAR));
    let attribution = Attribution { workflow: Some(workflow.to_owned()), ..Attribution::default() };
    let quantities = Quantities::none().with(Meter::Output, 100, Provenance::Reported);
    let record = UsageRecord {
        id,
        started_at: at,
        ended_at: at,
        key: None,
        attribution,
        provider: "openai".to_owned(),
        surface: "openai.chat_completions".to_owned(),
        region: None,
        requested_model: Some("gpt-test".to_owned()),
        usage: MeteredUsage { quantities, ..MeteredUsage::default() },
        tier: ServiceTier::Standard,
        end: EndOfStream::Complete,
        status: Some(200),
        list_cost: cost,
        contracted_cost: cost,
        price_version: String::new(),
        reasons: Vec::new(),
        timings: Timings::default(),
    };
    let amounts = Amounts { usd: cost, tokens: 100 };
    let request = HoldRequest {
        id,
        subject: Arc::new(Subject::of_record(&record)),
        at,
        ceiling: amounts,
        lease_until: at.plus_micros(DAY),
        unpriced_passes: false,
    };
    let held = store.budgets().lock().hold(request, at);
    assert!(held.is_ok(), "{held:?}");
    store.settle(&record).unwrap();
    store.budgets().lock().settle(id, amounts);
}

fn told(folder: &Path) -> Vec<Alert> {
    let query = AlertQuery { limit: usize::MAX, ..AlertQuery::default() };
    let mut alerts: Vec<Alert> =
        Reader::open(folder).unwrap().alerts(&query).unwrap().into_iter().map(|s| s.alert).collect();
    alerts.reverse();
    alerts
}

fn rules(alerts: &[Alert]) -> Vec<&str> {
    let told = alerts.iter().filter(|a| !a.rule.starts_with("burn"));
    told.map(|a| a.rule.as_str()).collect()
}

#[test]
fn an_event_and_the_alert_that_keeps_it_are_the_same_to_a_new_watch() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    create(&store, 100);
    call(&store, 1, noon(), 55, "chat");
    watcher(&store, noon()).look(std::iter::empty(), noon());
    let alerts = told(folder.path());
    assert_eq!(rules(&alerts), ["actual:50"]);
    let known = alerts::known(alerts.iter().find(|a| a.rule == "actual:50").unwrap(), true).unwrap();
    assert_eq!(
        Alert::names(&known.case.key(), false).1,
        alerts.iter().find(|a| a.rule == "actual:50").unwrap().id
    );
}

#[test]
fn a_process_that_starts_again_tells_what_it_missed_and_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    create(&store, 100);
    call(&store, 1, noon(), 55, "chat");
    watcher(&store, noon()).look(std::iter::empty(), noon());
    // Nobody looks any more, as when the process is killed right after the settlement.
    call(&store, 2, noon(), 30, "chat");
    store.close().unwrap();
    let store = open(folder.path());
    let later = noon().plus_micros(2_000_000);
    let mut again = watcher(&store, later);
    again.look(std::iter::empty(), later);
    again.look(std::iter::empty(), later.plus_micros(250_000));
    assert_eq!(rules(&told(folder.path())), ["actual:50", "actual:80"]);
    let mut third = watcher(&store, later);
    third.look(std::iter::empty(), later);
    assert_eq!(rules(&told(folder.path())), ["actual:50", "actual:80"]);
}

#[test]
fn an_outbox_that_takes_nothing_is_given_the_same_alerts_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    create(&store, 100);
    call(&store, 1, noon(), 55, "chat");
    let gone = tempfile::tempdir().unwrap();
    std::fs::write(gone.path().join("file"), "").unwrap();
    let mut watcher = watcher(&store, noon());
    watcher.outbox = bursar_store::Outbox::of(&gone.path().join("file"));
    watcher.look(std::iter::empty(), noon());
    assert!(watcher.has_trouble && !watcher.waiting.is_empty());
    watcher.outbox = store.outbox();
    watcher.look(std::iter::empty(), noon().plus_micros(200_000));
    assert!(!watcher.has_trouble && watcher.waiting.is_empty());
    assert_eq!(rules(&told(folder.path())), ["actual:50"]);
}

#[test]
fn a_forecast_from_the_usage_log_is_told_with_its_day_and_its_driver() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    create(&store, 1_000);
    for day in 0..44 {
        let at = noon().plus_micros((day - 44) * DAY);
        call(&store, 1_000 + day as u128, at, 10, "chat");
        call(&store, 2_000 + day as u128, at, if day < 37 { 2 } else { 50 }, "claims-triage");
    }
    store.flush().unwrap();
    let mut forecaster = Forecaster::new(folder.path().to_owned(), store.budgets());
    let mut watcher = watcher(&store, noon());
    let forecasts = forecaster.round(noon()).unwrap();
    watcher.look(forecasts.into_iter(), noon());
    let again = forecaster.round(noon().plus_micros(60_000_000)).unwrap();
    watcher.look(again.into_iter(), noon().plus_micros(60_000_000));
    let alerts = told(folder.path());
    let forecast: Vec<&Alert> = alerts.iter().filter(|a| a.rule == "forecast:100").collect();
    assert_eq!(forecast.len(), 1, "{alerts:#?}");
    insta::assert_snapshot!(forecast[0].text);
}
