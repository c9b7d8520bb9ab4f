//! Segment files: their names, heads and room.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::FallocateFlags;

use crate::error::StoreError;

/// Bytes at the start of a segment: magic, version, number.
pub(crate) const HEAD: u64 = 24;
const MAGIC: &[u8; 8] = b"BursarJ\n";
const VERSION: u32 = 1;

/// A segment that is written to.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) file: Arc<File>,
    /// Where the next frame goes.
    pub(crate) offset: u64,
    /// The size of the file.
    pub(crate) size: u64,
}

/// The file of a segment.
pub(crate) fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:016x}.journal"))
}

/// The numbers of the segments in a folder, in order.
pub(crate) fn numbers(folder: &Path) -> Result<Vec<u64>, StoreError> {
    let failed = |e| StoreError::of_file(folder, e);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let number = name.to_str().and_then(|n| n.strip_suffix(".journal"));
        found.extend(number.and_then(|n| u64::from_str_radix(n, 16).ok()));
    }
    found.sort_unstable();
    Ok(found)
}

impl Segment {
    /// Makes a segment whose room is taken from the disk now, so that writing into it cannot find the disk full.
    pub(crate) fn create(folder: &Path, number: u64, size: u64, sync: bool) -> Result<Segment, StoreError> {
        Blank::create(folder, &format!("{number:016x}.new"), size)?.into_segment(folder, number, sync)
    }

    /// Bytes left behind the last frame.
    pub(crate) const fn room(&self) -> u64 {
        self.size - self.offset
    }
}

/// A file whose room is taken and that is no segment yet. Making it takes a while, and needs no lock.
#[derive(Debug)]
pub(crate) struct Blank {
    path: PathBuf,
    file: File,
    size: u64,
}

impl Blank {
    pub(crate) fn create(folder: &Path, name: &str, size: u64) -> Result<Blank, StoreError> {
        let path = folder.join(name);
        let made = (|| {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
            take_room(&file, size)?;
            Ok(file)
        })();
        match made {
            Ok(file) => Ok(Blank { path, file, size }),
            Err(e) => {
                let _ = fs::remove_file(&path);
                Err(StoreError::of_file(folder, e))
            }
        }
    }

    /// Gives it its number. From now on it is a part of the journal.
    pub(crate) fn into_segment(self, folder: &Path, number: u64, sync: bool) -> Result<Segment, StoreError> {
        let mut head = [0; HEAD as usize];
        head[..8].copy_from_slice(MAGIC);
        head[8..12].copy_from_slice(&VERSION.to_le_bytes());
        head[16..].copy_from_slice(&number.to_le_bytes());
        let done = (|| {
            self.file.write_all_at(&head, 0)?;
            fs::rename(&self.path, path_of(folder, number))?;
            if sync {
                self.file.sync_all()?;
                File::open(folder)?.sync_all()?;
            }
            Ok(())
        })();
        done.map_err(|e| StoreError::of_file(folder, e))?;
        Ok(Segment { number, file: Arc::new(self.file), offset: HEAD, size: self.size })
    }
}

/// Takes `size` bytes from the disk, by writing zeros where the filesystem cannot set room aside.
fn take_room(file: &File, size: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, size) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            let zeros = [0; 4096];
            let mut at = 0;
            while at < size {
                let part = zeros.len().min(usize::try_from(size - at).unwrap_or(zeros.len()));
                file.write_all_at(&zeros[..part], at)?;
                at += part as u64;
            }
            Ok(())
        }
        Err(e) => Err(e.into()),
    }
}

/// Opens a segment for reading and checks its head. `None` for one whose head was never written.
pub(crate) fn open(folder: &Path, number: u64) -> Result<Option<File>, StoreError> {
    let path = path_of(folder, number);
    let failed = |e| StoreError::of_file(&path, e);
    let file = File::open(&path).map_err(failed)?;
    let mut head = [0; HEAD as usize];
    match file.read_exact_at(&mut head, 0) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(failed(e)),
    }
    if &head[..8] != MAGIC {
        return Ok(None);
    }
    let version = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
    if version > VERSION {
        return Err(StoreError::NewerSchema { path, found: version, known: VERSION });
    }
    Ok(Some(file))
}

/// Keeps a copy of a damaged segment beside the journal, under a name that no one deletes.
pub(crate) fn keep_damaged(folder: &Path, number: u64) -> Result<PathBuf, StoreError> {
    let path = path_of(folder, number);
    let copy = path.with_extension("damaged");
    fs::copy(&path, &copy).map_err(|e| StoreError::of_file(&copy, e))?;
    Ok(copy)
}

/// Deletes what was to become a segment when a process ended.
pub(crate) fn delete_blanks(folder: &Path) -> Result<(), StoreError> {
    let failed = |e| StoreError::of_file(folder, e);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|e| e == "new") {
            fs::remove_file(&path).map_err(|e| StoreError::of_file(&path, e))?;
        }
    }
    Ok(())
}

/// Deletes the segments before `number`.
pub(crate) fn delete_before(folder: &Path, number: u64) -> Result<(), StoreError> {
    for old in numbers(folder)?.into_iter().filter(|&n| n < number) {
        let path = path_of(folder, old);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(StoreError::of_file(&path, e)),
            _ => {}
        }
    }
    Ok(())
}
