//! The GPU cost watch, end to end: exporters on loopback, a server, and the commands beside it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process::{Serving, send, text_of};

/// How long anything may take that a working process does within seconds.
const HANGS: Duration = Duration::from_secs(60);

/// Exporters of a node with two GPUs: the first works, the second holds a model and waits. Each asking of the engine finds
/// more tokens.
fn exporters(asked: Arc<AtomicU64>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut line = String::new();
            let _ = BufReader::new(stream.try_clone().unwrap()).read_line(&mut line);
            let body = if line.starts_with("GET /dcgm") {
                gpu("0", "0.41", "99") + &gpu("1", "0", "0")
            } else {
                let n = asked.fetch_add(1, Ordering::Relaxed);
                engine(1_000 + 4_000 * n, 500 + 1_000 * n, 100 + 1_000 * n)
            };
            let head =
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    place
}

fn gpu(index: &str, load: &str, util: &str) -> String {
    let labels = format!(
        "gpu=\"{index}\",UUID=\"GPU-{index}\",pci_bus_id=\"00000000:0{index}:00.0\",device=\"nvidia{index}\",\
         modelName=\"NVIDIA H100 80GB HBM3\",Hostname=\"h\""
    );
    format!(
        "DCGM_FI_PROF_SM_ACTIVE{{{labels}}} {load}\nDCGM_FI_DEV_GPU_UTIL{{{labels}}} {util}\n\
         DCGM_FI_DEV_FB_USED{{{labels}}} 73420\nDCGM_FI_DEV_XID_ERRORS{{{labels}}} 0\n"
    )
}

fn engine(prompt: u64, cached: u64, output: u64) -> String {
    let labels = "engine=\"0\",model_name=\"house/llama\"";
    format!(
        "process_start_time_seconds 1.7181405583e+09\nvllm:num_requests_running{{{labels}}} 3.0\n\
         vllm:num_requests_waiting{{{labels}}} 0.0\nvllm:kv_cache_usage_perc{{{labels}}} 0.25\n\
         vllm:prompt_tokens_total{{{labels}}} {prompt}.0\nvllm:prefix_cache_hits_total{{{labels}}} {cached}.0\n\
         vllm:generation_tokens_total{{{labels}}} {output}.0\n"
    )
}

struct Place {
    folder: tempfile::TempDir,
    serving: Serving,
}

fn serving(more: &str) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let at = exporters(Arc::default());
    let config = format!(
        "[[provider]]\nname = \"local\"\nkind = \"vllm\"\nbase_url = \"http://{at}\"\n\
         [gpu]\ninterval = \"1s\"\ntimeout = \"1s\"\n{more}\n[[gpu.node]]\nname = \"gpu-1\"\nowner = \"platform\"\n\
         dcgm = [\"http://{at}/dcgm\"]\nvllm = [\"http://{at}/vllm\"]\nusd_per_hour = \"7.20\"\nterm = \"1-year\"\n\
         accelerators = 2\nprovider = \"local\"\n"
    );
    let serving = Serving::start(folder.path(), &config, &[], &["--quiet"]);
    serving.address("gateway");
    Place { folder, serving }
}

