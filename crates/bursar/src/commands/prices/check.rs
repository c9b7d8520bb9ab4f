//! `bursar prices check`: everything that is wrong with the price list.

use std::collections::BTreeMap;
use std::process::ExitCode;

use bursar_prices::PriceBook;
use bursar_prices::check::{Trouble, check};
use clap::Args;
use serde::Serialize;

use super::desk::Desk;
use super::list::name_fits;
use super::row::{counted, values_text};
use crate::commands::context::{print_json, print_text};
use crate::commands::table::plain;

/// Where to look.
#[derive(Clone, Debug, Args)]
pub(crate) struct CheckArgs {
    /// Only this provider
    #[arg(long)]
    provider: Option<String>,
    /// Only models whose names contain this; * stands for any characters, and the name then fits as a whole
    #[arg(long)]
    model: Option<String>,
    /// Days after which a source is old
    #[arg(long, value_name = "DAYS", default_value_t = 180, value_parser = clap::value_parser!(i64).range(1..))]
    stale_days: i64,
}

/// One problem for a reader.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Problem {
    name: &'static str,
    about: String,
    detail: String,
}

#[derive(Debug, Serialize)]
struct CheckAnswer {
    ok: bool,
    counts: BTreeMap<&'static str, usize>,
    problems: Vec<Problem>,
}

/// What can be done about each sort of problem.
const HINTS: [(&str, &str); 6] = [
    ("unreadable", "mend the file; until then a running gateway stays with the list it has"),
    (
        "quarantined",
        "settle one: bursar prices override PROVIDER/MODEL METER=PRICE --source WHERE; until then its disputed meters have no price",
    ),
    ("overlapping", "give one of the rows other dates, or take it out"),
    ("hides_band", "give the band a row of its own: bursar prices override … --above TOKENS"),
    (
        "leaves_snapshot",
        "set the price again with bursar prices override, or name the snapshot under aliases",
    ),
    ("stale", "bursar prices import takes over a newer list; --confirmed counts what it only confirms"),
];

/// Prints every problem; problems found where there is one.
pub(super) fn run(args: &CheckArgs, desk: &Desk) -> anyhow::Result<ExitCode> {
    let problems = problems(args, desk)?;
    let ok = problems.is_empty();
    if desk.json {
        print_json(&CheckAnswer { ok, counts: counts(&problems), problems })?;
    } else {
        print_text(&text(&problems))?;
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Problems of files that cannot be read, then those of the list that the others make.
fn problems(args: &CheckArgs, desk: &Desk) -> anyhow::Result<Vec<Problem>> {
    let (mut problems, mut good) = (Vec::new(), Vec::new());
    for (name, text) in desk.texts()? {
        match PriceBook::from_files([(&name, &text)]) {
            Ok(_) => good.push((name, text)),
            Err(errors) => problems.extend(errors.0.iter().map(|problem| Problem {
                name: "unreadable",
                about: problem.file.clone(),
                detail: problem.to_string().trim_start_matches(&format!("{}: ", problem.file)).to_owned(),
            })),
        }
    }
    let book = PriceBook::embedded().with_overlay(good)?;
    let troubles = check(&book.list, desk.now, args.stale_days);
    problems.extend(troubles.iter().filter(|trouble| fits(args, trouble)).map(problem));
    Ok(problems)
}

fn fits(args: &CheckArgs, trouble: &Trouble) -> bool {
    let model = trouble.key().map(|key| key.model.as_str());
    args.provider.as_deref().is_none_or(|provider| provider == trouble.provider())
        && args.model.as_deref().is_none_or(|pattern| model.is_some_and(|model| name_fits(pattern, model)))
}

fn problem(trouble: &Trouble) -> Problem {
    let about = trouble.key().map_or_else(|| trouble.provider().to_owned(), ToString::to_string);
    let detail = match trouble {
        Trouble::Quarantined { meters, .. } => {
            let one = |(meter, values): &(_, _)| format!("{meter}: {}", values_text(*meter, values));
            meters.iter().map(one).collect::<Vec<_>>().join("; ")
        }
        Trouble::Overlapping { kind, sources: [first, last], .. } => {
            format!("two {} prices hold at once; {last} wins over {first} by its place alone", kind.name())
        }
        Trouble::HidesBand { by, .. } => {
            format!("a price of kind {} without this band holds before the list's", by.name())
        }
        Trouble::LeavesSnapshot { kind, snapshot, .. } => {
            format!("the {} does not cover {snapshot}, which keeps the list price", kind.name())
        }
        Trouble::Stale { as_of, days, rows, .. } => match days {
            Some(days) => format!("{} as of {as_of}, {days} days ago", counted(*rows, "price")),
            None => format!("{} without a date of the source", counted(*rows, "price")),
        },
    };
    Problem { name: trouble.name(), about, detail }
}

fn counts(problems: &[Problem]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for problem in problems {
        *counts.entry(problem.name).or_default() += 1;
    }
    counts
}

fn text(problems: &[Problem]) -> String {
    if problems.is_empty() {
        return "The price list is good: nothing is disputed, overlapping, hidden or old.\n".to_owned();
    }
    let line = |p: &Problem| format!("! {:<15} {}: {}\n", p.name, plain(&p.about), plain(&p.detail));
    let mut out: String = problems.iter().map(line).collect();
    out.push_str(&format!("\n{}\n", counted(problems.len(), "problem")));
    let counts = counts(problems);
    for (name, hint) in HINTS {
        if let Some(count) = counts.get(name) {
            out.push_str(&format!("{count:>7}  {name}: {hint}\n"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::prices::desk::tests::{OVERLAY, desk_with};

    fn args(provider: &str) -> CheckArgs {
        CheckArgs { provider: Some(provider.to_owned()), model: None, stale_days: 100 }
    }

    #[test]
    fn everything_that_is_wrong_is_told_with_both_values_and_what_to_do() {
        let more = r#"
            format = 1
            provider = "acme"
            recorded_at = "2026-07-01"
            [[row]]
            model = "large"
            kind = "contract"
            source = "contract 13"
            price.input = "2"
            [[row]]
            model = "small"
            source = "another list"
            price.input = "0.30"
        "#;
        let (desk, _folder) = desk_with(&[("acme.toml", OVERLAY), ("more.toml", more)]);
        insta::assert_snapshot!(text(&problems(&args("acme"), &desk).unwrap()));
        assert_eq!(run(&args("acme"), &desk).unwrap(), ExitCode::FAILURE);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told_and_the_rest_is_checked() {
        let (desk, _folder) =
            desk_with(&[("a.toml", OVERLAY), ("b.toml", "format = 2\nprovider = \"acme\"\n")]);
        let found = problems(&args("acme"), &desk).unwrap();
        assert_eq!(found[0].name, "unreadable");
        assert!(found[0].about.ends_with("b.toml") && found[0].detail.starts_with("format"), "{found:?}");
        assert!(found.iter().any(|p| p.name == "quarantined"));
    }

    #[test]
    fn a_list_without_problems_is_good() {
        let (desk, _folder) = desk_with(&[]);
        assert_eq!(run(&args("openai"), &desk).unwrap(), ExitCode::SUCCESS);
        assert!(text(&[]).starts_with("The price list is good"));
        let only = CheckArgs { model: Some("large".to_owned()), ..args("acme") };
        let (desk, _folder) = desk_with(&[("acme.toml", OVERLAY)]);
        assert!(problems(&only, &desk).unwrap().iter().all(|p| p.about.starts_with("acme/large")));
    }
}
