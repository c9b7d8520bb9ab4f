//! What DCGM-exporter says about each GPU.

use std::collections::{BTreeMap, BTreeSet};

use bursar_core::Timestamp;

use super::exposition::{Exposition, Sample};
use super::gap::{Gap, GapKind};

/// Parts that NVIDIA divides a GPU into: a MIG profile such as `2g.20gb` has two of them.
pub const SLICES: u32 = 7;
/// A value that the exporter says was so longer ago is stale, in microseconds.
const STALE: i64 = 300_000_000;
/// No more GPUs are read from one exporter.
const MOST_GPUS: usize = 256;

macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $least:literal ..= $most:literal),+ $(,)?) => {
        /// A metric of a GPU that states are judged by.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Field { $($(#[$doc])* $variant),+ }

        impl Field {
            /// Every metric that is read.
            pub const ALL: &[Field] = &[$(Field::$variant),+];

            /// The metric's name in the exposition.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Field::$variant => $name),+ }
            }

            /// What the value can be.
            fn range(self) -> (f64, f64) {
                match self { $(Field::$variant => ($least, $most)),+ }
            }
        }
    };
}

fields! {
    /// Percent of the sample window in which any kernel ran: says that the GPU lives, not how busy it is.
    GpuUtil = "DCGM_FI_DEV_GPU_UTIL", 0.0..=100.0,
    /// Share of time in which the graphics or compute engine was busy.
    GrEngineActive = "DCGM_FI_PROF_GR_ENGINE_ACTIVE", 0.0..=1.01,
    /// Share of cycles in which a multiprocessor had work: the real load. Must be switched on in the exporter.
    SmActive = "DCGM_FI_PROF_SM_ACTIVE", 0.0..=1.01,
    /// Share of cycles of the tensor cores: prefill and batch work.
    TensorActive = "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", 0.0..=1.01,
    /// Share of cycles of the memory interface: decode.
    DramActive = "DCGM_FI_PROF_DRAM_ACTIVE", 0.0..=1.01,
    /// Power draw in watts.
    Power = "DCGM_FI_DEV_POWER_USAGE", 0.0..=5000.0,
    /// Energy since the driver was loaded, in millijoules.
    Energy = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", 0.0..=9e15,
    /// Memory in use in MiB. An engine takes its share at its start, so that this is residence and not load.
    FbUsed = "DCGM_FI_DEV_FB_USED", 0.0..=1e7,
    /// Memory that is free in MiB.
    FbFree = "DCGM_FI_DEV_FB_FREE", 0.0..=1e7,
    /// Memory that the driver keeps for itself, in MiB.
    FbReserved = "DCGM_FI_DEV_FB_RESERVED", 0.0..=1e7,
    /// All memory in MiB.
    FbTotal = "DCGM_FI_DEV_FB_TOTAL", 0.0..=1e7,
    /// The number of the last fault that the driver told. It stays until the exporter starts again.
    Xid = "DCGM_FI_DEV_XID_ERRORS", 0.0..=1000.0,
    /// 1 where a broken row of the memory could not be replaced.
    RowRemapFailure = "DCGM_FI_DEV_ROW_REMAP_FAILURE", 0.0..=1.0,
}

/// What a GPU, or a MIG instance of it, is known by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GpuId {
    /// The GPU's UUID.
    pub uuid: String,
    /// The MIG instance's number.
    pub instance: Option<String>,
}

impl std::fmt::Display for GpuId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.instance {
            Some(instance) => write!(f, "{}/{instance}", self.uuid),
            None => f.write_str(&self.uuid),
        }
    }
}

/// One GPU or MIG instance at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct GpuReading {
    /// What it is known by.
    pub id: GpuId,
    /// Its number on the node.
    pub index: String,
    /// The product, such as `NVIDIA H100 80GB HBM3`.
    pub product: Option<String>,
    /// How many of [`SLICES`] it has.
    pub slices: u32,
    /// Whether the exporter knows of pods at all; outside of Kubernetes it does not.
    pub knows_pods: bool,
    /// The pods that hold it, as `namespace/pod`.
    pub pods: BTreeSet<String>,
    values: BTreeMap<Field, f64>,
}

