//! Results of a load test as CSV. Every wrong value is told with its line and column, and all of them at once.

use std::fmt;

use csv::{ReaderBuilder, StringRecord, Trim};

use super::step_time::{Shape, ShapeError};

const INPUT: &str = "input_len";
const OUTPUT: &str = "output_len";
const CONCURRENCY: &str = "concurrency";
const SPEED: &str = "output_tok_s";
const FIRST_TOKEN: &str = "ttft_p99_ms";
const INTER_TOKEN: &str = "itl_median_ms";
const PREFIX_HIT: &str = "prefix_hit";
const REQUIRED: [&str; 4] = [INPUT, OUTPUT, CONCURRENCY, SPEED];
const OPTIONAL: [&str; 3] = [FIRST_TOKEN, INTER_TOKEN, PREFIX_HIT];

/// One run of a load test: so many requests of one shape at once, all the time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measurement {
    /// The shape of the requests.
    pub shape: Shape,
    /// Requests at once.
    pub concurrency: f64,
    /// Output tokens per second, of all requests together.
    pub output_per_second: f64,
    /// Seconds to the first token that 99 of 100 requests stayed below.
    pub first_token: Option<f64>,
    /// Median seconds between two tokens of a request.
    pub inter_token: Option<f64>,
}

/// What is wrong with a value or a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Problem {
    /// The file cannot be read as CSV.
    Malformed(String),
    /// A column that is needed is not there.
    MissingColumn,
    /// A column whose name is nearly one of ours: another unit or another statistic.
    UnknownColumn(&'static str),
    /// The same column twice.
    TwiceColumn,
    /// No measurement follows the header.
    NoRows,
    /// An empty cell where a value is needed.
    Empty,
    /// Not a number.
    NotANumber(String),
    /// Below zero.
    Negative(f64),
    /// Zero where something was measured.
    Zero,
    /// Below one request or token.
    BelowOne(f64),
    /// A share above one.
    Percent(f64),
    /// A time that fits the rest of its line only as seconds.
    LooksLikeSeconds(f64),
    /// A throughput that fits the rest of its line only as one request's.
    LooksPerRequest(f64),
    /// A throughput that is that many times what the time between tokens allows.
    TooFast(f64),
}

/// A wrong value or column.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasurementError {
    /// The line, counted from 1, the header included.
    pub line: u64,
    /// The column's name.
    pub column: String,
    /// What is wrong.
    pub problem: Problem,
}

impl std::error::Error for MeasurementError {}

impl fmt::Display for MeasurementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        match &self.problem {
            Problem::Malformed(what) => write!(f, "not a line of CSV: {what}"),
            Problem::MissingColumn => {
                write!(
                    f,
                    "missing; needed are {}, and {} may be there",
                    REQUIRED.join(", "),
                    OPTIONAL.join(", ")
                )
            }
            Problem::UnknownColumn(ours) => {
                write!(f, "not known; give {ours} in its unit, or rename the column")
            }
            Problem::TwiceColumn => write!(f, "stands twice in the header"),
            Problem::NoRows => write!(f, "no measurement follows the header"),
            Problem::Empty => write!(f, "empty; a value is needed on every line"),
            Problem::NotANumber(text) => write!(f, "{text:?} is not a number such as 512 or 27.5"),
            Problem::Negative(value) => write!(f, "{value} is negative"),
            Problem::Zero => {
                write!(f, "zero, but something was measured; leave the cell empty if it was not")
            }
            Problem::BelowOne(value) => write!(f, "{value} is below one"),
            Problem::Percent(value) => write!(f, "{value} is a share of 0 to 1; is it percent?"),
            Problem::LooksLikeSeconds(value) => {
                write!(f, "{value} ms does not fit the rest of the line; is it in seconds?")
            }
            Problem::LooksPerRequest(value) => write!(
                f,
                "{value} tokens/s is what one request gets at this time between tokens; give it of all requests \
                 together"
            ),
            Problem::TooFast(times) => write!(
                f,
                "{times:.0} times what this concurrency and time between tokens allow; is it per minute, or does it \
                 count input tokens?"
            ),
        }
    }
}

