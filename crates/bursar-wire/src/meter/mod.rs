//! The meter: reads a copy of a response as it passes, and says what it used.
//!
//! It works in pieces of any size and gives the same whatever the pieces are; it keeps the few values that usage
//! is read from and, of the text, at most [`text::TEXT_CAP`] bytes at a time. What the numbers mean is decided
//! once, at the end, by [`interpret`].

mod anthropic;
mod bedrock;
mod cohere;
mod gemini;
mod interpret;
mod numbers;
mod openai;
mod recording;
mod slots;
mod text;
mod verdict;

#[cfg(test)]
mod tests;

use bursar_core::{EndOfStream, MeteredUsage, Provenance, UsageException};

use crate::aws_event_stream::{EventStreamParser, PayloadSink};
use crate::facts::RequestFacts;
use crate::sieve::{Sieve, Watch};
use crate::sse::{EventSink, SseParser};
use crate::surface::{Dialect, Framing, Surface, Vendor};

pub use recording::{Recording, RecordingError, meter_recording};
use slots::Slots;
pub use verdict::{Judged, Verdict, judge_recording, stated_total};

/// Reads one response.
#[derive(Clone, Debug)]
pub struct ResponseMeter {
    surface: Surface,
    vendor: Vendor,
    status: u16,
    frames: Frames,
    reader: Reader,
    body_bytes: u64,
}

/// The division of the body into documents.
#[derive(Clone, Debug)]
enum Frames {
    Whole,
    Lines,
    Events(SseParser),
    AwsEvents(EventStreamParser),
    Opaque,
}

/// The documents.
#[derive(Clone, Debug)]
struct Reader {
    sieve: Sieve,
    slots: Slots,
    /// Of an AWS payload: base64 text inside `{"bytes":"…"}` that is still to be decoded.
    wrapped: bedrock::Unwrap,
    documents: u64,
    unreadable: Option<String>,
}

impl ResponseMeter {
    /// A meter for the answer to a call of `surface` at `vendor`, which came with this HTTP status.
    #[must_use]
    pub fn new(surface: Surface, vendor: Vendor, status: u16, framing: Framing) -> ResponseMeter {
        let watch = if surface.dialect() == Dialect::Cohere { Watch::Cohere } else { Watch::Usual };
        let frames = match framing {
            Framing::Json => Frames::Whole,
            Framing::JsonLines => Frames::Lines,
            Framing::Sse => Frames::Events(SseParser::default()),
            Framing::AwsEventStream => Frames::AwsEvents(EventStreamParser::default()),
            Framing::Opaque => Frames::Opaque,
        };
        let reader = Reader {
            sieve: Sieve::new(watch),
            slots: Slots::default(),
            wrapped: bedrock::Unwrap::default(),
            documents: 0,
            unreadable: None,
        };
        ResponseMeter { surface, vendor, status, frames, reader, body_bytes: 0 }
    }

    /// Chooses the tokenizer for text that is counted as it streams: the model that was asked for.
    pub fn set_model(&mut self, model: &str) {
        self.reader.slots.set_asked_model(model);
    }

    /// Reads a response header. Bedrock tells usage there when the body does not.
    pub fn header(&mut self, name: &str, value: &[u8]) {
        if self.surface.dialect() == Dialect::Bedrock {
            self.reader.slots.set_header(name, value);
        }
    }

