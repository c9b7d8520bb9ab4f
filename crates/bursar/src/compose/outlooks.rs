//! Forecasts, once a minute, from the usage log: beside the writer and beside every call.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use bursar_console::times;
use bursar_core::Timestamp;
use bursar_core::budget::{Budget, BudgetName, ThresholdOn};
use bursar_core::ledger::Balance;
use bursar_insight::driver::Driver;
use bursar_insight::history::{Drivers, Histories};
use bursar_insight::pace::Pace;
use bursar_insight::watch::Outlook;
use bursar_store::{BudgetDirectory, Reader, StoreError};

use super::warnings::{Forecast, hand_over, named};

/// How long one round of forecasts comes after another, and the first after the start.
const ROUND: Duration = Duration::from_secs(60);
const FIRST: Duration = Duration::from_secs(2);
/// Calls that are read in one go.
const BATCH: u32 = 4_096;
/// What drives an account is looked for anew when it was found so long ago, in microseconds.
const DRIVER_KEEPS: i64 = 3_600_000_000;

type Place = (BudgetName, Option<String>);

/// Makes forecasts.
pub(super) struct Forecaster {
    folder: PathBuf,
    budgets: BudgetDirectory,
    histories: Histories,
    /// The last row of the usage log that the histories have.
    row: i64,
    drivers: HashMap<Place, (Timestamp, Option<Driver>)>,
}

/// Starts a thread that hands forecasts over until nobody takes them.
pub(super) fn start(
    folder: PathBuf,
    budgets: BudgetDirectory,
    to: SyncSender<Vec<Forecast>>,
) -> anyhow::Result<()> {
    let mut forecaster = Forecaster::new(folder, budgets);
    // It ends by itself: the next forecasts that it hands over nobody takes, and it holds nothing that must be written.
    named("bursar-forecast", move || {
        std::thread::sleep(FIRST);
        loop {
            match forecaster.round(times::now()) {
                Ok(forecasts) => {
                    if !hand_over(&to, forecasts) {
                        return;
                    }
                }
                Err(error) => tracing::warn!(%error, "budgets cannot be forecast now; trying again"),
            }
            std::thread::sleep(ROUND);
        }
    })?;
    Ok(())
}

impl Forecaster {
    pub(super) fn new(folder: PathBuf, budgets: BudgetDirectory) -> Forecaster {
        Forecaster { folder, budgets, histories: Histories::default(), row: 0, drivers: HashMap::new() }
    }

    /// The forecast of every account that has one, as of now.
    pub(super) fn round(&mut self, now: Timestamp) -> Result<Vec<Forecast>, StoreError> {
        let defined: Vec<Arc<Budget>> = self.budgets.lock().budgets().cloned().collect();
        if !self.histories.are_of(&defined) {
            self.histories = Histories::of(defined, self.budgets.model_tiers().clone());
            self.row = 0;
        }
        if self.histories.budgets().next().is_none() {
            return Ok(Vec::new());
        }
        let reader = Reader::open(&self.folder)?;
        self.read_on(&reader, now)?;
        let mut found = Vec::new();
        let names: Vec<BudgetName> = self.histories.budgets().map(|b| b.name.clone()).collect();
        for name in names {
            let balances = self.budgets.lock().balances(&name, now);
            found.extend(balances.into_iter().filter_map(|b| Some((self.histories.pace(&b, now)?, b))));
        }
        self.find_drivers(&reader, &found, now)?;
        Ok(found.into_iter().map(|(pace, balance)| self.forecast(pace, &balance)).collect())
    }

    /// Takes the calls that were booked since the last round into the histories.
    fn read_on(&mut self, reader: &Reader, now: Timestamp) -> Result<(), StoreError> {
        loop {
            let calls = reader.calls_after(self.row, Histories::since(now), BATCH)?;
            for call in &calls {
                self.histories.take(&call.subject, call.at, &call.used);
                self.row = call.row;
            }
            if calls.len() < BATCH as usize {
                self.histories.forget(now);
                return Ok(());
            }
        }
    }

    /// Looks for what drives the accounts that are to be warned about, in one reading for all.
    fn find_drivers(
        &mut self,
        reader: &Reader,
        found: &[(Pace, Balance)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.drivers.retain(|_, (at, _)| now < at.plus_micros(DRIVER_KEEPS));
        let tiers = self.budgets.model_tiers();
        let mut wanted: Vec<(Place, Drivers)> = found
            .iter()
            .filter(|(pace, balance)| warns(pace, balance))
            .map(|(_, b)| ((b.budget.name.clone(), b.instance.clone()), b))
            .filter(|(place, _)| !self.drivers.contains_key(place))
            .map(|(place, b)| {
                let drivers = Drivers::of(&b.budget, b.instance.clone(), tiers, b.window, now);
                (place, drivers)
            })
            .collect();
        let Some(since) = wanted.iter().map(|(_, drivers)| drivers.since()).min() else { return Ok(()) };
        reader.calls_between(since, now, |call| {
            for (_, drivers) in &mut wanted {
                drivers.take(&call.subject, call.at, &call.used);
            }
        })?;
        self.drivers.extend(wanted.into_iter().map(|(place, drivers)| (place, (now, drivers.driver()))));
        Ok(())
    }

    fn forecast(&self, pace: Pace, balance: &Balance) -> Forecast {
        let place = (balance.budget.name.clone(), balance.instance.clone());
        let driver = self.drivers.get(&place).and_then(|(_, driver)| driver.clone());
        (place.0, place.1, Outlook { pace, driver })
    }
}

/// Whether a forecast reaches one of the budget's thresholds.
fn warns(pace: &Pace, balance: &Balance) -> bool {
    let forecast = balance.budget.thresholds.iter().filter(|t| t.on == ThresholdOn::Forecast);
    forecast.map(|t| t.percent).min().is_some_and(|percent| {
        i128::from(pace.total) * 100 >= i128::from(balance.limit) * i128::from(percent)
    })
}
