//! Amazon Bedrock: the Converse shape, the loose numbers of the native model formats, and the wrapping of streams.

use base64::Engine as _;
use bursar_core::{Meter, MeteredUsage, Provenance};
use serde_json::Value;

use super::numbers::Numbers;
use super::slots::Slots;
use crate::sieve::Field;

const REPORTED: Provenance = Provenance::Reported;

/// Converse: the input excludes what was read from and written to the cache; the total has all of it.
pub(super) fn read_converse(object: &Value, usage: &mut MeteredUsage) {
    let mut n = Numbers::of(object);
    let input = n.part(&["inputTokens"]);
    let output = n.part(&["outputTokens"]);
    let read = n.part(&["cacheReadInputTokens", "cacheReadInputTokenCount"]);
    let written = n.part(&["cacheWriteInputTokens", "cacheWriteInputTokenCount"]);
    let long = written_for_an_hour(object);
    let short = n.rest(written, &[(long, "cacheDetails")]);
    let q = &mut usage.quantities;
    q.set(Meter::Input, input, REPORTED);
    q.set(Meter::CacheRead, read, REPORTED);
    q.set(Meter::CacheWrite5m, short, REPORTED);
    q.set(Meter::CacheWrite1h, long, REPORTED);
    q.set(Meter::Output, output, REPORTED);
    let total = n.count("totalTokens");
    let summed = [input, output, read, written].iter().fold(0u64, |a, &b| a.saturating_add(b));
    n.check_total(total, summed);
    usage.exceptions.extend(n.exceptions());
}

fn written_for_an_hour(object: &Value) -> u64 {
    let details = object.get("cacheDetails").and_then(Value::as_array);
    let hour = |d: &&Value| d.get("ttl").and_then(Value::as_str) == Some("1h");
    let tokens = |d: &Value| d.get("inputTokens").and_then(Value::as_u64).unwrap_or_default();
    details.into_iter().flatten().filter(hour).map(tokens).fold(0, u64::saturating_add)
}

/// Titan's and Llama's own counts, the metrics at the end of a stream, and the response headers. Whether there
/// was any of them.
pub(super) fn read_loose(slots: &Slots, usage: &mut MeteredUsage) -> bool {
    let metrics = slots.object(Field::InvocationMetrics);
    let metric = |key: &str| metrics.as_ref().and_then(|m| m.get(key)).and_then(Value::as_u64);
    let header = |name: &str| slots.header(name);
    let input = slots
        .number(Field::LlamaInput)
        .or_else(|| slots.number(Field::TitanInput))
        .or_else(|| metric("inputTokenCount"))
        .or_else(|| header("x-amzn-bedrock-input-token-count"));
    let output = slots
        .number(Field::LlamaOutput)
        .or_else(|| slots.titan_output())
        .or_else(|| metric("outputTokenCount"))
        .or_else(|| header("x-amzn-bedrock-output-token-count"));
    let read =
        metric("cacheReadInputTokenCount").or_else(|| header("x-amzn-bedrock-cache-read-input-token-count"));
    let written = metric("cacheWriteInputTokenCount")
        .or_else(|| header("x-amzn-bedrock-cache-write-input-token-count"));
    let parts = [
        (Meter::Input, input),
        (Meter::Output, output),
        (Meter::CacheRead, read),
        (Meter::CacheWrite5m, written),
    ];
    for (meter, units) in parts {
        if let Some(units) = units {
            usage.quantities.set(meter, units, REPORTED);
        }
    }
    input.is_some() || output.is_some()
}

/// Takes `{"bytes":"…"}`, in which InvokeModelWithResponseStream wraps a model's own events as base64, apart. A
/// payload that does not begin so is given on as it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Unwrap {
    state: UnwrapState,
    quad: Vec<u8>,
    out: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum UnwrapState {
    /// This many bytes of the opening were seen.
    #[default]
    Start,
    Opening(u8),
    Encoded,
    Plain,
    Skip,
}

const OPENING: &[u8] = b"{\"bytes\":\"";

impl Unwrap {
    /// Takes a piece of a payload; what is to be read is given back.
    pub(super) fn push(&mut self, piece: &[u8]) -> &mut Vec<u8> {
        self.out.clear();
        for (i, &byte) in piece.iter().enumerate() {
            match self.state {
                UnwrapState::Start => self.opening(0, byte),
                UnwrapState::Opening(n) => self.opening(n, byte),
                UnwrapState::Encoded if byte == b'"' => self.state = UnwrapState::Skip,
                UnwrapState::Encoded => self.encoded(byte),
                UnwrapState::Plain => {
                    self.out.extend_from_slice(&piece[i..]);
                    break;
                }
                UnwrapState::Skip => break,
            }
        }
        &mut self.out
    }

    /// Takes the buffer back, so that it is used again.
    pub(super) fn give_back(&mut self, buffer: Vec<u8>) {
        self.out = buffer;
    }

    pub(super) fn end_of_frame(&mut self) {
        self.state = UnwrapState::Start;
        self.quad.clear();
    }

    fn opening(&mut self, matched: u8, byte: u8) {
        let at = usize::from(matched);
        if OPENING[at] == byte {
            let last = at + 1 == OPENING.len();
            self.state = if last { UnwrapState::Encoded } else { UnwrapState::Opening(matched + 1) };
        } else {
            self.out.extend_from_slice(&OPENING[..at]);
            self.out.push(byte);
            self.state = UnwrapState::Plain;
        }
    }

    fn encoded(&mut self, byte: u8) {
        self.quad.push(byte);
        if self.quad.len() == 4 {
            if let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(&self.quad) {
                self.out.extend_from_slice(&bytes);
            }
            self.quad.clear();
        }
    }
}
