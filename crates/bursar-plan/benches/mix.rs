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

/// As many hours as a year has: the two weeks 26 times.
fn a_year(c: &mut Criterion) {
    let mut problem = instances::problem(&instances::VARIANTS[7]);
    for model in &mut problem.models {
        model.loads.iter_mut().flatten().for_each(|load| *load = load.repeat(26));
        model.peaks.iter_mut().for_each(|peaks| *peaks = peaks.repeat(26));
        model.api.iter_mut().for_each(|api| *api = api.repeat(26));
    }
    let mut group = c.benchmark_group("plan 8,736 hours");
    group.sample_size(10);
    group.bench_function(instances::VARIANTS[7].name, |b| b.iter(|| bursar_plan::mix::plan(&problem)));
    group.finish();
}

criterion_group!(benches, plans, a_year);
criterion_main!(benches);
