//! Which call has which number. The mix follows from the numbers alone, so that it can be made again.

use crate::sample_call::{Kind, SampleCall};
use crate::words::mix;

/// What is done to a call besides sending it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Treatment {
    /// Nothing: it is answered in full.
    Plain,
    /// The caller goes away after so many bytes of a stream.
    ClientLeaves {
        /// Bytes of body that the caller waits for.
        after_bytes: usize,
    },
    /// The provider answers with an error status.
    Refused,
    /// The provider closes the connection in the middle of a stream.
    ProviderLeaves,
}

/// A call of the soak.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The call.
    pub call: SampleCall,
    /// What is done to it.
    pub treatment: Treatment,
}

/// The name under which the call of a number stands in both accounts: the provider gets it in its script, the
/// gateway as the task.
#[must_use]
pub fn tag(number: u64) -> String {
    format!("soak-{number}")
}

const MODELS: [(Kind, &str); 8] = [
    (Kind::OpenAiChat, "gpt-4o-mini"),
    (Kind::OpenAiChat, "gpt-4o-mini"),
    (Kind::OpenAiChat, "gpt-5"),
    (Kind::OpenAiChat, "gpt-5-mini"),
    (Kind::AnthropicMessages, "claude-sonnet-4-5"),
    (Kind::AnthropicMessages, "claude-haiku-4-5"),
    (Kind::Gemini, "gemini-2.5-flash"),
    (Kind::OpenAiEmbeddings, "text-embedding-3-small"),
];

/// The call of a number: four in nine of them streams; of the streams 5 % left by their caller, of all calls 2 %
/// failed by the provider.
#[must_use]
pub fn planned(number: u64, seed: u64) -> Planned {
    let draw = |what: u64, below: u64| mix(mix(seed, number), what) % below.max(1);
    let (kind, model) = MODELS[usize::try_from(draw(0, 8)).unwrap_or(0)];
    let stream = kind != Kind::OpenAiEmbeddings && draw(1, 2) == 0;
    let treatment = treatment(stream, draw(2, 100), draw(3, 100), draw(4, 4));
    let (input, output) = (20 + draw(5, 4000), 6 + draw(6, 60));
    let tag = tag(number);
    let mut script = format!("tag={tag};input-tokens={input};output-tokens={output}");
    for (name, value) in cache_and_reasoning(kind, model, input, &draw) {
        if value > 0 {
            script.push_str(&format!(";{name}={value}"));
        }
    }
    match treatment {
        Treatment::Plain if stream && draw(12, 4) == 0 => script.push_str(";chunks=6;chunk-delay-ms=2"),
        Treatment::Plain => {}
        Treatment::ClientLeaves { .. } => script.push_str(";chunk-delay-ms=5"),
        Treatment::Refused => {
            let status = [400, 429, 500, 529][usize::try_from(draw(11, 4)).unwrap_or(0)];
            script.push_str(&format!(";status={status}"));
        }
        Treatment::ProviderLeaves => script.push_str(";abort-after=4"),
    }
    let headers = vec![
        ("x-bursar-task", tag),
        ("x-bursar-team", format!("team-{}", draw(13, 5))),
        ("x-bursar-app", "soak".to_owned()),
    ];
    let call =
        SampleCall { kind, model, stream, prompt_words: 12, max_tokens: None, seed: number, script, headers };
    Planned { call, treatment }
}

fn treatment(stream: bool, leaves: u64, fails: u64, fails_how: u64) -> Treatment {
    if fails < 2 {
        return if stream && fails_how == 0 { Treatment::ProviderLeaves } else { Treatment::Refused };
    }
    if stream && leaves < 5 {
        return Treatment::ClientLeaves { after_bytes: 900 };
    }
    Treatment::Plain
}

/// Every kind of token that the model has a price for gets its turn.
fn cache_and_reasoning(
    kind: Kind,
    model: &str,
    input: u64,
    draw: &impl Fn(u64, u64) -> u64,
) -> [(&'static str, u64); 4] {
    let sometimes = |what: u64, most: u64| if draw(what + 20, 3) == 0 { draw(what, most) } else { 0 };
    let third = input / 3;
    let cached = if kind == Kind::OpenAiEmbeddings { 0 } else { sometimes(7, third) };
    let writes = if kind == Kind::AnthropicMessages { third } else { 0 };
    let reasons =
        model.starts_with("gpt-5") || model.starts_with("gemini") || kind == Kind::AnthropicMessages;
    [
        ("cached", cached),
        ("cache-write-5m", sometimes(8, writes)),
        ("cache-write-1h", sometimes(9, writes)),
        ("reasoning", if reasons { sometimes(10, 50) } else { 0 }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mix_has_the_promised_shares() {
        let all: Vec<Planned> = (0..100_000).map(|n| planned(n, 1)).collect();
        let count = |test: &dyn Fn(&Planned) -> bool| all.iter().filter(|p| test(p)).count();
        let streams = count(&|p| p.call.stream);
        let left = count(&|p| matches!(p.treatment, Treatment::ClientLeaves { .. }));
        let failed = count(&|p| matches!(p.treatment, Treatment::Refused | Treatment::ProviderLeaves));
        assert!((42_000..46_000).contains(&streams), "{streams}");
        assert!((streams * 45 / 1000..streams * 55 / 1000).contains(&left), "{left} of {streams}");
        assert!((1_800..2_200).contains(&failed), "{failed}");
        for kind in [Kind::OpenAiChat, Kind::OpenAiEmbeddings, Kind::AnthropicMessages, Kind::Gemini] {
            assert!(count(&|p| p.call.kind == kind) > 10_000);
        }
    }

    #[test]
    fn every_call_of_the_mix_is_understood_by_the_provider() {
        for number in 0..2_000 {
            let planned = planned(number, 7);
            crate::script::Script::of(Some(&planned.call.script), planned.call.model).unwrap();
        }
    }
}
