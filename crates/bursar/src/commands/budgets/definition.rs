//! A budget's definition from the command line or a file.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde_json::{Map, Value, json};

use crate::config::json_of;

/// The fields of a definition; each one that is given takes the place of what was there.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Definition")]
pub(crate) struct DefinitionArgs {
    /// A definition in a file of TOML or JSON, under what the other options say; - for standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// How much may be spent in a period: dollars such as 5000, or tokens
    #[arg(long)]
    amount: Option<String>,
    /// usd or tokens
    #[arg(long)]
    unit: Option<String>,
    /// What it covers, such as model=gpt-5*,o3 or tag:room=3; several must all fit; - for every call
    #[arg(long, value_name = "FIELD=PATTERNS")]
    scope: Vec<String>,
    /// Short for --scope team=…
    #[arg(long)]
    team: Option<String>,
    /// Short for --scope app=…
    #[arg(long)]
    app: Option<String>,
    /// Short for --scope workflow=…
    #[arg(long)]
    workflow: Option<String>,
    /// One amount for each value of these fields, such as consumer
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    per: Vec<String>,
    /// day, week, month, quarter, year; or rolling:24h, or life:7d
    #[arg(long)]
    period: Option<String>,
    /// The first day (monday; 15) or the first month of the fiscal year (4)
    #[arg(long, value_name = "DAY or MONTH")]
    first: Option<String>,
    /// The time zone of the period, such as Europe/Berlin
    #[arg(long)]
    zone: Option<String>,
    /// From when on what is left over rolls over, such as 2026-01-01
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// The most that rolls over; none for nothing
    #[arg(long, value_name = "AMOUNT")]
    rollover: Option<String>,
    /// observe, alert, downgrade, clamp or refuse
    #[arg(long)]
    when_tight: Option<String>,
    /// Cheaper models for downgrade, in their order
    #[arg(long, value_name = "MODELS", value_delimiter = ',')]
    ladder: Vec<String>,
    /// How long a call may wait for what is held for others, such as 60s
    #[arg(long, value_name = "TIME")]
    longest_wait: Option<String>,
    /// Tell the owner at so many per cent of the limit
    #[arg(long, value_name = "PERCENTS", value_delimiter = ',')]
    actual: Vec<u16>,
    /// Tell the owner when so many per cent are forecast
    #[arg(long, value_name = "PERCENTS", value_delimiter = ',')]
    forecast: Vec<u16>,
    /// Whom to ask for more
    #[arg(long)]
    owner: Option<String>,
    /// What it is for
    #[arg(long)]
    title: Option<String>,
    /// The budget that it is a part of
    #[arg(long, value_name = "BUDGET")]
    parent: Option<String>,
}

impl DefinitionArgs {
    /// A definition from nothing.
    pub(super) fn build(&self, name: Option<&str>) -> anyhow::Result<Value> {
        let mut table = Map::new();
        if let Some(name) = name {
            table.insert("name".to_owned(), json!(name));
        }
        self.put_over(table)
    }

    /// This over a definition.
    pub(super) fn put_over(&self, mut table: Map<String, Value>) -> anyhow::Result<Value> {
        if let Some(path) = &self.file {
            table.extend(read_file(path)?);
        }
        let texts = [
            ("unit", &self.unit),
            ("since", &self.since),
            ("when_tight", &self.when_tight),
            ("longest_wait", &self.longest_wait),
            ("owner", &self.owner),
            ("title", &self.title),
            ("parent", &self.parent),
        ];
        for (field, text) in texts {
            if let Some(text) = text {
                table.insert(field.to_owned(), json!(text));
            }
        }
        let lists = [("per", &self.per), ("ladder", &self.ladder)];
        for (field, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            table.insert(field.to_owned(), json!(list));
        }
        let unit = table.get("unit").and_then(Value::as_str).unwrap_or("usd").to_owned();
        if let Some(amount) = &self.amount {
            table.insert("amount".to_owned(), amount_of(&unit, amount));
        }
        if let Some(most) = self.rollover.as_deref() {
            let rollover =
                if most == "none" { json!("none") } else { json!({ "at_most": amount_of(&unit, most) }) };
            table.insert("rollover".to_owned(), rollover);
        }
        self.put_scope(&mut table)?;
        self.put_period(&mut table)?;
        self.put_thresholds(&mut table);
        Ok(Value::Object(table))
    }

