//! The replay against the provider itself: every row arrives, with its sizes.

use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use bursar_scripted::replay::{ReplayOptions, replay};
use bursar_scripted::trace::{TraceRow, merged, sample};
use bursar_scripted::{Books, ScriptedProvider};

async fn stage() -> (SocketAddr, Arc<Books>) {
    let books = Arc::new(Books::keeping_entries());
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let provider = ScriptedProvider::bind(address, Arc::clone(&books), 1).await.unwrap();
    let address = provider.address();
    tokio::spawn(provider.serve(pending()));
    (address, books)
}

fn options(target: SocketAddr, speed: u32) -> ReplayOptions {
    let concurrency = NonZeroUsize::new(16).unwrap();
    ReplayOptions { target, speed, concurrency, key: None, frame_delay: Duration::ZERO }
}

fn rows(count: usize) -> Vec<TraceRow> {
    merged(sample().unwrap()).into_iter().take(count).collect()
}

#[tokio::test]
async fn every_row_is_sent_once_with_the_sizes_of_the_trace() {
    let (address, books) = stage().await;
    let rows = rows(600);
    let mut told = 0;
    let end = replay(&rows, &options(address, 1000), |_| told += 1, pending()).await;
    assert_eq!((end.sent, end.answered, end.failed), (600, 600, 0));
    assert!(told > 0);
    let entries = books.entries();
    assert_eq!(entries.len(), 600);
    for (number, row) in rows.iter().enumerate() {
        let tag = format!("replay-{number}");
        let entry = entries.iter().find(|e| e.tag.as_deref() == Some(&tag)).unwrap();
        assert_eq!(
            (entry.tokens.input, entry.tokens.output),
            (row.input_tokens.max(1), row.output_tokens.max(1))
        );
        assert_eq!(entry.tokens.cached, row.cached_tokens());
        assert!(entry.cost_nanos.is_some(), "{entry:?}");
    }
}

#[tokio::test]
async fn a_replay_that_is_stopped_lets_calls_under_way_end_and_says_how_far_it_came() {
    let (address, books) = stage().await;
    let rows = merged(sample().unwrap());
    let options = options(address, 1);
    let stop = tokio::time::sleep(Duration::from_millis(300));
    let ended = tokio::time::timeout(Duration::from_secs(5), replay(&rows, &options, |_| {}, stop));
    let end = ended.await.unwrap();
    assert!(end.sent > 0 && end.sent < 200, "{end:?}");
    assert_eq!((end.answered, end.failed), (end.sent, 0));
    assert_eq!((books.totals().completed.calls, books.totals().cut.calls), (end.sent, 0));
    assert_eq!(end.total, 44_209);
}
