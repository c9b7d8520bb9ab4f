//! Budgets as people read them.

use std::fmt::Write as _;

use bursar_console::allocation::amount_text;
use bursar_console::answer::{AmountAnswer, BalanceAnswer, BudgetAnswer, BudgetDetailAnswer, BudgetsAnswer};
use bursar_core::Money;
use bursar_core::budget::{Budget, BudgetUnit, ThresholdOn};
use bursar_store::BudgetDoc;
use serde_json::Value;

use crate::commands::table::{number, plain, render, text};

/// The most accounts that are shown.
const MOST: usize = 20;

/// All budgets as a table, each with its tightest account.
pub(super) fn list_text(answer: &BudgetsAnswer) -> String {
    if answer.budgets.is_empty() {
        return "There are no budgets, and nothing limits what is spent. Make one:\n\n  \
                bursar budgets create support --team support --amount 5000 --when-tight clamp\n"
            .to_owned();
    }
    let columns = [
        text("budget"),
        text("covers"),
        text("period"),
        number("limit"),
        number("spent"),
        number("held"),
        number("left"),
        number("used"),
        text("when tight"),
    ];
    let rows = answer.budgets.iter().map(list_row).collect();
    render(&columns, rows, None)
}

fn list_row(b: &BudgetAnswer) -> Vec<String> {
    let definition = read(&b.definition);
    let covers = definition.as_ref().map(covers_text).unwrap_or_default();
    let period = definition.as_ref().map(|d| d.period.to_string()).unwrap_or_default();
    let mut row = vec![name_text(b), covers, period];
    match &b.tightest {
        Some(t) => row.extend([
            dollars(&t.limit),
            marked(&t.spent, t.unpriced),
            dollars(&t.held),
            dollars(&t.available),
            used_text(t),
        ]),
        None => row.extend(["-"; 5].map(str::to_owned)),
    }
    row.push(tight_text(&b.definition));
    row
}

/// The name, and whose share the tightest account is.
fn name_text(b: &BudgetAnswer) -> String {
    let name = b.definition.get("name").and_then(Value::as_str).unwrap_or_default();
    match b.tightest.as_ref().and_then(|t| t.share.as_ref()) {
        Some(share) => format!("{name} ({share}, the tightest of {})", b.account_count),
        None => name.to_owned(),
    }
}

fn tight_text(definition: &Value) -> String {
    let answer = definition.get("when_tight").and_then(Value::as_str).unwrap_or_default();
    if definition.get("paused").is_some() { format!("PAUSED ({answer})") } else { answer.to_owned() }
}

