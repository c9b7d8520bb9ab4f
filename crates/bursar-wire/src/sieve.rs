//! An incremental JSON scanner that keeps only the few values that usage is read from.
//!
//! It sees every byte once, in pieces of any size, and gives the same whatever the pieces are. Of what it does not
//! look for it keeps nothing; of what it looks for it keeps at most a cap. It does not validate: a document that
//! is not JSON gives no fields, or fewer.

mod tree;

use memchr::memchr2;

pub use tree::{Field, Watch};
use tree::{NOWHERE, NodeId, ROOT, WatchTree};

/// The most bytes of one value that are kept. Usage objects of all providers are below 4 KiB; a larger one is
/// dropped and said to be so.
pub const VALUE_CAP: usize = 64 * 1024;
const KEY_CAP: usize = 64;
const DEPTH_CAP: usize = 128;

/// What receives the values that were looked for.
pub trait FieldSink {
    /// A complete value as it stands in the document.
    fn value(&mut self, field: Field, raw: &[u8]);
    /// A piece of a text, still escaped; pieces never cut an escape sequence of the form `\x`.
    fn text(&mut self, field: Field, piece: &[u8]);
    /// A value that was looked for and is larger than [`VALUE_CAP`].
    fn too_large(&mut self, field: Field);
}

/// The scanner of one sequence of JSON documents.
#[derive(Clone, Debug)]
pub struct Sieve {
    tree: &'static WatchTree,
    stack: Vec<Frame>,
    too_deep: usize,
    state: State,
    /// Where the next value stands.
    here: NodeId,
    key: Vec<u8>,
    key_long: bool,
    capture: Option<Capture>,
    kept: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    node: NodeId,
    is_object: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before a value, or between values and punctuation.
    Between,
    /// In a string that is a key.
    Key,
    /// In a string value; whether it is given on as text.
    Str(Option<Field>),
    /// After a backslash in one of the two.
    KeyEscape,
    StrEscape(Option<Field>),
    /// In a number or a literal.
    Scalar,
}

#[derive(Clone, Copy, Debug)]
struct Capture {
    field: Field,
    /// The depth at which the value stands.
    depth: usize,
    overflow: bool,
}

impl Sieve {
    /// A scanner for what [`Watch`] says.
    #[must_use]
    pub fn new(watch: Watch) -> Sieve {
        Sieve {
            tree: watch.tree(),
            stack: Vec::with_capacity(16),
            too_deep: 0,
            state: State::Between,
            here: ROOT,
            key: Vec::new(),
            key_long: false,
            capture: None,
            kept: Vec::new(),
        }
    }

    /// Reads a piece of the document.
    pub fn feed(&mut self, mut bytes: &[u8], sink: &mut impl FieldSink) {
        while !bytes.is_empty() {
            let used = match self.state {
                State::Between => self.between(bytes, sink),
                State::Key => self.key_bytes(bytes),
                State::Str(field) => self.str_bytes(bytes, field, sink),
                State::KeyEscape => {
                    self.push_key(&bytes[..1]);
                    self.keep(&bytes[..1]);
                    self.state = State::Key;
                    1
                }
                State::StrEscape(field) => {
                    self.keep(&bytes[..1]);
                    if let Some(field) = field {
                        sink.text(field, &[b'\\', bytes[0]]);
                    }
                    self.state = State::Str(field);
                    1
                }
                State::Scalar => self.scalar_bytes(bytes, sink),
            };
            bytes = &bytes[used..];
        }
    }

    /// Ends the document: a number at its very end is complete now, and the next document starts afresh.
    pub fn end_document(&mut self, sink: &mut impl FieldSink) {
        if self.state == State::Scalar {
            self.value_ended(sink);
        }
        self.stack.clear();
        self.too_deep = 0;
        self.state = State::Between;
        self.here = ROOT;
        self.key.clear();
        self.capture = None;
        self.kept.clear();
    }

