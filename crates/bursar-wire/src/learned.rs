//! What calls of one kind usually use, learned from settled ones: upper quantiles in integers and bounded memory.
//!
//! They are no bounds. They serve where a bound would be far too large: how many tokens a body of so many bytes has,
//! and how long the answers of a workflow are.

use std::collections::HashMap;

/// Samples of a kind before anything is said of it.
const ENOUGH: u32 = 200;
/// Samples after which all counts are halved, so that old calls fade.
const FADES: u32 = 8_192;
/// Kinds that are kept.
const MOST_KINDS: usize = 4_096;
/// Per thousand of the answers that are no longer than what is told.
const QUANTILE: u64 = 995;
/// Four buckets for each power of two up to 2²⁴.
const BUCKETS: usize = 4 * 24;

/// What is known of the calls of a model in a workflow.
#[derive(Clone, Debug)]
struct Kind {
    /// Thousandths of an input token for each byte of body.
    input: Histogram,
    /// Output tokens of one answer.
    output: Histogram,
}

/// Counts by size; the upper edge of a bucket is at most a quarter above its lower one.
#[derive(Clone, Debug)]
struct Histogram {
    counts: [u16; BUCKETS],
    total: u32,
}

/// A settled call, as far as it teaches something.
#[derive(Clone, Copy, Debug)]
pub struct Lesson {
    /// Bytes of the body.
    pub bytes: u64,
    /// Input tokens, those of caches included, as the provider reported them.
    pub input: u64,
    /// Output tokens of one answer, reasoning included.
    pub output: u64,
}

/// What calls usually use, by model and workflow.
#[derive(Clone, Debug, Default)]
pub struct Learned {
    kinds: HashMap<Box<str>, Kind>,
}

impl Learned {
    /// Learns from a settled call.
    pub fn note(&mut self, model: &str, workflow: Option<&str>, lesson: Lesson) {
        let name = name(model, workflow);
        if !self.kinds.contains_key(name.as_str()) {
            self.make_room();
            self.kinds
                .insert(name.as_str().into(), Kind { input: Histogram::new(), output: Histogram::new() });
        }
        let Some(kind) = self.kinds.get_mut(name.as_str()) else { return };
        if lesson.bytes > 0 {
            kind.input.add(lesson.input.saturating_mul(1_000).div_ceil(lesson.bytes));
        }
        kind.output.add(lesson.output);
    }

    /// The input tokens that no recent body of so many bytes exceeded; `None` while too little is known. Input cannot
    /// be limited, so this is the most that was seen and no quantile.
    #[must_use]
    pub fn input(&self, model: &str, workflow: Option<&str>, bytes: u64) -> Option<u64> {
        let kind = self.kinds.get(name(model, workflow).as_str())?;
        Some(kind.input.high(1_000)?.saturating_mul(bytes).div_ceil(1_000))
    }

    /// The output tokens that one answer hardly ever exceeds; `None` while too little is known.
    #[must_use]
    pub fn output(&self, model: &str, workflow: Option<&str>) -> Option<u64> {
        self.kinds.get(name(model, workflow).as_str())?.output.high(QUANTILE)
    }

    /// Forgets the half of the kinds with the fewest samples, where there are as many as are kept.
    fn make_room(&mut self) {
        if self.kinds.len() < MOST_KINDS {
            return;
        }
        let mut totals: Vec<u32> = self.kinds.values().map(|k| k.output.total).collect();
        totals.sort_unstable();
        let least = totals[totals.len() / 2];
        let mut room = MOST_KINDS / 2;
        self.kinds.retain(|_, kind| {
            let stays = kind.output.total > least || (kind.output.total == least && room > 0);
            room = room.saturating_sub(usize::from(stays));
            stays
        });
    }
}

/// The two parts cannot be confused: no model's name has a line end.
fn name(model: &str, workflow: Option<&str>) -> String {
    [model, "\n", workflow.unwrap_or_default()].concat()
}

impl Histogram {
    const fn new() -> Histogram {
        Histogram { counts: [0; BUCKETS], total: 0 }
    }

