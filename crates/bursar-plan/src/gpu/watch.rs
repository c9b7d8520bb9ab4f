//! From one round of answers to the next: what each GPU did in between, and which tokens each model made.

use std::collections::{BTreeMap, BTreeSet};

use bursar_core::Timestamp;

use super::dcgm::{DcgmReading, GpuId, GpuReading, SLICES};
use super::gap::{Gap, GapKind};
use super::state::{Evidence, GpuState, Judgement, Moment, Served, Thresholds, judge};
use super::vllm::{ModelReading, Tokens, VllmReading};

/// What a node's exporters answered, each an answer or the reason why there is none.
#[derive(Clone, Debug)]
pub struct Answers {
    /// The node.
    pub node: String,
    /// How many GPUs its price is for.
    pub accelerators: u32,
    /// From each DCGM exporter.
    pub dcgm: Vec<Result<DcgmReading, Gap>>,
    /// From each engine.
    pub vllm: Vec<Result<VllmReading, Gap>>,
}

/// A GPU, or a part of one, over a stretch of time.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenGpu {
    /// Its UUID, with the instance where it is divided.
    pub gpu: String,
    /// Its number on the node.
    pub index: String,
    /// The product.
    pub product: Option<String>,
    /// How many of [`SLICES`] it has.
    pub slices: u32,
    /// From when on it was so; `until` where there is no sample before.
    pub since: Timestamp,
    /// Until when: the sample's time.
    pub until: Timestamp,
    /// The state.
    pub state: GpuState,
    /// What it was judged by.
    pub evidence: Vec<Evidence>,
    /// The pods that hold it.
    pub pods: Vec<String>,
}

/// What a model made over a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenTokens {
    /// The model; of an engine that has said nothing yet, its address.
    pub model: String,
    /// The tokens; `None` where they are not known, and the gap says why.
    pub tokens: Option<Tokens>,
}

/// What a node did since the round before.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The node.
    pub node: String,
    /// The round before; the same as `until` where there is none that counts.
    pub since: Timestamp,
    /// This round.
    pub until: Timestamp,
    /// Its GPUs.
    pub gpus: Vec<SeenGpu>,
    /// Its models.
    pub tokens: Vec<SeenTokens>,
    /// What is not known.
    pub gaps: Vec<Gap>,
}

/// A node as the last round left it.
#[derive(Debug, Default)]
struct Last {
    at: Timestamp,
    gpus: BTreeMap<GpuId, (GpuReading, GpuState)>,
    /// Whether every exporter of GPUs told of all of them.
    is_whole: bool,
    /// The models of each engine, by the engine's place in the configuration.
    engines: BTreeMap<usize, VllmReading>,
}

/// Watches nodes, round by round.
#[derive(Debug)]
pub struct Watch {
    limits: Thresholds,
    /// The longest time between two rounds that one sample speaks for, in microseconds.
    longest: i64,
    nodes: BTreeMap<String, Last>,
}

impl Watch {
    /// A watch. Where two rounds are further apart than `longest` microseconds, nobody knows what was in between.
    #[must_use]
    pub fn new(limits: Thresholds, longest: i64) -> Watch {
        Watch { limits, longest, nodes: BTreeMap::new() }
    }

    /// Takes a round of answers.
    pub fn take(&mut self, at: Timestamp, answers: Vec<Answers>) -> Vec<Seen> {
        let mut counted = BTreeSet::new();
        answers.into_iter().map(|node| self.node(at, node, &mut counted)).collect()
    }

    fn node(&mut self, at: Timestamp, answers: Answers, counted: &mut BTreeSet<GpuId>) -> Seen {
        let last = self.nodes.remove(&answers.node).unwrap_or_default();
        let elapsed = at.micros().saturating_sub(last.at.micros());
        let is_near = !last.gpus.is_empty() && (1..=self.longest).contains(&elapsed);
        let since = if is_near { last.at } else { at };
        let mut gaps = Vec::new();
        let (gpus, is_whole) = gpus_of(&answers, counted, &mut gaps);
        let silent = if is_near { silent_of(&answers.vllm, &last.engines) } else { Vec::new() };
        let engines = engines_of(answers.vllm, &mut gaps);
        let covers = is_near && is_whole && last.is_whole;
        let mut tokens = tokens_of(&last.engines, &engines, covers, &mut gaps);
        let served = served_of(&last.engines, &engines, &tokens, gpus.len() == 1);
        let round =
            Round { at, since, elapsed: if is_near { elapsed } else { 0 }, served, limits: self.limits };
        let mut seen: Vec<SeenGpu> = gpus
            .iter()
            .map(|(id, gpu)| round.gpu(gpu, last.gpus.get(id).map(|(before, _)| before), &mut gaps))
            .collect();
        let mut known: BTreeMap<GpuId, (GpuReading, GpuState)> =
            gpus.into_iter().zip(&seen).map(|((id, gpu), s)| (id, (gpu, s.state))).collect();
        seen.extend(parts_left(&known, since, at));
        // Where no GPU worked, an engine that says nothing has made nothing.
        if !silent.is_empty() && seen.iter().any(|g| g.state.works() || g.state == GpuState::Unknown) {
            tokens.iter_mut().for_each(|t| t.tokens = None);
            tokens.extend(silent.into_iter().map(|model| SeenTokens { model, tokens: None }));
        }
        if is_whole {
            let gone = last.gpus.into_iter().filter(|(id, _)| !counted.contains(id));
            for (id, (gpu, state)) in gone.take(64) {
                seen.push(round.vanished(&gpu, state, &mut gaps));
                known.insert(id, (gpu, seen.last().map_or(state, |s| s.state)));
            }
        }
        check_count(&answers.node, answers.accelerators, &known, is_whole, &mut gaps);
        self.nodes.insert(answers.node.clone(), Last { at, gpus: known, is_whole, engines });
        Seen { node: answers.node, since, until: at, gpus: seen, tokens, gaps }
    }
}

