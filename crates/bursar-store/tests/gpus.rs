//! The log of what GPUs did: it grows by stretches, and bills of the past keep their price.

use bursar_core::{Money, Timestamp};
use bursar_store::{
    GpuGap, GpuLog, GpuModelTokens, GpuNode, GpuRound, GpuSpan, GpuUncounted, Reader, Store, StoreOptions,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_date(2026, 7, 15).unwrap().plus_micros(second * 1_000_000)
}

fn node(name: &str, dollars: i64) -> GpuNode {
    GpuNode {
        node: name.to_owned(),
        since: at(0),
        until: None,
        per_hour: Money::from_nanos(dollars * 1_000_000_000),
        term: "1-year".to_owned(),
        owner: "platform".to_owned(),
        accelerators: 8,
        provider: Some("local".to_owned()),
        weights: [23, 0, 185],
        has_engines: true,
        longest: 90_000_000,
    }
}

fn span(state: &str, since: i64, until: i64) -> GpuSpan {
    GpuSpan {
        node: "n".to_owned(),
        gpu: "GPU-1".to_owned(),
        since: at(since),
        until: at(until),
        state: state.to_owned(),
        slices: 7,
        index: "0".to_owned(),
        product: Some("NVIDIA H100 80GB HBM3".to_owned()),
        evidence: vec![format!("DCGM_FI_PROF_SM_ACTIVE 0.{until}")],
        pods: vec!["ml/vllm-0".to_owned()],
    }
}

fn round(spans: Vec<GpuSpan>) -> GpuRound {
    GpuRound { node: "n".to_owned(), spans, ..GpuRound::default() }
}

struct Place {
    folder: tempfile::TempDir,
    _store: Store,
    log: GpuLog,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions { folder: folder.path().to_owned(), ..StoreOptions::default() };
    let (store, _) = Store::open(options).unwrap();
    let log = GpuLog::of(folder.path());
    Place { folder, _store: store, log }
}

impl Place {
    fn reader(&self) -> Reader {
        Reader::open(self.folder.path()).unwrap()
    }
}

const ALWAYS: (i64, i64) = (-1_000_000, 1_000_000);

fn stretch((since, until): (i64, i64)) -> (Timestamp, Timestamp) {
    (at(since), at(until))
}

#[test]
fn a_state_that_goes_on_is_one_stretch_and_a_gap_in_time_begins_another() {
    let p = place();
    for s in
        [span("active", 0, 0), span("active", 0, 30), span("active", 30, 60), span("resident_idle", 60, 90)]
    {
        p.log.add(&[round(vec![s])]).unwrap();
    }
    p.log.add(&[round(vec![span("resident_idle", 200, 230)])]).unwrap();
    let found = p.reader().gpu_spans("n", stretch(ALWAYS)).unwrap();
    let shown: Vec<_> = found.iter().map(|s| (s.state.as_str(), s.since, s.until)).collect();
    assert_eq!(
        shown,
        [("active", at(0), at(60)), ("resident_idle", at(60), at(90)), ("resident_idle", at(200), at(230))]
    );
    assert_eq!(found[0], GpuSpan { since: at(0), ..span("active", 30, 60) });
    let latest = p.reader().gpus_of("n", at(229)).unwrap();
    assert_eq!(latest, [span("resident_idle", 200, 230)]);
    assert_eq!(p.reader().gpus_of("n", at(230)).unwrap(), []);
    assert_eq!(p.reader().gpu_spans("n", stretch((90, 200))).unwrap(), []);
}

#[test]
fn tokens_add_up_by_the_hour_and_what_was_not_counted_and_not_known_is_kept_with_its_time() {
    let p = place();
    let tokens =
        |second, n| GpuModelTokens { model: "m".to_owned(), at: at(second), tokens: [n, 2 * n, 3 * n] };
    let gone = |since, until| GpuUncounted { model: "m".to_owned(), since: at(since), until: at(until) };
    let gap = |since, until, detail: &str| GpuGap {
        kind: "no_answer".to_owned(),
        about: "http://127.0.0.1:9400/metrics".to_owned(),
        since: at(since),
        until: at(until),
        detail: detail.to_owned(),
    };
    p.log
        .add(&[
            GpuRound { tokens: vec![tokens(10, 1)], uncounted: vec![gone(10, 40)], ..round(vec![]) },
            GpuRound { tokens: vec![tokens(3_599, 10)], gaps: vec![gap(0, 30, "refused")], ..round(vec![]) },
            GpuRound { tokens: vec![tokens(3_600, 100)], uncounted: vec![gone(40, 70)], ..round(vec![]) },
            GpuRound { gaps: vec![gap(30, 60, "timed out")], ..round(vec![]) },
        ])
        .unwrap();
    let counted = |range| p.reader().gpu_tokens("n", stretch(range)).unwrap().pop().map(|t| t.tokens);
    assert_eq!(counted((0, 3_600)), Some([11, 22, 33]));
    assert_eq!(counted((3_600, 3_601)), Some([100, 200, 300]));
    assert_eq!(counted((7_200, 7_201)), None);
    assert_eq!(p.reader().gpu_uncounted("n", stretch(ALWAYS)).unwrap(), [gone(10, 70)]);
    assert_eq!(p.reader().gpu_gaps("n", stretch(ALWAYS), 10).unwrap(), [gap(0, 60, "timed out")]);
}

#[test]
fn a_price_that_changes_ends_and_begins_anew_and_a_node_that_is_gone_ends() {
    let p = place();
    p.log.set_nodes(&[node("a", 10), node("b", 20)], at(0)).unwrap();
    p.log.set_nodes(&[node("a", 10), node("b", 20)], at(100)).unwrap();
    p.log.set_nodes(&[node("a", 11)], at(200)).unwrap();
    let found = p.reader().gpu_nodes(stretch(ALWAYS)).unwrap();
    assert_eq!(
        found,
        [
            GpuNode { until: Some(at(200)), ..node("a", 10) },
            GpuNode { since: at(200), ..node("a", 11) },
            GpuNode { until: Some(at(200)), ..node("b", 20) },
        ]
    );
    assert_eq!(p.reader().gpu_nodes(stretch((300, 400))).unwrap().len(), 1);
}

#[test]
fn what_ended_long_ago_can_be_forgotten() {
    let p = place();
    p.log.set_nodes(&[node("n", 10)], at(0)).unwrap();
    p.log.add(&[round(vec![span("active", 0, 60), span("resident_idle", 60, 9_000)])]).unwrap();
    p.log.forget(at(3_600)).unwrap();
    let left = p.reader().gpu_spans("n", stretch(ALWAYS)).unwrap();
    assert_eq!((left.len(), left[0].state.as_str()), (1, "resident_idle"));
    assert_eq!(p.reader().gpu_nodes(stretch(ALWAYS)).unwrap().len(), 1);
}
