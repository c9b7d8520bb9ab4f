use super::*;

fn chat(body: &str) -> Result<RequestView, BadRequest> {
    RequestView::parse(Surface::OpenAiChat, "/v1/chat/completions", Some("application/json"), body.as_bytes())
}

fn at(surface: Surface, path: &str, body: &str) -> RequestView {
    RequestView::parse(surface, path, Some("application/json"), body.as_bytes()).expect(body)
}

#[test]
fn an_openai_chat_request_says_its_model_stream_limits_and_tier() {
    let view = chat(
        r#"{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true},"max_tokens":5,
            "max_completion_tokens":7,"n":2,"service_tier":"flex","messages":[{"role":"user","content":"hé"}]}"#,
    )
    .expect("a request");
    assert_eq!((view.model.as_deref(), view.model_place), (Some("gpt-4o"), ModelPlace::Body));
    assert_eq!((view.stream, view.include_usage), (true, true));
    assert_eq!((view.max_output_tokens, view.choices), (Some(7), Some(2)));
    assert_eq!(view.service_tier.as_deref(), Some("flex"));
    assert_eq!((view.volume.messages, view.volume.ascii, view.volume.other), (1, 1, 1));
}

#[test]
fn the_model_is_found_in_the_paths_of_gemini_vertex_azure_and_bedrock() {
    for (surface, path, model, stream) in [
        (Surface::GeminiGenerate, "/v1beta/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro", false),
        (
            Surface::GeminiStreamGenerate,
            "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
            "gemini-2.5-pro",
            true,
        ),
        (
            Surface::GeminiGenerate,
            "/v1/projects/p/locations/l/publishers/google/models/gemini-2.0-flash:generateContent",
            "gemini-2.0-flash",
            false,
        ),
        (
            Surface::OpenAiChat,
            "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21",
            "my-gpt",
            false,
        ),
        (
            Surface::BedrockConverse,
            "/model/us.anthropic.claude-3-5-haiku-20241022-v1%3A0/converse-stream",
            "us.anthropic.claude-3-5-haiku-20241022-v1:0",
            true,
        ),
    ] {
        let view = at(surface, path, r#"{"model":"in the body"}"#);
        assert_eq!((view.model.as_deref(), view.stream), (Some(model), stream), "{path}");
        let ModelPlace::Path(place) = view.model_place else { panic!("{path}") };
        assert_eq!(path[place].replace("%3A", ":"), model);
    }
}

#[test]
fn the_path_of_a_list_of_models_names_no_model_to_call() {
    assert_eq!(at(Surface::OpenAiModels, "/v1/models", "").model, None);
    assert_eq!(at(Surface::OpenAiModels, "/v1/models/gpt-4o", "").model, None);
}

#[test]
fn limits_are_found_where_each_dialect_puts_them() {
    for (body, limit) in [
        (r#"{"generationConfig":{"maxOutputTokens":9,"responseSchema":{"a":[1]}}}"#, 9),
        (r#"{"inferenceConfig":{"maxTokens":8}}"#, 8),
        (r#"{"max_output_tokens":6}"#, 6),
        (r#"{"max_tokens":4.0}"#, 4),
    ] {
        assert_eq!(chat(body).expect(body).max_output_tokens, Some(limit), "{body}");
    }
    assert_eq!(chat(r#"{"max_tokens":-1}"#).expect("no limit").max_output_tokens, None);
}

#[test]
fn a_body_that_is_not_json_is_refused_with_its_position() {
    for (body, at) in
        [(r#"{"model":}"#, 9), ("{\"a\":1,\n\"b\":tru}", 15), ("[1]", 0), ("hello", 0), ("{}x", 2)]
    {
        match chat(body) {
            Err(BadRequest::NotJson { at: is, reason }) => assert_eq!(is, at, "{body}: {reason}"),
            other => panic!("{body}: {other:?}"),
        }
    }
    let bad = RequestView::parse(Surface::OpenAiChat, "/v1/chat/completions", None, b"{\"model\":\"\xff\"}");
    assert_eq!(bad, Err(BadRequest::NotUtf8 { at: 10 }));
}

#[test]
fn a_field_of_the_wrong_type_is_refused_by_name() {
    for (body, sentence) in [
        (r#"{"model":3}"#, "`model` must be a string, not a number"),
        (r#"{"stream":"yes"}"#, "`stream` must be true or false, not a string"),
        (r#"{"stream_options":[]}"#, "`stream_options` must be an object, not an array"),
        (r#"{"max_tokens":"ten"}"#, "`max_tokens` must be a whole number, not a string"),
        (r#"{"max_tokens":1.5}"#, "`max_tokens` must be a whole number"),
    ] {
        let error = chat(body).expect_err(body);
        assert!(error.to_string().contains(sentence), "{error}");
        assert!(error.field().is_some(), "{error:?}");
    }
}

#[test]
fn a_body_nested_without_end_is_refused_wherever_the_nesting_stands() {
    for key in ["messages", "tools", "unknown", "metadata", "stream_options"] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let body = format!("{{\"{key}\":{}1{}}}", open.repeat(100_000), close.repeat(100_000));
            if key == "metadata" {
                // A label as large as that is not read at all.
                assert!(chat(&body).is_ok_and(|v| v.labels.notes().len() == 1));
            } else {
                assert!(matches!(chat(&body), Err(BadRequest::NotJson { .. })), "{key} {open}");
            }
        }
    }
}

#[test]
fn media_are_counted_as_media_in_every_dialect_and_their_bytes_are_no_text() {
    let data = "QUJD".repeat(1000);
    for (body, medium, bytes) in [
        (format!(r#"{{"messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{data}"}}}}]}}]}}"#), Medium::Picture, 3000),
        (r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.org/a.png"}}]}]}"#.to_owned(), Medium::Picture, 0),
        (format!(r#"{{"messages":[{{"role":"user","content":[{{"type":"image","source":{{"type":"base64","media_type":"image/jpeg","data":"{data}"}}}}]}}]}}"#), Medium::Picture, 3000),
        (r#"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://example.org/a"}}]}]}"#.to_owned(), Medium::Picture, 0),
        (format!(r#"{{"messages":[{{"role":"user","content":[{{"source":{{"data":"{data}","media_type":"application/pdf","type":"base64"}},"type":"document"}}]}}]}}"#), Medium::Document, 3000),
        (format!(r#"{{"contents":[{{"parts":[{{"inlineData":{{"mimeType":"audio/wav","data":"{data}"}}}}]}}]}}"#), Medium::Audio, 3000),
        (r#"{"contents":[{"parts":[{"fileData":{"mimeType":"video/mp4","fileUri":"https://example.org/v"}}]}]}"#.to_owned(), Medium::Video, 0),
        (format!(r#"{{"input":[{{"role":"user","content":[{{"type":"input_image","image_url":"data:image/webp;base64,{data}"}}]}}]}}"#), Medium::Picture, 3000),
        (format!(r#"{{"messages":[{{"role":"user","content":[{{"type":"input_audio","input_audio":{{"data":"{data}","format":"mp3"}}}}]}}]}}"#), Medium::Audio, 3000),
        (format!(r#"{{"messages":[{{"role":"user","content":[{{"image":{{"format":"png","source":{{"bytes":"{data}"}}}}}}]}}]}}"#), Medium::Picture, 3000),
        (format!(r#"{{"messages":[{{"role":"user","content":[{{"document":{{"format":"pdf","name":"d","source":{{"bytes":"{data}"}}}}}}]}}]}}"#), Medium::Document, 3000),
    ] {
        let view = chat(&body).expect("a request");
        assert_eq!(view.volume.pieces_of(medium), 1, "{}", &body[..150]);
        assert_eq!(view.volume.pieces.iter().sum::<u64>(), 1, "{}", &body[..150]);
        assert_eq!(view.volume.media_bytes[medium as usize], bytes, "{}", &body[..150]);
        assert!(view.volume.characters() < 10, "{} {:?}", &body[..150], view.volume);
    }
}

#[test]
fn a_text_file_counts_as_its_text_and_sealed_thoughts_apart() {
    let body = r#"{"contents":[{"parts":[{"inlineData":{"mimeType":"text/plain","data":"QUJDREVG"}},
        {"text":"x","thoughtSignature":"abcd"}]}],"input":[{"content":[{"file_data":"data:text/plain;base64,QUJD"}]}]}"#;
    let volume = chat(body).expect("a request").volume;
    assert_eq!((volume.file_text, volume.opaque, volume.characters()), (9, 4, 1));
    assert_eq!(volume.pieces, [0; 4]);
}

#[test]
fn text_in_the_arguments_and_results_of_tools_is_text_whatever_its_key() {
    let view = chat(
        r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"x","name":"f",
            "input":{"data":"abcd","url":"efgh","type":"ij"}}]}],
            "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]}"#,
    )
    .expect("a request");
    assert!(!view.volume.has_media());
    assert_eq!((view.volume.messages, view.volume.tools), (1, 1));
    // The tool's name is text, and the argument's names and values; the schema's words are counted apart.
    assert_eq!(view.volume.characters(), ("f".len() + "dataabcdurlefghtypeij".len() + "f".len()) as u64);
    assert_eq!(view.volume.schema_words, 7);
    let body =
        r#"{"tools":[{"name":"f","input_schema":{"properties":{"name":{"type":"string"},"type":{}}}}]}"#;
    let view = chat(body).expect("a request");
    assert_eq!((view.volume.tools, view.volume.characters()), (1, ("f".len() + "nametype".len()) as u64));
    let gemini = r#"{"tools":[{"functionDeclarations":[{"name":"a"},{"name":"b"}]}]}"#;
    assert_eq!(chat(gemini).expect("a request").volume.tools, 2);
}

#[test]
fn tokens_given_as_numbers_count_as_tokens() {
    let view = at(
        Surface::OpenAiEmbeddings,
        "/v1/embeddings",
        r#"{"model":"text-embedding-3-small","input":[[1,2,3],[4]]}"#,
    );
    assert_eq!(view.volume.token_ids, 4);
    let view =
        chat(r#"{"messages":[{"content":[{"args":{"x":1.5}}]}],"tools":[{"top":0.5}]}"#).expect("numbers");
    assert_eq!(view.volume.characters(), ("x".len() + 2 + "top".len() + 2) as u64);
}

#[test]
fn speech_counts_the_characters_to_be_spoken() {
    let view = at(Surface::OpenAiSpeech, "/v1/audio/speech", r#"{"model":"tts-1","input":"Grüße!"}"#);
    assert_eq!(view.characters, Some(6));
}

#[test]
fn of_two_equal_keys_the_last_holds_also_for_texts_and_labels() {
    let view = chat(r#"{"messages":["aaaa"],"user":"a","messages":["b"],"user":"b"}"#).expect("a request");
    assert_eq!(view.volume.ascii, 1);
    assert_eq!(view.labels.get(bursar_core::LabelField::Consumer), Some("b"));
}

#[test]
fn a_form_says_its_model_and_counts_its_file() {
    let body = b"--xx\r\ncontent-disposition: form-data; name=\"file\"; filename=\"talk.mp3\"\r\ncontent-type: audio/mpeg\r\n\r\n\xff\xfb\x00--x\r\n\r\n--xx\r\nContent-Disposition: form-data; name=model\r\n\r\nwhisper-1\r\n--xx\r\nContent-Disposition: form-data; name=\"stream\"\r\n\r\ntrue\r\n--xx--\r\n";
    let view = RequestView::parse(
        Surface::OpenAiTranscription,
        "/v1/audio/transcriptions",
        Some("multipart/form-data; boundary=\"xx\""),
        body,
    )
    .expect("a form");
    assert_eq!((view.model.as_deref(), view.stream), (Some("whisper-1"), true));
    assert_eq!(
        (view.volume.pieces_of(Medium::Audio), view.volume.media_bytes[Medium::Audio as usize]),
        (1, 8)
    );
    let ModelPlace::Form(place) = view.model_place else { panic!("in the form") };
    assert_eq!(&body[place], b"whisper-1");
}

#[test]
fn a_form_that_cannot_be_taken_apart_is_refused() {
    for (kind, body) in [
        ("multipart/form-data", "--x\r\n\r\n--x--"),
        ("multipart/form-data; boundary=x", "no boundary"),
        ("multipart/form-data; boundary=x", "--x\r\nname=model\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", &"--x\r\n\r\n\r\n".repeat(400)),
    ] {
        let result =
            RequestView::parse(Surface::OpenAiImages, "/v1/images/edits", Some(kind), body.as_bytes());
        assert!(matches!(result, Err(BadRequest::BadForm(_))), "{kind} {result:?}");
    }
}

#[test]
fn counted_input_uses_the_models_own_vocabulary() {
    let body = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hello world"}]}"#;
    let view = chat(body).expect("a request");
    assert_eq!(view.count_input(body.as_bytes()).1, Provenance::Counted);
    let body = body.replace("gpt-4o", "claude-sonnet-4");
    let view = chat(&body).expect("a request");
    assert_eq!(view.count_input(body.as_bytes()), view.estimate_input());
}
