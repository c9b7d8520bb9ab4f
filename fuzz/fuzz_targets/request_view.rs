//! Any body: no panic; and where it is read, the edits change what they say and are read again.
//!
//! The first byte chooses the surface and whether the body is a form.
#![no_main]

use bursar_wire::{ModelPlace, RequestView, Surface, ask_for_usage, replace_model};
use libfuzzer_sys::fuzz_target;

const MODEL: &str = "another/\"model\"";

fuzz_target!(|data: &[u8]| {
    let Some((&choice, body)) = data.split_first() else { return };
    let surface = Surface::ALL[usize::from(choice >> 1) % Surface::ALL.len()];
    let kind = if choice & 1 == 1 { "multipart/form-data; boundary=b" } else { "application/json" };
    let read = |body: &[u8]| RequestView::parse(surface, "/v1/chat/completions", Some(kind), body);
    let Ok(view) = read(body) else { return };
    let _ = (view.estimate_input(), view.count_input(body));

    let replaced = replace_model(body, &view, MODEL);
    if view.model_place == ModelPlace::Body {
        assert_eq!(read(&replaced).expect("an edited body is read").model.as_deref(), Some(MODEL));
    }
    if view.model_place == ModelPlace::None {
        assert_eq!(replaced, body);
    }
    if choice & 1 == 0
        && let Some(asked) = ask_for_usage(body, &view)
    {
        let again = read(&asked).expect("an edited body is read");
        assert!(again.include_usage && again.stream);
        assert_eq!((again.model, again.volume), (view.model, view.volume));
    }
});
