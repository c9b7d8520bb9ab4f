//! Reads of the store: on blocking threads, a bounded number at a time.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use bursar_store::Reader;
use tokio::sync::Semaphore;

use crate::problem::Problem;

/// Reads that may run at once. More would only wait for the same disk.
const AT_ONCE: usize = 4;
/// How long a read waits for its turn before it is refused.
const PATIENCE: Duration = Duration::from_secs(5);

/// Access to the store for reading.
#[derive(Clone)]
pub(crate) struct Reads {
    folder: Arc<PathBuf>,
    idle: Arc<Mutex<Vec<Reader>>>,
    turns: Arc<Semaphore>,
}

impl Reads {
    pub(crate) fn new(folder: PathBuf) -> Reads {
        Reads { folder: Arc::new(folder), idle: Arc::default(), turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Runs `read` on a blocking thread when its turn comes. Too long a wait is a problem with status 503.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(busy()) };
        let reads = self.clone();
        let work = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let reader = reads.take()?;
            let answer = read(&reader);
            reads.idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
            answer
        });
        work.await.map_err(|e| Problem::store(format!("the read did not end: {e}")))?
    }

    fn take(&self) -> Result<Reader, Problem> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| Reader::open(&self.folder).map_err(Problem::store), Ok)
    }
}

fn busy() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "Busy",
        format!("{AT_ONCE} reads of the store are running, and none ended within {} s", PATIENCE.as_secs()),
        "try again, or ask for a shorter time range",
    )
}
