//! Rounds of made answers, in the form of the exporters.

use bursar_core::Timestamp;

use super::dcgm::DcgmReading;
use super::exposition::Exposition;
use super::gap::{Gap, GapKind};
use super::state::{GpuState, Thresholds};
use super::vllm::{Tokens, VllmReading};
use super::watch::{Answers, Seen, SeenTokens, Watch};

const STEP: i64 = 30;

fn dcgm(gpus: &[(&str, &str)]) -> Result<DcgmReading, Gap> {
    let line = |(uuid, load): &(&str, &str)| {
        format!(
            "DCGM_FI_PROF_SM_ACTIVE{{gpu=\"0\",UUID=\"{uuid}\"}} {load}\n\
             DCGM_FI_DEV_FB_USED{{gpu=\"0\",UUID=\"{uuid}\"}} 70000\n"
        )
    };
    let text: String = gpus.iter().map(line).collect();
    Ok(DcgmReading::of(&Exposition::read(text.as_bytes()), "dcgm", Timestamp::from_seconds(0)))
}

fn vllm(prompt: u64, cached: u64, output: u64, more: &str) -> Result<VllmReading, Gap> {
    let text = format!(
        "vllm:prompt_tokens_total{{engine=\"0\",model_name=\"m\"}} {prompt}\n\
         vllm:prefix_cache_hits_total{{engine=\"0\",model_name=\"m\"}} {cached}\n\
         vllm:generation_tokens_total{{engine=\"0\",model_name=\"m\"}} {output}\n{more}"
    );
    Ok(VllmReading::of(&Exposition::read(text.as_bytes()), "vllm"))
}

fn silent(about: &str) -> Gap {
    Gap::new(GapKind::NoAnswer, about, "connection refused")
}

fn answers(dcgm: Vec<Result<DcgmReading, Gap>>, vllm: Vec<Result<VllmReading, Gap>>) -> Answers {
    Answers { node: "n".to_owned(), accelerators: 1, dcgm, vllm }
}

fn watch() -> Watch {
    Watch::new(Thresholds::default(), 90_000_000)
}

fn at(round: i64) -> Timestamp {
    Timestamp::from_seconds(1_000 + round * STEP)
}

fn kinds(seen: &Seen) -> Vec<GapKind> {
    seen.gaps.iter().map(|g| g.kind).collect()
}

/// Rounds of one node, one after the other; the last is given.
fn rounds(rounds: Vec<Answers>) -> Seen {
    let mut watch = watch();
    let seen = rounds.into_iter().zip(0..).map(|(answers, i)| watch.take(at(i), vec![answers]).remove(0));
    seen.last().unwrap()
}

#[test]
fn a_sample_speaks_for_the_time_since_the_one_before_and_the_first_for_none() {
    let busy = || answers(vec![dcgm(&[("G", "0.5")])], vec![vllm(1_000, 0, 500, "")]);
    let mut watch = watch();
    let first = watch.take(at(0), vec![busy()]).remove(0);
    assert_eq!((first.gpus[0].since, first.gpus[0].until, first.tokens.len()), (at(0), at(0), 0));
    let then = answers(vec![dcgm(&[("G", "0.5")])], vec![vllm(3_000, 1_200, 900, "")]);
    let second = watch.take(at(1), vec![then]).remove(0);
    assert_eq!((second.gpus[0].since, second.gpus[0].until), (at(0), at(1)));
    assert_eq!(second.gpus[0].state, GpuState::Active);
    assert_eq!(second.tokens[0].tokens, Some(Tokens { input: 800, cached: 1_200, output: 400 }));
    assert_eq!(second.gaps, []);
}

#[test]
fn rounds_that_are_too_far_apart_leave_the_time_between_them_to_nobody() {
    let busy = |n| answers(vec![dcgm(&[("G", "0.5")])], vec![vllm(n, 0, n, "")]);
    let mut watch = watch();
    watch.take(at(0), vec![busy(1)]);
    let late = watch.take(at(4), vec![busy(1_000)]).remove(0);
    assert_eq!(late.gpus[0].since, at(4));
    assert_eq!((late.tokens[0].tokens, kinds(&late)), (None, vec![GapKind::NotSampled]));
    let next = watch.take(at(5), vec![busy(1_500)]).remove(0);
    assert_eq!(next.tokens[0].tokens.map(|t| t.output), Some(500));
}