/// One budget, a line per fact, and its accounts.
pub(super) fn budget_text(answer: &BudgetDetailAnswer) -> String {
    let b = &answer.budget;
    let mut out =
        format!("Budget {}\n", b.definition.get("name").and_then(Value::as_str).unwrap_or_default());
    let Some(d) = read(&b.definition) else { return out };
    let origin = if b.origin == "config" { "the configuration file" } else { "the registry" };
    let percents = |on| {
        let all = d.thresholds.iter().filter(|t| t.on == on).map(|t| format!("{} %", t.percent));
        all.collect::<Vec<_>>().join(", ")
    };
    for (name, value) in [
        ("for", d.title.clone().unwrap_or_default()),
        ("owner", d.owner.clone().unwrap_or_default()),
        ("part of", d.parent.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("covers", covers_text(&d)),
        ("amount", format!("{} every {}", amount_text(d.unit, d.amount), d.period)),
        ("when tight", tight_text(&b.definition)),
        ("ladder", d.ladder.join(", ")),
        ("told at", percents(ThresholdOn::Actual)),
        ("told at forecast", percents(ThresholdOn::Forecast)),
        ("counts from", b.counts_from.clone().unwrap_or_default()),
        ("defined in", format!("{origin}, changed {}", b.updated_at)),
    ] {
        if !value.is_empty() {
            let _ = writeln!(out, "  {name:<18}{}", plain(&value));
        }
    }
    for i in &d.increases {
        let until = bursar_console::times::text_of(i.until);
        let (amount, by, why) = (amount_text(d.unit, i.amount), plain(&i.by), plain(&i.why));
        let _ = writeln!(out, "  {:<18}{amount} until {until}, granted by {by}: {why}", "raised by");
    }
    out.push('\n');
    out.push_str(&accounts_text(answer));
    out
}

fn accounts_text(answer: &BudgetDetailAnswer) -> String {
    if answer.accounts.is_empty() {
        return "Nothing was spent of it yet.\n".to_owned();
    }
    let columns = [
        text("share"),
        text("until"),
        number("limit"),
        number("carried"),
        number("spent"),
        number("held"),
        number("left"),
        number("used"),
        number("overrun"),
        number("unpriced"),
    ];
    let row = |a: &BalanceAnswer| {
        vec![
            a.share.clone().unwrap_or_else(|| "all".to_owned()),
            a.until.clone().unwrap_or_else(|| "-".to_owned()),
            dollars(&a.limit),
            dollars(&a.carried),
            marked(&a.spent, a.unpriced),
            dollars(&a.held),
            dollars(&a.available),
            used_text(a),
            dollars(&a.overrun),
            a.unpriced.to_string(),
        ]
    };
    let mut out = render(&columns, answer.accounts.iter().take(MOST).map(row).collect(), None);
    let left_out = answer.budget.account_count.saturating_sub(MOST as u64);
    if left_out > 0 {
        let _ = writeln!(out, "{left_out} more accounts have more left; --json shows up to a thousand.");
    }
    out
}

/// What a budget covers: its scopes, and what it is per.
pub(super) fn covers_text(budget: &Budget) -> String {
    let scopes: Vec<String> = budget.scopes.iter().map(ToString::to_string).collect();
    let mut covers = scopes.join(" or ");
    if !budget.per.is_empty() {
        let per: Vec<String> = budget.per.iter().map(ToString::to_string).collect();
        let _ = write!(covers, ", per {}", per.join(" and "));
    }
    covers
}

fn read(definition: &Value) -> Option<Budget> {
    BudgetDoc::read(definition).ok()
}

/// An amount for a table: exact where four decimals are enough, else rounded to them.
fn dollars(amount: &AmountAnswer) -> String {
    match amount {
        AmountAnswer::Usd(_) => {
            let nanos = amount.in_unit(BudgetUnit::Usd).unwrap_or_default();
            if nanos % 100_000 == 0 {
                amount_text(BudgetUnit::Usd, nanos)
            } else {
                bursar_console::shown::dollars(Money::from_nanos(nanos))
            }
        }
        AmountAnswer::Tokens(tokens) => amount_text(BudgetUnit::Tokens, *tokens).replace(" tokens", " tok"),
    }
}

/// `≥` before what leaves calls without a price out.
fn marked(amount: &AmountAnswer, unpriced: u64) -> String {
    let is_low = unpriced > 0 && matches!(amount, AmountAnswer::Usd(_));
    format!("{}{}", if is_low { "≥ " } else { "" }, dollars(amount))
}

/// What is spent and held, as a share of the limit, cut off.
fn used_text(a: &BalanceAnswer) -> String {
    let unit = if matches!(a.limit, AmountAnswer::Usd(_)) { BudgetUnit::Usd } else { BudgetUnit::Tokens };
    let number = |amount: &AmountAnswer| i128::from(amount.in_unit(unit).unwrap_or_default());
    let (limit, used) = (number(&a.limit), number(&a.spent) + number(&a.held));
    if limit > 0 { format!("{} %", used * 100 / limit) } else { "-".to_owned() }
}

/// What differs between two definitions, a line per field.
pub(super) fn changes_text(before: &Value, after: &Value) -> String {
    let empty = serde_json::Map::new();
    let (before, after) = (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
    let mut fields: Vec<&String> = before.keys().chain(after.keys()).collect();
    fields.sort_unstable();
    fields.dedup();
    let shown = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), ToString::to_string);
    let mut out = String::new();
    for field in fields.into_iter().filter(|f| before.get(*f) != after.get(*f)) {
        let (was, is) = (shown(before.get(field)), shown(after.get(field)));
        let _ = writeln!(out, "  {field:<14}{} → {}", plain(&was), plain(&is));
    }
    let counts_anew = ["scope", "per", "unit", "period", "since"];
    if counts_anew.iter().any(|f| before.get(*f) != after.get(*f)) {
        out.push_str("  It counts anew, from the beginning of its window on.\n");
    }
    out
}

