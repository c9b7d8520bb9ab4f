//! From a request to its answer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::books::{Books, Draft};
use crate::compress::compressed;
use crate::dialect::errors::{self, Shape};
use crate::dialect::openai_files::{Shelf, ShelfCall, multipart};
use crate::dialect::{
    Answer, anthropic, gemini, models, openai_chat, openai_completions, openai_embeddings, openai_media,
    openai_responses,
};
use crate::http1::Request;
use crate::plan::{Ask, Plan, served_model};
use crate::price_table::Tokens;
use crate::script::Script;
use crate::words;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) books: Arc<Books>,
    nonce: u64,
    calls: AtomicU64,
    shelf: Shelf,
    failures: Mutex<HashMap<String, u64>>,
}

/// An answer, and how to give it.
pub(crate) struct Routed {
    pub(crate) answer: Answer,
    pub(crate) script: Script,
}

impl From<Answer> for Routed {
    fn from(answer: Answer) -> Routed {
        Routed { answer, script: Script::default() }
    }
}

/// One call while it is being answered.
struct Call<'a> {
    request: &'a Request,
    /// The path after the version, in its parts.
    parts: Vec<&'a str>,
    /// The model that the path names (Azure's deployment).
    deployment: Option<&'a str>,
    shape: Shape,
    number: u64,
    request_id: String,
}

impl Desk {
    pub(crate) fn new(books: Arc<Books>, nonce: u64) -> Desk {
        let (calls, shelf, failures) = (AtomicU64::new(0), Shelf::default(), Mutex::default());
        Desk { books, nonce, calls, shelf, failures }
    }

    /// Answers a request.
    pub(crate) fn route(&self, request: &Request) -> Routed {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let (parts, deployment) = parts(&request.path);
        let shape = shape(request, &parts);
        let request_id = words::id("req_", 24, self.nonce ^ 0x5eed, number);
        let call = Call { request, parts, deployment, shape, number, request_id };
        if request.method == "GET" && call.parts == ["books"] {
            return books_answer(&self.books).into();
        }
        if has_bad_key(request) {
            let message = errors::scripted_message(shape, 401, "");
            return errors::answer(shape, 401, &message, &call.request_id).into();
        }
        match (request.method.as_str(), call.parts.as_slice()) {
            ("GET", ["models"]) => models::list(shape).into(),
            ("GET", ["models", name]) => models::one(shape, name, &call.request_id).into(),
            (_, ["files" | "batches", ..]) => self.shelf_answer(&call).into(),
            ("POST", _) => self.post(&call),
            _ => call.not_found().into(),
        }
    }

    fn post(&self, call: &Call<'_>) -> Routed {
        let form_type = call.request.header("content-type").filter(|t| t.starts_with("multipart/"));
        let form = form_type.map(|t| multipart(t, &call.request.body)).unwrap_or_default();
        let body: Value = if form_type.is_some() {
            Value::Null
        } else {
            match serde_json::from_slice(&call.request.body) {
                Ok(body) => body,
                Err(error) => return call.bad_request(&format!("The body is not JSON: {error}")).into(),
            }
        };
        let digest = words::digest(&call.request.body);
        match call.parts.as_slice() {
            ["chat", "completions"] => {
                let ask = openai_chat::ask(&body);
                if !body["messages"].is_array() {
                    return call.bad_request("Missing required parameter: 'messages'.").into();
                }
                self.answer(call, openai_chat::SURFACE, ask, digest, openai_chat::answer)
            }
            ["responses"] => {
                let ask = openai_responses::ask(&body);
                self.answer(call, openai_responses::SURFACE, ask, digest, |p, s, d| {
                    openai_responses::answer(p, &body, s, d)
                })
            }
            ["completions"] => {
                let ask = openai_completions::ask(&body);
                self.answer(call, openai_completions::SURFACE, ask, digest, openai_completions::answer)
            }
            ["messages"] => {
                if let Some(missing) = anthropic::missing(&body) {
                    return call.bad_request(missing).into();
                }
                let ask = anthropic::ask(&body);
                self.answer(call, anthropic::SURFACE, ask, digest, anthropic::answer)
            }
            ["messages", "count_tokens"] => anthropic::count_tokens(&body).into(),
            ["moderations"] => {
                let id = words::id("modr-", 24, self.nonce, call.number);
                openai_embeddings::moderation(&body, &id).into()
            }
            ["models", action] => self.gemini(call, action, &body, digest),
            ["models" | "tunedModels", "models", action] => self.gemini(call, action, &body, digest),
            _ => self.post_without_text(call, &body, &form, digest),
        }
    }

