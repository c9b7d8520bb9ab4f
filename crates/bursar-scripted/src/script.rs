//! What a request asks the provider to do, beside answering.
//!
//! A request says it in the header `x-scripted`, as `name=value` pairs between semicolons
//! (`status=429;retry-after=1`), or in its model's name after the word `scripted-`
//! (`gpt-4o-mini-scripted-error-429`), for clients that cannot set a header. What the header says wins.

use std::time::Duration;

/// The behaviour that one request asked for. The default is a plain answer at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// Answer with this HTTP status and an error in the dialect's shape.
    pub status: Option<u16>,
    /// Send `retry-after` with the error, in seconds.
    pub retry_after: Option<u64>,
    /// Fail only the first so many calls of the same [`Script::tag`], then answer.
    pub times: Option<u64>,
    /// Wait so long before the response head.
    pub delay: Duration,
    /// Spread the text over so many frames of a stream; otherwise one word is one frame.
    pub chunks: Option<usize>,
    /// Wait so long before each frame of a stream.
    pub chunk_delay: Duration,
    /// Close the connection after so many frames of a stream, or bytes of another answer.
    pub abort_after: Option<usize>,
    /// Send the dialect's own error event after so many frames of a stream, and end.
    pub error_after: Option<usize>,
    /// Fall silent after so many frames of a stream, until the caller goes away.
    pub stall_after: Option<usize>,
    /// Write a stream in pieces of so many bytes, wherever that cuts the frames.
    pub split: Option<usize>,
    /// Compress the answer, where the caller accepts gzip; a stream is flushed after each frame.
    pub gzip: bool,
    /// Leave usage out of the answer.
    pub no_usage: bool,
    /// Tokens sent, all together; otherwise a quarter of the prompt's characters.
    pub input: Option<u64>,
    /// Of the tokens sent, those read from the prompt cache.
    pub cached: u64,
    /// Of the tokens sent, those written to the five-minute prompt cache.
    pub cache_write_5m: u64,
    /// Of the tokens sent, those written to the one-hour prompt cache.
    pub cache_write_1h: u64,
    /// Tokens of visible answer; otherwise chosen by the seed.
    pub output: Option<u64>,
    /// Tokens of reasoning, besides the visible answer.
    pub reasoning: Option<u64>,
    /// The seed of the answer's text; otherwise the request's `seed` field or a digest of its body.
    pub seed: Option<u64>,
    /// The response id to use; otherwise a fresh one.
    pub id: Option<String>,
    /// The caller's name for this request, written into the books beside the response id.
    pub tag: Option<String>,
}

/// A script that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// There is no such behaviour.
    #[error("x-scripted: there is no behaviour {0:?}")]
    UnknownName(String),
    /// The value is not a number in range.
    #[error("x-scripted: {name}={value:?} is not a whole number in range")]
    BadNumber {
        /// The behaviour.
        name: String,
        /// What was given.
        value: String,
    },
}

const LONGEST_WAIT_MS: u64 = 600_000;

impl Script {
    /// The script of a request: what its model's name says, then what its header says.
    pub fn of(header: Option<&str>, model: &str) -> Result<Script, ScriptError> {
        let mut script = Script::default();
        if let Some((_, wishes)) = split_model(model) {
            script.read_model_wishes(wishes)?;
        }
        for pair in header.unwrap_or_default().split(';').map(str::trim).filter(|p| !p.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            script.set(name.trim(), value.trim())?;
        }
        Ok(script)
    }

