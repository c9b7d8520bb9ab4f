//! Prometheus' text exposition format, as exporters answer with it.
//!
//! The bytes are foreign: nothing here panics, everything is bounded, and what cannot be read is told line by line
//! while the rest is read. Why this is no crate is in decision 7 of `docs/decisions`.

use std::borrow::Cow;

/// No more bytes of an exposition are read: an exporter of a node with sixteen GPUs answers with less than 200 KiB.
pub const MOST_BYTES: usize = 8 << 20;
/// No more samples are kept.
pub const MOST_SAMPLES: usize = 50_000;
/// No sample has more labels.
pub const MOST_LABELS: usize = 64;
/// No more lines that cannot be read are told one by one; the rest is counted.
pub const MOST_TOLD: usize = 16;

/// One value of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample<'a> {
    /// The metric's name.
    pub name: &'a str,
    /// Its labels, ordered by name; no name stands twice.
    pub labels: Vec<(&'a str, Cow<'a, str>)>,
    /// The value; it may be not a number, and infinite.
    pub value: f64,
    /// When the exporter says that it was so, in milliseconds since 1970.
    pub at_millis: Option<i64>,
    /// The line, counted from 1.
    pub line: usize,
}

/// Why a line is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum LineError {
    /// Bytes that are no text.
    #[error("is not UTF-8")]
    NotUtf8,
    /// No metric's name at the line's start.
    #[error("does not begin with a metric's name")]
    NoName,
    /// Labels that do not end, or are not `name="value"`.
    #[error("has labels that are not name=\"value\"")]
    BadLabels,
    /// A backslash before something other than `\`, `"` or `n`.
    #[error("has an escape that the format does not know")]
    BadEscape,
    /// A label's name twice.
    #[error("names a label twice")]
    LabelTwice,
    /// More labels than are read.
    #[error("has more than {MOST_LABELS} labels")]
    TooManyLabels,
    /// A value that is no number.
    #[error("has no number for its value")]
    BadValue,
    /// Something after the value that is no time in milliseconds.
    #[error("has something after its value that is no time in milliseconds")]
    BadTime,
}

/// Why the end of an answer is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Cut {
    /// More than is read.
    #[error("the answer is longer than the {} MiB or {MOST_SAMPLES} values that are read; the rest is left out", MOST_BYTES >> 20)]
    TooLong,
    /// The last line is not ended, as the format asks: what is there of it may be the beginning of another number.
    #[error("the answer breaks off in line {0}, which is left out")]
    MidLine(usize),
}

/// Two samples of one series in one answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Repeated<'a> {
    /// The metric's name.
    pub name: &'a str,
    /// The first and the second line.
    pub lines: (usize, usize),
    /// Whether both say the same; the first is kept then. Of those that differ none is kept.
    pub agree: bool,
}

/// What an exporter answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposition<'a> {
    /// The samples, in the order of their lines.
    pub samples: Vec<Sample<'a>>,
    /// Lines that are not read, with the reason; the first [`MOST_TOLD`].
    pub unread: Vec<(usize, LineError)>,
    /// How many lines are not read.
    pub unread_count: usize,
    /// Series that stand more than once; the first [`MOST_TOLD`].
    pub repeated: Vec<Repeated<'a>>,
    /// Why the end is missing; `None` where the answer is whole.
    pub cut: Option<Cut>,
}

impl Sample<'_> {
    /// The value of a label.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        let found = self.labels.binary_search_by(|(n, _)| (*n).cmp(name)).ok()?;
        Some(&self.labels[found].1)
    }
}

