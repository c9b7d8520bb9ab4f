//! Any bytes as server-sent events, in any split: the events are the same.
//!
//! The first byte says how many bytes each part has.
#![no_main]

use bursar_wire::sse::{EventSink, SseParser};
use libfuzzer_sys::fuzz_target;

#[derive(Default, Debug, PartialEq)]
struct Events {
    done: Vec<Vec<u8>>,
    current: Vec<u8>,
}

impl EventSink for Events {
    fn data(&mut self, piece: &[u8]) {
        self.current.extend_from_slice(piece);
    }
    fn end_of_event(&mut self) {
        self.done.push(std::mem::take(&mut self.current));
    }
}

fn events(bytes: &[u8], part: usize) -> Events {
    let (mut parser, mut events) = (SseParser::default(), Events::default());
    // A byte order mark that is cut in two is not recognised; the first piece is long enough to hold one.
    let first = bytes.len().min(3);
    parser.feed(&bytes[..first], &mut events);
    for part in bytes[first..].chunks(part) {
        parser.feed(part, &mut events);
    }
    parser.finish(&mut events);
    events
}

fuzz_target!(|data: &[u8]| {
    let Some((&part, bytes)) = data.split_first() else { return };
    let whole = events(bytes, bytes.len().max(1));
    assert_eq!(events(bytes, usize::from(part).max(1)), whole);
    assert_eq!(events(bytes, 1), whole);
});