    /// Reads `error-429-retry-after-1`: names of the header's behaviours, each followed by its number.
    fn read_model_wishes(&mut self, wishes: &str) -> Result<(), ScriptError> {
        let mut name = String::new();
        for part in wishes.split('-').filter(|p| !p.is_empty()) {
            if part.bytes().all(|b| b.is_ascii_digit()) {
                self.set(&name, part)?;
                name.clear();
                continue;
            }
            if !name.is_empty() {
                name.push('-');
            }
            name.push_str(part);
            if matches!(name.as_str(), "no-usage" | "gzip") {
                self.set(&name, "")?;
                name.clear();
            }
        }
        if name.is_empty() { Ok(()) } else { Err(ScriptError::UnknownName(name)) }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), ScriptError> {
        let number = || number(name, value);
        match name {
            "status" | "error" => self.status = Some(status(name, value)?),
            "retry-after" => self.retry_after = Some(number()?),
            "times" => self.times = Some(number()?),
            "delay-ms" | "delay" => self.delay = wait(number()?),
            "chunks" => self.chunks = Some(count(number()?).max(1)),
            "chunk-delay-ms" | "slow" => self.chunk_delay = wait(number()?),
            "abort-after" | "abort" => self.abort_after = Some(count(number()?)),
            "error-after" => self.error_after = Some(count(number()?)),
            "stall-after" | "stall" => self.stall_after = Some(count(number()?)),
            "split" => self.split = Some(count(number()?).max(1)),
            "gzip" => self.gzip = true,
            "no-usage" => self.no_usage = true,
            "input-tokens" | "input" => self.input = Some(number()?),
            "cached" => self.cached = number()?,
            "cache-write-5m" => self.cache_write_5m = number()?,
            "cache-write-1h" => self.cache_write_1h = number()?,
            "output-tokens" | "output" => self.output = Some(number()?.min(1_000_000)),
            "reasoning" => self.reasoning = Some(number()?.min(1_000_000)),
            "seed" => self.seed = Some(number()?),
            "id" => self.id = Some(value.to_owned()),
            "tag" => self.tag = Some(value.to_owned()),
            _ => return Err(ScriptError::UnknownName(name.to_owned())),
        }
        Ok(())
    }
}

/// The model to answer as, and what the name asks for besides: `gpt-4o-mini-scripted-slow-20` is
/// `gpt-4o-mini` and `slow-20`. `None` where the name asks for nothing.
#[must_use]
pub fn split_model(model: &str) -> Option<(&str, &str)> {
    let at = model.find("scripted-")?;
    (at == 0 || model.as_bytes()[at - 1] == b'-')
        .then(|| (model[..at].trim_end_matches('-'), &model[at + "scripted-".len()..]))
}

fn number(name: &str, value: &str) -> Result<u64, ScriptError> {
    let wrong = || ScriptError::BadNumber { name: name.to_owned(), value: value.to_owned() };
    value.parse::<u64>().ok().filter(|&n| n <= 1_000_000_000_000).ok_or_else(wrong)
}

fn status(name: &str, value: &str) -> Result<u16, ScriptError> {
    let wrong = || ScriptError::BadNumber { name: name.to_owned(), value: value.to_owned() };
    value.parse::<u16>().ok().filter(|s| (400..600).contains(s)).ok_or_else(wrong)
}

fn wait(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds.min(LONGEST_WAIT_MS))
}

fn count(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_sets_each_behaviour_by_name() {
        let script = Script::of(Some("status=429; retry-after=1 ;tag=a-7"), "gpt-4o-mini").unwrap();
        assert_eq!((script.status, script.retry_after), (Some(429), Some(1)));
        assert_eq!(script.tag.as_deref(), Some("a-7"));
    }

    #[test]
    fn a_model_name_asks_for_the_same_as_a_header() {
        let by_name = Script::of(None, "gpt-4o-mini-scripted-error-529-retry-after-2-no-usage").unwrap();
        let by_header = Script::of(Some("error=529;retry-after=2;no-usage"), "gpt-4o-mini").unwrap();
        assert_eq!(by_name, by_header);
        assert_eq!(split_model("gpt-4o-mini-scripted-error-529"), Some(("gpt-4o-mini", "error-529")));
        assert_eq!(split_model("scripted-abort-3"), Some(("", "abort-3")));
        assert_eq!(split_model("unscripted-model"), None);
    }

    #[test]
    fn a_script_that_cannot_be_followed_says_which_word_is_wrong() {
        let unknown = Script::of(Some("explode=1"), "m").unwrap_err();
        assert_eq!(unknown.to_string(), r#"x-scripted: there is no behaviour "explode""#);
        let bad = Script::of(Some("status=200"), "m").unwrap_err();
        assert!(bad.to_string().contains("status"), "{bad}");
        assert!(Script::of(None, "scripted-dance").is_err());
    }
}
