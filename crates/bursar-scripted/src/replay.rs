//! Replays real request traces through a base URL: the arrival times and sizes are the trace's, the text and the
//! teams are made up.

use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::client::Client;
use crate::sample_call::{Kind, SampleCall};
use crate::trace::{Trace, TraceRow};
use crate::words;

/// How to replay.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// Where to send the calls.
    pub target: SocketAddr,
    /// Seconds of the trace per second of the clock; at least 1.
    pub speed: u32,
    /// The most calls under way at once. Where the target is slower than the trace, the replay falls behind.
    pub concurrency: NonZeroUsize,
    /// The key to send; the target needs none where it runs in open mode.
    pub key: Option<String>,
    /// How long the provider waits before each of the eight frames that a stream has.
    pub frame_delay: Duration,
}

/// How far a replay has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayProgress {
    /// Rows in all.
    pub total: u64,
    /// Calls sent.
    pub sent: u64,
    /// Calls answered with a status below 400.
    pub answered: u64,
    /// Calls answered with an error status, or not at all.
    pub failed: u64,
    /// Time of the trace that has been reached.
    pub trace_time: Duration,
    /// How far the replay is behind its schedule.
    pub behind: Duration,
}

/// A team of the made-up company, and the work that it does.
struct Desk {
    trace: Trace,
    team: &'static str,
    app: &'static str,
    workflow: &'static str,
    kind: Kind,
    model: &'static str,
    streams: bool,
}

