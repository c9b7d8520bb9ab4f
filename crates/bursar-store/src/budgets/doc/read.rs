//! Reading a budget, with everything that is wrong at once.

use std::time::Duration;

use bursar_core::budget::{
    Budget, BudgetName, BudgetUnit, Calendar, Clause, Increase, Pattern, Period, Rollover, Scope, ScopeField,
    Threshold, ThresholdOn, Weekday, WhenTight,
};
use bursar_core::{Money, Timestamp};
use serde_json::{Map, Value};

use super::fields::{Fields, kind, shown, suggestion};
use super::spans::{read_length, read_moment};
use super::write::{BudgetDoc, WEEKDAYS};
use super::{BudgetDocError, BudgetDocErrors};

/// How long a call waits in a budget that clamps or downgrades, where nothing is said.
const USUAL_WAIT: Duration = Duration::from_secs(60);
/// The longest wait that can be asked for.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// Stands for a name that cannot be read, while the rest is.
const NO_NAME: &str = "unnamed";

impl BudgetDoc {
    /// Reads a budget.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, each with the path of its field.
    pub fn read(value: &Value) -> Result<Budget, BudgetDocErrors> {
        let mut problems = Vec::new();
        let budget = match value {
            Value::Object(table) => Some(read_table(table.clone(), &mut problems)),
            other => {
                let what = format!("is {}, and a table with name, amount and scope is expected", kind(other));
                problems.push(BudgetDocError { path: "the budget".to_owned(), what });
                None
            }
        };
        match budget {
            Some(budget) if problems.is_empty() => Ok(budget),
            _ => Err(BudgetDocErrors(problems)),
        }
    }
}

fn read_table(table: Map<String, Value>, problems: &mut Vec<BudgetDocError>) -> Budget {
    let mut f = Fields::new(String::new(), table, problems);
    let name = read_name(&mut f, "name");
    if name.is_none() && !f.is_wrong("name") {
        f.wrong("name", "is missing: it identifies the budget, such as \"support\"");
    }
    let units = [BudgetUnit::Usd, BudgetUnit::Tokens].map(|u| (u.name(), u));
    let unit = f.choice("unit", &units).unwrap_or(BudgetUnit::Usd);
    let amount = read_amount(&mut f, "amount", unit);
    let nameless = || NO_NAME.parse().expect("a name of plain letters");
    let mut budget = Budget::new(name.unwrap_or_else(nameless), unit, amount.unwrap_or_default());
    budget.title = f.text("title");
    budget.owner = f.text("owner");
    budget.parent = read_name(&mut f, "parent");
    budget.scopes = read_scopes(&mut f);
    budget.per = f.texts("per").into_iter().filter_map(|text| read_field(&mut f, "per", &text)).collect();
    budget.period = read_period(&mut f).unwrap_or(budget.period);
    budget.since = read_moment_of(&mut f, "since");
    read_thresholds(&mut f, &mut budget);
    budget.rollover = read_rollover(&mut f, unit);
    budget.increases = read_increases(&mut f, unit);
    let answers = WhenTight::ALL.map(|w| (w.name(), w));
    budget.when_tight = f.choice("when_tight", &answers).unwrap_or_default();
    budget.ladder = f.texts("ladder");
    budget.longest_wait = read_wait(&mut f, budget.when_tight);
    budget.paused = f.flag("paused");
    for problem in budget.problems() {
        if !f.is_wrong(problem.field) {
            f.wrong(problem.field, problem.what);
        }
    }
    f.finish();
    budget
}

fn read_name(f: &mut Fields<'_>, field: &'static str) -> Option<BudgetName> {
    match f.text(field)?.parse() {
        Ok(name) => Some(name),
        Err(e) => {
            f.wrong(field, format!("{e}"));
            None
        }
    }
}

/// Dollars as a text, so that no reader in between makes a binary fraction of them; tokens as a whole number.
fn read_amount(f: &mut Fields<'_>, field: &'static str, unit: BudgetUnit) -> Option<i64> {
    let Some(value) = f.take(field) else {
        let example = if unit == BudgetUnit::Usd { "\"5000.00\"" } else { "100000000" };
        f.wrong(field, format!("is missing: give how much may be spent in a period, such as {example}"));
        return None;
    };
    let amount = match (unit, &value) {
        (BudgetUnit::Usd, Value::String(text)) => {
            text.parse::<Money>().map(Money::nanos).map_err(|e| e.to_string())
        }
        (BudgetUnit::Usd, other) => {
            Err(format!("is {}, and dollars in quotes such as \"5000.00\" are expected", shown(other)))
        }
        (BudgetUnit::Tokens, other) => other
            .as_i64()
            .ok_or_else(|| format!("is {}, and a whole number of tokens is expected", shown(other))),
    };
    amount.map_err(|what| f.wrong(field, what)).ok()
}