    /// Whether the document is complete: everything that was opened is closed.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.stack.is_empty() && self.too_deep == 0 && matches!(self.state, State::Between | State::Scalar)
    }

    fn between(&mut self, bytes: &[u8], sink: &mut impl FieldSink) -> usize {
        let first = bytes[0];
        match first {
            b'{' | b'[' => self.open(first == b'{'),
            b'}' | b']' => {
                self.keep(&bytes[..1]);
                self.close(sink);
            }
            b'"' => self.open_string(),
            b':' | b',' | b' ' | b'\n' | b'\r' | b'\t' => {
                self.keep(&bytes[..1]);
                if first == b',' {
                    self.after_comma();
                } else if first == b':' {
                    self.after_colon();
                }
            }
            _ => {
                self.begin_value();
                self.state = State::Scalar;
                return 0;
            }
        }
        1
    }

    fn open(&mut self, is_object: bool) {
        self.begin_value();
        self.keep(if is_object { b"{" } else { b"[" });
        if self.stack.len() >= DEPTH_CAP {
            self.too_deep += 1;
            return;
        }
        let node = self.here;
        self.stack.push(Frame { node, is_object });
        self.here = if is_object { NOWHERE } else { self.tree.item(node) };
        self.key.clear();
    }

    fn close(&mut self, sink: &mut impl FieldSink) {
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return;
        }
        if let Some(frame) = self.stack.pop() {
            self.here = frame.node;
            self.value_ended(sink);
        }
    }

    fn open_string(&mut self) {
        if self.expects_key() {
            self.keep(b"\"");
            self.key.clear();
            self.key_long = false;
            self.state = State::Key;
            return;
        }
        self.begin_value();
        self.keep(b"\"");
        let text = if self.too_deep == 0 { self.tree.text(self.here) } else { None };
        self.state = State::Str(text);
    }

    /// In an object, a string that stands where no colon has been yet is a key.
    fn expects_key(&self) -> bool {
        self.too_deep == 0 && self.here == NOWHERE && self.stack.last().is_some_and(|f| f.is_object)
    }

    fn after_comma(&mut self) {
        if self.too_deep > 0 {
            return;
        }
        self.here = match self.stack.last() {
            Some(frame) if frame.is_object => NOWHERE,
            Some(frame) => self.tree.item(frame.node),
            None => ROOT,
        };
    }

    fn after_colon(&mut self) {
        if self.too_deep > 0 || !self.expects_key() {
            return;
        }
        let node = self.stack.last().map_or(NOWHERE, |f| f.node);
        let long = std::mem::take(&mut self.key_long);
        self.here = if long { tree::IGNORED } else { self.tree.child(node, &self.key) };
    }

    fn begin_value(&mut self) {
        if self.capture.is_none()
            && self.too_deep == 0
            && let Some(field) = self.tree.value(self.here)
        {
            self.kept.clear();
            self.capture = Some(Capture { field, depth: self.stack.len(), overflow: false });
        }
    }

    /// A value that stood at the present depth is complete.
    fn value_ended(&mut self, sink: &mut impl FieldSink) {
        self.state = State::Between;
        let depth = self.stack.len();
        if let Some(capture) = self.capture.filter(|c| c.depth == depth) {
            self.capture = None;
            if capture.overflow {
                sink.too_large(capture.field);
            } else {
                sink.value(capture.field, &self.kept);
            }
            self.kept.clear();
        }
    }

    fn key_bytes(&mut self, bytes: &[u8]) -> usize {
        let end = memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len());
        self.push_key(&bytes[..end]);
        self.keep(&bytes[..end]);
        let Some(&stop) = bytes.get(end) else { return end };
        self.keep(&bytes[end..=end]);
        if stop == b'\\' {
            // A key that is written with escapes is none that usage is read from.
            self.key_long = true;
            self.state = State::KeyEscape;
        } else {
            self.state = State::Between;
        }
        end + 1
    }

    fn push_key(&mut self, piece: &[u8]) {
        if self.key.len() + piece.len() > KEY_CAP {
            self.key_long = true;
        } else {
            self.key.extend_from_slice(piece);
        }
    }

    fn str_bytes(&mut self, bytes: &[u8], field: Option<Field>, sink: &mut impl FieldSink) -> usize {
        let end = memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len());
        self.keep(&bytes[..end]);
        if let Some(field) = field
            && end > 0
        {
            sink.text(field, &bytes[..end]);
        }
        let Some(&stop) = bytes.get(end) else { return end };
        self.keep(&bytes[end..=end]);
        if stop == b'\\' {
            self.state = State::StrEscape(field);
        } else {
            self.value_ended(sink);
        }
        end + 1
    }

    fn scalar_bytes(&mut self, bytes: &[u8], sink: &mut impl FieldSink) -> usize {
        let ends = |b: &u8| {
            matches!(b, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t' | b'"' | b'{' | b'[' | b':')
        };
        let end = bytes.iter().position(ends);
        self.keep(&bytes[..end.unwrap_or(bytes.len())]);
        if end.is_some() {
            self.value_ended(sink);
        }
        end.unwrap_or(bytes.len())
    }

    fn keep(&mut self, bytes: &[u8]) {
        if let Some(capture) = &mut self.capture {
            if self.kept.len() + bytes.len() > VALUE_CAP {
                capture.overflow = true;
                self.kept.clear();
            } else if !capture.overflow {
                self.kept.extend_from_slice(bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests;
