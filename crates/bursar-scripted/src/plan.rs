//! What will be answered: the same for every dialect, which only writes it down in its own way.

use serde_json::Value;

use crate::price_table::{self, Tokens};
use crate::schema_value;
use crate::script::{self, Script};
use crate::words;

/// What a dialect read from a request.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// The model as the caller named it.
    pub model: String,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whether a stream is to tell its usage.
    pub tell_usage: bool,
    /// The most tokens to produce.
    pub max_output: Option<u64>,
    /// The caller's seed.
    pub seed: Option<u64>,
    /// The tool to call: its name and the JSON schema of its arguments.
    pub tool: Option<(String, Value)>,
    /// The JSON schema that the answer's text must follow.
    pub schema: Option<Value>,
    /// Whether the caller wants reasoning.
    pub thinks: bool,
    /// Whether the caller wants the probability of each token.
    pub probabilities: bool,
    /// Characters of the prompt.
    pub characters: u64,
    /// How many answers are wanted.
    pub choices: u64,
}

/// The words of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Text, in the pieces that a stream sends one by one.
    Text(Vec<Piece>),
    /// A call of a tool, with its arguments as JSON.
    Tool {
        /// The tool's name.
        name: String,
        /// Its arguments.
        arguments: Value,
        /// The arguments' JSON in the pieces that a stream sends one by one.
        pieces: Vec<Piece>,
    },
}

/// Some text and the tokens that it counts for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Its tokens.
    pub tokens: u64,
}

/// A decided answer.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The model that the answer names.
    pub model: String,
    /// The answer's words.
    pub content: Content,
    /// The reasoning's words; empty where there is none.
    pub reasoning: Vec<Piece>,
    /// Whether the answer was cut short by the caller's limit.
    pub at_limit: bool,
    /// The tokens of the whole answer.
    pub tokens: Tokens,
    /// Whether usage is told.
    pub tell_usage: bool,
    /// Whether the probability of each token is told.
    pub probabilities: bool,
    /// How many times the answer is given.
    pub choices: u64,
    /// The seed, from which ids inside the answer follow.
    pub seed: u64,
    /// Unix seconds that the answer is dated with; they follow from the seed.
    pub created: u64,
}

impl Plan {
    /// Decides the answer. `digest` is the seed where neither script nor request names one.
    #[must_use]
    pub fn of(ask: &Ask, script: &Script, digest: u64) -> Plan {
        let seed = script.seed.or(ask.seed).unwrap_or(digest);
        let wanted = script.output.unwrap_or_else(|| 8 + words::mix(seed, u64::MAX) % 41).max(1);
        let (content, at_limit) = content(ask, script, seed, wanted);
        let reasoning = script.reasoning.unwrap_or(if ask.thinks { 12 } else { 0 });
        let choices = ask.choices.clamp(1, 8);
        let visible: u64 = content.pieces().iter().map(|p| p.tokens).sum();
        let writes = script.cache_write_5m + script.cache_write_1h;
        let tokens = Tokens {
            input: script.input.unwrap_or(ask.characters.div_ceil(4).max(1)).max(script.cached + writes),
            cached: script.cached,
            cache_write_5m: script.cache_write_5m,
            cache_write_1h: script.cache_write_1h,
            output: visible * choices,
            reasoning,
        };
        Plan {
            model: served_model(&ask.model),
            content,
            reasoning: pieces_of_words(words::mix(seed, 3), reasoning, script.chunks),
            at_limit,
            tokens,
            tell_usage: ask.tell_usage && !script.no_usage,
            probabilities: ask.probabilities,
            choices,
            seed,
            created: 1_767_225_600 + seed % 10_000_000,
        }
    }

    /// An id inside the answer (of a tool call, an item …) that follows from the seed.
    #[must_use]
    pub fn inner_id(&self, prefix: &str, length: usize, number: u64) -> String {
        words::id(prefix, length, self.seed, number)
    }
}

