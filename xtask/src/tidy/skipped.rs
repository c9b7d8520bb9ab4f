//! The SDK suites: no test switched off there either, and lock files without the registry they came from.

use super::Problem;
use super::tree::Tree;

/// An end of a path, a text that must not stand in such a file, and what to do instead.
const BANNED: &[(&str, &str, &str)] = &[
    (".py", "pytest.mark.skip", SWITCHED_OFF),
    (".py", "pytest.mark.xfail", SWITCHED_OFF),
    (".py", "pytest.skip(", SWITCHED_OFF),
    (".mjs", "test.skip(", SWITCHED_OFF),
    (".mjs", "test.only(", "this leaves the other tests out: take `.only` away"),
    (".mjs", "skip: true", SWITCHED_OFF),
    (
        "package-lock.json",
        "\"resolved\":",
        "a lock file names no registry: npm config set omit-lockfile-registry-resolved true",
    ),
];

const SWITCHED_OFF: &str = "a test that is switched off shows nothing: mend it or take it out";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (end, word, what) in BANNED {
        for (path, text) in tree.texts(end) {
            let lines = text.lines().enumerate().filter(|(_, line)| line.contains(word));
            problems.extend(lines.map(|(i, _)| Problem::new(path, i + 1, *what)));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skipped_test_of_an_sdk_suite_is_told() {
        let tree = Tree::of(&[
            ("sdk-tests/python/test_a.py", "import pytest\n@pytest.mark.skip\ndef test_a(): pass\n"),
            ("sdk-tests/node/a.test.mjs", "test.skip('a', () => {});\n"),
        ]);
        assert_eq!(check(&tree).iter().map(|p| p.line).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn a_lock_file_that_names_a_registry_is_told() {
        let tree = Tree::of(&[("a/package-lock.json", "{\n  \"resolved\": \"https://x\"\n}\n")]);
        assert_eq!(check(&tree)[0].line, 2);
    }
}
