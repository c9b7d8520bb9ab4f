//! `bursar gpus price`: price rows for the models of one's own GPUs, from what they cost and made.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use bursar_console::gpus::{AccountQuery, NodeAccount, accounts, basis, whole_hours};
use bursar_console::shown::grouped;
use bursar_console::times;
use bursar_core::{Meter, Money, PriceRow, PriceView, Timestamp};
use bursar_plan::gpu::bill::Weights;
use bursar_plan::gpu::price::{Basis, price_row, prices_of};
use bursar_plan::gpu::vllm::Tokens;
use bursar_prices::in_force::{Reading, RowKey};
use clap::Args;
use serde::Serialize;

use crate::cli::GlobalArgs;
use crate::commands::context::{print_json, print_text};
use crate::commands::prices::Desk;
use crate::commands::table::{number, plain, render, text};

/// Over which time, and where to.
#[derive(Clone, Debug, Args)]
pub(super) struct PriceArgs {
    /// First moment that counts, moved back to the start of its hour: 7d, 24h, a date or an RFC 3339 time
    #[arg(long, value_name = "TIME", default_value = "7d")]
    since: String,
    /// First moment that does not count any more, moved on to the end of its hour [default: now]
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only the models of this node
    #[arg(long)]
    node: Option<String>,
    /// What is in the price: work, resident (with the time in which models waited) or node (all idle time)
    #[arg(long, default_value = "resident")]
    basis: String,
    /// Write the rows; without a file, to PROVIDER.measured.toml in the folder of your price files
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    write: Option<Option<PathBuf>>,
    /// Take back the rows that were written last to the file
    #[arg(long, conflicts_with_all = ["write", "since", "until", "node", "basis"], value_name = "FILE")]
    undo: Option<PathBuf>,
}

/// A model's price, with what it was made from.
#[derive(Debug, Serialize)]
struct PriceOffer {
    provider: String,
    model: String,
    nodes: Vec<String>,
    cost: String,
    tokens: u64,
    /// Dollars per million tokens.
    input: String,
    cache_read: String,
    output: String,
    /// The prices that hold now, where there are any.
    input_now: Option<String>,
    output_now: Option<String>,
    #[serde(skip)]
    row: PriceRow,
}

#[derive(Debug, Serialize)]
struct PriceAnswer {
    basis: &'static str,
    since: String,
    until: String,
    offers: Vec<PriceOffer>,
    files: Vec<PathBuf>,
    written: bool,
    notes: Vec<String>,
}

const COMMENT: &str = "Written by bursar gpus price, from what GPUs cost and made. Comments of yours are not kept: write \
                       rows of your own into another file.";

