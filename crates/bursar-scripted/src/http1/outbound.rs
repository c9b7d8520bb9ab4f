//! Writing answers.

use std::fmt::Write as _;

/// A response head; `length` is the body's, and `None` sends it chunked.
#[must_use]
pub(crate) fn head(
    status: u16,
    content_type: &str,
    extra: &[(&str, String)],
    length: Option<usize>,
) -> Vec<u8> {
    let mut text = String::with_capacity(256);
    let _ = write!(text, "HTTP/1.1 {status} {}\r\ncontent-type: {content_type}\r\n", reason(status));
    for (name, value) in extra {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    let _ = match length {
        Some(length) => write!(text, "content-length: {length}\r\n\r\n"),
        None => write!(text, "cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"),
    };
    text.into_bytes()
}

/// A whole `POST` request with a JSON body.
pub(crate) fn request(host: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = String::with_capacity(256 + body.len());
    let _ = write!(text, "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n");
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    let _ = write!(text, "content-length: {}\r\n\r\n{body}", body.len());
    text.into_bytes()
}

/// Appends one chunk of a chunked body. An empty one would end the body, so nothing is appended for it.
pub(crate) fn chunk(into: &mut Vec<u8>, data: &[u8]) {
    if data.is_empty() {
        return;
    }
    into.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
    into.extend_from_slice(data);
    into.extend_from_slice(b"\r\n");
}

/// The end of a chunked body.
#[must_use]
pub(crate) const fn last_chunk() -> &'static [u8] {
    b"0\r\n\r\n"
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Payload Too Large",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        529 => "Overloaded",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_carries_its_size_and_an_empty_one_is_left_out() {
        let mut out = Vec::new();
        chunk(&mut out, b"0123456789abcdef!");
        chunk(&mut out, b"");
        assert_eq!(out, b"11\r\n0123456789abcdef!\r\n");
    }
}
