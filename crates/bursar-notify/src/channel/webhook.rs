//! A POST of JSON, signed where there is a secret.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Uri};

use super::SendError;
use crate::http_post::HttpPost;
use crate::message::Message;
use crate::secret::Secret;
use crate::signature;

pub(super) async fn send(
    post: &HttpPost,
    url: &Uri,
    secret: Option<&Secret>,
    message: &Message,
) -> Result<(), SendError> {
    let body = message.json().to_string();
    let mut headers = HeaderMap::new();
    let value = |text: &str| HeaderValue::from_str(text).map_err(|e| SendError::lasting(e.to_string()));
    headers.insert("idempotency-key", value(&message.alert.id)?);
    if let Some(secret) = secret {
        let now = jiff::Timestamp::now().as_second();
        let signed = signature::sign(secret.reveal().as_bytes(), now, body.as_bytes());
        headers.insert(signature::HEADER, value(&signed)?);
    }
    post.send(url, headers, Bytes::from(body)).await
}
