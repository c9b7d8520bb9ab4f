//! A multipart form, for uploads: only its short text fields are read.

use std::ops::Range;

use memchr::memmem;

use super::volume::Medium;
use super::{BadRequest, ModelPlace, RequestView};
use crate::labels::Labels;

/// The most parts that a form may have.
const PART_LIMIT: usize = 256;
/// The longest text field that is read, in bytes. The prompt is counted whatever its length.
const FIELD_LIMIT: usize = 16 * 1024;

/// The boundary of a `multipart/form-data` content type.
pub(super) fn boundary(content_type: &str) -> Option<Vec<u8>> {
    let mut parameters = content_type.split(';');
    let kind = parameters.next()?.trim();
    if !kind.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let value = parameters.find_map(|p| {
        let (name, value) = p.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    });
    Some([b"--", value.unwrap_or("").as_bytes()].concat())
}

/// Reads a form.
pub(super) fn parse(body: &[u8], boundary: &[u8]) -> Result<RequestView, BadRequest> {
    if boundary.len() < 3 || boundary.len() > 72 {
        return Err(BadRequest::BadForm("its content type has no boundary of 1 to 70 characters"));
    }
    let mut view = RequestView { is_form: true, ..RequestView::default() };
    let marks: Vec<usize> = memmem::find_iter(body, boundary)
        .filter(|&at| at == 0 || body[at - 1] == b'\n')
        .take(PART_LIMIT + 2)
        .collect();
    if marks.len() < 2 {
        return Err(BadRequest::BadForm("it has no part between two boundaries"));
    }
    if marks.len() > PART_LIMIT + 1 {
        return Err(BadRequest::BadForm("it has more than 256 parts"));
    }
    for pair in marks.windows(2) {
        let part = trim_line_end(body, pair[0] + boundary.len(), pair[1]);
        take_part(&mut view, body, part)?;
    }
    Ok(view)
}

/// A part without the line end behind its boundary and the one before the next.
fn trim_line_end(body: &[u8], mut from: usize, mut to: usize) -> Range<usize> {
    while from < to && matches!(body[from], b' ' | b'\t' | b'\r') {
        from += 1;
    }
    if from < to && body[from] == b'\n' {
        from += 1;
    }
    if to > from && body[to - 1] == b'\n' {
        to -= 1;
    }
    if to > from && body[to - 1] == b'\r' {
        to -= 1;
    }
    from..to
}

fn take_part(view: &mut RequestView, body: &[u8], part: Range<usize>) -> Result<(), BadRequest> {
    let bytes = &body[part.clone()];
    let (head, value_at) = match (memmem::find(bytes, b"\r\n\r\n"), memmem::find(bytes, b"\n\n")) {
        (Some(crlf), lf) if lf.is_none_or(|lf| crlf < lf) => (&bytes[..crlf], crlf + 4),
        (_, Some(lf)) => (&bytes[..lf], lf + 2),
        _ => return Err(BadRequest::BadForm("a part has no empty line behind its head")),
    };
    let head = String::from_utf8_lossy(&head[..head.len().min(4096)]);
    let value = &bytes[value_at..];
    let name = disposition(&head, "name").unwrap_or_default();
    if let Some(file) = disposition(&head, "filename") {
        view.volume.add_piece(medium(&head, &file), value.len() as u64);
        return Ok(());
    }
    if name == "prompt" || name == "input" {
        view.volume.add_text(&String::from_utf8_lossy(value));
        view.volume.messages += 1;
    }
    match std::str::from_utf8(value) {
        Ok(text) if text.len() <= FIELD_LIMIT => {
            let at = part.start + value_at;
            take_field(view, &name, text, at..at + value.len());
            Ok(())
        }
        Ok(_) if name != "model" => Ok(()),
        _ if name == "model" => Err(BadRequest::BadForm("its field `model` is no short text")),
        _ => Ok(()),
    }
}

fn take_field(view: &mut RequestView, name: &str, text: &str, place: Range<usize>) {
    match name {
        "model" => {
            view.model = Some(text.to_owned());
            view.model_place = ModelPlace::Form(place);
        }
        "stream" => view.stream = text.trim().eq_ignore_ascii_case("true"),
        "n" => view.choices = text.trim().parse().ok(),
        "service_tier" => view.service_tier = Some(text.to_owned()),
        _ => {
            if let Some(&key) = Labels::BODY_FIELDS.iter().find(|k| **k == name) {
                let json = text.trim_start().starts_with('{');
                let quoted = serde_json::Value::from(text).to_string();
                view.labels.add_body_field(key, if json { text } else { &quoted });
            }
        }
    }
}

/// A parameter of the part's `content-disposition`.
fn disposition(head: &str, wanted: &str) -> Option<String> {
    let line = head.lines().find(|l| {
        l.split_once(':').is_some_and(|(n, _)| n.trim().eq_ignore_ascii_case("content-disposition"))
    })?;
    line.split(';').skip(1).find_map(|p| {
        let (name, value) = p.split_once('=')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn medium(head: &str, file: &str) -> Medium {
    let mime = head.lines().find_map(|l| {
        let (name, value) = l.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-type").then(|| Medium::of_mime(value))?
    });
    let by_name = || match file.rsplit('.').next().unwrap_or("").to_ascii_lowercase().as_str() {
        "png" | "jpg" | "jpeg" | "webp" | "gif" => Medium::Picture,
        "mp3" | "wav" | "m4a" | "ogg" | "oga" | "flac" | "mpga" | "mpeg" | "webm" => Medium::Audio,
        _ => Medium::Document,
    };
    match mime {
        Some(Medium::Document) | None => by_name(),
        Some(medium) => medium,
    }
}