impl<'a> Exposition<'a> {
    /// Reads an answer.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Exposition<'a> {
        let is_long = bytes.len() > MOST_BYTES;
        let mut read = Exposition { cut: is_long.then_some(Cut::TooLong), ..Exposition::default() };
        let bytes = &bytes[..bytes.len().min(MOST_BYTES)];
        for (i, line) in bytes.split(|&b| b == b'\n').enumerate() {
            let is_ended = !is_last(bytes, line);
            match read_line(line, i + 1) {
                // A line that was cut through its middle would be read as something that nobody said.
                _ if !is_ended && !is_blank_or_end(line) => {
                    read.cut = read.cut.or(Some(Cut::MidLine(i + 1)));
                }
                Ok(None) => {}
                Ok(Some(_)) if read.samples.len() == MOST_SAMPLES => {
                    read.cut = Some(Cut::TooLong);
                    break;
                }
                Ok(Some(sample)) => read.samples.push(sample),
                Err(why) => read.note(i + 1, why),
            }
        }
        read.drop_repeated();
        read
    }

    fn note(&mut self, line: usize, why: LineError) {
        self.unread_count += 1;
        if self.unread.len() < MOST_TOLD {
            self.unread.push((line, why));
        }
    }

    /// A series has one value. Where it has two that differ, nobody knows which is so: both go.
    fn drop_repeated(&mut self) {
        let mut order: Vec<usize> = (0..self.samples.len()).collect();
        order.sort_by(|&a, &b| {
            let (a, b) = (&self.samples[a], &self.samples[b]);
            a.name.cmp(b.name).then_with(|| a.labels.cmp(&b.labels)).then(a.line.cmp(&b.line))
        });
        let mut drops = vec![false; self.samples.len()];
        for series in order.chunk_by(|&a, &b| is_same_series(&self.samples[a], &self.samples[b])) {
            let [first, second, ..] = series else { continue };
            let (one, two) = (&self.samples[*first], &self.samples[*second]);
            let agree = series.iter().all(|&i| is_same_value(self.samples[i].value, one.value));
            if self.repeated.len() < MOST_TOLD {
                self.repeated.push(Repeated { name: one.name, lines: (one.line, two.line), agree });
            }
            series.iter().skip(usize::from(agree)).for_each(|&i| drops[i] = true);
        }
        let mut drops = drops.into_iter();
        self.samples.retain(|_| !drops.next().unwrap_or(false));
    }
}

/// Whether a line that is not ended leaves nothing open: it is blank, or OpenMetrics' word for the end.
fn is_blank_or_end(line: &[u8]) -> bool {
    matches!(line.trim_ascii(), b"" | b"# EOF")
}

fn is_last(all: &[u8], line: &[u8]) -> bool {
    std::ptr::eq(all.as_ptr_range().end, line.as_ptr_range().end)
}

fn is_same_series(a: &Sample<'_>, b: &Sample<'_>) -> bool {
    a.name == b.name && a.labels == b.labels
}

fn is_same_value(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}

fn read_line(line: &[u8], number: usize) -> Result<Option<Sample<'_>>, LineError> {
    let text = std::str::from_utf8(line).map_err(|_| LineError::NotUtf8)?;
    let text = text.trim_matches([' ', '\t', '\r']);
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    let (name, rest) = text.split_at(name_length(text));
    if name.is_empty() {
        return Err(LineError::NoName);
    }
    let rest = rest.trim_start_matches([' ', '\t']);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => read_labels(inside)?,
        None => (Vec::new(), rest),
    };
    let mut words = rest.split([' ', '\t']).filter(|w| !w.is_empty());
    let value = words.next().and_then(number_of).ok_or(LineError::BadValue)?;
    let at_millis = words.next().map(|w| w.parse().map_err(|_| LineError::BadTime)).transpose()?;
    if words.next().is_some() {
        return Err(LineError::BadTime);
    }
    Ok(Some(Sample { name, labels, value, at_millis, line: number }))
}

/// How many bytes at the start are a metric's name.
fn name_length(text: &str) -> usize {
    let first = |b: u8| b.is_ascii_alphabetic() || b == b'_' || b == b':';
    match text.bytes().next() {
        Some(b) if first(b) => {
            text.bytes().position(|b| !(first(b) || b.is_ascii_digit())).unwrap_or(text.len())
        }
        _ => 0,
    }
}

/// A decimal number, `NaN`, `+Inf` or `-Inf`; not the hexadecimal forms, which no exporter writes.
fn number_of(text: &str) -> Option<f64> {
    text.parse().ok()
}

