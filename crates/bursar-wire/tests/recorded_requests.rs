//! Recorded requests of real clients: each is read, edits change nothing else, and the estimates lie near what
//! the providers reported.

use std::path::{Path, PathBuf};

use bursar_core::Provenance;
use bursar_wire::tokens::Family;
use bursar_wire::{ModelPlace, RequestView, Surface, ask_for_usage, replace_model};
use serde_json::{Value, json};

mod recorded;

use recorded::{Comparison, Recording, compare, load, quantile};

fn recorded_requests() -> Vec<Recording> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/requests.jsonl.gz");
    load(&path).into_iter().filter(Recording::is_json).collect()
}

fn percent_decoded(text: &str) -> String {
    text.trim_start_matches("models/").replace("%3A", ":").replace("%2F", "/")
}

#[test]
fn every_recorded_request_is_read_and_says_its_model_its_stream_and_its_text() {
    let recorded = recorded_requests();
    assert!(recorded.len() > 400);
    for r in &recorded {
        let view = r.view();
        let body: Value = serde_json::from_str(&r.request).expect("JSON");
        assert_eq!(view.stream, body["stream"] == true, "{}", r.id);
        assert_eq!(view.include_usage, body["stream_options"]["include_usage"] == true, "{}", r.id);
        match &view.model_place {
            ModelPlace::Body => assert_eq!(view.model.as_deref(), body["model"].as_str(), "{}", r.id),
            ModelPlace::Path(_) => {
                assert_eq!(view.model, r.model.as_deref().map(percent_decoded), "{}", r.id);
            }
            ModelPlace::None | ModelPlace::Form(_) => assert!(body.get("model").is_none(), "{}", r.id),
        }
        let carries = ["messages", "contents", "input", "prompt"]
            .iter()
            .any(|k| body[k].as_array().map_or(body[k].is_string(), |items| !items.is_empty()));
        let volume = &view.volume;
        assert!(!carries || volume.characters() + volume.token_ids > 0 || volume.has_media(), "{}", r.id);
    }
}

#[test]
fn an_edit_of_a_recorded_request_changes_the_edited_field_only() {
    let mut asked_for = 0;
    for r in recorded_requests() {
        let view = r.view();
        let body: Value = serde_json::from_str(&r.request).expect("JSON");
        if view.model_place == ModelPlace::Body {
            let mut expected = body.clone();
            expected["model"] = "another/model".into();
            let edited = replace_model(r.request.as_bytes(), &view, "another/model");
            assert_eq!(serde_json::from_slice::<Value>(&edited).expect("JSON"), expected, "{}", r.id);
        }
        if r.target().0 == Surface::OpenAiChat
            && let Some(edited) = ask_for_usage(r.request.as_bytes(), &view)
        {
            asked_for += 1;
            let mut expected = body;
            if expected["stream_options"].is_null() {
                expected["stream_options"] = json!({});
            }
            expected["stream_options"]["include_usage"] = true.into();
            assert_eq!(serde_json::from_slice::<Value>(&edited).expect("JSON"), expected, "{}", r.id);
            let again = RequestView::parse(Surface::OpenAiChat, "/v1/chat/completions", None, &edited);
            assert!(again.is_ok_and(|v| v.include_usage), "{}", r.id);
        }
    }
    assert!(asked_for > 10, "{asked_for} streams did not ask");
}

#[test]
fn half_of_the_estimates_of_each_family_lie_near_what_was_reported() {
    let comparisons = compare(&recorded_requests());
    // The bound is on the median of the absolute error, on the third of the recordings that was not fitted on.
    for (family, bound) in [
        (Family::O200k, 0.20),
        (Family::Cl100k, 0.20),
        (Family::Claude, 0.20),
        (Family::Gemini, 0.30),
        (Family::Mistral, 0.20),
        (Family::Amazon, 0.30),
    ] {
        let mut errors: Vec<f64> =
            comparisons.iter().filter(|c| c.family == family).map(|c| c.error().abs()).collect();
        errors.sort_by(f64::total_cmp);
        assert!(errors.len() >= 8, "{family:?}: {}", errors.len());
        let median = quantile(&errors, 0.5);
        assert!(median <= bound, "{family:?}: half of the errors are above {median:.2}");
    }
}

#[test]
fn four_of_five_plain_chats_of_openai_models_are_counted_to_within_one_token() {
    let comparisons = compare(&recorded_requests());
    let plain = comparisons.iter().filter(|c| {
        matches!(c.family, Family::O200k | Family::Cl100k)
            && matches!(c.provider.as_str(), "openai" | "azure")
            && c.view.volume.messages > 0
            && c.view.volume.tools == 0
            && c.view.volume.schema_words == 0
            && c.view.volume.opaque == 0
    });
    let near = |c: &Comparison| c.counted.1 == Provenance::Counted && c.counted.0.abs_diff(c.reported) <= 1;
    let (exact, all) = plain.fold((0, 0), |(e, n), c| (e + u32::from(near(c)), n + 1));
    assert!(all > 40 && exact * 5 >= all * 4, "{exact} of {all}");
}
