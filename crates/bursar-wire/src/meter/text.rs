//! The text that was produced, for answers that do not report for themselves.
//!
//! While an answer may still report, text is only kept, up to a cap; beyond it, and at the end, it is counted.

use bursar_core::{Meter, Quantities};

use super::worse;
use crate::tokens::TextCounter;

/// The most bytes of escaped text that are kept before they are counted.
pub(super) const TEXT_CAP: usize = 16 * 1024;

/// Text and reasoning text, apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    model: Option<String>,
    output: Kept,
    reasoning: Kept,
}

/// Text that is kept or already counted.
#[derive(Clone, Debug, Default)]
struct Kept {
    escaped: Vec<u8>,
    counter: Option<TextCounter>,
}

impl Texts {
    pub(super) fn set_model(&mut self, model: &str) {
        if self.model.is_none() {
            self.model = Some(model.to_owned());
        }
    }

    /// Gives up the model, and with it the tokenizer: what is still to be counted is estimated.
    pub(super) fn estimate_roughly(&mut self) {
        self.model = Some(String::new());
    }

    pub(super) fn push(&mut self, is_reasoning: bool, piece: &[u8]) {
        let kept = if is_reasoning { &mut self.reasoning } else { &mut self.output };
        for piece in piece.chunks(TEXT_CAP / 2) {
            if kept.escaped.len() + piece.len() > TEXT_CAP {
                kept.count_kept(self.model.as_deref(), false);
            }
            kept.escaped.extend_from_slice(piece);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.output.is_empty() && self.reasoning.is_empty()
    }

    /// Counts everything; whether there was anything. The tokenizer is that of the model that was asked for, else
    /// of the model that served.
    pub(super) fn count(&mut self, served: Option<&str>, quantities: &mut Quantities) -> bool {
        let model = self.model.clone().or_else(|| served.map(str::to_owned));
        let mut any = false;
        for (kept, meter) in [(&mut self.output, Meter::Output), (&mut self.reasoning, Meter::Reasoning)] {
            kept.count_kept(model.as_deref(), true);
            if let Some(counter) = &kept.counter {
                let (tokens, provenance) = counter.count();
                quantities.set(meter, tokens, worse(provenance, quantities.provenance(meter)));
                any |= tokens > 0;
            }
        }
        any
    }
}

impl Kept {
    fn is_empty(&self) -> bool {
        self.escaped.is_empty() && self.counter.is_none()
    }

    /// Counts what is kept; unless it is the end, up to a place where no character is cut in two.
    fn count_kept(&mut self, model: Option<&str>, at_end: bool) {
        if self.escaped.is_empty() {
            return;
        }
        let whole = if at_end { self.escaped.len() } else { safe_cut(&self.escaped) };
        let text = unescaped(&self.escaped[..whole]);
        self.counter.get_or_insert_with(|| TextCounter::new(model)).push(&text);
        self.escaped.drain(..whole);
    }
}

/// The largest length at which neither an escape sequence nor a UTF-8 character is cut.
fn safe_cut(escaped: &[u8]) -> usize {
    let tail = escaped.len().saturating_sub(12);
    let before_escape = memchr::memchr(b'\\', &escaped[tail..]).map_or(escaped.len(), |at| tail + at);
    let mut cut = if before_escape == 0 { escaped.len() } else { before_escape };
    while cut > 0 && cut < escaped.len() && escaped[cut] & 0xC0 == 0x80 {
        cut -= 1;
    }
    if cut == escaped.len() {
        while cut > 0 && escaped[cut - 1] & 0xC0 == 0x80 && escaped.len() - cut < 4 {
            cut -= 1;
        }
        cut = if cut > 0 && escaped[cut - 1] >= 0xC0 { cut - 1 } else { escaped.len() };
    }
    cut.max(1)
}

/// The text that an escaped piece of JSON stands for; what is damaged is replaced.
fn unescaped(escaped: &[u8]) -> String {
    if !escaped.contains(&b'\\') {
        return String::from_utf8_lossy(escaped).into_owned();
    }
    let text = String::from_utf8_lossy(escaped);
    serde_json::from_str(&format!("\"{text}\"")).unwrap_or_else(|_| text.into_owned())
}
