//! Many streams at once: do all complete, with the right bytes?

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::client::{CallError, Client};
use crate::sample_call::{Kind, SampleCall};

/// What to do.
#[derive(Clone, Debug)]
pub struct Streams {
    /// The provider.
    pub direct: SocketAddr,
    /// The gateway.
    pub gateway: SocketAddr,
    /// Streams at once.
    pub count: usize,
    /// Frames of text in each stream.
    pub frames: u64,
    /// How long the provider waits before each frame.
    pub frame_delay: Duration,
    /// The key for the gateway, where it wants one.
    pub key: Option<String>,
    /// After so long the streams that are not complete count as failed.
    pub limit: Duration,
}

/// What came out.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StreamsReport {
    /// Streams begun.
    pub begun: usize,
    /// Streams that came to their end with exactly the provider's bytes.
    pub right: usize,
    /// Streams that came to their end with other bytes.
    pub wrong_bytes: usize,
    /// Streams that did not come to their end.
    pub failed: usize,
    /// Why the first of the failed ones did not.
    pub first_failure: Option<String>,
    /// How long it took until the last had ended, in milliseconds.
    pub took_ms: u64,
}

/// How one stream ended.
enum Ended {
    Right,
    WrongBytes,
    Failed(String),
}

impl Streams {
    /// Runs: every stream is first read straight from the provider, without its pauses, then all together through
    /// the gateway.
    pub async fn run(&self) -> StreamsReport {
        let direct = Client::new(self.direct);
        let gateway = Arc::new(Client::new(self.gateway));
        let start = Arc::new(Barrier::new(self.count));
        let mut streams = JoinSet::new();
        let mut report = StreamsReport { begun: self.count, ..StreamsReport::default() };
        for number in 0..self.count as u64 {
            let expected = direct.call(&self.call(number, false).bytes(&direct.host(), None)).await;
            let request = self.call(number, true).bytes(&gateway.host(), self.key.as_deref());
            let (gateway, start) = (Arc::clone(&gateway), Arc::clone(&start));
            streams.spawn(async move {
                start.wait().await;
                ended(expected.map(|r| r.body), gateway.call(&request).await.map(|r| r.body))
            });
        }
        let begun = Instant::now();
        let all = async {
            while let Some(ended) = streams.join_next().await {
                match ended {
                    Ok(Ended::Right) => report.right += 1,
                    Ok(Ended::WrongBytes) => report.wrong_bytes += 1,
                    Ok(Ended::Failed(why)) => {
                        report.first_failure.get_or_insert(why);
                    }
                    Err(error) => {
                        report.first_failure.get_or_insert(error.to_string());
                    }
                }
            }
        };
        if tokio::time::timeout(self.limit, all).await.is_err() {
            report.first_failure.get_or_insert_with(|| "the time limit ran out".to_owned());
        }
        report.failed = report.begun - report.right - report.wrong_bytes;
        report.took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        report
    }

    /// The same stream each time: its id, seed and length are told.
    fn call(&self, number: u64, slow: bool) -> SampleCall {
        let mut script = format!("id=chatcmpl-stream-{number};seed={number};output-tokens={}", self.frames);
        if slow {
            script.push_str(&format!(";chunk-delay-ms={}", self.frame_delay.as_millis()));
        }
        let (kind, model, seed) = (Kind::OpenAiChat, "gpt-4o-mini", number);
        SampleCall {
            kind,
            model,
            stream: true,
            prompt_words: 12,
            max_tokens: None,
            seed,
            script,
            headers: Vec::new(),
        }
    }
}

fn ended(expected: Result<Vec<u8>, CallError>, seen: Result<Vec<u8>, CallError>) -> Ended {
    match (expected, seen) {
        (Ok(expected), Ok(seen)) if expected == seen => Ended::Right,
        (Ok(_), Ok(_)) => Ended::WrongBytes,
        (Err(error), _) => Ended::Failed(format!("straight from the provider: {error}")),
        (_, Err(error)) => Ended::Failed(error.to_string()),
    }
}
