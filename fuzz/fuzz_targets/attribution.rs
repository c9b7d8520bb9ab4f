//! Any headers and body fields: no panic, the bounds hold, and what the key fixes stays.
//!
//! The input is lines `number value`: the number chooses a header or body field, the value is the rest.
#![no_main]

use bursar_core::{Attribution, LabelField, LabelPolicy};
use bursar_wire::labels::{self, Labels, NOTE_LIMIT, TAG_LIMIT, TAG_NAME_LIMIT, VALUE_LIMIT};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let headers: Vec<&str> = labels::header_names().collect();
    let mut all = Labels::new();
    for line in data.split(|&b| b == b'\n') {
        let Some((&choice, value)) = line.split_first() else { continue };
        let choice = usize::from(choice);
        if let Some(name) = headers.get(choice) {
            all.add_header(&name.replace('*', "Some Name"), value);
        } else if let Ok(text) = std::str::from_utf8(value) {
            all.add_body_field(Labels::BODY_FIELDS[choice % Labels::BODY_FIELDS.len()], text);
        }
    }
    let fixed = Attribution { team: Some("fixed".to_owned()), ..Attribution::default() };
    let (merged, notes) = all.merge_into(&fixed, LabelPolicy::ALL);
    assert_eq!(merged.team.as_deref(), Some("fixed"));
    assert!(merged.tags.len() <= TAG_LIMIT && notes.len() <= NOTE_LIMIT);
    for (name, value) in &merged.tags {
        assert!(name.len() <= TAG_NAME_LIMIT && value.len() <= VALUE_LIMIT);
    }
    for value in LabelField::ALL.iter().filter_map(|&f| merged.get(f)) {
        assert!(value.len() <= VALUE_LIMIT && !value.chars().any(char::is_control));
    }
    assert_eq!(all.merge_into(&fixed, LabelPolicy::NONE).0, fixed);
});
