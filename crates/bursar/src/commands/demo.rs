//! `bursar demo`: everything on this machine, with a scripted provider and a replay of real request traces.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bursar_console::shown::grouped;
use bursar_scripted::books::{Books, Totals};
use bursar_scripted::replay::{ReplayOptions, ReplayProgress, replay};
use bursar_scripted::{ScriptedProvider, trace};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::{GlobalArgs, program};
use crate::compose;
use crate::config::Config;

/// How to demonstrate.
#[derive(Clone, Debug, Args)]
pub(crate) struct DemoArgs {
    /// Seconds of the traces per second of the clock
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    speed: u32,
    /// End by itself after the replay, instead of serving on until Ctrl-C
    #[arg(long)]
    once: bool,
    /// Replay only the first so many requests
    #[arg(long, value_name = "N")]
    requests: Option<usize>,
    /// Keep the data of earlier demonstrations
    #[arg(long)]
    keep: bool,
}

/// Calls under way at once, at most.
const CONCURRENCY: NonZeroUsize = NonZeroUsize::new(64).expect("not zero");
/// The pause before each frame of a stream, so that streams take their time as real ones do.
const FRAME_DELAY: Duration = Duration::from_millis(15);

/// Demonstrates until the replay is over or Ctrl-C.
pub(crate) fn run(args: &DemoArgs, global: &GlobalArgs) -> anyhow::Result<ExitCode> {
    compose::start_logging(false);
    let provider_at = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut config = demo_config(global)?;
    if !args.keep {
        clear(&config.store.folder)?;
    }
    let runtime = compose::runtime(&config)?;
    runtime.block_on(async {
        let books = Arc::new(Books::totals_only());
        let nonce = u64::from(std::process::id());
        let provider = ScriptedProvider::bind(provider_at, Arc::clone(&books), nonce)
            .await
            .context("the scripted provider cannot listen")?;
        point_to(&mut config, &provider.base_url());
        let serving = tokio::spawn(provider.serve(std::future::pending()));
        let running = compose::start(&config).await?;
        eprint!("{}", greeting(&running.addresses(), &config));
        let replayed = replay_traces(args, running.addresses().gateway).await?;
        eprintln!("{}", summary(&replayed, args));
        if !replayed.interrupted && !args.once {
            eprintln!("Serving on; Ctrl-C ends it.");
            compose::wait_for_a_signal().await.context("cannot listen for signals")?;
        }
        running.store().flush()?;
        let ended = running.stop().await?;
        serving.abort();
        eprintln!("{ended}");
        eprintln!("{}", comparison(&books, &config)?);
        Ok(ExitCode::SUCCESS)
    })
}

/// The demonstration's own configuration: the file is not read, so that it cannot reach a real provider.
fn demo_config(global: &GlobalArgs) -> anyhow::Result<Config> {
    let env = |name: &str| if name.starts_with("BURSAR_") { std::env::var(name).ok() } else { None };
    let mut config = Config::parse(None, "", &env)?;
    config.store.folder = global.folder().unwrap_or_else(|| PathBuf::from("bursar-data/demo"));
    config.store.prices = None;
    Ok(config)
}

/// Sends every provider's calls to the scripted one.
fn point_to(config: &mut Config, base_url: &str) {
    for provider in &mut config.providers {
        provider.base_urls = vec![base_url.to_owned()];
        provider.api_keys.clear();
    }
}

