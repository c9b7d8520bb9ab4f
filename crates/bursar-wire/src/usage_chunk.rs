//! The extra usage chunk of an OpenAI stream, taken out again where only Bursar asked for it.
//!
//! With `stream_options.include_usage` a stream ends with one event more: `choices` is empty and `usage` is an
//! object. A client that did not ask for it never sees that event; every other byte passes on as it came. The
//! `"usage":null` that the same option adds to the other chunks stays: taking it out would mean rewriting every
//! event, and clients take a null for an absent field.
//!
//! The filter does not buffer the stream. It keeps back the bytes of the current event only until the event can
//! no longer be the one to drop, which for an ordinary chunk is the first byte inside `choices`.

mod probe;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use probe::{Probe, Verdict};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The most bytes of one event that are kept back. An event that is still undecided here passes on: a usage chunk
/// has a few hundred bytes.
pub const HOLD_LIMIT: usize = 16 * 1024;

/// Passes a stream of server-sent events on and drops the usage chunk. See the module.
#[derive(Debug, Default)]
pub struct UsageChunkFilter {
    held: Vec<u8>,
    event: Event,
    line: Line,
    probe: Probe,
    last_was_cr: bool,
    swallow_lf: bool,
    dropped: u64,
}

/// What happens to the bytes of the current event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Event {
    /// Kept back: it may still be the usage chunk.
    #[default]
    Undecided,
    /// Passing on.
    Passing,
}

/// Where in its line the filter is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Line {
    /// Before the first byte.
    #[default]
    Start,
    /// In a prefix of `data:`, with so many bytes of it seen.
    Prefix(u8),
    /// Behind `data:`.
    Data,
    /// In a field other than data.
    Other,
    /// In a comment with nothing before it in its event.
    Comment,
}

const PREFIX: &[u8] = b"data:";

impl UsageChunkFilter {
    /// A filter at the start of a stream.
    #[must_use]
    pub fn new() -> UsageChunkFilter {
        UsageChunkFilter::default()
    }

    /// How many events were dropped so far.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Takes the next bytes of the stream and appends to `out` what may pass on now.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        while let Some((&byte, tail)) = rest.split_first() {
            if self.swallow_lf {
                self.swallow_lf = false;
                if byte == b'\n' {
                    rest = tail;
                    continue;
                }
            }
            if self.event == Event::Passing && self.line != Line::Start && !self.last_was_cr {
                let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
                if end > 0 {
                    out.extend_from_slice(&rest[..end]);
                    rest = &rest[end..];
                    continue;
                }
            }
            self.take(byte, out);
            rest = tail;
        }
    }

    /// The end of the stream: passes on what was kept back, unless it is a usage chunk whose last line end is
    /// missing.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if is_usage_chunk(&self.held) {
            self.dropped += 1;
            self.held.clear();
        }
        out.append(&mut self.held);
        self.next_event();
    }

    fn take(&mut self, byte: u8, out: &mut Vec<u8>) {
        let after_cr = std::mem::replace(&mut self.last_was_cr, byte == b'\r');
        self.keep_or_pass(byte, out);
        if byte == b'\n' && after_cr {
            // The second half of one line end.
            self.release_if_idle(out);
        } else if byte == b'\n' || byte == b'\r' {
            self.end_line(byte, out);
        } else {
            self.within_line(byte, out);
        }
        if self.event == Event::Undecided && self.held.len() >= HOLD_LIMIT {
            self.release(out);
        }
    }

    fn keep_or_pass(&mut self, byte: u8, out: &mut Vec<u8>) {
        match self.event {
            Event::Undecided => self.held.push(byte),
            Event::Passing => out.push(byte),
        }
    }

    fn within_line(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.line = match self.line {
            Line::Start if byte == b':' && self.held.len() == 1 => Line::Comment,
            Line::Start if byte == PREFIX[0] => Line::Prefix(1),
            Line::Prefix(seen) if PREFIX[usize::from(seen)] == byte => {
                if usize::from(seen) + 1 == PREFIX.len() { Line::Data } else { Line::Prefix(seen + 1) }
            }
            Line::Start | Line::Prefix(_) | Line::Other => Line::Other,
            Line::Data => {
                self.feed_probe(byte, out);
                Line::Data
            }
            Line::Comment => Line::Comment,
        };
    }

    fn feed_probe(&mut self, byte: u8, out: &mut Vec<u8>) {
        if self.event == Event::Undecided && self.probe.feed(byte) == Verdict::Pass {
            self.release(out);
        }
    }

    /// A line ended. An empty one ends the event.
    fn end_line(&mut self, byte: u8, out: &mut Vec<u8>) {
        match std::mem::take(&mut self.line) {
            Line::Start => self.end_event(byte, out),
            Line::Data => self.feed_probe(b'\n', out),
            Line::Prefix(_) | Line::Other => {}
            Line::Comment => self.release_comment(out),
        }
    }

    fn end_event(&mut self, byte: u8, out: &mut Vec<u8>) {
        if self.event == Event::Undecided {
            if is_usage_chunk(&self.held) {
                self.dropped += 1;
                self.held.clear();
                self.swallow_lf = byte == b'\r';
                self.last_was_cr = false;
            } else {
                out.append(&mut self.held);
            }
        }
        self.next_event();
    }

    fn next_event(&mut self) {
        self.event = Event::Undecided;
        self.line = Line::Start;
        self.probe = Probe::default();
        if self.held.capacity() > HOLD_LIMIT / 4 {
            self.held = Vec::new();
        }
    }

    fn release(&mut self, out: &mut Vec<u8>) {
        self.event = Event::Passing;
        out.append(&mut self.held);
    }

    /// A comment is no part of an event: with nothing else of its event held, it passes on at its line's end.
    fn release_comment(&mut self, out: &mut Vec<u8>) {
        if self.event == Event::Undecided {
            out.append(&mut self.held);
        }
    }

    /// The `\n` of a `\r\n` behind a comment or an event that has passed on follows it.
    fn release_if_idle(&mut self, out: &mut Vec<u8>) {
        if self.held.as_slice() == b"\n" {
            out.append(&mut self.held);
        }
    }
}

/// Whether the bytes of one whole event carry a chunk that exists only for its usage.
fn is_usage_chunk(event: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Chunk {
        choices: Vec<IgnoredAny>,
        #[serde(rename = "usage")]
        _usage: BTreeMap<String, IgnoredAny>,
    }
    let mut data = Vec::with_capacity(event.len());
    for line in event.split(|&b| b == b'\n' || b == b'\r') {
        if let Some(value) = line.strip_prefix(PREFIX) {
            data.extend_from_slice(value);
            data.push(b'\n');
        }
    }
    serde_json::from_slice::<Chunk>(&data).is_ok_and(|c| c.choices.is_empty())
}
