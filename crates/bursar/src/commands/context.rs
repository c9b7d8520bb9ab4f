//! What the reading commands need to know: where the data lies, which prices hold, and who reads the output.

use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use bursar_core::Timestamp;
use bursar_prices::PriceBook;
use bursar_store::Reader;

/// What the reading commands need to know.
pub(crate) struct Context {
    /// The data folder.
    pub(crate) folder: PathBuf,
    /// The price list at hand.
    pub(crate) prices: Arc<PriceBook>,
    /// Whether the output is for a machine.
    pub(crate) json: bool,
}

impl Context {
    /// Opens the data folder for reading, beside a running server or without one.
    pub(crate) fn reader(&self) -> anyhow::Result<Reader> {
        anyhow::ensure!(
            self.folder.is_dir(),
            "there is no data folder {}; run bursar demo or bursar serve first, or name another with --folder",
            self.folder.display()
        );
        Ok(Reader::open(&self.folder)?)
    }

    /// The time now, by the machine's clock.
    pub(crate) fn now(&self) -> Timestamp {
        bursar_console::times::now()
    }
}

/// Prints an answer as indented JSON.
pub(crate) fn print_json(answer: &impl serde::Serialize) -> anyhow::Result<()> {
    print_text(&format!("{}\n", serde_json::to_string_pretty(answer)?))
}

/// Prints a text. A reader who has seen enough, such as `head`, is no error.
pub(crate) fn print_text(text: &str) -> anyhow::Result<()> {
    print_bytes(text.as_bytes())
}

/// As [`print_text`], for what others have rendered.
pub(crate) fn print_bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
