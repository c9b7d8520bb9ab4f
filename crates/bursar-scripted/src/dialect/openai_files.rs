//! OpenAI: files and batches, held in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::errors::{self, Shape};
use super::{Answer, Body, quoted};
use crate::words;

const MOST_FILES: usize = 1_000;
const LARGEST_SHELF: usize = 256 * 1024 * 1024;

/// The files and batches that callers have made.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    files: BTreeMap<String, StoredFile>,
    batches: BTreeMap<String, String>,
    bytes: usize,
    made: u64,
}

#[derive(Debug)]
struct StoredFile {
    name: String,
    purpose: String,
    content: Vec<u8>,
}

impl StoredFile {
    fn json(&self, id: &str) -> String {
        format!(
            r#"{{"id":"{id}","object":"file","bytes":{},"created_at":1767225600,"expires_at":null,"filename":{},"purpose":{},"status":"processed","status_details":null}}"#,
            self.content.len(),
            quoted(&self.name),
            quoted(&self.purpose)
        )
    }
}

/// A request about files or batches, taken apart.
pub(crate) struct ShelfCall<'a> {
    pub(crate) method: &'a str,
    /// The path after `/v1/`, in its parts.
    pub(crate) parts: &'a [&'a str],
    pub(crate) form: &'a [(String, Vec<u8>)],
    pub(crate) body: &'a serde_json::Value,
    pub(crate) request_id: &'a str,
}

impl Shelf {
    /// Answers a call; a full shelf answers 413.
    pub(crate) fn answer(&self, call: &ShelfCall<'_>) -> Answer {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = || errors::answer(Shape::OpenAi, 404, "No such File or Batch object.", call.request_id);
        match (call.method, call.parts) {
            ("POST", ["files"]) => inner.add_file(call),
            ("GET", ["files"]) => list(&inner.files.iter().map(|(id, f)| f.json(id)).collect::<Vec<_>>()),
            ("GET", ["files", id]) => {
                inner.files.get(*id).map_or_else(missing, |f| Answer::json(200, f.json(id)))
            }
            ("GET", ["files", id, "content"]) => inner.files.get(*id).map_or_else(missing, |f| Answer {
                content_type: "application/octet-stream",
                body: Body::Whole(f.content.clone()),
                ..Answer::json(200, "")
            }),
            ("DELETE", ["files", id]) => inner.remove_file(id).map_or_else(missing, |()| {
                Answer::json(200, format!(r#"{{"id":"{id}","object":"file","deleted":true}}"#))
            }),
            ("POST", ["batches"]) => inner.add_batch(call.body),
            ("GET", ["batches"]) => list(&inner.batches.values().cloned().collect::<Vec<_>>()),
            ("GET", ["batches", id]) => {
                inner.batches.get(*id).map_or_else(missing, |b| Answer::json(200, b.clone()))
            }
            ("POST", ["batches", id, "cancel"]) => {
                inner.cancel_batch(id).map_or_else(missing, |b| Answer::json(200, b))
            }
            _ => missing(),
        }
    }
}

impl Inner {
    fn add_file(&mut self, call: &ShelfCall<'_>) -> Answer {
        let field = |name: &str| call.form.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        let content = field("file").unwrap_or_default();
        if self.files.len() >= MOST_FILES || self.bytes + content.len() > LARGEST_SHELF {
            return errors::answer(Shape::OpenAi, 413, "No room for more files.", call.request_id);
        }
        let text = |name| String::from_utf8_lossy(&field(name).unwrap_or_default()).into_owned();
        let file = StoredFile { name: text("file.name"), purpose: text("purpose"), content };
        self.made += 1;
        self.bytes += file.content.len();
        let id = words::id("file-", 22, 17, self.made);
        let body = file.json(&id);
        self.files.insert(id, file);
        Answer::json(200, body)
    }

    fn remove_file(&mut self, id: &str) -> Option<()> {
        let file = self.files.remove(id)?;
        self.bytes -= file.content.len();
        Some(())
    }

    fn add_batch(&mut self, body: &serde_json::Value) -> Answer {
        self.made += 1;
        let id = words::id("batch_", 32, 19, self.made);
        let echo = |name: &str| body[name].to_string();
        let batch = format!(
            r#"{{"id":"{id}","object":"batch","endpoint":{},"errors":null,"input_file_id":{},"completion_window":{},"status":"validating","output_file_id":null,"error_file_id":null,"created_at":1767225600,"in_progress_at":null,"expires_at":1767312000,"finalizing_at":null,"completed_at":null,"failed_at":null,"expired_at":null,"cancelling_at":null,"cancelled_at":null,"request_counts":{{"total":0,"completed":0,"failed":0}},"metadata":{}}}"#,
            echo("endpoint"),
            echo("input_file_id"),
            echo("completion_window"),
            echo("metadata")
        );
        if self.batches.len() < MOST_FILES {
            self.batches.insert(id, batch.clone());
        }
        Answer::json(200, batch)
    }

    fn cancel_batch(&mut self, id: &str) -> Option<String> {
        let batch = self.batches.get_mut(id)?;
        *batch = batch.replace(r#""status":"validating""#, r#""status":"cancelling""#);
        Some(batch.clone())
    }
}

fn list(entries: &[String]) -> Answer {
    Answer::json(200, format!(r#"{{"object":"list","data":[{}],"has_more":false}}"#, entries.join(",")))
}

/// The fields of a multipart form: names and contents; a file's own name follows as `{field}.name`.
pub(crate) fn multipart(content_type: &str, body: &[u8]) -> Vec<(String, Vec<u8>)> {
    let Some(boundary) = content_type.split("boundary=").nth(1) else { return Vec::new() };
    let boundary = boundary.split(';').next().unwrap_or_default().trim().trim_matches('"');
    let mut fields = Vec::new();
    for part in split(body, format!("--{boundary}").as_bytes()) {
        let Some(at) = find(part, b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&part[..at]).into_owned();
        let content = part[at + 4..].strip_suffix(b"\r\n").unwrap_or(&part[at + 4..]);
        let attribute = |name: &str| {
            let rest = head.split(&format!("{name}=\"")).nth(1)?;
            rest.split('"').next().map(str::to_owned)
        };
        let Some(name) = attribute("; name").or_else(|| attribute(" name")) else { continue };
        if let Some(file) = attribute("filename") {
            fields.push((format!("{name}.name"), file.into_bytes()));
        }
        fields.push((name, content.to_vec()));
    }
    fields
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}

fn split<'a>(mut body: &'a [u8], by: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    while let Some(at) = find(body, by) {
        parts.push(&body[..at]);
        body = &body[at + by.len()..];
    }
    parts.push(body);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_gives_its_fields_and_the_name_of_its_file() {
        let body = b"--x\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--x\r\n\
            Content-Disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\nContent-Type: text/plain\r\n\r\n{}\n\r\n--x--\r\n";
        let fields = multipart("multipart/form-data; boundary=x", body);
        let of = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_slice());
        assert_eq!(of("purpose"), Some(&b"batch"[..]));
        assert_eq!(of("file"), Some(&b"{}\n"[..]));
        assert_eq!(of("file.name"), Some(&b"a.jsonl"[..]));
    }
}