    fn put_scope(&self, table: &mut Map<String, Value>) -> anyhow::Result<()> {
        let short = [("team", &self.team), ("app", &self.app), ("workflow", &self.workflow)];
        let mut scope = Map::new();
        for text in self.scope.iter().filter(|s| *s != "-") {
            let (field, patterns) = text
                .split_once('=')
                .with_context(|| format!("--scope {text:?} is no FIELD=PATTERNS such as team=support"))?;
            scope.insert(field.to_owned(), patterns_of(patterns));
        }
        for (field, value) in short {
            if let Some(value) = value {
                scope.insert(field.to_owned(), json!(value));
            }
        }
        if !scope.is_empty() || !self.scope.is_empty() {
            table.insert("scope".to_owned(), Value::Object(scope));
        }
        Ok(())
    }

    fn put_period(&self, table: &mut Map<String, Value>) -> anyhow::Result<()> {
        let mut period = match (table.get("period"), &self.period) {
            (Some(Value::Object(period)), None) => period.clone(),
            (_, None) => Map::from_iter([("every".to_owned(), json!("month"))]),
            (_, Some(text)) => match text.split_once(':') {
                Some(("rolling", length)) => Map::from_iter([("rolling".to_owned(), json!(length))]),
                Some(("life", idle)) => {
                    Map::from_iter([("every".to_owned(), json!("life")), ("idle".to_owned(), json!(idle))])
                }
                Some(_) => anyhow::bail!(
                    "--period {text:?} is none of day, week, month, quarter, year, rolling:24h, life:7d"
                ),
                None => Map::from_iter([("every".to_owned(), json!(text))]),
            },
        };
        if let Some(first) = &self.first {
            let is_month = matches!(period.get("every").and_then(Value::as_str), Some("quarter" | "year"));
            let field = if is_month { "first_month" } else { "first_day" };
            let value = first.parse::<i64>().map_or_else(|_| json!(first), |n| json!(n));
            period.insert(field.to_owned(), value);
        }
        if let Some(zone) = &self.zone {
            period.insert("zone".to_owned(), json!(zone));
        }
        if self.period.is_some() || self.first.is_some() || self.zone.is_some() {
            table.insert("period".to_owned(), Value::Object(period));
        }
        Ok(())
    }

    fn put_thresholds(&self, table: &mut Map<String, Value>) {
        let given = [("actual", &self.actual), ("forecast", &self.forecast)];
        for (field, percents) in given.into_iter().filter(|(_, p)| !p.is_empty()) {
            let thresholds = table.entry("thresholds").or_insert_with(|| json!({}));
            thresholds[field] = json!(percents);
        }
    }

    /// A name where none was given: the value of the narrowest scope.
    pub(super) fn usual_name(&self) -> Option<&str> {
        let narrowest = [&self.workflow, &self.app, &self.team].into_iter().find_map(Option::as_deref);
        narrowest.or_else(|| self.scope.first()?.split_once('=').map(|(_, value)| value))
    }

    /// Whether a field of the definition was given.
    pub(super) fn gives_unit(&self) -> bool {
        self.unit.is_some()
    }

    /// Whether the period was given.
    pub(super) fn gives_period(&self) -> bool {
        self.period.is_some()
    }

    /// The budget that it is to be a part of.
    pub(super) fn parent(&self) -> Option<&str> {
        self.parent.as_deref()
    }
}

