//! Real request traces: when requests arrived, and how many tokens each sent and received.
//!
//! The rows are those of four public traces; `data/NOTICE` names them and their licences.

use std::io::Read as _;
use std::time::Duration;

use flate2::read::GzDecoder;

static SAMPLE: &[u8] = include_bytes!("../data/requests_sample.csv.gz");

/// One of the traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trace {
    /// Conversations at Azure, November 2023.
    AzureConversation,
    /// Code completions at Azure, November 2023.
    AzureCode,
    /// Conversations at Moonshot AI, from the Mooncake traces.
    MooncakeConversation,
    /// The synthetic one of the Mooncake traces, with longer prompts.
    MooncakeSynthetic,
}

impl Trace {
    /// Every trace, in the order of the file.
    pub const ALL: [Trace; 4] =
        [Trace::AzureConversation, Trace::AzureCode, Trace::MooncakeConversation, Trace::MooncakeSynthetic];

    /// The name in the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Trace::AzureConversation => "azure2023_conv",
            Trace::AzureCode => "azure2023_code",
            Trace::MooncakeConversation => "mooncake_conversation",
            Trace::MooncakeSynthetic => "mooncake_synthetic",
        }
    }
}

/// One request of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceRow {
    /// The trace that it belongs to.
    pub trace: Trace,
    /// When it arrived, counted from the trace's first request.
    pub at: Duration,
    /// Tokens sent.
    pub input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// Leading blocks of 512 tokens that an earlier request had sent already; `None` where the trace does not say.
    pub prefix_blocks: Option<u64>,
}

impl TraceRow {
    /// Tokens that a prompt cache would have held: whole blocks, and never all of the prompt.
    #[must_use]
    pub fn cached_tokens(&self) -> u64 {
        (self.prefix_blocks.unwrap_or(0) * 512).min(self.input_tokens.saturating_sub(1))
    }
}

/// Why a trace file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file is no gzip of text.
    #[error("the trace file cannot be unpacked: {0}")]
    Unpack(#[from] std::io::Error),
    /// A line is not as the format prescribes.
    #[error("line {line} of the trace file is wrong: {text:?}")]
    Line {
        /// The line's number, from 1.
        line: usize,
        /// What it says.
        text: String,
    },
}

/// The rows that the crate carries: 44,209 requests, trace by trace, each in order of time.
pub fn sample() -> Result<Vec<TraceRow>, TraceError> {
    let mut text = String::new();
    GzDecoder::new(SAMPLE).read_to_string(&mut text)?;
    parse(&text)
}

/// All traces as one: rows by time of arrival, where every trace begins at zero.
#[must_use]
pub fn merged(mut rows: Vec<TraceRow>) -> Vec<TraceRow> {
    rows.sort_by_key(|row| (row.at, row.trace));
    rows
}

/// Reads the text that `data/make_requests_sample.py` describes.
fn parse(text: &str) -> Result<Vec<TraceRow>, TraceError> {
    let (mut trace, mut at) = (None, Duration::ZERO);
    let mut rows = Vec::with_capacity(45_000);
    for (i, line) in text.lines().enumerate() {
        let wrong = || TraceError::Line { line: i + 1, text: line.to_owned() };
        if let Some(name) = line.strip_prefix('#') {
            trace = Some(Trace::ALL.into_iter().find(|t| t.name() == name).ok_or_else(wrong)?);
            at = Duration::ZERO;
            continue;
        }
        let fields: Vec<u64> = line
            .split(',')
            .map(|f| if f.is_empty() { Ok(0) } else { f.parse() })
            .collect::<Result<_, _>>()
            .map_err(|_| wrong())?;
        let (&[wait, input_tokens, output_tokens, ref rest @ ..], Some(trace)) = (fields.as_slice(), trace)
        else {
            return Err(wrong());
        };
        at += Duration::from_millis(wait);
        rows.push(TraceRow { trace, at, input_tokens, output_tokens, prefix_blocks: rest.first().copied() });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(trace: Trace) -> Vec<TraceRow> {
        sample().unwrap().into_iter().filter(|r| r.trace == trace).collect()
    }

    #[test]
    fn the_rows_are_those_of_the_public_traces() {
        let counts = Trace::ALL.map(|t| of(t).len());
        assert_eq!(counts, [19_366, 8_819, 12_031, 3_993]);
        let sums = Trace::ALL.map(|t| {
            let rows = of(t);
            (
                rows.iter().map(|r| r.input_tokens).sum::<u64>(),
                rows.iter().map(|r| r.output_tokens).sum::<u64>(),
            )
        });
        assert_eq!(sums, SUMS);
        let first = of(Trace::AzureConversation);
        assert_eq!(
            (first[1].at, first[1].input_tokens, first[1].output_tokens),
            (Duration::from_millis(4_315), 396, 109)
        );
        let last = of(Trace::MooncakeSynthetic).pop().unwrap();
        assert_eq!(
            (last.at, last.input_tokens, last.output_tokens, last.prefix_blocks),
            (Duration::from_millis(1_022_025), 18_440, 83, Some(36))
        );
    }

    #[test]
    fn every_trace_runs_forward_in_time_and_so_do_all_together() {
        let all = merged(sample().unwrap());
        assert_eq!(all.len(), 44_209);
        assert!(all.is_sorted_by_key(|r| r.at));
    }

    #[test]
    fn cached_blocks_never_cover_the_whole_prompt() {
        assert!(sample().unwrap().iter().all(|r| r.cached_tokens() < r.input_tokens.max(1)));
    }

    #[test]
    fn a_line_that_is_wrong_is_named() {
        let error = parse("#azure2023_conv\n1,2,3\nx,2,3\n").unwrap_err();
        assert_eq!(error.to_string(), r#"line 3 of the trace file is wrong: "x,2,3""#);
        assert!(parse("1,2,3\n").is_err());
    }

    /// Sums of tokens sent and received, taken from the source file.
    const SUMS: [(u64, u64); 4] =
        [(22_361_870, 4_088_665), (18_059_974, 245_896), (144_793_823, 4_122_048), (61_194_628, 595_432)];
}
