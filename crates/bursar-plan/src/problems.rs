//! What is wrong with a text that was read: every problem, by line, with what to do about it.

use std::fmt;

/// How many problems are kept; further ones are counted.
pub const KEPT: usize = 100;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The line, counted from 1; `None` where it concerns the text as a whole.
    pub line: Option<u64>,
    /// The column or field; empty where it concerns the line as a whole.
    pub field: String,
    /// What is wrong, and what to do.
    pub what: String,
}

/// Everything that is wrong with one text, in the order of its lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    /// The text's name, such as `usage.csv`.
    pub file: String,
    /// At most [`KEPT`] problems.
    pub kept: Vec<Problem>,
    /// How many problems were found besides.
    pub further: u64,
}

impl Problems {
    /// No problem yet.
    #[must_use]
    pub fn of(file: &str) -> Problems {
        Problems { file: file.to_owned(), ..Problems::default() }
    }

    /// Adds a problem, or counts it where enough are kept.
    pub fn add(&mut self, line: impl Into<Option<u64>>, field: &str, what: impl Into<String>) {
        if self.kept.len() < KEPT {
            self.kept.push(Problem { line: line.into(), field: field.to_owned(), what: what.into() });
        } else {
            self.further += 1;
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// What was read, or everything that is wrong with it. What is not whole has a problem that says why, so `None`
    /// comes with one.
    pub(crate) fn or<T>(mut self, read: Option<T>) -> Result<T, Problems> {
        match read {
            Some(read) if self.is_empty() => Ok(read),
            _ => {
                self.kept.sort_by_key(|p| p.line);
                Err(self)
            }
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.field.as_str()) {
            (Some(line), "") => write!(f, "line {line}: {}", self.what),
            (Some(line), field) => write!(f, "line {line}, {field}: {}", self.what),
            (None, "") => f.write_str(&self.what),
            (None, field) => write!(f, "{field}: {}", self.what),
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.kept.len() as u64 + self.further;
        write!(f, "{count} problem{} in {}", if count == 1 { "" } else { "s" }, self.file)?;
        for problem in &self.kept {
            write!(f, "\n  {problem}")?;
        }
        if self.further > 0 {
            write!(f, "\n  and {} more", self.further)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// `; did you mean "x"?` where a word is close to a known one.
pub(crate) fn suggestion(word: &str, known: &[&str]) -> String {
    const SLIP: usize = 2;
    let near = known.iter().map(|k| (strsim::damerau_levenshtein(word, k), *k)).min();
    let begins = || known.iter().find(|k| word.len() >= 3 && k.starts_with(word)).copied();
    let nearest = match near {
        Some((off, known)) if off <= SLIP && off < known.len() => Some(known),
        _ => begins(),
    };
    nearest.map(|known| format!("; did you mean {known:?}?")).unwrap_or_default()
}

/// A text of a reader's file as a message shows it: cut where it is long.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 40;
    if text.chars().count() <= LONGEST {
        return format!("{text:?}");
    }
    let cut: String = text.chars().take(LONGEST).collect();
    format!("{cut:?}…")
}

/// A count with its unit: `1 step`, `2 steps`.
pub(crate) fn counted(n: u64, unit: &str) -> String {
    if n == 1 { format!("1 {unit}") } else { format!("{n} {unit}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_beyond_the_kept_ones_are_counted_and_told() {
        let mut problems = Problems::of("usage.csv");
        (0..102).for_each(|i| problems.add(i, "output", "is not a number"));
        let told = problems.to_string();
        assert!(told.starts_with("102 problems in usage.csv\n  line 0, output: is not a number"), "{told}");
        assert!(told.ends_with("\n  and 2 more"), "{told}");
    }

    #[test]
    fn a_word_close_to_a_known_one_is_suggested_and_a_far_one_is_not() {
        assert_eq!(suggestion("regoin", &["region", "name"]), "; did you mean \"region\"?");
        assert_eq!(suggestion("cached", &["cached_input", "input"]), "; did you mean \"cached_input\"?");
        assert_eq!(suggestion("colour", &["region", "name"]), "");
    }
}