type Labels<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// Labels up to the closing brace, and what follows it.
fn read_labels(mut text: &str) -> Result<(Labels<'_>, &str), LineError> {
    let mut labels: Labels<'_> = Vec::new();
    loop {
        text = text.trim_start_matches([' ', '\t']);
        if let Some(rest) = text.strip_prefix('}') {
            labels.sort_by(|a, b| a.0.cmp(b.0));
            let twice = labels.windows(2).any(|pair| pair[0].0 == pair[1].0);
            return if twice { Err(LineError::LabelTwice) } else { Ok((labels, rest)) };
        }
        if labels.len() == MOST_LABELS {
            return Err(LineError::TooManyLabels);
        }
        let (name, value, rest) = read_label(text)?;
        labels.push((name, value));
        let rest = rest.trim_start_matches([' ', '\t']);
        text = match rest.strip_prefix(',') {
            Some(rest) => rest,
            None if rest.starts_with('}') => rest,
            None => return Err(LineError::BadLabels),
        };
    }
}

fn read_label(text: &str) -> Result<(&str, Cow<'_, str>, &str), LineError> {
    let (name, rest) = text.split_at(name_length(text));
    let rest = rest.trim_start_matches([' ', '\t']).strip_prefix('=');
    let rest = rest.and_then(|r| r.trim_start_matches([' ', '\t']).strip_prefix('"'));
    let (false, Some(rest)) = (name.is_empty() || name.contains(':'), rest) else {
        return Err(LineError::BadLabels);
    };
    let end = closing_quote(rest).ok_or(LineError::BadLabels)?;
    Ok((name, unescaped(&rest[..end])?, &rest[end + 1..]))
}

/// Where the quote is that ends a value.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|b| {
        let ends = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        ends
    })
}

