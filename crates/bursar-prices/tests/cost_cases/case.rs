//! One case, as its file writes it.

use bursar_core::{
    EndOfStream, Meter, MeteredUsage, PriceView, Provenance, Rounding, ServiceTier, Timestamp, UsageException,
};
use bursar_prices::date;
use bursar_wire::{Recording, RequestFacts, ResponseMeter, Vendor};
use toml::{Table, Value};

/// Which price list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Book {
    /// The one of these tests.
    Own,
    /// The one that Bursar ships.
    BuiltIn,
}

/// What should come out.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// This cost in nano-dollars.
    Cost(i64),
    /// No total; what the explanation says, and what the priced lines add up to.
    Unknown { because: String, known_part: i64 },
}

/// A recorded answer.
#[derive(Clone, Debug)]
struct Answer {
    api: String,
    format: String,
    status: u16,
    body: String,
    end: EndOfStream,
    request_input: Option<u64>,
    characters: Option<u64>,
}

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) book: Book,
    pub(crate) provider: String,
    pub(crate) region: Option<String>,
    pub(crate) requested: Option<String>,
    pub(crate) tier: Option<ServiceTier>,
    pub(crate) at: Timestamp,
    pub(crate) known_at: Timestamp,
    pub(crate) view: PriceView,
    pub(crate) rounding: Rounding,
    pub(crate) expected: Expected,
    stated: MeteredUsage,
    answer: Option<Answer>,
}

/// Reads a file of cases; a mistake in it is a panic that says where.
pub(crate) fn read(file: &str, text: &str) -> Vec<Case> {
    let mut table: Table = text.parse().unwrap_or_else(|e| panic!("{file}: {e}"));
    let Some(Value::Array(cases)) = table.remove("case") else { panic!("{file} has no [[case]]") };
    let one = |case: Value| {
        let Value::Table(mut fields) = case else { panic!("{file}: a case is no table") };
        for (name, value) in &table {
            fields.entry(name.clone()).or_insert(value.clone());
        }
        let name = fields.get("name").and_then(Value::as_str).unwrap_or("?").to_owned();
        Fields { place: format!("{file}: {name}"), fields }.case()
    };
    cases.into_iter().map(one).collect()
}

impl Case {
    /// What was used: as stated, or as metered from the answer, which is fed in small pieces.
    pub(crate) fn usage(&self) -> MeteredUsage {
        let Some(answer) = &self.answer else { return self.stated.clone() };
        let recording = Recording {
            provider: &self.provider,
            api: &answer.api,
            format: &answer.format,
            status: answer.status,
            body: &answer.body,
            ..Recording::default()
        };
        let framing = recording.framing().unwrap_or_else(|e| panic!("{}: {e}", self.name));
        let bytes = recording.bytes().unwrap_or_else(|e| panic!("{}: {e}", self.name));
        let vendor = Vendor::from_name(&self.provider);
        let mut meter = ResponseMeter::new(recording.surface(), vendor, answer.status, framing);
        bytes.chunks(7).for_each(|piece| meter.feed(piece));
        let request = RequestFacts {
            model: self.requested.clone(),
            input_tokens: answer.request_input.map(|n| (n, Provenance::Counted)),
            characters: answer.characters,
            ..RequestFacts::default()
        };
        meter.finish(answer.end, &request)
    }
}

struct Fields {
    place: String,
    fields: Table,
}

