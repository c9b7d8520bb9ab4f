//! Published results: what is there, what is looked up, and what is not said.

use bursar_plan::throughput::{Catalogue, Entry, Origin, Scenario, Source, built_in_rows, sources};

fn catalogue() -> Catalogue {
    Catalogue::built_in().unwrap()
}

#[test]
fn every_published_row_is_read_and_names_its_round_and_entry() {
    let catalogue = catalogue();
    let mlperf: Vec<_> = catalogue
        .entries
        .iter()
        .filter_map(|e| if let Origin::MlPerf(m) = &e.origin { Some((e, m)) } else { None })
        .collect();
    assert_eq!((mlperf.len(), catalogue.entries.len(), catalogue.prefix_points.len()), (400, 416, 4));
    assert!(mlperf.iter().all(|(_, m)| m.round == "v5.1" && m.id.starts_with("5.1-")));
    assert_eq!(mlperf.iter().filter(|(_, m)| m.system_watts.is_some()).count(), 8);
    assert!(catalogue.entries.iter().all(|e| !e.dated.source.is_empty() && e.dated.as_of.micros() > 0));
}

#[test]
fn a_figure_per_accelerator_is_the_published_one_divided() {
    for entry in &catalogue().entries {
        let Origin::MlPerf(mlperf) = &entry.origin else { continue };
        let (Some(system), Some(each)) = (entry.tokens_per_second_of_system, entry.tokens_per_second) else {
            continue;
        };
        let divided = system / f64::from(mlperf.accelerators);
        assert!((each / divided - 1.0).abs() < 1e-3, "{}: {each} is not {divided}", mlperf.id);
    }
}

#[test]
fn a_result_in_another_unit_is_no_throughput() {
    let catalogue = catalogue();
    assert_eq!(catalogue.capacity("B200", "llama3.1-8b", Scenario::Interactive), None);
    let without = catalogue
        .entries
        .iter()
        .filter(|e| matches!(e.origin, Origin::MlPerf(_)) && e.tokens_per_second.is_none());
    assert_eq!(without.count(), 8);
}

#[test]
fn what_nobody_calibrated_is_looked_up_with_its_limits_and_entries() {
    let found = catalogue().capacity("H100", "meta-llama/Llama-2-70b-chat-hf", Scenario::Server).unwrap();
    assert_eq!(found.limits, (Some(2.0), Some(0.2)));
    assert!(found.entries.iter().all(|e| e.starts_with("MLPerf Inference v5.1 5.1-")), "{:?}", found.entries);
    let (low, high) = found.tokens_per_second.interval.unwrap();
    assert!(low <= found.tokens_per_second.mid && found.tokens_per_second.mid <= high);
    assert!(low > 1_000.0 && high < 5_000.0, "{low} {high}");
    assert_eq!(catalogue().capacity("H100", "Qwen3-8B", Scenario::Server), None);
}

#[test]
fn a_calibration_goes_before_published_results_and_each_is_labelled() {
    let (rows, catalogue) = (built_in_rows().unwrap(), catalogue());
    let fitted = sources(&rows, &catalogue, "H100", "Qwen3-8B", Scenario::Server);
    assert_eq!(fitted.iter().map(Source::label).collect::<Vec<_>>(), ["fitted", "fitted"]);
    let published = sources(&rows, &catalogue, "MI300X", "llama2-70b", Scenario::Server);
    assert_eq!(
        published.iter().map(Source::label).collect::<Vec<_>>(),
        ["published (divided per accelerator, unofficial)"]
    );
    assert!(sources(&rows, &catalogue, "A10", "Qwen3-8B", Scenario::Server).is_empty());
}

#[test]
fn the_measured_decoder_throughput_makes_inferentia_2_dear() {
    let catalogue = catalogue();
    let dear: Vec<String> = catalogue.of_accelerator("Inferentia2").filter_map(Entry::price_note).collect();
    insta::assert_snapshot!(dear.join("\n"), @r"
    Llama-2-70b on Inferentia2: 18.4 output tokens/s at $12.98127 per hour, which is $195.97 per million output tokens (inf2.48xlarge (12 chips), input 256, output 256, batch 1, 54.2 ms/token; aws-neuron/aws-neuron-sdk@1351ee12 general/benchmarks/inf2/throughput_data_decoder.csv + AWS price 2026-07-20)
    Llama-2-13b on Inferentia2: 198.1 output tokens/s at $12.98127 per hour, which is $18.20 per million output tokens (inf2.48xlarge (12 chips), input 1024, output 1024, batch 1, 5.1 ms/token; aws-neuron/aws-neuron-sdk@1351ee12 general/benchmarks/inf2/throughput_data_decoder.csv + AWS price 2026-07-20)
    Llama-2-13b on Inferentia2: 104.1 output tokens/s at $12.98127 per hour, which is $34.64 per million output tokens (inf2.48xlarge (12 chips), input 128, output 3968, batch 1, 9.6 ms/token; aws-neuron/aws-neuron-sdk@1351ee12 general/benchmarks/inf2/throughput_data_decoder.csv + AWS price 2026-07-20)
    ");
}

#[test]
fn what_others_only_quote_is_never_a_capacity() {
    let catalogue = catalogue();
    let quoted: Vec<_> = catalogue.entries.iter().filter(|e| e.origin == Origin::Secondary).collect();
    assert_eq!(quoted.len(), 3);
    assert_eq!(catalogue.capacity("Cerebras CS-3", "Llama-3.1-405B", Scenario::Offline), None);
    assert!(catalogue.capacity("Gaudi 3", "GLM-4.7", Scenario::Server).unwrap().scenario.is_none());
}
