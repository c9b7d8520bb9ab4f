//! Writes `prices/*.toml` again from the two published lists beside the repository.
//!
//! `cargo run -p bursar-prices --example generate_prices`

use std::io::Read as _;
use std::path::Path;

use bursar_prices::import::{CrossCheck, ImportFacts, cross_check, files_of, limit_files_of, limits_of};

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (check, files) = generated(&root.join("../shared/data/finops/prices"));
    for (name, text) in &files {
        let path = root.join("prices").join(name);
        std::fs::write(&path, text).unwrap_or_else(|e| panic!("cannot write {}: {e}", path.display()));
    }
    println!(
        "{} rows in {} files; {} models that both lists price, {} from one list; {} rows in quarantine",
        check.rows.len(),
        files.len(),
        check.in_both,
        check.single_source,
        check.quarantined
    );
}

include!("../tests/generated/mod.rs");
