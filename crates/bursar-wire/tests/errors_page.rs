//! `docs/reference/errors.md` says of every kind of error what a caller really gets.

use std::time::Duration;

use bursar_wire::{Dialect, ErrorBody, ErrorKind, RenderedError};
use serde_json::Value;

const PAGE: &str = include_str!("../../../docs/reference/errors.md");

fn rendered(kind: ErrorKind, dialect: Dialect) -> (RenderedError, Value) {
    let error = ErrorBody::new(kind, "A sentence.").render(dialect);
    let body = serde_json::from_slice(&error.body).unwrap();
    (error, body)
}

fn header<'a>(error: &'a RenderedError, name: &str) -> Option<&'a str> {
    error.headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str())
}

/// The row of a kind in the table of statuses.
fn row(kind: ErrorKind) -> String {
    let (openai, body) = rendered(kind, Dialect::OpenAi);
    let text = |value: &Value| value.as_str().map(|s| format!("`{s}`"));
    let code = text(&body["error"]["code"]).map(|c| format!(", {c}")).unwrap_or_default();
    let openai_cell = format!("{} {}{code}", openai.status, text(&body["error"]["type"]).unwrap());
    let (anthropic, body) = rendered(kind, Dialect::Anthropic);
    let anthropic_cell = format!("{} {}", anthropic.status, text(&body["error"]["type"]).unwrap());
    let (gemini, body) = rendered(kind, Dialect::Gemini);
    let gemini_cell = format!("{} {}", gemini.status, text(&body["error"]["status"]).unwrap());
    let (bedrock, _) = rendered(kind, Dialect::Bedrock);
    let bedrock_cell = format!("{} `{}`", bedrock.status, header(&bedrock, "x-amzn-errortype").unwrap());
    let (cohere, _) = rendered(kind, Dialect::Cohere);
    let retry = header(&openai, "x-should-retry").map_or("–".to_owned(), |v| format!("`{v}`"));
    format!(
        "| `{}` | {openai_cell} | {anthropic_cell} | {gemini_cell} | {bedrock_cell} | {} | {retry} |",
        kind.name(),
        cohere.status
    )
}

fn section(title: &str) -> &'static str {
    let from = PAGE.find(&format!("\n## {title}\n")).unwrap_or_else(|| panic!("no section {title:?}"));
    let rest = &PAGE[from + 4..];
    &rest[..rest.find("\n## ").unwrap_or(rest.len())]
}

fn rows(title: &str) -> Vec<&'static str> {
    section(title).lines().filter(|l| l.starts_with("| `")).collect()
}

#[test]
fn the_table_of_statuses_is_what_every_dialect_gets() {
    let expected: Vec<String> = ErrorKind::ALL.iter().map(|&kind| row(kind)).collect();
    let found = rows("Status, type and code");
    assert_eq!(found, expected, "the table has to be:\n{}", expected.join("\n"));
}

#[test]
fn every_kind_says_when_it_comes_and_what_to_do() {
    let named: Vec<&str> = rows("What each kind means")
        .iter()
        .map(|row| {
            let cells: Vec<&str> = row.split(" | ").collect();
            assert!(cells.len() == 3 && cells.iter().all(|c| c.len() > 2), "{row}");
            cells[0].trim_start_matches("| ").trim_matches('`')
        })
        .collect();
    assert_eq!(named, ErrorKind::ALL.iter().map(|k| k.name()).collect::<Vec<_>>());
}

#[test]
fn the_examples_are_the_bodies_that_are_sent() {
    let error = ErrorBody::new(ErrorKind::Overloaded, "The gateway has 16384 requests to answer already.")
        .with_retry_after(Duration::from_secs(2))
        .with_request_id("req_01a20fe44a6474d5b33f4a2d61abfc8e");
    let dialects = [
        ("OpenAI", Dialect::OpenAi),
        ("Anthropic", Dialect::Anthropic),
        ("Gemini", Dialect::Gemini),
        ("Bedrock and Cohere", Dialect::Bedrock),
    ];
    for (name, dialect) in dialects {
        let text = section("The body of each dialect");
        let from =
            text.find(&format!("\n{name}:\n\n```json\n")).unwrap_or_else(|| panic!("no example of {name}"));
        let example = text[from..].split("```json\n").nth(1).unwrap().split("```").next().unwrap();
        let example: Value = serde_json::from_str(example).unwrap();
        let sent: Value = serde_json::from_slice(&error.render(dialect).body).unwrap();
        assert_eq!(example, sent, "{name} gets:\n{}", serde_json::to_string_pretty(&sent).unwrap());
    }
}
