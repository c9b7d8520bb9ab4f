//! Whom a call is for, as its headers and body say: Bursar's own headers, and what people already send to other
//! gateways and what coding agents send of themselves.
//!
//! A label is a proposal. What the virtual key fixes stays, and of the rest only what its [`LabelPolicy`] allows
//! is applied: a client's label can never move spend to another budget's scope that the key closes. Which source
//! says what, and which of two sources holds, stands in `docs/reference/attribution.md`; a test keeps that table
//! and [`sources::HEADERS`] equal.

mod read;
pub mod sources;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bursar_core::{Attribution, LabelField, LabelPolicy};

use sources::{HEADERS, Reading};

/// The longest value of a label, in bytes. A longer one is dropped, not cut: two long ids cut would be one.
pub const VALUE_LIMIT: usize = 256;
/// The longest name of a tag, in bytes.
pub const TAG_NAME_LIMIT: usize = 64;
/// The most tags of one request.
pub const TAG_LIMIT: usize = 32;
/// The most notes of one request.
pub const NOTE_LIMIT: usize = 16;
/// The longest header that is read, in bytes.
pub const HEADER_LIMIT: usize = 8 * 1024;

/// The longest label field of a body that is read, in bytes of JSON.
pub const BODY_FIELD_LIMIT: usize = 16 * 1024;

/// What the sources of one request propose, each field from the source that comes first in precedence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    fields: BTreeMap<LabelField, Proposal>,
    tags: BTreeMap<String, Proposal>,
    notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Proposal {
    rank: u16,
    value: String,
    source: &'static str,
}

/// Where a proposal comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    /// The header or field, for notes.
    name: &'static str,
    /// The lower, the earlier in precedence.
    rank: u16,
}

impl Labels {
    /// The fields of a body that are labels.
    pub const BODY_FIELDS: &[&str] = sources::BODY_FIELDS;

    /// No labels.
    #[must_use]
    pub fn new() -> Labels {
        Labels::default()
    }

    /// Takes a header of the request. Headers that are no labels are passed over.
    pub fn add_header(&mut self, name: &str, value: &[u8]) {
        let Some((index, header)) = sources::find(name) else { return };
        let source = Source { name: header.name, rank: header.group.rank(index) };
        let Some(value) = self.checked_header(source, value) else { return };
        match header.reading {
            Reading::Field(field) => self.propose(field, source, value),
            Reading::Property => {
                let property = &name[header.name.len() - 1..];
                self.named(source, property, value);
            }
            Reading::Tags => read::tags(self, source, value),
            Reading::Tag(tag) => self.tag(tag, source, value),
            Reading::Json => read::json_map(self, source, value),
            Reading::SessionPath => read::session_path(self, source, value),
            Reading::TraceParent => read::trace_parent(self, source, value),
            Reading::Baggage => read::baggage(self, source, value),
        }
    }

    /// Takes a field of the body; `json` is its value. Fields that are no labels are passed over.
    pub fn add_body_field(&mut self, key: &str, json: &str) {
        let Some(index) = sources::BODY_FIELDS.iter().position(|k| *k == key) else { return };
        let name = sources::BODY_FIELDS[index];
        if json.len() > BODY_FIELD_LIMIT {
            self.dropped(Source { name, rank: 0 }, "it is longer than 16 KiB");
        } else {
            read::body_field(self, name, index, json);
        }
    }

    /// Adds the proposals of another set; the earlier source in precedence holds.
    pub fn merge(&mut self, other: Labels) {
        for (field, theirs) in other.fields {
            self.put(field, theirs);
        }
        for (name, theirs) in other.tags {
            self.put_tag(name, theirs);
        }
        for note in other.notes {
            self.note(note);
        }
    }

    /// What is proposed for a field.
    #[must_use]
    pub fn get(&self, field: LabelField) -> Option<&str> {
        self.fields.get(&field).map(|p| p.value.as_str())
    }

    /// The proposed tags.
    pub fn tags(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tags.iter().map(|(name, p)| (name.as_str(), p.value.as_str()))
    }

    /// What was dropped and why, a sentence each. No note shows a value.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The attribution of the call: what the key fixes, and beside it the labels that its policy allows. The
    /// notes say which labels were not applied.
    #[must_use]
    pub fn merge_into(&self, fixed: &Attribution, policy: LabelPolicy) -> (Attribution, Vec<String>) {
        let mut merged = fixed.clone();
        let mut notes = self.notes.clone();
        for (&field, proposal) in &self.fields {
            let Some(place) = merged.get_mut(field) else { continue };
            match place {
                Some(is) if *is == proposal.value => {}
                Some(_) => notes.push(not_applied(field, proposal, "the key fixes this field")),
                None if policy.allows(field) => *place = Some(proposal.value.clone()),
                None => notes.push(not_applied(
                    field,
                    proposal,
                    "the key does not leave this field to its caller",
                )),
            }
        }
        self.merge_tags(&mut merged, policy, &mut notes);
        notes.truncate(NOTE_LIMIT);
        (merged, notes)
    }

