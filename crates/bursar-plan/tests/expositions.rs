//! Answers of real exporters, see `expositions/README.md`.

use bursar_core::Timestamp;
use bursar_plan::gpu::dcgm::{DcgmReading, Field};
use bursar_plan::gpu::exposition::{Exposition, LineError};
use bursar_plan::gpu::gap::GapKind;
use bursar_plan::gpu::state::{GpuState, Moment, Thresholds, judge};
use bursar_plan::gpu::vllm::{Counters, VllmReading};

fn dcgm(text: &str) -> DcgmReading {
    DcgmReading::of(&Exposition::read(text.as_bytes()), "dcgm", Timestamp::from_seconds(1_790_000_000))
}

#[test]
fn a_captured_answer_of_dcgm_exporter_is_read_whole_and_its_gpu_is_held_by_nobody() {
    let text = include_str!("expositions/dcgm_t4.prom");
    let read = Exposition::read(text.as_bytes());
    assert_eq!((read.samples.len(), read.unread_count, read.repeated.len()), (16, 0, 0));
    let reading = dcgm(text);
    let gpu = &reading.gpus[0];
    assert_eq!(gpu.id.to_string(), "GPU-20c56d28-0da5-6d26-a36a-e7af1ce2586e");
    assert_eq!((gpu.index.as_str(), gpu.product.as_deref()), ("0", Some("Tesla T4")));
    assert_eq!((gpu.get(Field::Power), gpu.get(Field::Energy)), (Some(8.969), Some(128_996_013.0)));
    assert_eq!((gpu.get(Field::FbFree), gpu.get(Field::FbUsed)), (Some(15_109.0), Some(0.0)));
    assert_eq!((gpu.knows_pods, reading.gaps.len()), (false, 0));
    let judgement = judge(Moment { gpu, before: None, elapsed: 0, served: None }, Thresholds::default());
    assert_eq!(judgement.state, GpuState::Unallocated);
    assert_eq!(judgement.gaps.iter().map(|g| g.kind).collect::<Vec<_>>(), [GapKind::ProfilingOff]);
}

#[test]
fn the_sample_of_the_exporters_readme_is_read_with_its_spaces_and_its_blank_value() {
    let text = include_str!("expositions/dcgm_readme.prom");
    let read = Exposition::read(text.as_bytes());
    assert_eq!(read.samples.len(), 3);
    assert_eq!(read.unread, [(7, LineError::NoName), (11, LineError::NoName)]);
    let reading = dcgm(text);
    assert_eq!(reading.gpus[0].id.uuid, "GPU-604ac76c-d9cf-fef3-62e9-d92044ab6e52");
    assert_eq!(reading.gaps.iter().map(|g| g.kind).collect::<Vec<_>>(), [GapKind::UnreadLines]);
}

#[test]
fn in_kubernetes_the_exporter_names_the_pod_that_holds_the_gpu() {
    let reading = dcgm(include_str!("expositions/dcgm_kubernetes.prom"));
    let gpu = &reading.gpus[0];
    assert_eq!(gpu.pods.iter().collect::<Vec<_>>(), ["dcgm-exporter/cuda-workload"]);
    let judgement = judge(Moment { gpu, before: None, elapsed: 0, served: None }, Thresholds::default());
    assert_eq!(judgement.state, GpuState::NoModel);
    let evidence: Vec<String> = judgement.evidence.iter().map(ToString::to_string).collect();
    assert_eq!(
        evidence,
        ["DCGM_FI_DEV_GPU_UTIL 0", "DCGM_FI_DEV_FB_USED 1024", "pod dcgm-exporter/cuda-workload"]
    );
}

#[test]
fn a_captured_answer_of_vllms_first_engine_gives_its_tokens_and_its_older_names() {
    let text = include_str!("expositions/vllm_first_engine.prom");
    let read = Exposition::read(text.as_bytes());
    assert_eq!((read.unread_count, read.samples.len()), (0, 35));
    let infinite = read.samples.iter().find(|s| s.label("le") == Some("+Inf")).unwrap();
    assert_eq!(infinite.value, 1.0);
    let reading = VllmReading::of(&read, "vllm");
    let model = &reading.models[0];
    assert_eq!(model.model, "facebook/opt-125m");
    let counted =
        Counters { prompt: Some(5), cached: Some(0), output: Some(7), preemptions: Some(0), series: 2 };
    assert_eq!(model.counters, counted);
    assert_eq!((model.running, model.waiting, model.cache_use), (Some(0), Some(0), Some(0.0)));
    assert_eq!((reading.started_millis, reading.gaps.len()), (Some(1_718_140_558_300), 0));
}

#[test]
fn the_names_of_vllms_current_engine_are_read_and_what_the_capture_lacks_is_named() {
    let read = Exposition::read(include_bytes!("expositions/vllm_current_engine.prom"));
    assert_eq!(read.unread_count, 0);
    let reading = VllmReading::of(&read, "vllm");
    assert_eq!(reading.models[0].counters.cached, Some(64));
    assert_eq!(reading.models[0].cache_use, Some(0.0));
    let told: Vec<String> = reading.gaps.iter().map(|g| g.detail.clone()).collect();
    assert_eq!(
        told,
        [
            "vllm:prompt_tokens_total is not in the answer",
            "vllm:generation_tokens_total is not in the answer"
        ]
    );
}