impl GpuReading {
    /// A whole GPU of which nothing is known yet.
    pub(super) fn blank(id: GpuId, index: String, product: Option<String>) -> GpuReading {
        let (pods, values) = (BTreeSet::new(), BTreeMap::new());
        GpuReading { id, index, product, slices: SLICES, knows_pods: false, pods, values }
    }

    /// Sets a metric, unless its value cannot be so.
    pub(super) fn set(&mut self, field: Field, value: Option<f64>) {
        let (least, most) = field.range();
        if let Some(value) = value.filter(|v| (least..=most).contains(v)) {
            self.values.insert(field, value);
        }
    }

    /// A metric's value, where it is there and can be believed.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<f64> {
        self.values.get(&field).copied()
    }
}

/// What an exporter says about the GPUs of a node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DcgmReading {
    /// The GPUs, ordered by what they are known by.
    pub gpus: Vec<GpuReading>,
    /// Whether GPUs may be missing in it: the answer was cut, or is no exposition. That one is not there says nothing then.
    pub is_partial: bool,
    /// What cannot be told from the answer.
    pub gaps: Vec<Gap>,
}

/// Gaps of an answer that are not about one GPU.
pub(super) fn answer_gaps(exposition: &Exposition<'_>, about: &str) -> Vec<Gap> {
    let mut gaps = Vec::new();
    if let Some(cut) = exposition.cut {
        gaps.push(Gap::new(GapKind::Cut, about, cut.to_string()));
    }
    if let Some((line, why)) = exposition.unread.first() {
        let detail = match exposition.unread_count {
            1 => format!("line {line} is not read: it {why}"),
            count => format!("{count} lines are not read; the first, line {line}, {why}"),
        };
        gaps.push(Gap::new(GapKind::UnreadLines, about, detail));
    }
    let differing = exposition.repeated.iter().filter(|r| !r.agree);
    gaps.extend(differing.map(|r| {
        let detail = format!("{} has two values, in lines {} and {}", r.name, r.lines.0, r.lines.1);
        Gap::new(GapKind::Contradiction, about, detail)
    }));
    gaps
}

/// DCGM's values for "blank", "not found", "not supported" and "not permitted", in its three kinds of numbers.
fn is_blank(value: f64) -> bool {
    const INT32: f64 = 2_147_483_632.0;
    const FP64: f64 = 140_737_488_355_328.0;
    const INT64: f64 = 9_223_372_036_854_775_000.0;
    let among = |first: f64| (first..=first + 3.0).contains(&value);
    among(INT32) || among(FP64) || value >= INT64
}

impl DcgmReading {
    /// Reads what an exporter answered at a moment.
    #[must_use]
    pub fn of(exposition: &Exposition<'_>, exporter: &str, at: Timestamp) -> DcgmReading {
        let mut reading = DcgmReading { gaps: answer_gaps(exposition, exporter), ..DcgmReading::default() };
        let mut gpus: BTreeMap<GpuId, (GpuReading, BTreeSet<Field>)> = BTreeMap::new();
        for sample in &exposition.samples {
            let Some(id) = id_of(sample).filter(|_| sample.name.starts_with("DCGM_FI_")) else { continue };
            if gpus.len() == MOST_GPUS && !gpus.contains_key(&id) {
                continue;
            }
            let (gpu, disputed) =
                gpus.entry(id).or_insert_with_key(|id| (blank_gpu(id, sample), BTreeSet::new()));
            note_pod(gpu, sample);
            if let Some(&field) = Field::ALL.iter().find(|f| f.name() == sample.name) {
                take(gpu, disputed, field, sample, at, &mut reading.gaps);
            }
        }
        reading.gpus = gpus.into_values().map(|(gpu, _)| gpu).collect();
        let is_empty = reading.gpus.is_empty();
        if is_empty {
            let detail = "no DCGM_FI_ metric has a UUID; is this the /metrics of a DCGM-exporter?";
            reading.gaps.push(Gap::new(GapKind::Missing, exporter, detail));
        }
        reading.is_partial = exposition.cut.is_some() || (is_empty && exposition.unread_count > 0);
        reading.check_memory();
        reading
    }

