use super::*;

const LIMITS: ModelLimits = ModelLimits { context_window: Some(100_000), max_output: Some(8_000) };

fn view(surface: Surface, path: &str, body: &str) -> RequestView {
    RequestView::parse(surface, path, Some("application/json"), body.as_bytes()).expect(body)
}

fn chat(body: &str) -> RequestView {
    view(Surface::OpenAiChat, "/v1/chat/completions", body)
}

fn units(ceiling: &Ceiling, meter: Meter) -> Option<u64> {
    let candidates = ceiling.bound.parts.iter().flat_map(|p| &p.candidates);
    candidates.filter(|c| c.meter == meter).map(|c| c.units).max()
}

fn of(body: &str) -> Ceiling {
    Ceiling::of(&chat(body), Surface::OpenAiChat, LIMITS, InputBasis::Bytes)
}

#[test]
fn text_is_bounded_by_its_bytes_and_output_by_the_limit_of_each_answer() {
    let body = r#"{"model":"gpt-4o","n":3,"max_tokens":500,"messages":[{"role":"user","content":"hi"}]}"#;
    let ceiling = of(body);
    assert_eq!(units(&ceiling, Meter::Input), Some(body.len() as u64));
    assert_eq!(units(&ceiling, Meter::Output), Some(1_500));
    assert_eq!(units(&ceiling, Meter::Reasoning), Some(1_500));
    assert_eq!((ceiling.output_limit(), ceiling.unbounded.len()), (Some(500), 0));
}

