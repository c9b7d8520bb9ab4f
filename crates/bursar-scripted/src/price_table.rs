//! The provider's own small price table, in whole nano-dollars per token.
//!
//! Every price here is published by the provider and is a whole number of nano-dollars per single token, so a
//! cost is a plain integer product and never rounded. The table is written by hand from the providers' pages
//! and shares nothing with Bursar's price list but the facts.

/// Prices of one model in nano-dollars per token; `None` where the provider sells no such thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelPrice {
    /// The name that people ask for.
    pub name: &'static str,
    /// The dated snapshot that the provider answers as.
    pub snapshot: &'static str,
    /// Tokens sent, outside the cache.
    pub input: i64,
    /// Tokens read from the prompt cache.
    pub cached: Option<i64>,
    /// Tokens written to the five-minute prompt cache.
    pub cache_write_5m: Option<i64>,
    /// Tokens written to the one-hour prompt cache.
    pub cache_write_1h: Option<i64>,
    /// Tokens produced, reasoning included.
    pub output: i64,
}

/// A model that has a cached-input price and no price for cache writes.
const fn openai(
    name: &'static str,
    snapshot: &'static str,
    input: i64,
    cached: Option<i64>,
    output: i64,
) -> ModelPrice {
    ModelPrice { name, snapshot, input, cached, cache_write_5m: None, cache_write_1h: None, output }
}

/// Anthropic's rule: a cache read costs a tenth of input, a 5-minute write 1.25 times, a 1-hour write twice.
const fn anthropic(name: &'static str, snapshot: &'static str, input: i64, output: i64) -> ModelPrice {
    ModelPrice {
        name,
        snapshot,
        input,
        cached: Some(input / 10),
        cache_write_5m: Some(input + input / 4),
        cache_write_1h: Some(input * 2),
        output,
    }
}

/// The models that the provider lists. Sources, as of 2026-07-01:
/// OpenAI <https://developers.openai.com/api/docs/pricing>,
/// Anthropic <https://platform.claude.com/docs/en/about-claude/pricing>,
/// Google <https://ai.google.dev/gemini-api/docs/pricing>.
pub const MODELS: &[ModelPrice] = &[
    openai("gpt-4o-mini", "gpt-4o-mini-2024-07-18", 150, Some(75), 600),
    openai("gpt-4o", "gpt-4o-2024-08-06", 2_500, Some(1_250), 10_000),
    openai("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", 400, Some(100), 1_600),
    openai("gpt-5", "gpt-5-2025-08-07", 1_250, Some(125), 10_000),
    openai("gpt-5-mini", "gpt-5-mini-2025-08-07", 250, Some(25), 2_000),
    openai("text-embedding-3-small", "text-embedding-3-small", 20, None, 0),
    openai("text-embedding-3-large", "text-embedding-3-large", 130, None, 0),
    openai("gpt-3.5-turbo-instruct", "gpt-3.5-turbo-instruct", 1_500, None, 2_000),
    anthropic("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", 3_000, 15_000),
    anthropic("claude-haiku-4-5", "claude-haiku-4-5-20251001", 1_000, 5_000),
    anthropic("claude-opus-4-5", "claude-opus-4-5-20251101", 5_000, 25_000),
    openai("gemini-2.5-flash", "gemini-2.5-flash", 300, Some(30), 2_500),
    openai("gemini-2.5-flash-lite", "gemini-2.5-flash-lite", 100, Some(10), 400),
    openai("gemini-embedding-001", "gemini-embedding-001", 150, None, 0),
];

/// The entry of a model by its name or its snapshot.
#[must_use]
pub fn find(model: &str) -> Option<&'static ModelPrice> {
    MODELS.iter().find(|m| m.name == model || m.snapshot == model)
}

/// Tokens of one call. `input` is everything sent; the cache's parts are inside it. `reasoning` stands beside
/// `output`, which is the visible answer alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Everything sent, cached or not.
    pub input: u64,
    /// Of `input`: read from the prompt cache.
    pub cached: u64,
    /// Of `input`: written to the five-minute prompt cache.
    pub cache_write_5m: u64,
    /// Of `input`: written to the one-hour prompt cache.
    pub cache_write_1h: u64,
    /// The visible answer.
    pub output: u64,
    /// Reasoning, besides the visible answer.
    pub reasoning: u64,
}

impl Tokens {
    /// Tokens sent that touched no cache.
    #[must_use]
    pub const fn fresh_input(&self) -> u64 {
        self.input.saturating_sub(self.cached + self.cache_write_5m + self.cache_write_1h)
    }

    /// Everything produced: the visible answer and the reasoning.
    #[must_use]
    pub const fn produced(&self) -> u64 {
        self.output + self.reasoning
    }

    /// What the tokens cost in nano-dollars at a model's prices. `None` where the model has no price for a
    /// kind of token that was used, or where the amount is beyond the range.
    #[must_use]
    pub fn cost_nanos(&self, price: &ModelPrice) -> Option<i64> {
        let line = |units: u64, each: Option<i64>| match (units, each) {
            (0, _) => Some(0),
            (units, Some(each)) => i64::try_from(units).ok()?.checked_mul(each),
            (_, None) => None,
        };
        [
            line(self.fresh_input(), Some(price.input)),
            line(self.cached, price.cached),
            line(self.cache_write_5m, price.cache_write_5m),
            line(self.cache_write_1h, price.cache_write_1h),
            line(self.produced(), Some(price.output)),
        ]
        .into_iter()
        .try_fold(0i64, |sum, part| sum.checked_add(part?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_to_gpt_4o_mini_costs_what_the_price_page_says() {
        let tokens = Tokens { input: 1_000_000, cached: 400_000, output: 1_000, ..Tokens::default() };
        let price = find("gpt-4o-mini-2024-07-18").unwrap();
        // $0.09 for 600,000 fresh tokens, $0.03 for 400,000 cached ones, $0.0006 for the answer.
        assert_eq!(tokens.cost_nanos(price), Some(120_600_000));
    }

    #[test]
    fn a_one_hour_cache_write_costs_twice_the_input() {
        let tokens = Tokens { input: 3, cache_write_1h: 2, cache_write_5m: 1, ..Tokens::default() };
        assert_eq!(tokens.cost_nanos(find("claude-sonnet-4-5").unwrap()), Some(2 * 6_000 + 3_750));
    }

    #[test]
    fn reasoning_is_billed_as_output() {
        let tokens = Tokens { input: 1, output: 2, reasoning: 3, ..Tokens::default() };
        assert_eq!(tokens.cost_nanos(find("gpt-5").unwrap()), Some(1_250 + 50_000));
    }

    #[test]
    fn a_kind_of_token_without_a_price_leaves_the_call_without_a_cost() {
        let tokens = Tokens { input: 5, cache_write_5m: 5, ..Tokens::default() };
        assert_eq!(tokens.cost_nanos(find("gpt-4o-mini").unwrap()), None);
    }
}
