//! Reading one response from bytes as they come, without I/O.

/// Why a response cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an HTTP/1.1 response: {0}")]
pub(crate) struct BadResponse(&'static str);

/// A response under way.
#[derive(Debug, Default)]
pub(crate) struct ResponseReader {
    raw: Vec<u8>,
    at: usize,
    state: State,
    status: u16,
    headers: Vec<(String, String)>,
    keep_alive: bool,
    body: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Head,
    Counted(usize),
    ChunkSize,
    Chunk(usize),
    UntilClose,
    Done,
}

impl ResponseReader {
    /// Takes in bytes. After an error the connection is of no more use.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<(), BadResponse> {
        self.raw.extend_from_slice(bytes);
        while self.step()? {}
        Ok(())
    }

    /// Says that the connection was closed. A body without a length ends here; anything else is cut off.
    pub(crate) fn closed(&mut self) {
        if self.state == State::UntilClose {
            self.state = State::Done;
        }
    }

    /// Whether the whole response has been read.
    #[must_use]
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The status; 0 until the head has been read.
    #[must_use]
    pub(crate) const fn status(&self) -> u16 {
        self.status
    }

    /// Whether the connection may carry another request afterwards.
    #[must_use]
    pub(crate) fn keeps_alive(&self) -> bool {
        self.keep_alive && self.is_done()
    }

    /// All headers, with names in small letters.
    pub(crate) fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// The body as far as it has been read, with any chunked coding taken off.
    #[must_use]
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Begins the next response, keeping the memory.
    pub(crate) fn reset(&mut self) {
        let ResponseReader { raw, body, headers, .. } = self;
        raw.clear();
        body.clear();
        headers.clear();
        (self.at, self.state, self.status, self.keep_alive) = (0, State::Head, 0, false);
    }

    fn step(&mut self) -> Result<bool, BadResponse> {
        match self.state {
            State::Head => self.head(),
            State::Counted(left) => Ok(self.take(left, |left| match left {
                0 => State::Done,
                left => State::Counted(left),
            })),
            State::ChunkSize => self.chunk_size(),
            State::Chunk(left) => self.chunk(left),
            State::UntilClose => Ok(self.take(usize::MAX, |_| State::UntilClose)),
            State::Done => Ok(false),
        }
    }

    /// Moves up to `left` bytes to the body; `then` says what follows when so many remain.
    fn take(&mut self, left: usize, then: impl FnOnce(usize) -> State) -> bool {
        let there = self.raw.len() - self.at;
        let taken = left.min(there);
        self.body.extend_from_slice(&self.raw[self.at..self.at + taken]);
        self.at += taken;
        self.forget();
        self.state = then(left - taken);
        taken > 0 && self.state != State::Done
    }

    fn head(&mut self) -> Result<bool, BadResponse> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut parsed = httparse::Response::new(&mut headers);
        let length = match parsed.parse(&self.raw) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(false),
            Err(_) => return Err(BadResponse("the head cannot be read")),
        };
        self.status = parsed.code.unwrap_or(0);
        self.keep_alive = parsed.version == Some(1);
        self.state = State::UntilClose;
        for header in parsed.headers.iter() {
            let name = header.name.to_ascii_lowercase();
            let value = String::from_utf8_lossy(header.value).into_owned();
            match name.as_str() {
                "content-length" => {
                    let length = value.parse().map_err(|_| BadResponse("content-length is no number"))?;
                    self.state = State::Counted(length);
                }
                "transfer-encoding" => self.state = State::ChunkSize,
                "connection" => self.keep_alive &= !value.eq_ignore_ascii_case("close"),
                _ => {}
            }
            self.headers.push((name, value));
        }
        self.at = length;
        if self.state == State::Counted(0) || matches!(self.status, 204 | 304) {
            self.state = State::Done;
        }
        Ok(self.state != State::Done)
    }

    fn chunk_size(&mut self) -> Result<bool, BadResponse> {
        match httparse::parse_chunk_size(&self.raw[self.at..]) {
            Ok(httparse::Status::Complete((start, size))) => {
                let size = usize::try_from(size).map_err(|_| BadResponse("a chunk is too large"))?;
                self.at += start;
                self.state = State::Chunk(size);
                Ok(true)
            }
            Ok(httparse::Status::Partial) => Ok(false),
            Err(_) => Err(BadResponse("a chunk has no size")),
        }
    }

    fn chunk(&mut self, left: usize) -> Result<bool, BadResponse> {
        let there = self.raw.len() - self.at;
        if left == 0 {
            return self.end_of_chunks();
        }
        if there < left + 2 {
            return Ok(false);
        }
        self.body.extend_from_slice(&self.raw[self.at..self.at + left]);
        self.at += left + 2;
        self.forget();
        self.state = State::ChunkSize;
        Ok(true)
    }

    /// Reads trailers up to the empty line.
    fn end_of_chunks(&mut self) -> Result<bool, BadResponse> {
        let rest = &self.raw[self.at..];
        let end = if rest.starts_with(b"\r\n") { Some(2) } else { find(rest, b"\r\n\r\n").map(|at| at + 4) };
        let Some(end) = end else { return Ok(false) };
        self.at += end;
        self.state = State::Done;
        Ok(false)
    }

    /// Drops bytes that have been dealt with, once they are many.
    fn forget(&mut self) {
        if self.at == self.raw.len() || self.at > 64 * 1024 {
            self.raw.drain(..self.at);
            self.at = 0;
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNKED: &[u8] =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n";

    #[test]
    fn a_chunked_body_reads_the_same_however_it_is_split() {
        for at in 0..CHUNKED.len() {
            let mut reader = ResponseReader::default();
            reader.feed(&CHUNKED[..at]).unwrap();
            assert!(!reader.is_done());
            reader.feed(&CHUNKED[at..]).unwrap();
            assert!(reader.is_done() && reader.keeps_alive());
            assert_eq!((reader.status(), reader.body()), (200, &b"abcdefg"[..]));
        }
    }

    #[test]
    fn trailers_after_the_last_chunk_are_read_over() {
        let mut reader = ResponseReader::default();
        reader.feed(&CHUNKED[..CHUNKED.len() - 2]).unwrap();
        reader.feed(b"x-bursar-cost: 0.01\r\n\r\n").unwrap();
        assert!(reader.is_done());
    }

    #[test]
    fn a_counted_body_that_ends_early_is_not_done() {
        let mut reader = ResponseReader::default();
        reader.feed(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc").unwrap();
        reader.closed();
        assert!(!reader.is_done());
        reader.feed(b"de").unwrap();
        assert!(reader.is_done());
        reader.reset();
        reader.feed(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        assert!(reader.is_done());
    }
}
