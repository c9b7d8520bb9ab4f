//! `cargo xtask tidy`: what the compiler and clippy cannot hold. Every problem is told at once, with its place
//! and what to do about it.

mod edges;
mod files;
mod floats;
mod functions;
mod links;
mod rust_tokens;
mod skipped;
mod test_names;
mod tree;
mod words;

use std::fmt;
use std::path::Path;

use rust_tokens::RustFile;
use tree::Tree;

/// Something to mend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    path: String,
    line: usize,
    /// What is wrong, and what to do about it.
    what: String,
}

/// What tidy found.
#[derive(Debug)]
pub(crate) struct Report {
    problems: Vec<Problem>,
    files: usize,
    functions: functions::Lengths,
}

/// Looks at every file of the project under `root` that version control would keep. Fails where a file cannot
/// be read.
pub(crate) fn run(root: &Path) -> anyhow::Result<Report> {
    Ok(Report::of(&Tree::read(root)?))
}

impl Problem {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Problem {
        Problem { path: path.to_owned(), line, what: what.into() }
    }
}

impl Report {
    fn of(tree: &Tree) -> Report {
        let (rust, mut problems) = RustFile::all(tree);
        problems.extend(edges::check(tree));
        problems.extend(files::check(tree));
        problems.extend(functions::check(&rust));
        problems.extend(floats::check(tree, &rust));
        problems.extend(words::check(&rust));
        problems.extend(skipped::check(tree));
        problems.extend(test_names::check(&rust));
        problems.extend(links::check(tree));
        problems.sort();
        problems.dedup();
        Report { problems, files: tree.files.len(), functions: functions::Lengths::of(&rust) }
    }

    /// Whether nothing is to be mended.
    pub(crate) fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{}:{}: {}", problem.path, problem.line, problem.what)?;
        }
        let count = self.problems.len();
        let verdict = if count == 0 { "tidy".to_owned() } else { format!("{count} to mend") };
        writeln!(f, "{verdict}: {} files, {}", self.files, self.functions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_project_itself_is_tidy() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let report = run(root).unwrap();
        assert!(report.is_clean(), "{report}");
    }

    #[test]
    fn a_report_tells_every_problem_with_its_place() {
        let tree = Tree::of(&[
            ("crates/bursar-gateway/src/utils.rs", "fn a() {\n    todo!()\n}\n"),
            ("docs/a.md", "[gone](nowhere.md)\n"),
        ]);
        let told = Report::of(&tree).to_string();
        assert!(told.contains("crates/bursar-gateway/src/utils.rs:1: "), "{told}");
        assert!(told.contains("crates/bursar-gateway/src/utils.rs:2: "), "{told}");
        assert!(told.contains("docs/a.md:1: "), "{told}");
    }
}
