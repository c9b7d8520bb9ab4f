//! The most that a request can use, from the request alone: `docs/concepts/budgets.md` gives each bound's reason
//! and source.
//!
//! Every bound errs upwards. Where nothing bounds a part of a call, [`Ceiling::unbounded`] says so, and a policy
//! decides.

mod media;
mod output;

use bursar_core::{BoundPart, Meter, ModelLimits, ServiceTier, UsageBound};

use crate::request::{RequestView, Searches};
use crate::surface::{Dialect, Surface};
use crate::tokens::Family;
use output::OutputPart;

/// What the tokens of a request's text are bounded by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputBasis {
    /// Its bytes: no token of the vocabularies in use is shorter than a byte.
    Bytes,
    /// A count with the model's own vocabulary, marks around messages included.
    Counted(u64),
    /// What calls of this kind hardly ever exceed, media included: learned, and no bound.
    Learned(u64),
}

/// The most that a call can use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ceiling {
    /// By meter.
    pub bound: UsageBound,
    /// What nothing bounds; `bound` leaves it out.
    pub unbounded: Vec<&'static str>,
    output: Option<OutputPart>,
}

/// Rounds of a server's own tools in one call where the request does not limit them: Anthropic documents a limit of
/// ten, and the others document none.
const MOST_ROUNDS: u64 = 10;
/// Tokens that the presence of tools adds (Anthropic documents up to 530).
const AROUND_TOOLS: u64 = 1_024;
/// Tokens of a tool that the provider describes in its own words (Anthropic documents up to 735).
const BUILT_IN_TOOL: u64 = 1_024;
/// The least bytes of a second of recorded speech, at 6 kbit/s, the lowest rate of the formats that are taken.
const AUDIO_BYTES_PER_SECOND: u64 = 750;
/// Tokens of a chunk of a document of which Cohere counts each as a document: 500, less the longest query.
const CHUNK: u64 = 244;
/// Documents in one search unit.
const DOCUMENTS_PER_UNIT: u64 = 100;

impl Ceiling {
    /// The ceiling of a request to a surface of a model with these limits.
    #[must_use]
    pub fn of(view: &RequestView, surface: Surface, limits: ModelLimits, basis: InputBasis) -> Ceiling {
        let mut ceiling = Ceiling::default();
        if let Some(what) = view.reach.billed_elsewhere {
            ceiling.unbounded.push(what);
        }
        ceiling.add_input(view, surface, limits, basis);
        ceiling.add_output(view, surface, limits);
        ceiling.add_products(view, surface);
        ceiling
    }

    /// The most tokens that one answer may have; `None` where the surface's answers are no text, or nothing bounds
    /// them.
    #[must_use]
    pub fn output_limit(&self) -> Option<u64> {
        self.output.as_ref()?.limit
    }

    /// Whether the call's output can be limited at all.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.output.is_some()
    }

    /// Takes another limit for each answer; one that was not bounded is so then.
    pub fn limit_output(&mut self, limit: u64) {
        let Some(output) = &mut self.output else { return };
        output.limit = Some(limit);
        output.put_into(&mut self.bound);
        self.unbounded.retain(|what| *what != OUTPUT);
    }

    fn add_input(&mut self, view: &RequestView, surface: Surface, limits: ModelLimits, basis: InputBasis) {
        if surface == Surface::OpenAiSpeech || surface == Surface::OpenAiTranscription {
            return;
        }
        let rounds = if view.reach.server_tools { rounds(view) } else { 1 };
        let text = match basis {
            InputBasis::Bytes => text_bytes(view),
            InputBasis::Counted(tokens) | InputBasis::Learned(tokens) => tokens,
        };
        let media = match basis {
            InputBasis::Learned(_) => Some(Vec::new()),
            _ => media::bounds(view),
        };
        let is_open = view.reach.remembers || view.reach.server_tools || view.volume.references > 0;
        let known = media.filter(|_| !is_open);
        let sum = known.as_ref().map(|media| media.iter().fold(text, |s, m| s.saturating_add(m.1)));
        match (sum, limits.context_window) {
            (Some(sum), window) if window.is_none_or(|w| sum <= w) => {
                self.bound.context = sum;
                self.bound.parts.push(text_part(view, surface, text));
                for (meter, tokens) in known.unwrap_or_default() {
                    let part = BoundPart::on(tokens, [meter, Meter::Input]);
                    self.bound.parts.push(with_writes(part, view, surface, tokens));
                }
            }
            (_, Some(window)) => {
                let tokens = window.saturating_mul(rounds);
                self.bound.context = window;
                self.bound.parts.push(anything(text_part(view, surface, tokens), tokens));
            }
            (_, None) => {
                self.unbounded.push(INPUT);
                self.bound.context = text;
                self.bound.parts.push(text_part(view, surface, text));
            }
        }
    }

    fn add_output(&mut self, view: &RequestView, surface: Surface, limits: ModelLimits) {
        let Some(output) = OutputPart::of(view, surface, limits, self.bound.parts.len()) else { return };
        if output.limit.is_none() {
            self.unbounded.push(OUTPUT);
        }
        self.bound.parts.push(BoundPart::default());
        output.put_into(&mut self.bound);
        self.output = Some(output);
    }

    /// What is no token: searches, pictures, seconds, characters, and the call itself.
    fn add_products(&mut self, view: &RequestView, surface: Surface) {
        let searches = match view.reach.searches {
            Searches::None => 0,
            Searches::AtMost(most) => most,
            Searches::Unsaid => rounds(view).saturating_sub(1),
        };
        if searches > 0 {
            self.bound.parts.push(BoundPart::on(searches, [Meter::WebSearches]));
        }
        let text = text_bytes(view);
        let audio = view.volume.media_bytes.iter().fold(0, |sum: u64, b| sum.saturating_add(*b));
        match surface {
            Surface::OpenAiSpeech => {
                let characters = view.characters.unwrap_or(text);
                let spoken = BoundPart::default().or(Meter::Characters, characters).or(Meter::Input, text);
                self.bound.parts.push(spoken);
            }
            Surface::OpenAiTranscription => {
                let seconds = audio.div_ceil(AUDIO_BYTES_PER_SECOND).max(1);
                let heard = BoundPart::default().or(Meter::AudioSeconds, seconds).or(Meter::AudioIn, audio);
                self.bound.parts.push(heard.or(Meter::Input, audio.saturating_add(text)));
            }
            Surface::CohereRerank => {
                let documents = view.volume.items.saturating_add(text.div_ceil(CHUNK));
                let units = documents.div_ceil(DOCUMENTS_PER_UNIT).max(1);
                self.bound.parts.push(BoundPart::default().or(Meter::SearchUnits, units).or_nothing());
            }
            _ => {}
        }
        self.bound.parts.push(BoundPart::default().or(Meter::Requests, 1).or_nothing());
    }
}

