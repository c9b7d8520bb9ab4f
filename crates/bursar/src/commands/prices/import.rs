//! `bursar prices import`: takes a published list over into the overlay folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bursar_console::shown::grouped;
use bursar_console::times::parse_time;
use bursar_core::{PriceList, PriceRow, PriceView};
use bursar_prices::compare::{Difference, Presence, Stated, differences};
use bursar_prices::in_force::{Reading, in_force};
use bursar_prices::merge::{Merge, MergeRules, Outcome, merge};
use clap::Args;
use serde::Serialize;

use super::desk::Desk;
use super::difference::{DifferenceAnswer, table};
use super::published::{self, Published, PublishedArgs};
use super::row::{counted, values_text};
use crate::commands::context::{print_json, print_text};
use crate::commands::table::plain;

/// What to take over, and how.
#[derive(Clone, Debug, Args)]
pub(crate) struct ImportArgs {
    /// A published list, LiteLLM's or models.dev's JSON; gzipped where the name ends in .gz
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write the rows; without this, what they would change is shown and nothing is written
    #[arg(long, visible_alias = "yes")]
    write: bool,
    /// From when changed prices hold [default: now]; a model that is new has its price for all times
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Believe the list where it contradicts another, instead of putting the price into quarantine
    #[arg(long)]
    trust: bool,
    /// Write also what the list only confirms, so that its date counts
    #[arg(long)]
    confirmed: bool,
    /// Show the prices of new models too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    published: PublishedArgs,
}

/// What an import changes.
struct Planned {
    list: Published,
    merge: Merge,
    differences: Vec<Difference>,
    /// Rows by the overlay file that takes them.
    files: BTreeMap<String, Vec<PriceRow>>,
}

#[derive(Debug, Serialize)]
struct ImportAnswer {
    source: String,
    written: bool,
    new: usize,
    changed: usize,
    disputed: usize,
    confirmed: usize,
    earlier: usize,
    differences: Vec<DifferenceAnswer>,
    files: Vec<FileAnswer>,
}

#[derive(Debug, Serialize)]
struct FileAnswer {
    file: String,
    rows: usize,
}

const COMMENT: &str = "Written by bursar prices import. Each import adds rows and changes none, so that a call of the \
                       past\nkeeps its price. Comments of yours are not kept: write rows of your own into another file.";

