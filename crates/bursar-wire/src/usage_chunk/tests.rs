use proptest::prelude::*;

use super::*;

const USAGE: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}}";
const TEXT: &str = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"say \\\"choices\\\":[] and \\\"usage\\\":{}\"}}],\"usage\":null}";

fn through(parts: &[&[u8]]) -> Vec<u8> {
    let mut filter = UsageChunkFilter::new();
    let mut out = Vec::new();
    for part in parts {
        filter.push(part, &mut out);
    }
    filter.finish(&mut out);
    out
}

fn one_by_one(bytes: &[u8]) -> Vec<u8> {
    through(&bytes.chunks(1).collect::<Vec<_>>())
}

#[test]
fn the_usage_chunk_goes_and_every_other_byte_stays() {
    for end in ["\n\n", "\r\n\r\n", "\r\r"] {
        let kept = [TEXT, end, TEXT, end, "data: [DONE]", end].concat();
        let whole = [TEXT, end, TEXT, end, USAGE, end, "data: [DONE]", end].concat();
        assert_eq!(through(&[whole.as_bytes()]), kept.as_bytes(), "{end:?}");
        assert_eq!(one_by_one(whole.as_bytes()), kept.as_bytes(), "{end:?} byte by byte");
    }
}

#[test]
fn the_key_order_and_the_spacing_of_the_usage_chunk_do_not_matter() {
    for chunk in [
        "data:{\"usage\" : {\"a\":1},\"choices\" : [ ] }\n\n",
        "event: message\nid: 7\ndata: {\"choices\":[],\ndata: \"usage\":{}}\n\n",
        "data: {\"ch\\u006fices\":[],\"usage\":{\"prompt_tokens_details\":{\"cached_tokens\":0}},\"x\":[[1],{}]}\n\n",
    ] {
        assert_eq!(one_by_one(chunk.as_bytes()), b"", "{chunk}");
    }
}

#[test]
fn what_only_resembles_a_usage_chunk_passes_on() {
    for event in [
        "data: {\"choices\":[],\"prompt_filter_results\":[{\"prompt_index\":0}]}\n\n",
        "data: {\"choices\":[],\"usage\":null}\n\n",
        "data: {\"choices\":[{}],\"usage\":{\"prompt_tokens\":1}}\n\n",
        "data: {\"response\":{\"choices\":[],\"usage\":{}}}\n\n",
        "data: {\"choices\":[],\"usage\":{\n\n",
        ": {\"choices\":[],\"usage\":{}}\n\n",
        "data: [{\"choices\":[],\"usage\":{}}]\n\n",
        "\n\n\n",
    ] {
        assert_eq!(one_by_one(event.as_bytes()), event.as_bytes(), "{event}");
    }
}

#[test]
fn an_ordinary_chunk_passes_on_as_soon_as_its_choices_begin() {
    let mut filter = UsageChunkFilter::new();
    let mut out = Vec::new();
    filter.push(b"data: {\"id\":\"c\",\"choices\":[", &mut out);
    assert_eq!(out, b"");
    filter.push(b"{", &mut out);
    assert_eq!(out, b"data: {\"id\":\"c\",\"choices\":[{");
}

#[test]
fn a_comment_between_events_passes_on_at_its_lines_end() {
    let mut filter = UsageChunkFilter::new();
    let mut out = Vec::new();
    filter.push(b": OPENROUTER PROCESSING\r\n", &mut out);
    assert_eq!(out, b": OPENROUTER PROCESSING\r\n");
    filter.push(USAGE.as_bytes(), &mut out);
    filter.push(b"\r\n\r\n", &mut out);
    assert_eq!((out.as_slice(), filter.dropped()), (b": OPENROUTER PROCESSING\r\n".as_slice(), 1));
}

#[test]
fn an_event_above_the_hold_limit_passes_on_and_no_more_than_the_limit_is_kept_back() {
    let long =
        format!("data: {{\"choices\":[],\"pad\":\"{}\",\"usage\":{{}}}}\n\n", "x".repeat(2 * HOLD_LIMIT));
    let mut filter = UsageChunkFilter::new();
    let mut out = Vec::new();
    for (i, byte) in long.bytes().enumerate() {
        filter.push(&[byte], &mut out);
        assert!(i + 1 - out.len() <= HOLD_LIMIT);
    }
    assert_eq!(out, long.as_bytes());
}

#[test]
fn a_usage_chunk_at_the_end_of_the_stream_without_its_empty_line_is_dropped_and_half_of_one_is_not() {
    assert_eq!(through(&[USAGE.as_bytes()]), b"");
    let half = &USAGE.as_bytes()[..60];
    assert_eq!(through(&[half]), half);
}

fn events() -> impl Strategy<Value = Vec<(String, bool)>> {
    let ordinary = prop_oneof![
        "[a-z ]{0,20}".prop_map(|t| format!(
            "data: {{\"choices\":[{{\"delta\":{{\"content\":{}}}}}]}}",
            serde_json::Value::String(t)
        )),
        Just(TEXT.to_owned()),
        Just("data: [DONE]".to_owned()),
        Just(": keep-alive".to_owned()),
        Just("event: ping\ndata: {\"choices\":[]}".to_owned()),
        "[ -~]{0,40}".prop_map(|t| format!("data: {t}")),
    ];
    let event =
        (ordinary, 0..4u8).prop_map(|(o, k)| if k == 0 { (USAGE.to_owned(), true) } else { (o, false) });
    proptest::collection::vec(event, 0..12)
}

proptest! {
    #[test]
    fn for_every_split_the_output_is_the_input_without_the_usage_chunks(
        events in events(),
        end in prop_oneof![Just("\n\n"), Just("\r\n\r\n"), Just("\r\r")],
        cuts in proptest::collection::vec(0usize..4000, 0..12),
    ) {
        let line_end = &end[..end.len() / 2];
        let write = |wanted: &dyn Fn(bool) -> bool| -> String {
            events.iter().filter(|(_, usage)| wanted(*usage))
                .map(|(e, _)| e.replace('\n', line_end) + end).collect()
        };
        let (whole, kept) = (write(&|_| true), write(&|usage| !usage));
        let mut cuts: Vec<usize> = cuts.into_iter().filter(|&c| c < whole.len()).collect();
        cuts.sort_unstable();
        let mut parts = Vec::new();
        let mut from = 0;
        for cut in cuts.into_iter().chain([whole.len()]) {
            parts.push(&whole.as_bytes()[from..cut]);
            from = cut;
        }
        prop_assert_eq!(through(&parts), kept.as_bytes());
    }

    #[test]
    fn bytes_that_are_no_events_at_all_come_out_as_they_went_in(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert_eq!(one_by_one(&bytes), through(&[&bytes]));
        prop_assert_eq!(through(&[&bytes]), bytes);
    }
}
