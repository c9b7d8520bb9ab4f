//! A calibration for a terminal: what was fitted, how far it is off, and what the measurements cannot tell.

use std::fmt::Write as _;

use super::figures::{grouped, percent};
use crate::throughput::{KvTokens, Row, Spread};

/// A calibration in lines.
#[must_use]
pub fn calibrated_text(row: &Row) -> String {
    let (engine, calibration) = (&row.engine, &row.calibration);
    let mut out = format!(
        "{} {} on {} × {}, {}, {}\n",
        engine.model,
        engine.precision,
        engine.accelerators,
        engine.accelerator,
        engine.software,
        engine.parallelism
    );
    let step = calibration.step;
    let micro = |seconds: f64| format!("{:.3} µs", seconds * 1e6);
    let _ = writeln!(
        out,
        "  a step: {:.3} ms, and {} for each request, {} for each token of its context; {} to compute an input token",
        step.fixed * 1e3,
        micro(step.per_sequence),
        micro(step.per_context_token),
        micro(step.per_input_token)
    );
    let memory = match calibration.kv {
        KvTokens::Given(tokens) => format!("{} tokens of context, as told", grouped(i128::from(tokens))),
        KvTokens::Fitted(tokens) => {
            format!("{} tokens of context, fitted where throughput stopped to grow", grouped(tokens as i128))
        }
        KvTokens::NotSeen => "not seen: nothing is said above the largest measured concurrency".to_owned(),
    };
    let _ = writeln!(out, "  memory: {memory}");
    let measured = &calibration.measured;
    let _ = writeln!(
        out,
        "  measured: {} points, {} shapes, {:.0} to {:.0} requests at once",
        measured.points, measured.shapes, measured.concurrency.0, measured.concurrency.1
    );
    match &calibration.errors {
        None => out.push_str("  errors are not known: too few measurements to leave any out\n"),
        Some(errors) => {
            let spread =
                |s: Spread| format!("median {}, 90th percentile {}", percent(s.median), percent(s.p90));
            let _ = writeln!(
                out,
                "  off by, with a {} left out at a time: output tokens/s {}",
                errors.left_out.name(),
                spread(errors.output)
            );
            let first = errors.first_token.map_or_else(|| "not measured".to_owned(), spread);
            let _ = writeln!(out, "  time to the first token: {first}");
        }
    }
    for one in &calibration.unidentified {
        let _ = writeln!(out, "  {one}");
    }
    out
}
