//! The examples of the documentation are read as they stand there.

use bursar_core::Timestamp;
use bursar_plan::supply::{read_constraints, read_supply};
use bursar_plan::tco::read_tco;

const PAGE: &str = include_str!("../../../docs/reference/plan-inputs.md");

/// The TOML block of a section.
fn example(section: &str) -> &'static str {
    let from = PAGE.split_once(&format!("\n## {section}\n")).expect("the section").1;
    from.split_once("```toml\n").and_then(|(_, rest)| rest.split_once("```")).expect("an example").0
}

#[test]
fn the_examples_of_the_reference_are_read_without_a_problem() {
    let today = Timestamp::from_date(2026, 11, 24).unwrap();
    let supply = read_supply("supply.toml", example("supply.toml"), today).unwrap();
    assert_eq!(supply.rows[0].node.name, "p5.48xlarge");
    let tco = read_tco("tco.toml", example("tco.toml"), today).unwrap();
    assert_eq!(tco.nodes[0].years, 4);
    let constraints = read_constraints("constraints.toml", example("constraints.toml"), today).unwrap();
    assert_eq!(constraints.slos.len(), 1);
}
