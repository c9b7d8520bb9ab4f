//! Byte-pair counting with a public vocabulary, in little memory.
//!
//! Loaded the usual way, `o200k_base` takes 46 MB or more; here it takes about 3 MB: the tokens stay where the
//! binary has them, and the table over them holds ranks only. That a text gets the same number of tokens as by
//! the reference implementation is held by a test.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use regex::Regex;

/// A vocabulary and the way in which its texts are cut into words.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// Where each token's length stands in `bytes`, by rank.
    starts: Vec<u32>,
    bytes: &'static [u8],
    ranks: HashTable<u32>,
    hasher: DefaultHashBuilder,
    words: Regex,
}

/// Words of `o200k_base`, without the look-ahead for trailing spaces, which [`Vocabulary::count`] makes up for.
const O200K_WORDS: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+",
);

/// Words of `cl100k_base`, likewise.
const CL100K_WORDS: &str = concat!(
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*",
    r"|\s+\z|\s*[\r\n]|\s+",
);

impl Vocabulary {
    /// OpenAI's vocabulary since GPT-4o.
    pub(super) fn o200k() -> Option<Vocabulary> {
        Vocabulary::load(include_bytes!("../../vocabularies/o200k_base.bin"), O200K_WORDS)
    }

    /// OpenAI's vocabulary of GPT-3.5, GPT-4 and the embeddings.
    pub(super) fn cl100k() -> Option<Vocabulary> {
        Vocabulary::load(include_bytes!("../../vocabularies/cl100k_base.bin"), CL100K_WORDS)
    }

    fn load(bytes: &'static [u8], words: &str) -> Option<Vocabulary> {
        let mut starts = Vec::new();
        let mut at = 0;
        while let Some(&length) = bytes.get(at) {
            starts.push(u32::try_from(at).ok()?);
            at += 1 + usize::from(length);
        }
        let hasher = DefaultHashBuilder::default();
        let words = Regex::new(words).ok()?;
        let mut vocabulary =
            Vocabulary { ranks: HashTable::with_capacity(starts.len()), starts, bytes, hasher, words };
        for rank in 0..u32::try_from(vocabulary.starts.len()).ok()? {
            let hash = vocabulary.hasher.hash_one(vocabulary.token(rank));
            let Vocabulary { ranks, starts, bytes, hasher, .. } = &mut vocabulary;
            ranks.insert_unique(hash, rank, |&r| hasher.hash_one(token(starts, bytes, r)));
        }
        Some(vocabulary)
    }

    /// How many tokens a text has.
    pub(super) fn count(&self, text: &str) -> u64 {
        let mut tokens = 0;
        let mut at = 0;
        while let Some(word) = self.words.find_at(text, at) {
            let mut word = word.as_str();
            if let Some(shorter) = without_last_space(word, &text[at + word.len()..]) {
                word = shorter;
            }
            tokens += self.word_tokens(word.as_bytes());
            at += word.len();
        }
        tokens
    }

    fn word_tokens(&self, word: &[u8]) -> u64 {
        if self.rank(word).is_some() { 1 } else { self.merged(word) }
    }

    fn token(&self, rank: u32) -> &'static [u8] {
        token(&self.starts, self.bytes, rank)
    }

    fn rank(&self, bytes: &[u8]) -> Option<u32> {
        let hash = self.hasher.hash_one(bytes);
        self.ranks.find(hash, |&rank| self.token(rank) == bytes).copied()
    }

    /// Merges the pair of lowest rank, leftmost first, until none is left; in `n log n` for a word of `n` bytes.
    fn merged(&self, word: &[u8]) -> u64 {
        // Part i is word[i..next[i]] while it is alive; previous[i] is where the part before it begins.
        let length = word.len();
        let mut next: Vec<usize> = (1..=length).collect();
        let mut previous: Vec<usize> = (0..length).map(|i| i.wrapping_sub(1)).collect();
        let mut parts = length as u64;
        let pair_rank = |next: &[usize], at: usize| -> Option<u32> {
            let end = *next.get(*next.get(at)?)?;
            self.rank(&word[at..end])
        };
        let mut heap = BinaryHeap::new();
        for at in 0..length.saturating_sub(1) {
            if let Some(rank) = pair_rank(&next, at) {
                heap.push(Reverse((rank, at, at + 2)));
            }
        }
        while let Some(Reverse((_, at, end))) = heap.pop() {
            let middle = next[at];
            let is_current = middle != DEAD && middle < length && next[middle] == end;
            if !is_current {
                continue;
            }
            next[at] = end;
            next[middle] = DEAD;
            if end < length {
                previous[end] = at;
            }
            parts -= 1;
            for from in [Some(at), Some(previous[at]).filter(|p| *p < length)].into_iter().flatten() {
                if let Some(rank) = pair_rank(&next, from) {
                    heap.push(Reverse((rank, from, next[next[from]])));
                }
            }
        }
        parts
    }
}

