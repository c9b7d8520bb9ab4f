//! `bursar price`: what one recorded response costs, and why.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use bursar_console::answer::{ExceptionAnswer, MeterAnswer, PricedAnswer};
use bursar_core::{EndOfStream, MeteredUsage, PriceView, Rounding, ServiceTier};
use bursar_prices::{CallFacts, PriceBook, call, price_call};
use bursar_wire::{Dialect, Framing, RequestFacts, RequestView, ResponseMeter, Surface, Vendor};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::context::{Context, print_json, print_text};
use super::input_file;
use super::priced_lines::{self, money};
use super::table::plain;

/// The largest recorded response that is read, in bytes.
const LARGEST: u64 = 64 << 20;

/// Which response, and what its price is looked up by.
#[derive(Clone, Debug, Args)]
pub(crate) struct PriceArgs {
    /// How to read the response: a dialect, whose surface the response shows, or a surface
    #[arg(long, value_parser = dialects())]
    dialect: String,
    /// The model that was asked for [default: what request and response name]
    #[arg(long)]
    model: Option<String>,
    /// The provider, as the price list names it [default: the dialect's own]
    #[arg(long)]
    provider: Option<String>,
    /// The service tier that was asked for; one that the response names holds before it
    #[arg(long, value_name = "TIER")]
    tier: Option<TierChoice>,
    /// The region that served
    #[arg(long)]
    region: Option<String>,
    /// When the call was made: a date, an RFC 3339 time, or a duration before now
    #[arg(long, value_name = "TIME", default_value = "now")]
    at: String,
    /// The request that was answered, from which is counted what the response does not report
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// The response's HTTP status
    #[arg(long, default_value_t = 200)]
    status: u16,
    /// The response: JSON, server-sent events, JSON lines or an AWS event stream; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// A service tier on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum TierChoice {
    Standard,
    Batch,
    Flex,
    Priority,
}

impl From<TierChoice> for ServiceTier {
    fn from(tier: TierChoice) -> ServiceTier {
        match tier {
            TierChoice::Standard => ServiceTier::Standard,
            TierChoice::Batch => ServiceTier::Batch,
            TierChoice::Flex => ServiceTier::Flex,
            TierChoice::Priority => ServiceTier::Priority,
        }
    }
}

const DIALECTS: [(&str, Dialect); 5] = [
    ("openai", Dialect::OpenAi),
    ("anthropic", Dialect::Anthropic),
    ("gemini", Dialect::Gemini),
    ("bedrock", Dialect::Bedrock),
    ("cohere", Dialect::Cohere),
];

/// The dialects, and the surfaces whose answers bill usage.
fn dialects() -> clap::builder::PossibleValuesParser {
    let surfaces = Surface::ALL.iter().filter(|s| s.bills_usage()).map(|s| s.name());
    DIALECTS.map(|(name, _)| name).into_iter().chain(surfaces).collect::<Vec<_>>().into()
}

/// A priced response for a machine.
#[derive(Debug, Serialize)]
struct PriceAnswer {
    provider: String,
    surface: &'static str,
    requested_model: Option<String>,
    served_model: Option<String>,
    tier: Option<&'static str>,
    quantities: Vec<MeterAnswer>,
    exceptions: Vec<ExceptionAnswer>,
    provider_stated_cost: Option<String>,
    price_version: String,
    contracted: PricedAnswer,
    list: PricedAnswer,
}

/// A response that was read, with what its price is looked up by.
struct Response<'a> {
    provider: &'a str,
    surface: Surface,
    requested_model: Option<String>,
    requested_tier: Option<ServiceTier>,
    usage: MeteredUsage,
}

