//! How long a file may be, and what it may be called.

use super::Problem;
use super::tree::Tree;

const LONGEST_FILE: usize = 500;

/// Flat tables may be longer: a folder or a file, and why splitting it would help nobody.
const FLAT_TABLES: &[(&str, &str)] =
    &[("prices/", "one provider's dated price rows, in the order of their models")];

/// Names that say nothing of what a file is about.
const EMPTY_NAMES: &[&str] =
    &["common", "helper", "helpers", "manager", "managers", "misc", "shared", "util", "utils"];

/// Ends of names of files that people write and read.
const CODE: &[&str] =
    &[".rs", ".toml", ".py", ".mjs", ".js", ".ts", ".sh", ".css", ".html", "/run", "justfile"];

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in &tree.files {
        let path = file.path.as_str();
        if !CODE.iter().any(|end| path.ends_with(end)) {
            continue;
        }
        let lines = file.text.as_deref().map_or(0, |t| t.lines().count());
        let flat = FLAT_TABLES.iter().any(|(table, _)| path.starts_with(table));
        if lines > LONGEST_FILE && !flat {
            let what = format!(
                "has {lines} lines, more than {LONGEST_FILE}: split it by what its parts are about (or list a flat \
                 table with its reason in xtask/src/tidy/files.rs)"
            );
            problems.push(Problem::new(path, LONGEST_FILE + 1, what));
        }
        problems.extend(
            empty_name(path).map(|name| {
                Problem::new(path, 1, format!("{name:?} says nothing: name it by what it holds"))
            }),
        );
    }
    problems
}

/// The part of a path that is an empty name. A test crate's shared module may be `common` nowhere either.
fn empty_name(path: &str) -> Option<&str> {
    path.split('/').map(|part| part.split('.').next().unwrap_or(part)).find(|part| EMPTY_NAMES.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, lines: usize) -> usize {
        check(&Tree::of(&[(path, &"x\n".repeat(lines))])).len()
    }

    #[test]
    fn a_file_of_501_lines_is_too_long() {
        assert_eq!(problems("crates/a/src/b.rs", 500), 0);
        assert_eq!(problems("crates/a/src/b.rs", 501), 1);
        assert_eq!(problems(".ci/run", 501), 1);
    }

    #[test]
    fn a_flat_table_may_be_long_and_data_is_not_code() {
        assert_eq!(problems("prices/openai.toml", 4000), 0);
        assert_eq!(problems("crates/a/tests/data/rows.csv", 4000), 0);
    }

    #[test]
    fn names_that_say_nothing_are_told() {
        assert_eq!(problems("crates/a/src/utils.rs", 1), 1);
        assert_eq!(problems("crates/a/src/helpers/mod.rs", 1), 1);
        assert_eq!(problems("crates/a/src/price_list.rs", 1), 0);
    }
}
