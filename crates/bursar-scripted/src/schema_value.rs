//! A value that follows a JSON schema: what a model with structured output would give.

use serde_json::{Map, Value};

use crate::words;

const DEEPEST: usize = 16;

/// A value of `schema` that follows from the seed. It honours types, enums, constants, `$ref` into the schema's
/// own definitions, `anyOf`, bounds of numbers and least lengths; patterns are not honoured.
#[must_use]
pub(crate) fn for_schema(schema: &Value, seed: u64) -> Value {
    Writer { root: schema }.value(schema, seed, 0)
}

struct Writer<'a> {
    root: &'a Value,
}

impl Writer<'_> {
    fn value(&self, schema: &Value, seed: u64, depth: usize) -> Value {
        if depth > DEEPEST {
            return Value::Null;
        }
        if let Some(target) =
            schema["$ref"].as_str().and_then(|r| self.root.pointer(r.trim_start_matches('#')))
        {
            return self.value(target, seed, depth + 1);
        }
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        if let Some(options) = schema["enum"].as_array().filter(|o| !o.is_empty()) {
            return options[pick(seed, options.len())].clone();
        }
        for any in ["anyOf", "oneOf", "allOf"] {
            if let Some(first) = schema[any].as_array().and_then(|o| o.first()) {
                return self.value(first, seed, depth + 1);
            }
        }
        let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
        let kind = kind.map(str::to_ascii_lowercase);
        match kind.as_deref().unwrap_or(if schema["properties"].is_object() { "object" } else { "string" }) {
            "object" => self.object(schema, seed, depth),
            "array" => self.array(schema, seed, depth),
            "integer" => Value::from(integer(schema, seed)),
            "number" => Value::from(integer(schema, seed)),
            "boolean" => Value::from(seed.is_multiple_of(2)),
            "null" => Value::Null,
            _ => text(schema, seed),
        }
    }

    fn object(&self, schema: &Value, seed: u64, depth: usize) -> Value {
        let empty = Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&empty);
        let member = |(i, (name, of)): (usize, (&String, &Value))| {
            (name.clone(), self.value(of, words::mix(seed, i as u64), depth + 1))
        };
        Value::Object(properties.iter().enumerate().map(member).collect())
    }

    fn array(&self, schema: &Value, seed: u64, depth: usize) -> Value {
        let least = schema["minItems"].as_u64().unwrap_or(1).clamp(1, 64);
        (0..least).map(|i| self.value(&schema["items"], words::mix(seed, i), depth + 1)).collect()
    }
}

fn pick(seed: u64, length: usize) -> usize {
    usize::try_from(seed % length.max(1) as u64).unwrap_or(0)
}

fn integer(schema: &Value, seed: u64) -> i64 {
    let least = schema["minimum"].as_i64().or_else(|| schema["exclusiveMinimum"].as_i64().map(|m| m + 1));
    let most = schema["maximum"].as_i64().or_else(|| schema["exclusiveMaximum"].as_i64().map(|m| m - 1));
    let low = least.unwrap_or_else(|| most.map_or(1, |m| m.min(1)));
    let high = most.unwrap_or(low.saturating_add(99)).max(low);
    let span = high.abs_diff(low).saturating_add(1).max(1);
    low.saturating_add_unsigned(seed % span)
}

fn text(schema: &Value, seed: u64) -> Value {
    match schema["format"].as_str() {
        Some("date") => return Value::from("2026-01-15"),
        Some("date-time") => return Value::from("2026-01-15T09:30:00Z"),
        Some("email") => return Value::from("someone@example.com"),
        Some("uuid") => return Value::from("018f3c1e-7d2a-7b3c-9e4f-5a6b7c8d9e0f"),
        Some("uri") => return Value::from("https://example.com/"),
        _ => {}
    }
    let mut out = words::text(seed, 3);
    let least = usize::try_from(schema["minLength"].as_u64().unwrap_or(0).min(4096)).unwrap_or(0);
    while out.len() < least {
        out.push_str(&words::word(seed, out.len() as u64));
    }
    if let Some(most) = schema["maxLength"].as_u64().and_then(|m| usize::try_from(m).ok()) {
        out.truncate(most);
    }
    Value::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_type_of_a_schema_gets_a_value_of_that_type() {
        let schema = json!({
            "type": "object",
            "properties": {
                "name": {"type": "string"}, "age": {"type": "integer", "minimum": 18, "maximum": 20},
                "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2},
                "mood": {"enum": ["good", "bad"]}, "home": {"$ref": "#/$defs/Home"},
                "maybe": {"anyOf": [{"type": "number"}, {"type": "null"}]}, "kind": {"type": "STRING"}
            },
            "$defs": {"Home": {"type": "object", "properties": {"city": {"type": "string"}}}}
        });
        let value = for_schema(&schema, 11);
        assert!(value["name"].is_string() && value["kind"].is_string());
        assert!((18..=20).contains(&value["age"].as_i64().unwrap()));
        assert_eq!(value["tags"].as_array().unwrap().len(), 2);
        assert!(["good", "bad"].contains(&value["mood"].as_str().unwrap()));
        assert!(value["home"]["city"].is_string() && value["maybe"].is_number());
        assert_eq!(value, for_schema(&schema, 11));
    }

    #[test]
    fn a_schema_that_contains_itself_comes_to_an_end() {
        let schema = json!({"type": "object", "properties": {"next": {"$ref": "#"}}});
        assert!(for_schema(&schema, 1)["next"].is_object());
    }
}
