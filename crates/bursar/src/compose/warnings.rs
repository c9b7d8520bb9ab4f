//! Warnings: the watch looks at the ledger several times a second, forecasts are made once a minute, and the courier
//! takes to the channels what the outbox has. Each on a thread of its own; no call waits for any of them.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use bursar_console::times;
use bursar_core::Timestamp;
use bursar_core::budget::BudgetName;
use bursar_insight::watch::{Audience, Event, Outlook, Phase, Watch};
use bursar_notify::{Bell, Courier, Router};
use bursar_store::{BudgetDirectory, NewAlert, Outbox, Store, StoreError};
use tokio::sync::watch;

use super::{alerts, notify_config, outlooks};
use crate::config::{Config, Environment};

/// How long the watch waits between two looks.
const LOOK: Duration = Duration::from_millis(200);
/// Forecasts that may wait for the watch.
const OUTLOOKS: usize = 16;

/// A forecast of one account: the budget, whose share, and where it is heading.
pub(super) type Forecast = (BudgetName, Option<String>, Outlook);

/// Everything that warns, at work.
pub(super) struct Warnings {
    stop_watch: Sender<()>,
    stop_courier: watch::Sender<bool>,
    watcher: JoinHandle<()>,
    courier: JoinHandle<()>,
    teller: Teller,
}

/// Takes alerts that are about no budget to the outbox and wakes the courier.
#[derive(Clone)]
pub(super) struct Teller {
    pub(super) outbox: Outbox,
    pub(super) router: Router,
    pub(super) bell: Bell,
}

impl Teller {
    /// Writes alerts into the outbox. Those that are there already change nothing.
    pub(super) fn tell(&self, alerts: &[NewAlert]) -> Result<(), StoreError> {
        let new = self.outbox.add(alerts)?;
        alerts.iter().zip(new).filter(|(_, is_new)| *is_new).for_each(|(alert, _)| count(alert));
        self.bell.ring();
        Ok(())
    }
}

