//! OpenAI: pictures and speech.

use serde_json::Value;

use super::{Answer, Body, JSON, quoted};
use crate::books::Draft;
use crate::words;

pub(crate) const IMAGES_SURFACE: &str = "openai.images";
pub(crate) const SPEECH_SURFACE: &str = "openai.audio_speech";
pub(crate) const TRANSCRIPTION_SURFACE: &str = "openai.audio_transcriptions";

/// A PNG of one transparent pixel.
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

/// Writes pictures, with the usage that the token-billed picture models tell.
pub(crate) fn images(body: &Value, created: u64, told: bool, draft: Draft) -> Answer {
    let count = usize::try_from(body["n"].as_u64().unwrap_or(1).clamp(1, 10)).unwrap_or(1);
    let data = vec![format!(r#"{{"b64_json":"{PIXEL}"}}"#); count].join(",");
    let t = &draft.tokens;
    let usage = if told {
        format!(
            r#","usage":{{"input_tokens":{},"input_tokens_details":{{"image_tokens":0,"text_tokens":{}}},"output_tokens":{},"total_tokens":{}}}"#,
            t.input,
            t.input,
            t.output,
            t.input + t.output
        )
    } else {
        String::new()
    };
    let text = format!(
        r#"{{"created":{created},"background":"opaque","data":[{data}],"output_format":"png","quality":"low","size":"1024x1024"{usage}}}"#
    );
    Answer::booked(text, draft)
}

/// Writes speech: a WAV file of a tenth of a second of silence per word of input. It tells no usage.
pub(crate) fn speech(body: &Value, draft: Draft) -> Answer {
    let words = body["input"].as_str().unwrap_or_default().split_whitespace().count().clamp(1, 600);
    let samples = words * 800;
    let size = u32::try_from(samples * 2).unwrap_or(u32::MAX - 36);
    let mut wav = Vec::with_capacity(44 + samples * 2);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + size).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00");
    wav.extend_from_slice(&8000u32.to_le_bytes());
    wav.extend_from_slice(&16_000u32.to_le_bytes());
    wav.extend_from_slice(b"\x02\x00\x10\x00data");
    wav.extend_from_slice(&size.to_le_bytes());
    wav.resize(44 + samples * 2, 0);
    Answer {
        status: 200,
        content_type: "audio/wav",
        headers: Vec::new(),
        body: Body::Whole(wav),
        draft: Some(draft),
    }
}

/// Writes a transcription in the format that the form asks for. Whisper's usage is a duration, the newer
/// models' are tokens.
pub(crate) fn transcription(form: &[(String, Vec<u8>)], model: &str, seed: u64, draft: Draft) -> Answer {
    let field = |name: &str| form.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_slice());
    let text = words::text(seed, draft.tokens.output);
    let format = field("response_format").map(String::from_utf8_lossy).unwrap_or_default();
    if format == "text" {
        let body = Body::Whole(format!("{text}\n").into_bytes());
        let content_type = "text/plain; charset=utf-8";
        return Answer { status: 200, content_type, headers: Vec::new(), body, draft: Some(draft) };
    }
    let t = &draft.tokens;
    let usage = if model.starts_with("whisper") {
        let seconds = field("file").map_or(1, <[u8]>::len).div_ceil(16_000);
        format!(r#"{{"type":"duration","seconds":{seconds}}}"#)
    } else {
        format!(
            r#"{{"type":"tokens","input_tokens":{},"input_token_details":{{"text_tokens":0,"audio_tokens":{}}},"output_tokens":{},"total_tokens":{}}}"#,
            t.input,
            t.input,
            t.output,
            t.input + t.output
        )
    };
    let body = Body::Whole(format!(r#"{{"text":{},"usage":{usage}}}"#, quoted(&text)).into_bytes());
    Answer { status: 200, content_type: JSON, headers: Vec::new(), body, draft: Some(draft) }
}
