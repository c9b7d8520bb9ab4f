//! What a run needs: the provider on a thread of its own, and the gateway before it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use bursar_scripted::{Books, ScriptedProvider};
use tokio::sync::oneshot;

use crate::gateway_process::Gateway;

/// Where the gateway of a run comes from.
#[derive(Debug, clap::Args)]
pub(crate) struct GatewayArgs {
    /// The bursar binary to start as the gateway.
    #[arg(long, default_value = "target/release/bursar", value_name = "FILE")]
    gateway: PathBuf,
    /// Measure against a gateway that runs already, at this address; it must have this run's provider.
    #[arg(long, value_name = "IP:PORT", requires = "provider_port")]
    gateway_at: Option<SocketAddr>,
    /// The provider's port; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    provider_port: u16,
    /// The virtual key to send to a gateway that runs already.
    #[arg(long, env = "BURSAR_KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,
    /// Use no gateway: compare the provider with itself, to see what the measurement can tell apart.
    #[arg(long, conflicts_with = "gateway_at")]
    no_gateway: bool,
    /// Keep the gateway's configuration, data and log, and say where they are.
    #[arg(long)]
    keep: bool,
}

/// The provider of a run, on its own thread. It ends with the value.
#[derive(Debug)]
pub(crate) struct ProviderThread {
    pub(crate) address: SocketAddr,
    pub(crate) books: Arc<Books>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A run's provider and gateway.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) provider: ProviderThread,
    pub(crate) gateway: SocketAddr,
    pub(crate) process: Option<Gateway>,
    /// Where the gateway keeps its data. Kept until the run is over.
    _folder: TempFolder,
}

/// A folder under the system's temporary one that is removed with the value, unless it is to be kept.
#[derive(Debug)]
struct TempFolder {
    path: PathBuf,
    keep: bool,
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        if self.keep {
            eprintln!("kept: {}", self.path.display());
            return;
        }
        // A folder that cannot be removed is left for the system to clean.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

impl Stage {
    /// Starts the provider with `books`, and the gateway before it.
    pub(crate) fn set(args: &GatewayArgs, books: Books) -> anyhow::Result<Stage> {
        let mut stage = Stage::set_up(args, books, "")?;
        if let Some(gateway) = &mut stage.process {
            gateway.start()?;
        }
        Ok(stage)
    }

    /// Starts the provider with `books`, and writes the configuration of a gateway before it, with `more` at its end.
    pub(crate) fn set_up(args: &GatewayArgs, books: Books, more: &str) -> anyhow::Result<Stage> {
        let provider = ProviderThread::start(args.provider_port, books)?;
        let folder = std::env::temp_dir().join(format!("bursar-load-{}", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        let folder = TempFolder { path: folder, keep: args.keep };
        let (gateway, process) = match args.gateway_at {
            Some(address) => (address, None),
            None if args.no_gateway => (provider.address, None),
            None => {
                let url = format!("http://{}", provider.address);
                let binary = std::path::absolute(&args.gateway)?;
                let gateway = Gateway::prepare(&binary, &folder.path, &url, more)?;
                (gateway.address(), Some(gateway))
            }
        };
        Ok(Stage { provider, gateway, process, _folder: folder })
    }

    /// Lets the gateway end by itself, where this run started it: it then writes what it writes at its end, such as the
    /// profile of a build that records one.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        self.process.as_mut().map_or(Ok(()), Gateway::stop)
    }

    /// The gateway's process, where this run started it.
    pub(crate) fn gateway_pid(&self) -> Option<u32> {
        self.process.as_ref().and_then(Gateway::pid)
    }
}

impl ProviderThread {
    fn start(port: u16, books: Books) -> anyhow::Result<ProviderThread> {
        let books = Arc::new(books);
        let nonce = SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let provider = runtime
            .block_on(ScriptedProvider::bind(address, Arc::clone(&books), u64::from(nonce)))
            .with_context(|| format!("listen on {address}"))?;
        let address = provider.address();
        let (end, ended) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            runtime.block_on(provider.serve(async {
                // The sender is dropped with the run; either way it is over.
                let _ = ended.await;
            }));
        });
        Ok(ProviderThread { address, books, end: Some(end), thread: Some(thread) })
    }
}

impl Drop for ProviderThread {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed already.
            let _ = thread.join();
        }
    }
}
