//! The lists of models.

use super::errors::{self, Shape};
use super::{Answer, quoted};
use crate::price_table::{self, MODELS};

/// Models of one provider, told apart by how their names begin.
fn of(shape: Shape) -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|m| m.name).filter(move |name| belongs(shape, name))
}

fn belongs(shape: Shape, name: &str) -> bool {
    match shape {
        Shape::Anthropic => name.starts_with("claude"),
        Shape::Gemini => name.starts_with("gemini"),
        Shape::OpenAi => !name.starts_with("claude") && !name.starts_with("gemini"),
    }
}

/// All models of one provider.
pub(crate) fn list(shape: Shape) -> Answer {
    let entries: Vec<String> = of(shape).map(|name| entry(shape, name)).collect();
    let data = entries.join(",");
    let body = match shape {
        Shape::OpenAi => format!(r#"{{"object":"list","data":[{data}]}}"#),
        Shape::Anthropic => {
            let (first, last) = (of(shape).next().unwrap_or(""), of(shape).last().unwrap_or(""));
            format!(r#"{{"data":[{data}],"has_more":false,"first_id":"{first}","last_id":"{last}"}}"#)
        }
        Shape::Gemini => format!(r#"{{"models":[{data}]}}"#),
    };
    Answer::json(200, body)
}

/// One model by its name or snapshot.
pub(crate) fn one(shape: Shape, name: &str, request_id: &str) -> Answer {
    match price_table::find(name) {
        Some(_) => Answer::json(200, entry(shape, name)),
        None => {
            let message = errors::scripted_message(shape, 404, name);
            errors::answer(shape, 404, &message, request_id)
        }
    }
}

fn entry(shape: Shape, name: &str) -> String {
    let quoted_name = quoted(name);
    match shape {
        Shape::OpenAi => {
            format!(r#"{{"id":{quoted_name},"object":"model","created":1721172741,"owned_by":"system"}}"#)
        }
        Shape::Anthropic => format!(
            r#"{{"type":"model","id":{quoted_name},"display_name":{quoted_name},"created_at":"2025-09-29T00:00:00Z"}}"#
        ),
        Shape::Gemini => format!(
            r#"{{"name":"models/{name}","version":"001","displayName":{quoted_name},"inputTokenLimit":1048576,"outputTokenLimit":65536,"supportedGenerationMethods":["generateContent","countTokens"]}}"#
        ),
    }
}