/// A definition as it stands in a configuration file.
pub(super) fn toml_text(definition: &Value) -> anyhow::Result<String> {
    let budget = bursar_console::budgets::read(definition)?;
    let file = std::collections::BTreeMap::from([("budget", vec![BudgetDoc::of(&budget)])]);
    Ok(toml::to_string(&file)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_console::answer::RaiseBody;
    use bursar_console::budgets;
    use bursar_core::Timestamp;
    use bursar_core::budget::{ModelTiers, Subject};
    use bursar_core::ledger::Amounts;
    use bursar_store::{BudgetDirectory, Change};
    use serde_json::json;

    fn noon() -> Timestamp {
        Timestamp::from_date(2026, 7, 15).unwrap().plus_micros(12 * 3_600_000_000)
    }

    /// Two budgets, and three calls of two consumers, one of them without a price.
    fn directory(folder: &std::path::Path) -> BudgetDirectory {
        let directory = BudgetDirectory::open(folder, ModelTiers::default()).unwrap();
        let change = Change { who: "ann".to_owned(), why: None, at: noon() };
        for definition in [
            json!({
                "name": "support", "title": "Support chat", "owner": "leads@example.com", "amount": "5000.00",
                "scope": [{ "team": "support", "model": ["gpt-5*", "o3"] }, { "workflow": "chat" }],
                "when_tight": "downgrade", "ladder": ["gpt-5-mini"],
                "period": { "every": "month", "zone": "Europe/Berlin" },
            }),
            json!({ "name": "consumers", "unit": "tokens", "amount": 100_000, "scope": {}, "per": ["consumer"] }),
        ] {
            budgets::create(&directory, &definition, &change).unwrap();
        }
        let raise: RaiseBody = serde_json::from_value(
            json!({ "amount": "500.00", "until": "7d", "why": "a busy week", "by": "cfo" }),
        )
        .unwrap();
        budgets::raise(&directory, "support", &raise, noon()).unwrap();
        for (consumer, nanos, tokens) in
            [("acme", Some(1_234_567_890_000), 70_000), ("zenith", None, 10), ("acme", Some(5), 20_000)]
        {
            let mut subject = Subject { model: Some("gpt-5".to_owned()), ..Subject::default() };
            subject.attribution.team = Some("support".to_owned());
            subject.attribution.consumer = Some(consumer.to_owned());
            let used = Amounts { usd: nanos.map(Money::from_nanos), tokens };
            directory.lock().post(&subject, noon(), used);
        }
        directory
    }

    #[test]
    fn the_list_says_what_each_budget_covers_and_what_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let answer = budgets::list(&directory(folder.path()), noon()).unwrap();
        insta::assert_snapshot!(list_text(&answer));
    }

    #[test]
    fn one_budget_is_shown_with_everything_that_holds_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let answer = budgets::show(&directory(folder.path()), "support", noon()).unwrap();
        insta::assert_snapshot!(budget_text(&answer));
    }

    #[test]
    fn a_budget_per_consumer_shows_an_account_for_each() {
        let folder = tempfile::tempdir().unwrap();
        let answer = budgets::show(&directory(folder.path()), "consumers", noon()).unwrap();
        insta::assert_snapshot!(budget_text(&answer));
    }

    #[test]
    fn a_definition_can_be_pasted_into_a_configuration_file() {
        let folder = tempfile::tempdir().unwrap();
        let answer = budgets::show(&directory(folder.path()), "support", noon()).unwrap();
        let text = toml_text(&answer.budget.definition).unwrap();
        let config = crate::config::Config::parse(None, &text, &|_| None).unwrap();
        assert_eq!(BudgetDoc::of(&config.budgets.budgets[0]).json(), answer.budget.definition);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_change_is_shown_field_by_field_and_says_where_the_budget_counts_anew() {
        let before = json!({ "amount": "5.00", "scope": { "team": "a" }, "owner": "x" });
        let after = json!({ "amount": "7.00", "scope": { "team": "b" } });
        insta::assert_snapshot!(changes_text(&before, &after));
        let same = json!({ "amount": "7.00", "scope": { "team": "a" } });
        assert!(!changes_text(&before, &same).contains("anew"));
    }

    #[test]
    fn no_budget_at_all_says_what_that_means_and_how_to_make_one() {
        assert!(list_text(&BudgetsAnswer { budgets: Vec::new() }).contains("bursar budgets create"));
    }
}