/// Shows what an import changes, and writes it when told.
pub(super) fn run(args: &ImportArgs, desk: &Desk) -> anyhow::Result<ExitCode> {
    let planned = plan(args, desk)?;
    if args.write {
        for (name, rows) in &planned.files {
            let mut all = desk.rows_of(name)?;
            all.extend(rows.iter().cloned());
            desk.write(name, COMMENT, &all)?;
        }
    }
    if desk.json {
        print_json(&answer(args, &planned, desk))?;
    } else {
        print_text(&text(args, &planned, &desk.folder))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn plan(args: &ImportArgs, desk: &Desk) -> anyhow::Result<Planned> {
    let list = published::read(&args.file, &args.published, desk)?;
    let book = desk.book()?;
    let from = args.from.as_deref().map(|text| parse_time(text, desk.now)).transpose()?;
    let rules = MergeRules { now: desk.second(), from, trust: args.trust, confirmed: args.confirmed };
    let merge = merge(&book.list, &list.rows, &rules);
    let at = from.map_or(desk.now, |from| from.max(desk.now));
    let reading = Reading { at, known_at: desk.now, view: PriceView::List };
    let after = PriceList::new(book.list.rows().iter().chain(&merge.rows).cloned().collect());
    let differences = differences(&in_force(&book.list, &reading), &in_force(&after, &reading));
    let mut files: BTreeMap<String, Vec<PriceRow>> = BTreeMap::new();
    for row in &merge.rows {
        files.entry(format!("{}.{}.toml", row.provider, list.name)).or_default().push(row.clone());
    }
    Ok(Planned { list, merge, differences, files })
}

fn answer(args: &ImportArgs, planned: &Planned, desk: &Desk) -> ImportAnswer {
    let count = |outcome| planned.merge.count(outcome);
    let file = |(name, rows): (&String, &Vec<PriceRow>)| FileAnswer {
        file: desk.path(name).display().to_string(),
        rows: rows.len(),
    };
    ImportAnswer {
        source: planned.list.source.clone(),
        written: args.write,
        new: count(Outcome::New),
        changed: count(Outcome::Changed),
        disputed: count(Outcome::Disputed),
        confirmed: count(Outcome::Confirmed),
        earlier: count(Outcome::Earlier),
        differences: planned.differences.iter().map(DifferenceAnswer::from).collect(),
        files: planned.files.iter().map(file).collect(),
    }
}

fn text(args: &ImportArgs, planned: &Planned, folder: &Path) -> String {
    let count = |outcome| grouped(planned.merge.count(outcome) as u64);
    let mut out = format!(
        "{}: {} read; {} new, {} changed, {} in dispute, {} the same, {} earlier than ours\n\n",
        plain(&planned.list.source),
        counted(planned.merge.outcomes.len(), "price"),
        count(Outcome::New),
        count(Outcome::Changed),
        count(Outcome::Disputed),
        count(Outcome::Confirmed),
        count(Outcome::Earlier)
    );
    let shown: Vec<Difference> =
        planned.differences.iter().filter(|d| args.all || d.presence != Presence::New).cloned().collect();
    if !shown.is_empty() {
        out.push_str(&table(&shown, "before", "after"));
        out.push('\n');
    }
    out.push_str(&disputes(&shown));
    out.push_str(&files_text(args, planned, folder));
    out
}

/// What each source says about every price that goes into quarantine.
fn disputes(differences: &[Difference]) -> String {
    let mut out = String::new();
    for d in differences {
        for m in &d.meters {
            if let Stated::Disputed(values) = &m.after {
                let said = plain(&values_text(m.meter, values));
                out.push_str(&format!("! {} {}: {said}\n", d.key, m.meter));
            }
        }
    }
    if !out.is_empty() {
        out.push_str(
            "\nDisputed meters have no price until bursar prices override settles them, or --trust believes this list.\n",
        );
    }
    out
}

fn files_text(args: &ImportArgs, planned: &Planned, folder: &Path) -> String {
    if planned.files.is_empty() {
        return "There is nothing to write.\n".to_owned();
    }
    let rows =
        |(name, rows): (&String, &Vec<PriceRow>)| format!("  {name}: {}\n", counted(rows.len(), "row"));
    let files: String = planned.files.iter().map(rows).collect();
    let folder = folder.display();
    if args.write {
        return format!("Written to {folder}; a running gateway takes them over by itself:\n{files}");
    }
    format!("Nothing was written. --write adds to {folder}:\n{files}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::prices::desk::tests::desk_with;
    use crate::commands::prices::published::tests::{LITELLM, list_file};

    fn args(file: PathBuf) -> ImportArgs {
        ImportArgs {
            file,
            write: false,
            from: None,
            trust: false,
            confirmed: false,
            all: false,
            published: PublishedArgs {
                list_version: Some("1.120".to_owned()),
                as_of: Some("2026-11-30".to_owned()),
                provider: Vec::new(),
            },
        }
    }

    #[test]
    fn a_preview_shows_what_changes_and_what_goes_into_quarantine_and_writes_nothing() {
        let (desk, folder) = desk_with(&[]);
        let args = args(list_file(folder.path(), LITELLM));
        let planned = plan(&args, &desk).unwrap();
        insta::assert_snapshot!(text(&args, &planned, Path::new("prices")));
        assert_eq!(run(&args, &desk).unwrap(), ExitCode::SUCCESS);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_written_holds_from_then_on_and_importing_it_again_changes_nothing() {
        let (desk, folder) = desk_with(&[]);
        let args = ImportArgs { write: true, ..args(list_file(folder.path(), LITELLM)) };
        run(&args, &desk).unwrap();
        assert!(desk.book().unwrap().knows("openai", "gpt-99"));
        assert_eq!(desk.rows_of("openai.litellm.toml").unwrap().len(), 2);
        let again = plan(&args, &desk).unwrap();
        assert!(again.files.is_empty() && again.differences.is_empty(), "{:?}", again.differences);
        assert!(text(&args, &again, Path::new("prices")).contains("There is nothing to write."));
    }

    #[test]
    fn an_import_adds_to_the_file_of_an_earlier_one() {
        let (desk, folder) = desk_with(&[]);
        let write = |text: &str| {
            let args = ImportArgs { write: true, ..args(list_file(folder.path(), text)) };
            run(&args, &desk).unwrap();
        };
        write(LITELLM);
        write(&LITELLM.replace("3e-06", "2e-06"));
        let rows = desk.rows_of("openai.litellm.toml").unwrap();
        assert_eq!(rows.iter().filter(|row| row.model == "gpt-99").count(), 2);
    }
}
