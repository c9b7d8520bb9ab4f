//! How much an answer can have.

use bursar_core::{BoundPart, Meter, ModelLimits, UsageBound};

use crate::request::RequestView;
use crate::surface::Surface;

/// The part of a ceiling that an output limit changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OutputPart {
    /// Its place among the parts.
    place: usize,
    surface: Surface,
    /// How many answers each have the limit.
    answers: u64,
    /// Tokens beside the limited ones: predictions that were thrown away.
    extra: u64,
    pub(super) limit: Option<u64>,
}

/// Tokens of one picture at the highest quality of the `gpt-image-1` models, and of the previews on the way to it.
const PICTURE: u64 = 6_240 + 300;

impl OutputPart {
    /// The part of a request's answer; `None` where the answer has no tokens.
    pub(super) fn of(
        view: &RequestView,
        surface: Surface,
        limits: ModelLimits,
        place: usize,
    ) -> Option<OutputPart> {
        if matches!(surface, Surface::OpenAiEmbeddings | Surface::GeminiEmbed | Surface::CohereEmbed)
            || matches!(surface, Surface::CohereRerank | Surface::OpenAiModerations)
        {
            return None;
        }
        // Billed by characters and by seconds.
        let model = view.model.as_deref().unwrap_or_default();
        if (surface == Surface::OpenAiSpeech && model.starts_with("tts-1"))
            || (surface == Surface::OpenAiTranscription && model.contains("whisper"))
        {
            return None;
        }
        let most = limits.max_output.or(limits.context_window);
        let asked = view.max_output_tokens;
        let limit = match surface {
            Surface::OpenAiImages => picture_limit(view.model.as_deref()).or(most),
            _ => asked.map(|asked| most.map_or(asked, |most| asked.min(most))).or(most),
        };
        let extra = if view.reach.predicts { view.body_bytes } else { 0 };
        Some(OutputPart { place, surface, answers: view.answers(surface), extra, limit })
    }

    /// The most tokens of all answers.
    fn tokens(&self) -> u64 {
        self.limit.unwrap_or(0).saturating_mul(self.answers).saturating_add(self.extra)
    }

    pub(super) fn put_into(&self, bound: &mut UsageBound) {
        let tokens = self.tokens();
        let part = match self.surface {
            Surface::OpenAiImages => BoundPart::default()
                .or(Meter::Images, self.answers)
                .or(Meter::ImageOut, tokens)
                .or(Meter::Output, tokens),
            Surface::OpenAiSpeech => BoundPart::default().or(Meter::AudioOut, tokens).or_nothing(),
            Surface::OpenAiTranscription => BoundPart::default().or(Meter::Output, tokens).or_nothing(),
            _ => BoundPart::on(tokens, [Meter::Output, Meter::Reasoning])
                .or(Meter::AudioOut, tokens)
                .or(Meter::ImageOut, tokens),
        };
        if let Some(place) = bound.parts.get_mut(self.place) {
            *place = part;
        }
    }
}

impl RequestView {
    /// How many answers are produced, those that are thrown away included; each has the output limit.
    #[must_use]
    pub fn answers(&self, surface: Surface) -> u64 {
        let choices = self.choices.unwrap_or(1).max(self.reach.best_of.unwrap_or(1)).max(1);
        let prompts = if surface == Surface::OpenAiCompletions { self.volume.items.max(1) } else { 1 };
        choices.saturating_mul(prompts)
    }
}

fn picture_limit(model: Option<&str>) -> Option<u64> {
    let model = model?;
    (model.starts_with("gpt-image-1") || model.starts_with("dall-e")).then_some(PICTURE)
}
