//! The table of keys.

use bursar_core::{Attribution, KeyId, LabelField, LabelPolicy, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::secret::SecretHash;
use super::{VirtualKey, read_networks};
use crate::error::StoreError;
use crate::usage_log::{bad, read_attribution, tags_text};

/// Adds a key.
pub(super) fn insert(db: &Connection, key: &VirtualKey, hash: &SecretHash) -> rusqlite::Result<()> {
    let a: &Attribution = &key.fixed;
    let list = |texts: &Option<Vec<String>>| texts.as_ref().map(|t| serde_json::json!(t).to_string());
    let may_set: Vec<&str> = key.may_set.fields().map(LabelField::name).collect();
    db.execute(
        "INSERT INTO virtual_key (id, hash, prefix, tenant, team, app, workflow, environment, consumer, task, step,
         parent_step, tags, may_set, models, ips, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
        params![
            key.id.0,
            hash,
            key.prefix,
            a.tenant,
            a.team,
            a.app,
            a.workflow,
            a.environment,
            a.consumer,
            a.task,
            a.step,
            a.parent_step,
            tags_text(&a.tags),
            may_set.join(","),
            list(&key.models),
            list(&key.ips),
            key.created_at.micros(),
            key.expires_at.map(Timestamp::micros),
        ],
    )?;
    Ok(())
}

/// Every key with the hash of its secret.
pub(super) fn all(db: &Connection) -> Result<Vec<(SecretHash, VirtualKey)>, StoreError> {
    let mut statement =
        db.prepare("SELECT * FROM virtual_key ORDER BY created_at, id").map_err(StoreError::Database)?;
    let mut rows = statement.query([]).map_err(StoreError::Database)?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next().map_err(StoreError::Database)? {
        keys.push(read(row)?);
    }
    Ok(keys)
}

/// One key.
pub(super) fn one(db: &Connection, id: &KeyId) -> Result<Option<VirtualKey>, StoreError> {
    let found = db
        .query_row("SELECT * FROM virtual_key WHERE id = ?1", [&id.0], |row| Ok(read(row)))
        .optional()
        .map_err(StoreError::Database)?;
    Ok(found.transpose()?.map(|(_, key)| key))
}

/// Ends a key at a time, unless it ends before; and says which key took its place, where one did.
pub(super) fn end(
    db: &Connection,
    id: &KeyId,
    at: Timestamp,
    replaced_by: Option<&KeyId>,
) -> rusqlite::Result<()> {
    db.execute(
        "UPDATE virtual_key SET revoked_at = min(coalesce(revoked_at, ?2), ?2),
         replaced_by = coalesce(?3, replaced_by) WHERE id = ?1",
        params![id.0, at.micros(), replaced_by.map(|k| k.0.as_str())],
    )?;
    Ok(())
}

/// Keeps when a key was last used.
pub(super) fn set_last_used(db: &Connection, id: &KeyId, at: i64) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE virtual_key SET last_used_at = max(coalesce(last_used_at, ?2), ?2) WHERE id = ?1",
    )?
    .execute(params![id.0, at])?;
    Ok(())
}

/// Writes down what was done to a key. No secret is in it.
pub(super) fn audit(
    db: &Connection,
    at: Timestamp,
    action: &str,
    id: &KeyId,
    detail: Option<&str>,
) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO audit (at, action, about, detail) VALUES (?1, ?2, ?3, ?4)",
        params![at.micros(), action, id.0, detail],
    )?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<(SecretHash, VirtualKey), StoreError> {
    let text = |name: &str| row.get::<_, Option<String>>(name).map_err(StoreError::Database);
    let needed = |name: &'static str| text(name)?.ok_or_else(|| bad(name, "it is missing"));
    let list = |name: &'static str| -> Result<Option<Vec<String>>, StoreError> {
        text(name)?.map(|t| serde_json::from_str(&t).map_err(|e| bad(name, e))).transpose()
    };
    let time = |name: &str| {
        let micros = row.get::<_, Option<i64>>(name).map_err(StoreError::Database)?;
        Ok::<_, StoreError>(micros.map(Timestamp::from_micros))
    };
    let ips = list("ips")?;
    let key = VirtualKey {
        id: KeyId(needed("id")?),
        prefix: needed("prefix")?,
        fixed: read_attribution(row)?,
        may_set: LabelPolicy::of(needed("may_set")?.split(',').filter_map(LabelField::from_name)),
        models: list("models")?,
        networks: read_networks(ips.as_ref())?,
        ips,
        created_at: time("created_at")?.ok_or_else(|| bad("created_at", "it is missing"))?,
        expires_at: time("expires_at")?,
        revoked_at: time("revoked_at")?,
        replaced_by: text("replaced_by")?.map(KeyId),
        last_used_at: time("last_used_at")?,
    };
    let hash = row.get::<_, SecretHash>("hash").map_err(StoreError::Database)?;
    Ok((hash, key))
}
