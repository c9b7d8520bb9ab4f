//! The composition root: builds store, prices, gateway and console from the configuration, and nothing else.

mod alerts;
mod gateway_config;
pub(crate) mod gpus;
mod logging;
pub(crate) mod notify_config;
mod outlooks;
pub(crate) mod prices;
mod warnings;
#[cfg(test)]
mod warnings_tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use bursar_console::access::{Access, AdminToken};
use bursar_console::{Console, ConsoleParts};
use bursar_gateway::{Gateway, ServeSummary};
use bursar_prices::PriceBook;
use bursar_store::{Change, Durability, Store, StoreOptions};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::{Config, DurabilityChoice, Environment};

pub(crate) use logging::start_logging;
pub(crate) use prices::load_prices;

/// Where the two listeners answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    pub(crate) gateway: SocketAddr,
    pub(crate) console: SocketAddr,
}

/// A gateway and a console at work.
pub(crate) struct Running {
    addresses: Addresses,
    stop: watch::Sender<bool>,
    gateway: JoinHandle<ServeSummary>,
    console: JoinHandle<Result<(), bursar_console::ConsoleError>>,
    store: Store,
    warnings: warnings::Warnings,
    gpus: Option<JoinHandle<()>>,
}

/// The file in the data folder that says where the listeners are.
const LISTEN_FILE: &str = "listen.json";

/// The runtime that the configuration asks for.
pub(crate) fn runtime(config: &Config) -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let threads = match usize::try_from(config.gateway.threads) {
        Ok(threads @ 1..) => threads,
        // A worker that idles is woken for every burst; fewer, busier ones answer sooner (decision 3).
        _ => std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1)),
    };
    builder.worker_threads(threads);
    builder.enable_all().build().context("the runtime cannot be started")
}

/// Starts everything.
pub(crate) async fn start(config: &Config) -> anyhow::Result<Running> {
    let env = |name: &str| std::env::var(name).ok();
    let book = Arc::new(ArcSwap::new(load_prices(config)?));
    let metrics = metrics_exporter_prometheus::PrometheusBuilder::new()
        .install_recorder()
        .context("the metrics recorder cannot be installed")?;
    let gateway_listener = listen(config.gateway.listen, "gateway.listen").await?;
    let console_listener = listen(config.console.listen, "console.listen").await?;
    let addresses =
        Addresses { gateway: gateway_listener.local_addr()?, console: console_listener.local_addr()? };
    let store = open_store(config, &book.load())?;
    let warnings = warnings::start(config, &store, &env)?;
    let gateway =
        Gateway::new(gateway_config::of(config, addresses.gateway, &env)?, store.clone(), Arc::clone(&book))?;
    let console = Console::new(ConsoleParts {
        store: store.clone(),
        prices: Arc::clone(&book),
        providers: config.providers.iter().map(|p| p.name.clone()).collect(),
        access: access(config, addresses.console, &env)?,
        metrics: Arc::new(move || metrics.render()),
    });
    write_listen_file(config, addresses)?;
    let (stop, stopped) = watch::channel(false);
    prices::watch_overlay(config, book, stopped.clone());
    let gpus = gpus::start(config, &store, warnings.teller(), stopped.clone())?;
    let gateway_stopped = wait_for(stopped.clone());
    let gateway = tokio::spawn(async move { gateway.serve(gateway_listener, gateway_stopped).await });
    let console = tokio::spawn(console.serve(console_listener, wait_for(stopped)));
    Ok(Running { addresses, stop, gateway, console, store, warnings, gpus })
}

impl Running {
    /// Where the listeners answer.
    pub(crate) fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The store, for what reads beside the gateway.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Lets running answers end, and closes the store.
    pub(crate) async fn stop(self) -> anyhow::Result<ServeSummary> {
        let _ = self.stop.send(true);
        let summary = self.gateway.await.context("the gateway ended with a fault")?;
        let console = self.console.await.context("the control API ended with a fault")?;
        if let Some(gpus) = self.gpus
            && tokio::time::timeout(gpus::PATIENCE, gpus).await.is_err()
        {
            tracing::warn!("the last round of questions about GPUs did not end; its time is known by nobody");
        }
        let (store, warnings) = (self.store, self.warnings);
        let ending = move || {
            warnings.stop();
            store.close()
        };
        tokio::task::spawn_blocking(ending).await.context("closing the store ended with a fault")??;
        console?;
        Ok(summary)
    }
}

/// Waits for SIGINT or SIGTERM.
pub(crate) async fn wait_for_a_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

async fn wait_for(mut stopped: watch::Receiver<bool>) {
    // A sender that is gone means that the process ends.
    let _ = stopped.wait_for(|stop| *stop).await;
}

async fn listen(at: SocketAddr, field: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(at).await.with_context(|| {
        format!("cannot listen on {at}; stop what listens there, or choose another address with {field}")
    })
}

fn open_store(config: &Config, book: &PriceBook) -> anyhow::Result<Store> {
    let durability = match config.store.durability {
        DurabilityChoice::Process => Durability::Process,
        DurabilityChoice::Disk => Durability::Disk,
    };
    let options = StoreOptions {
        folder: config.store.folder.clone(),
        durability,
        model_tiers: config.budgets.tiers.clone(),
        ..StoreOptions::default()
    };
    let (store, recovery) = Store::open(options)?;
    sync_budgets(config, &store)?;
    if recovery.torn_bytes > 0 {
        tracing::warn!(
            bytes = recovery.torn_bytes,
            "the journal ended in a record that was never acknowledged; it was cut off"
        );
    }
    let recovered = bursar_gateway::recover(recovery.in_flight, book, &store)?;
    if recovered > 0 {
        tracing::warn!(
            attempts = recovered,
            "an earlier process stopped with attempts in flight; they are booked as gateway_stopped, estimated"
        );
    }
    Ok(store)
}

/// Makes the registry have the budgets of the configuration file.
fn sync_budgets(config: &Config, store: &Store) -> anyhow::Result<()> {
    let who = config.file.as_ref().map_or_else(|| "configuration".to_owned(), |f| f.display().to_string());
    let change = Change { who, why: None, at: bursar_console::times::now() };
    let done = store.budgets().sync_config(&config.budgets.budgets, &change)?;
    for (names, what) in [(&done.created, "made"), (&done.updated, "changed"), (&done.removed, "ended")] {
        for name in names {
            tracing::info!(budget = %name, "a budget was {what} as the configuration file says");
        }
    }
    Ok(())
}

fn access(config: &Config, listen: SocketAddr, env: Environment<'_>) -> anyhow::Result<Access> {
    let token = match &config.console.token {
        None => None,
        Some(source) => {
            let text = source.resolve(env).map_err(|why| anyhow::anyhow!("console.token: {why}"))?;
            let token = AdminToken::new(text);
            Some(token.context("console.token is too short: 16 characters or more are needed")?)
        }
    };
    Ok(Access::for_listener(listen, token, Vec::new())?)
}

fn write_listen_file(config: &Config, at: Addresses) -> anyhow::Result<()> {
    let path = config.store.folder.join(LISTEN_FILE);
    let text = serde_json::json!({ "gateway": at.gateway.to_string(), "console": at.console.to_string() });
    std::fs::write(&path, format!("{text}\n")).with_context(|| format!("cannot write {}", path.display()))
}

/// How often the overlay's price files are looked at.
const OVERLAY_PERIOD: Duration = Duration::from_secs(2);