/// Prices a response. A response whose price is not known in full is a problem found.
pub(crate) fn run(args: &PriceArgs, context: &Context) -> anyhow::Result<ExitCode> {
    let body = input_file::read(&args.file, LARGEST)?;
    let request = args.request.as_deref().map(|f| input_file::read_text(f, LARGEST)).transpose()?;
    let response = read(args, &body, request.as_ref().map(String::as_bytes))?;
    let answer = answer(args, &response, context)?;
    if context.json {
        print_json(&answer)?;
    } else {
        print_text(&text(&answer))?;
    }
    Ok(if answer.contracted.total.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read<'a>(args: &'a PriceArgs, body: &[u8], request: Option<&[u8]>) -> anyhow::Result<Response<'a>> {
    let (surface, dialect) = surface_of(&args.dialect, body);
    let framing = framing_of(&args.file, body)?;
    let view = match request {
        Some(bytes) => RequestView::parse(surface, "", Some("application/json"), bytes)
            .context("--request is not a request of this dialect")?,
        None => RequestView::default(),
    };
    let facts = if request.is_some() { view.facts() } else { RequestFacts::default() };
    let provider = args.provider.as_deref().unwrap_or(dialect);
    let requested_model = args.model.clone().or_else(|| view.model.clone());
    let mut meter = ResponseMeter::new(surface, Vendor::from_name(provider), args.status, framing);
    meter.feed(body);
    let usage =
        meter.finish(EndOfStream::Complete, &RequestFacts { model: requested_model.clone(), ..facts });
    let requested_tier = args.tier.map(ServiceTier::from);
    Ok(Response { provider, surface, requested_model, requested_tier, usage })
}

/// The surface, and the provider whose own dialect it is.
fn surface_of(name: &str, body: &[u8]) -> (Surface, &'static str) {
    let own = |dialect| DIALECTS.iter().find(|(_, d)| *d == dialect).map_or("openai", |(name, _)| name);
    match DIALECTS.iter().find(|(dialect, _)| *dialect == name) {
        Some(&(provider, dialect)) => (Surface::of_body(dialect, body), provider),
        None => {
            let surface = Surface::from_name(name).unwrap_or(Surface::Other);
            (surface, own(surface.dialect()))
        }
    }
}

fn framing_of(path: &Path, body: &[u8]) -> anyhow::Result<Framing> {
    Framing::of_body(body).with_context(|| {
        let what = if body.iter().all(u8::is_ascii_whitespace) { "is empty" } else { "is no response" };
        format!(
            "{} {what}: a body in JSON, server-sent events, JSON lines or an AWS event stream is expected, without its \
             HTTP headers",
            path.display()
        )
    })
}

fn answer(args: &PriceArgs, response: &Response<'_>, context: &Context) -> anyhow::Result<PriceAnswer> {
    let now = context.now();
    let facts = CallFacts {
        provider: response.provider,
        region: args.region.as_deref(),
        requested_model: response.requested_model.as_deref(),
        at: bursar_console::times::parse_time(&args.at, now)?,
        known_at: now,
        requested_tier: response.requested_tier,
    };
    let usage = &response.usage;
    let meters = usage.quantities.iter().map(|(meter, units, provenance)| MeterAnswer {
        meter: meter.name().to_owned(),
        units,
        provenance: provenance.name().to_owned(),
    });
    Ok(PriceAnswer {
        provider: response.provider.to_owned(),
        surface: response.surface.name(),
        requested_model: response.requested_model.clone(),
        served_model: usage.model.clone(),
        tier: usage.tier.or(response.requested_tier).map(ServiceTier::name),
        quantities: meters.collect(),
        exceptions: usage.exceptions.iter().map(ExceptionAnswer::from).collect(),
        provider_stated_cost: usage.provider_stated_cost.map(|m| m.to_string()),
        price_version: context.prices.version.clone(),
        contracted: priced(&context.prices, &facts, usage, PriceView::Contracted),
        list: priced(&context.prices, &facts, usage, PriceView::List),
    })
}

