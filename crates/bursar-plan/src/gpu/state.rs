//! What a GPU does, judged from what exporters say, each time with the evidence.

use std::fmt;

use super::dcgm::{Field, GpuReading};
use super::gap::{Gap, GapKind};

macro_rules! states {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// What a GPU does while it is paid for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum GpuState { $($(#[$doc])* $variant),+ }

        impl GpuState {
            /// Every state, in the order of statements.
            pub const ALL: &[GpuState] = &[$(GpuState::$variant),+];

            /// The name in the store, the API and reports.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(GpuState::$variant => $name),+ }
            }
        }
    };
}

states! {
    /// Works.
    Active = "active",
    /// Works, and requests wait for it or lose their memory to others.
    Saturated = "saturated",
    /// Holds a model and does nothing.
    ResidentIdle = "resident_idle",
    /// Somebody holds it, and it has no model.
    NoModel = "no_model",
    /// Nobody holds it.
    Unallocated = "unallocated",
    /// Is broken, and billed all the same.
    Faulty = "faulty",
    /// Nobody knows.
    Unknown = "unknown",
}

impl GpuState {
    /// The state of a name, where there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<GpuState> {
        GpuState::ALL.iter().copied().find(|s| s.name() == name)
    }

    /// Whether somebody's work is done.
    #[must_use]
    pub const fn works(self) -> bool {
        matches!(self, GpuState::Active | GpuState::Saturated)
    }

    /// Whether it could work and does not.
    #[must_use]
    pub const fn is_idle(self) -> bool {
        matches!(self, GpuState::ResidentIdle | GpuState::NoModel | GpuState::Unallocated)
    }
}

/// Where one state ends and another begins. `docs/concepts/gpu-cost.md` says why each is what it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// A load below this is idle: share of cycles of the multiprocessors, else of the compute engine's time.
    pub idle_load: f64,
    /// A `DCGM_FI_DEV_GPU_UTIL` of so many percent contradicts an idle load.
    pub lying_util: f64,
    /// Memory in MiB from which on a process holds the GPU, where the exporter knows of no pods.
    pub held_mib: f64,
    /// Memory in MiB from which on there is a model.
    pub model_mib: f64,
    /// A key-value cache so full that requests must wait.
    pub full_cache: f64,
    /// Tensor cores so busy that more work only waits.
    pub full_tensor: f64,
    /// Tokens a second that an idle GPU cannot have made.
    pub busy_tokens: f64,
}

impl Default for Thresholds {
    fn default() -> Thresholds {
        Thresholds {
            idle_load: 0.02,
            lying_util: 50.0,
            held_mib: 256.0,
            model_mib: 2048.0,
            full_cache: 0.95,
            full_tensor: 0.60,
            busy_tokens: 20.0,
        }
    }
}

/// What the engines of a node did since the sample before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Served {
    /// Tokens that went in and came out; `None` where that is not known.
    pub tokens: Option<u64>,
    /// Whether requests waited in both samples.
    pub kept_waiting: bool,
    /// Requests that had to give their memory to another.
    pub preempted: u64,
    /// The share of the fullest key-value cache.
    pub cache_use: Option<f64>,
    /// Whether they run on this GPU for sure: it is the node's only one.
    pub is_alone: bool,
}

/// One GPU at one moment, with what was there before.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// Now.
    pub gpu: &'a GpuReading,
    /// The sample before.
    pub before: Option<&'a GpuReading>,
    /// Microseconds since then; 0 without one.
    pub elapsed: i64,
    /// What the node's engines did meanwhile; `None` where no engine is asked or none answered.
    pub served: Option<Served>,
}

/// A metric and the value by which a state was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The metric.
    pub metric: &'static str,
    /// Its value.
    pub value: String,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.metric, self.value)
    }
}

/// A state with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The state.
    pub state: GpuState,
    /// What it was judged by.
    pub evidence: Vec<Evidence>,
    /// What was not known or not believed.
    pub gaps: Vec<Gap>,
}