struct Round {
    at: Timestamp,
    since: Timestamp,
    elapsed: i64,
    served: Option<Served>,
    limits: Thresholds,
}

impl Round {
    fn gpu(&self, gpu: &GpuReading, before: Option<&GpuReading>, gaps: &mut Vec<Gap>) -> SeenGpu {
        let before = before.filter(|_| self.elapsed > 0);
        let elapsed = if before.is_some() { self.elapsed } else { 0 };
        let moment = Moment { gpu, before, elapsed, served: self.served };
        let Judgement { state, evidence, gaps: found } = judge(moment, self.limits);
        gaps.extend(found);
        let since = if before.is_some() { self.since } else { self.at };
        SeenGpu {
            gpu: gpu.id.to_string(),
            index: gpu.index.clone(),
            product: gpu.product.clone(),
            slices: gpu.slices,
            since,
            until: self.at,
            state,
            evidence,
            pods: gpu.pods.iter().cloned().collect(),
        }
    }

    /// A GPU that was there before. One that was faulty has fallen off; of another nobody knows.
    fn vanished(&self, gpu: &GpuReading, state: GpuState, gaps: &mut Vec<Gap>) -> SeenGpu {
        let detail = format!("it was {} before, and the exporter does not report it any more", state.name());
        gaps.push(Gap::new(GapKind::Vanished, gpu.id.to_string(), detail));
        let state = if state == GpuState::Faulty { state } else { GpuState::Unknown };
        SeenGpu {
            gpu: gpu.id.to_string(),
            index: gpu.index.clone(),
            product: gpu.product.clone(),
            slices: gpu.slices,
            since: self.since,
            until: self.at,
            state,
            evidence: vec![Evidence { metric: "DCGM", value: "does not report it any more".to_owned() }],
            pods: Vec::new(),
        }
    }
}

/// The GPUs of a node, each once over all nodes, and whether every exporter told of all of its GPUs.
fn gpus_of(
    answers: &Answers,
    counted: &mut BTreeSet<GpuId>,
    gaps: &mut Vec<Gap>,
) -> (BTreeMap<GpuId, GpuReading>, bool) {
    let mut gpus = BTreeMap::new();
    let mut is_whole = !answers.dcgm.is_empty();
    for answer in &answers.dcgm {
        match answer {
            Err(gap) => {
                gaps.push(gap.clone());
                is_whole = false;
            }
            Ok(reading) => {
                gaps.extend(reading.gaps.iter().cloned());
                is_whole &= !reading.is_partial;
                for gpu in &reading.gpus {
                    if counted.insert(gpu.id.clone()) {
                        gpus.insert(gpu.id.clone(), gpu.clone());
                    } else {
                        let detail = format!(
                            "another exporter has told of it; it does not count for {}",
                            answers.node
                        );
                        gaps.push(Gap::new(GapKind::SharedGpu, gpu.id.to_string(), detail));
                    }
                }
            }
        }
    }
    (gpus, is_whole)
}

/// Engines that did not answer the round before, by their models, or by their address where they do not answer now
/// either: what they made since is not known.
fn silent_of(answers: &[Result<VllmReading, Gap>], before: &BTreeMap<usize, VllmReading>) -> Vec<String> {
    let silent = answers.iter().enumerate().filter(|(place, _)| !before.contains_key(place));
    let names = |answer: &Result<VllmReading, Gap>| match answer {
        Ok(reading) => reading.models.iter().map(|m| m.model.clone()).collect(),
        Err(gap) => vec![gap.about.clone()],
    };
    silent.flat_map(|(_, answer)| names(answer)).collect()
}

fn engines_of(answers: Vec<Result<VllmReading, Gap>>, gaps: &mut Vec<Gap>) -> BTreeMap<usize, VllmReading> {
    let mut engines = BTreeMap::new();
    for (place, answer) in answers.into_iter().enumerate() {
        match answer {
            Ok(mut reading) => {
                gaps.append(&mut reading.gaps);
                engines.insert(place, reading);
            }
            Err(gap) => gaps.push(gap),
        }
    }
    engines
}