impl Fields {
    fn case(mut self) -> Case {
        let worked_out = self.text("worked_out").unwrap_or_default();
        assert!(worked_out.len() > 5, "{}: worked_out is missing", self.place);
        let case = Case {
            name: self.text("name").unwrap_or_else(|| panic!("{}: no name", self.place)),
            book: if self.text("book").as_deref() == Some("built-in") { Book::BuiltIn } else { Book::Own },
            provider: self.text("provider").unwrap_or_default(),
            region: self.text("region"),
            requested: self.text("requested"),
            tier: self.parsed("tier"),
            at: self.moment("at"),
            known_at: self.moment("known_at"),
            view: if self.text("view").as_deref() == Some("list") {
                PriceView::List
            } else {
                PriceView::Contracted
            },
            rounding: if self.text("rounding").as_deref() == Some("up") {
                Rounding::Up
            } else {
                Rounding::HalfEven
            },
            expected: self.expected(),
            stated: self.stated(),
            answer: self.answer(),
        };
        let rest: Vec<&String> = self.fields.keys().collect();
        assert!(rest.is_empty(), "{}: unknown fields {rest:?}", self.place);
        case
    }

    fn stated(&mut self) -> MeteredUsage {
        let mut usage = MeteredUsage {
            model: self.text("served"),
            tier: self.parsed("served_tier"),
            ..MeteredUsage::default()
        };
        if let Some(Value::Table(units)) = self.fields.remove("units") {
            for (name, value) in units {
                let meter: Meter = name.parse().unwrap_or_else(|e| panic!("{}: {e}", self.place));
                let count = value.as_integer().and_then(|n| u64::try_from(n).ok());
                usage.quantities.set(meter, count.expect("units are whole"), Provenance::Reported);
            }
        }
        if let Some(Value::Array(names)) = self.fields.remove("exceptions") {
            usage.exceptions = names.iter().filter_map(Value::as_str).map(exception).collect();
        }
        usage
    }

    fn answer(&mut self) -> Option<Answer> {
        let body = self.text("body")?;
        let end = self.text("end").map_or(EndOfStream::Complete, |name| {
            EndOfStream::from_name(&name).unwrap_or_else(|| panic!("{}: no end {name}", self.place))
        });
        Some(Answer {
            api: self.text("api").unwrap_or_default(),
            format: self.text("format").unwrap_or_else(|| "json".to_owned()),
            status: self.number("status").map_or(200, |n| u16::try_from(n).expect("an HTTP status")),
            body,
            end,
            request_input: self.number("request_input").map(|n| u64::try_from(n).expect("a count")),
            characters: self.number("characters").map(|n| u64::try_from(n).expect("a count")),
        })
    }

    fn expected(&mut self) -> Expected {
        match (self.number("cost"), self.text("unknown")) {
            (Some(nanos), None) => Expected::Cost(nanos),
            (None, Some(because)) => {
                Expected::Unknown { because, known_part: self.number("known_part").unwrap_or(0) }
            }
            _ => panic!("{}: either cost or unknown is expected", self.place),
        }
    }

    fn text(&mut self, field: &str) -> Option<String> {
        match self.fields.remove(field)? {
            Value::String(text) => Some(text),
            other => panic!("{}: {field} is {other}", self.place),
        }
    }

    fn number(&mut self, field: &str) -> Option<i64> {
        self.fields.remove(field).map(|v| v.as_integer().expect("a whole number"))
    }

    fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(&mut self, field: &str) -> Option<T> {
        self.text(field).map(|text| text.parse().unwrap_or_else(|e| panic!("{}: {e}", self.place)))
    }

    /// A date; by default one after everything that the lists hold.
    fn moment(&mut self, field: &str) -> Timestamp {
        let text = self.text(field).unwrap_or_else(|| "2027-06-01".to_owned());
        date::parse(&text).unwrap_or_else(|| panic!("{}: {field} is no date", self.place))
    }
}

fn exception(name: &str) -> UsageException {
    match name {
        "not_reported" => UsageException::NotReported,
        "totals_disagree" => UsageException::TotalsDisagree { reported: 12, summed: 11 },
        "part_exceeds_whole" => UsageException::PartExceedsWhole { field: "cached_tokens".to_owned() },
        "truncated" => UsageException::Truncated,
        "unreadable" => UsageException::Unreadable { reason: "it is cut".to_owned() },
        "not_understood" => UsageException::NotUnderstood { what: "tier \"hyper\"".to_owned() },
        other => panic!("no exception {other}"),
    }
}
