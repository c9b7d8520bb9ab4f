//! What recording costs at a steady pace: `cargo run --release -p bursar-store --example paced [requests/s] [seconds]`.
//! Two threads open and settle attempts; printed are the time of both calls together, the processor time of the
//! whole process and its memory. Stays for as long as it is told, in a folder of its own under the system's
//! temporary folder, which is deleted at the end.

use std::time::{Duration, Instant};

use bursar_core::{
    Attribution, EndOfStream, Meter, MeteredUsage, Money, Provenance, Quantities, RecordId, RequestId,
    ServiceTier, Timestamp, Timings, UsageRecord,
};
use bursar_store::{OpenAttempt, Reader, Store, StoreOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let pace: u64 = arguments.next().map_or(Ok(2_000), |a| a.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(15), |a| a.parse())?;
    let folder = tempfile::tempdir()?;
    let options = StoreOptions { folder: folder.path().to_owned(), ..StoreOptions::default() };
    let (store, _) = Store::open(options)?;
    let began = processor_ticks();
    let mut took: Vec<Duration> = std::thread::scope(|s| {
        let half = |first| {
            let store = &store;
            s.spawn(move || record(store, first, pace, seconds))
        };
        let (a, b) = (half(0), half(1));
        [a, b].into_iter().flat_map(|t| t.join().expect("a recording thread that ends")).collect()
    });
    let lag = store.status().journal_lag_bytes;
    store.flush()?;
    let ticks = processor_ticks() - began;
    took.sort_unstable();
    let at = |part: usize| took[(took.len() - 1) * part / 1_000];
    println!(
        "{} attempts at {pace}/s: open + settle p50 {:?}, p99 {:?}, p99.9 {:?}",
        took.len(),
        at(500),
        at(990),
        at(999)
    );
    println!("processor {} ms for {seconds} s; waiting at the end {lag} bytes; {}", ticks * 10, memory());
    println!("in the log: {}", Reader::open(folder.path())?.health()?.records);
    Ok(())
}

fn record(store: &Store, first: u64, pace: u64, seconds: u64) -> Vec<Duration> {
    let start = Instant::now();
    let mut took = Vec::new();
    for n in (first..pace * seconds).step_by(2) {
        let due = Duration::from_micros(n * 1_000_000 / pace);
        std::thread::sleep(due.saturating_sub(start.elapsed()));
        let (attempt, settled) = (attempt(n), settled(n));
        let begun = Instant::now();
        store.open_attempt(&attempt).expect("room in the journal");
        store.settle(&settled).expect("room in the journal");
        took.push(begun.elapsed());
    }
    took
}

fn attempt(n: u64) -> OpenAttempt {
    let r = settled(n);
    OpenAttempt {
        id: r.id,
        started_at: r.started_at,
        key: r.key,
        attribution: r.attribution,
        provider: r.provider,
        surface: r.surface,
        region: r.region,
        requested_model: r.requested_model,
        ceiling: None,
        lease_until: None,
        expected: MeteredUsage {
            quantities: Quantities::none().with(Meter::Input, 812, Provenance::Estimated),
            ..MeteredUsage::default()
        },
    }
}

fn settled(n: u64) -> UsageRecord {
    let some = |text: &str| Some(text.to_owned());
    let started_at = Timestamp::from_seconds(1_784_000_000).plus_micros(n as i64 * 500);
    UsageRecord {
        id: RecordId { request: RequestId(u128::from(n) << 32), attempt: 0 },
        started_at,
        ended_at: started_at.plus_micros(900_000),
        key: Some(bursar_core::KeyId("key_00112233aabbccdd".to_owned())),
        attribution: Attribution {
            team: Some(format!("team-{}", n % 8)),
            app: some("helpdesk"),
            workflow: Some(format!("workflow-{}", n % 5)),
            task: Some(format!("{n:x}-ticket")),
            ..Attribution::default()
        },
        provider: "openai".to_owned(),
        surface: "openai.chat_completions".to_owned(),
        region: None,
        requested_model: some("gpt-4o-mini"),
        usage: MeteredUsage {
            quantities: Quantities::none()
                .with(Meter::Input, 312, Provenance::Reported)
                .with(Meter::CacheRead, 512, Provenance::Reported)
                .with(Meter::Output, 144, Provenance::Reported),
            model: some("gpt-4o-mini-2024-07-18"),
            response_id: Some(format!("chatcmpl-{n:024}")),
            ..MeteredUsage::default()
        },
        tier: ServiceTier::Standard,
        end: EndOfStream::Complete,
        status: Some(200),
        list_cost: Some(Money::from_nanos(171_600)),
        contracted_cost: Some(Money::from_nanos(171_600)),
        price_version: "0a1b2c3d4e5f6071".to_owned(),
        reasons: vec!["sent to openai as asked".to_owned()],
        timings: Timings { total_us: Some(900_000), ..Timings::default() },
    }
}

/// User and system time of this process, in hundredths of a second.
fn processor_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum()
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line =
        |name: &str| status.lines().find(|l| l.starts_with(name)).unwrap_or_default().replace('\t', " ");
    format!("{}, {}", line("VmHWM"), line("VmRSS"))
}