/// What each model made between two rounds: the sum over its engines, each of which must be known. Where one model is not
/// known none is: the cost of the time goes with the tokens of all of them.
fn tokens_of(
    before: &BTreeMap<usize, VllmReading>,
    now: &BTreeMap<usize, VllmReading>,
    covers: bool,
    gaps: &mut Vec<Gap>,
) -> Vec<SeenTokens> {
    let mut tokens: BTreeMap<&str, Option<Tokens>> = BTreeMap::new();
    for (place, then) in before {
        for model in &then.models {
            let step = step_of(then, now.get(place), model, covers);
            let step = step.map_err(|(kind, detail)| gaps.push(Gap::new(kind, &model.model, detail))).ok();
            let sum = tokens.entry(&model.model).or_insert(Some(Tokens::default()));
            *sum = sum.zip(step).map(|(a, b)| a.plus(b));
        }
    }
    let is_whole = tokens.values().all(Option::is_some);
    let of = |(model, tokens): (&str, Option<Tokens>)| SeenTokens {
        model: model.to_owned(),
        tokens: tokens.filter(|_| is_whole),
    };
    tokens.into_iter().map(of).collect()
}

fn step_of(
    then: &VllmReading,
    now: Option<&VllmReading>,
    model: &ModelReading,
    covers: bool,
) -> Result<Tokens, (GapKind, String)> {
    if !covers {
        return Err((GapKind::NotSampled, "its GPUs were not watched all the time".to_owned()));
    }
    let now = now.ok_or_else(|| (GapKind::NoAnswer, "its engine did not answer".to_owned()))?;
    let found = now.models.iter().find(|m| m.model == model.model);
    let found =
        found.ok_or_else(|| (GapKind::Missing, "its engine does not serve it any more".to_owned()))?;
    if let (Some(a), Some(b)) = (then.started_millis, now.started_millis)
        && a != b
    {
        return Err((GapKind::CounterReset, "its engine was started again".to_owned()));
    }
    found.counters.since(&model.counters)
}

/// What the engines say about the load of the node's GPUs.
fn served_of(
    before: &BTreeMap<usize, VllmReading>,
    now: &BTreeMap<usize, VllmReading>,
    tokens: &[SeenTokens],
    is_alone: bool,
) -> Option<Served> {
    if now.is_empty() {
        return None;
    }
    let mut served = Served { is_alone, ..Served::default() };
    let known = !tokens.is_empty() && tokens.iter().all(|t| t.tokens.is_some());
    let total = || tokens.iter().filter_map(|t| t.tokens).fold(0u64, |sum, t| sum.saturating_add(t.total()));
    served.tokens = known.then(total);
    for (place, reading) in now {
        for model in &reading.models {
            let then = before.get(place).and_then(|r| r.models.iter().find(|m| m.model == model.model));
            let waits = |m: &ModelReading| m.waiting.is_some_and(|n| n > 0);
            served.kept_waiting |= waits(model) && then.is_some_and(waits);
            let preempted = |m: &ModelReading| m.counters.preemptions;
            let more = then.and_then(preempted).zip(preempted(model)).map(|(a, b)| b.saturating_sub(a));
            served.preempted += more.unwrap_or(0);
            served.cache_use = served.cache_use.into_iter().chain(model.cache_use).reduce(f64::max);
        }
    }
    Some(served)
}

/// The parts of divided GPUs that no instance has: paid for, and nobody holds them.
fn parts_left(
    gpus: &BTreeMap<GpuId, (GpuReading, GpuState)>,
    since: Timestamp,
    at: Timestamp,
) -> Vec<SeenGpu> {
    let mut taken: BTreeMap<&str, (u32, &GpuReading)> = BTreeMap::new();
    for (id, (gpu, _)) in gpus.iter().filter(|(id, _)| id.instance.is_some()) {
        taken.entry(&id.uuid).or_insert((0, gpu)).0 += gpu.slices;
    }
    let left = taken.into_iter().filter(|(_, (slices, _))| *slices < SLICES);
    left.map(|(uuid, (slices, gpu))| SeenGpu {
        gpu: format!("{uuid}/rest"),
        index: gpu.index.clone(),
        product: gpu.product.clone(),
        slices: SLICES - slices,
        since,
        until: at,
        state: GpuState::Unallocated,
        evidence: vec![Evidence { metric: "GPU_I_PROFILE", value: format!("{slices} of {SLICES} parts") }],
        pods: Vec::new(),
    })
    .collect()
}

fn check_count(
    node: &str,
    accelerators: u32,
    known: &BTreeMap<GpuId, (GpuReading, GpuState)>,
    is_whole: bool,
    gaps: &mut Vec<Gap>,
) {
    let found = known.keys().map(|id| &id.uuid).collect::<BTreeSet<_>>().len();
    let paid = accelerators as usize;
    let detail = || match found {
        1 => format!("1 GPU is reported, and the price is for {paid}"),
        _ => format!("{found} GPUs are reported, and the price is for {paid}"),
    };
    if found > paid {
        gaps.push(Gap::new(GapKind::MoreGpus, node, detail()));
    } else if found < paid && is_whole {
        gaps.push(Gap::new(GapKind::FewerGpus, node, detail()));
    }
}
