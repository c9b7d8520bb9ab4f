//! Asking before something is done that cannot be taken back.

use std::io::{IsTerminal as _, Write as _};

/// Shows what would be done, and asks. Without a terminal to ask on, it is an error that says `--yes`.
pub(crate) fn confirmed(preview: &str, without_terminal: &str, question: &str) -> anyhow::Result<bool> {
    eprint!("{preview}");
    anyhow::ensure!(std::io::stdin().is_terminal(), "{without_terminal}; run it again with --yes");
    eprint!("{question} [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