/// Nothing bounds what is sent.
pub const INPUT: &str = "the model's context window is not known";
/// Nothing bounds the answer.
pub const OUTPUT: &str = "the request sets no output limit and the model's maximum is not known";

impl RequestView {
    /// The service tiers that may serve the request. A request that says nothing is served in the standard tier;
    /// one that leaves it to the provider, or says a word that is not known, in any.
    #[must_use]
    pub fn possible_tiers(&self) -> &'static [ServiceTier] {
        match self.service_tier.as_deref() {
            None | Some("default" | "standard" | "standard_only" | "on_demand") => &[ServiceTier::Standard],
            Some("flex") => &[ServiceTier::Flex],
            Some("priority") => &[ServiceTier::Priority],
            Some("batch") => &[ServiceTier::Batch],
            Some(_) => &ServiceTier::ALL,
        }
    }
}

fn rounds(view: &RequestView) -> u64 {
    let searches = match view.reach.searches {
        Searches::AtMost(most) => most,
        Searches::None | Searches::Unsaid => MOST_ROUNDS,
    };
    view.reach.most_tool_calls.unwrap_or(searches).max(1).saturating_add(1)
}

/// Tokens of everything but media, at most: its bytes, and what the provider adds.
fn text_bytes(view: &RequestView) -> u64 {
    let media = view.volume.media_bytes.iter().fold(0u64, |sum, bytes| sum.saturating_add(*bytes));
    let as_sent = if view.is_form { media } else { media.saturating_mul(4) / 3 };
    let tools = if view.volume.tools > 0 || view.reach.built_in_tools > 0 { AROUND_TOOLS } else { 0 };
    let own = view.body_bytes.saturating_sub(as_sent).saturating_add(preamble(view.model.as_deref()));
    own.saturating_add(tools).saturating_add(view.reach.built_in_tools.saturating_mul(BUILT_IN_TOOL))
}

/// Tokens that a provider adds to every request in silence. JSON around the texts is longer than the marks that it
/// becomes, as the recordings of the families without a preamble show.
fn preamble(model: Option<&str>) -> u64 {
    match model.map_or(Family::Other, Family::of) {
        // The open models begin with a system message of about seventy tokens, Grok 4 with some hundreds.
        Family::O200k if model.is_some_and(|m| m.contains("gpt-oss")) => 128,
        Family::Grok => 1_024,
        Family::Other => 64,
        _ => 0,
    }
}

fn text_part(view: &RequestView, surface: Surface, tokens: u64) -> BoundPart {
    with_writes(BoundPart::on(tokens, [Meter::Input]), view, surface, tokens)
}

/// With the meters of cache writes: Anthropic and Bedrock write where the request marks a place, the others at will.
fn with_writes(mut part: BoundPart, view: &RequestView, surface: Surface, tokens: u64) -> BoundPart {
    let by_marks = matches!(surface.dialect(), Dialect::Anthropic | Dialect::Bedrock);
    let is_marked = view.volume.cache_marks > 0;
    if by_marks && is_marked {
        part.candidates.extend(BoundPart::on(tokens, [Meter::CacheWrite5m]).candidates);
    } else if !by_marks {
        part = part.or(Meter::CacheWrite5m, tokens);
    }
    if is_marked && view.volume.cache_hours > 0 {
        part.candidates.extend(BoundPart::on(tokens, [Meter::CacheWrite1h]).candidates);
    }
    part
}

/// Tokens of whatever the context window may hold.
fn anything(part: BoundPart, tokens: u64) -> BoundPart {
    [Meter::AudioIn, Meter::ImageIn, Meter::VideoIn, Meter::DocumentIn]
        .into_iter()
        .fold(part, |part, meter| part.or(meter, tokens))
}

#[cfg(test)]
mod tests;