fn read_scopes(f: &mut Fields<'_>) -> Vec<Scope> {
    match f.take("scope") {
        None => {
            f.wrong(
                "scope",
                "is missing: say which calls are covered, such as { team = \"support\" }; {} is every call",
            );
            Vec::new()
        }
        Some(Value::Object(table)) => vec![read_scope(f.child("scope", table))],
        Some(Value::Array(items)) => {
            let mut scopes = Vec::new();
            for (i, item) in items.into_iter().enumerate() {
                let path = format!("scope[{i}]");
                match item {
                    Value::Object(table) => scopes.push(read_scope(f.child(&path, table))),
                    other => f.wrong(&path, format!("is {}, and a table {{ … }} is expected", kind(&other))),
                }
            }
            scopes
        }
        Some(other) => {
            f.wrong(
                "scope",
                format!("is {}, and a table {{ … }} or a list of them is expected", kind(&other)),
            );
            Vec::new()
        }
    }
}

fn read_scope(mut f: Fields<'_>) -> Scope {
    let mut clauses = Vec::new();
    for (name, value) in f.rest() {
        let field = read_field(&mut f, &name, &name);
        let values = match value {
            Value::Array(items) => items,
            one => vec![one],
        };
        let mut any_of = Vec::new();
        for value in values {
            match value {
                Value::String(text) => match text.parse::<Pattern>() {
                    Ok(pattern) => any_of.push(pattern),
                    Err(e) => f.wrong(&name, e.to_string()),
                },
                other => f.wrong(&name, format!("is {}, and a text in quotes is expected", kind(&other))),
            }
        }
        clauses.extend(field.map(|field| Clause { field, any_of }));
    }
    clauses.sort_by(|a, b| a.field.cmp(&b.field));
    Scope { clauses }
}

fn read_field(f: &mut Fields<'_>, path: &str, text: &str) -> Option<ScopeField> {
    match text.parse::<ScopeField>() {
        Ok(field) => Some(field),
        Err(e) => {
            let names = ScopeField::PLAIN.map(|field| field.to_string());
            let known: Vec<&str> = names.iter().map(String::as_str).collect();
            f.wrong(path, format!("{e}{}", suggestion(text, &known)));
            None
        }
    }
}

fn read_thresholds(f: &mut Fields<'_>, budget: &mut Budget) {
    let has_end = matches!(budget.period, Period::Calendar { .. });
    if !has_end {
        budget.thresholds.retain(|t| t.on == ThresholdOn::Actual);
    }
    let Some(mut t) = f.table("thresholds") else { return };
    budget.thresholds.clear();
    for (field, on) in [("actual", ThresholdOn::Actual), ("forecast", ThresholdOn::Forecast)] {
        for (path, value) in t.list(field) {
            match value.as_u64().and_then(|n| u16::try_from(n).ok()) {
                Some(percent) => budget.thresholds.push(Threshold { on, percent }),
                None => t.wrong(
                    &path,
                    format!("is {}, and whole per cent such as 80 are expected", shown(&value)),
                ),
            }
        }
    }
    t.finish();
}

fn read_rollover(f: &mut Fields<'_>, unit: BudgetUnit) -> Rollover {
    match f.take("rollover") {
        None => Rollover::None,
        Some(Value::String(text)) if text == "none" => Rollover::None,
        Some(Value::Object(table)) => {
            let mut r = f.child("rollover", table);
            let cap = read_amount(&mut r, "at_most", unit);
            r.finish();
            cap.map_or(Rollover::None, Rollover::Capped)
        }
        Some(other) => {
            let what = "and \"none\" or { at_most = … } is expected";
            f.wrong("rollover", format!("is {}, {what}", shown(&other)));
            Rollover::None
        }
    }
}

fn read_increases(f: &mut Fields<'_>, unit: BudgetUnit) -> Vec<Increase> {
    let mut increases = Vec::new();
    for (path, value) in f.list("increases") {
        match value {
            Value::Object(table) => increases.extend(read_increase(f.child(&path, table), unit)),
            other => f.wrong(&path, format!("is {}, and a table {{ … }} is expected", kind(&other))),
        }
    }
    increases
}

