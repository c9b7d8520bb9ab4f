//! Which call of the storm has which number.

use crate::price_table;
use crate::sample_call::{Kind, SampleCall};
use crate::words::mix;

/// Virtual keys that the storm uses.
pub const KEYS: u64 = 50;

/// One call of the storm.
#[derive(Clone, Debug)]
pub struct StormCall {
    /// What is sent, without its key.
    pub call: SampleCall,
    /// Which of the keys sends it.
    pub key: u64,
    /// The most tokens that it asks for.
    pub max_tokens: u64,
    /// The caller goes away after so many bytes of the stream; `None` where it stays.
    pub leaves_after: Option<usize>,
}

const MODELS: [(Kind, &str); 6] = [
    (Kind::OpenAiChat, "gpt-4o-mini"),
    (Kind::OpenAiChat, "gpt-4.1-mini"),
    (Kind::OpenAiChat, "gpt-5-mini"),
    (Kind::AnthropicMessages, "claude-haiku-4-5"),
    (Kind::AnthropicMessages, "claude-sonnet-4-5"),
    (Kind::Gemini, "gemini-2.5-flash"),
];

/// The app of a key: ten apps with five keys each.
#[must_use]
pub const fn app_of(key: u64) -> u64 {
    key % 10
}

/// The team of an app: two teams with five apps each.
#[must_use]
pub const fn team_of(app: u64) -> u64 {
    app % 2
}

/// The name under which a call stands in both accounts.
#[must_use]
pub fn call_of(number: u64) -> String {
    format!("storm-{number}")
}

/// The call of a number: a stream of random length from a random key; 15 % are left by their caller, 5 % refused and
/// 5 % cut off by the provider.
#[must_use]
pub fn planned(number: u64, seed: u64) -> StormCall {
    let draw = |what: u64, below: u64| mix(mix(seed, number), what) % below.max(1);
    let (kind, model) = MODELS[usize::try_from(draw(0, 6)).unwrap_or(0)];
    let max_tokens = 40 + draw(1, 1_500);
    // What the model would say without a limit: shorter than the limit in three of four calls.
    let wanted = 1 + draw(2, max_tokens * 4 / 3);
    let tag = call_of(number);
    // The prompt's words are one token each to the usual tokenizers.
    let prompt_words = 5 + draw(8, 300);
    let mut script = format!(
        "tag={tag};input-tokens={prompt_words};output-tokens={wanted};chunks=12;chunk-delay-ms={}",
        5 + draw(3, 60)
    );
    let mut leaves_after = None;
    match draw(4, 100) {
        0..15 => leaves_after = Some(usize::try_from(200 + draw(5, 4_000)).unwrap_or(200)),
        15..20 => script.push_str(";status=500"),
        20..25 => script.push_str(&format!(";abort-after={}", 1 + draw(6, 10))),
        _ => {}
    }
    let headers = vec![("x-bursar-task", tag), ("x-bursar-consumer", format!("consumer-{}", draw(7, 97)))];
    let call = SampleCall {
        kind,
        model,
        stream: true,
        prompt_words,
        max_tokens: Some(max_tokens),
        seed: number,
        script,
        headers,
    };
    StormCall { call, key: draw(9, KEYS), max_tokens, leaves_after }
}

impl StormCall {
    /// What the call may cost at most by the provider's own prices, in nano-dollars: no token is shorter than a byte.
    #[must_use]
    pub fn ceiling_nanos(&self) -> i64 {
        self.least_nanos() + self.price().output * i64::try_from(self.max_tokens - 1).unwrap_or(i64::MAX)
    }

    /// The same with a single token of answer: what must fit for the call to be worth sending.
    #[must_use]
    pub fn least_nanos(&self) -> i64 {
        let bytes = i64::try_from(self.call.bytes("", None).len()).unwrap_or(i64::MAX);
        self.price().input * bytes + self.price().output
    }

    fn price(&self) -> &'static price_table::ModelPrice {
        price_table::find(self.call.model).expect("every model of the storm has a price")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mix_has_the_promised_shares() {
        let all: Vec<StormCall> = (0..20_000).map(|n| planned(n, 1)).collect();
        let count = |test: &dyn Fn(&StormCall) -> bool| all.iter().filter(|c| test(c)).count();
        assert!((2_800..3_200).contains(&count(&|c| c.leaves_after.is_some())));
        assert!((900..1_100).contains(&count(&|c| c.call.script.contains("status="))));
        assert!((900..1_100).contains(&count(&|c| c.call.script.contains("abort-after="))));
        for key in 0..KEYS {
            assert!(count(&|c| c.key == key) > 200);
        }
        assert!(all.iter().all(|c| c.ceiling_nanos() >= c.least_nanos() && c.least_nanos() > 0));
    }
}
