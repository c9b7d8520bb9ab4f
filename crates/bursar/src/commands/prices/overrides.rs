//! `bursar prices override`: settles a disputed or unknown price, or sets a negotiated one.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bursar_console::times::parse_time;
use bursar_core::{Meter, PriceKind, PriceList, PriceRow, PriceView, Timestamp, UnitPrice};
use bursar_prices::adjust::{Adjustment, adjust, is_made_by, view_of};
use bursar_prices::compare::{Difference, differences};
use bursar_prices::date;
use bursar_prices::in_force::{Reading, RowKey, in_force};
use clap::Args;
use serde::Serialize;

use super::desk::{Desk, provider_and_model};
use super::difference::{DifferenceAnswer, table};
use super::row::{RowAnswer, counted};
use crate::commands::context::{print_json, print_text};
use crate::commands::price::TierChoice;

/// Which price, and what it is.
#[derive(Clone, Debug, Args)]
pub(crate) struct OverrideArgs {
    /// The model with its provider, such as openai/gpt-5
    #[arg(value_name = "PROVIDER/MODEL", value_parser = provider_and_model)]
    model: (String, String),
    /// Prices in US dollars, such as input=2.50 output=10: per million tokens; of meters that count no tokens, each
    #[arg(value_name = "METER=PRICE", value_parser = meter_and_price, required_unless_present = "remove")]
    prices: Vec<(Meter, UnitPrice)>,
    /// Where the price was read, such as an invoice, a contract or a page
    #[arg(long, required_unless_present = "remove")]
    source: Option<String>,
    /// The source's date [default: today]
    #[arg(long, value_name = "DATE")]
    as_of: Option<String>,
    /// A negotiated price: it counts in contracted cost and leaves list cost as it is
    #[arg(long)]
    contract: bool,
    /// The service tier
    #[arg(long, value_name = "TIER", default_value = "standard")]
    tier: TierChoice,
    /// The region [default: all]
    #[arg(long)]
    region: Option<String>,
    /// Only above so many tokens of context; the bands that the list has stay as they are without this
    #[arg(long, value_name = "TOKENS", default_value_t = 0)]
    above: u64,
    /// From when it holds [default: for all times]
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Until when it holds
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// Leave dated snapshots of the model as they are
    #[arg(long)]
    exact: bool,
    /// Take back what this command has set for the model, tier and region (with --above or --from: only that)
    #[arg(long, conflicts_with_all = ["prices", "source", "as_of", "until", "exact"])]
    remove: bool,
    /// Show what would change, and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// A change of one overlay file.
struct Planned {
    file: String,
    /// All rows that the file has afterwards.
    rows: Vec<PriceRow>,
    /// The rows that come, or go.
    moved: Vec<PriceRow>,
    differences: Vec<Difference>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct OverrideAnswer {
    file: PathBuf,
    written: bool,
    removed: bool,
    rows: Vec<RowAnswer>,
    differences: Vec<DifferenceAnswer>,
    notes: Vec<String>,
}

const COMMENT: &str = "Written by bursar prices override. Comments of yours are not kept: write rows of your own into \
                       another file.";

fn meter_and_price(text: &str) -> Result<(Meter, UnitPrice), String> {
    let (meter, price) = text.split_once('=').ok_or("write it as meter=price, such as input=2.50")?;
    let meter: Meter = meter.parse().map_err(|_| {
        let names: Vec<&str> = Meter::ALL.iter().map(|m| m.name()).collect();
        format!("there is no meter {meter:?}; the meters are {}", names.join(", "))
    })?;
    let price = price.trim().strip_prefix('$').unwrap_or(price);
    let read = if meter.is_tokens() {
        UnitPrice::from_dollars_per_million
    } else {
        UnitPrice::from_dollars_per_unit
    };
    read(price).map(|price| (meter, price)).map_err(|e| e.to_string())
}

/// Sets or takes back a price.
pub(super) fn run(args: &OverrideArgs, desk: &Desk) -> anyhow::Result<ExitCode> {
    let planned = if args.remove { removal(args, desk)? } else { setting(args, desk)? };
    if !args.dry_run {
        desk.write(&planned.file, COMMENT, &planned.rows)?;
    }
    if desk.json {
        print_json(&answer(args, &planned, desk))?;
    } else {
        print_text(&text(args, &planned, &desk.path(&planned.file)))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn kind(args: &OverrideArgs) -> PriceKind {
    if args.contract { PriceKind::Contract } else { PriceKind::Override }
}

fn key(args: &OverrideArgs) -> RowKey {
    RowKey {
        provider: args.model.0.clone(),
        model: args.model.1.clone(),
        tier: args.tier.into(),
        region: args.region.clone(),
        context_above: args.above,
    }
}

fn file_name(args: &OverrideArgs) -> String {
    format!("{}.{}.toml", args.model.0, kind(args).name())
}

fn moment(text: Option<&str>, desk: &Desk) -> anyhow::Result<Option<Timestamp>> {
    Ok(text.map(|text| parse_time(text, desk.now)).transpose()?)
}

fn setting(args: &OverrideArgs, desk: &Desk) -> anyhow::Result<Planned> {
    let book = desk.book()?;
    let as_of = args.as_of.clone().unwrap_or_else(|| date::format(desk.now).chars().take(10).collect());
    anyhow::ensure!(date::of_source(&as_of).is_some(), "--as-of {as_of:?} is no date such as 2026-07-02");
    let adjustment = Adjustment {
        key: key(args),
        kind: kind(args),
        prices: args.prices.clone(),
        source: args.source.clone().unwrap_or_default(),
        as_of,
        from: moment(args.from.as_deref(), desk)?,
        until: moment(args.until.as_deref(), desk)?,
        exact_name: args.exact,
        now: desk.second(),
    };
    let added = adjust(&book.list, &adjustment)?;
    let after = PriceList::new(book.list.rows().iter().chain(&added).cloned().collect());
    let at = adjustment.from.unwrap_or(desk.now);
    let mut rows = desk.rows_of(&file_name(args))?;
    rows.extend(added.iter().cloned());
    Ok(Planned {
        file: file_name(args),
        rows,
        differences: compared(args, (&book.list, &after), at, desk),
        notes: notes(args, (&book.list, &after), at, desk),
        moved: added,
    })
}

fn removal(args: &OverrideArgs, desk: &Desk) -> anyhow::Result<Planned> {
    let (key, kind, file) = (key(args), kind(args), file_name(args));
    let from = moment(args.from.as_deref(), desk)?;
    let (gone, rows): (Vec<PriceRow>, Vec<PriceRow>) =
        desk.rows_of(&file)?.into_iter().partition(|row| is_made_by(row, &key, kind, from));
    anyhow::ensure!(
        !gone.is_empty(),
        "{} has no {} of {key}; bursar prices show {}/{} gives every row with its kind",
        desk.path(&file).display(),
        kind.name(),
        key.provider,
        key.model
    );
    let before = desk.book()?;
    let mut left = gone.clone();
    let kept = before.list.rows().iter().filter(|row| match left.iter().position(|l| l == *row) {
        Some(at) => {
            left.swap_remove(at);
            false
        }
        None => true,
    });
    let after = PriceList::new(kept.cloned().collect());
    let at = gone[0].effective_from.map_or(desk.now, |start| start.max(desk.now));
    let differences = compared(args, (&before.list, &after), at, desk);
    Ok(Planned { file, rows, moved: gone, differences, notes: Vec::new() })
}

/// What the change makes of every price at the provider.
fn compared(
    args: &OverrideArgs,
    (before, after): (&PriceList, &PriceList),
    at: Timestamp,
    desk: &Desk,
) -> Vec<Difference> {
    let reading = Reading { at, known_at: desk.now, view: view_of(kind(args)) };
    let mut found = differences(&in_force(before, &reading), &in_force(after, &reading));
    found.retain(|d| d.key.provider == args.model.0);
    found
}

/// What the price does not do, though it may be expected to.
fn notes(
    args: &OverrideArgs,
    (before, after): (&PriceList, &PriceList),
    at: Timestamp,
    desk: &Desk,
) -> Vec<String> {
    let key = key(args);
    let mut notes = Vec::new();
    if !before.rows().iter().any(|row| row.provider == key.provider) {
        notes.push(format!("the list had nothing of a provider {:?} before; check the name", key.provider));
    } else if before.rows_of(&key.provider, &key.model).next().is_none() {
        notes.push("the list did not have this model; what has no price here stays unknown".to_owned());
    }
    let reading = Reading { at, known_at: desk.now, view: PriceView::Contracted };
    let paid = key.find(after, &reading).map(|row| row.kind);
    if !args.contract && paid == Some(PriceKind::Contract) {
        notes.push("a contract holds before it: list cost follows it, contracted cost does not".to_owned());
    }
    let others = before.rows_of(&key.provider, &key.model);
    let mut tiers: Vec<&str> = others.filter(|row| row.tier != key.tier).map(|row| row.tier.name()).collect();
    tiers.sort_unstable();
    tiers.dedup();
    if !tiers.is_empty() {
        notes.push(format!("the tiers {} keep their prices; --tier sets one", tiers.join(", ")));
    }
    let mut regions: Vec<&str> =
        before.rows_of(&key.provider, &key.model).filter_map(|row| row.region.as_deref()).collect();
    regions.sort_unstable();
    regions.dedup();
    if key.region.is_none() && !regions.is_empty() {
        notes.push(format!("the regions {} keep their prices; --region sets one", regions.join(", ")));
    }
    notes
}

fn answer(args: &OverrideArgs, planned: &Planned, desk: &Desk) -> OverrideAnswer {
    OverrideAnswer {
        file: desk.path(&planned.file),
        written: !args.dry_run,
        removed: args.remove,
        rows: planned.moved.iter().map(RowAnswer::from).collect(),
        differences: planned.differences.iter().map(DifferenceAnswer::from).collect(),
        notes: planned.notes.clone(),
    }
}

fn text(args: &OverrideArgs, planned: &Planned, path: &Path) -> String {
    let kind = kind(args).name();
    let key = key(args);
    let mut out = String::new();
    if planned.differences.is_empty() {
        out.push_str("The prices stay as they are.\n");
    } else {
        out.push_str(&table(&planned.differences, "before", "after"));
    }
    out.push('\n');
    for note in &planned.notes {
        out.push_str(&format!("Note: {note}\n"));
    }
    let path = path.display();
    let what = match (args.remove, args.dry_run) {
        (_, true) => format!("Nothing was written; without --dry-run {path} changes.\n"),
        (true, false) => {
            format!(
                "Taken back: {} of {key}, from {path}\n",
                counted(planned.moved.len(), &format!("{kind} row"))
            )
        }
        (false, false) => format!(
            "Written to {path}; a running gateway takes it over by itself.\nUndo: bursar prices override {}/{}{} --remove\n",
            key.provider,
            key.model,
            undo_flags(args)
        ),
    };
    out + &what
}

/// The flags that a removal needs to find the same rows.
fn undo_flags(args: &OverrideArgs) -> String {
    let mut flags = String::new();
    if args.contract {
        flags.push_str(" --contract");
    }
    if args.tier != TierChoice::Standard {
        flags.push_str(&format!(" --tier {}", bursar_core::ServiceTier::from(args.tier)));
    }
    if let Some(region) = &args.region {
        flags.push_str(&format!(" --region {region}"));
    }
    if args.above > 0 {
        flags.push_str(&format!(" --above {}", args.above));
    }
    flags
}

#[cfg(test)]
mod tests {
    use clap::{FromArgMatches as _, Subcommand as _};

    use super::*;
    use crate::commands::prices::desk::tests::{OVERLAY, desk_with};

    #[derive(Debug, clap::Subcommand)]
    enum Only {
        Override(OverrideArgs),
    }

    fn parsed(line: &[&str]) -> Result<OverrideArgs, String> {
        let command = Only::augment_subcommands(clap::Command::new("prices"));
        let matches = command.try_get_matches_from([&["prices", "override"], line].concat());
        let matches = matches.map_err(|e| e.to_string())?;
        let Only::Override(args) = Only::from_arg_matches(&matches).map_err(|e| e.to_string())?;
        Ok(args)
    }

    fn args(line: &[&str]) -> OverrideArgs {
        parsed(line).unwrap()
    }

    const SETTLE: [&str; 4] = ["acme/large", "output=11", "--source", "invoice 12"];

    #[test]
    fn a_dispute_is_settled_with_both_prices_shown_and_the_way_back() {
        let (desk, _folder) = desk_with(&[("acme.toml", OVERLAY)]);
        let planned = setting(&args(&SETTLE), &desk).unwrap();
        insta::assert_snapshot!(text(&args(&SETTLE), &planned, Path::new("prices/acme.override.toml")));
    }

    #[test]
    fn what_is_set_holds_and_what_is_taken_back_holds_no_more() {
        let (desk, folder) = desk_with(&[("acme.toml", OVERLAY)]);
        run(&args(&SETTLE), &desk).unwrap();
        let output = |desk: &Desk| {
            let book = desk.book().unwrap();
            let row = key(&args(&SETTLE)).find(&book.list, &desk.reading(PriceView::List)).unwrap().clone();
            bursar_prices::compare::Stated::of(&row, Meter::Output).text(Meter::Output)
        };
        assert_eq!(output(&desk), "11.00");
        run(&args(&["acme/large", "--remove"]), &desk).unwrap();
        assert_eq!(output(&desk), "10.00 or 12.00");
        assert!(!folder.path().join("acme.override.toml").exists());
        let again = run(&args(&["acme/large", "--remove"]), &desk).unwrap_err().to_string();
        assert!(again.contains("has no override of acme/large"), "{again}");
    }

    #[test]
    fn a_second_price_is_added_and_the_first_is_kept_for_calls_of_its_time() {
        let (desk, _folder) = desk_with(&[]);
        let set = |price: &str| {
            let line =
                ["acme/house", price, "--source", "our hardware", "--contract", "--from", "2026-11-01"];
            run(&args(&line), &desk).unwrap();
        };
        set("input=1");
        set("input=2");
        assert_eq!(desk.rows_of("acme.contract.toml").unwrap().len(), 2);
        let all = args(&["acme/house", "--contract", "--remove", "--from", "2026-11-01"]);
        assert_eq!(removal(&all, &desk).unwrap().moved.len(), 2);
        let other = args(&["acme/house", "--contract", "--remove", "--from", "2026-11-02"]);
        assert!(removal(&other, &desk).is_err());
    }

    #[test]
    fn a_dry_run_writes_nothing() {
        let (desk, folder) = desk_with(&[]);
        let line = [&SETTLE[..], &["--dry-run"]].concat();
        run(&args(&line), &desk).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_price_does_not_do_is_noted() {
        let (desk, _folder) = desk_with(&[("acme.toml", OVERLAY)]);
        let told = |line: &[&str]| setting(&args(line), &desk).unwrap().notes.join("\n");
        let small = told(&["acme/small", "input=0.3", "--source", "invoice"]);
        assert!(
            small.contains("a contract holds before it") && small.contains("the tiers batch keep"),
            "{small}"
        );
        assert!(told(&["nobody/m", "input=1", "--source", "x"]).contains("check the name"));
        assert!(told(&["acme/new", "input=1", "--source", "x"]).contains("did not have this model"));
    }

    #[test]
    fn a_command_line_that_cannot_be_meant_is_refused_with_what_is_expected() {
        let told = |line: &[&str]| parsed(line).unwrap_err();
        assert!(told(&["gpt-5", "input=1", "--source", "x"]).contains("name provider and model"));
        assert!(told(&["acme/m", "inputs=1", "--source", "x"]).contains("the meters are input, cache_read"));
        assert!(told(&["acme/m", "input=cheap", "--source", "x"]).contains("decimal number"));
        assert!(told(&["acme/m", "input=-1", "--source", "x"]).contains("negative"));
        assert!(told(&["acme/m", "input=1"]).contains("--source"));
        assert!(told(&["acme/m"]).contains("METER=PRICE"));
        let (desk, _folder) = desk_with(&[]);
        let pattern = run(&args(&["acme/m-*", "input=1", "--source", "x"]), &desk).unwrap_err().to_string();
        assert!(pattern.contains("is a pattern"), "{pattern}");
    }
}
