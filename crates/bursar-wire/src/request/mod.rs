//! What Bursar needs to know of a request: the model, whether it streams, how much it may produce, how much text
//! and media it carries, and the labels in its body.
//!
//! The body is read once and not copied: texts are counted where they stand, and the bytes that go to the
//! provider are the client's own. Where an object names a key twice, the last one holds, here and in
//! [`crate::splice`], as it does for common JSON parsers.

mod form;
mod json;
mod path;
mod reach;
mod role;
mod scalar;
mod volume;
mod walk;

#[cfg(test)]
mod tests;

use std::ops::Range;

use bursar_core::Provenance;

use crate::facts::RequestFacts;
use crate::labels::Labels;
use crate::surface::Surface;
use crate::tokens::{self, TextCounter};

pub use reach::{Reach, Searches};
pub use volume::{Medium, Volume};

/// Where the request names its model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ModelPlace {
    /// Nowhere.
    #[default]
    None,
    /// In the JSON body, under `model`.
    Body,
    /// In the path, as Gemini, Azure deployments and Bedrock do; these bytes of it.
    Path(Range<usize>),
    /// In a multipart form; these bytes of the body.
    Form(Range<usize>),
}

/// What a request asks for. It owns its few short strings and keeps no prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestView {
    /// The model that is asked for, as the client writes it.
    pub model: Option<String>,
    /// Where it says so.
    pub model_place: ModelPlace,
    /// Whether the answer is a stream.
    pub stream: bool,
    /// Whether the client itself asked for usage in the stream (`stream_options.include_usage`).
    pub include_usage: bool,
    /// The most tokens that one answer may have.
    pub max_output_tokens: Option<u64>,
    /// How many answers are asked for (`n`, `candidateCount`); `None` where it is not said.
    pub choices: Option<u64>,
    /// The service tier that is asked for, in the provider's word.
    pub service_tier: Option<String>,
    /// How much text and media the request carries.
    pub volume: Volume,
    /// What it may cause beside.
    pub reach: Reach,
    /// Bytes of the body, as it is read.
    pub body_bytes: u64,
    /// Whether the body is a multipart form, in which media stand as they are and not in base64.
    pub is_form: bool,
    /// Characters of text to be spoken (speech synthesis).
    pub characters: Option<u64>,
    /// What the body says about whom the call is for.
    pub labels: Labels,
}

/// A body that cannot be understood. The message is a sentence for the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// The bytes are not UTF-8.
    #[error("The request body is not valid UTF-8: the first bad byte is at position {at}.")]
    NotUtf8 {
        /// The offset of the first bad byte.
        at: usize,
    },
    /// The text is not JSON.
    #[error("The request body is not valid JSON at byte {at}: {reason}.")]
    NotJson {
        /// The offset at which the reader stopped.
        at: usize,
        /// What is wrong there.
        reason: String,
    },
    /// A field that Bursar needs has the wrong type.
    #[error("In the request body, before byte {at}: {reason}.")]
    WrongType {
        /// The offset behind the value.
        at: usize,
        /// The field.
        field: String,
        /// What it must be and what it is.
        reason: String,
    },
    /// A multipart form that cannot be taken apart.
    #[error("The multipart form cannot be read: {0}.")]
    BadForm(&'static str),
}

impl BadRequest {
    /// The field that the problem is about, where it is about one.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            BadRequest::WrongType { field, .. } => Some(field),
            _ => None,
        }
    }
}

impl RequestView {
    /// Reads a request. `path` may carry its query. A body without content is taken as one that says nothing, as
    /// for a `GET`.
    ///
    /// # Errors
    /// [`BadRequest`] where the body is neither a JSON object nor a multipart form, is nested deeper than 128
    /// levels, or has a field of a wrong type that Bursar has to know.
    pub fn parse(
        surface: Surface,
        path: &str,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<RequestView, BadRequest> {
        let mut view = match content_type.and_then(form::boundary) {
            Some(boundary) => form::parse(body, &boundary)?,
            None if body.iter().all(u8::is_ascii_whitespace) => RequestView::default(),
            None if is_opaque(surface, content_type) => RequestView::default(),
            None => json::parse(surface, body)?,
        };
        view.body_bytes = body.len() as u64;
        if let Some((model, place)) = path::model(path) {
            view.model = Some(model);
            view.model_place = ModelPlace::Path(place);
        }
        if let Some(model) = &view.model {
            view.reach.take_model(model);
        }
        view.stream |= path::streams(path);
        if surface != Surface::OpenAiSpeech {
            view.characters = None;
        }
        Ok(view)
    }

    /// What the meter has to know of the request.
    #[must_use]
    pub fn facts(&self) -> RequestFacts {
        RequestFacts {
            model: self.model.clone(),
            input_tokens: Some(self.estimate_input()),
            characters: self.characters,
            usage_not_asked: self.stream && !self.include_usage,
        }
    }

    /// About how many tokens the request sends, without looking at the text again: for holds. It errs by the
    /// calibration in `docs/concepts/counting.md`.
    #[must_use]
    pub fn estimate_input(&self) -> (u64, Provenance) {
        (tokens::estimate_volume(self.model.as_deref(), &self.volume), Provenance::Estimated)
    }

    /// The tokens that the request sends, counted from the body with the model's own tokenizer where there is
    /// one: for calls whose answer reports nothing. Text of a model without a known tokenizer, tools, pictures,
    /// audio and documents are estimated, and then the whole is [`Provenance::Estimated`].
    #[must_use]
    pub fn count_input(&self, body: &[u8]) -> (u64, Provenance) {
        let counter = || TextCounter::new(self.model.as_deref());
        if !counter().is_exact() {
            return self.estimate_input();
        }
        let Ok(texts) = json::count(body, counter) else { return self.estimate_input() };
        let rest = tokens::overhead(self.model.as_deref(), &self.volume);
        let volume = &self.volume;
        let exact = !volume.has_media() && volume.tools == 0 && volume.schema_words == 0;
        (texts.saturating_add(rest), if exact { Provenance::Counted } else { Provenance::Estimated })
    }
}

/// Whether the surface takes uploads whose bytes Bursar does not look into.
fn is_opaque(surface: Surface, content_type: Option<&str>) -> bool {
    let is_json = content_type.is_none_or(|t| t.to_ascii_lowercase().contains("json"));
    matches!(surface, Surface::OpenAiFiles | Surface::Other) && !is_json
}
