//! `bursar prices diff`: what differs from a published list, or between two times.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bursar_console::times::parse_time;
use bursar_core::{PriceList, PriceView, Timestamp};
use bursar_prices::compare::{Difference, Presence, Stated, differences};
use bursar_prices::date;
use bursar_prices::in_force::{Reading, in_force};
use clap::Args;
use serde::Serialize;

use super::desk::Desk;
use super::difference::{DifferenceAnswer, table};
use super::published::{self, PublishedArgs};
use super::row::counted;
use crate::commands::context::{print_json, print_text};

/// What to compare.
#[derive(Clone, Debug, Args)]
pub(crate) struct DiffArgs {
    /// A published list, LiteLLM's or models.dev's JSON; gzipped where the name ends in .gz
    #[arg(value_name = "FILE", required_unless_present = "since", conflicts_with_all = ["since", "until"])]
    file: Option<PathBuf>,
    /// Compare the list as it was known and held at this time …
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// … with what was known and held at this one
    #[arg(long, value_name = "TIME", default_value = "now")]
    until: String,
    /// With contracts
    #[arg(long)]
    contracts: bool,
    /// Against a published list: also what only one of the two states
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    published: PublishedArgs,
}

/// Two readings of prices that are compared.
struct Compared {
    headings: [&'static str; 2],
    what: String,
    differences: Vec<Difference>,
    /// What is left out of them: rows that only one of the two has, and meters that the published list does not state.
    left_out: LeftOut,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct LeftOut {
    new_rows: usize,
    gone_rows: usize,
    unstated_meters: usize,
}

#[derive(Debug, Serialize)]
struct DiffAnswer {
    compared: String,
    differences: Vec<DifferenceAnswer>,
    left_out: LeftOut,
}

/// Prints every difference.
pub(super) fn run(args: &DiffArgs, desk: &Desk) -> anyhow::Result<ExitCode> {
    let compared = match &args.file {
        Some(file) => with_published(file, args, desk)?,
        None => between_times(args, desk)?,
    };
    if desk.json {
        let differences = compared.differences.iter().map(DifferenceAnswer::from).collect();
        print_json(&DiffAnswer { compared: compared.what, differences, left_out: compared.left_out })?;
    } else {
        print_text(&text(&compared))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn view(args: &DiffArgs) -> PriceView {
    if args.contracts { PriceView::Contracted } else { PriceView::List }
}

fn with_published(file: &Path, args: &DiffArgs, desk: &Desk) -> anyhow::Result<Compared> {
    let list = published::read(file, &args.published, desk)?;
    let book = desk.book()?;
    let reading = desk.reading(view(args));
    let theirs = PriceList::new(list.rows);
    let providers: BTreeSet<&str> = theirs.rows().iter().map(|row| row.provider.as_str()).collect();
    let mut ours = in_force(&book.list, &reading);
    ours.retain(|key, _| providers.contains(key.provider.as_str()));
    let all = differences(&ours, &in_force(&theirs, &reading));
    let (differences, left_out) =
        if args.all { (all, LeftOut::default()) } else { only_where_both_speak(all) };
    let what = format!("the list as it holds now with {}", list.source);
    Ok(Compared { headings: ["ours", "theirs"], what, differences, left_out })
}

/// A published list that does not state a price does not contradict it.
fn only_where_both_speak(all: Vec<Difference>) -> (Vec<Difference>, LeftOut) {
    let mut left_out = LeftOut::default();
    let mut kept = Vec::new();
    for mut difference in all {
        match difference.presence {
            Presence::New => left_out.new_rows += 1,
            Presence::Gone => left_out.gone_rows += 1,
            Presence::Both => {
                let before = difference.meters.len();
                difference.meters.retain(|m| m.after != Stated::Nothing);
                left_out.unstated_meters += before - difference.meters.len();
                kept.extend((!difference.meters.is_empty()).then_some(difference));
            }
        }
    }
    (kept, left_out)
}

fn between_times(args: &DiffArgs, desk: &Desk) -> anyhow::Result<Compared> {
    let moment = |text: &str| -> anyhow::Result<Timestamp> { Ok(parse_time(text, desk.now)?) };
    let since = moment(args.since.as_deref().unwrap_or("now"))?;
    let until = moment(&args.until)?;
    let book = desk.book()?;
    let reading = |at| Reading { at, known_at: at, view: view(args) };
    let mut found =
        differences(&in_force(&book.list, &reading(since)), &in_force(&book.list, &reading(until)));
    let wanted = &args.published.provider;
    found.retain(|d| wanted.is_empty() || wanted.contains(&d.key.provider));
    let what = format!("the list of {} with that of {}", date::format(since), date::format(until));
    Ok(Compared { headings: ["before", "after"], what, differences: found, left_out: LeftOut::default() })
}

fn text(compared: &Compared) -> String {
    let Compared { headings: [before, after], what, differences, left_out } = compared;
    let mut out = format!("Comparing {what}, US dollars per million tokens (of other meters: each)\n\n");
    if differences.is_empty() {
        out.push_str("Nothing differs.\n");
    } else {
        out.push_str(&table(differences, before, after));
        out.push_str(&format!("\n{} in which prices differ\n", counted(differences.len(), "row")));
    }
    let LeftOut { new_rows, gone_rows, unstated_meters } = *left_out;
    if *left_out != LeftOut::default() {
        out.push_str(&format!(
            "Left out: {} that only the file has, {} that only our list has, {} that the file does not state; --all \
             shows them\n",
            counted(new_rows, "row"),
            counted(gone_rows, "row"),
            counted(unstated_meters, "price")
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::prices::desk::tests::{OVERLAY, desk_with};
    use crate::commands::prices::published::tests::{LITELLM, list_file};

    fn args(file: Option<PathBuf>) -> DiffArgs {
        DiffArgs {
            file,
            since: None,
            until: "now".to_owned(),
            contracts: false,
            all: false,
            published: PublishedArgs {
                list_version: Some("1.120".to_owned()),
                as_of: Some("2026-11-30".to_owned()),
                provider: vec!["openai".to_owned()],
            },
        }
    }

    #[test]
    fn a_published_list_differs_where_both_state_a_price() {
        let (desk, folder) = desk_with(&[]);
        let args = args(Some(list_file(folder.path(), LITELLM)));
        let compared = with_published(args.file.as_deref().unwrap(), &args, &desk).unwrap();
        assert_eq!(compared.left_out.new_rows, 1);
        assert!(compared.left_out.gone_rows > 100);
        let shown = text(&Compared { left_out: LeftOut::default(), ..compared });
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn all_shows_what_only_one_of_the_two_states() {
        let (desk, folder) = desk_with(&[]);
        let args = DiffArgs { all: true, ..args(Some(list_file(folder.path(), LITELLM))) };
        let compared = with_published(args.file.as_deref().unwrap(), &args, &desk).unwrap();
        assert!(compared.differences.iter().any(|d| d.key.model == "gpt-99"));
        assert_eq!(compared.left_out, LeftOut::default());
    }

    #[test]
    fn two_times_differ_by_what_was_recorded_and_began_between_them() {
        let (desk, _folder) = desk_with(&[("acme.toml", OVERLAY)]);
        let mut args = DiffArgs { since: Some("2026-07-05".to_owned()), contracts: true, ..args(None) };
        args.until = "2026-07-15".to_owned();
        args.published.provider.clear();
        insta::assert_snapshot!(text(&between_times(&args, &desk).unwrap()));
        args.until.clone_from(args.since.as_ref().unwrap());
        assert!(text(&between_times(&args, &desk).unwrap()).contains("Nothing differs."));
        args.since = Some("soon".to_owned());
        assert!(between_times(&args, &desk).is_err());
    }
}
