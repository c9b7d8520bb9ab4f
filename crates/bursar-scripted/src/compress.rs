//! Answers as gzip, as the providers' front ends send them to callers that accept it.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::dialect::{Answer, Body};

/// The same answer, compressed. Each frame of a stream can be read as soon as it has come.
pub(crate) fn compressed(mut answer: Answer) -> Answer {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    match &mut answer.body {
        Body::Whole(body) => *body = gzip_of(&mut gzip, body, true),
        Body::Stream { frames, failure } => {
            let last = frames.len().saturating_sub(1);
            for (i, frame) in frames.iter_mut().enumerate() {
                frame.bytes = gzip_of(&mut gzip, &frame.bytes, i == last);
            }
            // The error event would have to continue the compressed stream; a broken one says as much.
            failure.clear();
        }
    }
    answer.headers.push(("content-encoding", "gzip".to_owned()));
    answer
}

/// What the encoder has to say to `bytes`. Writing into memory does not fail.
fn gzip_of(gzip: &mut GzEncoder<Vec<u8>>, bytes: &[u8], last: bool) -> Vec<u8> {
    let done = gzip.write_all(bytes).and_then(|()| if last { gzip.try_finish() } else { gzip.flush() });
    debug_assert!(done.is_ok(), "writing into memory");
    std::mem::take(gzip.get_mut())
}
