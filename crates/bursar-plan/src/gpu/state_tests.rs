//! Made expositions, in the form of dcgm-exporter, for each state and each lie.

use bursar_core::Timestamp;

use super::dcgm::{DcgmReading, GpuReading};
use super::exposition::Exposition;
use super::gap::GapKind;
use super::state::{GpuState, Judgement, Moment, Served, Thresholds, judge};

fn gpu(fields: &[(&str, &str)]) -> GpuReading {
    gpu_with("", fields)
}

fn gpu_with(labels: &str, fields: &[(&str, &str)]) -> GpuReading {
    let line = |(name, value): &(&str, &str)| {
        format!(
            "DCGM_FI_{name}{{gpu=\"0\",UUID=\"GPU-1\",pci_bus_id=\"00000000:0D:00.0\",device=\"nvidia0\",\
             modelName=\"NVIDIA H100 80GB HBM3\",Hostname=\"h\"{labels}}} {value}\n"
        )
    };
    let text: String = fields.iter().map(line).collect();
    DcgmReading::of(&Exposition::read(text.as_bytes()), "e", Timestamp::from_seconds(0)).gpus.remove(0)
}

fn judged(gpu: &GpuReading, served: Option<Served>) -> Judgement {
    judge(Moment { gpu, before: Some(gpu), elapsed: 30_000_000, served }, Thresholds::default())
}

fn state_of(fields: &[(&str, &str)]) -> (GpuState, Vec<GapKind>) {
    let judgement = judged(&gpu(fields), None);
    (judgement.state, judgement.gaps.iter().map(|g| g.kind).collect())
}

const SM: &str = "PROF_SM_ACTIVE";
const UTIL: &str = "DEV_GPU_UTIL";
const USED: &str = "DEV_FB_USED";
const XID: &str = "DEV_XID_ERRORS";
const POWER: &str = "DEV_POWER_USAGE";

#[test]
fn each_state_is_told_with_its_evidence() {
    let cases: &[(&[(&str, &str)], GpuState)] = &[
        (&[(SM, "0"), (UTIL, "0"), (USED, "3")], GpuState::Unallocated),
        (&[(SM, "0"), (UTIL, "0"), (USED, "519")], GpuState::NoModel),
        (&[(SM, "0.003"), (UTIL, "0"), (USED, "73420")], GpuState::ResidentIdle),
        (&[(SM, "0.41"), (UTIL, "99"), (USED, "73420")], GpuState::Active),
        (
            &[(SM, "0.97"), (UTIL, "100"), (USED, "73420"), ("PROF_PIPE_TENSOR_ACTIVE", "0.66")],
            GpuState::Saturated,
        ),
        (&[(SM, "0"), (UTIL, "0"), (USED, "0"), (XID, "79")], GpuState::Faulty),
        (&[(SM, "0"), (UTIL, "0"), (USED, "0"), ("DEV_ROW_REMAP_FAILURE", "1")], GpuState::Faulty),
    ];
    for (fields, state) in cases {
        let judgement = judged(&gpu(fields), None);
        assert_eq!((judgement.state, judgement.gaps.len()), (*state, 0), "{judgement:?}");
        assert!(!judgement.evidence.is_empty());
    }
    let told: Vec<String> = judged(&gpu(cases[2].0), None).evidence.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["DCGM_FI_PROF_SM_ACTIVE 0.003", "DCGM_FI_DEV_FB_USED 73420"]);
}

#[test]
fn in_kubernetes_a_pod_holds_a_gpu_and_without_one_nobody_does() {
    let idle: &[(&str, &str)] = &[(SM, "0"), (UTIL, "0"), (USED, "519")];
    let with = gpu_with(",pod=\"p\",namespace=\"n\",container=\"c\"", idle);
    let without = gpu_with(",pod=\"\",namespace=\"\",container=\"\"", idle);
    assert_eq!(judged(&with, None).state, GpuState::NoModel);
    assert_eq!(judged(&without, None).state, GpuState::Unallocated);
    let no_memory = gpu_with(",pod=\"\",namespace=\"\",container=\"\"", &idle[..2]);
    assert_eq!(judged(&no_memory, None).state, GpuState::Unallocated);
    let held = gpu_with(",pod=\"p\",namespace=\"n\",container=\"c\"", &idle[..2]);
    assert_eq!(judged(&held, None).state, GpuState::Unknown);
}

#[test]
fn a_utilisation_of_100_percent_without_load_is_a_lie_and_no_state() {
    let lying: &[(&str, &str)] = &[(SM, "0"), (UTIL, "100"), (USED, "73420"), (POWER, "71.2")];
    let judgement = judged(&gpu(lying), None);
    assert_eq!(judgement.state, GpuState::Unknown);
    assert_eq!(judgement.gaps[0].kind, GapKind::ActivityDisagrees);
    assert!(judgement.gaps[0].detail.contains("the load is 0 at 71.2 W"), "{}", judgement.gaps[0]);
}