impl Content {
    /// The pieces that a stream sends.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        match self {
            Content::Text(pieces) | Content::Tool { pieces, .. } => pieces,
        }
    }

    /// All of it as one text.
    #[must_use]
    pub fn text(&self) -> String {
        self.pieces().iter().map(|p| p.text.as_str()).collect()
    }
}

/// The dated name that a provider answers with, or the name as it was asked for.
#[must_use]
pub fn served_model(asked: &str) -> String {
    let bare = script::split_model(asked).map_or(asked, |(base, _)| base);
    let bare = if bare.is_empty() { "gpt-4o-mini" } else { bare };
    price_table::find(bare).map_or(bare, |m| m.snapshot).to_owned()
}

fn content(ask: &Ask, script: &Script, seed: u64, wanted: u64) -> (Content, bool) {
    if let Some((name, schema)) = &ask.tool {
        let arguments = schema_value::for_schema(schema, seed);
        let pieces = pieces_of_text(&arguments.to_string(), script.chunks);
        return (Content::Tool { name: name.clone(), arguments, pieces }, false);
    }
    if let Some(schema) = &ask.schema {
        let text = schema_value::for_schema(schema, seed).to_string();
        return (Content::Text(pieces_of_text(&text, script.chunks)), false);
    }
    let count = ask.max_output.map_or(wanted, |most| wanted.min(most.max(1)));
    (Content::Text(pieces_of_words(seed, count, script.chunks)), count < wanted)
}

/// `count` words, one piece each, or in `chunks` pieces of about the same size.
fn pieces_of_words(seed: u64, count: u64, chunks: Option<usize>) -> Vec<Piece> {
    let chunks = chunks.map_or(count, |c| u64::try_from(c).unwrap_or(u64::MAX).min(count));
    (0..chunks)
        .map(|i| {
            let (from, to) = (i * count / chunks, (i + 1) * count / chunks);
            Piece { text: (from..to).map(|w| words::word(seed, w)).collect(), tokens: to - from }
        })
        .collect()
}

/// A text in pieces of four characters, one token each, or in `chunks` pieces.
fn pieces_of_text(text: &str, chunks: Option<usize>) -> Vec<Piece> {
    let letters: Vec<char> = text.chars().collect();
    let tokens = letters.len().div_ceil(4).max(1);
    let chunks = chunks.map_or(tokens, |c| c.min(tokens));
    let piece = |i: usize| {
        let (from, to) = (i * tokens / chunks, (i + 1) * tokens / chunks);
        let part = &letters[(from * 4).min(letters.len())..(to * 4).min(letters.len())];
        Piece { text: part.iter().collect(), tokens: (to - from) as u64 }
    };
    (0..chunks).map(piece).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask() -> Ask {
        Ask { model: "gpt-4o-mini".into(), characters: 41, choices: 1, tell_usage: true, ..Ask::default() }
    }

    #[test]
    fn the_same_request_gives_the_same_answer_however_it_is_cut() {
        let whole = Plan::of(&ask(), &Script { output: Some(30), ..Script::default() }, 5);
        let cut = Plan::of(&ask(), &Script { output: Some(30), chunks: Some(4), ..Script::default() }, 5);
        assert_eq!(whole.content.text(), cut.content.text());
        assert_eq!((whole.tokens, cut.content.pieces().len()), (cut.tokens, 4));
        assert_eq!((whole.tokens.input, whole.tokens.output), (11, 30));
    }

    #[test]
    fn a_limit_below_the_wanted_length_cuts_the_answer() {
        let plan = Plan::of(&Ask { max_output: Some(3), ..ask() }, &Script::default(), 5);
        assert!(plan.at_limit);
        assert_eq!(plan.tokens.output, 3);
    }

    #[test]
    fn a_tool_is_called_with_arguments_of_its_schema() {
        let schema = serde_json::json!({"type": "object", "properties": {"city": {"type": "string"}}});
        let plan = Plan::of(&Ask { tool: Some(("weather".into(), schema)), ..ask() }, &Script::default(), 5);
        let Content::Tool { arguments, .. } = &plan.content else { panic!("not a tool call") };
        assert!(arguments["city"].is_string());
        assert_eq!(plan.content.text(), arguments.to_string());
    }
}