/// Shows, writes or takes back.
pub(super) fn run(args: &PriceArgs, global: &GlobalArgs) -> anyhow::Result<ExitCode> {
    let desk = global.price_desk()?;
    if let Some(file) = &args.undo {
        return undo(file, &desk);
    }
    let answer = priced(args, global, &desk)?;
    if desk.json {
        print_json(&answer)?;
    } else {
        print_text(&answer_text(&answer))?;
    }
    let found = !answer.offers.is_empty();
    Ok(if found { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn priced(args: &PriceArgs, global: &GlobalArgs, desk: &Desk) -> anyhow::Result<PriceAnswer> {
    let time = |text: &str| times::parse_time(text, desk.now);
    let until = args.until.as_deref().map(time).transpose()?.unwrap_or(desk.now);
    let (since, until) = whole_hours(time(&args.since)?, until, desk.now)
        .context("--until is not after --since, or --since is not past")?;
    let basis = basis(&args.basis)?;
    let query = AccountQuery { since, until, node: args.node.as_deref(), basis };
    let accounts = accounts(&global.context()?.reader()?, &query)?;
    let mut notes = Vec::new();
    let range = (since, until);
    let models = by_model(&accounts, &mut notes)?;
    let offers: Vec<PriceOffer> = models
        .into_iter()
        .filter_map(|m| m.offer(desk, basis, range, &mut notes).transpose())
        .collect::<Result<_, _>>()?;
    let written = args.write.is_some() && !offers.is_empty();
    let mut files: Vec<PathBuf> = Vec::new();
    for offer in &offers {
        let file = match &args.write {
            Some(Some(file)) => file.clone(),
            _ => desk.path(&format!("{}.measured.toml", offer.provider)),
        };
        if written {
            add_row(&file, &offer.row, desk)?;
        }
        files.push(file);
    }
    files.dedup();
    Ok(PriceAnswer {
        basis: basis.name(),
        since: times::text_of(since),
        until: times::text_of(until),
        offers,
        files,
        written,
        notes,
    })
}

/// A model over all nodes that serve it under one provider.
struct ModelTotal {
    provider: String,
    model: String,
    nodes: Vec<String>,
    weights: Weights,
    cost: Money,
    tokens: Tokens,
    counted_by: &'static str,
}

fn by_model(accounts: &[NodeAccount], notes: &mut Vec<String>) -> anyhow::Result<Vec<ModelTotal>> {
    let mut totals: Vec<ModelTotal> = Vec::new();
    for account in accounts {
        let node = &account.node.node;
        let Some(provider) = &account.node.provider else {
            notes.push(format!(
                "{node} has no provider in [[gpu.node]]: its models have no name in the price list"
            ));
            continue;
        };
        if account.costs.is_empty() {
            notes.push(format!("{node} made no token that is known: its models have no price"));
        }
        if account.uncounted > 0 {
            let seconds = grouped(u64::try_from(account.uncounted / 1_000_000).unwrap_or(0));
            notes.push(format!(
                "{node}: the tokens of {seconds} s are not known; that time and its cost are left out"
            ));
        }
        let [input, cached, output] = account.node.weights;
        let weights = Weights { input, cached, output };
        for cost in &account.costs {
            let same = |t: &&mut ModelTotal| t.provider == *provider && t.model == cost.model;
            match totals.iter_mut().find(same) {
                Some(total) => {
                    anyhow::ensure!(
                        total.weights == weights,
                        "{} is served by nodes with different weights; price one with --node",
                        cost.model
                    );
                    total.cost = total.cost.checked_add(cost.cost).context("the cost is out of range")?;
                    total.tokens = total.tokens.plus(cost.tokens);
                    total.nodes.push(node.clone());
                }
                None => totals.push(ModelTotal {
                    provider: provider.clone(),
                    model: cost.model.clone(),
                    nodes: vec![node.clone()],
                    weights,
                    cost: cost.cost,
                    tokens: cost.tokens,
                    counted_by: account.counted_by,
                }),
            }
        }
    }
    Ok(totals)
}

impl ModelTotal {
    fn offer(
        self,
        desk: &Desk,
        basis: Basis,
        (since, until): (Timestamp, Timestamp),
        notes: &mut Vec<String>,
    ) -> anyhow::Result<Option<PriceOffer>> {
        let Some(prices) = prices_of(self.cost, self.tokens, self.weights) else {
            notes.push(format!(
                "{}/{} made no token: it has no price, which is not free",
                self.provider, self.model
            ));
            return Ok(None);
        };
        let source = format!(
            "measured on {}, {} to {}: ${} ({}), {} tokens in, {} from the cache, {} out (counted by {})",
            self.nodes.join(", "),
            times::text_of(since),
            times::text_of(until),
            self.cost,
            basis.name(),
            self.tokens.input,
            self.tokens.cached,
            self.tokens.output,
            self.counted_by
        );
        let row = price_row(&self.provider, &self.model, prices, desk.second(), source);
        let now = price_now(desk, &row)?;
        let shown = |meter| now.as_ref().and_then(|r| r.prices.get(meter)).map(|p| p.to_string());
        Ok(Some(PriceOffer {
            provider: self.provider,
            model: self.model,
            nodes: self.nodes,
            cost: self.cost.to_string(),
            tokens: self.tokens.total(),
            input: prices.input.to_string(),
            cache_read: prices.cached.to_string(),
            output: prices.output.to_string(),
            input_now: shown(Meter::Input),
            output_now: shown(Meter::Output),
            row,
        }))
    }
}

/// The row that prices the model now.
fn price_now(desk: &Desk, row: &PriceRow) -> anyhow::Result<Option<PriceRow>> {
    let reading = Reading { at: desk.now, known_at: desk.now, view: PriceView::List };
    Ok(RowKey::of(row).find(&desk.book()?.list, &reading).cloned())
}

/// A desk over the folder of a file, and the file's name.
fn desk_of(file: &Path, desk: &Desk) -> anyhow::Result<(Desk, String)> {
    let name = file.file_name().and_then(|n| n.to_str()).filter(|n| n.ends_with(".toml"));
    let name =
        name.with_context(|| format!("{} is no name of a price file such as local.toml", file.display()))?;
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((Desk { folder: folder.to_owned(), json: desk.json, now: desk.now }, name.to_owned()))
}

fn add_row(file: &Path, row: &PriceRow, desk: &Desk) -> anyhow::Result<()> {
    let (place, name) = desk_of(file, desk)?;
    let mut rows = place.rows_of(&name)?;
    anyhow::ensure!(
        rows.iter().all(|r| r.provider == row.provider),
        "{} has rows of another provider; a price file is of one",
        file.display()
    );
    rows.retain(|r| !(r.model == row.model && r.recorded_at == row.recorded_at));
    rows.push(row.clone());
    place.write(&name, COMMENT, &rows)?;
    Ok(())
}

/// Takes back the rows that were recorded last.
fn undo(file: &Path, desk: &Desk) -> anyhow::Result<ExitCode> {
    let (place, name) = desk_of(file, desk)?;
    let mut rows = place.rows_of(&name)?;
    let last = rows.iter().map(|r| r.recorded_at).max();
    let last = last.with_context(|| format!("{} has no rows to take back", file.display()))?;
    let before = rows.len();
    rows.retain(|r| r.recorded_at != last);
    place.write(&name, COMMENT, &rows)?;
    let gone = before - rows.len();
    if desk.json {
        print_json(&serde_json::json!({ "file": file, "taken_back": gone, "left": rows.len() }))?;
    } else {
        let left =
            if rows.is_empty() { "the file is gone".to_owned() } else { format!("{} are left", rows.len()) };
        print_text(&format!(
            "Taken back from {}: {gone} rows of {}; {left}\n",
            file.display(),
            times::text_of(last)
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn answer_text(answer: &PriceAnswer) -> String {
    let mut out = format!("{} to {} (UTC), basis {}\n", answer.since, answer.until, answer.basis);
    let columns = [
        text("model"),
        text("nodes"),
        number("cost $"),
        number("tokens"),
        number("input $/1M"),
        number("cache $/1M"),
        number("output $/1M"),
        number("input now"),
        number("output now"),
    ];
    let now = |price: &Option<String>| price.clone().unwrap_or_else(|| "none".to_owned());
    let row = |o: &PriceOffer| {
        vec![
            format!("{}/{}", o.provider, o.model),
            o.nodes.join(" "),
            o.cost.clone(),
            grouped(o.tokens),
            o.input.clone(),
            o.cache_read.clone(),
            o.output.clone(),
            now(&o.input_now),
            now(&o.output_now),
        ]
    };
    if answer.offers.is_empty() {
        out.push_str("No model has a price in this time.\n");
    } else {
        out.push_str(&render(&columns, answer.offers.iter().map(row).collect(), None));
    }
    answer.notes.iter().for_each(|note| out.push_str(&format!("Note: {}\n", plain(note))));
    for file in &answer.files {
        let file = file.display();
        out.push_str(&if answer.written {
            format!("Written to {file}; a running gateway takes it over by itself.\nUndo: bursar gpus price --undo {file}\n")
        } else {
            format!("Nothing was written; with --write the rows go to {file}\n")
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bursar_plan::gpu::bill::Statement;
    use bursar_plan::gpu::price::ModelCost;
    use bursar_store::GpuNode;

    use super::*;

    fn account(node: &str, provider: Option<&str>, weights: [u32; 3], output: u64) -> NodeAccount {
        let tokens = Tokens { input: 0, cached: 0, output };
        let cost: Money = "10".parse().unwrap();
        NodeAccount {
            node: GpuNode {
                node: node.to_owned(),
                since: Timestamp::from_seconds(0),
                until: None,
                per_hour: cost,
                term: "owned".to_owned(),
                owner: "platform".to_owned(),
                accelerators: 1,
                provider: provider.map(str::to_owned),
                weights,
                has_engines: true,
                longest: 1,
            },
            statement: Statement {
                bill: cost,
                lines: Vec::new(),
                by_state: BTreeMap::new(),
                gaps: Vec::new(),
            },
            costs: vec![ModelCost { model: "m".to_owned(), cost, tokens, prices: None }],
            counted_by: "engine",
            uncounted: 0,
        }
    }

    fn desk(folder: &Path) -> Desk {
        Desk { folder: folder.to_owned(), json: true, now: Timestamp::from_date(2026, 12, 1).unwrap() }
    }

    #[test]
    fn nodes_of_one_provider_make_one_price_and_different_weights_are_no_price() {
        let mut notes = Vec::new();
        let two = [
            account("a", Some("local"), [1, 0, 8], 1_000_000),
            account("b", Some("local"), [1, 0, 8], 3_000_000),
        ];
        let total = by_model(&two, &mut notes).unwrap().remove(0);
        assert_eq!(
            (total.nodes.join(" "), total.cost.to_string(), total.tokens.output),
            ("a b".into(), "20.00".into(), 4_000_000)
        );
        let folder = tempfile::tempdir().unwrap();
        let range = (Timestamp::from_seconds(0), Timestamp::from_seconds(3_600));
        let offer = total.offer(&desk(folder.path()), Basis::Resident, range, &mut notes).unwrap().unwrap();
        assert_eq!((offer.output.as_str(), offer.output_now), ("5.00", None));
        assert!(
            offer.row.source.starts_with("measured on a, b, 1970-01-01T00:00:00Z to"),
            "{}",
            offer.row.source
        );
        let differing =
            [account("a", Some("local"), [1, 0, 8], 1), account("b", Some("local"), [1, 0, 9], 1)];
        let error = by_model(&differing, &mut notes).err().unwrap().to_string();
        assert!(error.contains("different weights"), "{error}");
    }

    #[test]
    fn a_node_without_a_provider_and_a_model_without_tokens_have_no_price_and_it_is_said() {
        let mut notes = Vec::new();
        let accounts = [account("a", None, [1, 0, 8], 1), account("b", Some("local"), [1, 0, 8], 0)];
        let mut models = by_model(&accounts, &mut notes).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let range = (Timestamp::from_seconds(0), Timestamp::from_seconds(3_600));
        let offer = models.remove(0).offer(&desk(folder.path()), Basis::Work, range, &mut notes).unwrap();
        assert!(offer.is_none() && models.is_empty());
        assert!(notes[0].contains("has no provider") && notes[1].contains("which is not free"), "{notes:?}");
    }

    #[test]
    fn what_was_written_last_is_taken_back_and_what_was_there_before_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("local.measured.toml");
        let prices =
            prices_of("5".parse().unwrap(), Tokens { input: 9, cached: 0, output: 1 }, Weights::default());
        let row = |day| {
            let at = Timestamp::from_date(2026, 11, day).unwrap();
            price_row("local", "m", prices.unwrap(), at, "measured".to_owned())
        };
        let desk = desk(folder.path());
        for day in [1, 2, 2] {
            add_row(&file, &row(day), &desk).unwrap();
        }
        assert_eq!(desk.rows_of("local.measured.toml").unwrap(), [row(1), row(2)]);
        undo(&file, &desk).unwrap();
        assert_eq!(desk.rows_of("local.measured.toml").unwrap(), [row(1)]);
        undo(&file, &desk).unwrap();
        assert!(!file.exists());
        assert!(undo(&file, &desk).unwrap_err().to_string().contains("no rows to take back"));
        let other = PriceRow { provider: "other".to_owned(), ..row(3) };
        add_row(&file, &row(3), &desk).unwrap();
        assert!(add_row(&file, &other, &desk).unwrap_err().to_string().contains("another provider"));
        assert!(
            add_row(Path::new("prices.txt"), &other, &desk).unwrap_err().to_string().contains("price file")
        );
    }
}