#[test]
fn tokens_that_an_idle_gpu_cannot_have_made_are_a_contradiction_on_a_node_with_one_gpu_only() {
    let idle = gpu(&[(SM, "0"), (UTIL, "0"), (USED, "73420")]);
    let served = Served { tokens: Some(90_000), is_alone: true, ..Served::default() };
    let judgement = judged(&idle, Some(served));
    assert_eq!((judgement.state, judgement.gaps[0].kind), (GpuState::Unknown, GapKind::ActivityDisagrees));
    let elsewhere = Served { is_alone: false, ..served };
    assert_eq!(judged(&idle, Some(elsewhere)).state, GpuState::ResidentIdle);
    let few = Served { tokens: Some(90), ..served };
    assert_eq!(judged(&idle, Some(few)).state, GpuState::ResidentIdle);
}

#[test]
fn without_profiling_a_state_is_told_by_utilisation_and_named_as_such() {
    assert_eq!(state_of(&[(UTIL, "3"), (USED, "73420")]), (GpuState::Active, vec![GapKind::ProfilingOff]));
    assert_eq!(
        state_of(&[(UTIL, "0"), (USED, "73420")]),
        (GpuState::ResidentIdle, vec![GapKind::ProfilingOff])
    );
    assert_eq!(state_of(&[(USED, "73420")]), (GpuState::Unknown, vec![GapKind::Missing]));
    let engine = state_of(&[("PROF_GR_ENGINE_ACTIVE", "0.5"), (UTIL, "50"), (USED, "73420")]);
    assert_eq!(engine, (GpuState::Active, Vec::new()));
    assert_eq!(state_of(&[(SM, "0")]), (GpuState::Unknown, vec![GapKind::Missing]));
}

#[test]
fn a_fault_that_stays_after_the_gpu_works_again_is_named_and_the_fault_of_an_application_is_none() {
    let working = state_of(&[(SM, "0.5"), (UTIL, "90"), (USED, "73420"), (XID, "79")]);
    assert_eq!(working, (GpuState::Active, vec![GapKind::StickyFault]));
    for application in ["31", "43", "63", "94", "0"] {
        let idle = state_of(&[(SM, "0"), (UTIL, "0"), (USED, "73420"), (XID, application)]);
        assert_eq!(idle, (GpuState::ResidentIdle, Vec::new()), "{application}");
    }
    let silent = state_of(&[(USED, "0"), (XID, "95")]);
    assert_eq!(silent, (GpuState::Faulty, vec![GapKind::Missing]));
}

#[test]
fn an_engine_whose_requests_wait_lose_memory_or_fill_the_cache_is_saturated() {
    let working = gpu(&[(SM, "0.9"), (UTIL, "100"), (USED, "73420")]);
    for served in [
        Served { kept_waiting: true, ..Served::default() },
        Served { preempted: 2, ..Served::default() },
        Served { cache_use: Some(0.97), ..Served::default() },
    ] {
        assert_eq!(judged(&working, Some(served)).state, GpuState::Saturated, "{served:?}");
    }
    assert_eq!(judged(&working, Some(Served::default())).state, GpuState::Active);
}

#[test]
fn energy_that_does_not_fit_the_power_and_energy_that_runs_backwards_are_named() {
    let at = |energy: &str, watts: &str| {
        gpu(&[
            (SM, "0.5"),
            (UTIL, "90"),
            (USED, "73420"),
            ("DEV_TOTAL_ENERGY_CONSUMPTION", energy),
            (POWER, watts),
        ])
    };
    let between = |before: &GpuReading, now: &GpuReading| {
        let moment = Moment { gpu: now, before: Some(before), elapsed: 30_000_000, served: None };
        let judgement = judge(moment, Thresholds::default());
        (judgement.state, judgement.gaps.iter().map(|g| g.kind).collect::<Vec<_>>())
    };
    // 600 W over 30 s are 18 kJ.
    let start = at("1000000000", "600");
    assert_eq!(between(&start, &at("1018000000", "610")), (GpuState::Active, vec![]));
    assert_eq!(between(&start, &at("1180000000", "610")), (GpuState::Active, vec![GapKind::EnergyDisagrees]));
    assert_eq!(between(&start, &at("1000000000", "610")), (GpuState::Active, vec![GapKind::EnergyDisagrees]));
    assert_eq!(between(&start, &at("5000", "610")), (GpuState::Active, vec![GapKind::CounterReset]));
}
