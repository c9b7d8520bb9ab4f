//! The worked example of `docs/life-of-a-dollar.md`, from the bytes to the page, by the code that ships.

use bursar_console::answer::SpendAnswer;
use bursar_core::{
    Attribution, EndOfStream, Meter, Money, PriceView, RecordId, RequestId, Rounding, ServiceTier, Timestamp,
    Timings, UnitPrice, UsageRecord,
};
use bursar_prices::{CallFacts, PriceBook, cost_of_call};
use bursar_store::{Dimension, Reader, SpendQuery, Store, StoreOptions};
use bursar_wire::{Framing, RequestFacts, ResponseMeter, Surface, Vendor};

use super::requests::request_text;

const DOCUMENT: &str = include_str!("../../../../docs/life-of-a-dollar.md");

/// The text of the document between a mark and the end of its block.
fn block(mark: &str) -> &'static str {
    let start = DOCUMENT.find(mark).map(|at| at + mark.len()).unwrap();
    let end = DOCUMENT[start..].find("```\n").unwrap();
    &DOCUMENT[start..start + end]
}

fn record() -> UsageRecord {
    let mut meter = ResponseMeter::new(Surface::OpenAiChat, Vendor::OpenAi, 200, Framing::Json);
    meter.feed(block("```json\n").as_bytes());
    let started_at = Timestamp::from_date(2026, 11, 25).unwrap();
    let mut record = UsageRecord {
        id: RecordId { request: RequestId(0x0198_a5b2_c3d4_7e8f_9a0b_1c2d_3e4f_5061), attempt: 0 },
        started_at,
        ended_at: started_at.plus_micros(2_500_000),
        key: None,
        attribution: Attribution { team: Some("support".to_owned()), ..Attribution::default() },
        provider: "openai".to_owned(),
        surface: Surface::OpenAiChat.name().to_owned(),
        region: None,
        requested_model: Some("gpt-5".to_owned()),
        usage: meter.finish(EndOfStream::Complete, &RequestFacts::default()),
        tier: ServiceTier::Standard,
        end: EndOfStream::Complete,
        status: Some(200),
        list_cost: None,
        contracted_cost: None,
        price_version: PriceBook::embedded().version.clone(),
        reasons: Vec::new(),
        timings: Timings { total_us: Some(2_500_000), ..Timings::default() },
    };
    (record.list_cost, record.contracted_cost) =
        (cost(&record, PriceView::List), cost(&record, PriceView::Contracted));
    record
}

fn cost(record: &UsageRecord, view: PriceView) -> Option<Money> {
    let facts = CallFacts {
        provider: &record.provider,
        region: None,
        requested_model: record.requested_model.as_deref(),
        at: record.started_at,
        known_at: record.ended_at,
        requested_tier: None,
    };
    cost_of_call(PriceBook::embedded(), &facts, &record.usage, view, Rounding::HalfEven)
}

#[test]
fn the_bytes_of_the_example_become_the_meters_and_the_cent_that_the_document_says() {
    let record = record();
    let units: Vec<(Meter, u64)> = record.usage.quantities.iter().map(|(m, units, _)| (m, units)).collect();
    assert_eq!(
        units,
        [(Meter::Input, 2_400), (Meter::CacheRead, 8_000), (Meter::Output, 152), (Meter::Reasoning, 448)]
    );
    assert_eq!(record.contracted_cost, Some(Money::from_nanos(10_000_000)));
    for (units, nanos) in
        [("2,400", "3,000,000"), ("8,000", "1,000,000"), ("152", "1,520,000"), ("448", "4,480,000")]
    {
        let row = DOCUMENT.lines().find(|l| l.contains(&format!("| {units} |")) && l.contains(nanos));
        assert!(row.is_some(), "the document has no line for {units} units and {nanos} nano-dollars");
    }
}

#[test]
fn the_rounding_that_the_document_describes_is_the_codes() {
    let price = UnitPrice::from_dollars_per_million("0.0375").unwrap();
    let cost = |units| price.cost(units, Rounding::HalfEven).map(Money::nanos);
    assert_eq!([cost(1), cost(3)], [Some(38), Some(112)]);
}

#[test]
fn what_the_commands_say_about_the_cent_is_what_the_document_shows() {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions { folder: folder.path().to_owned(), ..StoreOptions::default() };
    let (store, _) = Store::open(options).unwrap();
    store.settle(&record()).unwrap();
    store.flush().unwrap();
    let reader = Reader::open(folder.path()).unwrap();
    let book = PriceBook::embedded();
    let answer = bursar_console::query::request(&reader, &record().id.request.to_string(), book).unwrap();
    let shown = request_text(&answer).replace(&book.version, "0123456789abcdef");
    assert_eq!(shown, block("```text\n"), "the document shows something else");
    let (since, until) = (record().started_at, record().ended_at);
    let rows = reader.spend(&SpendQuery { since, until, by: vec![Dimension::Team], ..SpendQuery::default() });
    let groups = rows.unwrap().into_iter().map(|r| (r.group, r.cell)).collect();
    assert_eq!(SpendAnswer::of((since, until), &["team"], groups).total.contracted_cost, "0.01");
}
