//! PagerDuty's Events API v2: an incident is triggered when a rule is crossed and resolved when that is over.

use bytes::Bytes;
use http::{HeaderMap, Uri};
use serde_json::{Value, json};

use super::SendError;
use crate::http_post::HttpPost;
use crate::message::{self, Message};
use crate::secret::Secret;

/// The longest summary that PagerDuty takes, in characters.
const LONGEST_SUMMARY: usize = 1024;

pub(super) async fn send(
    post: &HttpPost,
    url: &Uri,
    routing_key: &Secret,
    message: &Message,
) -> Result<(), SendError> {
    let mut body = body(message);
    body["routing_key"] = routing_key.reveal().into();
    post.send(url, HeaderMap::new(), Bytes::from(body.to_string())).await
}

/// The event without its routing key.
fn body(message: &Message) -> Value {
    let alert = &message.alert;
    if message.is_over() {
        return json!({ "event_action": "resolve", "dedup_key": alert.incident });
    }
    let summary: String = alert.text.chars().take(LONGEST_SUMMARY).collect();
    let facts: serde_json::Map<String, Value> =
        message.facts().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    json!({
        "event_action": "trigger",
        "dedup_key": alert.incident,
        "client": "Bursar",
        "payload": {
            "summary": summary,
            "source": alert.budget.as_deref().or(alert.instance.as_deref()).unwrap_or("bursar"),
            "severity": alert.severity,
            "timestamp": message::time(alert.at),
            "class": alert.rule,
            "custom_details": facts,
        },
    })
}
