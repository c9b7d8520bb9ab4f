//! No floating-point number in a crate through which money passes.

use super::Problem;
use super::rust_tokens::RustFile;
use super::tree::Tree;

/// Folders through which money, or what becomes money, passes.
const MONEY_PATH: &[&str] = &[
    "crates/bursar-core/",
    "crates/bursar-wire/",
    "crates/bursar-prices/",
    "crates/bursar-store/",
    "crates/bursar-gateway/",
    "crates/bursar-console/",
    "crates/bursar/",
    "crates/bursar-scripted/src/books.rs",
    "crates/bursar-scripted/src/price_table.rs",
    "crates/bursar-scripted/src/soak/",
];

/// Files on it that may use floats all the same, and why no money can pass there.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("crates/bursar-wire/src/request/scalar.rs", "a JSON number of a request, told apart from whole ones"),
    ("crates/bursar-wire/src/request/walk.rs", "serde's visitor has a method of that name"),
    ("crates/bursar-wire/src/request/json.rs", "tells a negative number of a request from a limit"),
    ("crates/bursar-wire/examples/counting.rs", "the error of estimates, for people to read"),
    ("crates/bursar-wire/tests/recorded/mod.rs", "the error of estimates, for people to read"),
    ("crates/bursar-wire/tests/recorded_requests.rs", "the error of estimates, for people to read"),
];

pub(super) fn check(tree: &Tree, files: &[RustFile]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in files.iter().filter(|f| MONEY_PATH.iter().any(|m| f.path.starts_with(m))) {
        let names = file.names.iter().filter(|n| names_a_float(&n.word));
        let literals = file.literals.iter().filter(|l| is_float_literal(&l.word));
        let mut found = names.chain(literals).peekable();
        match EXCEPTIONS.iter().find(|(path, _)| *path == file.path) {
            Some(_) if found.peek().is_none() => {
                let what = "has no float any more: take it out of xtask/src/tidy/floats.rs";
                problems.push(Problem::new(&file.path, 1, what));
            }
            Some(_) => {}
            None => problems.extend(found.map(|s| {
                let what = format!(
                    "`{}` on the money path: use Money, UnitPrice or an integer (or list the file with its reason \
                     in xtask/src/tidy/floats.rs)",
                    s.word
                );
                Problem::new(&file.path, s.line, what)
            })),
        }
    }
    let is_project = tree.has("xtask/src/tidy/floats.rs");
    let gone = EXCEPTIONS.iter().filter(|(path, _)| is_project && !tree.has(path));
    problems.extend(gone.map(|(path, _)| {
        Problem::new("xtask/src/tidy/floats.rs", 1, format!("{path} is gone: take it out of the exceptions"))
    }));
    problems
}

/// `f64`, and methods such as `as_f64`.
fn names_a_float(name: &str) -> bool {
    name.split('_').any(|part| matches!(part, "f32" | "f64"))
}

/// `1.5`, `1e3`, `2f64`; not `1_000u64`, `0xe1` or a text.
fn is_float_literal(literal: &str) -> bool {
    let number = literal.starts_with(|c: char| c.is_ascii_digit()) && !literal.starts_with("0x");
    let suffix = literal.ends_with("f32") || literal.ends_with("f64");
    let exponent = || {
        literal.split_once('e').is_some_and(|(_, e)| e.starts_with(|c: char| c.is_ascii_digit() || c == '-'))
    };
    number && (suffix || literal.contains('.') || exponent())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> usize {
        let tree = Tree::of(&[(path, text)]);
        check(&tree, &RustFile::all(&tree).0).len()
    }

    #[test]
    fn a_float_on_the_money_path_is_told_in_every_form() {
        for text in
            ["const A: f64 = 1;", "fn a(x: X) { x.as_f64(); }", "fn a() { b(1.5) }", "fn a() { b(1e9) }"]
        {
            assert_eq!(problems("crates/bursar-core/src/money.rs", text), 1, "{text}");
        }
        assert_eq!(
            problems("crates/bursar-core/src/money.rs", "fn a(x: u64) { b(0xe1, 1_000u64, \"1.5\") }"),
            0
        );
    }

    #[test]
    fn floats_elsewhere_and_in_listed_files_are_fine() {
        assert_eq!(problems("crates/bursar-scripted/src/load/latencies.rs", "const A: f64 = 1.0;"), 0);
        assert_eq!(problems(EXCEPTIONS[0].0, "const A: f64 = 1.0;"), 0);
    }

    #[test]
    fn an_exception_that_nothing_needs_is_told() {
        assert_eq!(problems(EXCEPTIONS[0].0, "const A: u64 = 1;"), 1);
    }

    #[test]
    fn an_exception_for_a_file_that_is_gone_is_told() {
        assert_eq!(problems("xtask/src/tidy/floats.rs", ""), EXCEPTIONS.len());
    }
}