/// Removes what an earlier demonstration left, and nothing else: only a folder that one has made.
fn clear(folder: &std::path::Path) -> anyhow::Result<()> {
    let mark = folder.join(DEMO_MARK);
    if folder.is_dir() {
        anyhow::ensure!(
            mark.is_file(),
            "{} was not made by a demonstration and is left alone; name another folder with --folder, or keep it with --keep",
            folder.display()
        );
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    std::fs::write(mark, "This folder holds the data of bursar demo; the next demonstration replaces it.\n")
        .with_context(|| format!("cannot write in {}", folder.display()))
}

const DEMO_MARK: &str = "DEMO";

/// What came of the replay.
struct Replayed {
    progress: ReplayProgress,
    interrupted: bool,
}

async fn replay_traces(args: &DemoArgs, gateway: SocketAddr) -> anyhow::Result<Replayed> {
    let mut rows = trace::merged(trace::sample()?);
    rows.truncate(args.requests.unwrap_or(usize::MAX));
    let options = ReplayOptions {
        target: gateway,
        speed: args.speed,
        concurrency: CONCURRENCY,
        key: None,
        frame_delay: FRAME_DELAY,
    };
    let bar = progress_bar(rows.len() as u64);
    let (told, interrupted) = tokio::sync::watch::channel(false);
    let stop = async move {
        // Without signals the replay runs to its end.
        if compose::wait_for_a_signal().await.is_ok() {
            let _ = told.send(true);
        } else {
            std::future::pending::<()>().await;
        }
    };
    let progress = replay(&rows, &options, |now| show(&bar, now), stop).await;
    show(&bar, &progress);
    // `finish` would fill the bar of a replay that was interrupted.
    bar.abandon();
    let interrupted = *interrupted.borrow();
    Ok(Replayed { progress, interrupted })
}

fn progress_bar(rows: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:36} {pos}/{len} requests  {msg}");
    let bar = ProgressBar::with_draw_target(Some(rows), ProgressDrawTarget::stderr_with_hz(4));
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn show(bar: &ProgressBar, now: &ReplayProgress) {
    bar.set_position(now.answered + now.failed);
    let minutes = now.trace_time.as_secs() / 60;
    bar.set_message(format!("minute {minutes} of the traces, {} failed", now.failed));
}

fn greeting(at: &compose::Addresses, config: &Config) -> String {
    let folder = config.store.folder.display();
    format!(
        "Bursar {version} demonstration: a scripted provider answers, no key is needed\n\
         gateway      http://{gateway}\n\
         control API  http://{console}\n\
         data folder  {folder}\n\
         \nTry, in another terminal\n\
         \x20 curl http://{gateway}/v1/chat/completions -H 'content-type: application/json' \\\n\
         \x20   -d '{{\"model\":\"gpt-4o-mini\",\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'\n\
         \x20 {bursar} --folder {folder} spend --by team,model --since 1h\n\
         \nReplaying real request traces; Ctrl-C ends it\n",
        version = env!("CARGO_PKG_VERSION"),
        gateway = at.gateway,
        console = at.console,
        bursar = program(),
    )
}

fn summary(replayed: &Replayed, args: &DemoArgs) -> String {
    let ReplayProgress { sent, answered, failed, .. } = replayed.progress;
    let how = if replayed.interrupted { "interrupted" } else { "done" };
    let (sent, answered, failed) = (grouped(sent), grouped(answered), grouped(failed));
    format!("Replay {how} at {}× speed: {sent} sent, {answered} answered, {failed} failed", args.speed)
}

/// The provider's own books beside Bursar's account.
fn comparison(books: &Books, config: &Config) -> anyhow::Result<String> {
    let reader = bursar_store::Reader::open(&config.store.folder)?;
    let account = super::spend::total(&reader)?;
    let folder = config.store.folder.display();
    Ok(format!(
        "The provider's own books: {}\nBursar's account:         {account}\n\
         Look closer: {bursar} --folder {folder} spend --by team,model --since 1h",
        totals(&books.totals()),
        bursar = program()
    ))
}

fn totals(books: &Totals) -> String {
    let cost = bursar_core::Money::from_nanos(books.completed.cost_nanos);
    let cut = match books.cut.calls {
        0 => String::new(),
        calls => format!(", and {} that were cut off", grouped(calls)),
    };
    format!("${cost} for {} completed calls{cut}", grouped(books.completed.calls))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_no_demonstration_made_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("precious"), "x").unwrap();
        let refused = clear(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("left alone"), "{refused}");
        assert!(folder.path().join("precious").exists());
    }

    #[test]
    fn the_providers_books_say_what_was_cut_off() {
        let mut totals = Totals::default();
        totals.completed.calls = 12_411;
        totals.completed.cost_nanos = 31_865_144_170;
        assert_eq!(super::totals(&totals), "$31.86514417 for 12,411 completed calls");
        totals.cut.calls = 2;
        assert!(super::totals(&totals).ends_with("calls, and 2 that were cut off"));
    }

    #[test]
    fn a_demonstrations_own_folder_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("demo");
        clear(&inside).unwrap();
        std::fs::write(inside.join("old"), "x").unwrap();
        clear(&inside).unwrap();
        assert!(!inside.join("old").exists() && inside.join(DEMO_MARK).exists());
    }
}
