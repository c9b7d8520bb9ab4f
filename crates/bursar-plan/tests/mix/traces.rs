//! The hourly demand of production models in `data/demand`.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::GzDecoder;

const HOURLY: &[u8] = include_bytes!("../../data/demand/servegen_hourly.csv.gz");

/// An hour of a model's demand.
#[derive(Clone, Debug, serde::Deserialize)]
pub(crate) struct Hour {
    pub(crate) model: String,
    pub(crate) output_tokens: u64,
    /// The highest mean over ten minutes, in output tokens per second.
    pub(crate) peak10min_output_tps: Option<f64>,
}

impl Hour {
    /// The highest ten minutes as a multiple of the hour's mean.
    pub(crate) fn peak(&self) -> f64 {
        let mean = self.output_tokens as f64 / 3_600.0;
        self.peak10min_output_tps.filter(|_| mean > 0.0).map_or(1.0, |peak| (peak / mean).clamp(1.0, 6.0))
    }
}

/// All hours of each model, by its name.
pub(crate) fn hourly() -> BTreeMap<String, Vec<Hour>> {
    let mut text = String::new();
    GzDecoder::new(HOURLY).read_to_string(&mut text).expect("the trace is gzipped text");
    let mut hours: BTreeMap<String, Vec<Hour>> = BTreeMap::new();
    for hour in csv::Reader::from_reader(text.as_bytes()).deserialize() {
        let hour: Hour = hour.expect("a row of the trace");
        hours.entry(hour.model.clone()).or_default().push(hour);
    }
    hours
}
