//! Where the commands about prices work: the built-in list, the overlay folder, and the time.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use bursar_core::{PriceRow, PriceView, Timestamp};
use bursar_prices::adjust::is_plain_name;
use bursar_prices::in_force::{Reading, similar_models};
use bursar_prices::{PriceBook, file};

use crate::commands::table::plain;
use crate::compose::prices::{load, overlay_texts};

/// The largest published list that is read, in bytes.
pub(super) const LARGEST_LIST: u64 = 64 << 20;

/// What the commands about prices need to know.
pub(crate) struct Desk {
    /// The overlay folder.
    pub(crate) folder: PathBuf,
    /// Whether the output is for a machine.
    pub(crate) json: bool,
    /// The time now.
    pub(crate) now: Timestamp,
}

impl Desk {
    /// The list in force; an error tells every problem of the overlay's files.
    pub(in crate::commands) fn book(&self) -> anyhow::Result<Arc<PriceBook>> {
        load(&self.folder).context("bursar prices check tells every problem of the overlay")
    }

    /// Names and texts of the overlay's files.
    pub(super) fn texts(&self) -> anyhow::Result<Vec<(String, String)>> {
        overlay_texts(&self.folder)
    }

    /// The list as it holds and is known now.
    pub(super) fn reading(&self, view: PriceView) -> Reading {
        Reading { at: self.now, known_at: self.now, view }
    }

    /// Now, as exactly as price files write times.
    pub(in crate::commands) fn second(&self) -> Timestamp {
        Timestamp::from_seconds(self.now.micros().div_euclid(1_000_000))
    }

    /// The path of an overlay file.
    pub(in crate::commands) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The rows of an overlay file; none where there is no such file.
    pub(in crate::commands) fn rows_of(&self, name: &str) -> anyhow::Result<Vec<PriceRow>> {
        let path = self.path(name);
        if !path.exists() {
            return Ok(Vec::new());
        }
        let text = std::fs::read_to_string(&path);
        let text = text.with_context(|| format!("{} cannot be read", path.display()))?;
        Ok(PriceBook::from_files([(path.display().to_string(), text)])?.list.rows().to_vec())
    }

    /// Writes an overlay file in one step, so that a running gateway reads it before or after and never in between;
    /// without rows the file goes away.
    pub(in crate::commands) fn write(
        &self,
        name: &str,
        comment: &str,
        rows: &[PriceRow],
    ) -> anyhow::Result<PathBuf> {
        let path = self.path(name);
        let cannot = || format!("{} cannot be written", path.display());
        let Some(first) = rows.first() else {
            std::fs::remove_file(&path).with_context(cannot)?;
            return Ok(path);
        };
        let text = file::write(&first.provider, self.second(), comment, rows);
        PriceBook::from_files([(name, &text)]).context("the rows would not be read again as they are")?;
        std::fs::create_dir_all(&self.folder)
            .with_context(|| format!("the folder {} cannot be made", self.folder.display()))?;
        let unfinished = path.with_extension("toml.new");
        let mut target = File::create(&unfinished).with_context(cannot)?;
        target.write_all(text.as_bytes()).and_then(|()| target.sync_all()).with_context(cannot)?;
        std::fs::rename(&unfinished, &path).with_context(cannot)?;
        Ok(path)
    }
}

/// That the list does not have a model, and which ones may be meant.
pub(super) fn unknown_model(book: &PriceBook, provider: Option<&str>, model: &str) -> anyhow::Error {
    let all = similar_models(&book.list, model, 64);
    let near = all.iter().filter(|(p, _)| provider.is_none_or(|wanted| wanted == *p)).take(5);
    let mut names: Vec<String> = near.map(|(p, m)| format!("{p}/{m}")).collect();
    if names.is_empty() {
        names = all.iter().take(5).map(|(p, m)| format!("{p}/{m}")).collect();
    }
    let name = provider.map_or(model.to_owned(), |provider| format!("{provider}/{model}"));
    let hint = if names.is_empty() {
        "bursar prices list gives every model".to_owned()
    } else {
        format!("near it are {}", names.join(", "))
    };
    anyhow::anyhow!("the price list does not have the model {}; {hint}", plain(&name))
}

/// `openai/gpt-5` as provider and model; the model may have slashes of its own.
pub(super) fn provider_and_model(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((provider, model)) if is_plain_name(provider) && !model.is_empty() => {
            Ok((provider.to_owned(), model.to_owned()))
        }
        _ => Err("name provider and model, such as openai/gpt-5".to_owned()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A list of one provider with a dispute, a band, a contract and a batch price.
    pub(in crate::commands::prices) const OVERLAY: &str = r#"
        format = 1
        provider = "acme"
        recorded_at = "2026-07-01"
        [[row]]
        model = "large"
        aliases = ["large-2026-05-01"]
        source = "first list 7; https://example.test/prices"
        as_of = "2026-07-01"
        price.input = "2.50"
        price.cache_read = "0.25"
        price.output = "10"
        price.web_searches = "0.01"
        [[row.conflict]]
        meter = "output"
        price = "12"
        source = "second list 3"
        [[row]]
        model = "large"
        context_above = 200000
        source = "first list 7"
        as_of = "2026-07-01"
        price.input = "5"
        price.output = "15"
        [[row]]
        model = "small"
        source = "first list 7"
        as_of = "2026-07-01"
        price.input = "0.20"
        price.output = "0.80"
        [[row]]
        model = "small"
        tier = "batch"
        source = "first list 7"
        as_of = "2026-07-01"
        price.input = "0.10"
        price.output = "0.40"
        [[row]]
        model = "small"
        kind = "contract"
        effective_from = "2026-07-10"
        source = "contract 12"
        as_of = "2026-07-10"
        price.input = "0.15"
        price.output = "0.70"
    "#;

    /// A desk on the first of December 2026, when the built-in list is known, whose overlay has these files.
    pub(in crate::commands::prices) fn desk_with(files: &[(&str, &str)]) -> (Desk, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let now = Timestamp::from_date(2026, 12, 1).unwrap();
        (Desk { folder: folder.path().to_owned(), json: false, now }, folder)
    }

    #[test]
    fn a_file_is_written_whole_and_goes_away_with_its_last_row() {
        let (desk, folder) = desk_with(&[("acme.toml", OVERLAY)]);
        let rows = desk.rows_of("acme.toml").unwrap();
        let path = desk.write("copy.toml", "A copy.", &rows).unwrap();
        assert_eq!(desk.rows_of("copy.toml").unwrap(), rows);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing unfinished is left");
        desk.write("copy.toml", "", &[]).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn an_overlay_that_cannot_be_read_names_every_problem() {
        let (desk, _folder) = desk_with(&[("bad.toml", "format = 2\nprovider = \"acme\"\ncolour = 1\n")]);
        let told = format!("{:#}", desk.book().unwrap_err());
        assert!(told.contains("bursar prices check") && told.contains("format") && told.contains("colour"));
    }

    #[test]
    fn a_model_is_named_with_its_provider_and_may_have_slashes_of_its_own() {
        let named = provider_and_model("openrouter/openai/gpt-5").unwrap();
        assert_eq!(named, ("openrouter".to_owned(), "openai/gpt-5".to_owned()));
        for text in ["gpt-5", "/gpt-5", "openai/", "../x/gpt-5", ""] {
            assert!(provider_and_model(text).is_err(), "{text}");
        }
    }
}
