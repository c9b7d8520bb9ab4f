//! The registry of keys: lookups in memory, changes in the database.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use bursar_core::{KeyId, Timestamp};
use rusqlite::Connection;

use super::secret::{self, Secret, SecretHash};
use super::{KeySpec, VirtualKey, read_networks, table};
use crate::database;
use crate::error::StoreError;

/// A use is written down again when it is this much later than the last one written, in microseconds.
const USE_GRAIN: i64 = 60_000_000;

/// The registry of virtual keys. Clones share it. Lookups take no lock and read no file; a change by another
/// process is seen within about a second where a [`crate::Store`] is open.
#[derive(Clone)]
pub struct KeyDirectory {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    snapshot: ArcSwap<Snapshot>,
}

#[derive(Default)]
struct Snapshot {
    by_hash: HashMap<SecretHash, Entry>,
}

struct Entry {
    key: Arc<VirtualKey>,
    /// The latest use in microseconds since the epoch, and the latest that was written down.
    used: AtomicI64,
    written: AtomicI64,
}

impl KeyDirectory {
    /// The registry of a data folder, beside a running server or without one. A folder without data is an empty
    /// registry; the first key makes it.
    ///
    /// # Errors
    ///
    /// Where the registry cannot be read.
    pub fn open(folder: &Path) -> Result<KeyDirectory, StoreError> {
        let directory = KeyDirectory::empty(folder);
        if database::path_of(folder).is_file() {
            directory.reload()?;
        }
        Ok(directory)
    }

    /// The registry beside an open database.
    pub(crate) fn with_snapshot(folder: &Path, db: &Connection) -> Result<KeyDirectory, StoreError> {
        let directory = KeyDirectory::empty(folder);
        directory.reload_from(db)?;
        Ok(directory)
    }

    fn empty(folder: &Path) -> KeyDirectory {
        let snapshot = ArcSwap::from_pointee(Snapshot::default());
        KeyDirectory { shared: Arc::new(Shared { folder: folder.to_owned(), snapshot }) }
    }

    /// The key of a secret, active or not; `None` for a text that is no key's secret.
    #[must_use]
    pub fn find(&self, secret: &str) -> Option<Arc<VirtualKey>> {
        let hash = secret::hash_of(secret)?;
        self.shared.snapshot.load().by_hash.get(&hash).map(|e| Arc::clone(&e.key))
    }

    /// Notes that a key was used. It is written down by and by.
    pub fn note_use(&self, secret: &str, now: Timestamp) {
        let Some(hash) = secret::hash_of(secret) else { return };
        if let Some(entry) = self.shared.snapshot.load().by_hash.get(&hash) {
            entry.used.fetch_max(now.micros(), Ordering::Relaxed);
        }
    }

