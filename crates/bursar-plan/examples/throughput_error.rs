//! How far the throughput model is off on prompt shapes that it did not see, on the measurements that come with Bursar:
//! `cargo run --release -p bursar-plan --example throughput_error`. With `-- --rows` it writes the calibrations as they
//! stand in `data/throughput/fitted.toml`.

use std::error::Error;

use bursar_core::Timestamp;
use bursar_plan::supply::Dated;
use bursar_plan::throughput::{
    Calibration, Coverage, Engine, Errors, Measurement, Row, Shape, Slo, Spread, built_in_measurements,
    write_rows,
};

/// What was measured in each file, as its source says.
const RUNS: [(&str, u64, &str); 2] = [
    ("fp8", 430_272, "20260924T225750Z_h100-80gbx1_qwen3-8b_fp8"),
    ("bf16", 377_024, "20260924T125045Z_h100-80gbx1_qwen3-8b_bf16"),
];

/// The limits under which the source searched for the most users.
const SLO: Slo = Slo { ttft_p99: Some(2.0), itl_median: Some(0.05), tpot_mean: None };

fn main() -> Result<(), Box<dyn Error>> {
    let files = built_in_measurements().map_err(|e| format!("{e:?}"))?;
    if std::env::args().any(|a| a == "--rows") {
        let rows: Vec<Row> = files.iter().zip(RUNS).map(|(m, run)| row(m, run)).collect::<Result<_, _>>()?;
        print!("{}", write_rows(&rows)?);
        return Ok(());
    }
    println!(
        "Each prompt shape predicted from the others; |predicted ÷ measured − 1|; 90 % intervals from nested folds."
    );
    println!("| run | memory | quantity | points | median | p90 | inside the interval |");
    println!("|---|---|---|---|---|---|---|");
    for (measurements, (precision, kv, _)) in files.iter().zip(RUNS) {
        errors(precision, "as the engine said", measurements, Some(kv))?;
        errors(precision, "fitted", measurements, None)?;
    }
    println!(
        "\nMost users within TTFT p99 ≤ 2 s and median ITL ≤ 50 ms, each shape predicted from the others:"
    );
    println!(
        "| run | input | output | users measured | predicted | tokens/s measured | predicted | interval |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (measurements, (precision, kv, _)) in files.iter().zip(RUNS) {
        capacities(precision, measurements, kv)?;
    }
    Ok(())
}

fn errors(
    run: &str,
    memory: &str,
    measurements: &[Measurement],
    kv: Option<u64>,
) -> Result<(), Box<dyn Error>> {
    let calibration = Calibration::of(measurements, kv)?;
    let Errors { output, inter_token, first_token, .. } = calibration.errors.ok_or("too few shapes")?;
    let coverage = Coverage::of(measurements, kv).ok_or("too few shapes")?;
    let memory = calibration.kv.tokens().map_or(memory.to_owned(), |t| format!("{t:.0} tokens, {memory}"));
    let line = |quantity: &str, spread: Spread, inside: usize, of: usize| {
        println!(
            "| {run} | {memory} | {quantity} | {} | {:.1} % | {:.1} % | {inside} of {of}, {:.1} % |",
            spread.points,
            spread.median * 100.0,
            spread.p90 * 100.0,
            inside as f64 * 100.0 / of as f64,
        );
    };
    line("output tokens/s", output, coverage.output_inside, coverage.points);
    if let Some(spread) = inter_token {
        line("median ITL", spread, coverage.inter_token_inside, coverage.inter_token_points);
    }
    if let Some(spread) = first_token {
        line("TTFT p99", spread, coverage.first_token_inside, coverage.first_token_points);
    }
    Ok(())
}

/// The largest measured load within the limits beside what the other shapes predict.
fn capacities(run: &str, measurements: &[Measurement], kv: u64) -> Result<(), Box<dyn Error>> {
    let mut shapes: Vec<Shape> = Vec::new();
    for measurement in measurements {
        if !shapes.contains(&measurement.shape) {
            shapes.push(measurement.shape);
        }
    }
    for shape in shapes {
        let (own, others): (Vec<Measurement>, Vec<Measurement>) =
            measurements.iter().partition(|m| m.shape == shape);
        let within = |m: &&Measurement| {
            m.first_token.is_some_and(|t| t <= 2.0) && m.inter_token.is_some_and(|t| t <= 0.05)
        };
        let best = own.iter().filter(within).max_by(|a, b| a.concurrency.total_cmp(&b.concurrency));
        let best = best.ok_or("nothing within the limits")?;
        let predicted = Calibration::of(&others, Some(kv))?.capacity(shape, &SLO)?;
        println!(
            "| {run} | {} | {} | {} | {} | {:.0} | {:.0} | {:.0} to {:.0} |",
            shape.input(),
            shape.output(),
            best.concurrency,
            predicted.concurrency,
            best.output_per_second,
            predicted.output_per_second.mid,
            predicted.output_per_second.low(),
            predicted.output_per_second.high(),
        );
    }
    Ok(())
}

fn row(measurements: &[Measurement], run: (&str, u64, &str)) -> Result<Row, Box<dyn Error>> {
    let (precision, kv, id) = run;
    Ok(Row {
        engine: Engine {
            accelerator: "NVIDIA H100-SXM-80GB".to_owned(),
            accelerators: 1,
            model: "Qwen/Qwen3-8B".to_owned(),
            precision: precision.to_owned(),
            software: "vLLM 0.30.0".to_owned(),
            parallelism: "TP 1".to_owned(),
        },
        dated: Dated {
            source: format!("tgarg01/silybench-data@93e48873 run {id} (CC BY 4.0)"),
            as_of: Timestamp::from_date(2026, 9, 24).ok_or("no such day")?,
        },
        calibration: Calibration::of(measurements, Some(kv))?,
    })
}
