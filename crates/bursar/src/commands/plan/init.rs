//! `bursar plan init`: example files to begin with.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use bursar_core::Timestamp;
use bursar_plan::demand::{SHIPPED_TRACE, trace_as_usage};
use clap::Args;
use flate2::read::GzDecoder;

use crate::cli::GlobalArgs;
use crate::commands::context::{print_json, print_text};

const TEXTS: [(&str, &str); 4] = [
    ("README.txt", include_str!("example/README.txt")),
    ("constraints.toml", include_str!("example/constraints.toml")),
    ("supply.toml", include_str!("example/supply.toml")),
    ("tco.toml", include_str!("example/tco.toml")),
];

/// Where to.
#[derive(Clone, Debug, Args)]
pub(super) struct InitArgs {
    /// The folder, which is made where there is none
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Write over files that exist
    #[arg(long)]
    force: bool,
}

/// Writes every file, or none where one is there already.
pub(super) fn run(args: &InitArgs, global: &GlobalArgs) -> anyhow::Result<ExitCode> {
    let mut files: Vec<(&str, String)> =
        TEXTS.into_iter().map(|(name, text)| (name, text.to_owned())).collect();
    files.push(("usage.csv", usage()?));
    let there: Vec<&str> =
        files.iter().map(|(name, _)| *name).filter(|name| args.folder.join(name).exists()).collect();
    anyhow::ensure!(
        args.force || there.is_empty(),
        "{} has {} already; --force writes over them",
        args.folder.display(),
        there.join(", ")
    );
    std::fs::create_dir_all(&args.folder)
        .with_context(|| format!("the folder {} cannot be made", args.folder.display()))?;
    let mut written = Vec::new();
    for (name, text) in &files {
        written.push(write(&args.folder.join(name), text, args.force)?);
    }
    if global.json() {
        print_json(&serde_json::json!({ "written": written }))?;
    } else {
        let lines: Vec<String> = written.iter().map(|path| format!("wrote {}\n", path.display())).collect();
        let readme = args.folder.join("README.txt");
        print_text(&format!("{}{} has a first plan to paste\n", lines.concat(), readme.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The production trace that comes with Bursar, as a usage file.
fn usage() -> anyhow::Result<String> {
    let mut trace = String::new();
    GzDecoder::new(SHIPPED_TRACE).read_to_string(&mut trace)?;
    let start = Timestamp::from_date(2026, 11, 2).context("a day of the calendar")?;
    trace_as_usage(&trace, start).context("the trace that comes with Bursar cannot be read")
}

fn write(path: &Path, text: &str, force: bool) -> anyhow::Result<PathBuf> {
    let cannot = || format!("{} cannot be written", path.display());
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(force).truncate(force).create_new(!force);
    let mut file = options.open(path).with_context(cannot)?;
    file.write_all(text.as_bytes()).with_context(cannot)?;
    Ok(path.to_owned())
}