    /// Whether no key was ever made. Keys that have ended count, so that revoking the last one does not open the
    /// gateway to everyone.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.snapshot.load().by_hash.is_empty()
    }

    /// Every key, the oldest first, as the database has them now.
    ///
    /// # Errors
    ///
    /// Where the registry cannot be read.
    pub fn list(&self) -> Result<Vec<VirtualKey>, StoreError> {
        if !database::path_of(&self.shared.folder).is_file() {
            return Ok(Vec::new());
        }
        let db = database::open_read_only(&self.shared.folder)?;
        let keys = self.named(table::all(&db))?;
        Ok(keys.into_iter().map(|(_, key)| key).collect())
    }

    /// Makes a key. The secret is in the answer and nowhere else.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadNetwork`], or where the registry cannot be written.
    pub fn create(&self, spec: KeySpec, now: Timestamp) -> Result<(VirtualKey, Secret), StoreError> {
        let (key, secret) = new_key(spec, now)?;
        self.change(|db| {
            table::insert(db, &key, &secret.hash()).map_err(StoreError::Database)?;
            table::audit(db, now, "key.create", &key.id, None).map_err(StoreError::Database)
        })?;
        Ok((key, secret))
    }

    /// Ends a key now; `None` where there is no such key. A key that has ended stays as it is.
    ///
    /// # Errors
    ///
    /// Where the registry cannot be written.
    pub fn revoke(&self, id: &KeyId, now: Timestamp) -> Result<Option<VirtualKey>, StoreError> {
        self.change(|db| {
            if table::one(db, id)?.is_none() {
                return Ok(None);
            }
            table::end(db, id, now, None).map_err(StoreError::Database)?;
            table::audit(db, now, "key.revoke", id, None).map_err(StoreError::Database)?;
            table::one(db, id)
        })
    }

    /// Puts a new key with the same labels and rules in the place of one, which stays good until `until`; `None`
    /// where there is no such key.
    ///
    /// # Errors
    ///
    /// Where the registry cannot be written.
    pub fn rotate(
        &self,
        id: &KeyId,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<(VirtualKey, Secret)>, StoreError> {
        self.change(|db| {
            let Some(old) = table::one(db, id)? else { return Ok(None) };
            let spec = KeySpec {
                fixed: old.fixed,
                may_set: old.may_set,
                models: old.models,
                ips: old.ips,
                expires_at: old.expires_at,
            };
            let (key, secret) = new_key(spec, now)?;
            table::insert(db, &key, &secret.hash()).map_err(StoreError::Database)?;
            table::end(db, id, until, Some(&key.id)).map_err(StoreError::Database)?;
            table::audit(db, now, "key.rotate", id, Some(&key.id.0)).map_err(StoreError::Database)?;
            Ok(Some((key, secret)))
        })
    }

    /// Reads the registry again.
    ///
    /// # Errors
    ///
    /// Where it cannot be read; lookups then go on with what was known.
    pub fn reload(&self) -> Result<(), StoreError> {
        self.reload_from(&database::open_read_only(&self.shared.folder)?)
    }

    pub(crate) fn reload_from(&self, db: &Connection) -> Result<(), StoreError> {
        let keys = self.named(table::all(db))?;
        let before = self.shared.snapshot.load();
        let entry = |hash: &SecretHash, key: VirtualKey| {
            let written = key.last_used_at.map_or(i64::MIN, Timestamp::micros);
            let used =
                before.by_hash.get(hash).map_or(written, |e| e.used.load(Ordering::Relaxed).max(written));
            Entry { key: Arc::new(key), used: AtomicI64::new(used), written: AtomicI64::new(written) }
        };
        let by_hash = keys.into_iter().map(|(hash, key)| (hash, entry(&hash, key))).collect();
        self.shared.snapshot.store(Arc::new(Snapshot { by_hash }));
        Ok(())
    }

    /// Writes down when keys were last used, where that is much later than what was written.
    pub(crate) fn write_last_used(&self, db: &Connection) -> rusqlite::Result<()> {
        let snapshot = self.shared.snapshot.load();
        let is_due = |e: &&Entry| {
            let (used, written) = (e.used.load(Ordering::Relaxed), e.written.load(Ordering::Relaxed));
            // A key that was never used has no moment to write down.
            used > written && used.saturating_sub(USE_GRAIN) >= written
        };
        let due: Vec<&Entry> = snapshot.by_hash.values().filter(is_due).collect();
        if due.is_empty() {
            return Ok(());
        }
        let tx = db.unchecked_transaction()?;
        for entry in due {
            let used = entry.used.load(Ordering::Relaxed);
            table::set_last_used(&tx, &entry.key.id, used)?;
            entry.written.store(used, Ordering::Relaxed);
        }
        tx.commit()
    }

    /// One change of the registry, in one transaction, and then the lookups follow it.
    fn change<T>(&self, change: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let result = self.named(database::change(&self.shared.folder, change))?;
        self.reload()?;
        Ok(result)
    }

    /// The same result with failures of the database told apart.
    fn named<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        result.map_err(|e| match e {
            StoreError::Database(e) => StoreError::of_database(&database::path_of(&self.shared.folder), e),
            other => other,
        })
    }
}

fn new_key(spec: KeySpec, now: Timestamp) -> Result<(VirtualKey, Secret), StoreError> {
    let secret = Secret::new()?;
    let key = VirtualKey {
        id: KeyId(secret::new_id()?),
        prefix: secret.prefix().to_owned(),
        networks: read_networks(spec.ips.as_ref())?,
        fixed: spec.fixed,
        may_set: spec.may_set,
        models: spec.models,
        ips: spec.ips,
        created_at: now,
        expires_at: spec.expires_at,
        revoked_at: None,
        replaced_by: None,
        last_used_at: None,
    };
    Ok((key, secret))
}