    /// Calls whose answer is no text of a model: vectors, pictures, sound.
    fn post_without_text(
        &self,
        call: &Call<'_>,
        body: &Value,
        form: &[(String, Vec<u8>)],
        digest: u64,
    ) -> Routed {
        match call.parts.as_slice() {
            ["embeddings"] => {
                let ask = openai_embeddings::ask(body);
                self.answer(call, openai_embeddings::SURFACE, ask, digest, |p, _, d| {
                    let d = without_output(d);
                    openai_embeddings::answer(body, &p.model, p.tell_usage, p.seed, d)
                })
            }
            ["images", "generations" | "edits"] => {
                let model = body["model"].as_str().unwrap_or("gpt-image-1");
                let ask = text_ask(model, body["prompt"].as_str().unwrap_or_default());
                self.answer(call, openai_media::IMAGES_SURFACE, ask, digest, |p, _, d| {
                    openai_media::images(body, p.created, p.tell_usage, d)
                })
            }
            ["audio", "speech"] => {
                let model = body["model"].as_str().unwrap_or("tts-1");
                let mut ask = text_ask(model, body["input"].as_str().unwrap_or_default());
                ask.tell_usage = false;
                let write = |_: &Plan, _: bool, d: Draft| openai_media::speech(body, without_output(d));
                self.answer(call, openai_media::SPEECH_SURFACE, ask, digest, write)
            }
            ["audio", "transcriptions" | "translations"] => {
                let model = form.iter().find(|(n, _)| n == "model").map(|(_, v)| String::from_utf8_lossy(v));
                let ask = text_ask(model.as_deref().unwrap_or("whisper-1"), "");
                self.answer(call, openai_media::TRANSCRIPTION_SURFACE, ask, digest, |p, _, d| {
                    openai_media::transcription(form, &p.model, p.seed, d)
                })
            }
            _ => call.not_found().into(),
        }
    }

    fn gemini(&self, call: &Call<'_>, action: &str, body: &Value, digest: u64) -> Routed {
        let action = action.replace("%3A", ":");
        let Some((model, verb)) = action.split_once(':') else { return call.not_found().into() };
        let sse = call.request.query.split('&').any(|pair| pair == "alt=sse");
        match verb {
            "generateContent" | "streamGenerateContent" => {
                let stream = verb == "streamGenerateContent";
                if !body["contents"].is_array() {
                    return call
                        .bad_request("* GenerateContentRequest.contents: contents is not specified")
                        .into();
                }
                let surface = if stream { gemini::STREAM_SURFACE } else { gemini::SURFACE };
                let ask = gemini::ask(model, stream, body);
                self.answer(call, surface, ask, digest, |p, s, d| gemini::answer(p, s, sse, d))
            }
            "countTokens" => gemini::count_tokens(body).into(),
            "embedContent" | "batchEmbedContents" => {
                let mut ask = gemini::ask(model, false, body);
                ask.tell_usage = false;
                ask.characters = crate::dialect::characters(body);
                self.answer(call, gemini::EMBED_SURFACE, ask, digest, |p, _, d| {
                    gemini::embed(body, verb == "batchEmbedContents", p.seed, without_output(d))
                })
            }
            _ => call.not_found().into(),
        }
    }

    /// Follows the script: an error, or the plan written down by `write`.
    fn answer(
        &self,
        call: &Call<'_>,
        surface: &'static str,
        mut ask: Ask,
        digest: u64,
        write: impl FnOnce(&Plan, bool, Draft) -> Answer,
    ) -> Routed {
        if let (true, Some(deployment)) = (ask.model.is_empty(), call.deployment) {
            deployment.clone_into(&mut ask.model);
        }
        let script = match Script::of(call.request.header("x-scripted"), &ask.model) {
            Ok(script) => script,
            Err(error) => return call.bad_request(&error.to_string()).into(),
        };
        let mut draft = Draft {
            id: script.id.clone().unwrap_or_else(|| self.response_id(surface, call.number)),
            tag: script.tag.clone(),
            surface,
            model: served_model(&ask.model),
            told: false,
            tokens: Tokens::default(),
        };
        let unknown = ask.model.contains("does-not-exist") || ask.model.contains("nonexistent");
        if let Some(status) = self.failure(&script).or_else(|| unknown.then_some(404)) {
            let message = errors::scripted_message(call.shape, status, &ask.model);
            let mut answer = errors::answer(call.shape, status, &message, &call.request_id);
            answer.headers.extend(script.retry_after.map(|s| ("retry-after", s.to_string())));
            answer.draft = Some(draft);
            return Routed { answer, script };
        }
        let plan = Plan::of(&ask, &script, digest);
        (draft.told, draft.tokens) = (plan.tell_usage, plan.tokens);
        let mut answer = write(&plan, ask.stream, draft);
        answer.headers.extend(call.usual_headers());
        let accepts = call.request.header("accept-encoding").is_some_and(|e| e.contains("gzip"));
        if script.gzip && accepts {
            answer = compressed(answer);
        }
        Routed { answer, script }
    }

