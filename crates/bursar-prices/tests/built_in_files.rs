//! The built-in price files are what the generator makes of the published lists.

use std::io::Read as _;
use std::path::Path;

use bursar_prices::import::{CrossCheck, ImportFacts, cross_check, files_of, limit_files_of, limits_of};

include!("generated/mod.rs");

#[test]
fn the_built_in_files_are_what_the_published_lists_give() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let lists = root.join("../shared/data/finops/prices");
    if !lists.is_dir() {
        eprintln!("no published lists at {}; nothing was compared", lists.display());
        return;
    }
    for (name, text) in generated(&lists).1 {
        let committed = std::fs::read_to_string(root.join("prices").join(&name)).unwrap_or_default();
        assert!(committed == text, "prices/{name} is not what the generator gives; run it again");
    }
}
