//! `bursar-load replay`.

use std::num::NonZeroUsize;
use std::time::Duration;

use bursar_scripted::Books;
use bursar_scripted::replay::{ReplayOptions, ReplayProgress, replay};
use bursar_scripted::trace::{merged, sample};
use indicatif::{ProgressBar, ProgressStyle};

use crate::stage::{GatewayArgs, Stage};

/// What `bursar-load replay` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// Seconds of the traces per second of the clock.
    #[arg(long, default_value_t = 60)]
    speed: u32,
    /// The first so many requests of the four traces together.
    #[arg(long, default_value_t = 44_209)]
    rows: usize,
    /// The most calls under way at once.
    #[arg(long, default_value = "64")]
    concurrency: NonZeroUsize,
    /// Milliseconds before each of a stream's eight frames.
    #[arg(long, default_value_t = 0)]
    frame_delay_ms: u64,
    /// Print the outcome as JSON.
    #[arg(long)]
    json: bool,
}

/// Replays until the end or Ctrl-C, then prints what became of the calls and what the provider booked.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let stage = Stage::set(&args.gateway, Books::totals_only())?;
    let rows: Vec<_> = merged(sample()?).into_iter().take(args.rows).collect();
    let options = ReplayOptions {
        target: stage.gateway,
        speed: args.speed,
        concurrency: args.concurrency,
        key: args.gateway.key.clone(),
        frame_delay: Duration::from_millis(args.frame_delay_ms),
    };
    let bar = if args.json { ProgressBar::hidden() } else { ProgressBar::new(rows.len() as u64) };
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec} {elapsed} {msg}") {
        bar.set_style(style);
    }
    let show = |progress: &ReplayProgress| {
        bar.set_position(progress.answered + progress.failed);
        bar.set_message(format!("behind by {} ms", progress.behind.as_millis()));
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let end = runtime.block_on(async {
        let stop = async {
            // Without a handler for Ctrl-C the replay goes on to its end.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        replay(&rows, &options, show, stop).await
    });
    bar.finish_and_clear();
    let totals = stage.provider.books.totals();
    if args.json {
        let calls = serde_json::json!({"sent": end.sent, "answered": end.answered, "failed": end.failed});
        println!("{}", serde_json::json!({"calls": calls, "provider": totals}));
    } else {
        println!(
            "sent {} of {}, answered {}, failed {}; the provider booked {} nano-dollars for {} calls",
            end.sent,
            end.total,
            end.answered,
            end.failed,
            totals.completed.cost_nanos,
            totals.completed.calls
        );
    }
    Ok(())
}