#[test]
fn a_counter_that_runs_backwards_an_engine_started_again_and_a_cache_that_gave_more_than_was_asked_give_no_tokens()
 {
    let gpus = || vec![dcgm(&[("G", "0.5")])];
    let start = |s: u32| format!("process_start_time_seconds {s}\n");
    for (now, kind) in [
        (vllm(10, 0, 600, ""), GapKind::CounterReset),
        (vllm(2_000, 0, 600, &start(9)), GapKind::CounterReset),
        (vllm(2_000, 1_500, 600, &start(8)), GapKind::Contradiction),
        (Err(silent("vllm")), GapKind::NoAnswer),
    ] {
        let before = answers(gpus(), vec![vllm(1_000, 0, 500, &start(8))]);
        let seen = rounds(vec![before, answers(gpus(), vec![now])]);
        assert_eq!(seen.tokens[0].tokens, None);
        assert!(kinds(&seen).contains(&kind), "{:?}", seen.gaps);
    }
}

#[test]
fn where_one_model_of_a_node_is_not_known_none_is() {
    let gpus = || vec![dcgm(&[("G", "0.5")])];
    let other = |n: u64| {
        let text = format!(
            "vllm:prompt_tokens_total{{model_name=\"o\"}} {n}\nvllm:generation_tokens_total{{model_name=\"o\"}} {n}\n"
        );
        Ok(VllmReading::of(&Exposition::read(text.as_bytes()), "vllm"))
    };
    let seen = rounds(vec![
        answers(gpus(), vec![vllm(1_000, 0, 500, ""), other(100)]),
        answers(gpus(), vec![vllm(10, 0, 500, ""), other(200)]),
    ]);
    assert_eq!(seen.tokens.iter().map(|t| t.tokens).collect::<Vec<_>>(), [None, None]);
}

#[test]
fn tokens_do_not_count_for_time_in_which_the_gpus_were_not_watched() {
    let engine = |n| vec![vllm(n, 0, n, "")];
    let seen = rounds(vec![
        answers(vec![dcgm(&[("G", "0.5")])], engine(100)),
        answers(vec![Err(silent("dcgm"))], engine(200)),
    ]);
    assert_eq!((seen.gpus.len(), seen.tokens[0].tokens), (0, None));
    assert_eq!(kinds(&seen), [GapKind::NoAnswer, GapKind::NotSampled]);
}

#[test]
fn what_an_engine_made_while_it_was_silent_is_not_known_until_its_second_answer() {
    let gpus = |load| vec![dcgm(&[("G", load)])];
    let round = |load, engine| answers(gpus(load), vec![engine]);
    let mut watch = watch();
    let mut tokens = |i, answers| watch.take(at(i), vec![answers]).remove(0).tokens;
    let unknown = |model: &str| vec![SeenTokens { model: model.to_owned(), tokens: None }];
    assert_eq!(tokens(0, round("0.5", Err(silent("http://e")))), []);
    assert_eq!(tokens(1, round("0.5", Err(silent("http://e")))), unknown("http://e"));
    // Nothing works, so nothing was made.
    assert_eq!(tokens(2, round("0", Err(silent("http://e")))), []);
    assert_eq!(tokens(3, round("0.5", vllm(1_000, 0, 500, ""))), unknown("m"));
    let made = Some(Tokens { input: 10, cached: 0, output: 5 });
    assert_eq!(tokens(4, round("0.5", vllm(1_010, 0, 505, "")))[0].tokens, made);
}

