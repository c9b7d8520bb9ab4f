//! `bursar-load provider`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use bursar_scripted::{Books, ScriptedProvider};

/// What `bursar-load provider` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The port to listen on at 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 4010)]
    port: u16,
    /// Append one JSON line per call to this file.
    #[arg(long)]
    books: Option<PathBuf>,
    /// End after so many seconds.
    #[arg(long)]
    seconds: Option<u64>,
    /// Print the address, and the totals at the end, as JSON.
    #[arg(long)]
    json: bool,
}

/// Serves until Ctrl-C or the time is over, then prints the totals.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(args))
}

async fn serve(args: &Args) -> anyhow::Result<()> {
    let books = match &args.books {
        Some(path) => Books::appending_to(path).with_context(|| format!("open {}", path.display()))?,
        None => Books::totals_only(),
    };
    let books = Arc::new(books);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let nonce = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
    let nonce = u64::try_from(nonce & u128::from(u64::MAX))?;
    let provider = ScriptedProvider::bind(address, Arc::clone(&books), nonce)
        .await
        .with_context(|| format!("listen on {address}"))?;
    let url = provider.base_url();
    if args.json {
        println!("{}", serde_json::json!({"listening": url}));
    } else {
        println!("scripted provider listening on {url}; GET {url}/books shows its books, Ctrl-C ends it");
    }
    let seconds = args.seconds.unwrap_or(u64::from(u32::MAX));
    let over = async {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = tokio::time::sleep(std::time::Duration::from_secs(seconds)) => {}
        }
    };
    provider.serve(over).await;
    books.flush().context("write the books")?;
    let totals = books.totals();
    if args.json {
        println!("{}", serde_json::to_string(&totals)?);
    } else {
        println!(
            "completed {} calls for {} nano-dollars, cut off {}, refused {}",
            totals.completed.calls,
            totals.completed.cost_nanos,
            totals.cut.calls,
            totals.refused.values().sum::<u64>()
        );
    }
    Ok(())
}
