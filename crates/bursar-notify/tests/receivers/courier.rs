//! The way from the outbox to receivers: retries, order, a channel that is down, a process that starts again.

use std::time::{Duration, Instant};

use bursar_core::Timestamp;
use bursar_notify::{Channel, ChannelKind, Courier, Secret};
use bursar_store::{Alert, AlertQuery, DeliveryState, NewAlert, Outbox, Reader, Store, StoreOptions};

use super::http_receiver::HttpReceiver;
use super::{alert, config};

struct Place {
    folder: tempfile::TempDir,
    _store: Store,
    outbox: Outbox,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions { folder: folder.path().to_owned(), ..StoreOptions::default() };
    let (store, _) = Store::open(options).unwrap();
    let outbox = store.outbox();
    Place { folder, _store: store, outbox }
}

impl Place {
    fn courier(&self, receivers: &[(&str, &HttpReceiver)]) -> Courier {
        let channels = receivers.iter().map(|(name, receiver)| {
            let kind = ChannelKind::Webhook { url: Secret::new(receiver.url()), secret: None };
            Channel::new(&config(name, kind)).unwrap()
        });
        Courier::new(self.outbox.clone(), channels.collect(), now)
    }

    /// Adds alerts of so many incidents to channels.
    fn add(&self, count: u32, channels: &[&str]) {
        let told = |n: u32| {
            let (incident, id) = Alert::names(&format!("incident {n}"), false);
            let alert = Alert { id, incident, episode: n, at: now(), ..alert(None) };
            NewAlert { channels: channels.iter().map(|c| ((*c).to_owned(), alert.at)).collect(), alert }
        };
        let all: Vec<NewAlert> = (0..count).map(told).collect();
        self.outbox.add(&all).unwrap();
    }

    fn states(&self, channel: &str) -> Vec<DeliveryState> {
        let query = AlertQuery { limit: usize::MAX, ..AlertQuery::default() };
        let alerts = Reader::open(self.folder.path()).unwrap().alerts(&query).unwrap();
        let of_channel = alerts.iter().flat_map(|a| &a.deliveries).filter(|d| d.channel == channel);
        of_channel.map(|d| d.state).collect()
    }
}

fn now() -> Timestamp {
    Timestamp::from_micros(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros() as i64)
}

#[tokio::test]
async fn a_channel_that_is_down_is_tried_again_later_and_holds_up_no_other() {
    let place = place();
    let (good, bad) = (HttpReceiver::start(&[]).await, HttpReceiver::start(&["503 Down"; 9]).await);
    place.add(100, &["good", "bad"]);
    let began = Instant::now();
    place.courier(&[("good", &good), ("bad", &bad)]).deliver().await;
    assert_eq!((good.calls().len(), bad.calls().len()), (100, 1));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(place.states("good").iter().all(|s| *s == DeliveryState::Sent));
    assert!(place.states("bad").iter().all(|s| *s == DeliveryState::Waiting));
}

#[tokio::test]
async fn a_courier_that_starts_again_sends_what_waits_and_repeats_nothing() {
    let place = place();
    let receiver = HttpReceiver::start(&["503 Down"]).await;
    place.add(3, &["chat"]);
    place.courier(&[("chat", &receiver)]).deliver().await;
    assert_eq!(receiver.calls().len(), 1);
    // The one that failed waits for its time; the others are due.
    place.courier(&[("chat", &receiver)]).deliver().await;
    place.courier(&[("chat", &receiver)]).deliver().await;
    let mut keys: Vec<_> =
        receiver.calls().iter().map(|c| c.header("idempotency-key").unwrap().to_owned()).collect();
    assert_eq!(keys.len(), 3);
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 3);
}

#[tokio::test]
async fn what_is_refused_for_good_is_given_up_and_the_next_is_sent() {
    let place = place();
    let receiver = HttpReceiver::start(&["422 No"]).await;
    place.add(2, &["chat"]);
    place.courier(&[("chat", &receiver)]).deliver().await;
    let mut states = place.states("chat");
    states.sort_unstable_by_key(|s| s.name());
    assert_eq!(states, [DeliveryState::Failed, DeliveryState::Sent]);
}

#[tokio::test]
async fn a_channel_that_is_configured_no_more_gives_its_messages_up() {
    let place = place();
    place.add(2, &["gone"]);
    place.courier(&[]).deliver().await;
    assert_eq!(place.states("gone"), [DeliveryState::Failed; 2]);
}

#[tokio::test]
async fn the_bell_has_an_alert_sent_at_once_and_stopping_ends_the_courier() {
    let place = place();
    let receiver = HttpReceiver::start(&[]).await;
    let courier = place.courier(&[("chat", &receiver)]);
    let bell = courier.bell();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let running = tokio::spawn(courier.run(stopped));
    place.add(1, &["chat"]);
    bell.ring();
    let began = Instant::now();
    while receiver.calls().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.send(true).unwrap();
    running.await.unwrap();
    assert_eq!(place.states("chat"), [DeliveryState::Sent]);
}
