//! What the fuzz targets of the meter have in common.

use bursar_core::{EndOfStream, MeteredUsage};
use bursar_wire::{Framing, RequestFacts, ResponseMeter, Surface, Vendor};

/// How many bytes the parts have, the framing and the status come from the first two bytes; the rest is the body.
/// Whatever it is: no panic, and the same usage for every split.
pub fn usage_is_the_same_for_every_split(surface: Surface, vendor: Vendor, data: &[u8]) {
    let [part, how, body @ ..] = data else { return };
    let framing = match how % 5 {
        0 | 1 => Framing::Json,
        2 | 3 => Framing::Sse,
        _ if surface == Surface::BedrockConverse => Framing::AwsEventStream,
        _ => Framing::JsonLines,
    };
    let end = if how & 0x40 == 0 { EndOfStream::Complete } else { EndOfStream::ClientCancelled };
    let status = if how & 0x80 == 0 { 200 } else { 500 };
    let metered = |size: usize| -> MeteredUsage {
        let mut meter = ResponseMeter::new(surface, vendor, status, framing);
        for part in body.chunks(size) {
            meter.feed(part);
        }
        meter.finish(end, &RequestFacts::default())
    };
    let whole = metered(body.len().max(1));
    assert_eq!(metered(usize::from(*part).max(1)), whole);
    assert_eq!(metered(1), whole);
}
