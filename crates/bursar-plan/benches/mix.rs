//! How long a plan takes: 3 models × 3 kinds of GPU × 4 terms × 336 hours, on one core.
//!
//! `cargo bench -p bursar-plan --bench mix`

#[path = "../tests/mix/instances.rs"]
mod instances;
#[path = "../tests/mix/traces.rs"]
mod traces;

use criterion::{Criterion, criterion_group, criterion_main};

fn plans(c: &mut Criterion) {
    let mut group = c.benchmark_group("plan 336 hours");
    group.sample_size(10);
    for variant in &instances::VARIANTS {
        let problem = instances::problem(variant);
        group.bench_function(variant.name, |b| b.iter(|| bursar_plan::mix::plan(&problem)));
    }
    group.finish();
}

criterion_group!(benches, plans);
criterion_main!(benches);
