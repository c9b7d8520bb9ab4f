//! GPUs of this machine, as NVIDIA's management library (NVML) tells of them, in its own whole numbers.

use super::dcgm::{DcgmReading, Field, GpuId, GpuReading};
use super::gap::{Gap, GapKind};

/// One GPU as the library tells of it. `None` is what it does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostGpu {
    /// The GPU's UUID.
    pub uuid: String,
    /// Its number on the machine.
    pub index: u32,
    /// The product.
    pub product: Option<String>,
    /// Percent of the sample window in which any kernel ran.
    pub util_percent: Option<u32>,
    /// Power draw in milliwatts.
    pub power_milliwatts: Option<u32>,
    /// Energy since the driver was loaded, in millijoules.
    pub energy_millijoules: Option<u64>,
    /// Memory in bytes: in use, free and all.
    pub memory: Option<(u64, u64, u64)>,
    /// What the library did not tell, and why.
    pub failed: Vec<String>,
}

const MIB: u64 = 1 << 20;

/// The GPUs of this machine as a reading, as if an exporter had told of them. The library has no profiling metrics, so
/// that states rest on utilisation, power and memory, and it tells of faults as events only: `faulty` is not seen.
#[must_use]
pub fn reading(gpus: &[HostGpu]) -> DcgmReading {
    let mut reading = DcgmReading::default();
    for gpu in gpus {
        let gap = |why: &String| Gap::new(GapKind::Missing, gpu.uuid.clone(), why.clone());
        reading.gaps.extend(gpu.failed.iter().map(gap));
        reading.gpus.push(one(gpu));
    }
    reading.gpus.sort_by(|a, b| a.id.cmp(&b.id));
    reading
}

#[expect(
    clippy::cast_precision_loss,
    reason = "MiB and millijoules are far below what a float holds exactly"
)]
fn one(gpu: &HostGpu) -> GpuReading {
    let id = GpuId { uuid: gpu.uuid.clone(), instance: None };
    let mut reading = GpuReading::blank(id, gpu.index.to_string(), gpu.product.clone());
    let mut set = |field, value: Option<f64>| reading.set(field, value);
    set(Field::GpuUtil, gpu.util_percent.map(f64::from));
    set(Field::Power, gpu.power_milliwatts.map(|mw| f64::from(mw) / 1e3));
    set(Field::Energy, gpu.energy_millijoules.map(|mj| mj as f64));
    let mib = |bytes: u64| (bytes / MIB) as f64;
    set(Field::FbUsed, gpu.memory.map(|(used, ..)| mib(used)));
    set(Field::FbFree, gpu.memory.map(|(_, free, _)| mib(free)));
    set(Field::FbTotal, gpu.memory.map(|(.., total)| mib(total)));
    reading
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::state::{GpuState, Moment, Thresholds, judge};

    #[test]
    fn a_gpu_that_the_library_tells_of_is_judged_as_one_of_an_exporter() {
        let gpu = |used: u64, util| HostGpu {
            uuid: "GPU-1".to_owned(),
            util_percent: util,
            power_milliwatts: Some(71_200),
            memory: Some((used * MIB, (81_559 - used) * MIB, 81_559 * MIB)),
            failed: vec!["the energy counter: not supported".to_owned()],
            ..HostGpu::default()
        };
        let state = |gpu: HostGpu| {
            let reading = reading(&[gpu]);
            assert_eq!(reading.gaps[0].kind, GapKind::Missing);
            let moment = Moment { gpu: &reading.gpus[0], before: None, elapsed: 0, served: None };
            judge(moment, Thresholds::default()).state
        };
        assert_eq!(state(gpu(73_420, Some(97))), GpuState::Active);
        assert_eq!(state(gpu(73_420, Some(0))), GpuState::ResidentIdle);
        assert_eq!(state(gpu(3, Some(0))), GpuState::Unallocated);
        assert_eq!(state(gpu(3, None)), GpuState::Unknown);
    }
}
