//! The latest placement plan: a JSON file in the data folder, beside the database.
//!
//! A plan is an answer to a question of one day and no part of the account, so it has no table: the next one replaces
//! it whole. It is written in one step, so that a reader sees the old one or the new one.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::error::StoreError;

const NAME: &str = "plan.json";
/// No plan is larger; a file that is was not written here.
const LARGEST: u64 = 64 << 20;

/// Keeps a plan in a data folder, which is made where there is none.
///
/// # Errors
///
/// Where the folder or the file cannot be written.
pub fn keep_plan(folder: &Path, json: &str) -> Result<PathBuf, StoreError> {
    let path = folder.join(NAME);
    let unfinished = folder.join(format!("{NAME}.{}.new", std::process::id()));
    let write = || {
        std::fs::create_dir_all(folder)?;
        let mut file = File::create(&unfinished)?;
        file.write_all(json.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&unfinished, &path)
    };
    write().map_err(|error| StoreError::of_file(&path, error))?;
    Ok(path)
}

/// The plan that was kept last; `None` where none was.
///
/// # Errors
///
/// Where the file is there and cannot be read, or is larger than any plan.
pub fn kept_plan(folder: &Path) -> Result<Option<String>, StoreError> {
    let path = folder.join(NAME);
    let read = || {
        let mut text = String::new();
        let length = File::open(&path)?.take(LARGEST + 1).read_to_string(&mut text)?;
        if length as u64 > LARGEST {
            return Err(std::io::Error::new(ErrorKind::InvalidData, "it is larger than any plan"));
        }
        Ok(text)
    };
    match read() {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::of_file(&path, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_plan_replaces_the_one_before_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        assert_eq!(kept_plan(&data).unwrap(), None);
        keep_plan(&data, "{\"a\":1}").unwrap();
        keep_plan(&data, "{}").unwrap();
        assert_eq!(kept_plan(&data).unwrap().as_deref(), Some("{}"));
        assert_eq!(std::fs::read_dir(&data).unwrap().count(), 1);
    }

    #[test]
    fn a_plan_that_cannot_be_read_is_an_error_and_not_none() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(NAME), [0xff]).unwrap();
        let told = kept_plan(folder.path()).unwrap_err().to_string();
        assert!(told.contains(NAME), "{told}");
    }
}
