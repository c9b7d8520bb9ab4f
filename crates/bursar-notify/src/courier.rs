//! The courier: takes what is due from the outbox to its channels, and notes what came of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bursar_core::Timestamp;
use bursar_store::{DueDelivery, Outbox, StoreError};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::backoff;
use crate::channel::{Channel, SendError};
use crate::message::Message;

/// The most messages that are taken from the outbox at once.
const AT_ONCE: usize = 64;
/// How long the courier waits for the bell before it looks at the outbox by itself.
const PATIENCE: Duration = Duration::from_secs(1);

/// Rings when the outbox has something new. Clones ring the same bell.
#[derive(Clone, Debug, Default)]
pub struct Bell(Arc<Notify>);

impl Bell {
    /// Has the courier look at the outbox.
    pub fn ring(&self) {
        self.0.notify_one();
    }
}

/// Takes alerts to their channels.
pub struct Courier {
    outbox: Outbox,
    channels: HashMap<String, Arc<Channel>>,
    /// Channels that did not take something lately, and until when they are left alone.
    paused: HashMap<String, Instant>,
    bell: Bell,
    clock: fn() -> Timestamp,
}

/// What came of the messages of one channel.
struct Round {
    channel: String,
    /// How long the channel is left alone, where it did not take something.
    pause: Option<Duration>,
}

impl Courier {
    /// A courier between an outbox and channels.
    #[must_use]
    pub fn new(outbox: Outbox, channels: Vec<Channel>, clock: fn() -> Timestamp) -> Courier {
        let channels = channels.into_iter().map(|c| (c.name().to_owned(), Arc::new(c))).collect();
        Courier { outbox, channels, paused: HashMap::new(), bell: Bell::default(), clock }
    }

    /// The bell that has it look at the outbox.
    #[must_use]
    pub fn bell(&self) -> Bell {
        self.bell.clone()
    }

    /// Runs until it is told to stop; what is under way then ends within its time limit. To be run on a thread of its
    /// own: it waits for the disk.
    pub async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                // A sender that is gone means that the process ends.
                _ = stopped.wait_for(|stop| *stop) => return,
                () = self.bell.0.notified() => {}
                () = tokio::time::sleep(PATIENCE) => {}
            }
            self.deliver().await;
        }
    }

    /// Sends what is due now, until nothing is left that a channel takes.
    pub async fn deliver(&mut self) {
        loop {
            let now = Instant::now();
            self.paused.retain(|_, until| *until > now);
            let paused: Vec<&str> = self.paused.keys().map(String::as_str).collect();
            let due = match self.outbox.due((self.clock)(), &paused, AT_ONCE) {
                Ok(due) => due,
                Err(error) => {
                    tracing::warn!(%error, "the outbox of alerts cannot be read; trying again");
                    return;
                }
            };
            if !self.send(due).await {
                return;
            }
        }
    }

    /// Sends messages, to each channel one after the other and to all channels at the same time; whether any was sent
    /// or given up, so that more may be due.
    async fn send(&mut self, due: Vec<DueDelivery>) -> bool {
        let mut by_channel: HashMap<String, Vec<DueDelivery>> = HashMap::new();
        for delivery in due {
            by_channel.entry(delivery.channel.clone()).or_default().push(delivery);
        }
        let mut rounds = JoinSet::new();
        let mut has_moved = false;
        for (name, deliveries) in by_channel {
            match self.channels.get(&name) {
                Some(channel) => {
                    let (channel, outbox) = (Arc::clone(channel), self.outbox.clone());
                    rounds.spawn(round(channel, outbox, deliveries, self.clock));
                }
                None => has_moved |= self.give_up(&name, &deliveries),
            }
        }
        while let Some(ended) = rounds.join_next().await {
            match ended {
                Ok(Round { channel, pause: Some(pause) }) => {
                    self.paused.insert(channel, Instant::now() + pause);
                }
                Ok(_) => has_moved = true,
                Err(error) => tracing::error!(%error, "sending alerts to a channel ended with a fault"),
            }
        }
        has_moved
    }

    /// A channel that the configuration has no more takes nothing; whether that could be noted.
    fn give_up(&self, name: &str, deliveries: &[DueDelivery]) -> bool {
        let error = "the configuration has no channel of this name any more";
        let now = (self.clock)();
        deliveries.iter().all(|d| {
            count(name, "failed");
            note(&self.outbox.not_sent((&d.alert.id, name), error, None, now))
        })
    }
}

/// Sends messages to one channel in their order. The first that is not taken ends the round: the others would fail in
/// the same way.
async fn round(
    channel: Arc<Channel>,
    outbox: Outbox,
    deliveries: Vec<DueDelivery>,
    clock: fn() -> Timestamp,
) -> Round {
    let name = channel.name().to_owned();
    for delivery in deliveries {
        let message = Message { alert: delivery.alert.clone() };
        let sent = channel.send(&message).await;
        let now = clock();
        match sent {
            Ok(()) => {
                count(&name, "sent");
                if !note(&outbox.sent(&delivery.alert.id, &name, now)) {
                    return Round { channel: name, pause: Some(PATIENCE) };
                }
            }
            Err(error) => {
                let pause = note_failure(&outbox, &delivery, &error, now);
                if !error.is_lasting {
                    return Round { channel: name, pause: Some(pause) };
                }
            }
        }
    }
    Round { channel: name, pause: None }
}

/// Notes that a message was not taken, and says how long to wait.
fn note_failure(outbox: &Outbox, delivery: &DueDelivery, error: &SendError, now: Timestamp) -> Duration {
    let (alert, channel) = (&delivery.alert, delivery.channel.as_str());
    let spread = alert.id.bytes().fold(7u64, |sum, b| sum.wrapping_mul(31).wrapping_add(u64::from(b)));
    let wait = backoff::wait(delivery.attempts + 1, error.retry_after, spread);
    let next = now.plus_micros(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX));
    let latest = alert.at.plus_micros(backoff::GIVE_UP.as_micros() as i64);
    let gives_up = error.is_lasting || next > latest && delivery.attempts > 3;
    let next_try = (!gives_up).then_some(next);
    note(&outbox.not_sent((&alert.id, channel), &error.what, next_try, now));
    count(channel, if gives_up { "failed" } else { "retried" });
    tracing::warn!(
        alert = %alert.id,
        channel,
        attempts = delivery.attempts + 1,
        error = %error.what,
        next_try_s = if gives_up { 0 } else { wait.as_secs() },
        gives_up,
        "a channel did not take an alert"
    );
    wait
}

fn note(result: &Result<(), StoreError>) -> bool {
    if let Err(error) = result {
        tracing::warn!(%error, "what came of an alert cannot be noted; it may be sent again");
    }
    result.is_ok()
}

fn count(channel: &str, outcome: &'static str) {
    metrics::counter!("bursar_alert_deliveries_total", "channel" => channel.to_owned(), "outcome" => outcome)
        .increment(1);
}