fn unescaped(text: &str) -> Result<Cow<'_, str>, LineError> {
    if !text.contains('\\') {
        return Ok(Cow::Borrowed(text));
    }
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(c) = letters.next() {
        let meant = match c {
            '\\' => match letters.next() {
                Some(c @ ('\\' | '"')) => c,
                Some('n') => '\n',
                _ => return Err(LineError::BadEscape),
            },
            other => other,
        };
        plain.push(meant);
    }
    Ok(Cow::Owned(plain))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(line: &str) -> Result<Sample<'_>, LineError> {
        read_line(line.as_bytes(), 1).map(|s| s.expect("a sample"))
    }

    #[test]
    fn a_name_with_colons_and_a_label_with_commas_braces_and_escapes_is_read_as_it_was_written() {
        let line =
            r#"vllm:x_total{model_name="a, {b}=\"c\" \\ d\ne",engine = "0",} 4.1367205e+07 1710000000000"#;
        let sample = one(line).unwrap();
        assert_eq!(sample.name, "vllm:x_total");
        assert_eq!(sample.label("model_name"), Some("a, {b}=\"c\" \\ d\ne"));
        assert_eq!(sample.label("engine"), Some("0"));
        assert_eq!((sample.value, sample.at_millis), (41_367_205.0, Some(1_710_000_000_000)));
        assert_eq!(sample.label("nothing"), None);
    }

    #[test]
    fn values_that_are_no_numbers_and_values_without_end_are_read_as_such() {
        assert!(one("a NaN").unwrap().value.is_nan());
        assert_eq!(one("a +Inf").unwrap().value, f64::INFINITY);
        assert_eq!(one("a -Inf").unwrap().value, f64::NEG_INFINITY);
        assert_eq!(one("a 9223372036854775794").unwrap().value, 9_223_372_036_854_775_807.0);
        assert_eq!(one("a{} 1").unwrap().labels, []);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_told_with_its_reason_and_the_others_are_read() {
        let cases = [
            ("{\"quoted\"} 1", LineError::NoName),
            ("1a 2", LineError::NoName),
            ("a{b=\"c} 1", LineError::BadLabels),
            ("a{b=c} 1", LineError::BadLabels),
            ("a{b=\"c\" d=\"e\"} 1", LineError::BadLabels),
            ("a{b:c=\"d\"} 1", LineError::BadLabels),
            ("a{b=\"\\t\"} 1", LineError::BadEscape),
            ("a{b=\"1\",b=\"2\"} 1", LineError::LabelTwice),
            ("a", LineError::BadValue),
            ("a{} x", LineError::BadValue),
            ("a 0x10", LineError::BadValue),
            ("a 1 soon", LineError::BadTime),
            ("a 1 2 # {trace_id=\"x\"} 3", LineError::BadTime),
        ];
        let mut text: Vec<u8> = Vec::new();
        for (line, why) in cases {
            assert_eq!(one(line).unwrap_err(), why, "{line}");
            text.extend(format!("{line}\nok{{n=\"{}\"}} 1\n", text.len()).bytes());
        }
        text.extend(b"a{b=\"\xff\"} 1\n");
        let read = Exposition::read(&text);
        assert_eq!((read.samples.len(), read.unread_count), (cases.len(), cases.len() + 1));
        assert_eq!(read.unread[13], (27, LineError::NotUtf8));
    }

    #[test]
    fn a_series_that_stands_twice_with_two_values_has_none() {
        let text = b"a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 2\nb 3\nb 3\nc NaN\nc NaN\n";
        let read = Exposition::read(text);
        let kept: Vec<&str> = read.samples.iter().map(|s| s.name).collect();
        assert_eq!(kept, ["b", "c"]);
        assert_eq!(read.repeated[0], Repeated { name: "a", lines: (1, 2), agree: false });
        assert!(read.repeated[1].agree && read.repeated[2].agree);
    }

    #[test]
    fn an_answer_that_is_too_long_is_cut_at_a_line_and_says_so() {
        let line = "metric_with_a_name 1\n";
        let many = line.repeat(MOST_BYTES / line.len() + 2);
        let read = Exposition::read(many.as_bytes());
        assert_eq!((read.cut, read.unread_count), (Some(Cut::TooLong), 0), "{:?}", read.unread);
        let samples: String = (0..=MOST_SAMPLES).map(|i| format!("m{i} 1\n")).collect();
        let read = Exposition::read(samples.as_bytes());
        assert_eq!((read.cut, read.samples.len()), (Some(Cut::TooLong), MOST_SAMPLES));
        let labels: String = (0..=MOST_LABELS).map(|i| format!("l{i}=\"\",")).collect();
        assert_eq!(one(&format!("a{{{labels}}} 1")), Err(LineError::TooManyLabels));
    }

    #[test]
    fn a_last_line_that_is_not_ended_is_left_out_since_its_number_may_go_on() {
        for cut in ["a 1\nb 734", "a 1\n# HELP b Utili", "a 1\nb{x=\"y", "a 1\nb"] {
            let read = Exposition::read(cut.as_bytes());
            assert_eq!(
                (read.samples.len(), read.cut, read.unread_count),
                (1, Some(Cut::MidLine(2)), 0),
                "{cut}"
            );
        }
        for whole in ["a 1\n", "a 1\n# EOF", "a 1\n  ", ""] {
            assert_eq!(Exposition::read(whole.as_bytes()).cut, None, "{whole}");
        }
    }

    fn written(name: &str, labels: &[(String, String)], value: f64) -> String {
        let escaped = |v: &str| v.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let labels: Vec<String> = labels.iter().map(|(n, v)| format!("{n}=\"{}\"", escaped(v))).collect();
        format!("{name}{{{}}} {value}", labels.join(","))
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let read = Exposition::read(&bytes);
            prop_assert!(read.unread.len() <= read.unread_count);
        }

        #[test]
        fn lines_that_look_like_an_exposition_are_read_without_a_panic(
            text in "([a-z:]{0,3}(\\{([a-z]=\"[a-z\\\\\"\n{},]{0,4}\",?){0,2}\\})? [0-9.eEnN+-]{0,5}\n){0,8}"
        ) {
            let read = Exposition::read(text.as_bytes());
            prop_assert_eq!(read.cut, None);
        }

        #[test]
        fn what_is_written_is_read_again_as_itself(
            name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,20}",
            labels in proptest::collection::btree_map("[a-zA-Z_][a-zA-Z0-9_]{0,8}", "\\PC{0,8}|[\\\\\"\n]{0,4}", 0..6),
            value in any::<f64>(),
        ) {
            let labels: Vec<(String, String)> = labels.into_iter().collect();
            let line = written(&name, &labels, value);
            let sample = read_line(line.as_bytes(), 7).unwrap().unwrap();
            prop_assert_eq!(sample.name, name.as_str());
            prop_assert!(is_same_value(sample.value, value));
            let read: Vec<(String, String)> =
                sample.labels.iter().map(|(n, v)| ((*n).to_owned(), v.clone().into_owned())).collect();
            prop_assert_eq!(read, labels);
        }
    }
}
