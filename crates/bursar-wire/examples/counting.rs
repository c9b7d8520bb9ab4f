//! How far Bursar's estimates and counts of input lie from what providers reported, by family of models.
//!
//! `cargo run --release -p bursar-wire --example counting [-- FILE.jsonl.gz [--csv]]`
//!
//! Without a file it reads the recorded requests in `tests/data`, which were not fitted on.
#![expect(clippy::print_stdout, reason = "it is a command")]

use std::path::PathBuf;

use bursar_core::Provenance;
use bursar_wire::tokens::Family;

#[path = "../tests/recorded/mod.rs"]
mod recorded;

use recorded::{Comparison, compare, load, quantile};

fn main() {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/requests.jsonl.gz");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let file = arguments.iter().find(|a| !a.starts_with("--")).map_or(own, PathBuf::from);
    let comparisons = compare(&load(&file));
    if arguments.iter().any(|a| a == "--csv") {
        return csv(&comparisons);
    }
    println!("{} requests of {}", comparisons.len(), file.display());
    println!("errors as a share of the reported input; above zero: too high\n");
    println!("{:>10} {:>6} {:>8} {:>8} {:>8} {:>8} {:>8}", "", "n", "p5", "p25", "median", "p75", "p95");
    for family in Family::ALL {
        let mine: Vec<_> = comparisons.iter().filter(|c| c.family == family).collect();
        row(&format!("{family:?}"), mine.iter().map(|c| c.error()).collect());
        let counted = mine.iter().filter(|c| c.counted.1 == Provenance::Counted);
        row("  counted", counted.map(|c| c.count_error()).collect());
    }
    row("all", comparisons.iter().map(Comparison::error).collect());
}

fn row(name: &str, mut errors: Vec<f64>) {
    if errors.is_empty() {
        return;
    }
    errors.sort_by(f64::total_cmp);
    let cells = [0.05, 0.25, 0.5, 0.75, 0.95].map(|q| format!("{:>+7.1}%", quantile(&errors, q) * 100.0));
    println!("{name:>10} {:>6} {}", errors.len(), cells.join(" "));
}

fn csv(comparisons: &[Comparison]) {
    println!("id,family,reported,ascii,other,messages,tools,schema_words,file_text,opaque,estimated,counted");
    for c in comparisons {
        let v = &c.view.volume;
        println!(
            "{},{:?},{},{},{},{},{},{},{},{},{},{}",
            c.id,
            c.family,
            c.reported,
            v.ascii,
            v.other,
            v.messages,
            v.tools,
            v.schema_words,
            v.file_text,
            v.opaque,
            c.estimated,
            c.counted.0
        );
    }
}
