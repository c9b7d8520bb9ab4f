//! `bursar budgets allocate`: amounts from expectations. What would be made is shown; `--yes` makes it.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Context as _;
use bursar_console::allocation::{self, Planned, amount_text};
use bursar_console::{budgets, times};
use bursar_core::Timestamp;
use bursar_core::budget::{Budget, BudgetName, Scope, ScopeField};
use bursar_store::{BudgetDirectory, BudgetDoc, BudgetError, History, HistoryQuery};
use clap::Args;
use serde_json::{Value, json};

use super::definition::{DefinitionArgs, amount_of};
use super::{Desk, ReasonArgs, shown};
use crate::commands::context::{print_json, print_text};
use crate::commands::table::{number, render, text};

/// How the amounts come about: one of the four ways.
#[derive(Clone, Debug, Args)]
pub(crate) struct AllocateArgs {
    /// The budget's name [default: the workflow, app or team]
    #[arg(long)]
    name: Option<String>,
    /// So many conversations in a period …
    #[arg(long, value_name = "COUNT", requires = "tokens_per_conversation", help_heading = "From a volume")]
    conversations: Option<String>,
    /// … of so many tokens each
    #[arg(long, value_name = "TOKENS", requires = "conversations", help_heading = "From a volume")]
    tokens_per_conversation: Option<String>,
    /// What calls of the scope have used in this time, for the length of the period
    #[arg(long, value_name = "TIME", help_heading = "From history")]
    from_history: Option<String>,
    /// So much on top, such as 15%
    #[arg(long, value_name = "PERCENT", requires = "from_history", help_heading = "From history")]
    headroom: Option<String>,
    /// Divide this amount …
    #[arg(long, value_name = "AMOUNT", requires = "over", help_heading = "From the top down")]
    split: Option<String>,
    /// … over the values of this field, such as team
    #[arg(long, value_name = "FIELD", requires = "split", help_heading = "From the top down")]
    over: Option<String>,
    /// By these weights, such as support=3,sales=1
    #[arg(long, value_delimiter = ',', conflicts_with = "by_history", help_heading = "From the top down")]
    weights: Vec<String>,
    /// By what each has used in this time
    #[arg(long, value_name = "TIME", help_heading = "From the top down")]
    by_history: Option<String>,
    /// Give this budget the sum of those that name it as their parent
    #[arg(long, value_name = "PARENT", help_heading = "From the bottom up")]
    sum_children: Option<String>,
    #[command(flatten)]
    definition: DefinitionArgs,
    #[command(flatten)]
    reason: ReasonArgs,
    /// Make the budgets
    #[arg(long, short, visible_alias = "write")]
    yes: bool,
}

/// A plan, and whether its budgets are new.
struct Plan {
    planned: Vec<Planned>,
    notes: Vec<String>,
}

