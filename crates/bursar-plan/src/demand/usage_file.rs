//! Reading `usage.csv`.
//!
//! One row for each step, model, tenant and class. Nothing is guessed: what is wrong is told by line, and what was
//! taken for granted is in [`Usage::assumed`].

use super::columns::{Column, Header};
use super::gaps;
use super::values::{Fields, Row};
use super::{Class, Demand};
use crate::problems::{Problems, counted};

/// The most rows that are read.
const MOST_ROWS: u64 = 5_000_000;

/// What a step means for which a stream has no row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingRows {
    /// That the file is not whole: it is told.
    #[default]
    Refuse,
    /// That the stream had no requests, where another stream has a row for that step; a step without any row is told.
    ZeroWhereOthersAre,
    /// That there were no requests, between the file's first and last step.
    Zero,
}

/// What the reader of a usage file may take for granted, because its caller says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageOptions {
    /// The class of every row, where there is no column `class`.
    pub class: Option<Class>,
    /// The tenant of every row, where there is no column `tenant`.
    pub tenant: Option<String>,
    /// A step's length in seconds, which otherwise follows from the rows.
    pub step_seconds: Option<u32>,
    /// What missing rows mean.
    pub missing_rows: MissingRows,
}

/// A usage file that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    /// What it says.
    pub demand: Demand,
    /// How many rows it had.
    pub rows: u64,
    /// How many points were taken as zero because the file has no row for them.
    pub filled: u64,
    /// What was taken for granted, a sentence each.
    pub assumed: Vec<String>,
}

/// Reads a usage file; `file` is its name in messages.
pub fn read_usage(file: &str, bytes: &[u8], options: &UsageOptions) -> Result<Usage, Problems> {
    let mut problems = Problems::of(file);
    let read = read(bytes, options, &mut problems);
    problems.or(read)
}

fn read(bytes: &[u8], options: &UsageOptions, problems: &mut Problems) -> Option<Usage> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        problems.add(None, "", "is empty: write a line of column names and a row for each step and stream");
        return None;
    }
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let header = header(&mut reader, options, problems)?;
    let rows = rows(&mut reader, &header, options, problems);
    if rows.is_empty() {
        if problems.is_empty() {
            problems.add(1, "", "has column names and no row: add a row for each step and stream");
        }
        return None;
    }
    let count = rows.len() as u64;
    let (demand, filled) = gaps::demand_of(rows, options, problems)?;
    Some(Usage { demand, rows: count, filled, assumed: assumed(&header, options, filled) })
}

type Reader<'b> = csv::Reader<&'b [u8]>;

fn header(reader: &mut Reader<'_>, options: &UsageOptions, problems: &mut Problems) -> Option<Header> {
    let names = match reader.byte_headers() {
        Ok(names) => names.iter().map(|n| String::from_utf8_lossy(n).into_owned()).collect::<Vec<_>>(),
        Err(error) => {
            problems.add(1, "", format!("cannot be read: {error}"));
            return None;
        }
    };
    let mut optional = vec![Column::CachedInput, Column::Peak];
    optional.extend(options.class.map(|_| Column::Class));
    optional.extend(options.tenant.as_ref().map(|_| Column::Tenant));
    Header::read(&names, &optional, problems)
}

fn rows(
    reader: &mut Reader<'_>,
    header: &Header,
    options: &UsageOptions,
    problems: &mut Problems,
) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut record = csv::ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return rows,
            Err(error) => {
                problems.add(reader.position().line(), "", format!("cannot be read: {error}"));
                return rows;
            }
        }
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != header.width {
            let (has, expected) = (counted(record.len() as u64, "field"), header.width);
            problems.add(
                line,
                "",
                format!("has {has}, and {expected} are expected: is a comma missing or too many?"),
            );
            continue;
        }
        if rows.len() as u64 == MOST_ROWS {
            problems.add(line, "", format!("is beyond the {MOST_ROWS} rows that are read: sum up by hour"));
            return rows;
        }
        let fields = Fields { header, record: &record, line, problems };
        rows.extend(fields.row(options.class, options.tenant.as_deref()));
    }
}

fn assumed(header: &Header, options: &UsageOptions, filled: u64) -> Vec<String> {
    let mut assumed = Vec::new();
    let lacks = |column: Column| header.place(column).is_none();
    if let (true, Some(class)) = (lacks(Column::Class), options.class) {
        assumed.push(format!("every row is of class {}, as told", class.name()));
    }
    if let (true, Some(tenant)) = (lacks(Column::Tenant), &options.tenant) {
        assumed.push(format!("every row is of tenant {tenant}, as told"));
    }
    if lacks(Column::CachedInput) {
        assumed.push("no input was read from a cache, because there is no column cached_input".to_owned());
    }
    if lacks(Column::Peak) {
        assumed.push("peaks within a step are not known, because there is no column peak".to_owned());
    }
    if filled > 0 {
        assumed.push(format!("{} without a row had no requests, as told", counted(filled, "step")));
    }
    assumed
}
