//! Any two answers of exporters, one after the other: no panic, the bounds hold, and tokens never come out of nothing.
//!
//! The first byte says where the first answer ends and the second begins, in 256ths.
#![no_main]

use bursar_core::Timestamp;
use bursar_plan::gpu::dcgm::{DcgmReading, Field};
use bursar_plan::gpu::exposition::{Exposition, MOST_LABELS, MOST_TOLD};
use bursar_plan::gpu::state::Thresholds;
use bursar_plan::gpu::vllm::VllmReading;
use bursar_plan::gpu::watch::{Answers, Watch};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&at, text)) = data.split_first() else { return };
    let (first, second) = text.split_at(text.len() * usize::from(at) / 256);
    let mut watch = Watch::new(Thresholds::default(), 60_000_000);
    let rounds = [first, second].map(|bytes| {
        let read = Exposition::read(bytes);
        assert!(read.unread.len() <= MOST_TOLD && read.unread.len() <= read.unread_count);
        for sample in &read.samples {
            assert!(sample.labels.len() <= MOST_LABELS);
            assert!(sample.labels.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
        let dcgm = DcgmReading::of(&read, "dcgm", Timestamp::from_seconds(0));
        for gpu in &dcgm.gpus {
            assert!(Field::ALL.iter().filter_map(|f| gpu.get(*f)).all(f64::is_finite));
        }
        let vllm = VllmReading::of(&read, "vllm");
        Answers { node: "n".to_owned(), accelerators: 1, dcgm: vec![Ok(dcgm)], vllm: vec![Ok(vllm)] }
    });
    let [before, now] = &rounds;
    watch.take(Timestamp::from_seconds(0), vec![before.clone()]);
    for seen in watch.take(Timestamp::from_seconds(30), vec![now.clone()]) {
        assert!(seen.gpus.iter().all(|g| g.since <= g.until && (1..=7).contains(&g.slices)));
        let engine = now.vllm[0].as_ref().ok();
        for made in &seen.tokens {
            let Some(tokens) = made.tokens else { continue };
            let model = engine.and_then(|e| e.models.iter().find(|m| m.model == made.model)).expect("it was asked");
            assert!(model.counters.prompt >= tokens.input.checked_add(tokens.cached));
            assert!(model.counters.output >= Some(tokens.output));
        }
    }
});
