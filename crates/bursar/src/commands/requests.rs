//! `bursar requests`: single calls, with every number explained.

use std::fmt::Write as _;
use std::process::ExitCode;

use bursar_console::answer::{
    AttemptAnswer, PriceRowAnswer, PricedAnswer, RecordAnswer, RequestAnswer, TimingsAnswer, UsageAnswer,
};
use bursar_console::shown::grouped;
use bursar_console::{params, query};
use clap::{Args, Subcommand};

use super::context::{Context, print_json, print_text};
use super::filters::{self, FilterArgs, RangeArgs, RecordFilterArgs};
use super::priced_lines::{self, money};
use super::table::{duration, number, plain, render, text};

/// What to do with requests.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum RequestsCommand {
    /// Show one request: every attempt, every number with its price and source
    Show(ShowArgs),
    /// List attempts, the latest first
    List(Box<ListArgs>),
}

/// Which request.
#[derive(Clone, Debug, Args)]
pub(crate) struct ShowArgs {
    /// The request's id, as the header x-bursar-request-id gives it
    #[arg(value_name = "ID")]
    id: String,
}

/// Which attempts.
#[derive(Clone, Debug, Args)]
pub(crate) struct ListArgs {
    /// How many, 1 to 1000
    #[arg(long, default_value_t = 20)]
    limit: u32,
    /// Where the page before ended
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    range: RangeArgs,
    #[command(flatten)]
    filters: FilterArgs,
    #[command(flatten)]
    records: RecordFilterArgs,
}