    fn check_memory(&mut self) {
        for gpu in &mut self.gpus {
            let (Some(used), Some(total)) = (gpu.get(Field::FbUsed), gpu.get(Field::FbTotal)) else {
                continue;
            };
            if used > total {
                let detail = format!("{} is {used} MiB of {total}", Field::FbUsed.name());
                self.gaps.push(Gap::new(GapKind::MemoryOverTotal, gpu.id.to_string(), detail));
                gpu.values.remove(&Field::FbUsed);
            }
        }
    }
}

fn id_of(sample: &Sample<'_>) -> Option<GpuId> {
    let uuid = sample.label("UUID").or_else(|| sample.label("uuid")).filter(|u| !u.is_empty())?;
    let instance = sample.label("GPU_I_ID").filter(|i| !i.is_empty());
    Some(GpuId { uuid: uuid.to_owned(), instance: instance.map(str::to_owned) })
}

fn blank_gpu(id: &GpuId, sample: &Sample<'_>) -> GpuReading {
    let text = |name: &str| sample.label(name).filter(|v| !v.is_empty()).map(str::to_owned);
    let profile = text("GPU_I_PROFILE");
    let slices = profile.as_deref().and_then(|p| p.split_once('g')).and_then(|(n, _)| n.parse().ok());
    let slices = slices.filter(|n| (1..=SLICES).contains(n)).unwrap_or(SLICES);
    GpuReading { slices, ..GpuReading::blank(id.clone(), text("gpu").unwrap_or_default(), text("modelName")) }
}

fn note_pod(gpu: &mut GpuReading, sample: &Sample<'_>) {
    let Some(pod) = sample.label("pod").or_else(|| sample.label("exported_pod")) else { return };
    gpu.knows_pods = true;
    if !pod.is_empty() && gpu.pods.len() < 64 {
        let namespace = sample.label("namespace").or_else(|| sample.label("exported_namespace"));
        gpu.pods.insert(format!("{}/{pod}", namespace.unwrap_or_default()));
    }
}