fn priced(book: &PriceBook, facts: &CallFacts<'_>, usage: &MeteredUsage, view: PriceView) -> PricedAnswer {
    let call::PricedCall { total, priced, explanation } =
        price_call(book, facts, usage, view, Rounding::HalfEven);
    PricedAnswer::of(priced.row, &priced.lines, total, None, explanation)
}

/// The answer for a person.
fn text(answer: &PriceAnswer) -> String {
    let total = |priced: &PricedAnswer| money(priced.total.as_deref());
    let mut out = format!(
        "A response of {} {}: {} at contracted prices, {} at list prices\n",
        plain(&answer.provider),
        answer.surface,
        total(&answer.contracted),
        total(&answer.list)
    );
    let said = |model: &Option<String>| model.as_deref().map_or("(not said)".to_owned(), plain);
    let _ = writeln!(
        out,
        "  model asked for {}, model served {}, tier {}",
        said(&answer.requested_model),
        said(&answer.served_model),
        answer.tier.unwrap_or("(not said)")
    );
    if let Some(stated) = &answer.provider_stated_cost {
        let _ = writeln!(out, "  the provider states ${stated} (shown for comparison, never booked)");
    }
    for exception in &answer.exceptions {
        let _ = writeln!(out, "  ! {}: {}", exception.name, plain(&exception.detail));
    }
    let same = answer.contracted.row == answer.list.row;
    let title = if same { "At contracted and list prices" } else { "At contracted prices" };
    priced_text(title, &answer.contracted, &mut out);
    if !same {
        priced_text("At list prices", &answer.list, &mut out);
    }
    out.push_str(&hint(answer));
    out
}

/// What to do about a price that is not known; nothing where it is.
fn hint(answer: &PriceAnswer) -> String {
    let model = answer.served_model.as_deref().or(answer.requested_model.as_deref());
    match (model, &answer.contracted.row) {
        (Some(model), None) => format!(
            "\nGive it a price: bursar prices override {}/{} input=… output=… --source …\n",
            plain(&answer.provider),
            plain(model)
        ),
        (None, None) => "\nName the model: --model …\n".to_owned(),
        (_, Some(_)) => String::new(),
    }
}

