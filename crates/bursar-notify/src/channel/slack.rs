//! A POST that Slack, Mattermost and others understand.

use bytes::Bytes;
use http::{HeaderMap, Uri};
use serde_json::{Value, json};

use super::SendError;
use crate::http_post::HttpPost;
use crate::message::Message;

pub(super) async fn send(post: &HttpPost, url: &Uri, message: &Message) -> Result<(), SendError> {
    post.send(url, HeaderMap::new(), Bytes::from(body(message).to_string())).await
}

/// A bold word that says how much it matters, the sentence, and a line of facts below.
fn body(message: &Message) -> Value {
    let owner = message.alert.owner.as_deref();
    let owner = owner.map_or_else(String::new, |o| format!("\n_owner: {}_", escaped(o)));
    json!({ "text": format!("*{}* {}{owner}", message.heading(), escaped(&message.alert.text)) })
}

/// What would be read as markup or a mention is written as itself.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::Timestamp;

    #[test]
    fn a_name_cannot_mention_anybody() {
        let mut message = Message::test(Timestamp::from_seconds(0));
        message.alert.text = "Budget <!channel> & co".to_owned();
        assert_eq!(body(&message)["text"], "*info* Budget &lt;!channel&gt; &amp; co");
    }
}
