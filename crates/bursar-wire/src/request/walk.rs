//! Goes through the content of a request, whatever its dialect, and hands texts and media to a [`Sink`].
//!
//! One set of rules serves every dialect: a string is text unless its key says that it is an id, a type or the
//! bytes or address of a medium. Below a tool's arguments, results and schemas every string and key is text.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::role::{Role, medium_of_word};
use super::scalar::{Key, NUMBER_KEY, Picking, Scalar, Skip};
use super::volume::{Medium, Volume};

/// What takes the texts and media of a request.
pub(super) trait Sink {
    fn text(&mut self, text: &str);
    fn number(&mut self, is_token_id: bool);
    /// A word of JSON Schema, as a key or as a value.
    fn schema_word(&mut self);
    /// A tool, by its name.
    fn tool(&mut self);
    /// Bytes of a text file.
    fn file_text(&mut self, bytes: u64);
    /// Characters that only the provider can read.
    fn opaque(&mut self, characters: u64);
    fn piece(&mut self, medium: Medium, bytes: u64);
    /// An object in the outermost array, such as a message.
    fn element(&mut self);
    /// An element of the outermost array that is no number.
    fn item(&mut self) {}
    /// A place up to which the prompt cache is to be written.
    fn cache_mark(&mut self) {}
    /// That such a cache is to live an hour.
    fn cache_hour(&mut self) {}
    /// Something that the provider keeps, by its id.
    fn reference(&mut self) {}
}

impl Sink for Volume {
    fn text(&mut self, text: &str) {
        self.add_text(text);
    }

    fn number(&mut self, is_token_id: bool) {
        if is_token_id {
            self.token_ids = self.token_ids.saturating_add(1);
        } else {
            self.ascii = self.ascii.saturating_add(2);
        }
    }

    fn schema_word(&mut self) {
        self.schema_words = self.schema_words.saturating_add(1);
    }

    fn tool(&mut self) {
        self.tools = self.tools.saturating_add(1);
    }

    fn file_text(&mut self, bytes: u64) {
        self.file_text = self.file_text.saturating_add(bytes);
    }

    fn opaque(&mut self, characters: u64) {
        self.opaque = self.opaque.saturating_add(characters);
    }

    fn piece(&mut self, medium: Medium, bytes: u64) {
        self.add_piece(medium, bytes);
    }

    fn element(&mut self) {
        self.messages = self.messages.saturating_add(1);
    }

    fn item(&mut self) {
        self.items = self.items.saturating_add(1);
    }

    fn cache_mark(&mut self) {
        self.cache_marks = self.cache_marks.saturating_add(1);
    }

    fn cache_hour(&mut self) {
        self.cache_hours = self.cache_hours.saturating_add(1);
    }

    fn reference(&mut self) {
        self.references = self.references.saturating_add(1);
    }
}

/// What an object turned out to carry, until it is known which medium it is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    bytes: Option<u64>,
    address: bool,
    medium: Option<Medium>,
    /// Whether the MIME type says that it is text.
    is_text: bool,
    /// Whether the value is an object.
    pub(super) is_object: bool,
    is_number: bool,
}

impl Found {
    fn is_some(self) -> bool {
        self.bytes.is_some() || self.address
    }
}

/// Walks one value.
pub(super) struct Walk<'s, S> {
    pub(super) sink: &'s mut S,
    pub(super) place: Place,
}

/// Where in the content a value stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    role: Role,
    hint: Option<Medium>,
    outermost: bool,
    tokens: bool,
}

impl Place {
    /// The value of a key of the body: messages, prompts, system texts, tools.
    pub(super) const CONTENT: Place = Place { role: Role::Text, hint: None, outermost: true, tokens: false };
    /// The same where numbers may stand for tokens.
    pub(super) const INPUT: Place = Place { role: Role::Text, hint: None, outermost: true, tokens: true };
    /// Tools, functions and schemas.
    pub(super) const SCHEMA: Place = Place { role: Role::Schema, hint: None, outermost: true, tokens: false };
}

