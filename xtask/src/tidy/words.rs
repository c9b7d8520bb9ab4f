//! Words that must not stand in Rust code: work left undone, tests switched off, lints silenced without a word.

use super::Problem;
use super::rust_tokens::{Attribute, RustFile};

pub(super) fn check(files: &[RustFile]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in files {
        for found in
            file.macros.iter().filter(|m| matches!(m.word.as_str(), "todo" | "unimplemented" | "dbg"))
        {
            let what = format!("`{}!` is work left undone: write it, or leave it out", found.word);
            problems.push(Problem::new(&file.path, found.line, what));
        }
        for attribute in &file.attributes {
            problems.extend(wrong(attribute).map(|what| Problem::new(&file.path, attribute.line, what)));
        }
    }
    problems
}

fn wrong(attribute: &Attribute) -> Option<&'static str> {
    let silences = |lint: &str| match lint {
        "allow" if !attribute.content.contains("reason") => Some(
            "`allow` without a reason: use `#[expect(…, reason = \"…\")]`, which tells when nothing needs it",
        ),
        "expect" if !attribute.content.contains("reason") => Some("`expect` without a reason: say why"),
        "ignore" => Some("a test that is switched off shows nothing: mend it or take it out"),
        _ => None,
    };
    match attribute.name.as_str() {
        "cfg_attr" => ["allow", "ignore"]
            .into_iter()
            .find(|lint| {
                attribute.content.contains(&format!("{lint}("))
                    || attribute.content.ends_with(&format!("{lint})"))
            })
            .and_then(silences),
        name => silences(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::Tree;

    fn lines(text: &str) -> Vec<usize> {
        let (files, _) = RustFile::all(&Tree::of(&[("a.rs", text)]));
        check(&files).into_iter().map(|p| p.line).collect()
    }

    #[test]
    fn work_left_undone_is_told() {
        assert_eq!(lines("fn a() {\n    todo!()\n}\nfn b() {\n    unimplemented!(\"later\")\n}"), [2, 5]);
    }

    #[test]
    fn a_test_that_is_switched_off_is_told() {
        assert_eq!(lines("#[test]\n#[ignore]\nfn a() {}"), [2]);
        assert_eq!(lines("#[test]\n#[ignore = \"slow\"]\nfn a() {}"), [2]);
        assert_eq!(lines("#[cfg_attr(unix, ignore)]\nfn a() {}"), [1]);
    }

    #[test]
    fn a_lint_is_silenced_with_a_reason_only() {
        assert_eq!(lines("#[allow(dead_code)]\nfn a() {}"), [1]);
        assert_eq!(lines("#![allow(dead_code)]"), [1]);
        assert_eq!(lines("#[expect(dead_code)]\nfn a() {}"), [1]);
        assert_eq!(lines("#[allow(dead_code, reason = \"one of two binaries uses it\")]\nfn a() {}"), [0; 0]);
        assert_eq!(lines("#[expect(dead_code, reason = \"read by the debugger\")]\nfn a() {}"), [0; 0]);
    }
}
