//! Values of labels that have a form of their own.

use bursar_core::LabelField::{App, Consumer, Environment, ParentStep, Step, Task};
use serde_json::{Map, Value};

use super::sources::Group;
use super::{Labels, Source};
use crate::percent;

/// The most members of a baggage header that are read.
const BAGGAGE_LIMIT: usize = 64;

/// A list of tags between commas: `name=value`, `name:value`, or a bare name, whose value is `true`.
pub(super) fn tags(labels: &mut Labels, source: Source, list: &str) {
    for item in list.split(',').take(super::TAG_LIMIT * 2) {
        let (name, value) = item.split_once(['=', ':']).unwrap_or((item, "true"));
        match (percent::decode(name), percent::decode(value)) {
            (Some(name), Some(value)) => labels.tag(&name, source, &value),
            _ => labels.dropped(source, "it is not valid UTF-8"),
        }
    }
}

/// A JSON object of names and values.
pub(super) fn json_map(labels: &mut Labels, source: Source, json: &str) {
    match serde_json::from_str::<Map<String, Value>>(json) {
        Ok(map) => values(labels, source, &map),
        Err(_) => labels.dropped(source, "it is not a JSON object"),
    }
}

fn values(labels: &mut Labels, source: Source, map: &Map<String, Value>) {
    for (name, value) in map {
        match scalar(value) {
            Some(text) => labels.named(source, name, &text),
            None if value.is_null() => {}
            None => nested(labels, source, name, value),
        }
    }
}

/// LiteLLM's nested labels; other nested values are no labels.
fn nested(labels: &mut Labels, source: Source, name: &str, value: &Value) {
    match (name, value) {
        ("tags", Value::Array(items)) => {
            for item in items.iter().filter_map(Value::as_str) {
                tags(labels, source, item);
            }
        }
        ("spend_logs_metadata", Value::Object(map)) => {
            for (name, value) in map {
                if let Some(text) = scalar(value) {
                    labels.named(source, name, &text);
                }
            }
        }
        _ => labels.dropped(source, "it is neither text nor a number nor a boolean"),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// `/plan/search/fetch` is the step; `/plan/search` is its parent.
pub(super) fn session_path(labels: &mut Labels, source: Source, path: &str) {
    labels.propose(Step, source, path);
    if let Some((parent, _)) = path.trim_end_matches('/').rsplit_once('/') {
        labels.propose(ParentStep, source, parent);
    }
}

/// The trace is the task, and the caller's span is the step.
pub(super) fn trace_parent(labels: &mut Labels, source: Source, value: &str) {
    let parts: Vec<&str> = value.split('-').take(5).collect();
    let is_hex = |text: &str, length: usize| {
        text.len() == length
            && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            && text.bytes().any(|b| b != b'0')
    };
    match parts.as_slice() {
        [version, trace, span, _, ..] if version.len() == 2 && is_hex(trace, 32) && is_hex(span, 16) => {
            labels.propose(Task, source, trace);
            labels.propose(Step, source, span);
        }
        _ => labels.dropped(source, "it is not a W3C trace parent"),
    }
}

/// Members `name=value` between commas, percent-encoded, each with properties behind `;` that are passed over.
pub(super) fn baggage(labels: &mut Labels, source: Source, value: &str) {
    for member in value.split(',').take(BAGGAGE_LIMIT) {
        let pair = member.split(';').next().unwrap_or("");
        let Some((name, value)) = pair.split_once('=') else { continue };
        let name = name.trim();
        let Some(value) = percent::decode(value.trim()) else {
            labels.dropped(source, "it is not valid UTF-8");
            continue;
        };
        match name {
            "session.id" => labels.propose(Task, source, &value),
            "user.id" | "enduser.id" => labels.propose(Consumer, source, &value),
            "service.name" => labels.propose(App, source, &value),
            "deployment.environment.name" | "deployment.environment" => {
                labels.propose(Environment, source, &value);
            }
            _ => labels.named(source, name.strip_prefix("bursar.").unwrap_or(name), &value),
        }
    }
}

/// A field of the body.
pub(super) fn body_field(labels: &mut Labels, key: &'static str, index: usize, json: &str) {
    let source = |group: Group| Source { name: key, rank: group.rank(index) };
    let Ok(value) = serde_json::from_str::<Value>(json) else { return };
    match (key, &value) {
        (_, Value::Null) => {}
        ("user" | "safety_identifier", Value::String(user)) => {
            end_user(labels, source(Group::BodyUser), user);
        }
        ("session_id" | "litellm_session_id", Value::String(id)) => {
            labels.propose(Task, source(Group::BodyMetadata), id);
        }
        ("prompt_cache_key", Value::String(text)) => labels.tag(key, source(Group::BodyUser), text),
        (_, Value::Object(map)) => metadata(labels, source, map),
        // A form, or an SDK's extra body, may carry the object as text.
        ("metadata" | "litellm_metadata", Value::String(text)) => {
            json_map(labels, source(Group::BodyMetadata), text);
        }
        _ => labels.dropped(source(Group::BodyMetadata), "it has a type that labels do not have"),
    }
}

fn metadata(labels: &mut Labels, source: impl Fn(Group) -> Source, map: &Map<String, Value>) {
    let mut rest = map.clone();
    if let Some(Value::String(user)) = map.get("user_id") {
        end_user(labels, source(Group::BodyUser), user);
        rest.remove("user_id");
    }
    values(labels, source(Group::BodyMetadata), &rest);
}

/// An end user. Claude Code writes its account and its session into one: as JSON, or as
/// `user_…_account_…_session_…`.
fn end_user(labels: &mut Labels, source: Source, user: &str) {
    #[derive(serde::Deserialize)]
    struct Agent {
        device_id: Option<String>,
        account_uuid: Option<String>,
        session_id: String,
    }
    if user.starts_with('{')
        && let Ok(agent) = serde_json::from_str::<Agent>(user)
    {
        labels.propose(Task, source, &agent.session_id);
        let account = agent.account_uuid.filter(|a| !a.is_empty());
        labels.propose(Consumer, source, account.or(agent.device_id).as_deref().unwrap_or(""));
        return;
    }
    if let Some((who, session)) = user.rsplit_once("_session_")
        && let Some((device, account)) = who.rsplit_once("_account_")
    {
        labels.propose(Task, source, session);
        labels.propose(Consumer, source, if account.is_empty() { device } else { account });
        return;
    }
    labels.propose(Consumer, source, user);
}
