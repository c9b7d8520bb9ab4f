//! Files that a command is given: plain or gzipped by their suffix, `-` for standard input, and no larger than told.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::Context as _;
use flate2::read::MultiGzDecoder;

/// The name that stands for standard input or output.
pub(super) const STANDARD: &str = "-";

/// Opens a file as it lies on the disk; `-` is standard input.
pub(super) fn open(path: &Path) -> anyhow::Result<Box<dyn Read>> {
    if path == Path::new(STANDARD) {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    let cannot = || format!("cannot read {}", path.display());
    let file = File::open(path).with_context(cannot)?;
    anyhow::ensure!(!file.metadata().with_context(cannot)?.is_dir(), "{} is a folder", path.display());
    Ok(Box::new(file))
}

/// Undoes the compression that the file's suffix tells.
pub(super) fn unpacked<'a>(path: &Path, read: impl Read + 'a) -> Box<dyn Read + 'a> {
    if is_gzip(path) { Box::new(MultiGzDecoder::new(read)) } else { Box::new(read) }
}

/// Whether a file is gzipped, by its suffix.
pub(super) fn is_gzip(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz"))
}

/// All bytes of a file; an error where it holds more than `limit` of them.
pub(super) fn read(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut input = unpacked(path, open(path)?).take(limit.saturating_add(1));
    input.read_to_end(&mut bytes).with_context(|| format!("cannot read {}", path.display()))?;
    let too_large = bytes.len() as u64 > limit;
    anyhow::ensure!(!too_large, "{} holds more than {} MiB", path.display(), limit >> 20);
    Ok(bytes)
}

/// The text of a file; an error where it is not UTF-8.
pub(super) fn read_text(path: &Path, limit: u64) -> anyhow::Result<String> {
    String::from_utf8(read(path, limit)?).with_context(|| format!("{} is not UTF-8 text", path.display()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_file_is_read_as_it_is_or_unpacked_by_its_suffix() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, packed) = (folder.path().join("a.json"), folder.path().join("a.json.gz"));
        std::fs::write(&plain, "{}").unwrap();
        let mut gz = flate2::write::GzEncoder::new(File::create(&packed).unwrap(), Default::default());
        gz.write_all(b"{}").unwrap();
        gz.finish().unwrap();
        assert_eq!(read_text(&plain, 2).unwrap(), "{}");
        assert_eq!(read_text(&packed, 2).unwrap(), "{}");
    }

    #[test]
    fn what_cannot_be_read_is_named_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.path().join(name), bytes).unwrap();
            format!("{:#}", read_text(&folder.path().join(name), 4).unwrap_err())
        };
        assert!(at("large", b"12345").contains("holds more than"));
        assert!(at("bytes", &[0xff]).contains("is not UTF-8"));
        assert!(at("not.gz", b"plai").contains("cannot read"));
        let missing = format!("{:#}", read(&folder.path().join("missing"), 4).unwrap_err());
        assert!(missing.contains("missing") && missing.contains("No such file"), "{missing}");
        assert!(format!("{:#}", read(folder.path(), 4).unwrap_err()).contains("is a folder"));
    }
}
