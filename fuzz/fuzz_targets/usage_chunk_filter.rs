//! Any bytes in any split: the output does not depend on the split, and without a dropped event it is the input.
//!
//! The first byte says how many bytes each part has.
#![no_main]

use bursar_wire::UsageChunkFilter;
use libfuzzer_sys::fuzz_target;

fn through(bytes: &[u8], part: usize) -> (Vec<u8>, u64) {
    let mut filter = UsageChunkFilter::new();
    let mut out = Vec::new();
    for part in bytes.chunks(part) {
        filter.push(part, &mut out);
    }
    filter.finish(&mut out);
    (out, filter.dropped())
}

fuzz_target!(|data: &[u8]| {
    let Some((&part, bytes)) = data.split_first() else { return };
    let whole = through(bytes, bytes.len().max(1));
    assert_eq!(through(bytes, usize::from(part).max(1)), whole);
    assert_eq!(through(bytes, 1), whole);
    let (out, dropped) = whole;
    if dropped == 0 {
        assert_eq!(out, bytes);
    } else {
        assert!(out.len() < bytes.len());
    }
});
