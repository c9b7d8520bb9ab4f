//! The earliest moment at which an event is known to be no usage chunk.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Undecided,
    /// It is no usage chunk.
    Pass,
}

/// Reads the JSON of an event byte by byte, only as far as is needed to know that it is no usage chunk. It never
/// says that it is one: that is decided on the whole event.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Probe {
    depth: u32,
    in_string: bool,
    escaped: bool,
    expect: Expect,
    key: Key,
}

/// What the next byte of the outermost object means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Expect {
    #[default]
    Key,
    Value,
    /// The first byte inside the array of `choices`.
    FirstChoice,
}

/// Which key of the outermost object the probe is at, by the bytes that match so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Key {
    #[default]
    Fresh,
    Choices(u8),
    Usage(u8),
    Other,
}

impl Key {
    fn feed(self, byte: u8) -> Key {
        let step = |name: &[u8], seen: u8, make: fn(u8) -> Key| {
            if name.get(usize::from(seen)) == Some(&byte) { make(seen + 1) } else { Key::Other }
        };
        match self {
            Key::Fresh if byte == b'c' => Key::Choices(1),
            Key::Fresh if byte == b'u' => Key::Usage(1),
            Key::Fresh | Key::Other => Key::Other,
            Key::Choices(seen) => step(b"choices", seen, Key::Choices),
            Key::Usage(seen) => step(b"usage", seen, Key::Usage),
        }
    }
}

impl Probe {
    /// Takes the next byte of the data.
    pub(super) fn feed(&mut self, byte: u8) -> Verdict {
        if self.in_string {
            self.within_string(byte);
            return Verdict::Undecided;
        }
        if byte.is_ascii_whitespace() {
            return Verdict::Undecided;
        }
        if self.depth == 0 && byte != b'{' {
            return Verdict::Pass;
        }
        if self.depth >= 1 && self.rules_out(byte) {
            return Verdict::Pass;
        }
        self.structure(byte);
        Verdict::Undecided
    }

    fn within_string(&mut self, byte: u8) {
        if self.escaped {
            self.escaped = false;
        } else if byte == b'"' {
            self.in_string = false;
            return;
        } else if byte == b'\\' {
            self.escaped = true;
        }
        if self.depth == 1 && self.expect == Expect::Key {
            self.key = self.key.feed(byte);
        }
    }

    /// Whether the byte that begins a value shows that this is no usage chunk.
    fn rules_out(&mut self, byte: u8) -> bool {
        let expect = self.expect;
        if expect == Expect::FirstChoice {
            self.expect = Expect::Value;
            return byte != b']';
        }
        if self.depth != 1 || expect != Expect::Value {
            return false;
        }
        match self.key {
            Key::Choices(7) if byte == b'[' => {
                self.expect = Expect::FirstChoice;
                false
            }
            Key::Choices(7) => byte != b',' && byte != b'}' && byte != b']',
            Key::Usage(5) => byte == b'n' || byte == b'[' || byte == b'"',
            _ => false,
        }
    }

    fn structure(&mut self, byte: u8) {
        match byte {
            b'"' => {
                self.in_string = true;
                if self.depth == 1 && self.expect == Expect::Key {
                    self.key = Key::Fresh;
                }
            }
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            b':' if self.depth == 1 => self.expect = Expect::Value,
            b',' if self.depth == 1 => self.expect = Expect::Key,
            _ => {}
        }
    }
}