/// Takes a value, unless it cannot be so. Pods that share a GPU repeat its values; where they differ none counts.
fn take(
    gpu: &mut GpuReading,
    disputed: &mut BTreeSet<Field>,
    field: Field,
    sample: &Sample<'_>,
    at: Timestamp,
    gaps: &mut Vec<Gap>,
) {
    let mut gap = |kind, detail: String| gaps.push(Gap::new(kind, gpu.id.to_string(), detail));
    let (name, value) = (field.name(), sample.value);
    let (least, most) = field.range();
    let age = sample.at_millis.map(|then| at.micros().saturating_sub(then.saturating_mul(1_000)));
    if is_blank(value) {
        gap(GapKind::Blank, format!("{name} is {value:e}, DCGM's word for a value that it does not have"));
    } else if !(least..=most).contains(&value) {
        gap(GapKind::OutOfRange, format!("{name} is {value}; it can be {least} to {most}"));
    } else if age.is_some_and(|age| age > STALE) {
        gap(GapKind::Stale, format!("{name} is {} s old", age.unwrap_or_default() / 1_000_000));
    } else if disputed.contains(&field) {
    } else if gpu.values.get(&field).is_some_and(|v| *v != value) {
        gap(GapKind::Contradiction, format!("{name} is {} and {value}", gpu.values[&field]));
        gpu.values.remove(&field);
        disputed.insert(field);
    } else {
        gpu.values.insert(field, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> DcgmReading {
        DcgmReading::of(&Exposition::read(text.as_bytes()), "e", Timestamp::from_seconds(1_000))
    }

    fn kinds(reading: &DcgmReading) -> Vec<GapKind> {
        reading.gaps.iter().map(|g| g.kind).collect()
    }

    #[test]
    fn a_blank_an_impossible_and_a_stale_value_are_gaps_and_no_values() {
        let reading = read(
            "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"G\"} 9223372036854775794\n\
             DCGM_FI_DEV_POWER_USAGE{gpu=\"0\",UUID=\"G\"} 140737488355330.000000\n\
             DCGM_FI_DEV_XID_ERRORS{gpu=\"0\",UUID=\"G\"} 2147483632\n\
             DCGM_FI_PROF_SM_ACTIVE{gpu=\"0\",UUID=\"G\"} 97\n\
             DCGM_FI_PROF_DRAM_ACTIVE{gpu=\"0\",UUID=\"G\"} NaN\n\
             DCGM_FI_DEV_FB_FREE{gpu=\"0\",UUID=\"G\"} 5 600000\n\
             DCGM_FI_DEV_FB_USED{gpu=\"0\",UUID=\"G\"} 7 999000\n",
        );
        use GapKind::{Blank, OutOfRange, Stale};
        assert_eq!(kinds(&reading), [Blank, Blank, Blank, OutOfRange, OutOfRange, Stale]);
        let known: Vec<Field> =
            Field::ALL.iter().copied().filter(|f| reading.gpus[0].get(*f).is_some()).collect();
        assert_eq!(known, [Field::FbUsed]);
    }

    #[test]
    fn an_answer_of_something_else_and_one_that_breaks_off_do_not_tell_of_all_gpus() {
        let page = read("<html>\n<body>Sign in</body>\n</html>\n");
        assert_eq!((kinds(&page), page.is_partial), (vec![GapKind::UnreadLines, GapKind::Missing], true));
        let cut = read("DCGM_FI_DEV_GPU_UTIL{UUID=\"G\"} 97\nDCGM_FI_DEV_FB_USED{UUID=\"G\"} 734");
        assert_eq!((kinds(&cut), cut.is_partial), (vec![GapKind::Cut], true));
        assert_eq!(cut.gpus[0].get(Field::FbUsed), None);
        let none = read("");
        assert_eq!((kinds(&none), none.is_partial), (vec![GapKind::Missing], false));
    }

    #[test]
    fn more_memory_in_use_than_there_is_is_a_gap_and_no_value() {
        let reading = read(
            "DCGM_FI_DEV_FB_USED{gpu=\"0\",UUID=\"G\"} 90000\nDCGM_FI_DEV_FB_TOTAL{gpu=\"0\",UUID=\"G\"} 81559\n",
        );
        assert_eq!(kinds(&reading), [GapKind::MemoryOverTotal]);
        assert_eq!(reading.gpus[0].get(Field::FbUsed), None);
    }

    #[test]
    fn pods_that_share_a_gpu_are_both_its_pods_and_a_value_that_differs_between_them_is_none() {
        let line = |pod: &str, value: u32| {
            format!("DCGM_FI_DEV_FB_USED{{gpu=\"0\",UUID=\"G\",pod=\"{pod}\",namespace=\"n\"}} {value}\n")
        };
        let same = read(&(line("a", 5) + &line("b", 5)));
        assert_eq!(same.gpus[0].pods.iter().collect::<Vec<_>>(), ["n/a", "n/b"]);
        assert_eq!((same.gpus[0].get(Field::FbUsed), same.gaps.len()), (Some(5.0), 0));
        let differing = read(&(line("a", 5) + &line("b", 6) + &line("c", 6)));
        assert_eq!(differing.gpus[0].get(Field::FbUsed), None);
        assert_eq!(kinds(&differing), [GapKind::Contradiction]);
    }

    #[test]
    fn instances_of_a_divided_gpu_stand_apart_with_their_part_of_it() {
        let line = |id: &str, profile: &str| {
            format!(
                "DCGM_FI_DEV_FB_USED{{gpu=\"0\",UUID=\"G\",device=\"nvidia0\",modelName=\"NVIDIA A100\",\
                 GPU_I_PROFILE=\"{profile}\",GPU_I_ID=\"{id}\",Hostname=\"h\"}} 1\n"
            )
        };
        let reading = read(&(line("3", "2g.20gb") + &line("5", "4g.40gb") + &line("9", "odd")));
        let gpus: Vec<(String, u32)> = reading.gpus.iter().map(|g| (g.id.to_string(), g.slices)).collect();
        assert_eq!(gpus, [("G/3".to_owned(), 2), ("G/5".to_owned(), 4), ("G/9".to_owned(), 7)]);
    }
}
