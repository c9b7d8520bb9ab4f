//! `bursar serve` as a process of its own, and both ends of the connections to it.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take that a working process does at once.
const HANGS: Duration = Duration::from_secs(60);

/// A running `bursar serve`; it ends with the test.
pub(crate) struct Serving {
    child: Child,
    folder: PathBuf,
}

impl Serving {
    /// Starts with this configuration and these variables; what it logs goes to `serve.log` in the folder.
    pub(crate) fn start(
        folder: &Path,
        config: &str,
        variables: &[(&str, &str)],
        arguments: &[&str],
    ) -> Serving {
        let file = folder.join("bursar.toml");
        let fixed = "[gateway]\nlisten = \"127.0.0.1:0\"\nthreads = 1\n[console]\nlisten = \"127.0.0.1:0\"\n";
        std::fs::write(&file, format!("{fixed}{config}")).unwrap();
        let log = std::fs::File::create(folder.join("serve.log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_bursar"))
            .arg("serve")
            .args(arguments)
            .arg("--config")
            .arg(&file)
            .arg("--folder")
            .arg(folder.join("data"))
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Serving { child, folder: folder.to_owned() }
    }

    /// Where a listener answers, once it does.
    pub(crate) fn address(&self, listener: &str) -> SocketAddr {
        let begun = Instant::now();
        loop {
            let text = std::fs::read_to_string(self.folder.join("data/listen.json")).unwrap_or_default();
            if let Ok(places) = serde_json::from_str::<HashMap<String, SocketAddr>>(&text) {
                return places[listener];
            }
            assert!(begun.elapsed() < HANGS, "it does not listen: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("serve.log")).unwrap_or_default()
    }

    /// The most memory that was ever resident, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).expect("Linux says it");
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        let id = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    }

    /// Waits until it has ended.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < HANGS, "it does not end: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A provider's listener, with its base URL.
pub(crate) fn provider() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// The next connection to a provider, after the whole request over it.
pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(HANGS)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
    stream
}

/// Sends a request.
pub(crate) fn send(at: SocketAddr, line: &str, headers: &[&str], body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(HANGS)).unwrap();
    let mut head = format!("{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    for header in headers.iter().copied().chain([format!("content-length: {}", body.len()).as_str()]) {
        head.push_str(header);
        head.push_str("\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    stream
}

/// Reads an answer to its end and throws it away; how many bytes it had.
pub(crate) fn length_of(mut answer: impl std::io::Read) -> u64 {
    std::io::copy(&mut answer, &mut std::io::sink()).unwrap()
}

/// Reads an answer to its end.
pub(crate) fn text_of(mut answer: impl std::io::Read) -> String {
    let mut bytes = Vec::new();
    answer.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}
