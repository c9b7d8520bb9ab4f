use bursar_core::{EndOfStream, Meter, MeteredUsage, Provenance, UsageException};

use super::*;

fn metered(surface: Surface, vendor: Vendor, framing: Framing, body: &str) -> MeteredUsage {
    metered_until(surface, vendor, framing, body, EndOfStream::Complete)
}

fn metered_until(
    surface: Surface,
    vendor: Vendor,
    framing: Framing,
    body: &str,
    end: EndOfStream,
) -> MeteredUsage {
    let mut meter = ResponseMeter::new(surface, vendor, 200, framing);
    meter.feed(body.as_bytes());
    let request = RequestFacts {
        model: Some("gpt-4o-mini".to_owned()),
        input_tokens: Some((7, Provenance::Counted)),
        ..RequestFacts::default()
    };
    meter.finish(end, &request)
}

fn units(usage: &MeteredUsage) -> Vec<(Meter, u64)> {
    usage.quantities.iter().map(|(m, u, _)| (m, u)).collect()
}

#[test]
fn cached_and_reasoning_are_taken_out_of_the_whole_in_openai_chat() {
    let body = r#"{"id":"c","model":"gpt-5-2025-08-07","service_tier":"default","choices":[],"usage":{
        "prompt_tokens":100,"completion_tokens":50,"total_tokens":150,
        "prompt_tokens_details":{"cached_tokens":60},"completion_tokens_details":{"reasoning_tokens":20}}}"#;
    let usage = metered(Surface::OpenAiChat, Vendor::OpenAi, Framing::Json, body);
    let expected = [(Meter::Input, 40), (Meter::CacheRead, 60), (Meter::Output, 30), (Meter::Reasoning, 20)];
    assert_eq!(units(&usage), expected);
    assert_eq!(usage.exceptions, []);
    assert_eq!(usage.model.as_deref(), Some("gpt-5-2025-08-07"));
    assert_eq!(usage.tier, Some(bursar_core::ServiceTier::Standard));
}

#[test]
fn reasoning_outside_of_the_completion_is_told_by_the_total() {
    let body = r#"{"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":45,
        "completion_tokens_details":{"reasoning_tokens":30}}}"#;
    let usage = metered(Surface::OpenAiChat, Vendor::Xai, Framing::Json, body);
    assert_eq!(units(&usage), [(Meter::Input, 10), (Meter::Output, 5), (Meter::Reasoning, 30)]);
    assert_eq!(usage.exceptions, []);
}

#[test]
fn thoughts_that_googles_openai_surface_hides_are_what_the_total_has_more() {
    let body = r#"{"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":45}}"#;
    let usage = metered(Surface::OpenAiChat, Vendor::Gemini, Framing::Json, body);
    assert_eq!(usage.quantities.get(Meter::Reasoning), 30);
    let elsewhere = metered(Surface::OpenAiChat, Vendor::OpenAi, Framing::Json, body);
    assert_eq!(elsewhere.exceptions, [UsageException::TotalsDisagree { reported: 45, summed: 15 }]);
}

#[test]
fn a_part_above_its_whole_is_an_exception() {
    let body = r#"{"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,
        "prompt_tokens_details":{"cached_tokens":11}}}"#;
    let usage = metered(Surface::OpenAiChat, Vendor::OpenAi, Framing::Json, body);
    assert!(matches!(usage.exceptions[..], [UsageException::PartExceedsWhole { .. }]));
}

#[test]
fn anthropic_cache_writes_are_divided_by_their_lifetime() {
    let body = r#"{"model":"claude","usage":{"input_tokens":3,"output_tokens":9,"cache_read_input_tokens":5,
        "cache_creation_input_tokens":30,"cache_creation":{"ephemeral_5m_input_tokens":10,
        "ephemeral_1h_input_tokens":20},"output_tokens_details":{"thinking_tokens":4},
        "server_tool_use":{"web_search_requests":2},"service_tier":"priority"}}"#;
    let usage = metered(Surface::AnthropicMessages, Vendor::Anthropic, Framing::Json, body);
    let expected = [
        (Meter::Input, 3),
        (Meter::CacheRead, 5),
        (Meter::CacheWrite5m, 10),
        (Meter::CacheWrite1h, 20),
        (Meter::Output, 5),
        (Meter::Reasoning, 4),
        (Meter::WebSearches, 2),
    ];
    assert_eq!(units(&usage), expected);
    assert_eq!(usage.tier, Some(bursar_core::ServiceTier::Priority));
}