/// Starts the watch over a store's budgets, the forecasts, and the courier.
pub(super) fn start(config: &Config, store: &Store, env: Environment<'_>) -> anyhow::Result<Warnings> {
    let courier = Courier::new(store.outbox(), notify_config::channels(&config.notify, env)?, times::now);
    let now = times::now();
    let mut watch = Watch::new();
    let known = store.outbox().known(now).context("what was told before cannot be read")?;
    watch.restore(known.into_iter().filter_map(|(alert, is_raised)| alerts::known(&alert, is_raised)));
    let watcher = Watcher {
        watch,
        budgets: store.budgets(),
        outbox: store.outbox(),
        router: notify_config::router(&config.notify, env)?,
        bell: courier.bell(),
        waiting: Vec::new(),
        has_trouble: false,
    };
    let teller =
        Teller { outbox: watcher.outbox.clone(), router: watcher.router.clone(), bell: watcher.bell.clone() };
    let (stop_watch, stopped) = mpsc::channel();
    let (to_watch, forecasts) = mpsc::sync_channel(OUTLOOKS);
    let folder = store.folder().to_owned();
    outlooks::start(folder, store.budgets(), to_watch)?;
    let watcher = named("bursar-watch", move || watcher.run(&stopped, &forecasts))?;
    let (stop_courier, courier_stopped) = watch::channel(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("the courier's runtime cannot be started")?;
    let courier = named("bursar-courier", move || runtime.block_on(courier.run(courier_stopped)))?;
    Ok(Warnings { stop_watch, stop_courier, watcher, courier, teller })
}

pub(super) fn named(name: &str, work: impl FnOnce() + Send + 'static) -> anyhow::Result<JoinHandle<()>> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.with_context(|| format!("the thread {name} cannot be started"))
}

impl Warnings {
    /// What takes alerts about something other than budgets.
    pub(super) fn teller(&self) -> Teller {
        self.teller.clone()
    }

    /// Looks once more and ends. What is not sent yet is sent after the next start.
    pub(super) fn stop(self) {
        // A thread that is gone needs no telling.
        let _ = self.stop_watch.send(());
        let _ = self.stop_courier.send(true);
        for (thread, what) in [(self.watcher, "the watch over budgets"), (self.courier, "the courier")] {
            if thread.join().is_err() {
                tracing::error!("{what} ended with a fault; warnings go on at the next start");
            }
        }
    }
}

/// The watch with what it needs to tell.
pub(super) struct Watcher {
    pub(super) watch: Watch,
    pub(super) budgets: BudgetDirectory,
    pub(super) outbox: Outbox,
    pub(super) router: Router,
    pub(super) bell: Bell,
    /// Alerts that the outbox has not taken yet.
    pub(super) waiting: Vec<NewAlert>,
    pub(super) has_trouble: bool,
}

impl Watcher {
    fn run(mut self, stopped: &Receiver<()>, forecasts: &Receiver<Vec<Forecast>>) {
        loop {
            let is_over = !matches!(stopped.recv_timeout(LOOK), Err(RecvTimeoutError::Timeout));
            self.look(forecasts.try_iter().flatten(), times::now());
            if is_over {
                return;
            }
        }
    }

    /// One look: what is to be told goes to the outbox.
    pub(super) fn look(&mut self, forecasts: impl Iterator<Item = Forecast>, now: Timestamp) {
        let mut events = self.watch.step(&mut self.budgets.lock(), now);
        for (name, instance, outlook) in forecasts {
            let balances = self.budgets.lock().balances(&name, now);
            if let Some(balance) = balances.into_iter().find(|b| b.instance == instance) {
                self.watch.take_outlook(&balance, outlook, now, &mut events);
            }
        }
        let told = events
            .iter()
            .map(|event| NewAlert { alert: alerts::alert(event), channels: self.router.channels_for(event) });
        self.waiting.extend(told);
        events.iter().for_each(log);
        if !self.waiting.is_empty() {
            self.post();
        }
    }

    /// Hands what waits to the outbox. It is kept where the outbox does not take it.
    fn post(&mut self) {
        match self.outbox.add(&self.waiting) {
            Ok(new) => {
                let fresh = self.waiting.iter().zip(new).filter(|(_, is_new)| *is_new);
                fresh.for_each(|(new, _)| count(new));
                self.waiting.clear();
                self.has_trouble = false;
                self.bell.ring();
            }
            Err(error) => self.note_trouble(&error),
        }
    }

    /// Trouble is logged when it begins, not five times a second.
    fn note_trouble(&mut self, error: &StoreError) {
        if !self.has_trouble {
            tracing::error!(%error, waiting = self.waiting.len(), "alerts cannot be written into the outbox; trying again");
        }
        self.has_trouble = true;
    }
}

fn log(event: &Event) {
    let rule = event.case.rule.to_string();
    let (severity, is_over) = (event.severity.name(), event.phase != Phase::Raised);
    match event.audience {
        Audience::Everyone => tracing::info!(rule, severity, is_over, "{}", event.text),
        // Another line says more.
        Audience::Incidents | Audience::Nobody => tracing::debug!(rule, severity, is_over, "{}", event.text),
    }
}

fn count(new: &NewAlert) {
    let alert = &new.alert;
    let rule = alert.rule.split(':').next().unwrap_or_default().to_owned();
    let phase = if alert.recovery.is_some() { "recovered" } else { "raised" };
    let severity = alert.severity.clone();
    metrics::counter!("bursar_alerts_total", "rule" => rule, "severity" => severity, "phase" => phase)
        .increment(1);
}

/// Hands forecasts to the watch; `false` where it is gone.
pub(super) fn hand_over(to: &SyncSender<Vec<Forecast>>, forecasts: Vec<Forecast>) -> bool {
    to.send(forecasts).is_ok()
}
