//! A test's name is a sentence that says what holds.

use super::Problem;
use super::rust_tokens::RustFile;

const FEWEST_WORDS: usize = 4;

pub(super) fn check(files: &[RustFile]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in files {
        for test in file.functions.iter().filter(|f| f.is_test) {
            let words: Vec<&str> = test.name.split('_').filter(|w| !w.is_empty()).collect();
            if words.len() < FEWEST_WORDS || words[0] == "test" {
                let what = format!("{:?} is no sentence: name the test by what holds", test.name);
                problems.push(Problem::new(&file.path, test.line, what));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::Tree;

    fn problems(name: &str) -> usize {
        let text = format!("#[test]\nfn {name}() {{}}\nfn short() {{}}\n");
        check(&RustFile::all(&Tree::of(&[("a.rs", &text)])).0).len()
    }

    #[test]
    fn a_test_is_named_by_a_sentence_of_four_words_or_more() {
        assert_eq!(problems("settling_twice_books_once"), 0);
        assert_eq!(problems("settle_twice"), 1);
        assert_eq!(problems("test_settle_twice_books_once"), 1);
    }
}
