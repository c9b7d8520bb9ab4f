//! Server-sent events without buffering: the bytes of `data:` lines go on as they come, and the end of an event
//! is told. (WHATWG HTML, §9.2: lines end in LF, CR or CR LF; one space after the colon is dropped.)

use memchr::memchr2;

/// What receives the parts of a stream.
pub trait EventSink {
    /// A piece of an event's data. Several `data:` lines of one event are joined by a line feed.
    fn data(&mut self, piece: &[u8]);
    /// The event is complete.
    fn end_of_event(&mut self);
}

/// An incremental parser of server-sent events. It keeps a few bytes, however long a line is.
#[derive(Clone, Debug, Default)]
pub struct SseParser {
    state: State,
    after_cr: bool,
    event_has_data: bool,
    /// Bytes of a byte order mark that have been seen before the first line; its length when that is over.
    mark: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// At the start of a line, with this many bytes of `data:` matched.
    #[default]
    LineStart,
    Field(u8),
    /// Directly after `data:`, where one space is dropped.
    AfterColon,
    Data,
    Skip,
}

const FIELD: &[u8] = b"data:";
/// May stand before the first line.
const MARK: &[u8] = b"\xef\xbb\xbf";

impl SseParser {
    /// Reads a piece of the stream.
    pub fn feed(&mut self, mut bytes: &[u8], sink: &mut impl EventSink) {
        bytes = self.after_mark(bytes);
        while let Some(&first) = bytes.first() {
            if self.after_cr {
                self.after_cr = false;
                if first == b'\n' {
                    bytes = &bytes[1..];
                    continue;
                }
            }
            bytes = match self.state {
                State::LineStart if first == b'\n' || first == b'\r' => self.end_line(bytes, true, sink),
                State::LineStart | State::Field(_) => self.field(bytes, sink),
                State::AfterColon => {
                    self.state = State::Data;
                    if first == b' ' { &bytes[1..] } else { bytes }
                }
                State::Data | State::Skip => self.rest_of_line(bytes, sink),
            };
        }
    }

    /// The bytes behind the byte order mark, which may come in parts. A part of one alone begins a line that is no
    /// data.
    fn after_mark<'a>(&mut self, mut bytes: &'a [u8]) -> &'a [u8] {
        while let (Some(expected), Some(first)) = (MARK.get(self.mark), bytes.first()) {
            if expected != first {
                if self.mark > 0 {
                    self.state = State::Skip;
                }
                self.mark = MARK.len();
                break;
            }
            self.mark += 1;
            bytes = &bytes[1..];
        }
        bytes
    }

    /// Tells the sink of an event that the stream's end cut short, where it had data.
    pub fn finish(&mut self, sink: &mut impl EventSink) {
        if std::mem::take(&mut self.event_has_data) {
            sink.end_of_event();
        }
    }

    fn field<'a>(&mut self, bytes: &'a [u8], sink: &mut impl EventSink) -> &'a [u8] {
        let matched = if let State::Field(n) = self.state { n } else { 0 };
        let first = bytes[0];
        if first == FIELD[usize::from(matched)] {
            if usize::from(matched) + 1 == FIELD.len() {
                self.begin_data(sink);
                self.state = State::AfterColon;
            } else {
                self.state = State::Field(matched + 1);
            }
            return &bytes[1..];
        }
        self.state = State::Skip;
        bytes
    }

    fn begin_data(&mut self, sink: &mut impl EventSink) {
        if std::mem::replace(&mut self.event_has_data, true) {
            sink.data(b"\n");
        }
    }

    fn rest_of_line<'a>(&mut self, bytes: &'a [u8], sink: &mut impl EventSink) -> &'a [u8] {
        let end = memchr2(b'\n', b'\r', bytes);
        let line = &bytes[..end.unwrap_or(bytes.len())];
        if self.state == State::Data && !line.is_empty() {
            sink.data(line);
        }
        match end {
            Some(at) => self.end_line(&bytes[at..], false, sink),
            None => &[],
        }
    }

    fn end_line<'a>(&mut self, bytes: &'a [u8], blank: bool, sink: &mut impl EventSink) -> &'a [u8] {
        self.after_cr = bytes[0] == b'\r';
        self.state = State::LineStart;
        if blank {
            self.finish(sink);
        }
        &bytes[1..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Default)]
    struct Events(Vec<String>, String);

    impl EventSink for Events {
        fn data(&mut self, piece: &[u8]) {
            self.1.push_str(&String::from_utf8_lossy(piece));
        }
        fn end_of_event(&mut self) {
            self.0.push(std::mem::take(&mut self.1));
        }
    }

    fn events_of(pieces: &[&[u8]]) -> Vec<String> {
        let (mut parser, mut events) = (SseParser::default(), Events::default());
        for piece in pieces {
            parser.feed(piece, &mut events);
        }
        parser.finish(&mut events);
        events.0
    }

    #[test]
    fn data_lines_are_joined_and_other_fields_are_left_out() {
        let text =
            b"event: x\r\nid: 1\r\ndata: {\"a\":\r\ndata:1}\r\n\r\n: comment\n\ndatax: no\ndata: two\n\n";
        assert_eq!(events_of(&[text]), ["{\"a\":\n1}", "two"]);
    }

    #[test]
    fn an_event_without_a_blank_line_at_the_end_is_still_told() {
        assert_eq!(events_of(&[b"data: [DONE]"]), ["[DONE]"]);
    }

    #[test]
    fn a_byte_order_mark_is_left_out_also_when_it_comes_in_parts_and_a_part_of_one_spoils_its_line() {
        assert_eq!(events_of(&[b"\xef\xbb\xbfdata: 1\n\n"]), ["1"]);
        assert_eq!(events_of(&[b"\xef", b"\xbb\xbfda", b"ta: 1\n\n"]), ["1"]);
        assert_eq!(events_of(&[b"\xef\xbbdata: 1\n\ndata: 2\n\n"]), ["2"]);
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_events(
            mark in 0..=MARK.len(),
            text in "(data: [a-z{}]{0,6}|event: y|data:|\r|\n|\r\n|: c){0,24}",
            cut in any::<prop::sample::Index>(),
        ) {
            let text = [&MARK[..mark], text.as_bytes()].concat();
            let at = cut.index(text.len() + 1);
            let (a, b) = text.split_at(at);
            let single: Vec<&[u8]> = text.chunks(1).collect();
            let whole = events_of(&[&text]);
            prop_assert_eq!(&events_of(&[a, b]), &whole);
            prop_assert_eq!(&events_of(&single), &whole);
        }
    }
}