#[test]
fn a_gpu_that_is_missing_in_an_answer_that_was_cut_has_not_vanished() {
    let whole = "DCGM_FI_PROF_SM_ACTIVE{UUID=\"G\"} 0.5\nDCGM_FI_PROF_SM_ACTIVE{UUID=\"H\"} 0.5\n";
    let of = |text: &str| Ok(DcgmReading::of(&Exposition::read(text.as_bytes()), "dcgm", at(0)));
    let seen = rounds(vec![answers(vec![of(whole)], vec![]), answers(vec![of(&whole[..60])], vec![])]);
    assert_eq!(seen.gpus.iter().map(|g| g.gpu.as_str()).collect::<Vec<_>>(), ["G"]);
    assert_eq!(kinds(&seen), [GapKind::Cut]);
}

#[test]
fn a_gpu_that_two_exporters_report_counts_once() {
    let mut watch = watch();
    let node = |name: &str| Answers { node: name.to_owned(), ..answers(vec![dcgm(&[("G", "0.5")])], vec![]) };
    let seen = watch.take(at(0), vec![node("a"), node("b")]);
    assert_eq!((seen[0].gpus.len(), seen[1].gpus.len()), (1, 0));
    assert_eq!(kinds(&seen[1]), [GapKind::SharedGpu, GapKind::FewerGpus]);
}

#[test]
fn a_gpu_that_vanishes_is_unknown_from_then_on_and_faulty_where_it_was() {
    let two = || answers(vec![dcgm(&[("G", "0.5"), ("H", "0.5")])], vec![]);
    let one = || Answers { accelerators: 2, ..answers(vec![dcgm(&[("G", "0.5")])], vec![]) };
    let seen = rounds(vec![two(), one(), one()]);
    let states: Vec<(&str, GpuState)> = seen.gpus.iter().map(|g| (g.gpu.as_str(), g.state)).collect();
    assert_eq!(states, [("G", GpuState::Active), ("H", GpuState::Unknown)]);
    assert_eq!(kinds(&seen), [GapKind::Vanished]);
    let faulty =
        "DCGM_FI_PROF_SM_ACTIVE{gpu=\"0\",UUID=\"G\"} 0\nDCGM_FI_DEV_XID_ERRORS{gpu=\"0\",UUID=\"G\"} 79\n";
    let broken = DcgmReading::of(&Exposition::read(faulty.as_bytes()), "dcgm", at(0));
    let seen = rounds(vec![answers(vec![Ok(broken)], vec![]), answers(vec![dcgm(&[])], vec![])]);
    assert_eq!((seen.gpus[0].state, seen.gpus[0].since), (GpuState::Faulty, at(0)));
}

#[test]
fn more_gpus_than_are_paid_for_and_fewer_are_named() {
    let many = answers(vec![dcgm(&[("G", "0.5"), ("H", "0.5")])], vec![]);
    assert_eq!(kinds(&rounds(vec![many])), [GapKind::MoreGpus]);
    let few = Answers { accelerators: 8, ..answers(vec![dcgm(&[("G", "0.5")])], vec![]) };
    assert_eq!(kinds(&rounds(vec![few])), [GapKind::FewerGpus]);
}

#[test]
fn the_part_of_a_divided_gpu_that_no_instance_has_is_held_by_nobody() {
    let line = |id: u8, profile: &str| {
        format!(
            "DCGM_FI_PROF_GR_ENGINE_ACTIVE{{gpu=\"0\",UUID=\"G\",GPU_I_PROFILE=\"{profile}\",GPU_I_ID=\"{id}\"}} 0.5\n"
        )
    };
    let text = line(3, "2g.20gb") + &line(5, "3g.40gb");
    let reading = DcgmReading::of(&Exposition::read(text.as_bytes()), "dcgm", at(0));
    let seen = rounds(vec![answers(vec![Ok(reading)], vec![])]);
    let parts: Vec<(&str, u32, GpuState)> =
        seen.gpus.iter().map(|g| (g.gpu.as_str(), g.slices, g.state)).collect();
    assert_eq!(
        parts,
        [("G/3", 2, GpuState::Active), ("G/5", 3, GpuState::Active), ("G/rest", 2, GpuState::Unallocated)]
    );
    assert_eq!(seen.gaps, []);
}