/// Runs one of the commands.
pub(crate) fn run(command: &RequestsCommand, context: &Context) -> anyhow::Result<ExitCode> {
    match command {
        RequestsCommand::Show(args) => show(args, context)?,
        RequestsCommand::List(args) => list(args, context)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn show(args: &ShowArgs, context: &Context) -> anyhow::Result<()> {
    let answer = query::request(&context.reader()?, &args.id, &context.prices)?;
    if context.json { print_json(&answer) } else { print_text(&request_text(&answer)) }
}

fn list(args: &ListArgs, context: &Context) -> anyhow::Result<()> {
    let mut page = vec![("limit".to_owned(), args.limit.to_string())];
    page.extend(args.cursor.iter().map(|c| ("cursor".to_owned(), c.clone())));
    let given = filters::given(
        vec![args.range.pairs(), args.filters.pairs(), args.records.pairs(), page],
        &[params::RANGE, params::FILTERS, params::RECORD_FILTERS, params::PAGE],
    )?;
    let answer = query::usage(&context.reader()?, &given, context.now())?;
    if context.json { print_json(&answer) } else { print_text(&list_text(&answer)) }
}

/// A page of attempts as a table.
fn list_text(answer: &UsageAnswer) -> String {
    if answer.records.is_empty() {
        return "No attempt was recorded in that range. A longer range: --since 30d\n".to_owned();
    }
    let columns = [
        text("started (UTC)"),
        text("request"),
        number("attempt"),
        text("provider"),
        text("model"),
        text("team"),
        text("end"),
        number("status"),
        number("tokens"),
        number("spend"),
    ];
    let row = |r: &RecordAnswer| {
        let tokens =
            r.quantities.iter().filter(|q| is_tokens(&q.meter)).fold(0u64, |n, q| n.saturating_add(q.units));
        vec![
            r.started_at.clone(),
            r.request.clone(),
            r.attempt.to_string(),
            r.provider.clone(),
            r.served_model.clone().or_else(|| r.requested_model.clone()).unwrap_or_else(not_said),
            r.attribution.team.clone().unwrap_or_else(not_said),
            r.end.clone(),
            r.status.map_or(String::new(), |s| s.to_string()),
            grouped(tokens),
            money(r.contracted_cost.as_deref()),
        ]
    };
    let table = render(&columns, answer.records.iter().map(row).collect(), None);
    let more = answer.next_cursor.as_ref().map_or(String::new(), |c| format!("\nMore: --cursor {c}\n"));
    format!("{table}{more}")
}

fn is_tokens(meter: &str) -> bool {
    meter.parse::<bursar_core::Meter>().is_ok_and(bursar_core::Meter::is_tokens)
}

fn not_said() -> String {
    "(not said)".to_owned()
}

/// A request in full.
pub(super) fn request_text(answer: &RequestAnswer) -> String {
    let mut out = format!(
        "Request {}\n{} {}, {} at contracted prices, {} at list prices\n",
        answer.request,
        answer.attempts.len(),
        if answer.attempts.len() == 1 { "attempt" } else { "attempts" },
        money(answer.contracted_cost.as_deref()),
        money(answer.list_cost.as_deref()),
    );
    for attempt in &answer.attempts {
        attempt_text(attempt, &mut out);
    }
    out
}

fn attempt_text(attempt: &AttemptAnswer, out: &mut String) {
    let r = &attempt.record;
    let _ = writeln!(out, "\nAttempt {}", r.attempt);
    for (name, value) in facts(r) {
        let _ = writeln!(out, "  {name:<16}{}", plain(&value));
    }
    for exception in &r.exceptions {
        let _ = writeln!(out, "  ! {}: {}", exception.name, plain(&exception.detail));
    }
    for reason in &r.reasons {
        let _ = writeln!(out, "  - {}", plain(reason));
    }
    let _ =
        writeln!(out, "\n  Amounts in US dollars, derived again with price list {}", attempt.derived_with);
    for note in &attempt.notes {
        let _ = writeln!(out, "  ! {note}");
    }
    let same = attempt.contracted.row == attempt.list.row && r.contracted_cost == r.list_cost;
    let title = if same { "At contracted and list prices" } else { "At contracted prices" };
    priced_text(title, r.contracted_cost.as_deref(), &attempt.contracted, out);
    if !same {
        priced_text("At list prices", r.list_cost.as_deref(), &attempt.list, out);
    }
}

fn facts(r: &RecordAnswer) -> Vec<(&'static str, String)> {
    let said = |value: &Option<String>| value.clone().unwrap_or_else(not_said);
    let labels: Vec<String> = r.attribution.set().iter().map(|(n, v)| format!("{n}={v}")).collect();
    let status = r.status.map_or("no HTTP status".to_owned(), |s| format!("HTTP {s}"));
    let mut facts = vec![
        ("started", format!("{} (UTC)", r.started_at)),
        ("provider", format!("{} {}", r.provider, r.surface)),
        ("region", r.region.clone().unwrap_or_default()),
        ("model asked for", said(&r.requested_model)),
        ("model served", said(&r.served_model)),
        ("tier", r.tier.clone()),
        ("ended", format!("{}, {status}", r.end)),
        ("finish reason", r.finish_reason.clone().unwrap_or_default()),
        ("response id", r.response_id.clone().unwrap_or_default()),
        ("key", r.key.clone().unwrap_or_else(|| "(none)".to_owned())),
        ("labels", if labels.is_empty() { not_said() } else { labels.join(" ") }),
        ("timings", timings(&r.timings)),
    ];
    if let Some(stated) = &r.provider_stated_cost {
        facts.push(("provider states", format!("${stated} (shown for comparison, never booked)")));
    }
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

fn timings(t: &TimingsAnswer) -> String {
    let parts = [
        ("to the provider", t.to_upstream_us),
        ("to its response", t.to_response_us),
        ("to the first byte", t.to_first_byte_us),
        ("in all", t.total_us),
    ];
    let shown = parts.iter().filter_map(|(name, us)| us.map(|us| format!("{name} {}", duration(us))));
    shown.collect::<Vec<_>>().join(", ")
}

fn priced_text(title: &str, recorded: Option<&str>, priced: &PricedAnswer, out: &mut String) {
    let _ = writeln!(out, "\n  {title}");
    for sentence in priced_lines::sentences(priced) {
        let _ = writeln!(out, "  {}", plain(sentence));
    }
    if let Some(row) = &priced.row {
        let _ = writeln!(out, "  {}", row_dates(row));
    }
    for line in priced_lines::table(priced).lines() {
        let _ = writeln!(out, "    {line}");
    }
    let _ = writeln!(out, "  recorded: {}", money(recorded));
    if let Some(difference) = &priced.difference {
        let _ = writeln!(out, "  ! the recorded amount differs from the derived one by {difference}");
    }
}

/// From when to when the row holds, and since when it is known.
fn row_dates(row: &PriceRowAnswer) -> String {
    let from = row.effective_from.as_deref().map_or(String::new(), |t| format!(", in effect from {t}"));
    let to = row.effective_to.as_deref().map_or(String::new(), |t| format!(" until {t}"));
    format!("The row entered the list at {}{from}{to}.", row.recorded_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::price_list::UnitPrices;
    use bursar_core::{
        Attribution, EndOfStream, KeyId, Meter, MeteredUsage, PriceKind, PriceRow, Provenance, Quantities,
        RecordId, RequestId, ServiceTier, Timestamp, Timings, UnitPrice, UsageException, UsageRecord,
    };
    use bursar_prices::PriceBook;

    fn day(d: u32) -> Timestamp {
        Timestamp::from_date(2026, 7, d).unwrap()
    }

    fn prices() -> PriceBook {
        let mut prices = UnitPrices::default();
        for (meter, price) in [(Meter::Input, "1.25"), (Meter::CacheRead, "0.125"), (Meter::Output, "10")] {
            prices.set(meter, UnitPrice::from_dollars_per_million(price).ok());
        }
        let row = PriceRow {
            provider: "openai".to_owned(),
            model: "gpt-5".to_owned(),
            aliases: vec!["gpt-5-2025-08-07".to_owned()],
            region: None,
            tier: ServiceTier::Standard,
            context_above: 0,
            kind: PriceKind::List,
            effective_from: None,
            effective_to: None,
            recorded_at: day(1),
            source: "https://example.test/prices".to_owned(),
            as_of: "2026-07-01".to_owned(),
            prices,
            conflicts: Vec::new(),
        };
        PriceBook { version: "1f2e".to_owned(), ..PriceBook::of(vec![row]) }
    }

    fn record() -> UsageRecord {
        let quantities = Quantities::none()
            .with(Meter::Input, 2_400, Provenance::Reported)
            .with(Meter::CacheRead, 8_000, Provenance::Reported)
            .with(Meter::Output, 152, Provenance::Counted)
            .with(Meter::Reasoning, 448, Provenance::Estimated);
        UsageRecord {
            id: RecordId { request: RequestId(0x0198_a5b2), attempt: 0 },
            started_at: day(2),
            ended_at: day(2).plus_micros(2_500_000),
            key: Some(KeyId("key_7".to_owned())),
            attribution: Attribution { team: Some("support".to_owned()), ..Attribution::default() },
            provider: "openai".to_owned(),
            surface: "openai.chat_completions".to_owned(),
            region: None,
            requested_model: Some("gpt-5".to_owned()),
            usage: MeteredUsage {
                quantities,
                exceptions: vec![UsageException::Truncated],
                model: Some("gpt-5-2025-08-07".to_owned()),
                finish_reason: None,
                response_id: Some("chatcmpl-1".to_owned()),
                ..MeteredUsage::default()
            },
            tier: ServiceTier::Standard,
            end: EndOfStream::ClientCancelled,
            status: Some(200),
            list_cost: "0.01".parse().ok(),
            contracted_cost: "0.01".parse().ok(),
            price_version: "1f2e".to_owned(),
            reasons: vec!["sent to openai, the provider of gpt-5".to_owned()],
            timings: Timings {
                to_upstream_us: Some(41),
                to_response_us: Some(412_000),
                to_first_byte_us: Some(430_900),
                total_us: Some(2_500_000),
            },
        }
    }

    fn answer(record: &UsageRecord) -> RequestAnswer {
        query::explained(std::slice::from_ref(record), &prices())
    }

    #[test]
    fn a_request_is_shown_with_every_number_its_price_and_its_source() {
        insta::assert_snapshot!(request_text(&answer(&record())));
    }

    #[test]
    fn a_model_without_a_price_is_unpriced_and_says_why() {
        let mut unknown = record();
        (unknown.usage.model, unknown.requested_model) = (Some("house-model".to_owned()), None);
        (unknown.list_cost, unknown.contracted_cost) = (None, None);
        insta::assert_snapshot!(request_text(&answer(&unknown)));
    }

    #[test]
    fn an_amount_that_is_derived_differently_is_shown_with_the_difference() {
        let mut other = record();
        other.list_cost = "0.02".parse().ok();
        let shown = request_text(&answer(&other));
        assert!(shown.contains("! the recorded amount differs from the derived one by 0.01"), "{shown}");
    }

    #[test]
    fn the_list_has_one_line_per_attempt_and_says_where_it_goes_on() {
        let mut second = record();
        (second.id.attempt, second.contracted_cost, second.status) = (1, None, None);
        let records = vec![RecordAnswer::from(&record()), RecordAnswer::from(&second)];
        insta::assert_snapshot!(list_text(&UsageAnswer { records, next_cursor: Some("a.b.0".to_owned()) }));
    }
}
