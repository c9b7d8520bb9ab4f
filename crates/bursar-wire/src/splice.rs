//! Edits of a request body that change one value and leave every other byte as it was.

mod limit;

use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::request::{ModelPlace, RequestView};

pub use limit::{least_output, limit_output};

/// The body with `stream_options.include_usage` set to true, for an OpenAI chat or completions stream whose
/// client did not ask for usage. `None` where there is nothing to change: it is no stream, usage was asked for,
/// or the body is no JSON object.
#[must_use]
pub fn ask_for_usage(body: &[u8], view: &RequestView) -> Option<Vec<u8>> {
    if !view.stream || view.include_usage {
        return None;
    }
    let text = std::str::from_utf8(body).ok()?;
    let top = Fields::of(text)?;
    let Some(options) = top.last("stream_options") else {
        return Some(insert_first(text, 0, r#""stream_options":{"include_usage":true}"#));
    };
    let inner = &text[options.clone()];
    if inner == "null" {
        return Some(replace(body, options, br#"{"include_usage":true}"#));
    }
    let fields = Fields::of(inner)?;
    Some(match fields.last("include_usage") {
        Some(asked) => replace(body, options.start + asked.start..options.start + asked.end, b"true"),
        None => insert_first(text, options.start, r#""include_usage":true"#),
    })
}

/// The body with another model in its place; unchanged where the body does not name one.
#[must_use]
pub fn replace_model(body: &[u8], view: &RequestView, model: &str) -> Vec<u8> {
    match &view.model_place {
        ModelPlace::Form(place) => replace(body, place.clone(), model.as_bytes()),
        ModelPlace::None | ModelPlace::Path(_) => body.to_vec(),
        ModelPlace::Body => {
            let place = std::str::from_utf8(body).ok().and_then(|t| Fields::of(t)?.last("model"));
            match place {
                Some(place) => replace(body, place, serde_json::Value::from(model).to_string().as_bytes()),
                None => body.to_vec(),
            }
        }
    }
}

fn replace(body: &[u8], place: Range<usize>, with: &[u8]) -> Vec<u8> {
    [&body[..place.start], with, &body[place.end..]].concat()
}

/// Inserts a field behind the first `{` at or after `from`, in front of whatever stands there.
fn insert_first(text: &str, from: usize, field: &str) -> Vec<u8> {
    let at = text[from..].find('{').map_or(from, |i| from + i + 1);
    let is_empty = text[at..].trim_start().starts_with('}');
    [&text[..at], field, if is_empty { "" } else { "," }, &text[at..]].concat().into_bytes()
}

/// The fields of an object and where their values stand.
struct Fields(Vec<(String, Range<usize>)>);

impl Fields {
    fn of(text: &str) -> Option<Fields> {
        struct Raw<'a>(Vec<(String, &'a RawValue)>);

        impl<'de> Deserialize<'de> for Raw<'de> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct RawVisitor;
                impl<'de> Visitor<'de> for RawVisitor {
                    type Value = Raw<'de>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw<'de>, A::Error> {
                        let mut fields = Vec::new();
                        while let Some(field) = map.next_entry()? {
                            fields.push(field);
                        }
                        Ok(Raw(fields))
                    }
                }
                deserializer.deserialize_map(RawVisitor)
            }
        }

        let Raw(fields) = serde_json::from_str::<Raw<'_>>(text).ok()?;
        let place = |raw: &RawValue| {
            let from = raw.get().as_ptr().addr() - text.as_ptr().addr();
            from..from + raw.get().len()
        };
        Some(Fields(fields.into_iter().map(|(name, raw)| (name, place(raw))).collect()))
    }

    /// Where the value of a key stands; of the last one, where there are several.
    fn last(&self, key: &str) -> Option<Range<usize>> {
        self.0.iter().rev().find(|(name, _)| name == key).map(|(_, place)| place.clone())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::surface::Surface;

    fn view(body: &str) -> RequestView {
        RequestView::parse(Surface::OpenAiChat, "/v1/chat/completions", None, body.as_bytes()).expect(body)
    }

    fn asked(body: &str) -> Option<String> {
        ask_for_usage(body.as_bytes(), &view(body)).map(|b| String::from_utf8(b).expect("text"))
    }

    #[test]
    fn usage_is_asked_for_where_a_stream_did_not_ask() {
        for (body, expected) in [
            (r#"{"stream":true}"#, r#"{"stream_options":{"include_usage":true},"stream":true}"#),
            (
                " { \"stream\" : true }\n",
                " {\"stream_options\":{\"include_usage\":true}, \"stream\" : true }\n",
            ),
            (
                r#"{"stream":true,"stream_options":null}"#,
                r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"stream":true,"stream_options":{ }}"#,
                r#"{"stream":true,"stream_options":{"include_usage":true }}"#,
            ),
            (
                r#"{"stream_options":{"x":[1]},"stream":true}"#,
                r#"{"stream_options":{"include_usage":true,"x":[1]},"stream":true}"#,
            ),
            (
                r#"{"stream_options":{"include_usage": false },"stream":true}"#,
                r#"{"stream_options":{"include_usage": true },"stream":true}"#,
            ),
        ] {
            assert_eq!(asked(body).as_deref(), Some(expected), "{body}");
        }
    }

    #[test]
    fn nothing_is_changed_where_usage_was_asked_for_or_nothing_streams() {
        for body in [
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
            r#"{"stream":false}"#,
            "{}",
            r#"{"stream":true,"stream":false}"#,
        ] {
            assert_eq!(asked(body), None, "{body}");
        }
    }

    #[test]
    fn of_several_equal_keys_the_last_is_read_and_the_last_is_edited() {
        let body = r#"{"model":"a","stream_options":{"include_usage":true},"stream":true,"stream_options":{},"model":"b"}"#;
        assert_eq!(view(body).model.as_deref(), Some("b"));
        let expected = r#"{"model":"a","stream_options":{"include_usage":true},"stream":true,"stream_options":{"include_usage":true},"model":"b"}"#;
        assert_eq!(asked(body).as_deref(), Some(expected));
        let replaced = replace_model(body.as_bytes(), &view(body), "c");
        assert!(replaced.ends_with(br#""model":"c"}"#) && replaced.starts_with(br#"{"model":"a""#));
    }

    #[test]
    fn a_key_with_escapes_is_the_key_that_it_spells() {
        let body = r#"{"str\u0065am":true,"mod\u0065l":"a\u0062"}"#;
        assert_eq!(view(body).model.as_deref(), Some("ab"));
        let replaced = replace_model(body.as_bytes(), &view(body), "say \"x\"");
        assert_eq!(replaced, br#"{"str\u0065am":true,"mod\u0065l":"say \"x\""}"#);
    }

    #[test]
    fn the_model_of_a_form_is_replaced_in_its_place() {
        let body = "--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\r\n\0\u{1}\r\n--B--\r\n";
        let view = RequestView::parse(
            Surface::OpenAiTranscription,
            "/v1/audio/transcriptions",
            Some("multipart/form-data; boundary=B"),
            body.as_bytes(),
        )
        .expect("a form");
        let replaced = replace_model(body.as_bytes(), &view, "gpt-4o-transcribe");
        assert_eq!(
            String::from_utf8(replaced).expect("text"),
            body.replace("whisper-1", "gpt-4o-transcribe")
        );
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-z_]{1,6}", inner, 0..4)
                    .prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn an_edited_body_differs_in_the_edited_field_only(
            mut rest in proptest::collection::btree_map(".{1,6}", any_json(), 0..6),
            options in proptest::option::of(proptest::collection::btree_map("[a-z]{1,4}", any_json(), 0..3)),
            model in ".{0,12}",
            pretty in any::<bool>(),
        ) {
            // Keys whose values are checked have their own tests.
            rest.retain(|k, _| !["n", "user"].contains(&k.as_str()));
            let mut body: serde_json::Map<String, Value> = rest.into_iter().collect();
            body.insert("stream".into(), true.into());
            body.insert("model".into(), "before".into());
            if let Some(options) = options {
                body.insert("stream_options".into(), Value::Object(options.into_iter().collect()));
            }
            let value = Value::Object(body);
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let text = text.expect("JSON");
            let view = view(&text);

            let mut expected = value.clone();
            if expected["stream_options"].is_null() {
                expected["stream_options"] = json!({});
            }
            expected["stream_options"]["include_usage"] = true.into();
            let asked = ask_for_usage(text.as_bytes(), &view).expect("it streams and did not ask");
            prop_assert_eq!(serde_json::from_slice::<Value>(&asked).expect("JSON"), expected);

            let mut expected = value;
            expected["model"] = model.as_str().into();
            let replaced = replace_model(text.as_bytes(), &view, &model);
            prop_assert_eq!(serde_json::from_slice::<Value>(&replaced).expect("JSON"), expected);
            prop_assert_eq!(replaced.len() - Value::from(model.as_str()).to_string().len(), text.len() - 8);
        }
    }
}