    fn add(&mut self, value: u64) {
        if self.total >= FADES {
            self.counts.iter_mut().for_each(|c| *c /= 2);
            self.total = self.counts.iter().map(|c| u32::from(*c)).sum();
        }
        self.counts[bucket_of(value)] += 1;
        self.total += 1;
    }

    /// The upper edge of the bucket in which a quantile lies, in samples per thousand.
    fn high(&self, quantile: u64) -> Option<u64> {
        if self.total < ENOUGH {
            return None;
        }
        let rank = (u64::from(self.total) * quantile).div_ceil(1_000);
        let mut seen = 0;
        let within = |count: &u16| {
            seen += u64::from(*count);
            seen >= rank
        };
        let bucket = self.counts.iter().position(within)?;
        // What lies above the last bucket has no edge.
        (bucket + 1 < BUCKETS).then(|| lower_edge(bucket + 1) - 1)
    }
}

/// 0, 1, 2, 3, and from 4 on four buckets for each power of two.
fn bucket_of(value: u64) -> usize {
    if value < 4 {
        return usize::try_from(value).unwrap_or(0);
    }
    let power = u64::from(value.ilog2());
    let quarter = (value >> (power - 2)) & 3;
    usize::try_from((power - 1) * 4 + quarter).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

fn lower_edge(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 4 { bucket } else { (4 + bucket % 4) << (bucket / 4 - 1) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lesson(bytes: u64, input: u64, output: u64) -> Lesson {
        Lesson { bytes, input, output }
    }

    #[test]
    fn nothing_is_said_before_enough_calls_and_then_what_nearly_all_of_them_stay_below() {
        let mut learned = Learned::default();
        for i in 0..u64::from(ENOUGH) {
            assert_eq!(learned.output("m", None), None);
            learned.note("m", None, lesson(4_000, 1_000, 500 + i % 10));
        }
        let output = learned.output("m", None).unwrap();
        assert!((509..=640).contains(&output), "{output}");
        let input = learned.input("m", None, 8_000).unwrap();
        assert!((2_000..=2_560).contains(&input), "{input}");
        assert_eq!(learned.output("m", Some("other")), None);
    }

    #[test]
    fn a_single_body_with_many_tokens_counts_until_it_has_faded() {
        let mut learned = Learned::default();
        learned.note("m", None, lesson(100, 90, 1));
        for _ in 0..ENOUGH {
            learned.note("m", None, lesson(100, 20, 1));
        }
        assert!(learned.input("m", None, 100).unwrap() >= 90);
        assert_eq!(learned.output("m", None), Some(1));
    }

    #[test]
    fn old_calls_fade_as_new_ones_come() {
        let mut learned = Learned::default();
        for _ in 0..FADES {
            learned.note("m", Some("w"), lesson(10, 10, 9_000));
        }
        for _ in 0..FADES * 8 {
            learned.note("m", Some("w"), lesson(10, 10, 10));
        }
        assert!(learned.output("m", Some("w")).unwrap() < 20);
    }

    #[test]
    fn no_more_kinds_are_kept_than_there_is_room_for_and_the_busy_ones_stay() {
        let mut learned = Learned::default();
        for _ in 0..ENOUGH {
            learned.note("busy", None, lesson(1, 1, 1));
        }
        for i in 0..MOST_KINDS * 2 {
            learned.note(&format!("m{i}"), None, lesson(1, 1, 1));
            assert!(learned.kinds.len() <= MOST_KINDS);
        }
        assert_eq!(learned.output("busy", None), Some(1));
    }

    proptest! {
        #[test]
        fn a_value_lies_between_the_edges_of_its_bucket(value in 0u64..1 << 23) {
            let bucket = bucket_of(value);
            prop_assert!(lower_edge(bucket) <= value && value < lower_edge(bucket + 1));
            prop_assert!(value < 4 || lower_edge(bucket + 1) - lower_edge(bucket) <= value / 4 + 1);
        }
    }
}
