use super::*;
use proptest::prelude::*;

#[derive(Debug, Default, PartialEq)]
struct Found {
    values: Vec<(Field, String)>,
    text: String,
    too_large: Vec<Field>,
}

impl FieldSink for Found {
    fn value(&mut self, field: Field, raw: &[u8]) {
        self.values.push((field, String::from_utf8_lossy(raw).into_owned()));
    }
    fn text(&mut self, _: Field, piece: &[u8]) {
        self.text.push_str(&String::from_utf8_lossy(piece));
    }
    fn too_large(&mut self, field: Field) {
        self.too_large.push(field);
    }
}

fn found_in(pieces: &[&[u8]]) -> Found {
    let (mut sieve, mut found) = (Sieve::new(Watch::Usual), Found::default());
    for piece in pieces {
        sieve.feed(piece, &mut found);
    }
    sieve.end_document(&mut found);
    found
}

#[test]
fn the_usage_object_is_kept_as_it_stands_and_the_rest_is_not() {
    let text =
        r#"{"id":"x","choices":[{"delta":{"content":"a\"b"},"usage":1}],"usage": {"prompt_tokens": 3 }}"#;
    let found = found_in(&[text.as_bytes()]);
    assert_eq!(
        found.values,
        [(Field::ResponseId, "\"x\"".to_owned()), (Field::Usage, r#"{"prompt_tokens": 3 }"#.to_owned())]
    );
    assert_eq!(found.text, "a\\\"b");
}

#[test]
fn a_key_of_the_same_name_elsewhere_is_not_taken() {
    let text = r#"{"output":[{"usage":{"a":1}}],"metadata":{"user":"usage"},"x":"usage"}"#;
    assert_eq!(found_in(&[text.as_bytes()]).values, []);
}

#[test]
fn an_array_at_the_root_is_seen_through() {
    let text = r#"[{"usageMetadata":{"a":1}},{"usageMetadata":{"a":2}}]"#;
    assert_eq!(found_in(&[text.as_bytes()]).values.len(), 2);
}

#[test]
fn a_value_above_the_cap_is_said_to_be_too_large() {
    let text = format!(r#"{{"usage":{{"a":"{}"}},"id":"y"}}"#, "z".repeat(VALUE_CAP));
    let found = found_in(&[text.as_bytes()]);
    assert_eq!(found.too_large, [Field::Usage]);
    assert_eq!(found.values, [(Field::ResponseId, "\"y\"".to_owned())]);
}

#[test]
fn nesting_beyond_the_cap_is_passed_over_and_what_follows_is_found() {
    let deep = format!(r#"{{"a":{}1{},"usage":{{"b":2}}}}"#, "[".repeat(400), "]".repeat(400));
    assert_eq!(found_in(&[deep.as_bytes()]).values, [(Field::Usage, r#"{"b":2}"#.to_owned())]);
}

proptest! {
    #[test]
    fn any_split_of_any_bytes_finds_the_same(
        text in r#"([{}\[\],:"0-9a\\ ]|"usage"|"delta"|"choices"|"content"){0,40}"#,
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = text.as_bytes();
        let (a, b) = bytes.split_at(cut.index(bytes.len() + 1));
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        let whole = found_in(&[bytes]);
        prop_assert_eq!(&found_in(&[a, b]), &whole);
        prop_assert_eq!(&found_in(&single), &whole);
    }
}
