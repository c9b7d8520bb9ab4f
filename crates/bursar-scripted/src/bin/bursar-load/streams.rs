//! `bursar-load streams`.

use std::time::Duration;

use anyhow::bail;
use bursar_scripted::Books;
use bursar_scripted::load::{Resident, ResidentWatch, Streams, StreamsReport};
use serde::Serialize;

use crate::bench::spinner;
use crate::stage::{GatewayArgs, Stage};

/// What `bursar-load streams` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// Streams at once.
    #[arg(long, default_value_t = 512)]
    streams: usize,
    /// Frames of text in each.
    #[arg(long, default_value_t = 100)]
    frames: u64,
    /// Milliseconds before each frame.
    #[arg(long, default_value_t = 50)]
    frame_delay_ms: u64,
    /// After so many seconds, streams that are not complete count as failed.
    #[arg(long, default_value_t = 60)]
    limit: u64,
    /// Fail where the gateway's resident memory was above this, in mebibytes.
    #[arg(long)]
    max_resident_mib: Option<u64>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    streams: StreamsReport,
    gateway_resident: Option<Resident>,
}

/// Runs the streams, prints, and fails unless every one came to its end with the right bytes.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let stage = Stage::set(&args.gateway, Books::totals_only())?;
    let watch = stage.gateway_pid().map(ResidentWatch::begin);
    let progress = spinner(args.json, &format!("{} streams of {} frames", args.streams, args.frames));
    let streams = Streams {
        direct: stage.provider.address,
        gateway: stage.gateway,
        count: args.streams,
        frames: args.frames,
        frame_delay: Duration::from_millis(args.frame_delay_ms),
        key: args.gateway.key.clone(),
        limit: Duration::from_secs(args.limit),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let streams = runtime.block_on(streams.run());
    progress.finish_and_clear();
    let report = Report { streams, gateway_resident: watch.map(ResidentWatch::end) };
    stage.end()?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        let s = &report.streams;
        println!(
            "{} streams at once: {} right to the byte, {} with other bytes, {} failed, in {} ms",
            s.begun, s.right, s.wrong_bytes, s.failed, s.took_ms
        );
        if let Some(resident) = report.gateway_resident {
            println!("gateway's resident memory: at most {} KiB", resident.peak_kib);
        }
    }
    if report.streams.right != report.streams.begun {
        let why = report.streams.first_failure.unwrap_or_else(|| "their bytes differ".to_owned());
        bail!("{} streams were not right: {why}", report.streams.begun - report.streams.right);
    }
    let peak = report.gateway_resident.map_or(0, |r| r.peak_kib);
    if args.max_resident_mib.is_some_and(|most| peak > most * 1024) {
        bail!("the gateway's resident memory was {peak} KiB");
    }
    Ok(())
}
