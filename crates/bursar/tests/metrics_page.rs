//! The page about metrics has those that the sources have, and no others.

use std::collections::BTreeSet;
use std::path::Path;

const PAGE: &str = include_str!("../../../docs/reference/metrics.md");

/// Names in quotes that begin as every metric does.
fn names_in(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names_in(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let quoted = text.split('"').filter(|t| t.starts_with("bursar_"));
            found.extend(
                quoted.filter(|t| t.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')).map(str::to_owned),
            );
        }
    }
}

#[test]
fn the_page_about_metrics_names_every_metric() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut in_sources = BTreeSet::new();
    for entry in std::fs::read_dir(crates).unwrap() {
        let sources = entry.unwrap().path().join("src");
        if sources.is_dir() {
            names_in(&sources, &mut in_sources);
        }
    }
    assert!(in_sources.len() > 10, "{in_sources:?}");
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let on_page: BTreeSet<String> = rows.map(str::to_owned).collect();
    assert_eq!(on_page, in_sources);
}