fn priced_text(title: &str, priced: &PricedAnswer, out: &mut String) {
    let _ = writeln!(out, "\n  {title}");
    for sentence in priced_lines::sentences(priced) {
        let _ = writeln!(out, "  {}", plain(sentence));
    }
    for line in priced_lines::table(priced).lines() {
        let _ = writeln!(out, "    {line}");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clap::{FromArgMatches as _, Subcommand as _};

    use super::*;

    const PRICES: &str = r#"
        format = 1
        provider = "openai"
        recorded_at = "2026-07-01"
        [[row]]
        model = "gpt-5"
        aliases = ["gpt-5-2025-08-07"]
        source = "https://example.test/prices"
        as_of = "2026-07-01"
        price.input = "1.25"
        price.cache_read = "0.125"
        price.output = "10"
        [[row]]
        model = "gpt-5"
        aliases = ["gpt-5-2025-08-07"]
        kind = "contract"
        source = "contract 7"
        as_of = "2026-07-01"
        price.input = "1.00"
        price.cache_read = "0.10"
        price.output = "8"
        [[row]]
        model = "disputed"
        source = "the first list"
        as_of = "2026-07-01"
        price.input = "1.00"
        price.output = "4.00"
        [[row.conflict]]
        meter = "output"
        price = "5.00"
        source = "the second list"
    "#;

    const CHAT: &str = r#"{"object":"chat.completion","model":"gpt-5-2025-08-07","choices":[],"usage":{
        "prompt_tokens":1200,"completion_tokens":90,"total_tokens":1290,
        "prompt_tokens_details":{"cached_tokens":1024},"completion_tokens_details":{"reasoning_tokens":64}}}"#;

    #[derive(Debug, clap::Subcommand)]
    enum Only {
        Price(PriceArgs),
    }

    fn args(line: &[&str]) -> PriceArgs {
        let command = Only::augment_subcommands(clap::Command::new("bursar"));
        let matches = command.get_matches_from([&["bursar", "price"], line].concat());
        let Only::Price(args) = Only::from_arg_matches(&matches).unwrap();
        args
    }

    fn context() -> Context {
        let prices = Arc::new(PriceBook::from_files([("openai.toml", PRICES)]).unwrap());
        Context { folder: PathBuf::from("nowhere"), prices, json: false }
    }

    fn priced_with(line: &[&str], body: &str) -> PriceAnswer {
        let args = args(line);
        let response = read(&args, body.as_bytes(), None).unwrap();
        answer(&args, &response, &context()).unwrap()
    }

    #[test]
    fn a_response_is_priced_and_every_line_explained_at_both_prices() {
        insta::assert_snapshot!(text(&priced_with(&["--dialect", "openai", "chat.json"], CHAT)));
    }

    #[test]
    fn a_model_without_a_price_has_no_total_and_says_what_to_do() {
        let body = CHAT.replace("gpt-5-2025-08-07", "house-model");
        insta::assert_snapshot!(text(&priced_with(&["--dialect", "openai", "chat.json"], &body)));
    }

    #[test]
    fn a_disputed_price_shows_what_each_source_says() {
        let body = CHAT.replace("gpt-5-2025-08-07", "disputed");
        insta::assert_snapshot!(text(&priced_with(&["--dialect", "openai", "chat.json"], &body)));
    }

    #[test]
    fn a_stream_is_read_as_one_and_its_model_is_the_one_asked_for_where_it_names_none() {
        let body = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":2,\"total_tokens\":10}}\n\n";
        let answer = priced_with(&["--dialect", "openai", "--model", "gpt-5", "-"], body);
        assert_eq!(answer.list.total.as_deref(), Some("0.00003"));
        assert_eq!((answer.surface, answer.served_model), ("openai.chat_completions", None));
    }

    #[test]
    fn before_its_row_was_recorded_a_call_has_the_price_of_the_list_known_today() {
        let answer = priced_with(&["--dialect", "openai", "--at", "2026-01-01", "chat.json"], CHAT);
        assert_eq!(answer.list.total.as_deref(), Some("0.001248"));
    }

    #[test]
    fn the_request_is_counted_where_the_response_reports_nothing() {
        let args = args(&["--dialect", "openai", "--request", "request.json", "stream.sse"]);
        let request = br#"{"model":"gpt-5","messages":[{"role":"user","content":"What is two and two?"}]}"#;
        let body = b"data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"delta\":{\"content\":\"Four.\"}}]}\n\n";
        let response = read(&args, body, Some(request)).unwrap();
        assert_eq!(response.requested_model.as_deref(), Some("gpt-5"));
        let priced = answer(&args, &response, &context()).unwrap();
        assert!(priced.contracted.total.is_some(), "{priced:?}");
        assert!(priced.quantities.iter().all(|q| q.provenance != "reported"), "{priced:?}");
    }

    #[test]
    fn what_is_no_response_is_refused_by_its_name() {
        let told = |body: &[u8]| {
            read(&args(&["--dialect", "openai", "odd.txt"]), body, None).err().unwrap().to_string()
        };
        assert!(told(b"<html>").starts_with("odd.txt is no response"), "{}", told(b"<html>"));
        assert!(told(b" \n").starts_with("odd.txt is empty"));
        let missing = run(&args(&["--dialect", "openai", "/nowhere/a.json"]), &context()).unwrap_err();
        assert!(format!("{missing:#}").contains("/nowhere/a.json"));
        let broken = priced_with(&["--dialect", "openai", "a.json"], &CHAT[..CHAT.len() - 3]);
        assert!(broken.exceptions.iter().any(|e| e.name == "unreadable"), "{broken:?}");
        assert_eq!(broken.contracted.total, None);
    }
}
