//! The GPU cost watch: a round of questions to exporters every so often, and what comes of it.

mod idle;
pub(crate) mod nvml;
mod rounds;
pub(crate) mod scraper;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bursar_console::times;
use bursar_core::Timestamp;
use bursar_plan::gpu::dcgm::DcgmReading;
use bursar_plan::gpu::exposition::Exposition;
use bursar_plan::gpu::gap::{Gap, GapKind};
use bursar_plan::gpu::idle_alert::IdleWatch;
use bursar_plan::gpu::state::{GpuState, Thresholds};
use bursar_plan::gpu::vllm::VllmReading;
use bursar_plan::gpu::watch::{Answers, Seen, Watch};
use bursar_store::{GpuLog, GpuRound, NewAlert, Reader, Store};
use http::Uri;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::warnings::Teller;
use crate::config::{Config, GpuNodeSection, GpuSection, ProviderSection};
use scraper::Scraper;

/// A sample speaks for so many intervals at most.
const SPEAKS_FOR: u32 = 3;
/// Questions that are under way at a time.
const AT_ONCE: usize = 16;
/// Rounds that wait for a store that takes none; then the oldest are dropped, and their time is known by nobody.
const MOST_WAITING: usize = 120;
/// What ended so long ago is forgotten, in microseconds; looked at once a day.
const KEPT: i64 = 400 * DAY;
const DAY: i64 = 86_400_000_000;

/// The name under which calls to a provider are booked.
pub(crate) fn booked_as(providers: &[ProviderSection], name: &str) -> String {
    let section = providers.iter().find(|p| p.name == name);
    section.map_or_else(|| name.to_owned(), super::gateway_config::booked_as)
}

/// How long a sample speaks for, in microseconds.
pub(crate) fn longest(gpu: &GpuSection) -> i64 {
    i64::try_from((gpu.interval * SPEAKS_FOR).as_micros()).unwrap_or(i64::MAX)
}

/// Asks an exporter of GPUs.
pub(crate) async fn ask_dcgm(scraper: &Scraper, url: &Uri, at: Timestamp) -> Result<DcgmReading, Gap> {
    let answer = scraper.get(url).await.map_err(|why| no_answer(url, why))?;
    Ok(DcgmReading::of(&Exposition::read(&answer), &url.to_string(), at))
}

/// Asks an engine.
pub(crate) async fn ask_vllm(scraper: &Scraper, url: &Uri) -> Result<VllmReading, Gap> {
    let answer = scraper.get(url).await.map_err(|why| no_answer(url, why))?;
    Ok(VllmReading::of(&Exposition::read(&answer), &url.to_string()))
}

fn no_answer(url: &Uri, why: String) -> Gap {
    Gap::new(GapKind::NoAnswer, url.to_string(), why)
}

/// Starts the watch; nothing where no node is configured. It ends when it is told to, after the round under way.
pub(super) fn start(
    config: &Config,
    store: &Store,
    teller: Teller,
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<Option<JoinHandle<()>>> {
    let now = times::now();
    let longest = longest(&config.gpu);
    let log = GpuLog::of(store.folder());
    let provider = |n: &GpuNodeSection| n.provider.as_ref().map(|name| booked_as(&config.providers, name));
    let nodes = config.gpu.nodes.iter().map(|n| rounds::node(n, provider(n), longest, now));
    log.set_nodes(&nodes.collect::<Vec<_>>(), now).context("the nodes with GPUs cannot be written down")?;
    if config.gpu.nodes.is_empty() {
        return Ok(None);
    }
    let mut idle = IdleWatch::new(idle::rule(&config.gpu));
    let reader = Reader::open(store.folder())?;
    let known = teller.outbox.known(now).context("what was told before cannot be read")?;
    for node in &config.gpu.nodes {
        idle::restore(&mut idle, &known, &reader.gpus_of(&node.name, now.plus_micros(-longest))?);
    }
    let mut task = Task {
        nodes: Arc::new(config.gpu.nodes.clone()),
        scraper: Scraper::new(config.gpu.timeout)?,
        watch: Watch::new(Thresholds::default(), longest),
        idle,
        log,
        teller,
        waiting: VecDeque::new(),
        untold: Vec::new(),
        cleaned: now,
    };
    let interval = config.gpu.interval;
    Ok(Some(tokio::spawn(async move {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = super::wait_for(stopped.clone()) => return,
                _ = ticks.tick() => task.round().await,
            }
        }
    })))
}

struct Task {
    nodes: Arc<Vec<GpuNodeSection>>,
    scraper: Scraper,
    watch: Watch,
    idle: IdleWatch,
    log: GpuLog,
    teller: Teller,
    /// Rounds that the store has not taken yet.
    waiting: VecDeque<GpuRound>,
    /// Alerts that the outbox has not taken yet.
    untold: Vec<NewAlert>,
    /// When old stretches were forgotten last.
    cleaned: Timestamp,
}

