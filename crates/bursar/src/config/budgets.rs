//! `[[budget]]` and `[model_tiers]`: budgets that stand in the configuration file, and classes of models.

use bursar_core::budget::{Budget, ModelTiers, Pattern};
use bursar_store::BudgetDoc;
use serde_json::Value as Json;
use toml::Value;

use super::Problem;

/// The budgets of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct BudgetsSection {
    /// The budgets, in the order of the file.
    pub(crate) budgets: Vec<Budget>,
    /// Classes of models that scopes may ask for.
    pub(crate) tiers: ModelTiers,
}

impl BudgetsSection {
    pub(crate) fn read(
        budgets: Option<Value>,
        tiers: Option<Value>,
        problems: &mut Vec<Problem>,
    ) -> BudgetsSection {
        let budgets = budgets.map(|value| read_budgets(value, problems)).unwrap_or_default();
        let tiers = tiers.map(|value| read_tiers(value, problems)).unwrap_or_default();
        check_tiers(&budgets, &tiers, problems);
        BudgetsSection { budgets: budgets.into_iter().map(|(_, budget)| budget).collect(), tiers }
    }
}

/// The budgets that can be read, each with its place in the file.
fn read_budgets(value: Value, problems: &mut Vec<Problem>) -> Vec<(usize, Budget)> {
    let Value::Array(items) = value else {
        problems.push(Problem::new("budget", "is no list of tables; write [[budget]]"));
        return Vec::new();
    };
    let mut budgets: Vec<(usize, Budget)> = Vec::new();
    for (i, item) in items.into_iter().enumerate() {
        match BudgetDoc::read(&json_of(item)) {
            Ok(budget) if budgets.iter().any(|(_, b)| b.name == budget.name) => {
                let message =
                    format!("{:?} is the name of an earlier budget; names differ", budget.name.as_str());
                problems.push(Problem::new(format!("budget[{i}].name"), message));
            }
            Ok(budget) => budgets.push((i, budget)),
            Err(errors) => problems.extend(
                errors.0.into_iter().map(|e| Problem::new(format!("budget[{i}].{}", e.path), e.what)),
            ),
        }
    }
    budgets
}

/// The same value as JSON. Dates become texts; everything else has its own counterpart.
pub(crate) fn json_of(value: Value) -> Json {
    match value {
        Value::Datetime(date) => Json::String(date.to_string()),
        Value::Array(items) => items.into_iter().map(json_of).collect(),
        Value::Table(table) => table.into_iter().map(|(k, v)| (k, json_of(v))).collect(),
        // Only maps with keys that are no texts fail, and there are none.
        plain => serde_json::to_value(plain).unwrap_or_default(),
    }
}

fn read_tiers(value: Value, problems: &mut Vec<Problem>) -> ModelTiers {
    let Value::Table(table) = value else {
        problems.push(Problem::new("model_tiers", "is no table; write [model_tiers]"));
        return ModelTiers::default();
    };
    let mut tiers = Vec::new();
    for (name, value) in table {
        let items = match value {
            Value::Array(items) => items,
            one => vec![one],
        };
        let mut patterns = Vec::new();
        for item in items {
            match item.as_str().map(str::parse::<Pattern>) {
                Some(Ok(pattern)) => patterns.push(pattern),
                Some(Err(e)) => problems.push(Problem::new(format!("model_tiers.{name}"), e.to_string())),
                None => {
                    let message = format!("{item} is no text; write patterns such as [\"gpt-5*\"]");
                    problems.push(Problem::new(format!("model_tiers.{name}"), message));
                }
            }
        }
        tiers.push((name, patterns));
    }
    ModelTiers::new(tiers)
}

/// A scope that asks for a class that is not there covers nothing, in silence.
fn check_tiers(budgets: &[(usize, Budget)], tiers: &ModelTiers, problems: &mut Vec<Problem>) {
    use bursar_core::budget::ScopeField;
    for (i, budget) in budgets {
        let clauses = budget.scopes.iter().flat_map(|s| &s.clauses);
        for pattern in clauses.filter(|c| c.field == ScopeField::ModelTier).flat_map(|c| &c.any_of) {
            if !tiers.names().any(|name| pattern.fits(name)) {
                let known: Vec<&str> = tiers.names().collect();
                let message =
                    format!("{pattern} is no class of [model_tiers]; there are {}", known.join(", "));
                problems.push(Problem::new(format!("budget[{i}].scope.model_tier"), message));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<BudgetsSection, Vec<String>> {
        let mut table: toml::Table = text.parse().unwrap();
        let mut problems = Vec::new();
        let section =
            BudgetsSection::read(table.remove("budget"), table.remove("model_tiers"), &mut problems);
        let shown = |p: &Problem| format!("{}: {}", p.path, p.message);
        if problems.is_empty() { Ok(section) } else { Err(problems.iter().map(shown).collect()) }
    }

    #[test]
    fn budgets_and_classes_of_models_are_read_from_the_file() {
        let section = read(
            r#"
            [model_tiers]
            frontier = ["gpt-5*", "o3"]
            [[budget]]
            name = "frontier"
            scope = [{ model_tier = "frontier", team = ["support", "sales"] }, { "tag:room" = "3" }]
            unit = "tokens"
            amount = 100_000_000
            period = { every = "year", first_month = 4 }
            since = 2026-04-01
            rollover = { at_most = 5 }
            [[budget]]
            name = "all"
            scope = {}
            amount = "12000000"
            "#,
        )
        .unwrap();
        assert_eq!(section.tiers.names().collect::<Vec<_>>(), ["frontier"]);
        assert_eq!(section.budgets[0].scopes[0].to_string(), "team=support|sales, model_tier=frontier");
        assert_eq!((section.budgets[0].amount, section.budgets[0].since.is_some()), (100_000_000, true));
        assert_eq!(section.budgets[1].amount, 12_000_000_000_000_000);
    }

    #[test]
    fn every_problem_is_told_with_the_budget_it_is_in() {
        let problems = read(
            r#"
            [[budget]]
            name = "a"
            scope = { model_tier = "fronteer" }
            amount = "1"
            [[budget]]
            name = "a"
            scope = {}
            amount = "2"
            [[budget]]
            name = "b"
            scope = {}
            amount = 2.5
            "#,
        )
        .unwrap_err();
        let paths: Vec<&str> = problems.iter().map(|p| p.split(": ").next().unwrap()).collect();
        assert_eq!(
            paths,
            ["budget[1].name", "budget[2].amount", "budget[0].scope.model_tier"],
            "{problems:?}"
        );
        assert!(problems[1].contains("2.5, and dollars in quotes"), "{problems:?}");
    }
}
