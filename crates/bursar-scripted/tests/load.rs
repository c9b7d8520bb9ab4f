//! The load client against the provider itself, on both ways: it must find nothing between them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bursar_scripted::load::{ClosedLoop, Interleave, LoadError, OpenLoop, Streams};
use bursar_scripted::sample_call::{Kind, SampleCall};
use bursar_scripted::{Books, ScriptedProvider, Totals};

/// A provider on a thread of its own, which ends with the test's process.
fn provider() -> (SocketAddr, Arc<Books>) {
    let books = Arc::new(Books::totals_only());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let provider = runtime.block_on(ScriptedProvider::bind(address, Arc::clone(&books), 1)).unwrap();
    let address = provider.address();
    thread::spawn(move || runtime.block_on(provider.serve(std::future::pending())));
    (address, books)
}

fn call(script: &str) -> SampleCall {
    SampleCall {
        kind: Kind::OpenAiChat,
        model: "gpt-4o-mini",
        stream: false,
        prompt_words: 8,
        max_tokens: None,
        seed: 1,
        script: script.to_owned(),
        headers: Vec::new(),
    }
}

fn open_loop(address: SocketAddr, interleave: Interleave, script: &str) -> OpenLoop {
    OpenLoop {
        direct: address,
        gateway: address,
        rate: 200,
        duration: Duration::from_millis(900),
        warm_up: Duration::from_millis(100),
        workers: 3,
        interleave,
        call: call(script),
        key: None,
    }
}

#[test]
fn calls_by_turns_load_both_ways_at_the_full_rate() {
    let (address, books) = provider();
    let report = open_loop(address, Interleave::Calls, "").run().unwrap();
    assert_eq!((report.direct.calls, report.gateway.calls), (180, 180));
    let Totals { completed, .. } = books.totals();
    assert_eq!(completed.calls, 400);
}

#[test]
fn slices_of_time_load_one_way_after_the_other() {
    let (address, _) = provider();
    let slices = Interleave::Slices(Duration::from_millis(100));
    let report = open_loop(address, slices, "").run().unwrap();
    assert_eq!(report.direct.calls + report.gateway.calls, 180);
    assert_eq!(report.direct.calls, 80);
}

#[test]
fn a_slow_answer_counts_from_the_moment_at_which_its_call_was_due() {
    let (address, _) = provider();
    // Each of three workers is due every 7.5 ms and held up for 20 ms: the later calls wait for the earlier.
    let report = open_loop(address, Interleave::Calls, "delay-ms=20").run().unwrap();
    assert!(report.direct.p90_us > 200_000, "{report:?}");
}

#[test]
fn a_benchmark_ends_with_the_first_call_that_fails() {
    let (address, _) = provider();
    let failed = open_loop(address, Interleave::Calls, "status=500").run().unwrap_err();
    assert!(matches!(failed, LoadError::Status { status: 500, .. }), "{failed}");
}

#[test]
fn busy_callers_use_both_ways() {
    let (address, _) = provider();
    let (duration, slice) = (Duration::from_millis(400), Duration::from_millis(50));
    let (callers, key) = (2, None);
    let load =
        ClosedLoop { direct: address, gateway: address, callers, duration, slice, call: call(""), key };
    let report = load.run().unwrap();
    assert!(report.direct.calls > 100 && report.gateway.calls > 100, "{report:?}");
}

#[test]
fn streams_at_once_all_come_to_their_end_with_the_right_bytes() {
    let (address, books) = provider();
    let streams = Streams {
        direct: address,
        gateway: address,
        count: 64,
        frames: 20,
        frame_delay: Duration::from_millis(5),
        key: None,
        limit: Duration::from_secs(20),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let report = runtime.block_on(streams.run());
    assert_eq!((report.right, report.wrong_bytes, report.failed), (64, 0, 0), "{report:?}");
    assert_eq!(books.totals().completed.calls, 128);
}