    /// Reads a piece of the body.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.body_bytes = self.body_bytes.saturating_add(bytes.len() as u64);
        match &mut self.frames {
            Frames::Opaque => {}
            Frames::Whole => self.reader.feed(bytes),
            Frames::Lines => self.reader.lines(bytes),
            Frames::Events(parser) => parser.feed(bytes, &mut self.reader),
            Frames::AwsEvents(parser) => {
                if let Err(error) = parser.feed(bytes, &mut self.reader) {
                    self.reader.unreadable.get_or_insert(error.to_string());
                }
            }
        }
    }

    /// Bytes of body that were read.
    #[must_use]
    pub fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// Whether the response has told its usage so far, or the part of it that its first event tells.
    #[must_use]
    pub fn reports_usage(&self) -> bool {
        self.reader.slots.reports_usage()
    }

    /// Whether the answer is of work that goes on in the background, whatever becomes of this answer: its usage
    /// is told when it is fetched.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        let slots = &self.reader.slots;
        let goes_on = slots.is_pending() || (slots.is_background() && self.finished_work().is_none());
        self.surface == Surface::OpenAiResponses && self.status < 400 && goes_on
    }

    /// The provider's id of work that is done apart from any one call, where this answer says that the work is
    /// over and what it used: a response that was made in the background, or a batch. Every fetch of it says so
    /// again.
    #[must_use]
    pub fn finished_work(&self) -> Option<String> {
        let apart = match self.surface {
            Surface::OpenAiResponses => self.reader.slots.is_background(),
            Surface::OpenAiBatches => true,
            _ => false,
        };
        if apart && self.status < 400 { self.reader.slots.finished_work() } else { None }
    }

    /// How the response ended, where its bytes came to this end: an answer that told an error after its status had
    /// promised a success failed upstream, whether the client then stayed to its last byte or not.
    #[must_use]
    pub fn ending(&self, end: EndOfStream) -> EndOfStream {
        let told_error = self.status < 400 && self.reader.slots.tells_error();
        match end {
            EndOfStream::Complete | EndOfStream::ClientCancelled if told_error => EndOfStream::UpstreamError,
            end => end,
        }
    }

    /// What has been used so far, for progress notes of long streams: what is reported, and for the rest a rough
    /// estimate that needs no tokenizer.
    #[must_use]
    pub fn seen(&self, request: &RequestFacts) -> MeteredUsage {
        let mut now = self.clone();
        now.reader.slots.estimate_roughly();
        now.finish(EndOfStream::GatewayStopped, &RequestFacts { model: None, ..request.clone() })
    }

    /// Ends the reading and says what the response used.
    #[must_use]
    pub fn finish(mut self, end: EndOfStream, request: &RequestFacts) -> MeteredUsage {
        if let Frames::Events(parser) = &mut self.frames {
            parser.finish(&mut self.reader);
        }
        let cut_off = !self.reader.sieve.is_balanced();
        self.reader.sieve.end_document(&mut self.reader.slots);
        if let Some(model) = &request.model {
            self.reader.slots.set_asked_model(model);
        }
        let mut usage = MeteredUsage::default();
        self.reader.slots.describe(&mut usage);
        if !self.surface.bills_usage() && self.finished_work().is_none() {
            return usage;
        }
        let found = interpret::interpret(self.surface, self.vendor, &mut self.reader.slots, &mut usage);
        if !found && self.status < 400 {
            self.fill_in(end, request, &mut usage);
        } else if found && end != EndOfStream::Complete {
            self.complete_partial(&mut usage);
        }
        if end == EndOfStream::Complete && self.status < 400 {
            self.note_damage(cut_off, found, &mut usage);
        }
        usage
    }

    /// No usage was reported: counts what was seen.
    fn fill_in(&mut self, end: EndOfStream, request: &RequestFacts, usage: &mut MeteredUsage) {
        if end != EndOfStream::Complete {
            usage.exceptions.push(UsageException::Truncated);
        }
        if self.reader.slots.is_pending() {
            return;
        }
        if !interpret::count_products(self.surface, &self.reader.slots, request, usage) {
            let counted = self.reader.slots.count_text(&mut usage.quantities);
            if let Some((tokens, provenance)) = request.input_tokens {
                usage.quantities.add(bursar_core::Meter::Input, tokens, provenance);
            }
            let nothing_produced = !counted && end == EndOfStream::Complete;
            if request.input_tokens.is_none() || (nothing_produced && !self.may_be_empty()) {
                usage.exceptions.push(UsageException::NotReported);
            }
        }
    }

    /// Whether an answer without any text is plausible: an embedding has none.
    fn may_be_empty(&self) -> bool {
        matches!(
            self.surface,
            Surface::OpenAiEmbeddings | Surface::GeminiEmbed | Surface::CohereEmbed | Surface::CohereRerank
        ) && self.reader.documents > 0
    }

    /// Usage was reported before the end, and the response went on: the text says how much more was produced.
    fn complete_partial(&mut self, usage: &mut MeteredUsage) {
        usage.exceptions.push(UsageException::Truncated);
        if self.reader.slots.only_opening_usage() {
            let reported = usage.quantities;
            let mut counted = bursar_core::Quantities::none();
            self.reader.slots.count_text(&mut counted);
            for (meter, units, provenance) in counted.iter() {
                if units > reported.get(meter) {
                    usage.quantities.set(meter, units, provenance);
                }
            }
        }
    }

    fn note_damage(&mut self, cut_off: bool, found: bool, usage: &mut MeteredUsage) {
        let unreadable = self.reader.unreadable.take();
        if let Some(reason) = unreadable {
            usage.exceptions.push(UsageException::Unreadable { reason });
        } else if cut_off && matches!(self.frames, Frames::Whole) {
            let reason = "the answer ends in the middle of its JSON".to_owned();
            usage.exceptions.push(UsageException::Unreadable { reason });
        } else if found && usage.quantities.is_empty() && self.reader.slots.has_text() {
            usage.exceptions.push(UsageException::NotReported);
        }
    }
}

impl Reader {
    fn feed(&mut self, bytes: &[u8]) {
        self.documents = self.documents.max(u64::from(!bytes.is_empty()));
        self.sieve.feed(bytes, &mut self.slots);
    }

    fn lines(&mut self, bytes: &[u8]) {
        for line in bytes.split_inclusive(|&b| b == b'\n') {
            self.feed(line);
            if line.ends_with(b"\n") {
                self.end();
            }
        }
    }

    fn end(&mut self) {
        self.documents += 1;
        self.sieve.end_document(&mut self.slots);
    }
}

impl EventSink for Reader {
    fn data(&mut self, piece: &[u8]) {
        self.feed(piece);
    }
    fn end_of_event(&mut self) {
        self.end();
    }
}

impl PayloadSink for Reader {
    fn payload(&mut self, piece: &[u8]) {
        let decoded = self.wrapped.push(piece);
        let bytes = std::mem::take(decoded);
        self.feed(&bytes);
        self.wrapped.give_back(bytes);
    }
    fn end_of_frame(&mut self) {
        self.wrapped.end_of_frame();
        self.end();
    }
}

/// A provenance for text that was counted: the worse of the two.
fn worse(a: Provenance, b: Provenance) -> Provenance {
    a.max(b)
}
