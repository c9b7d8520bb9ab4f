//! How long a function may be: none above 70 lines, nine of ten within 26.

use std::fmt;

use super::Problem;
use super::rust_tokens::RustFile;

const LONGEST: usize = 70;
const NINE_OF_TEN: usize = 26;

/// How long functions are, in lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lengths {
    count: usize,
    nine_of_ten: usize,
    longest: usize,
}

impl Lengths {
    pub(super) fn of(files: &[RustFile]) -> Lengths {
        let mut lines: Vec<usize> = files.iter().flat_map(|f| &f.functions).map(|f| f.lines).collect();
        lines.sort_unstable();
        let count = lines.len();
        let nine_of_ten = (count * 9).div_ceil(10).checked_sub(1).map_or(0, |i| lines[i]);
        Lengths { count, nine_of_ten, longest: lines.last().copied().unwrap_or(0) }
    }
}

impl fmt::Display for Lengths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Lengths { count, nine_of_ten, longest } = self;
        write!(f, "{count} functions, nine of ten within {nine_of_ten} lines, the longest {longest}")
    }
}

pub(super) fn check(files: &[RustFile]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in files {
        for function in file.functions.iter().filter(|f| f.lines > LONGEST) {
            let (name, lines) = (&function.name, function.lines);
            let what = format!("{name} has {lines} lines, more than {LONGEST}: take its steps apart");
            problems.push(Problem::new(&file.path, function.line, what));
        }
    }
    let lengths = Lengths::of(files);
    if lengths.nine_of_ten > NINE_OF_TEN {
        let what =
            format!("{lengths}; nine of ten should be within {NINE_OF_TEN}: shorten what you last wrote");
        problems.push(Problem::new("crates", 1, what));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::Tree;

    fn function(lines: usize) -> String {
        format!("fn a() {{\n{}}}\n", "    b();\n".repeat(lines - 2))
    }

    fn problems(text: &str) -> Vec<String> {
        let (files, _) = RustFile::all(&Tree::of(&[("crates/a/src/b.rs", text)]));
        check(&files).into_iter().map(|p| p.what).collect()
    }

    #[test]
    fn a_function_of_71_lines_is_too_long() {
        let short = function(3).repeat(20);
        assert!(problems(&(short.clone() + &function(70))).is_empty());
        assert!(problems(&(short + &function(71)))[0].contains("a has 71 lines"));
    }

    #[test]
    fn nine_of_ten_functions_are_within_26_lines() {
        let nine = function(26).repeat(9);
        assert!(problems(&(nine.clone() + &function(60))).is_empty());
        let told = problems(&(nine + &function(60).repeat(2)));
        assert!(told[0].contains("nine of ten within 60 lines"), "{told:?}");
    }

    #[test]
    fn a_project_without_functions_has_lengths_of_nothing() {
        assert_eq!(Lengths::of(&[]), Lengths { count: 0, nine_of_ten: 0, longest: 0 });
    }
}
