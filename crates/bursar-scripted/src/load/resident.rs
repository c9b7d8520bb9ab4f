//! The memory of another process, from `/proc`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::Serialize;

/// Resident memory in kibibytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Resident {
    /// The most that was seen while watching.
    pub peak_kib: u64,
    /// The last that was seen.
    pub last_kib: u64,
}

/// Watches a process from a thread of its own, ten times a second.
#[derive(Debug)]
pub struct ResidentWatch {
    over: Arc<AtomicBool>,
    peak: Arc<AtomicU64>,
    last: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl ResidentWatch {
    /// Begins to watch. Where the process cannot be read, the figures stay 0.
    #[must_use]
    pub fn begin(pid: u32) -> ResidentWatch {
        let (over, peak, last) = <(Arc<AtomicBool>, Arc<AtomicU64>, Arc<AtomicU64>)>::default();
        let theirs = (Arc::clone(&over), Arc::clone(&peak), Arc::clone(&last));
        let thread = thread::spawn(move || {
            let (over, peak, last) = theirs;
            while !over.load(Ordering::Relaxed) {
                if let Some(now) = resident_kib(pid) {
                    last.store(now, Ordering::Relaxed);
                    peak.fetch_max(now, Ordering::Relaxed);
                }
                thread::sleep(Duration::from_millis(100));
            }
        });
        ResidentWatch { over, peak, last, thread: Some(thread) }
    }

    /// Ends watching.
    #[must_use]
    pub fn end(mut self) -> Resident {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the watcher leaves the figures as they were.
            let _ = thread.join();
        }
        Resident { peak_kib: self.peak.load(Ordering::Relaxed), last_kib: self.last.load(Ordering::Relaxed) }
    }
}

fn resident_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_sees_its_own_memory() {
        let watch = ResidentWatch::begin(std::process::id());
        thread::sleep(Duration::from_millis(50));
        let seen = watch.end();
        assert!(seen.last_kib > 100 && seen.peak_kib >= seen.last_kib, "{seen:?}");
    }
}