#[test]
fn an_output_without_a_limit_has_the_models_maximum_or_no_bound_that_a_limit_then_gives() {
    let body = r#"{"model":"gpt-4o","messages":[]}"#;
    assert_eq!(of(body).output_limit(), Some(8_000));
    assert_eq!(of(r#"{"max_tokens":9000000}"#).output_limit(), Some(8_000));
    let unknown = ModelLimits::default();
    let mut ceiling = Ceiling::of(&chat(body), Surface::OpenAiChat, unknown, InputBasis::Bytes);
    assert_eq!((ceiling.output_limit(), ceiling.unbounded.as_slice()), (None, [OUTPUT].as_slice()));
    ceiling.limit_output(12);
    assert_eq!((units(&ceiling, Meter::Output), ceiling.unbounded.len()), (Some(12), 0));
}

#[test]
fn what_the_provider_keeps_is_bounded_by_the_context_window() {
    for body in [
        r#"{"previous_response_id":"resp_1"}"#,
        r#"{"conversation":"conv_1"}"#,
        r#"{"prompt":{"id":"pmpt_1"}}"#,
        r#"{"input":[{"type":"item_reference","id":"msg_1"}]}"#,
        r#"{"input":[{"role":"user","content":[{"type":"input_file","file_id":"file-1"}]}]}"#,
    ] {
        let view = view(Surface::OpenAiResponses, "/v1/responses", body);
        let ceiling = Ceiling::of(&view, Surface::OpenAiResponses, LIMITS, InputBasis::Bytes);
        assert_eq!(
            (units(&ceiling, Meter::Input), ceiling.bound.context),
            (Some(100_000), 100_000),
            "{body}"
        );
        let limits = ModelLimits { context_window: None, ..LIMITS };
        let ceiling = Ceiling::of(&view, Surface::OpenAiResponses, limits, InputBasis::Bytes);
        assert_eq!(ceiling.unbounded, [INPUT], "{body}");
    }
}

#[test]
fn anthropic_pays_for_cache_writes_where_the_request_marks_a_place_and_for_an_hour_where_it_says_so() {
    let writes = |body: &str| {
        let view = view(Surface::AnthropicMessages, "/v1/messages", body);
        let ceiling = Ceiling::of(&view, Surface::AnthropicMessages, LIMITS, InputBasis::Bytes);
        [Meter::CacheWrite5m, Meter::CacheWrite1h].map(|m| units(&ceiling, m).is_some())
    };
    assert_eq!(writes(r#"{"max_tokens":1,"messages":[{"role":"user","content":"x"}]}"#), [false, false]);
    let block = r#"{"system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]}"#;
    assert_eq!(writes(block), [true, false]);
    assert_eq!(writes(&block.replace("ephemeral\"", "ephemeral\",\"ttl\":\"1h\"")), [true, true]);
    let tool =
        r#"{"tools":[{"name":"f","input_schema":{},"cache_control":{"type":"ephemeral","ttl":"1h"}}]}"#;
    assert_eq!(writes(tool), [true, true]);
    assert_eq!(writes(r#"{"cache_control":{"type":"ephemeral","ttl":"1h"}}"#), [true, true]);
}

#[test]
fn a_tool_that_the_provider_runs_reads_the_context_once_more_with_each_use() {
    let body = r#"{"tools":[{"type":"web_search_20250305","name":"web_search","max_uses":3}]}"#;
    let view = view(Surface::AnthropicMessages, "/v1/messages", body);
    let ceiling = Ceiling::of(&view, Surface::AnthropicMessages, LIMITS, InputBasis::Bytes);
    assert_eq!(units(&ceiling, Meter::WebSearches), Some(3));
    assert_eq!(units(&ceiling, Meter::Input), Some(400_000));
    let unsaid = chat(r#"{"tools":[{"type":"web_search"}]}"#);
    let ceiling = Ceiling::of(&unsaid, Surface::OpenAiResponses, LIMITS, InputBasis::Bytes);
    assert_eq!(units(&ceiling, Meter::WebSearches), Some(MOST_ROUNDS));
    let own = chat(r#"{"tools":[{"type":"function","function":{"name":"f"}}]}"#);
    assert!(!own.reach.server_tools);
}

#[test]
fn systems_of_several_models_and_several_runs_read_the_context_more_than_once() {
    for body in [
        r#"{"model":"groq/compound","messages":[]}"#,
        r#"{"model":"o3-deep-research","input":"x"}"#,
        r#"{"model":"gpt-5.6-sol","input":"x","reasoning":{"effort":"low","mode":"pro"}}"#,
    ] {
        assert_eq!(units(&of(body), Meter::Input), Some((MOST_ROUNDS + 1) * 100_000), "{body}");
    }
    let usual = of(r#"{"model":"gpt-5.6-sol","input":"x","reasoning":{"effort":"low","mode":"standard"}}"#);
    assert!(usual.bound.context < 200);
    let routed = of(r#"{"model":"google/gemini-2.0-flash","models":["x-ai/grok-4"]}"#);
    assert_eq!(routed.unbounded, ["models that a router may fall back to"]);
}

#[test]
fn pictures_have_the_most_that_the_family_documents_and_unknown_media_the_context_window() {
    let picture = |model: &str| {
        let part = r#"{"type":"image_url","image_url":{"url":"https://example.org/a.png"}}"#;
        let body =
            format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":[{part},{part}]}}]}}"#);
        of(&body).bound.context
    };
    assert!((9_568..9_968).contains(&picture("claude-sonnet-4-5")));
    assert!((96_338..96_800).contains(&picture("gpt-4o")));
    assert_eq!(picture("some-model"), 100_000);
}

#[test]
fn bytes_of_media_are_not_counted_as_text() {
    let data = "A".repeat(40_000);
    let body = format!(
        r#"{{"model":"claude-x","messages":[{{"role":"user","content":[{{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"{data}"}}}}]}}]}}"#
    );
    let ceiling = of(&body);
    assert!(ceiling.bound.context < 4_784 + 400, "{}", ceiling.bound.context);
}

#[test]
fn every_prompt_and_the_best_of_several_answers_are_paid_for() {
    let body = r#"{"prompt":["a","b","c"],"best_of":4,"n":2,"max_tokens":10}"#;
    let view = view(Surface::OpenAiCompletions, "/v1/completions", body);
    let ceiling = Ceiling::of(&view, Surface::OpenAiCompletions, LIMITS, InputBasis::Bytes);
    assert_eq!(units(&ceiling, Meter::Output), Some(120));
    let tokens = r#"{"prompt":[1,2,3],"max_tokens":10}"#;
    let view = self::view(Surface::OpenAiCompletions, "/v1/completions", tokens);
    let ceiling = Ceiling::of(&view, Surface::OpenAiCompletions, LIMITS, InputBasis::Bytes);
    assert_eq!(units(&ceiling, Meter::Output), Some(10));
}

#[test]
fn products_have_their_own_meters() {
    let speech = view(Surface::OpenAiSpeech, "/v1/audio/speech", r#"{"model":"tts-1","input":"Hello"}"#);
    let ceiling = Ceiling::of(&speech, Surface::OpenAiSpeech, ModelLimits::default(), InputBasis::Bytes);
    assert_eq!((units(&ceiling, Meter::Characters), ceiling.unbounded.len()), (Some(5), 0));
    let body = r#"{"model":"gpt-image-1","prompt":"a cat","n":2}"#;
    let pictures = view(Surface::OpenAiImages, "/v1/images/generations", body);
    let ceiling = Ceiling::of(&pictures, Surface::OpenAiImages, ModelLimits::default(), InputBasis::Bytes);
    assert_eq!([Meter::Images, Meter::ImageOut].map(|m| units(&ceiling, m)), [Some(2), Some(13_080)]);
    let documents = vec![r#""d""#; 250].join(",");
    let rerank =
        view(Surface::CohereRerank, "/v2/rerank", &format!(r#"{{"query":"q","documents":[{documents}]}}"#));
    let ceiling = Ceiling::of(&rerank, Surface::CohereRerank, LIMITS, InputBasis::Bytes);
    assert_eq!((units(&ceiling, Meter::SearchUnits), units(&ceiling, Meter::Output)), (Some(3), None));
}

#[test]
fn a_tier_that_is_left_to_the_provider_may_be_any() {
    let tiers = |body: &str| chat(body).possible_tiers().len();
    assert_eq!(tiers("{}"), 1);
    assert_eq!(chat(r#"{"service_tier":"flex"}"#).possible_tiers(), [ServiceTier::Flex]);
    assert_eq!(tiers(r#"{"service_tier":"auto"}"#), 4);
}