    fn merge_tags(&self, merged: &mut Attribution, policy: LabelPolicy, notes: &mut Vec<String>) {
        if !policy.allows(LabelField::Tags) {
            if !self.tags.is_empty() {
                notes.push(format!("{} tags were not applied: the key takes none.", self.tags.len()));
            }
            return;
        }
        for (name, proposal) in &self.tags {
            match merged.tags.get(name) {
                Some(is) if *is == proposal.value => {}
                Some(_) => notes.push(format!("Tag {name:?} was not applied: the key fixes it.")),
                None => {
                    merged.tags.insert(name.clone(), proposal.value.clone());
                }
            }
        }
    }

    /// Checks the whole value of a header; `None` with a note where it cannot be read.
    fn checked_header<'v>(&mut self, source: Source, value: &'v [u8]) -> Option<&'v str> {
        if value.len() > HEADER_LIMIT {
            self.dropped(source, "it is longer than 8 KiB");
            return None;
        }
        match std::str::from_utf8(value) {
            Ok(text) => Some(text.trim()),
            Err(_) => {
                self.dropped(source, "it is not valid UTF-8");
                None
            }
        }
    }

    /// Proposes a field's value within the bounds.
    fn propose(&mut self, field: LabelField, source: Source, value: &str) {
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        match fault(value, VALUE_LIMIT) {
            Some(fault) => self.dropped(source, fault),
            None => {
                let value = value.to_owned();
                self.put(field, Proposal { rank: source.rank, value, source: source.name });
            }
        }
    }

    /// Proposes a tag within the bounds.
    fn tag(&mut self, name: &str, source: Source, value: &str) {
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() || value.is_empty() {
            return;
        }
        if let Some(fault) = fault(name, TAG_NAME_LIMIT).or_else(|| fault(value, VALUE_LIMIT)) {
            self.dropped(source, fault);
            return;
        }
        let proposal = Proposal { rank: source.rank, value: value.to_owned(), source: source.name };
        self.put_tag(name.to_owned(), proposal);
    }

    /// A value under a name of the sender's choice: a field where the name means one, else a tag.
    fn named(&mut self, source: Source, name: &str, value: &str) {
        match sources::field_of_name(name) {
            Some((field, order)) => {
                self.propose(field, Source { rank: source.rank + order, ..source }, value);
            }
            None => self.tag(name, source, value),
        }
    }

    fn put(&mut self, field: LabelField, proposal: Proposal) {
        if self.fields.get(&field).is_none_or(|held| proposal.rank < held.rank) {
            self.fields.insert(field, proposal);
        }
    }

    fn put_tag(&mut self, name: String, proposal: Proposal) {
        match self.tags.get(&name) {
            Some(held) if held.rank <= proposal.rank => {}
            None if self.tags.len() >= TAG_LIMIT => {
                let source = Source { name: proposal.source, rank: 0 };
                self.dropped(source, "the request has 32 tags already");
            }
            _ => {
                self.tags.insert(name, proposal);
            }
        }
    }

    fn dropped(&mut self, source: Source, why: &str) {
        self.note(format!("A label from {} was dropped: {why}.", source.name));
    }

    fn note(&mut self, note: String) {
        if self.notes.len() < NOTE_LIMIT && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

fn not_applied(field: LabelField, proposal: &Proposal, why: &str) -> String {
    format!("Label {} from {} was not applied: {why}.", field.name(), proposal.source)
}

/// What is wrong with a value.
fn fault(value: &str, limit: usize) -> Option<&'static str> {
    if value.len() > limit {
        return Some(if limit == VALUE_LIMIT {
            "it is longer than 256 bytes"
        } else {
            "its name is longer than 64 bytes"
        });
    }
    value.chars().any(char::is_control).then_some("it has control characters")
}

/// Whether a header is one that labels are read from.
#[must_use]
pub fn is_label_header(name: &str) -> bool {
    sources::find(name).is_some()
}

/// Every header that labels are read from, in precedence; a trailing `*` stands for any name.
pub fn header_names() -> impl Iterator<Item = &'static str> {
    HEADERS.iter().map(|h| h.name)
}