/// Reads a load test's results: a header with `input_len,output_len,concurrency,output_tok_s` and, where they were
/// measured, `ttft_p99_ms,itl_median_ms,prefix_hit` in any order, then one line for each run. Other columns are passed
/// over, unless their names could be taken for one of these in another unit.
pub fn read_measurements(text: &str) -> Result<Vec<Measurement>, Vec<MeasurementError>> {
    let mut reader = ReaderBuilder::new().trim(Trim::All).flexible(true).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|e| vec![malformed(1, &e)])?.clone();
    let columns = Columns::of(&header)?;
    let (mut measurements, mut errors) = (Vec::new(), Vec::new());
    for record in reader.records() {
        match record {
            Ok(record) => match columns.measurement(&record) {
                Ok(measurement) => measurements.push(measurement),
                Err(problems) => errors.extend(problems),
            },
            Err(error) => errors.push(malformed(error.position().map_or(1, csv::Position::line), &error)),
        }
    }
    if measurements.is_empty() && errors.is_empty() {
        errors.push(MeasurementError { line: 1, column: SPEED.to_owned(), problem: Problem::NoRows });
    }
    if errors.is_empty() { Ok(measurements) } else { Err(errors) }
}

fn malformed(line: u64, error: &csv::Error) -> MeasurementError {
    MeasurementError { line, column: "all".to_owned(), problem: Problem::Malformed(error.to_string()) }
}

/// Where each known column stands.
struct Columns {
    places: Vec<(&'static str, usize)>,
}

impl Columns {
    fn of(header: &StringRecord) -> Result<Columns, Vec<MeasurementError>> {
        let error = |column: &str, problem| MeasurementError { line: 1, column: column.to_owned(), problem };
        let (mut places, mut errors) = (Vec::new(), Vec::new());
        for (place, name) in header.iter().enumerate() {
            let known = REQUIRED.iter().chain(&OPTIONAL).find(|known| **known == name);
            match (known, mistaken_for(name)) {
                (Some(known), _) if places.iter().any(|(other, _)| other == known) => {
                    errors.push(error(known, Problem::TwiceColumn));
                }
                (Some(known), _) => places.push((*known, place)),
                (None, Some(ours)) => errors.push(error(name, Problem::UnknownColumn(ours))),
                (None, None) => {}
            }
        }
        let missing = REQUIRED.iter().filter(|name| !places.iter().any(|(known, _)| known == *name));
        errors.extend(missing.map(|name| error(name, Problem::MissingColumn)));
        if errors.is_empty() { Ok(Columns { places }) } else { Err(errors) }
    }

    fn measurement(&self, record: &StringRecord) -> Result<Measurement, Vec<MeasurementError>> {
        let line = record.position().map_or(0, csv::Position::line);
        let mut cells = Cells { columns: self, record, line, errors: Vec::new() };
        let sizes =
            (cells.needed(INPUT), cells.needed(OUTPUT), cells.needed(CONCURRENCY), cells.needed(SPEED));
        let first_token = cells.time(FIRST_TOKEN);
        let inter_token = cells.time(INTER_TOKEN);
        let prefix_hit = cells.number(PREFIX_HIT).unwrap_or(0.0);
        if let (Some(input), Some(output), Some(concurrency), Some(output_per_second)) = sizes {
            if concurrency < 1.0 {
                cells.wrong(CONCURRENCY, Problem::BelowOne(concurrency));
            }
            let shape = cells.shape(input, output, prefix_hit);
            if cells.errors.is_empty()
                && let Some(shape) = shape
            {
                let read = Measurement { shape, concurrency, output_per_second, first_token, inter_token };
                cells.check_units(&read);
                if cells.errors.is_empty() {
                    return Ok(read);
                }
            }
        }
        Err(cells.errors)
    }
}

/// The column of ours that a name could be taken for: the same quantity in another unit or as another statistic.
fn mistaken_for(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let starts = |parts: &[&str]| parts.iter().any(|part| name.starts_with(part));
    match () {
        () if starts(&["ttft_p99", "ttft_s", "ttft_ms", "p99_ttft"]) => Some(FIRST_TOKEN),
        () if starts(&["itl_median", "itl_s", "itl_ms", "median_itl"]) => Some(INTER_TOKEN),
        () if starts(&["prefix_hit", "cache_hit"]) => Some(PREFIX_HIT),
        () if starts(&["output_tok", "output_throughput"]) => Some(SPEED),
        () if starts(&["input_len", "input_tok"]) => Some(INPUT),
        () if starts(&["output_len"]) => Some(OUTPUT),
        () if starts(&["concurren", "max_concurren"]) => Some(CONCURRENCY),
        () => None,
    }
}

/// The cells of one line, with what is wrong about them.
struct Cells<'a> {
    columns: &'a Columns,
    record: &'a StringRecord,
    line: u64,
    errors: Vec<MeasurementError>,
}

