//! Text that anyone who knows the seed can write again, word for word.

/// Words that the usual tokenizers hold as one token each when a space stands before them.
const VOCABULARY: [&str; 64] = [
    "the", "a", "cost", "time", "value", "team", "year", "work", "plan", "data", "price", "model", "is",
    "of", "to", "and", "in", "for", "with", "on", "by", "from", "at", "as", "one", "two", "three", "first",
    "last", "new", "good", "long", "high", "small", "large", "open", "early", "late", "same", "right", "day",
    "week", "month", "point", "fact", "case", "part", "place", "group", "number", "report", "result",
    "change", "order", "level", "line", "market", "system", "service", "process", "review", "answer",
    "question", "note",
];

/// A well-mixed number from a seed and a position in its sequence (the SplitMix64 finisher).
#[must_use]
pub const fn mix(seed: u64, position: u64) -> u64 {
    let mut z = seed.wrapping_add(position.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A digest of bytes to take a seed from (FNV-1a, 64 bits).
#[must_use]
pub fn digest(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &b| (hash ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The word at one position of a seed's text; every word but the first carries the space before it.
#[must_use]
pub fn word(seed: u64, position: u64) -> String {
    let index = usize::try_from(mix(seed, position) % 64).unwrap_or(0);
    let bare = VOCABULARY[index];
    if position == 0 { bare.to_owned() } else { format!(" {bare}") }
}

/// The first `count` words of a seed's text.
#[must_use]
pub fn text(seed: u64, count: u64) -> String {
    (0..count).map(|i| word(seed, i)).collect()
}

/// A fresh-looking id: `prefix` and `length` letters and digits that follow from the two numbers.
#[must_use]
pub fn id(prefix: &str, length: usize, nonce: u64, number: u64) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = String::with_capacity(prefix.len() + length);
    text.push_str(prefix);
    let own = mix(nonce, number);
    for i in 0..length {
        let index = usize::try_from(mix(own, i as u64) % 62).unwrap_or(0);
        text.push(char::from(LETTERS[index]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_writes_the_same_text_and_another_seed_another() {
        assert_eq!(text(7, 20), text(7, 20));
        assert_ne!(text(7, 20), text(8, 20));
        assert_eq!(text(7, 20).split(' ').count(), 20);
    }

    #[test]
    fn ids_differ_by_number_and_by_nonce() {
        assert_eq!(id("chatcmpl-", 29, 1, 1).len(), 38);
        assert_ne!(id("x", 24, 1, 1), id("x", 24, 1, 2));
        assert_ne!(id("x", 24, 1, 1), id("x", 24, 2, 1));
    }
}
