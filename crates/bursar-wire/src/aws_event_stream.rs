//! Amazon's binary event stream: frames of a 12-byte prelude, headers, a payload and a checksum.
//!
//! Prelude: total length (u32, big-endian), headers length (u32), CRC of the two (u32). After the payload: CRC of
//! the whole frame. The payload is given on as it comes; a frame is never buffered. The checksums protect against
//! transport errors that TLS and TCP already exclude; they are not checked.

/// What receives payloads.
pub trait PayloadSink {
    /// A piece of a frame's payload.
    fn payload(&mut self, piece: &[u8]);
    /// The frame is complete.
    fn end_of_frame(&mut self);
}

/// A stream that is not framed as Amazon frames it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {total} bytes with {headers} bytes of headers does not exist in an AWS event stream")]
pub struct BadFrame {
    total: u32,
    headers: u32,
}

/// An incremental reader of frames.
#[derive(Clone, Debug, Default)]
pub struct EventStreamParser {
    prelude: [u8; 12],
    have: usize,
    headers_left: u32,
    payload_left: u32,
    crc_left: u32,
    broken: bool,
}

/// The most bytes that a frame may have; the service's own limit is 16 MiB and a little for headers.
const FRAME_CAP: u32 = 32 * 1024 * 1024;

impl EventStreamParser {
    /// Reads a piece of the stream. After an error everything that follows is passed over.
    pub fn feed(&mut self, mut bytes: &[u8], sink: &mut impl PayloadSink) -> Result<(), BadFrame> {
        while !bytes.is_empty() && !self.broken {
            if self.have < 12 {
                let n = bytes.len().min(12 - self.have);
                self.prelude[self.have..self.have + n].copy_from_slice(&bytes[..n]);
                self.have += n;
                bytes = &bytes[n..];
                if self.have == 12 {
                    self.begin_frame()?;
                    self.maybe_end(sink);
                }
                continue;
            }
            bytes = self.body(bytes, sink);
            self.maybe_end(sink);
        }
        Ok(())
    }

    fn begin_frame(&mut self) -> Result<(), BadFrame> {
        let word = |at: usize| {
            let p = &self.prelude;
            u32::from_be_bytes([p[at], p[at + 1], p[at + 2], p[at + 3]])
        };
        let (total, headers) = (word(0), word(4));
        let payload = total.checked_sub(16).and_then(|rest| rest.checked_sub(headers));
        let (Some(payload), true) = (payload, total <= FRAME_CAP) else {
            self.broken = true;
            return Err(BadFrame { total, headers });
        };
        (self.headers_left, self.payload_left, self.crc_left) = (headers, payload, 4);
        Ok(())
    }

    fn body<'a>(&mut self, bytes: &'a [u8], sink: &mut impl PayloadSink) -> &'a [u8] {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let part = if self.headers_left > 0 {
            &mut self.headers_left
        } else if self.payload_left > 0 {
            let n = length.min(self.payload_left);
            sink.payload(&bytes[..n as usize]);
            &mut self.payload_left
        } else {
            &mut self.crc_left
        };
        let n = length.min(*part);
        *part -= n;
        &bytes[n as usize..]
    }

    fn maybe_end(&mut self, sink: &mut impl PayloadSink) {
        if self.have == 12 && self.headers_left == 0 && self.payload_left == 0 && self.crc_left == 0 {
            self.have = 0;
            sink.end_of_frame();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Frames(Vec<Vec<u8>>, Vec<u8>);

    impl PayloadSink for Frames {
        fn payload(&mut self, piece: &[u8]) {
            self.1.extend_from_slice(piece);
        }
        fn end_of_frame(&mut self) {
            self.0.push(std::mem::take(&mut self.1));
        }
    }

    fn frame(headers: &[u8], payload: &[u8]) -> Vec<u8> {
        let total = u32::try_from(16 + headers.len() + payload.len()).unwrap();
        let mut bytes = total.to_be_bytes().to_vec();
        bytes.extend(u32::try_from(headers.len()).unwrap().to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(headers);
        bytes.extend(payload);
        bytes.extend([0; 4]);
        bytes
    }

    #[test]
    fn payloads_are_the_same_whatever_the_pieces_are() {
        let bytes = [frame(b"hh", b"{\"a\":1}"), frame(b"", b""), frame(b"h", b"{}")].concat();
        for size in 1..=bytes.len() {
            let (mut parser, mut frames) = (EventStreamParser::default(), Frames::default());
            for piece in bytes.chunks(size) {
                parser.feed(piece, &mut frames).unwrap();
            }
            assert_eq!(frames.0, [b"{\"a\":1}".to_vec(), Vec::new(), b"{}".to_vec()]);
        }
    }

    #[test]
    fn a_frame_shorter_than_its_own_headers_is_refused() {
        let mut bytes = frame(b"hh", b"x");
        bytes[7] = 200;
        let error = EventStreamParser::default().feed(&bytes, &mut Frames::default()).unwrap_err();
        assert_eq!(error, BadFrame { total: 19, headers: 200 });
    }
}
