//! What happens to the journal when the store is opened.

use std::path::Path;

use rusqlite::Connection;

use crate::drain::Drain;
use crate::error::StoreError;
use crate::journal::scan::PieceEnd;
use crate::journal::{Position, segment};

/// What was found in the journal.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Replayed {
    pub(crate) entries: u64,
    pub(crate) torn_bytes: u64,
    pub(crate) damaged_segments: u64,
    /// The number that the next segment may take.
    pub(crate) next_number: u64,
}

/// Takes everything that waits in the journal into the database. A torn end is left out: it was never
/// acknowledged.
pub(crate) fn replay(db: Connection, folder: &Path, journal: &Path) -> Result<(Drain, Replayed), StoreError> {
    let mut drain = Drain::resume(db, folder, journal)?;
    let numbers = segment::numbers(journal)?;
    let start = drain.position().segment;
    let mut found =
        Replayed { next_number: numbers.last().copied().unwrap_or(0).max(start) + 1, ..Replayed::default() };
    for &number in numbers.iter().filter(|&&n| n >= start) {
        if number > drain.position().segment {
            drain.move_to(number)?;
        }
        take_segment(&mut drain, &mut found)?;
    }
    Ok((drain, found))
}

fn take_segment(drain: &mut Drain, found: &mut Replayed) -> Result<(), StoreError> {
    let end = Position { segment: u64::MAX, offset: u64::MAX };
    let mut is_damaged = false;
    loop {
        let taken = drain.take_piece(end)?;
        found.entries += taken.entries;
        match taken.ended {
            PieceEnd::More => {}
            PieceEnd::Segment => return Ok(()),
            PieceEnd::Torn(bytes) if drain.skip_damage()? => {
                if !std::mem::replace(&mut is_damaged, true) {
                    drain.keep_damaged()?;
                    found.damaged_segments += 1;
                }
                tracing::error!(
                    segment = drain.position().segment,
                    bytes,
                    "the journal is damaged; what is whole behind the damage is taken"
                );
            }
            PieceEnd::Torn(bytes) => {
                let at = drain.position();
                tracing::warn!(
                    segment = at.segment,
                    offset = at.offset,
                    bytes,
                    "the journal ends in a record that was not written whole; it was never acknowledged and is left out"
                );
                found.torn_bytes += bytes;
                return Ok(());
            }
        }
    }
}