#[test]
fn a_compaction_that_the_top_level_leaves_out_is_added_and_another_model_is_an_exception() {
    let body = r#"{"usage":{"input_tokens":6,"output_tokens":13,"iterations":[
        {"type":"compaction","input_tokens":600,"output_tokens":5},
        {"type":"message","input_tokens":6,"output_tokens":13},
        {"type":"advisor_message","model":"dearer","input_tokens":1,"output_tokens":2}]}}"#;
    let usage = metered(Surface::AnthropicMessages, Vendor::Anthropic, Framing::Json, body);
    assert_eq!(units(&usage), [(Meter::Input, 606), (Meter::Output, 18)]);
    assert!(
        matches!(&usage.exceptions[..], [UsageException::NotUnderstood { what }] if what.contains("dearer"))
    );
}

#[test]
fn the_opening_and_closing_events_of_an_anthropic_stream_make_one_usage() {
    let body = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg\",\"model\":\"claude\",",
        "\"usage\":{\"input_tokens\":25,\"cache_read_input_tokens\":4,\"output_tokens\":1}}}\n\n",
        "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":15}}\n\n",
    );
    let usage = metered(Surface::AnthropicMessages, Vendor::Anthropic, Framing::Sse, body);
    assert_eq!(units(&usage), [(Meter::Input, 25), (Meter::CacheRead, 4), (Meter::Output, 15)]);
    assert_eq!(usage.finish_reason.as_deref(), Some("end_turn"));
    assert_eq!(usage.response_id.as_deref(), Some("msg"));
}

#[test]
fn an_anthropic_stream_that_is_cut_keeps_the_reported_input_and_counts_the_output() {
    let body = concat!(
        "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":25,\"output_tokens\":1}}}\n\n",
        "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"one two three four\"}}\n\n",
    );
    let usage = metered_until(
        Surface::AnthropicMessages,
        Vendor::Anthropic,
        Framing::Sse,
        body,
        EndOfStream::ClientCancelled,
    );
    assert_eq!(usage.quantities.provenance(Meter::Input), Provenance::Reported);
    assert_eq!(usage.quantities.get(Meter::Input), 25);
    assert!(usage.quantities.get(Meter::Output) > 1);
    assert_eq!(usage.exceptions, [UsageException::Truncated]);
}

#[test]
fn thoughts_and_tool_prompts_stand_outside_in_gemini_and_cached_content_inside() {
    let body = r#"{"usageMetadata":{"promptTokenCount":100,"cachedContentTokenCount":60,"candidatesTokenCount":10,
        "thoughtsTokenCount":20,"toolUsePromptTokenCount":5,"totalTokenCount":135,"trafficType":"ON_DEMAND",
        "promptTokensDetails":[{"modality":"TEXT","tokenCount":70},{"modality":"AUDIO","tokenCount":30}],
        "cacheTokensDetails":[{"modality":"TEXT","tokenCount":60}]},"modelVersion":"gemini-2.5-flash"}"#;
    let usage = metered(Surface::GeminiGenerate, Vendor::Gemini, Framing::Json, body);
    let expected = [
        (Meter::Input, 15),
        (Meter::CacheRead, 60),
        (Meter::Output, 10),
        (Meter::Reasoning, 20),
        (Meter::AudioIn, 30),
    ];
    assert_eq!(units(&usage), expected);
    assert_eq!(usage.exceptions, []);
}

#[test]
fn converse_keeps_the_cache_beside_the_input_and_divides_writes_by_their_lifetime() {
    let body = r#"{"usage":{"inputTokens":10,"outputTokens":4,"cacheReadInputTokens":20,"cacheWriteInputTokens":30,
        "cacheDetails":[{"ttl":"1h","inputTokens":12}],"totalTokens":64}}"#;
    let usage = metered(Surface::BedrockConverse, Vendor::Bedrock, Framing::Json, body);
    let expected = [
        (Meter::Input, 10),
        (Meter::CacheRead, 20),
        (Meter::CacheWrite5m, 18),
        (Meter::CacheWrite1h, 12),
        (Meter::Output, 4),
    ];
    assert_eq!(units(&usage), expected);
}

#[test]
fn a_stream_without_usage_is_counted_with_the_models_own_tokenizer() {
    let body = concat!(
        "data: {\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\" world\"}}],\"usage\":null}\n\ndata: [DONE]\n\n",
    );
    let usage = metered(Surface::OpenAiChat, Vendor::OpenAi, Framing::Sse, body);
    assert_eq!(units(&usage), [(Meter::Input, 7), (Meter::Output, 2)]);
    assert_eq!(usage.quantities.provenance(Meter::Output), Provenance::Counted);
}