pub(super) fn run(args: &AllocateArgs, desk: &Desk) -> anyhow::Result<ExitCode> {
    let plan = plan(args, desk)?;
    let written = args.yes;
    if written {
        write(&plan, &desk.directory()?, args, desk)?;
    }
    if desk.json {
        let line = |p: &Planned| json!({ "definition": BudgetDoc::of(&p.budget).json(), "basis": p.basis });
        let lines: Vec<Value> = plan.planned.iter().map(line).collect();
        print_json(&json!({ "budgets": lines, "notes": plan.notes, "written": written }))?;
    } else {
        print_text(&plan_text(&plan, written))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn plan(args: &AllocateArgs, desk: &Desk) -> anyhow::Result<Plan> {
    if let (Some(count), Some(each)) = (&args.conversations, &args.tokens_per_conversation) {
        let budget = base(args, "tokens", "month")?;
        let planned = allocation::from_volume(
            budget,
            whole("--conversations", count)?,
            whole("--tokens-per-conversation", each)?,
        )?;
        return Ok(Plan { planned: vec![planned], notes: Vec::new() });
    }
    if let Some(time) = &args.from_history {
        let budget = base(args, "usd", "month")?;
        let range = (times::parse_time(time, desk.now)?, desk.now);
        let history = history(desk, &budget.scopes, None, range)?.remove(&None).unwrap_or_default();
        let headroom =
            args.headroom.as_deref().map_or(Ok(0), |h| whole("--headroom", h.trim_end_matches('%')))?;
        let headroom = u32::try_from(headroom).context("--headroom is out of range")?;
        let planned = allocation::from_history(budget, &history, range, headroom)?;
        return Ok(Plan { planned: vec![planned], notes: Vec::new() });
    }
    if let (Some(amount), Some(over)) = (&args.split, &args.over) {
        return plan_split(args, desk, amount, over);
    }
    if let Some(parent) = &args.sum_children {
        let all = desk.definitions()?;
        let found = all.iter().find(|b| b.name.as_str() == parent);
        let parent = found.with_context(|| format!("there is no budget {parent}"))?;
        let planned = allocation::sum_of_children(parent, &all)?;
        return Ok(Plan { planned: vec![planned], notes: Vec::new() });
    }
    anyhow::bail!(
        "say what the amounts come from: --conversations N --tokens-per-conversation M, --from-history 60d, \
         --split AMOUNT --over FIELD, or --sum-children PARENT"
    )
}

/// The whole, which is made where it is not there, and its parts.
fn plan_split(args: &AllocateArgs, desk: &Desk, amount: &str, over: &str) -> anyhow::Result<Plan> {
    let over: ScopeField = over.parse()?;
    let known = desk.definitions()?;
    let parent = args.definition.parent().or(args.name.as_deref());
    let existing = parent.and_then(|name| known.iter().find(|b| b.name.as_str() == name)).cloned();
    let mut whole = match &existing {
        Some(budget) => budget.clone(),
        None => new_whole(args, parent)?,
    };
    let given = BudgetDoc::of(&whole).json();
    let mut table = given.as_object().cloned().unwrap_or_default();
    table.insert("amount".to_owned(), amount_of(whole.unit.name(), amount));
    let total = budgets::read(&Value::Object(table))?.amount;
    let mut notes = Vec::new();
    if let Some(budget) = &existing
        && budget.amount != total
    {
        let (is, wanted) = (amount_text(whole.unit, budget.amount), amount_text(whole.unit, total));
        notes.push(format!("{} is {is} now, and its parts add up to {wanted}", budget.name));
    }
    whole.amount = total;
    let (weights, is_history) = weights(args, desk, &whole, &over, &mut notes)?;
    let parts = allocation::split(&whole, &over, &weights, is_history)?;
    let first = Planned { budget: whole, basis: "the whole".to_owned() };
    let planned = existing.is_none().then_some(first).into_iter().chain(parts).collect();
    Ok(Plan { planned, notes })
}

fn new_whole(args: &AllocateArgs, name: Option<&str>) -> anyhow::Result<Budget> {
    let name = name.context("name the whole: --name ai-2026, or --parent with a budget that is there")?;
    let mut definition = args.definition.build(Some(name))?;
    fill(&mut definition, args, "usd", "year");
    definition["parent"] = Value::Null;
    Ok(budgets::read(&definition)?)
}

fn weights(
    args: &AllocateArgs,
    desk: &Desk,
    whole_budget: &Budget,
    over: &ScopeField,
    notes: &mut Vec<String>,
) -> anyhow::Result<(BTreeMap<String, u64>, bool)> {
    if let Some(time) = &args.by_history {
        let range = (times::parse_time(time, desk.now)?, desk.now);
        let mut found = history(desk, &whole_budget.scopes, Some(over), range)?;
        if let Some(nobody) = found.remove(&None) {
            let used = amount_text(whole_budget.unit, nobody.of(whole_budget.unit));
            notes.push(format!("{used} of calls that say nothing about their {over} are left out"));
        }
        let weight = |h: &History| u64::try_from(h.of(whole_budget.unit)).unwrap_or_default();
        let weights: BTreeMap<String, u64> =
            found.iter().filter_map(|(value, h)| Some((value.clone()?, weight(h)))).collect();
        anyhow::ensure!(!weights.is_empty(), "no call in that time says anything about its {over}");
        return Ok((weights, true));
    }
    let mut weights = BTreeMap::new();
    for text in &args.weights {
        let (value, weight) = text
            .split_once('=')
            .with_context(|| format!("--weights {text:?} is no VALUE=WEIGHT such as support=3"))?;
        weights.insert(value.to_owned(), whole("--weights", weight)?);
    }
    anyhow::ensure!(
        !weights.is_empty(),
        "say how to divide it: --weights support=3,sales=1 or --by-history 90d"
    );
    Ok((weights, false))
}

/// The budget without its amount.
fn base(args: &AllocateArgs, unit: &str, period: &str) -> anyhow::Result<Budget> {
    let name = match (&args.name, args.definition.usual_name()) {
        (Some(name), _) => name.clone(),
        (None, Some(value)) => allocation::name_of(value).to_string(),
        (None, None) => {
            anyhow::bail!("name the budget: --name NAME, or give its scope, such as --workflow support-chat")
        }
    };
    let mut definition = args.definition.build(Some(&name))?;
    fill(&mut definition, args, unit, period);
    Ok(budgets::read(&definition)?)
}

/// What a plan takes where nothing is said.
fn fill(definition: &mut Value, args: &AllocateArgs, unit: &str, period: &str) {
    if !args.definition.gives_unit() {
        definition["unit"] = json!(unit);
    }
    if !args.definition.gives_period() && definition.get("period").is_none() {
        definition["period"] = json!({ "every": period });
    }
    let unit = definition["unit"].as_str().unwrap_or(unit).to_owned();
    definition["amount"] = amount_of(&unit, "0");
    if definition.get("scope").is_none() {
        definition["scope"] = json!({});
    }
}

fn history(
    desk: &Desk,
    scopes: &[Scope],
    by: Option<&ScopeField>,
    (since, until): (Timestamp, Timestamp),
) -> anyhow::Result<BTreeMap<Option<String>, History>> {
    let query = HistoryQuery { scopes, tiers: &desk.tiers, since, until, by };
    Ok(desk.reader()?.history(&query)?)
}

/// A whole number, in groups or not.
fn whole(option: &str, text: &str) -> anyhow::Result<u64> {
    let plain: String = text.trim().chars().filter(|c| !matches!(c, ',' | '_')).collect();
    plain.parse().with_context(|| format!("{option} {text:?} is no whole number"))
}

/// Makes new budgets, and changes those that are there. Everything is looked at before anything is written.
fn write(plan: &Plan, directory: &BudgetDirectory, args: &AllocateArgs, desk: &Desk) -> anyhow::Result<()> {
    let change = desk.change(&args.reason);
    let known: Vec<BudgetName> = directory.list()?.into_iter().map(|b| b.budget.name).collect();
    let is_sum = args.sum_children.is_some();
    let clash = plan.planned.iter().find(|p| !is_sum && known.contains(&p.budget.name));
    if let Some(clash) = clash {
        return Err(budgets::problem(BudgetError::Exists(clash.budget.name.clone())).into());
    }
    for planned in &plan.planned {
        let done = if is_sum {
            directory.update(&planned.budget, &change)
        } else {
            directory.create(&planned.budget, &change)
        };
        done.map_err(budgets::problem)?;
    }
    Ok(())
}

fn plan_text(plan: &Plan, written: bool) -> String {
    let columns =
        [text("budget"), text("part of"), text("covers"), text("period"), number("amount"), text("from")];
    let row = |p: &Planned| {
        vec![
            p.budget.name.to_string(),
            p.budget.parent.as_ref().map(ToString::to_string).unwrap_or_default(),
            shown::covers_text(&p.budget),
            p.budget.period.to_string(),
            amount_text(p.budget.unit, p.budget.amount),
            p.basis.clone(),
        ]
    };
    let mut out = render(&columns, plan.planned.iter().map(row).collect(), None);
    for note in &plan.notes {
        out.push_str(&format!("! {note}\n"));
    }
    out.push_str(if written { "\nWritten.\n" } else { "\nNothing is written yet; --yes does it.\n" });
    out
}
