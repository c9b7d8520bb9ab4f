//! The GPUs of this machine, asked through NVIDIA's management library. It is loaded when it is asked, so that the same
//! program runs where there is none.

use bursar_plan::gpu::dcgm::DcgmReading;

/// The GPUs of this machine; the text says why they cannot be told.
#[cfg(not(feature = "nvml"))]
pub(crate) fn read() -> Result<DcgmReading, String> {
    Err("this Bursar is built without NVML; build it with --features nvml, or name a DCGM exporter in dcgm"
        .to_owned())
}

/// The GPUs of this machine; the text says why they cannot be told.
#[cfg(feature = "nvml")]
pub(crate) fn read() -> Result<DcgmReading, String> {
    library::gpus().map(|gpus| bursar_plan::gpu::host::reading(&gpus))
}

#[cfg(feature = "nvml")]
mod library {
    use bursar_plan::gpu::host::HostGpu;
    use nvml_wrapper::error::NvmlError;
    use nvml_wrapper::{Device, Nvml};

    pub(super) fn gpus() -> Result<Vec<HostGpu>, String> {
        let nvml = Nvml::init().map_err(|e| unusable(&e))?;
        let count = nvml.device_count().map_err(|e| unusable(&e))?;
        (0..count)
            .map(|i| nvml.device_by_index(i).and_then(|d| gpu(&d, i)).map_err(|e| unusable(&e)))
            .collect()
    }

    /// Why the library is of no use here, and what to do.
    fn unusable(error: &NvmlError) -> String {
        match error {
            NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound => {
                "NVIDIA's library (libnvidia-ml.so.1) is not on this machine: it has no NVIDIA driver; take nvml out, \
                 or name a DCGM exporter in dcgm"
                    .to_owned()
            }
            NvmlError::DriverNotLoaded => {
                "NVIDIA's driver is installed and not loaded; load it, and see nvidia-smi".to_owned()
            }
            NvmlError::NoPermission => "NVIDIA's library lets this user see no GPU; check the device files".to_owned(),
            other => format!("NVIDIA's library does not answer: {other}"),
        }
    }

    /// A GPU without a UUID cannot be told apart; everything else may be missing.
    fn gpu(device: &Device<'_>, index: u32) -> Result<HostGpu, NvmlError> {
        let mut failed = Vec::new();
        let uuid = device.uuid()?;
        let product = told(&mut failed, "the product's name", device.name());
        let util_percent = told(&mut failed, "the utilisation", device.utilization_rates()).map(|u| u.gpu);
        let power_milliwatts = told(&mut failed, "the power draw", device.power_usage());
        let energy_millijoules = told(&mut failed, "the energy counter", device.total_energy_consumption());
        let memory = told(&mut failed, "the memory", device.memory_info()).map(|m| (m.used, m.free, m.total));
        Ok(HostGpu {
            uuid,
            index,
            product,
            util_percent,
            power_milliwatts,
            energy_millijoules,
            memory,
            failed,
        })
    }

    fn told<T>(failed: &mut Vec<String>, what: &str, asked: Result<T, NvmlError>) -> Option<T> {
        asked.map_err(|e| failed.push(format!("{what}: {e}"))).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_an_nvidia_driver_is_told_so_in_a_sentence_that_says_what_to_do() {
        // Where there is a GPU, it is told of instead.
        match read() {
            Ok(reading) => assert!(reading.gpus.iter().all(|g| !g.id.uuid.is_empty())),
            Err(why) => assert!(why.contains("dcgm") || why.contains("nvidia-smi"), "{why}"),
        }
    }
}