impl Cells<'_> {
    fn wrong(&mut self, column: &str, problem: Problem) {
        self.errors.push(MeasurementError { line: self.line, column: column.to_owned(), problem });
    }

    /// The number in a cell, zero or above; `None` where it is empty, has no column or is wrong.
    fn number(&mut self, column: &'static str) -> Option<f64> {
        let place = self.columns.places.iter().find(|(name, _)| *name == column)?.1;
        let text = self.record.get(place).filter(|text| !text.is_empty())?;
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() && value >= 0.0 => return Some(value),
            Ok(value) if value < 0.0 => self.wrong(column, Problem::Negative(value)),
            _ => self.wrong(column, Problem::NotANumber(text.to_owned())),
        }
        None
    }

    /// A number above zero that has to be there.
    fn needed(&mut self, column: &'static str) -> Option<f64> {
        let before = self.errors.len();
        match self.number(column) {
            Some(0.0) => self.wrong(column, Problem::Zero),
            None if self.errors.len() == before => self.wrong(column, Problem::Empty),
            value => return value,
        }
        None
    }

    /// Seconds, of a cell in milliseconds that may be empty.
    fn time(&mut self, column: &'static str) -> Option<f64> {
        let value = self.number(column)?;
        if value == 0.0 {
            self.wrong(column, Problem::Zero);
            return None;
        }
        Some(value / 1e3)
    }

    fn shape(&mut self, input: f64, output: f64, prefix_hit: f64) -> Option<Shape> {
        match Shape::new(input, output, prefix_hit) {
            Ok(shape) => return Some(shape),
            Err(ShapeError::Input(value)) => self.wrong(INPUT, Problem::BelowOne(value)),
            Err(ShapeError::Output(value)) => self.wrong(OUTPUT, Problem::BelowOne(value)),
            Err(ShapeError::PrefixHit(value)) => self.wrong(PREFIX_HIT, Problem::Percent(value)),
        }
        None
    }

    /// What a line contradicts by itself. With a time between tokens `i`, no more than about `c / i` tokens come in a
    /// second; far fewer come only while requests wait for memory.
    fn check_units(&mut self, read: &Measurement) {
        let Some(inter_token) = read.inter_token else { return };
        let streams = read.output_per_second * inter_token;
        let share = streams / read.concurrency;
        if share < 0.002 && inter_token < 1e-3 {
            return self.wrong(INTER_TOKEN, Problem::LooksLikeSeconds(inter_token * 1e3));
        }
        if share > 20.0 {
            return self.wrong(SPEED, Problem::TooFast(share));
        }
        if read.concurrency >= 8.0 && (0.5..1.1).contains(&streams) {
            return self.wrong(SPEED, Problem::LooksPerRequest(read.output_per_second));
        }
        if let Some(first_token) = read.first_token.filter(|seconds| *seconds < inter_token / 10.0) {
            self.wrong(FIRST_TOKEN, Problem::LooksLikeSeconds(first_token * 1e3));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADER: &str =
        "input_len,output_len,concurrency,output_tok_s,ttft_p99_ms,itl_median_ms,prefix_hit\n";

    fn told(lines: &str) -> Vec<String> {
        let errors = read_measurements(&format!("{HEADER}{lines}")).expect_err("something is wrong");
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_line_is_read_in_its_units() {
        let text = format!("{HEADER}2048,512,16,2136.1,584.9,7.2,0.25\n128,128,1,213,,,\n");
        let read = read_measurements(&text).unwrap();
        assert_eq!(read[0].shape, Shape::new(2048.0, 512.0, 0.25).unwrap());
        assert_eq!(read[0].first_token, Some(0.5849));
        assert_eq!(read[0].inter_token, Some(0.0072));
        assert_eq!((read[1].first_token, read[1].inter_token, read[1].shape.prefix_hit()), (None, None, 0.0));
    }

    #[test]
    fn columns_may_stand_in_any_order_beside_others() {
        let text =
            "note,output_tok_s,concurrency,output_len,input_len,avg_power_w\nfirst,213,1,128,100,400\n";
        assert_eq!(read_measurements(text).unwrap()[0].shape.input(), 100.0);
    }

    #[test]
    fn every_wrong_value_is_told_with_its_line_and_column() {
        insta::assert_snapshot!(
            told("0,128,1,213,,,\n128,-5,1,213,,,\n128,128,,213,,,\n128,128,1,fast,,,\n128,128,0.5,213,,,\n\
                  128,128,1,213,0,,\n128,128,1,213,,NaN,\n128,128,1,213,15,4.6,45\n").join("\n"),
            @r#"
        line 2, column input_len: zero, but something was measured; leave the cell empty if it was not
        line 3, column output_len: -5 is negative
        line 4, column concurrency: empty; a value is needed on every line
        line 5, column output_tok_s: "fast" is not a number such as 512 or 27.5
        line 6, column concurrency: 0.5 is below one
        line 7, column ttft_p99_ms: zero, but something was measured; leave the cell empty if it was not
        line 8, column itl_median_ms: "NaN" is not a number such as 512 or 27.5
        line 9, column prefix_hit: 45 is a share of 0 to 1; is it percent?
        "#
        );
    }

    #[test]
    fn units_that_a_line_contradicts_are_told() {
        insta::assert_snapshot!(
            told("128,128,16,3087,57,0.0049,\n128,128,16,3087,0.057,4.9,\n128,128,16,193,57,4.9,\n\
                  128,128,16,185220,57,4.9,\n").join("\n"),
            @r"
        line 2, column itl_median_ms: 0.0049 ms does not fit the rest of the line; is it in seconds?
        line 3, column ttft_p99_ms: 0.057 ms does not fit the rest of the line; is it in seconds?
        line 4, column output_tok_s: 193 tokens/s is what one request gets at this time between tokens; give it of all requests together
        line 5, column output_tok_s: 57 times what this concurrency and time between tokens allow; is it per minute, or does it count input tokens?
        "
        );
    }

    #[test]
    fn a_header_without_its_columns_or_with_other_units_is_told() {
        let errors = read_measurements("input_len,output_len,concurrency,ttft_p99_s\n1,1,1,1\n").unwrap_err();
        assert_eq!(errors[0].column, "ttft_p99_s");
        assert_eq!(errors[0].problem, Problem::UnknownColumn("ttft_p99_ms"));
        assert_eq!(
            (errors[1].column.as_str(), &errors[1].problem),
            ("output_tok_s", &Problem::MissingColumn)
        );
        let twice = read_measurements(&format!("input_len,{HEADER}")).unwrap_err();
        assert_eq!(twice[0].problem, Problem::TwiceColumn);
    }

    #[test]
    fn a_file_without_measurements_is_told() {
        assert_eq!(read_measurements(HEADER).unwrap_err()[0].problem, Problem::NoRows);
        assert_eq!(read_measurements("").unwrap_err().len(), REQUIRED.len());
    }

    #[test]
    fn requests_that_wait_for_memory_are_no_mistake_of_units() {
        let text = format!("{HEADER}8192,512,512,1157.4,215920,27.24,\n");
        assert_eq!(read_measurements(&text).map(|m| m.len()), Ok(1));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic_and_what_it_takes_is_above_zero(lines in "[0-9a-z.,\\-\"\\n ]{0,200}") {
            if let Ok(read) = read_measurements(&format!("{HEADER}{lines}")) {
                for measurement in read {
                    prop_assert!(measurement.concurrency >= 1.0 && measurement.output_per_second > 0.0);
                    prop_assert!(measurement.first_token.is_none_or(|s| s > 0.0));
                    prop_assert!(measurement.inter_token.is_none_or(|s| s > 0.0));
                }
            }
        }
    }
}
