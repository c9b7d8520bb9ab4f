//! How an entry lies in a segment: `length u32 | check u32 | kind u8 | entry`, little-endian. The length counts
//! kind and entry. The check is the CRC-32 of kind and entry, mixed with the place of the frame, so that bytes
//! left from an earlier write are never taken for a frame.

use super::Position;

/// Bytes before the kind.
pub(crate) const HEAD: usize = 8;
/// The largest frame in bytes, head included.
pub(crate) const LARGEST: usize = 64 * 1024;

/// Starts a frame of a kind in `buffer`; the entry is appended behind.
pub(crate) fn begin(kind: u8, buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.extend_from_slice(&[0; HEAD]);
    buffer.push(kind);
}

/// Writes the length, and gives the check without its place.
pub(crate) fn close(buffer: &mut [u8]) -> u32 {
    let length = (buffer.len() - HEAD) as u32;
    buffer[..4].copy_from_slice(&length.to_le_bytes());
    crc32fast::hash(&buffer[HEAD..])
}

/// Writes the check of a frame for the place where it will lie.
pub(crate) fn place(buffer: &mut [u8], check: u32, at: Position) {
    buffer[4..HEAD].copy_from_slice(&(check ^ mixed(at)).to_le_bytes());
}

/// What lies at a place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A whole frame.
    Frame { kind: u8, entry: &'a [u8], length: usize },
    /// Nothing was written here.
    Nothing,
    /// The bytes end before the frame does; `0` bytes more are needed at least.
    Short,
    /// What lies here is no whole frame.
    Torn,
}

/// Looks at the start of `bytes`, which lie at `at`.
pub(crate) fn look(bytes: &[u8], at: Position) -> Found<'_> {
    let Some((head, rest)) = bytes.split_at_checked(HEAD) else { return Found::Short };
    let word = |i: usize| u32::from_le_bytes([head[i], head[i + 1], head[i + 2], head[i + 3]]);
    let (length, check) = (word(0) as usize, word(4));
    if length == 0 {
        return if check == 0 { Found::Nothing } else { Found::Torn };
    }
    if length > LARGEST - HEAD {
        return Found::Torn;
    }
    let Some(body) = rest.get(..length) else { return Found::Short };
    if crc32fast::hash(body) ^ mixed(at) != check {
        return Found::Torn;
    }
    Found::Frame { kind: body[0], entry: &body[1..], length: HEAD + length }
}

/// The place as 32 well-mixed bits.
fn mixed(at: Position) -> u32 {
    let folded = (at.segment.rotate_left(32) ^ at.offset).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (folded >> 32) as u32
}
