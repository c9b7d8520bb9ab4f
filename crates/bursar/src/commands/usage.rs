//! `bursar usage`: recorded responses in, their parsed meters out, so that anyone can score them.

mod line;
mod summary;

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::context::{print_json, print_text};
use super::input_file::{self, STANDARD};
use line::parse;
use summary::Summary;

/// The longest recording that is read, in bytes of its line.
const LONGEST_LINE: u64 = 64 << 20;

/// What to read and where to write it.
#[derive(Clone, Debug, Args)]
pub(crate) struct UsageArgs {
    /// Recorded responses, one JSON object per line; gzipped where the name ends in .gz, - for standard input
    #[arg(long, value_name = "FILE")]
    fixtures: PathBuf,
    /// Where the meters are written, one JSON object per recording; gzipped where the name ends in .gz, - for
    /// standard output
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Parses every recording and closes with a summary. Problems found: a recording that cannot be read, or meters
/// that miss the provider's own total without an exception.
pub(crate) fn run(args: &UsageArgs, json: bool) -> anyhow::Result<ExitCode> {
    refuse_to_overwrite_the_input(args)?;
    let bar = progress_bar(&args.fixtures);
    let packed = bar.wrap_read(input_file::open(&args.fixtures)?);
    let input = BufReader::new(input_file::unpacked(&args.fixtures, packed));
    let whose = || format!("{} was read in part", args.fixtures.display());
    let summary = match output(&args.out)? {
        Output::Plain(out) => convert(input, out, &bar).with_context(whose)?.0,
        Output::Gzip(out) => {
            let (summary, out) = convert(input, out, &bar).with_context(whose)?;
            let inner = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            inner.finish()?.flush()?;
            summary
        }
    };
    bar.finish_and_clear();
    tell(&summary, args, json)?;
    Ok(if summary.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(summary: &Summary, args: &UsageArgs, json: bool) -> anyhow::Result<()> {
    let to_standard = args.out == Path::new(STANDARD);
    let out = if to_standard { "standard output".to_owned() } else { args.out.display().to_string() };
    let text = summary.text(&out);
    match (to_standard, json) {
        (true, true) => eprintln!("{}", serde_json::to_string_pretty(&summary.answer())?),
        (true, false) => eprint!("{text}"),
        (false, true) => print_json(&summary.answer())?,
        (false, false) => print_text(&text)?,
    }
    Ok(())
}

/// Opening the output would empty the input before it is read.
fn refuse_to_overwrite_the_input(args: &UsageArgs) -> anyhow::Result<()> {
    let same = match (args.fixtures.canonicalize(), args.out.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    };
    anyhow::ensure!(!same, "--out names the recordings themselves; name another file");
    Ok(())
}

/// Bytes of the file as it lies on the disk; a spinner where their number is not known.
fn progress_bar(path: &Path) -> ProgressBar {
    let size = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|m| m.len());
    let target = ProgressDrawTarget::stderr_with_hz(4);
    let bar = ProgressBar::with_draw_target(size, target);
    let shown = "{bar:36} {bytes}/{total_bytes}  {msg}";
    let template = if size.is_some() { shown } else { "{spinner} {bytes}  {msg}" };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

enum Output {
    Plain(Box<dyn Write>),
    Gzip(BufWriter<GzEncoder<Box<dyn Write>>>),
}

fn output(path: &Path) -> anyhow::Result<Output> {
    let raw: Box<dyn Write> = if path == Path::new(STANDARD) {
        Box::new(std::io::stdout().lock())
    } else {
        Box::new(File::create(path).with_context(|| format!("cannot write {}", path.display()))?)
    };
    if input_file::is_gzip(path) {
        return Ok(Output::Gzip(BufWriter::new(GzEncoder::new(raw, Compression::default()))));
    }
    Ok(Output::Plain(Box::new(BufWriter::new(raw))))
}

/// One line out for each line in, whatever it holds; empty lines are passed over.
fn convert<W: Write>(mut input: impl BufRead, mut out: W, bar: &ProgressBar) -> anyhow::Result<(Summary, W)> {
    let mut summary = Summary::default();
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let length = (&mut input).take(LONGEST_LINE).read_until(b'\n', &mut line);
        let length = length.with_context(|| format!("line {number} cannot be read"))?;
        if length == 0 {
            break;
        }
        let whole = line.ends_with(b"\n") || (length as u64) < LONGEST_LINE;
        anyhow::ensure!(whole, "line {number} is longer than {} MiB", LONGEST_LINE >> 20);
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let parsed = parse(number, &line);
        serde_json::to_writer(&mut out, &parsed.answer()).context("the output cannot be written")?;
        out.write_all(b"\n").context("the output cannot be written")?;
        summary.add(&parsed);
        bar.set_message(format!("{} recordings", summary.recordings()));
    }
    out.flush().context("the output cannot be written")?;
    Ok((summary, out))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDINGS: &str = include_str!("usage/recordings.jsonl");

    fn converted(text: &str) -> (Summary, String) {
        let (summary, out) = convert(text.as_bytes(), Vec::new(), &ProgressBar::hidden()).unwrap();
        (summary, String::from_utf8(out).unwrap())
    }

    #[test]
    fn every_recording_becomes_one_line_of_disjoint_meters() {
        insta::assert_snapshot!(converted(RECORDINGS).1);
    }

    #[test]
    fn the_summary_counts_what_agrees_and_what_shows_an_exception_by_kind() {
        insta::assert_snapshot!(converted(RECORDINGS).0.text("usage.jsonl"));
    }

    #[test]
    fn a_line_that_is_no_recording_is_told_with_its_number_and_the_rest_goes_on() {
        let text = format!("\n{{\"id\":\"broken\"\n[]\n{RECORDINGS}");
        let (summary, out) = converted(&text);
        assert!(!summary.is_good());
        let first: Vec<&str> = out.lines().take(2).collect();
        assert!(first[0].contains("\"line\":2") && first[0].contains("unreadable"), "{}", first[0]);
        assert!(first[1].contains("\"line\":3") && first[1].contains("is no object"), "{}", first[1]);
        assert_eq!(out.lines().count(), 2 + RECORDINGS.lines().count());
    }

    #[test]
    fn files_are_packed_and_unpacked_by_their_suffix() {
        let folder = tempfile::tempdir().unwrap();
        let (fixtures, out) = (folder.path().join("in.jsonl.gz"), folder.path().join("out.jsonl.gz"));
        let mut gz = GzEncoder::new(File::create(&fixtures).unwrap(), Compression::fast());
        gz.write_all(RECORDINGS.as_bytes()).unwrap();
        gz.finish().unwrap();
        let args = UsageArgs { fixtures: fixtures.clone(), out: out.clone() };
        assert_eq!(run(&args, false).unwrap(), ExitCode::SUCCESS);
        assert_eq!(input_file::read_text(&out, 1 << 20).unwrap(), converted(RECORDINGS).1);
        let same = UsageArgs { fixtures: fixtures.clone(), out: fixtures };
        assert!(run(&same, false).unwrap_err().to_string().contains("another file"));
    }

    #[test]
    fn a_file_that_is_cut_off_is_named_with_the_line() {
        let folder = tempfile::tempdir().unwrap();
        let (fixtures, out) = (folder.path().join("cut.jsonl.gz"), folder.path().join("out.jsonl"));
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        gz.write_all(RECORDINGS.as_bytes()).unwrap();
        let packed = gz.finish().unwrap();
        std::fs::write(&fixtures, &packed[..packed.len() / 2]).unwrap();
        let told = format!("{:#}", run(&UsageArgs { fixtures, out }, false).unwrap_err());
        assert!(told.contains("cut.jsonl.gz was read in part: line "), "{told}");
    }

    #[test]
    fn many_lines_that_are_no_recordings_do_not_flood_the_summary() {
        let told = converted(&"[]\n".repeat(50)).0.text("out");
        assert_eq!(told.lines().filter(|line| line.starts_with("! line")).count(), 10, "{told}");
        assert!(told.contains("! and 40 more") && told.contains("50  could not be read"), "{told}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let args =
            UsageArgs { fixtures: folder.path().join("missing.jsonl"), out: folder.path().join("out.jsonl") };
        assert!(format!("{:#}", run(&args, false).unwrap_err()).contains("missing.jsonl"));
        assert!(!folder.path().join("out.jsonl").exists());
    }
}