impl Task {
    async fn round(&mut self) {
        let at = times::now();
        let answers = ask(&self.nodes, &self.scraper, at).await;
        let seen = self.watch.take(at, answers);
        let mut looks = Vec::new();
        for (seen, section) in seen.iter().zip(self.nodes.iter()) {
            count(seen, section);
            looks.extend(rounds::looks(seen, section));
            self.waiting.push_back(rounds::round(seen));
        }
        while self.waiting.len() > MOST_WAITING * self.nodes.len() {
            self.waiting.pop_front();
        }
        for event in self.idle.step(&looks, at) {
            let section = self.nodes.iter().find(|n| n.name == event.node);
            let (owner, accelerators) =
                section.map_or((None, 0), |n| (Some(n.owner.as_str()), n.accelerators));
            let new = idle::alert(&event, owner, accelerators, &self.teller);
            tracing::info!(
                rule = new.alert.rule,
                node = event.node,
                is_over = !event.begins,
                "{}",
                new.alert.text
            );
            self.untold.push(new);
        }
        self.write(at).await;
    }

    /// Hands rounds to the store and alerts to the outbox; what they do not take waits for the next round.
    async fn write(&mut self, at: Timestamp) {
        let rounds: Vec<GpuRound> = self.waiting.iter().cloned().collect();
        let (log, teller, untold) = (self.log.clone(), self.teller.clone(), self.untold.clone());
        let cleans = at.micros().saturating_sub(self.cleaned.micros()) > DAY;
        let work = move || {
            let written = log.add(&rounds);
            let forgotten = if cleans { log.forget(at.plus_micros(-KEPT)) } else { Ok(()) };
            let told = if untold.is_empty() { Ok(()) } else { teller.tell(&untold) };
            (written.and(forgotten), told)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok((written, told)) => {
                match written {
                    Ok(()) => {
                        self.waiting.clear();
                        self.cleaned = if cleans { at } else { self.cleaned };
                    }
                    Err(error) => {
                        tracing::warn!(%error, waiting = self.waiting.len(), "what GPUs did cannot be written now; trying again");
                    }
                }
                match told {
                    Ok(()) => self.untold.clear(),
                    Err(error) => {
                        tracing::error!(%error, "alerts about GPUs cannot be written into the outbox; trying again");
                    }
                }
            }
            Err(error) => tracing::error!(%error, "writing what GPUs did ended with a fault"),
        }
    }
}

/// Asks every exporter, all nodes at the same time.
pub(crate) async fn ask(nodes: &[GpuNodeSection], scraper: &Scraper, at: Timestamp) -> Vec<Answers> {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut asked = JoinSet::new();
    for (i, node) in nodes.iter().enumerate() {
        for (k, url) in node.dcgm.iter().enumerate() {
            let (scraper, url, turns) = (scraper.clone(), url.clone(), Arc::clone(&turns));
            asked.spawn(async move {
                let _turn = turns.acquire_owned().await;
                (i, k, Answer::Dcgm(ask_dcgm(&scraper, &url, at).await))
            });
        }
        for (k, url) in node.vllm.iter().enumerate() {
            let (scraper, url, turns) = (scraper.clone(), url.clone(), Arc::clone(&turns));
            asked.spawn(async move {
                let _turn = turns.acquire_owned().await;
                (i, k, Answer::Vllm(ask_vllm(&scraper, &url).await))
            });
        }
        if node.nvml {
            asked.spawn_blocking(move || {
                let read = nvml::read().map_err(|why| Gap::new(GapKind::NoAnswer, "nvml", why));
                (i, usize::MAX, Answer::Dcgm(read))
            });
        }
    }
    let mut found = Vec::new();
    while let Some(done) = asked.join_next().await {
        // A task that was cancelled or has failed has no answer, and its place stays empty.
        found.extend(done);
    }
    found.sort_by_key(|(i, k, _)| (*i, *k));
    in_order(nodes, found)
}

enum Answer {
    Dcgm(Result<DcgmReading, Gap>),
    Vllm(Result<VllmReading, Gap>),
}

fn in_order(nodes: &[GpuNodeSection], found: Vec<(usize, usize, Answer)>) -> Vec<Answers> {
    let blank = |n: &GpuNodeSection| Answers {
        node: n.name.clone(),
        accelerators: n.accelerators,
        dcgm: Vec::new(),
        vllm: Vec::new(),
    };
    let mut answers: Vec<Answers> = nodes.iter().map(blank).collect();
    for (i, _, answer) in found {
        match answer {
            Answer::Dcgm(answer) => answers[i].dcgm.push(answer),
            Answer::Vllm(answer) => answers[i].vllm.push(answer),
        }
    }
    answers
}

/// Counts a round.
fn count(seen: &Seen, section: &GpuNodeSection) {
    let node = || section.name.clone();
    for &state in GpuState::ALL {
        let gpus = seen.gpus.iter().filter(|g| g.state == state).count();
        metrics::gauge!("bursar_gpu_gpus", "node" => node(), "state" => state.name())
            .set(u32::try_from(gpus).unwrap_or(u32::MAX));
    }
    for (state, amount) in rounds::cost(seen, section) {
        metrics::counter!("bursar_gpu_cost_nanodollars_total", "node" => node(), "state" => state.name())
            .increment(u64::try_from(amount.nanos()).unwrap_or(0));
    }
    for made in &seen.tokens {
        let Some(tokens) = made.tokens else { continue };
        for (kind, number) in [("input", tokens.input), ("cached", tokens.cached), ("output", tokens.output)]
        {
            metrics::counter!("bursar_gpu_tokens_total", "node" => node(), "model" => made.model.clone(), "kind" => kind)
                .increment(number);
        }
    }
    for gap in &seen.gaps {
        metrics::counter!("bursar_gpu_gaps_total", "node" => node(), "kind" => gap.kind.name()).increment(1);
    }
}

/// How long the last round may take when the process ends.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
