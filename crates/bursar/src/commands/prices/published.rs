//! A published list as a file: LiteLLM's or models.dev's JSON, gzipped or not.

use std::path::Path;

use anyhow::Context as _;
use bursar_core::{PriceRow, Timestamp};
use bursar_prices::date;
use bursar_prices::import::{ImportFacts, ListFormat, PROVIDERS, import};
use clap::Args;

use super::desk::{Desk, LARGEST_LIST};
use crate::commands::input_file;

/// What is said about a published list beside its file.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PublishedArgs {
    /// The list's version, for the source of its rows [default: its date]
    #[arg(long, value_name = "VERSION")]
    pub(super) list_version: Option<String>,
    /// The list's date [default: the day on which the file was last changed]
    #[arg(long, value_name = "DATE")]
    pub(super) as_of: Option<String>,
    /// Only this provider; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(super) provider: Vec<String>,
}

/// A published list that was read.
#[derive(Debug)]
pub(super) struct Published {
    /// The list's name in the names of files.
    pub(super) name: &'static str,
    /// Its name and version, as its rows say it.
    pub(super) source: String,
    /// Its rows.
    pub(super) rows: Vec<PriceRow>,
}

/// Reads a published list.
pub(super) fn read(path: &Path, args: &PublishedArgs, desk: &Desk) -> anyhow::Result<Published> {
    let shown = path.display();
    let text = input_file::read_text(path, LARGEST_LIST)?;
    let format = ListFormat::detect(&text).with_context(|| format!("{shown} is no price list"))?;
    let (name, list) = match format {
        ListFormat::LiteLlm => ("litellm", "litellm"),
        ListFormat::ModelsDev => ("models_dev", "models.dev"),
    };
    let as_of = match &args.as_of {
        Some(text) => text.clone(),
        None => date::format(changed_on(path, desk.now)),
    };
    anyhow::ensure!(date::of_source(&as_of).is_some(), "--as-of {as_of:?} is no date such as 2026-07-02");
    let source = format!("{list} {}", args.list_version.as_ref().unwrap_or(&as_of));
    let facts = ImportFacts { source: source.clone(), as_of, recorded_at: desk.second() };
    let mut rows = import(format, &text, &facts).with_context(|| format!("{shown} is no price list"))?;
    anyhow::ensure!(
        !rows.is_empty(),
        "{shown} has no price that Bursar understands; LiteLLM's model_prices_and_context_window.json and models.dev's \
         api.json are expected"
    );
    for provider in &args.provider {
        let known = PROVIDERS.iter().any(|p| p.name == provider);
        anyhow::ensure!(known, "Bursar imports no provider {provider:?}; it imports {}", importable());
    }
    rows.retain(|row| args.provider.is_empty() || args.provider.contains(&row.provider));
    Ok(Published { name, source, rows })
}

fn importable() -> String {
    let mut names: Vec<&str> = PROVIDERS.iter().map(|p| p.name).collect();
    names.dedup();
    names.join(", ")
}

/// The day on which a file was last changed; today where that is not known.
fn changed_on(path: &Path, now: Timestamp) -> Timestamp {
    const DAY: i64 = 86_400;
    let changed = std::fs::metadata(path).and_then(|facts| facts.modified()).ok();
    let since = changed.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let seconds = since.and_then(|d| i64::try_from(d.as_secs()).ok());
    let seconds = seconds.unwrap_or(now.micros().div_euclid(1_000_000));
    Timestamp::from_seconds(seconds.div_euclid(DAY) * DAY)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::commands::prices::desk::tests::desk_with;

    /// A small list in LiteLLM's shape.
    pub(in crate::commands::prices) const LITELLM: &str = r#"{
        "gpt-5": {"litellm_provider": "openai", "mode": "chat",
            "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-05},
        "gpt-99": {"litellm_provider": "openai", "mode": "chat",
            "input_cost_per_token": 3e-06, "output_cost_per_token": 9e-06},
        "claude-sonnet-4-5": {"litellm_provider": "anthropic", "mode": "chat",
            "input_cost_per_token": 4e-06, "output_cost_per_token": 1.5e-05}
    }"#;

    /// A file beside the overlay's with this text.
    pub(in crate::commands::prices) fn list_file(folder: &Path, text: &str) -> std::path::PathBuf {
        let path = folder.join("list.json");
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn a_published_list_is_known_by_its_shape_and_named_with_its_version() {
        let (desk, folder) = desk_with(&[]);
        let file = list_file(folder.path(), LITELLM);
        let args = PublishedArgs {
            list_version: Some("1.120".to_owned()),
            as_of: Some("2026-11-30".to_owned()),
            provider: vec!["openai".to_owned()],
        };
        let list = read(&file, &args, &desk).unwrap();
        assert_eq!((list.name, list.source.as_str(), list.rows.len()), ("litellm", "litellm 1.120", 2));
        assert_eq!(list.rows[0].as_of, "2026-11-30");
    }

    #[test]
    fn what_is_no_list_is_refused_with_what_is_expected() {
        let (desk, folder) = desk_with(&[]);
        let told = |text: &str, args: &PublishedArgs| {
            let error = read(&list_file(folder.path(), text), args, &desk).unwrap_err();
            format!("{error:#}")
        };
        let plain = PublishedArgs::default();
        assert!(told("not json", &plain).contains("is not JSON"));
        assert!(told("[1]", &plain).contains("no price list"));
        assert!(told("{\"a\": 1}", &plain).contains("api.json are expected"));
        let other = PublishedArgs { provider: vec!["opnai".to_owned()], ..PublishedArgs::default() };
        assert!(told(LITELLM, &other).contains("it imports openai"));
        let undated = PublishedArgs { as_of: Some("lately".to_owned()), ..PublishedArgs::default() };
        assert!(told(LITELLM, &undated).contains("is no date"));
    }
}