/// Faults that an application causes: the GPU itself is sound. NVIDIA's device plugin for Kubernetes goes on with a GPU
/// that reports one of them.
const APPLICATION_FAULTS: &[u32] = &[13, 31, 43, 45, 68, 109];
/// Messages after which the GPU goes on by itself: a row was replaced; many errors that were corrected; an error that
/// was kept to one application.
const PASSING_FAULTS: &[u32] = &[63, 92, 94];

struct Judge<'a> {
    moment: Moment<'a>,
    limits: Thresholds,
    evidence: Vec<Evidence>,
    gaps: Vec<Gap>,
}

/// Judges what a GPU did since the sample before.
#[must_use]
pub fn judge(moment: Moment<'_>, limits: Thresholds) -> Judgement {
    let mut judge = Judge { moment, limits, evidence: Vec::new(), gaps: Vec::new() };
    judge.check_energy();
    let state = judge.state();
    Judgement { state, evidence: judge.evidence, gaps: judge.gaps }
}

impl Judge<'_> {
    /// A value, which becomes evidence.
    fn seen(&mut self, field: Field) -> Option<f64> {
        let value = self.moment.gpu.get(field)?;
        self.evidence.push(Evidence { metric: field.name(), value: value.to_string() });
        Some(value)
    }

    fn gap(&mut self, kind: GapKind, detail: String) {
        self.gaps.push(Gap::new(kind, self.moment.gpu.id.to_string(), detail));
    }

    fn state(&mut self) -> GpuState {
        let works = self.works();
        if self.is_faulty() {
            if works != Some(true) {
                return GpuState::Faulty;
            }
            let detail =
                "a fault is reported while it works; the exporter keeps the last fault until it starts again";
            self.gap(GapKind::StickyFault, detail.to_owned());
        }
        match works {
            None => GpuState::Unknown,
            Some(true) if self.is_saturated() => GpuState::Saturated,
            Some(true) => GpuState::Active,
            Some(false) => self.idle_state(),
        }
    }

    /// Whether it works; `None` where that is not known, or metrics contradict each other.
    fn works(&mut self) -> Option<bool> {
        let load = self.seen(Field::SmActive).or_else(|| self.seen(Field::GrEngineActive));
        let util = self.moment.gpu.get(Field::GpuUtil);
        let works = match (load, util) {
            (Some(load), Some(util)) if load < self.limits.idle_load && util >= self.limits.lying_util => {
                self.disagree(load, Field::GpuUtil.name(), &format!("{util} %"));
                return None;
            }
            (Some(load), _) => load >= self.limits.idle_load,
            (None, Some(_)) => {
                let detail = "only DCGM_FI_DEV_GPU_UTIL tells of activity; switch DCGM_FI_PROF_SM_ACTIVE on";
                self.gap(GapKind::ProfilingOff, detail.to_owned());
                self.seen(Field::GpuUtil)? > 0.0
            }
            (None, None) => {
                self.gap(GapKind::Missing, "no metric tells of activity".to_owned());
                return None;
            }
        };
        let rate = self.moment.served.filter(|s| s.is_alone).and_then(|s| self.tokens_a_second(s));
        if !works && let Some(rate) = rate.filter(|r| *r >= self.limits.busy_tokens) {
            self.disagree(load.unwrap_or_default(), "vLLM's tokens", &format!("{rate:.0} a second"));
            return None;
        }
        Some(works)
    }

    fn disagree(&mut self, load: f64, metric: &'static str, value: &str) {
        let power = self.seen(Field::Power).map_or_else(String::new, |w| format!(" at {w} W"));
        self.evidence.push(Evidence { metric, value: value.to_owned() });
        let detail = format!("the load is {load}{power}, and {metric} says {value}: one of them is wrong");
        self.gap(GapKind::ActivityDisagrees, detail);
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate that is compared with a threshold")]
    fn tokens_a_second(&self, served: Served) -> Option<f64> {
        let tokens = served.tokens? as f64;
        (self.moment.elapsed > 0).then(|| tokens * 1e6 / self.moment.elapsed as f64)
    }

    fn is_faulty(&mut self) -> bool {
        let gpu = self.moment.gpu;
        if gpu.get(Field::RowRemapFailure).is_some_and(|v| v >= 1.0) {
            self.seen(Field::RowRemapFailure);
            return true;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 1000, as it was read"
        )]
        let xid = gpu.get(Field::Xid).map_or(0, |v| v as u32);
        let is_fault = xid > 0 && !APPLICATION_FAULTS.contains(&xid) && !PASSING_FAULTS.contains(&xid);
        if is_fault {
            self.seen(Field::Xid);
        }
        is_fault
    }

    fn is_saturated(&mut self) -> bool {
        let limits = self.limits;
        let mut says = |metric, value: String| self.evidence.push(Evidence { metric, value });
        if let Some(served) = self.moment.served {
            if served.preempted > 0 {
                says("vllm:num_preemptions_total", format!("+{}", served.preempted));
                return true;
            }
            if served.kept_waiting {
                says("vllm:num_requests_waiting", "above 0 in two samples".to_owned());
                return true;
            }
            if let Some(full) = served.cache_use.filter(|share| *share >= limits.full_cache) {
                says("vllm:kv_cache_usage_perc", full.to_string());
                return true;
            }
        }
        let is_full = self.moment.gpu.get(Field::TensorActive).is_some_and(|v| v >= limits.full_tensor);
        if is_full {
            self.seen(Field::TensorActive);
        }
        is_full
    }

    fn idle_state(&mut self) -> GpuState {
        let gpu = self.moment.gpu;
        let has_pod = !gpu.pods.is_empty();
        let Some(used) = self.seen(Field::FbUsed) else {
            if gpu.knows_pods && !has_pod {
                self.evidence.push(Evidence { metric: "pod", value: "none".to_owned() });
                return GpuState::Unallocated;
            }
            self.gap(GapKind::Missing, format!("{} would tell whether it has a model", Field::FbUsed.name()));
            return GpuState::Unknown;
        };
        if used >= self.limits.model_mib {
            return GpuState::ResidentIdle;
        }
        if gpu.knows_pods {
            let value = if has_pod {
                gpu.pods.iter().cloned().collect::<Vec<_>>().join(" ")
            } else {
                "none".to_owned()
            };
            self.evidence.push(Evidence { metric: "pod", value });
        }
        let is_held = has_pod || (!gpu.knows_pods && used >= self.limits.held_mib);
        if is_held { GpuState::NoModel } else { GpuState::Unallocated }
    }

    /// Energy that was used must fit the power that was drawn. Both stay out of every figure; a disagreement says that
    /// the exporter is not to be trusted.
    #[expect(clippy::cast_precision_loss, reason = "watts that are compared with watts")]
    fn check_energy(&mut self) {
        let Some(before) = self.moment.before.filter(|_| self.moment.elapsed > 0) else { return };
        let (Some(then), Some(now)) = (before.get(Field::Energy), self.moment.gpu.get(Field::Energy)) else {
            return;
        };
        if now < then {
            let detail = format!("{} fell from {then} to {now}", Field::Energy.name());
            self.gap(GapKind::CounterReset, detail);
            return;
        }
        let (Some(a), Some(b)) = (before.get(Field::Power), self.moment.gpu.get(Field::Power)) else {
            return;
        };
        // Millijoules over microseconds are kilowatts.
        let watts = (now - then) * 1e3 / self.moment.elapsed as f64;
        let (least, most) = (a.min(b) * 0.5 - 50.0, a.max(b) * 1.5 + 50.0);
        if !(least..=most).contains(&watts) {
            let detail = format!(
                "{} gives {watts:.0} W, and {} is {a} and {b} W",
                Field::Energy.name(),
                Field::Power.name()
            );
            self.gap(GapKind::EnergyDisagrees, detail);
        }
    }
}