/// The end of a part that was merged into the one before it.
const DEAD: usize = usize::MAX;

fn token(starts: &[u32], bytes: &'static [u8], rank: u32) -> &'static [u8] {
    let at = starts[rank as usize] as usize;
    &bytes[at + 1..at + 1 + usize::from(bytes[at])]
}

/// Spaces in front of a word leave their last one to that word.
fn without_last_space<'t>(word: &'t str, rest: &str) -> Option<&'t str> {
    let last = word.chars().next_back()?;
    if rest.is_empty() || !last.is_whitespace() || matches!(last, '\r' | '\n') {
        return None;
    }
    let shorter = &word[..word.len() - last.len_utf8()];
    (!shorter.is_empty() && shorter.chars().all(char::is_whitespace)).then_some(shorter)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use tiktoken_rs::CoreBPE;

    use super::*;

    type Pair = (Vocabulary, CoreBPE);

    static PAIRS: LazyLock<[Pair; 2]> = LazyLock::new(|| {
        let reference = |bpe: Result<CoreBPE, _>| bpe.expect("the reference loads");
        [
            (Vocabulary::o200k().expect("o200k"), reference(tiktoken_rs::o200k_base())),
            (Vocabulary::cl100k().expect("cl100k"), reference(tiktoken_rs::cl100k_base())),
        ]
    });

    fn agree(text: &str) {
        for (ours, reference) in &*PAIRS {
            assert_eq!(ours.count(text), reference.encode_ordinary(text).len() as u64, "{text:?}");
        }
    }

    #[test]
    fn texts_have_as_many_tokens_as_by_the_reference() {
        for text in [
            "",
            "Hello, world!",
            "  leading and trailing  ",
            "tabs\t\t\tand\r\n\r\nlines \n  \n x",
            "I'LL we've don'T it's",
            "fn main() { println!(\"{}\", 1234567890); }\n",
            "Grüße aus Köln, 東京 と 서울, привет, مرحبا, नमस्ते 🎉🏳️‍🌈",
            "https://example.org/a/b?c=d&e=%20#f",
            "\u{a0}\u{3000} \u{2028}x",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            agree(text);
        }
    }

    #[test]
    fn a_long_run_without_spaces_is_counted_in_good_time() {
        for unit in ["a", "ab", "\u{4e00}", "=", " "] {
            let text = unit.repeat(20_000);
            let ours = PAIRS[0].0.count(&text);
            assert!(ours > 0 && ours <= 60_000, "{unit:?}");
        }
        agree(&"xyz".repeat(700));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn any_text_has_as_many_tokens_as_by_the_reference(
            text in prop_oneof![
                "\\PC{0,60}",
                "[ \\t\\r\\n]{0,6}[a-zA-Z']{0,12}[ \\n]{0,4}[0-9]{0,8}[^a-z]{0,6}",
                "(([a-zA-Z]{1,9}|[ \\n\\t]{1,4}|[0-9.,;:/'\"]{1,4}|\\p{Han}{1,3}|\\p{Arabic}{1,3}){0,12})",
                ".{0,40}",
            ]
        ) {
            agree(&text);
        }
    }
}
