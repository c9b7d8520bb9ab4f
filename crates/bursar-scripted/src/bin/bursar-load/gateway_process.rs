//! The gateway as a process of its own, started and ended by this one.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

const START_LIMIT: Duration = Duration::from_secs(20);
const STOP_LIMIT: Duration = Duration::from_secs(40);

/// How to run the gateway.
#[derive(Debug)]
pub(crate) struct Gateway {
    binary: PathBuf,
    config: PathBuf,
    folder: PathBuf,
    address: SocketAddr,
    console: SocketAddr,
    child: Option<Child>,
}

impl Gateway {
    /// Writes a configuration into `folder` whose only provider is the one at `provider`, in three dialects, with
    /// `more` at its end.
    pub(crate) fn prepare(
        binary: &Path,
        folder: &Path,
        provider: &str,
        more: &str,
    ) -> anyhow::Result<Gateway> {
        if !binary.exists() {
            bail!(
                "there is no gateway at {}; build it with: cargo build --release -p bursar",
                binary.display()
            );
        }
        let (address, console) = free_addresses()?;
        let data = folder.join("data");
        let mut text = format!(
            "[gateway]\nlisten = \"{address}\"\n[console]\nlisten = \"{console}\"\n[store]\nfolder = {:?}\n",
            data.display().to_string()
        );
        for kind in ["openai", "anthropic", "gemini"] {
            write!(
                text,
                "[[provider]]\nname = \"{kind}\"\nkind = \"{kind}\"\nbase_url = \"{provider}\"\nretries = 0\n\
                 api_keys = [\"env:BURSAR_LOAD_CREDENTIAL\"]\nconnect_timeout = \"2s\"\n\
                 first_byte_timeout = \"10s\"\nidle_timeout = \"10s\"\n"
            )?;
        }
        text.push_str(more);
        let config = folder.join("bursar.toml");
        std::fs::write(&config, text).with_context(|| format!("write {}", config.display()))?;
        let folder = folder.to_owned();
        Ok(Gateway { binary: binary.to_owned(), config, folder, address, console, child: None })
    }

    /// Where the gateway listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the control API listens.
    pub(crate) fn console(&self) -> SocketAddr {
        self.console
    }

    /// The process, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Starts the process and waits until it accepts connections.
    pub(crate) fn start(&mut self) -> anyhow::Result<()> {
        let log = self.folder.join("gateway.log");
        let log_file = std::fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let child = self
            .command()
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(log_file.try_clone()?)
            .stderr(log_file)
            .spawn()
            .with_context(|| format!("start {}", self.binary.display()))?;
        let child = self.child.insert(child);
        let begun = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = child.try_wait()? {
                bail!("the gateway ended with {status}; its log is {}", log.display());
            }
            if begun.elapsed() > START_LIMIT {
                bail!("the gateway does not listen on {}; its log is {}", self.address, log.display());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Ends the process without a warning (SIGKILL).
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().context("kill the gateway")?;
            child.wait().context("wait for the killed gateway")?;
        }
        Ok(())
    }

    /// Asks the process to end (SIGTERM) and waits until it has.
    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let pid = pid.context("the gateway has no process id")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)
            .context("ask the gateway to end")?;
        let begun = Instant::now();
        while child.try_wait()?.is_none() {
            if begun.elapsed() > STOP_LIMIT {
                child.kill()?;
                bail!("the gateway did not end within {} s of SIGTERM", STOP_LIMIT.as_secs());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// The binary with this gateway's configuration, for its other commands.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("--config").arg(&self.config).current_dir(&self.folder);
        // The scripted provider takes any.
        command.env("BURSAR_LOAD_CREDENTIAL", "sk-scripted");
        command
    }
}

impl Drop for Gateway {
    /// Leaves no process behind.
    fn drop(&mut self) {
        // Nothing can be done about an error here, and the process is then gone or not ours.
        let _ = self.kill();
    }
}

/// Two addresses that are free at this moment.
fn free_addresses() -> anyhow::Result<(SocketAddr, SocketAddr)> {
    let gateway = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let console = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok((gateway.local_addr()?, console.local_addr()?))
}
