//! What is wrong with a configuration, all of it at once.

use std::fmt;
use std::path::{Path, PathBuf};

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The path of the field, such as `provider[1].base_url`.
    pub(crate) path: String,
    /// What is wrong and what to do.
    pub(crate) message: String,
}

/// Everything that is wrong with one configuration.
#[derive(Clone, Debug)]
pub(crate) struct ConfigProblems {
    file: Option<PathBuf>,
    problems: Vec<Problem>,
}

impl Problem {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem { path: path.into(), message: message.into() }
    }
}

impl ConfigProblems {
    pub(crate) fn of(file: Option<PathBuf>, problems: Vec<Problem>) -> ConfigProblems {
        ConfigProblems { file, problems }
    }

    pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> ConfigProblems {
        let message = format!("cannot be read: {error}; name another with --config FILE");
        ConfigProblems { file: Some(path.to_owned()), problems: vec![Problem::new("", message)] }
    }

    pub(crate) fn not_toml(file: Option<&Path>, error: &toml::de::Error) -> ConfigProblems {
        let problems = vec![Problem::new("", format!("is not valid TOML: {error}"))];
        ConfigProblems { file: file.map(Path::to_owned), problems }
    }

    /// The problems, one by one.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter()
    }
}

impl fmt::Display for ConfigProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_deref().unwrap_or(Path::new("the configuration")).display();
        let count = self.problems.len();
        writeln!(f, "{file}: {count} problem{}", if count == 1 { "" } else { "s" })?;
        for Problem { path, message } in &self.problems {
            let separator = if path.is_empty() { "" } else { ": " };
            writeln!(f, "  {path}{separator}{message}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigProblems {}
