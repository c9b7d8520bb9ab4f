//! Shutting down: running answers end, new connections are not taken, and what takes too long is cut off.

use std::time::Duration;

use bursar_core::{EndOfStream, Meter, Provenance};
use bursar_store::Reader;

use crate::provider::{Exchange, Provider};
use crate::rig::{CHAT_PATH, CHAT_STREAM, Rig, Setup, quantity, three_providers};
use crate::wire::{Piece, Wire, plain, post};

const EVENT: &str = "data: {\"model\":\"gpt-4o-mini\",\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}\n\n";

async fn streaming(drain: Duration) -> (Rig, Wire, Exchange) {
    let provider = Provider::bind().await;
    let rig = Setup::of(three_providers(&provider.base_url())).limits(|l| l.drain = drain).start().await;
    let mut wire = rig.connect().await;
    wire.send(post(CHAT_PATH, &[], CHAT_STREAM)).await;
    let mut exchange = provider.request().await;
    exchange.begin_events().await;
    exchange.chunk(EVENT).await;
    assert_eq!(wire.text_begun().await, EVENT);
    (rig, wire, exchange)
}

#[tokio::test]
async fn a_running_stream_ends_and_idle_connections_do_not_hold_the_end_up() {
    let (rig, mut wire, mut exchange) = streaming(Duration::from_secs(60)).await;
    let address = rig.address;
    let mut unused = rig.connect().await;
    let mut half = rig.connect().await;
    half.send("POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n").await;
    let mut kept = rig.connect().await;
    assert_eq!(kept.call(plain("GET", "/v1/nothing", &[])).await.status(), 404);
    let (serving, store, gateway, _folder) = rig.shut_down();
    assert!(unused.is_closed().await && kept.is_closed().await && half.is_closed().await);
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nothing listens any more");
    assert_eq!(gateway.in_flight(), 1);
    exchange.chunk(EVENT).await;
    assert_eq!(wire.text_until("\n\n").await, EVENT);
    exchange.end_chunks().await;
    assert_eq!(wire.piece().await, Piece::End);
    assert!(wire.is_closed().await);
    let summary = serving.await.unwrap();
    assert_eq!((summary.cut_off, summary.connections), (0, 4));
    store.flush().unwrap();
    let records = Reader::open(store.folder()).unwrap().usage(&Default::default()).unwrap();
    assert_eq!((records.len(), records[0].end), (1, EndOfStream::Complete));
}

#[tokio::test]
async fn a_stream_that_outlasts_the_drain_is_cut_off_and_booked_as_such() {
    let (rig, mut wire, exchange) = streaming(Duration::from_millis(50)).await;
    let (serving, store, gateway, _folder) = rig.shut_down();
    let summary = serving.await.unwrap();
    assert_eq!(summary.cut_off, 1);
    assert_eq!(gateway.in_flight(), 0);
    assert_eq!(wire.piece().await, Piece::Broken);
    exchange.closed().await;
    store.flush().unwrap();
    let records = Reader::open(store.folder()).unwrap().usage(&Default::default()).unwrap();
    assert_eq!((records.len(), records[0].end), (1, EndOfStream::GatewayStopped));
    assert_eq!(quantity(&records[0], Meter::Output), Some((1, Provenance::Counted)));
    assert_eq!(store.status().in_flight, 0);
}

#[tokio::test]
async fn a_call_that_waits_for_its_provider_is_cut_off_and_booked() {
    let provider = Provider::bind().await;
    let setup =
        Setup::of(three_providers(&provider.base_url())).limits(|l| l.drain = Duration::from_millis(50));
    let rig = setup.start().await;
    let mut wire = rig.connect().await;
    wire.send(post(CHAT_PATH, &[], CHAT_STREAM)).await;
    let _exchange = provider.request().await;
    let (serving, store, _gateway, _folder) = rig.shut_down();
    assert_eq!(serving.await.unwrap().cut_off, 1);
    assert!(wire.head().await.is_none());
    assert_eq!(store.status().in_flight, 0);
}