fn read_increase(mut f: Fields<'_>, unit: BudgetUnit) -> Option<Increase> {
    let amount = read_amount(&mut f, "amount", unit);
    let (from, until) = (read_moment_of(&mut f, "from"), read_moment_of(&mut f, "until"));
    let (by, why) = (f.text("by"), f.text("why"));
    let given =
        [("from", from.is_some()), ("until", until.is_some()), ("by", by.is_some()), ("why", why.is_some())];
    for (field, is_given) in given {
        if !is_given && !f.is_wrong(field) {
            f.wrong(field, "is missing: an increase says from when until when, who granted it, and why");
        }
    }
    f.finish();
    Some(Increase { amount: amount?, from: from?, until: until?, by: by?, why: why? })
}

fn read_moment_of(f: &mut Fields<'_>, field: &'static str) -> Option<Timestamp> {
    let text = f.text(field)?;
    let moment = read_moment(&text);
    if moment.is_none() {
        let what =
            "and a moment such as \"2026-12-01T00:00:00Z\" or a day such as \"2026-12-01\" is expected";
        f.wrong(field, format!("is {text:?}, {what}"));
    }
    moment
}

fn read_wait(f: &mut Fields<'_>, when_tight: WhenTight) -> Duration {
    let waits = matches!(when_tight, WhenTight::Downgrade | WhenTight::Clamp);
    let usual = if waits { USUAL_WAIT } else { Duration::ZERO };
    read_span(f, "longest_wait", "60s").map_or(usual, |wait| {
        if wait > LONGEST_WAIT {
            f.wrong("longest_wait", "is longer than \"10m\": no client waits that long");
        }
        wait
    })
}

fn read_span(f: &mut Fields<'_>, field: &'static str, example: &str) -> Option<Duration> {
    let text = f.text(field)?;
    let length = read_length(&text);
    if length.is_none() {
        f.wrong(field, format!("is {text:?}, and a length of time such as \"{example}\" is expected"));
    }
    length
}

const EVERY: [(&str, Every); 6] = [
    ("day", Every::Day),
    ("week", Every::Week),
    ("month", Every::Month),
    ("quarter", Every::Quarter),
    ("year", Every::Year),
    ("life", Every::Life),
];

#[derive(Clone, Copy)]
enum Every {
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Life,
}

/// `"month"` is short for `{ every = "month" }`.
fn read_period(f: &mut Fields<'_>) -> Option<Period> {
    let table = match f.take("period")? {
        Value::Object(table) => table,
        Value::String(text) => Map::from_iter([("every".to_owned(), Value::String(text))]),
        other => {
            f.wrong(
                "period",
                format!("is {}, and a table such as {{ every = \"month\" }} is expected", kind(&other)),
            );
            return None;
        }
    };
    let mut p = f.child("period", table);
    let every = p.choice("every", &EVERY);
    let rolling = read_span(&mut p, "rolling", "24h");
    let period = match (every, rolling) {
        (Some(_), Some(_)) => Err(("rolling", "stands beside every: give one of the two".to_owned())),
        (None, Some(length)) => Period::rolling(length).map_err(|e| ("rolling", e.to_string())),
        (Some(Every::Life), None) => match read_span(&mut p, "idle", "7d") {
            Some(idle) => Period::life(idle).map_err(|e| ("idle", e.to_string())),
            None if p.is_wrong("idle") => return None,
            None => Err((
                "idle",
                "is missing: say after how long without a call a life is over, such as \"7d\"".to_owned(),
            )),
        },
        (Some(every), None) => read_calendar(&mut p, every),
        (None, None) if p.is_wrong("every") || p.is_wrong("rolling") => return None,
        (None, None) => {
            Err(("every", "is missing: day, week, month, quarter, year or life; or give rolling".to_owned()))
        }
    };
    let period = period.map_err(|(field, what)| p.wrong(field, what)).ok();
    p.finish();
    period
}

fn read_calendar(p: &mut Fields<'_>, every: Every) -> Result<Period, (&'static str, String)> {
    let calendar = match every {
        Every::Day | Every::Life => Calendar::Day,
        Every::Week => Calendar::Week(p.choice("first_day", &WEEKDAYS).unwrap_or(Weekday::Monday)),
        Every::Month => Calendar::Month { first_day: p.number("first_day", "15").unwrap_or(1) },
        Every::Quarter => Calendar::Quarter { first_month: p.number("first_month", "4").unwrap_or(1) },
        Every::Year => Calendar::Year { first_month: p.number("first_month", "4").unwrap_or(1) },
    };
    let zone = p.text("zone").unwrap_or_else(|| "UTC".to_owned());
    Period::calendar(calendar, &zone).map_err(|e| {
        use bursar_core::budget::BadPeriod;
        let field = match e {
            BadPeriod::Zone(_) | BadPeriod::Length => "zone",
            BadPeriod::FirstDay(_) => "first_day",
            BadPeriod::FirstMonth(_) => "first_month",
        };
        (field, e.to_string())
    })
}
