//! The price list in force: what is built in, with the files of the overlay folder put over it, and read again
//! when they change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use bursar_prices::PriceBook;
use tokio::sync::watch;

use super::OVERLAY_PERIOD;
use crate::config::Config;

/// The folder whose price files overlay the built-in list.
pub(crate) fn overlay_folder(config: &Config) -> PathBuf {
    config.store.prices.clone().unwrap_or_else(|| config.store.folder.join("prices"))
}

/// The price list in force.
pub(crate) fn load_prices(config: &Config) -> anyhow::Result<Arc<PriceBook>> {
    load(&overlay_folder(config))
}

/// The built-in list with a folder's price files put over it.
pub(crate) fn load(folder: &Path) -> anyhow::Result<Arc<PriceBook>> {
    let texts = overlay_texts(folder)?;
    if texts.is_empty() {
        return Ok(Arc::clone(PriceBook::embedded()));
    }
    Ok(Arc::new(PriceBook::embedded().with_overlay(texts)?))
}

/// Names and texts of a folder's price files, in the order in which they are put over each other.
pub(crate) fn overlay_texts(folder: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path);
        let text = text.with_context(|| format!("the price file {} cannot be read", path.display()))?;
        Ok((path.display().to_string(), text))
    };
    overlay_files(folder)?.iter().map(read).collect()
}

fn overlay_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("the price folder {} cannot be read", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Names, sizes and times of the overlay's files: equal as long as nothing changed.
fn state_of(folder: &Path) -> Vec<(PathBuf, u64, Option<SystemTime>)> {
    let files = overlay_files(folder).unwrap_or_default();
    let state = |path: PathBuf| {
        let facts = std::fs::metadata(&path).ok();
        let size = facts.as_ref().map_or(0, std::fs::Metadata::len);
        (path, size, facts.and_then(|f| f.modified().ok()))
    };
    files.into_iter().map(state).collect()
}

/// Reads the overlay again whenever it changes. A file that is wrong is logged, and the list in force stays.
pub(super) fn watch_overlay(
    config: &Config,
    book: Arc<ArcSwap<PriceBook>>,
    mut stopped: watch::Receiver<bool>,
) {
    let folder = overlay_folder(config);
    let mut known = state_of(&folder);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = stopped.changed() => return,
                () = tokio::time::sleep(OVERLAY_PERIOD) => {}
            }
            let now = state_of(&folder);
            if now == known {
                continue;
            }
            known = now;
            match load(&folder) {
                Ok(fresh) => {
                    tracing::info!(version = %fresh.version, "the price list was read again");
                    book.store(fresh);
                }
                Err(error) => tracing::error!(
                    error = format!("{error:#}"),
                    "the price files are wrong; the list in force stays"
                ),
            }
        }
    });
}
