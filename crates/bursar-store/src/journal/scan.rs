//! Reading the journal in order, a bounded piece at a time.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::frame::{self, Found};
use super::{Position, segment};
use crate::error::StoreError;

/// The most that is read at once, in bytes. It is also the most that one transaction takes.
const PIECE: usize = 4 * frame::LARGEST;

/// Reads the segments of a folder from a position on.
pub(crate) struct Scan {
    folder: PathBuf,
    at: Position,
    file: Option<(u64, File)>,
    buffer: Vec<u8>,
}

/// How a piece ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PieceEnd {
    /// There may be more.
    More,
    /// The end of what was written to this segment.
    Segment,
    /// Bytes that are no frame: so many of them are not zero.
    Torn(u64),
}

impl Scan {
    pub(crate) fn new(folder: &Path, at: Position) -> Scan {
        Scan { folder: folder.to_owned(), at, file: None, buffer: Vec::new() }
    }

    pub(crate) fn position(&self) -> Position {
        self.at
    }

    /// Goes to a place: back to where a piece began that could not be kept, or on to the next segment.
    pub(crate) fn go_to(&mut self, at: Position) {
        self.at = at;
    }

    /// Gives every whole frame of the next piece to `take`, with its place, and moves behind them. Nothing at or
    /// behind `end` is looked at.
    pub(crate) fn piece<E: From<StoreError>>(
        &mut self,
        end: Position,
        mut take: impl FnMut(Position, u8, &[u8]) -> Result<(), E>,
    ) -> Result<PieceEnd, E> {
        let filled = self.fill(end)?;
        let bytes = &self.buffer[..filled];
        let mut used = 0;
        loop {
            let at = Position { segment: self.at.segment, offset: self.at.offset + used as u64 };
            match frame::look(&bytes[used..], at) {
                Found::Frame { kind, entry, length } => {
                    take(at, kind, entry)?;
                    used += length;
                }
                Found::Short if used > 0 && filled == PIECE => return Ok(self.moved(used, PieceEnd::More)),
                Found::Short | Found::Torn => {
                    let torn = bytes[used..].iter().filter(|&&b| b != 0).count() as u64;
                    let ended = if torn == 0 { PieceEnd::Segment } else { PieceEnd::Torn(torn) };
                    return Ok(self.moved(used, ended));
                }
                Found::Nothing => return Ok(self.moved(used, PieceEnd::Segment)),
            }
        }
    }

    /// Looks behind the position for the next whole frame of the segment, and goes there; `false` where there is
    /// none, and the position stays. For a journal that is damaged, which is read into memory for it.
    pub(crate) fn find_next_frame(&mut self) -> Result<bool, StoreError> {
        let path = segment::path_of(&self.folder, self.at.segment);
        let bytes = std::fs::read(&path).map_err(|e| StoreError::of_file(&path, e))?;
        let start = usize::try_from(self.at.offset).unwrap_or(usize::MAX).min(bytes.len());
        let whole = |&offset: &usize| {
            let at = Position { segment: self.at.segment, offset: offset as u64 };
            matches!(frame::look(&bytes[offset..], at), Found::Frame { .. })
        };
        let Some(offset) = (start + 1..bytes.len()).find(whole) else { return Ok(false) };
        self.at.offset = offset as u64;
        Ok(true)
    }

    fn moved(&mut self, used: usize, ended: PieceEnd) -> PieceEnd {
        self.at.offset += used as u64;
        ended
    }

    /// Reads up to one piece at the position into the buffer; the number of bytes read.
    fn fill(&mut self, end: Position) -> Result<usize, StoreError> {
        let number = self.at.segment;
        if self.file.as_ref().is_none_or(|(n, _)| *n != number) {
            self.file = segment::open(&self.folder, number)?.map(|f| (number, f));
        }
        let Some((_, file)) = &self.file else { return Ok(0) };
        self.at.offset = self.at.offset.max(segment::HEAD);
        let left = if end.segment == number { end.offset.saturating_sub(self.at.offset) } else { u64::MAX };
        self.buffer.resize(PIECE, 0);
        let wanted = PIECE.min(usize::try_from(left).unwrap_or(PIECE));
        let mut filled = 0;
        while filled < wanted {
            let read = file
                .read_at(&mut self.buffer[filled..wanted], self.at.offset + filled as u64)
                .map_err(|e| StoreError::of_file(&segment::path_of(&self.folder, number), e))?;
            if read == 0 {
                break;
            }
            filled += read;
        }
        Ok(filled)
    }
}