fn patterns_of(text: &str) -> Value {
    let patterns: Vec<&str> = text.split(',').filter(|p| !p.is_empty()).collect();
    match patterns.as_slice() {
        [one] => json!(one),
        several => json!(several),
    }
}

/// Digits may stand in groups: `12,000,000`, `12_000_000`.
pub(super) fn amount_of(unit: &str, text: &str) -> Value {
    let plain: String = text.trim().chars().filter(|c| !matches!(c, ',' | '_')).collect();
    match (unit, plain.parse::<i64>()) {
        ("tokens", Ok(tokens)) => json!(tokens),
        _ => json!(plain),
    }
}

/// A table of TOML, the first `[[budget]]` of a configuration file, or an object of JSON.
fn read_file(path: &Path) -> anyhow::Result<Map<String, Value>> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    }
    let value = match serde_json::from_str(&text) {
        Ok(value) => value,
        Err(_) => {
            let table: toml::Table =
                text.parse().with_context(|| format!("{} is neither TOML nor JSON", path.display()))?;
            json_of(toml::Value::Table(table))
        }
    };
    let first = value.get("budget").and_then(|b| b.get(0)).cloned();
    match first.unwrap_or(value) {
        Value::Object(table) => Ok(table),
        _ => anyhow::bail!("{} holds no budget: a table with name, amount and scope", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        definition: DefinitionArgs,
    }

    fn args(line: &str) -> DefinitionArgs {
        Line::try_parse_from(std::iter::once("x").chain(line.split(' '))).unwrap().definition
    }

    #[test]
    fn options_become_a_definition() {
        let line = "--amount 12,000,000 --scope model=gpt-5*,o3 --team support --period year --first 4 --zone \
                    Europe/Berlin --rollover 500 --since 2026-04-01 --when-tight clamp --actual 80,100";
        assert_eq!(
            args(line).build(Some("support")).unwrap(),
            json!({
                "name": "support", "amount": "12000000", "scope": { "model": ["gpt-5*", "o3"], "team": "support" },
                "period": { "every": "year", "first_month": 4, "zone": "Europe/Berlin" },
                "rollover": { "at_most": "500" }, "since": "2026-04-01", "when_tight": "clamp",
                "thresholds": { "actual": [80, 100] },
            })
        );
        let tokens = args("--unit tokens --amount 5_000 --scope - --period rolling:24h").build(None).unwrap();
        assert_eq!(
            tokens,
            json!({ "unit": "tokens", "amount": 5000, "scope": {}, "period": { "rolling": "24h" } })
        );
    }

    #[test]
    fn what_is_given_takes_the_place_of_what_was_there_and_leaves_the_rest() {
        let before = json!({
            "name": "a", "amount": "1.00", "scope": { "team": "x" },
            "period": { "every": "week", "first_day": "monday", "zone": "UTC" },
        });
        let Value::Object(table) = before else { unreachable!() };
        let after = args("--first sunday --amount 2").put_over(table).unwrap();
        assert_eq!(after["period"], json!({ "every": "week", "first_day": "sunday", "zone": "UTC" }));
        assert_eq!((&after["amount"], &after["scope"]), (&json!("2"), &json!({ "team": "x" })));
    }

    #[test]
    fn a_file_holds_a_table_a_list_of_budgets_or_json() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("budget");
        for text in [
            "name = \"a\"\nsince = 2026-04-01",
            "[[budget]]\nname = \"a\"\nsince = 2026-04-01\n[[budget]]\nname = \"b\"",
            r#"{ "name": "a", "since": "2026-04-01" }"#,
        ] {
            std::fs::write(&path, text).unwrap();
            let read = Value::Object(read_file(&path).unwrap());
            assert_eq!(read, json!({ "name": "a", "since": "2026-04-01" }), "{text}");
        }
        std::fs::write(&path, "name: a").unwrap();
        assert!(read_file(&path).unwrap_err().to_string().contains("neither TOML nor JSON"));
    }
}