#[test]
fn long_text_is_counted_in_pieces_and_its_memory_stays_bounded() {
    let mut meter = ResponseMeter::new(Surface::OpenAiChat, Vendor::OpenAi, 200, Framing::Sse);
    for _ in 0..20_000 {
        meter.feed("data: {\"choices\":[{\"delta\":{\"content\":\" w\\u00f6rld\"}}]}\n\n".as_bytes());
    }
    let request = RequestFacts { input_tokens: Some((1, Provenance::Counted)), ..RequestFacts::default() };
    let usage = meter.finish(EndOfStream::TimedOut, &request);
    assert!(usage.quantities.get(Meter::Output) >= 20_000);
    assert_eq!(usage.exceptions, [UsageException::Truncated]);
}

#[test]
fn an_error_bills_nothing_and_is_no_exception() {
    let mut meter = ResponseMeter::new(Surface::OpenAiChat, Vendor::OpenAi, 429, Framing::Json);
    meter.feed(br#"{"error":{"message":"slow down"}}"#);
    let usage = meter.finish(EndOfStream::Complete, &RequestFacts::default());
    assert!(usage.quantities.is_empty() && usage.exceptions.is_empty());
}

#[test]
fn a_success_that_turns_into_an_error_on_its_way_failed_upstream() {
    let answers = [
        "data: {\"choices\":[{\"delta\":{\"content\":\"Hel\"}}]}\n\ndata: {\"error\":{\"code\":500}}\n\n",
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n",
        "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"server_error\"}}}\n\n",
    ];
    for body in answers {
        let mut meter = ResponseMeter::new(Surface::OpenAiChat, Vendor::OpenAi, 200, Framing::Sse);
        meter.feed(body.as_bytes());
        assert_eq!(meter.ending(EndOfStream::Complete), EndOfStream::UpstreamError, "{body}");
        assert_eq!(meter.ending(EndOfStream::ClientCancelled), EndOfStream::UpstreamError);
        assert_eq!(meter.ending(EndOfStream::TimedOut), EndOfStream::TimedOut);
    }
    let mut whole = ResponseMeter::new(Surface::OpenAiResponses, Vendor::OpenAi, 200, Framing::Json);
    whole.feed(br#"{"status":"completed","error":null}"#);
    assert_eq!(whole.ending(EndOfStream::Complete), EndOfStream::Complete);
    let mut refused = ResponseMeter::new(Surface::OpenAiChat, Vendor::OpenAi, 429, Framing::Json);
    refused.feed(br#"{"error":{"message":"slow down"}}"#);
    assert_eq!(refused.ending(EndOfStream::Complete), EndOfStream::Complete);
}

#[test]
fn a_success_that_says_nothing_of_its_usage_is_an_exception_and_not_zero() {
    for body in ["", "<html>", "{}", r#"{"usage":"#] {
        let usage = metered(Surface::OpenAiChat, Vendor::OpenAi, Framing::Json, body);
        assert!(usage.exceptions.iter().any(UsageException::hides_quantities), "{body}: {usage:?}");
    }
}

#[test]
fn a_tier_that_is_not_known_is_an_exception_and_never_the_standard_price() {
    let body =
        r#"{"service_tier":"hyper","usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;
    let usage = metered(Surface::OpenAiChat, Vendor::OpenAi, Framing::Json, body);
    assert_eq!(usage.tier, None);
    assert!(matches!(&usage.exceptions[..], [UsageException::NotUnderstood { .. }]));
}

#[test]
fn the_vendors_own_cost_is_read_exactly_and_kept_apart() {
    let body = r#"{"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2,"cost":0.00012345}}"#;
    let usage = metered(Surface::OpenAiChat, Vendor::OpenRouter, Framing::Json, body);
    assert_eq!(usage.provider_stated_cost, Some(bursar_core::Money::from_nanos(123_450)));
}

#[test]
fn counting_tokens_is_free() {
    let body = r#"{"input_tokens":2095}"#;
    let usage = metered(Surface::AnthropicCountTokens, Vendor::Anthropic, Framing::Json, body);
    assert!(usage.quantities.is_empty() && usage.exceptions.is_empty());
}

#[test]
fn pictures_are_tokens_where_the_answer_says_so_and_are_counted_where_it_does_not() {
    let reported = r#"{"created":1,"data":[{"b64_json":"aGk="}],"usage":{"input_tokens":50,"output_tokens":1056,
        "total_tokens":1106,"input_tokens_details":{"text_tokens":10,"image_tokens":40}}}"#;
    let usage = metered(Surface::OpenAiImages, Vendor::OpenAi, Framing::Json, reported);
    assert_eq!(units(&usage), [(Meter::Input, 10), (Meter::ImageIn, 40), (Meter::ImageOut, 1056)]);
    let streamed = "event: image_generation.partial_image\ndata: {\"type\":\"image_generation.partial_image\",\
        \"b64_json\":\"aGk=\"}\n\nevent: image_generation.completed\ndata: {\"type\":\
        \"image_generation.completed\",\"b64_json\":\"aGk=\",\"usage\":{\"input_tokens\":10,\
        \"output_tokens\":272,\"total_tokens\":282,\"input_tokens_details\":{\"text_tokens\":10,\
        \"image_tokens\":0}}}\n\n";
    let usage = metered(Surface::OpenAiImages, Vendor::OpenAi, Framing::Sse, streamed);
    assert_eq!(units(&usage), [(Meter::Input, 10), (Meter::ImageOut, 272)]);
    let silent = r#"{"created":1,"data":[{"url":"https://a"},{"url":"https://b"}]}"#;
    let usage = metered(Surface::OpenAiImages, Vendor::OpenAi, Framing::Json, silent);
    assert_eq!((units(&usage), usage.exceptions), (vec![(Meter::Images, 2)], Vec::new()));
    assert_eq!(usage.quantities.provenance(Meter::Images), Provenance::Counted);
}

#[test]
fn speech_is_audio_out_where_events_tell_it_and_the_requests_characters_where_nothing_does() {
    let events = "data: {\"type\":\"speech.audio.delta\",\"audio\":\"aGk=\"}\n\ndata: {\"type\":\
        \"speech.audio.done\",\"usage\":{\"input_tokens\":14,\"output_tokens\":101,\"total_tokens\":115}}\n\n";
    let usage = metered(Surface::OpenAiSpeech, Vendor::OpenAi, Framing::Sse, events);
    assert_eq!(
        (units(&usage), usage.exceptions),
        (vec![(Meter::Input, 14), (Meter::AudioOut, 101)], Vec::new())
    );
    let finished = |characters| {
        let mut meter = ResponseMeter::new(Surface::OpenAiSpeech, Vendor::OpenAi, 200, Framing::Opaque);
        meter.feed(&[0xff; 5000]);
        meter.finish(EndOfStream::Complete, &RequestFacts { characters, ..RequestFacts::default() })
    };
    assert_eq!(units(&finished(Some(42))), [(Meter::Characters, 42)]);
    assert_eq!(finished(None).exceptions, [UsageException::NotReported]);
}

#[test]
fn transcriptions_are_tokens_or_seconds_as_reported_and_plain_text_is_an_exception() {
    let of = |framing, body: &str| metered(Surface::OpenAiTranscription, Vendor::OpenAi, framing, body);
    let tokens = r#"{"text":"Hi.","usage":{"type":"tokens","input_tokens":14,"input_token_details":{
        "text_tokens":0,"audio_tokens":14},"output_tokens":45,"total_tokens":59}}"#;
    assert_eq!(units(&of(Framing::Json, tokens)), [(Meter::Output, 45), (Meter::AudioIn, 14)]);
    let streamed = "data: {\"type\":\"transcript.text.delta\",\"delta\":\"Hi.\"}\n\ndata: {\"type\":\
        \"transcript.text.done\",\"text\":\"Hi.\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":14,\
        \"input_token_details\":{\"text_tokens\":4,\"audio_tokens\":10},\"output_tokens\":45,\"total_tokens\":59}}\n\n";
    assert_eq!(
        units(&of(Framing::Sse, streamed)),
        [(Meter::Input, 4), (Meter::Output, 45), (Meter::AudioIn, 10)]
    );
    let seconds = r#"{"text":"Hi.","usage":{"type":"duration","seconds":9}}"#;
    assert_eq!(units(&of(Framing::Json, seconds)), [(Meter::AudioSeconds, 9)]);
    let verbose = r#"{"task":"transcribe","duration":8.47,"text":"Hi.","segments":[{"start":0.0}]}"#;
    let usage = of(Framing::Json, verbose);
    assert_eq!((units(&usage), usage.exceptions), (vec![(Meter::AudioSeconds, 9)], Vec::new()));
    let subtitles =
        of(Framing::of_content_type(Some("text/plain")), "1\n00:00:00,000 --> 00:00:01,000\nHi.\n");
    assert_eq!((units(&subtitles), subtitles.exceptions), (Vec::new(), vec![UsageException::NotReported]));
}
