//! What a path says: the model, and whether the answer is a stream.

use std::ops::Range;

use crate::percent;

/// Path segments behind which a model's name stands: Gemini and Vertex, Azure, Bedrock.
const BEFORE_A_MODEL: [&str; 3] = ["models", "deployments", "model"];

/// The model that a path names and where in the path it stands. It is percent-decoded; the place is that of the
/// bytes as they are.
pub(super) fn model(path: &str) -> Option<(String, Range<usize>)> {
    let end = path.find(['?', '#']).unwrap_or(path.len());
    let mut from = 0;
    let mut previous = "";
    for segment in path[..end].split('/') {
        let name = segment.split_once(':').filter(|_| previous == "models").map_or(segment, |(name, _)| name);
        let is_call = name.len() < segment.len() || from + segment.len() < end;
        if BEFORE_A_MODEL.contains(&previous) && is_call && !name.is_empty() {
            return Some((percent::decode(name)?.into_owned(), from..from + name.len()));
        }
        from += segment.len() + 1;
        previous = segment;
    }
    None
}

/// Whether the path itself asks for a stream.
pub(super) fn streams(path: &str) -> bool {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let verb = path.rsplit(['/', ':']).next().unwrap_or("");
    matches!(
        verb,
        "streamGenerateContent" | "streamRawPredict" | "converse-stream" | "invoke-with-response-stream"
    ) || query.split('&').any(|pair| pair == "alt=sse")
}