impl<'de, S: Sink> DeserializeSeed<'de> for Walk<'_, S> {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, S: Sink> Visitor<'de> for Walk<'_, S> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("content")
    }

    fn visit_unit<E>(self) -> Result<Found, E> {
        Ok(Found::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Found, E> {
        self.number()
    }

    fn visit_u64<E>(self, _: u64) -> Result<Found, E> {
        self.number()
    }

    fn visit_i64<E>(self, _: i64) -> Result<Found, E> {
        self.number()
    }

    fn visit_f64<E>(self, _: f64) -> Result<Found, E> {
        self.number()
    }

    fn visit_str<E>(self, text: &str) -> Result<Found, E> {
        let mut found = Found::default();
        if text == HOUR {
            self.sink.cache_hour();
        }
        match self.place.role {
            _ if is_data_uri(text) => found = data_uri(text),
            Role::Text | Role::Free | Role::Schema | Role::Named => self.sink.text(text),
            Role::Opaque => self.sink.opaque(text.len() as u64),
            Role::SchemaWord => self.sink.schema_word(),
            Role::Word => {}
            Role::Kind => {
                found.medium = medium_of_word(text);
                if text == "item_reference" {
                    self.sink.reference();
                }
            }
            Role::Mime => {
                found.medium = Medium::of_mime(text);
                found.is_text = text.starts_with("text/");
            }
            Role::Bytes => found.bytes = Some(decoded_length(text)),
            Role::Address => found.address = true,
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Found, A::Error> {
        let inner = Place { outermost: false, ..self.place };
        loop {
            let walk = Walk { sink: &mut *self.sink, place: inner };
            let Some(found) = seq.next_element_seed(walk)? else { break };
            if self.place.outermost && found.is_object {
                self.sink.element();
            }
            if self.place.outermost && !found.is_number {
                self.sink.item();
            }
            settle(self.sink, found, self.place.hint);
        }
        Ok(Found::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        if matches!(self.place.role, Role::Free | Role::Schema | Role::SchemaWord | Role::Named) {
            return self.free_map(map);
        }
        let mut own = Found { medium: self.place.hint, is_object: true, ..Found::default() };
        let mut kind = None;
        while let Some(Key(key)) = map.next_key()? {
            if key == NUMBER_KEY {
                map.next_value_seed(Skip)?;
                return self.number();
            }
            let role = Role::of(&key);
            if is_cache_mark(&key) {
                self.sink.cache_mark();
                let mark = map.next_value_seed(Picking(&["ttl"]))?;
                if matches!(mark.get("ttl"), Some(Scalar::Text(ttl)) if ttl == HOUR) {
                    self.sink.cache_hour();
                }
                continue;
            }
            if role == Role::Word {
                map.next_value_seed(Skip)?;
                continue;
            }
            let hint = medium_of_word(&key);
            let place = Place { role, hint, outermost: false, tokens: false };
            let found = map.next_value_seed(Walk { sink: &mut *self.sink, place })?;
            match role {
                Role::Kind => kind = found.medium,
                Role::Mime => {
                    own = Found { medium: found.medium.or(own.medium), is_text: found.is_text, ..own }
                }
                _ => merge(&mut own, found, hint),
            }
        }
        own.medium = own.medium.or(kind);
        Ok(own)
    }
}

impl<S: Sink> Walk<'_, S> {
    fn number<E>(self) -> Result<Found, E> {
        match self.place.role {
            Role::SchemaWord => self.sink.schema_word(),
            Role::Free | Role::Schema | Role::Named => self.sink.number(false),
            _ if self.place.tokens => self.sink.number(true),
            _ => {}
        }
        Ok(Found { is_number: true, ..Found::default() })
    }

    /// Arguments and schemas: the keys are text too, but for the words of JSON Schema in a schema.
    fn free_map<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            if key == NUMBER_KEY {
                map.next_value_seed(Skip)?;
                return self.number();
            }
            if is_cache_mark(&key) {
                self.sink.cache_mark();
            }
            let own = self.place.role;
            let word = if matches!(own, Role::Free | Role::Named) { None } else { Role::in_schema(&key) };
            match word {
                Some(_) => self.sink.schema_word(),
                None => self.sink.text(&key),
            }
            if word.is_some() && key == "name" {
                self.sink.tool();
            }
            let role = if own == Role::Free { Role::Free } else { word.unwrap_or(Role::Schema) };
            let place = Place { role, outermost: false, ..self.place };
            let found = map.next_value_seed(Walk { sink: &mut *self.sink, place })?;
            settle(self.sink, found, None);
        }
        Ok(Found { is_object: true, ..Found::default() })
    }
}

/// Takes over what a value carried; a key that names the medium is the last to say which it is.
fn merge(own: &mut Found, found: Found, hint: Option<Medium>) {
    if !found.is_some() {
        return;
    }
    own.bytes = match (own.bytes, found.bytes) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (a, b) => a.or(b),
    };
    own.address |= found.address;
    own.medium = own.medium.or(found.medium).or(hint);
    own.is_text |= found.is_text;
}

/// Counts what an element carried, once.
fn settle<S: Sink>(sink: &mut S, found: Found, hint: Option<Medium>) {
    if found.is_text {
        sink.file_text(found.bytes.unwrap_or(0));
    } else if found.is_some()
        && let Some(medium) = found.medium.or(hint)
    {
        sink.piece(medium, found.bytes.unwrap_or(0));
    }
}

/// Counts what the outermost value carried, where that is one object and no array.
pub(super) fn settle_outermost<S: Sink>(sink: &mut S, found: Found) {
    settle(sink, found, None);
}

fn is_data_uri(text: &str) -> bool {
    text.len() > 5 && text.as_bytes()[..5].eq_ignore_ascii_case(b"data:") && text[5..].contains(";base64,")
}

fn data_uri(text: &str) -> Found {
    let (mime, data) = text[5..].split_once(";base64,").unwrap_or(("", ""));
    Found {
        bytes: Some(decoded_length(data)),
        address: false,
        medium: Medium::of_mime(mime),
        is_text: mime.starts_with("text/"),
        ..Found::default()
    }
}

/// The lifetime of a prompt cache that costs more to write than the usual one.
const HOUR: &str = "1h";

fn is_cache_mark(key: &str) -> bool {
    matches!(key, "cache_control" | "cachePoint")
}

/// How many bytes a base64 text stands for.
fn decoded_length(base64: &str) -> u64 {
    let digits = base64.len() - base64.bytes().rev().take_while(|&b| b == b'=').count();
    digits as u64 * 3 / 4
}

/// A sink that counts with a function of a text, for tokenizers; words of schemas are the volume's.
pub(super) struct Counting<F> {
    pub(super) of_text: F,
    pub(super) total: u64,
}

impl<F: FnMut(&str) -> u64> Sink for Counting<F> {
    fn text(&mut self, text: &str) {
        self.total = self.total.saturating_add((self.of_text)(text));
    }

    fn number(&mut self, _: bool) {
        self.total = self.total.saturating_add(1);
    }

    fn schema_word(&mut self) {}

    fn tool(&mut self) {}

    fn file_text(&mut self, _: u64) {}

    fn opaque(&mut self, _: u64) {}

    fn piece(&mut self, _: Medium, _: u64) {}

    fn element(&mut self) {}
}
