//! How many tokens a text has: counted with the model's own vocabulary where that is public, estimated by its
//! family elsewhere.

mod family;
mod vocabulary;

use std::sync::LazyLock;

use bursar_core::Provenance;

use crate::request::Volume;
use vocabulary::Vocabulary;

pub use family::Family;

static O200K: LazyLock<Option<Vocabulary>> = LazyLock::new(Vocabulary::o200k);
static CL100K: LazyLock<Option<Vocabulary>> = LazyLock::new(Vocabulary::cl100k);

/// Counts the tokens of texts that come in pieces. Pieces are counted each for itself: a word that is split
/// between two pieces may count one token more than it has.
#[derive(Clone, Debug)]
pub struct TextCounter {
    family: Family,
    counted: u64,
    volume: Volume,
}

impl TextCounter {
    /// A counter for a model; without one, for a model of which nothing is known.
    #[must_use]
    pub fn new(model: Option<&str>) -> TextCounter {
        let family = model.map_or(Family::Other, Family::of);
        TextCounter { family, counted: 0, volume: Volume::default() }
    }

    /// Whether it counts with the model's own vocabulary.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.encoding().is_some()
    }

    /// Adds a text.
    pub fn push(&mut self, text: &str) {
        if self.is_exact() {
            self.counted = self.counted.saturating_add(self.tokens_of(text));
        } else {
            self.volume.add_text(text);
        }
    }

    /// The tokens so far.
    #[must_use]
    pub fn count(&self) -> (u64, Provenance) {
        if self.is_exact() {
            (self.counted, Provenance::Counted)
        } else {
            (self.family.text_tokens(&self.volume), Provenance::Estimated)
        }
    }

    /// The tokens of one text, without adding it.
    #[must_use]
    pub fn tokens_of(&self, text: &str) -> u64 {
        match self.encoding() {
            Some(encoding) => encoding.count(text),
            None => {
                let mut volume = Volume::default();
                volume.add_text(text);
                self.family.text_tokens(&volume)
            }
        }
    }

    fn encoding(&self) -> Option<&'static Vocabulary> {
        match self.family {
            Family::O200k => O200K.as_ref(),
            Family::Cl100k => CL100K.as_ref(),
            _ => None,
        }
    }
}

/// The tokens of a text for a model.
#[must_use]
pub fn count(model: &str, text: &str) -> (u64, Provenance) {
    let mut counter = TextCounter::new(Some(model));
    counter.push(text);
    counter.count()
}

/// About how many tokens a request of this volume sends, media included.
#[must_use]
pub fn estimate_volume(model: Option<&str>, volume: &Volume) -> u64 {
    let family = model.map_or(Family::Other, Family::of);
    family.text_tokens(volume).saturating_add(overhead(model, volume))
}

/// What a request sends beside its texts: the marks around messages and tools, and media.
#[must_use]
pub fn overhead(model: Option<&str>, volume: &Volume) -> u64 {
    model.map_or(Family::Other, Family::of).overhead(volume)
}