const fn desk(
    trace: Trace,
    (team, app, workflow): (&'static str, &'static str, &'static str),
    (kind, model, streams): (Kind, &'static str, bool),
) -> Desk {
    Desk { trace, team, app, workflow, kind, model, streams }
}

const DESKS: &[Desk] = &[
    desk(
        Trace::AzureConversation,
        ("support", "helpdesk", "answer"),
        (Kind::OpenAiChat, "gpt-4o-mini", true),
    ),
    desk(
        Trace::AzureConversation,
        ("support", "helpdesk", "triage"),
        (Kind::OpenAiChat, "gpt-4o-mini", false),
    ),
    desk(
        Trace::AzureConversation,
        ("sales", "outreach", "draft"),
        (Kind::AnthropicMessages, "claude-haiku-4-5", true),
    ),
    desk(
        Trace::AzureCode,
        ("engineering", "ide", "complete"),
        (Kind::AnthropicMessages, "claude-sonnet-4-5", true),
    ),
    desk(Trace::AzureCode, ("engineering", "ci", "review"), (Kind::OpenAiChat, "gpt-5", false)),
    desk(
        Trace::MooncakeConversation,
        ("research", "assistant", "chat"),
        (Kind::Gemini, "gemini-2.5-flash", true),
    ),
    desk(
        Trace::MooncakeConversation,
        ("legal", "contracts", "summarise"),
        (Kind::OpenAiChat, "gpt-5-mini", true),
    ),
    desk(
        Trace::MooncakeSynthetic,
        ("research", "agents", "long-context"),
        (Kind::Gemini, "gemini-2.5-flash", false),
    ),
];

/// The call that stands for a row: its team, model and dialect follow from the row's trace and number.
#[must_use]
pub fn call_for(row: &TraceRow, number: u64, frame_delay: Duration) -> SampleCall {
    let desks: Vec<&Desk> = DESKS.iter().filter(|d| d.trace == row.trace).collect();
    let draw = words::mix(0x0b5e, number);
    let desk = desks[usize::try_from(draw % desks.len() as u64).unwrap_or(0)];
    let mut script = format!(
        "input-tokens={};output-tokens={};chunks=8;tag=replay-{number}",
        row.input_tokens.max(1),
        row.output_tokens.max(1)
    );
    if row.cached_tokens() > 0 {
        script.push_str(&format!(";cached={}", row.cached_tokens()));
    }
    if desk.streams && !frame_delay.is_zero() {
        script.push_str(&format!(";chunk-delay-ms={}", frame_delay.as_millis()));
    }
    SampleCall {
        kind: desk.kind,
        model: desk.model,
        stream: desk.streams,
        prompt_words: row.input_tokens.clamp(1, 64),
        max_tokens: None,
        seed: number,
        script,
        headers: vec![
            ("x-bursar-team", desk.team.to_owned()),
            ("x-bursar-app", desk.app.to_owned()),
            ("x-bursar-workflow", desk.workflow.to_owned()),
            ("x-bursar-environment", "production".to_owned()),
            ("x-bursar-consumer", format!("customer-{:03}", draw / 7 % 200)),
        ],
    }
}

/// How long calls under way may take to end after a stop; the longest stream of a replay takes a fraction of it.
const LONGEST_END: Duration = Duration::from_secs(3);

/// Sends the rows in order, each at its time divided by the speed, and calls `progress` about ten times a second.
/// Ends when all are answered. After `stop` nothing more is sent, and calls under way have [`LONGEST_END`] to end.
pub async fn replay(
    rows: &[TraceRow],
    options: &ReplayOptions,
    mut progress: impl FnMut(&ReplayProgress),
    stop: impl Future<Output = ()>,
) -> ReplayProgress {
    let client = Arc::new(Client::new(options.target));
    let room = Arc::new(Semaphore::new(options.concurrency.get()));
    let mut calls: JoinSet<bool> = JoinSet::new();
    let mut state = ReplayProgress { total: rows.len() as u64, ..ReplayProgress::default() };
    let (begun, mut told) = (Instant::now(), Instant::now());
    tokio::pin!(stop);
    for (number, row) in (0u64..).zip(rows) {
        let due = begun + row.at / options.speed.max(1);
        let ready = async {
            tokio::time::sleep_until(due).await;
            Arc::clone(&room).acquire_owned().await
        };
        let permit = tokio::select! {
            biased;
            () = &mut stop => return ended(calls, state).await,
            permit = ready => permit,
        };
        let Ok(permit) = permit else { break };
        let call = call_for(row, number, options.frame_delay);
        let bytes = call.bytes(&client.host(), options.key.as_deref());
        let client = Arc::clone(&client);
        calls.spawn(async move {
            let answered = client.call(&bytes).await.is_ok_and(|reply| reply.status < 400);
            drop(permit);
            answered
        });
        (state.sent, state.trace_time, state.behind) = (number + 1, row.at, due.elapsed());
        collect(&mut calls, &mut state);
        if told.elapsed() >= Duration::from_millis(100) {
            told = Instant::now();
            progress(&state);
        }
    }
    loop {
        tokio::select! {
            biased;
            () = &mut stop => return ended(calls, state).await,
            next = calls.join_next() => match next {
                Some(ended) => count(&mut state, ended.unwrap_or(false)),
                None => break,
            },
        }
    }
    progress(&state);
    state
}

/// Waits for calls under way, and drops those that take too long.
async fn ended(mut calls: JoinSet<bool>, mut state: ReplayProgress) -> ReplayProgress {
    let waiting = async {
        while let Some(ended) = calls.join_next().await {
            count(&mut state, ended.unwrap_or(false));
        }
    };
    // Those that are dropped are neither answered nor failed.
    let _ = tokio::time::timeout(LONGEST_END, waiting).await;
    state
}

/// Counts the calls that have ended meanwhile.
fn collect(calls: &mut JoinSet<bool>, state: &mut ReplayProgress) {
    while let Some(ended) = calls.try_join_next() {
        count(state, ended.unwrap_or(false));
    }
}

fn count(state: &mut ReplayProgress, answered: bool) {
    if answered { state.answered += 1 } else { state.failed += 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trace_has_a_desk_and_a_row_keeps_its_sizes() {
        for trace in Trace::ALL {
            let row = TraceRow {
                trace,
                at: Duration::ZERO,
                input_tokens: 1_600,
                output_tokens: 20,
                prefix_blocks: Some(3),
            };
            let call = call_for(&row, 7, Duration::ZERO);
            assert!(call.script.starts_with("input-tokens=1600;output-tokens=20;"), "{}", call.script);
            assert!(call.script.ends_with(";cached=1536"), "{}", call.script);
        }
    }
}
