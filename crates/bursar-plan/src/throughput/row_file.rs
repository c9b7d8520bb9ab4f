//! Calibrations as a TOML file that people can read, and back.

use bursar_core::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::calibration::{Calibration, Measured};
use super::errors::{Errors, LeftOut, Spread};
use super::identified::{Unidentified, Why};
use super::rows::{Engine, Row};
use super::step_time::{FirstToken, KvTokens, Parameter, StepTime};
use crate::supply::Dated;

/// Why a file of calibrations cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    /// Not TOML, or a field is missing or of another kind.
    #[error("the file of calibrations cannot be read: {0}")]
    Malformed(#[from] toml::de::Error),
    /// The rows cannot be written as TOML.
    #[error("the calibrations cannot be written: {0}")]
    Unwritable(#[from] toml::ser::Error),
    /// A value that no calibration has.
    #[error("calibration {place} ({model}), {field}: {what}")]
    Wrong {
        /// Which calibration, counted from 1.
        place: usize,
        /// Its model.
        model: String,
        /// The field.
        field: &'static str,
        /// What is wrong.
        what: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    calibration: Vec<Written>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    accelerator: String,
    accelerators: u32,
    model: String,
    precision: String,
    software: String,
    parallelism: String,
    source: String,
    as_of: String,
    kv_tokens: Option<u64>,
    fitted_kv_tokens: Option<f64>,
    #[serde(default)]
    unidentified: Vec<(String, String)>,
    step_seconds: StepSeconds,
    first_token_seconds: Option<FirstTokenSeconds>,
    measured: WrittenMeasured,
    errors: Option<WrittenErrors>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepSeconds {
    t0: f64,
    t1: f64,
    t2: f64,
    a: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FirstTokenSeconds {
    base: f64,
    per_request: f64,
    per_input_token: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMeasured {
    points: usize,
    shapes: usize,
    concurrency: (f64, f64),
    input: Option<(f64, f64)>,
    output: Option<(f64, f64)>,
    prefix_hit: Option<(f64, f64)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenErrors {
    left_out: String,
    groups: usize,
    output: WrittenSpread,
    inter_token: Option<WrittenSpread>,
    first_token: Option<WrittenSpread>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSpread {
    points: usize,
    median: f64,
    p90: f64,
    half_width: f64,
}

/// Writes calibrations as TOML. Floats are written so that they read back the same.
pub fn write_rows(rows: &[Row]) -> Result<String, RowError> {
    Ok(toml::to_string(&File { calibration: rows.iter().map(Written::of).collect() })?)
}

/// Reads calibrations from TOML.
pub fn read_rows(text: &str) -> Result<Vec<Row>, RowError> {
    let file: File = toml::from_str(text)?;
    file.calibration.into_iter().enumerate().map(|(at, written)| written.into_row(at + 1)).collect()
}

impl Written {
    fn of(row: &Row) -> Written {
        let Row { engine, dated, calibration } = row;
        let [t0, t1, t2, a] = calibration.step.values();
        let (kv_tokens, fitted_kv_tokens) = match calibration.kv {
            KvTokens::Given(tokens) => (Some(tokens), None),
            KvTokens::Fitted(tokens) => (None, Some(tokens)),
            KvTokens::NotSeen => (None, None),
        };
        let Measured { points, shapes, concurrency, input, output, prefix_hit } = calibration.measured;
        Written {
            accelerator: engine.accelerator.clone(),
            accelerators: engine.accelerators,
            model: engine.model.clone(),
            precision: engine.precision.clone(),
            software: engine.software.clone(),
            parallelism: engine.parallelism.clone(),
            source: dated.source.clone(),
            as_of: day_text(dated.as_of),
            kv_tokens,
            fitted_kv_tokens,
            unidentified: calibration.unidentified.iter().map(unidentified_text).collect(),
            step_seconds: StepSeconds { t0, t1, t2, a },
            first_token_seconds: calibration.first_token.map(|f| FirstTokenSeconds {
                base: f.base,
                per_request: f.per_request,
                per_input_token: f.per_input_token,
            }),
            measured: WrittenMeasured { points, shapes, concurrency, input, output, prefix_hit },
            errors: calibration.errors.map(WrittenErrors::of),
        }
    }

    fn into_row(self, place: usize) -> Result<Row, RowError> {
        let model = self.model.clone();
        let wrong = |field, what: String| RowError::Wrong { place, model: model.clone(), field, what };
        let step = self.step(&wrong)?;
        let first_token = self.first_token(&wrong)?;
        let kv = self.kv(&wrong)?;
        if self.accelerators == 0 {
            return Err(wrong("accelerators", "an engine runs on at least one".to_owned()));
        }
        let as_of = day(&self.as_of)
            .ok_or_else(|| wrong("as_of", format!("{:?} is not a day such as 2026-09-24", self.as_of)))?;
        let errors = self.errors.map(|e| e.into_errors(&wrong)).transpose()?;
        let unidentified = self
            .unidentified
            .iter()
            .map(|(name, why)| {
                unidentified_of(name, why)
                    .ok_or_else(|| wrong("unidentified", format!("{name:?} or {why:?} is not known")))
            })
            .collect::<Result<_, _>>()?;
        let measured = self.measured.into_measured(&wrong)?;
        Ok(Row {
            engine: Engine {
                accelerator: self.accelerator,
                accelerators: self.accelerators,
                model: self.model,
                precision: self.precision,
                software: self.software,
                parallelism: self.parallelism,
            },
            dated: Dated { source: self.source, as_of },
            calibration: Calibration { step, first_token, kv, errors, measured, unidentified },
        })
    }

    fn step(&self, wrong: &impl Fn(&'static str, String) -> RowError) -> Result<StepTime, RowError> {
        let StepSeconds { t0, t1, t2, a } = self.step_seconds;
        let values = [t0, t1, t2, a];
        if values.iter().any(|v| !v.is_finite() || *v < 0.0) || values.iter().all(|v| *v == 0.0) {
            return Err(wrong(
                "step_seconds",
                "t0, t1, t2 and a are zero or above, and not all zero".to_owned(),
            ));
        }
        Ok(StepTime::from_slice(&values))
    }

    fn first_token(
        &self,
        wrong: &impl Fn(&'static str, String) -> RowError,
    ) -> Result<Option<FirstToken>, RowError> {
        let Some(f) = &self.first_token_seconds else { return Ok(None) };
        let FirstTokenSeconds { base, per_request, per_input_token } = *f;
        if [base, per_request, per_input_token].iter().any(|v| !v.is_finite() || *v < 0.0) {
            return Err(wrong("first_token_seconds", "all parts are zero or above".to_owned()));
        }
        Ok(Some(FirstToken { base, per_request, per_input_token }))
    }

    fn kv(&self, wrong: &impl Fn(&'static str, String) -> RowError) -> Result<KvTokens, RowError> {
        match (self.kv_tokens, self.fitted_kv_tokens) {
            (Some(0), None) => Err(wrong("kv_tokens", "an engine keeps at least one token".to_owned())),
            (Some(tokens), None) => Ok(KvTokens::Given(tokens)),
            (None, Some(tokens)) if tokens.is_finite() && tokens >= 1.0 => Ok(KvTokens::Fitted(tokens)),
            (None, Some(tokens)) => {
                Err(wrong("fitted_kv_tokens", format!("{tokens} is no number of tokens")))
            }
            (None, None) => Ok(KvTokens::NotSeen),
            (Some(_), Some(_)) => Err(wrong("kv_tokens", "give it or fitted_kv_tokens, not both".to_owned())),
        }
    }
}

impl WrittenMeasured {
    fn into_measured(self, wrong: &impl Fn(&'static str, String) -> RowError) -> Result<Measured, RowError> {
        let WrittenMeasured { points, shapes, concurrency, input, output, prefix_hit } = self;
        let ranges = [Some(concurrency), input, output, prefix_hit];
        if ranges.iter().flatten().any(|(low, high)| !(*low >= 0.0 && low <= high && high.is_finite())) {
            return Err(wrong("measured", "a range is [low, high], both zero or above".to_owned()));
        }
        Ok(Measured { points, shapes, concurrency, input, output, prefix_hit })
    }
}

impl WrittenErrors {
    fn of(errors: Errors) -> WrittenErrors {
        WrittenErrors {
            left_out: errors.left_out.name().to_owned(),
            groups: errors.groups,
            output: WrittenSpread::of(errors.output),
            inter_token: errors.inter_token.map(WrittenSpread::of),
            first_token: errors.first_token.map(WrittenSpread::of),
        }
    }

    fn into_errors(self, wrong: &impl Fn(&'static str, String) -> RowError) -> Result<Errors, RowError> {
        let left_out = LeftOut::from_name(&self.left_out)
            .ok_or_else(|| wrong("errors.left_out", format!("{:?} is not known", self.left_out)))?;
        let spreads = [Some(self.output), self.inter_token, self.first_token];
        if spreads.iter().flatten().any(|s| !(s.half_width.is_finite() && s.half_width >= 0.0)) {
            return Err(wrong("errors", "a half_width is zero or above".to_owned()));
        }
        Ok(Errors {
            left_out,
            groups: self.groups,
            output: self.output.into_spread(),
            inter_token: self.inter_token.map(WrittenSpread::into_spread),
            first_token: self.first_token.map(WrittenSpread::into_spread),
        })
    }
}

impl WrittenSpread {
    const fn of(spread: Spread) -> WrittenSpread {
        let Spread { points, median, p90, half_width } = spread;
        WrittenSpread { points, median, p90, half_width }
    }

    const fn into_spread(self) -> Spread {
        let WrittenSpread { points, median, p90, half_width } = self;
        Spread { points, median, p90, half_width }
    }
}

const WHYS: [(Why, &str); 5] = [
    (Why::OneConcurrency, "one concurrency"),
    (Why::OneContext, "one context"),
    (Why::NoRequestCounter, "no request counter"),
    (Why::NoInput, "no input"),
    (Why::MovesWithOthers, "moves with others"),
];

fn unidentified_text(one: &Unidentified) -> (String, String) {
    let why = WHYS.iter().find(|(why, _)| *why == one.why).map_or("", |(_, text)| text);
    (one.parameter.name().to_owned(), why.to_owned())
}

fn unidentified_of(name: &str, why: &str) -> Option<Unidentified> {
    let parameter = Parameter::ALL.into_iter().find(|p| p.name() == name)?;
    let (why, _) = WHYS.iter().find(|(_, text)| *text == why)?;
    Some(Unidentified { parameter, why: *why })
}

fn day(text: &str) -> Option<Timestamp> {
    let date: Date = text.parse().ok()?;
    Timestamp::from_date(
        i32::from(date.year()),
        u32::try_from(date.month()).ok()?,
        u32::try_from(date.day()).ok()?,
    )
}

fn day_text(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_microsecond(at.micros()).unwrap_or_default();
    at.to_zoned_datetime(TimeZone::UTC).date().to_string()
}