    /// The status that the script fails this call with, where it does.
    fn failure(&self, script: &Script) -> Option<u16> {
        let (status, Some(times)) = (script.status?, script.times) else { return script.status };
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() > 100_000 {
            failures.clear();
        }
        let seen = failures.entry(script.tag.clone().unwrap_or_default()).or_default();
        *seen += 1;
        (*seen <= times).then_some(status)
    }

    fn response_id(&self, surface: &str, number: u64) -> String {
        let (prefix, length) = match surface {
            openai_chat::SURFACE => ("chatcmpl-", 29),
            openai_completions::SURFACE => ("cmpl-", 29),
            openai_responses::SURFACE => ("resp_", 50),
            anthropic::SURFACE => ("msg_01", 22),
            gemini::SURFACE | gemini::STREAM_SURFACE => ("", 23),
            _ => return String::new(),
        };
        words::id(prefix, length, self.nonce, number)
    }

    fn shelf_answer(&self, call: &Call<'_>) -> Answer {
        let content_type = call.request.header("content-type").unwrap_or_default();
        let form = multipart(content_type, &call.request.body);
        let body = serde_json::from_slice(&call.request.body).unwrap_or_default();
        self.shelf.answer(&ShelfCall {
            method: &call.request.method,
            parts: &call.parts,
            form: &form,
            body: &body,
            request_id: &call.request_id,
        })
    }
}

impl Call<'_> {
    fn bad_request(&self, message: &str) -> Answer {
        errors::answer(self.shape, 400, message, &self.request_id)
    }

    fn not_found(&self) -> Answer {
        let message = format!("Invalid URL ({} {})", self.request.method, self.request.path);
        errors::answer(self.shape, 404, &message, &self.request_id)
    }

    /// The headers that each provider sends with an answer.
    fn usual_headers(&self) -> Vec<(&'static str, String)> {
        let id = self.request_id.clone();
        match self.shape {
            Shape::OpenAi => vec![
                ("x-request-id", id),
                ("openai-version", "2020-10-01".into()),
                ("openai-processing-ms", "12".into()),
                ("x-ratelimit-limit-requests", "30000".into()),
                ("x-ratelimit-remaining-requests", "29999".into()),
            ],
            Shape::Anthropic => {
                vec![("request-id", id), ("anthropic-ratelimit-tokens-remaining", "480000".into())]
            }
            Shape::Gemini => vec![("server-timing", "gfet4t7; dur=12".into())],
        }
    }
}

/// The path in its parts, without its version; for Azure's paths, the deployment beside.
fn parts(path: &str) -> (Vec<&str>, Option<&str>) {
    let mut parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
    let mut deployment = None;
    if parts.first() == Some(&"openai") {
        parts.remove(0);
        if parts.len() > 1 && parts[0] == "deployments" {
            deployment = Some(parts[1]);
            parts.drain(..2);
        }
    }
    if matches!(parts.first(), Some(&("v1" | "v1beta" | "v1alpha"))) {
        parts.remove(0);
    }
    (parts, deployment)
}

fn shape(request: &Request, parts: &[&str]) -> Shape {
    let gemini_path = request.path.starts_with("/v1beta")
        || request.path.contains("enerateContent")
        || request.header("x-goog-api-key").is_some();
    if request.header("anthropic-version").is_some() || parts.first() == Some(&"messages") {
        Shape::Anthropic
    } else if gemini_path && !request.path.contains("/openai/") {
        Shape::Gemini
    } else {
        Shape::OpenAi
    }
}

/// A key with the word "invalid" in it is refused, so that clients meet a real 401.
fn has_bad_key(request: &Request) -> bool {
    ["authorization", "x-api-key", "x-goog-api-key", "api-key"]
        .iter()
        .filter_map(|name| request.header(name))
        .any(|key| key.contains("invalid"))
}

/// The totals. Whoever has read them finds the file of entries as far as they go.
fn books_answer(books: &Books) -> Answer {
    let totals =
        books.flush().map_err(serde_json::Error::io).and_then(|()| serde_json::to_string(&books.totals()));
    match totals {
        Ok(body) => Answer::json(200, body),
        Err(error) => errors::answer(Shape::OpenAi, 500, &error.to_string(), ""),
    }
}

fn text_ask(model: &str, text: &str) -> Ask {
    let characters = text.chars().count() as u64;
    Ask { model: model.to_owned(), tell_usage: true, characters, choices: 1, ..Ask::default() }
}

fn without_output(mut draft: Draft) -> Draft {
    (draft.tokens.output, draft.tokens.reasoning) = (0, 0);
    draft
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_azure_deployments_are_taken_off_the_path() {
        assert_eq!(parts("/v1/chat/completions"), (vec!["chat", "completions"], None));
        let azure = parts("/openai/deployments/gpt-4o-mini/chat/completions");
        assert_eq!(azure, (vec!["chat", "completions"], Some("gpt-4o-mini")));
        assert_eq!(parts("/v1beta/openai/embeddings").0.last(), Some(&"embeddings"));
    }
}