/// What a command prints, as JSON.
fn told(folder: &Path, line: &[&str]) -> Value {
    let done = Command::new(env!("CARGO_BIN_EXE_bursar"))
        .args(line)
        .args(["--json", "--config"])
        .arg(folder.join("bursar.toml"))
        .arg("--folder")
        .arg(folder.join("data"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    serde_json::from_str(&text)
        .unwrap_or_else(|e| panic!("{line:?}: {e}: {text}{}", String::from_utf8_lossy(&done.stderr)))
}

impl Place {
    fn told(&self, line: &[&str]) -> Value {
        told(self.folder.path(), line)
    }

    /// Waits until something is so.
    fn until<T>(&self, what: &str, mut found: impl FnMut() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = found() {
                return found;
            }
            assert!(begun.elapsed() < HANGS, "{what}: {}", self.serving.log());
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

fn nanos(amount: &Value) -> i64 {
    amount.as_str().unwrap().parse::<bursar_core::Money>().unwrap().nanos()
}

#[test]
fn exporters_are_asked_the_bill_adds_up_and_the_model_gets_a_price_that_can_be_taken_back() {
    let place = serving("");
    let bill = place.until("tokens are counted", || {
        let bill = place.told(&["gpus", "split", "--since", "1h"])["nodes"][0].clone();
        bill["models"][0]["price"].is_object().then_some(bill)
    });
    let lines: i64 = bill["lines"].as_array().unwrap().iter().map(|l| nanos(&l["amount"])).sum();
    assert_eq!(lines, nanos(&bill["bill"]), "{bill}");
    let payers: Vec<&str> =
        bill["lines"].as_array().unwrap().iter().map(|l| l["payer"].as_str().unwrap()).collect();
    assert!(payers.contains(&"outside") && payers.contains(&"idle"), "{bill}");
    let now = place.told(&["gpus"])["nodes"][0].clone();
    let states: Vec<&str> =
        now["gpus"].as_array().unwrap().iter().map(|g| g["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["active", "resident_idle"]);
    assert_eq!(
        (now["idle_per_hour"].as_str(), now["gaps"].as_array().unwrap().len()),
        (Some("3.60"), 0),
        "{now}"
    );

    let offered = place.told(&["gpus", "price", "--since", "1h"]);
    assert_eq!(
        (offered["written"].as_bool(), offered["offers"][0]["input_now"].clone()),
        (Some(false), Value::Null)
    );
    let file = place.folder.path().join("data/prices/local.measured.toml");
    assert!(!file.exists());
    place.told(&["gpus", "price", "--since", "1h", "--write"]);
    let shown = place.told(&["prices", "show", "local/house/llama"]);
    assert!(shown["rows"][0]["source"].as_str().unwrap().starts_with("measured on gpu-1"), "{shown}");
    let again = place.told(&["gpus", "price", "--since", "1h"]);
    assert!(again["offers"][0]["input_now"].is_string(), "{again}");
    assert_eq!(place.told(&["gpus", "price", "--undo", file.to_str().unwrap()])["left"], 0);
    assert!(!file.exists());
}

#[test]
fn the_api_the_metrics_and_the_outbox_tell_of_gpus_that_idle() {
    let place = serving("idle_after = \"2s\"");
    let console = place.serving.address("console");
    let get = |path: &str| text_of(send(console, &format!("GET {path}"), &[], b""));
    let alerts = place.until("an idle GPU is told", || {
        let alerts = place.told(&["alerts", "list"])["alerts"].as_array().unwrap().clone();
        (!alerts.is_empty()).then_some(alerts)
    });
    assert_eq!(alerts.len(), 1, "each once: {alerts:?}");
    assert_eq!(
        (alerts[0]["rule"].as_str(), alerts[0]["instance"].as_str()),
        (Some("gpu:idle"), Some("gpu-1"))
    );
    let text = alerts[0]["text"].as_str().unwrap();
    assert!(
        text.starts_with("1 of 2 GPUs of node gpu-1 has done nothing") && text.contains("$3.60 an hour"),
        "{text}"
    );
    assert!(get("/api/v1/gpus").contains("\"state\":\"resident_idle\""));
    let metrics = get("/metrics");
    for expected in [
        "bursar_gpu_gpus{node=\"gpu-1\",state=\"active\"} 1",
        "bursar_gpu_cost_nanodollars_total{node=\"gpu-1\",state=\"resident_idle\"}",
        "bursar_gpu_tokens_total{node=\"gpu-1\",model=\"house/llama\",kind=\"output\"}",
    ] {
        assert!(metrics.contains(expected), "{expected} is missing in:\n{metrics}");
    }
}
