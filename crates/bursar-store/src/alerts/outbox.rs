//! The outbox: alerts are written once, and wait there until each channel has taken them.

use std::path::Path;

use bursar_core::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::table::{self, COLUMNS, WIDTH};
use super::{Alert, DueDelivery, NewAlert, Silence};
use crate::beside::Beside;
use crate::error::StoreError;

/// Cases of windows without an end are known for this long after they were told, in microseconds.
const REMEMBERED: i64 = 400 * 86_400 * 1_000_000;

/// The outbox of a data folder, beside a running server or without one. Clones share one connection.
///
/// An alert that [`Outbox::add`] has taken survives the end of the process and of the machine's power. It is created
/// exactly once, and sent at least once to each of its channels: a process that ends between the sending and the note
/// of it sends it again, under the same [id](Alert::id).
#[derive(Clone)]
pub struct Outbox {
    db: Beside,
}

impl Outbox {
    /// The outbox of a data folder. Nothing is opened yet.
    #[must_use]
    pub fn of(folder: &Path) -> Outbox {
        Outbox { db: Beside::of(folder) }
    }

    /// Writes alerts with their ways to the channels, all of them or none, and says which are new. One that is there
    /// already changes nothing.
    ///
    /// # Errors
    ///
    /// Where the database cannot be written; the same alerts can be added again.
    pub fn add(&self, alerts: &[NewAlert]) -> Result<Vec<bool>, StoreError> {
        self.db.change(|db| alerts.iter().map(|new| table::insert(db, new)).collect())
    }

    /// Alerts that are to be sent now, the longest due first, except to some channels. The end of an incident waits
    /// until its beginning has been sent to the same channel or was given up.
    ///
    /// # Errors
    ///
    /// Where the database cannot be read.
    pub fn due(&self, now: Timestamp, except: &[&str], most: usize) -> Result<Vec<DueDelivery>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, d.channel, d.attempts FROM alert_delivery d JOIN alert ON alert.id = d.alert
             WHERE d.state = 'waiting' AND d.next_try <= ?1
             AND d.channel NOT IN (SELECT value FROM json_each(?3)) AND NOT (alert.recovery IS NOT NULL AND EXISTS (
                 SELECT 1 FROM alert_delivery b WHERE b.incident = d.incident AND b.channel = d.channel
                 AND b.alert <> d.alert AND b.state = 'waiting'))
             ORDER BY d.next_try, alert.at, alert.id LIMIT ?2"
        );
        self.db.with(|db| {
            let mut statement = db.prepare_cached(&sql).map_err(StoreError::Database)?;
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            let except = serde_json::json!(except).to_string();
            let given = params![now.micros(), most, except];
            let mut rows = statement.query(given).map_err(StoreError::Database)?;
            let mut due = Vec::new();
            while let Some(row) = rows.next().map_err(StoreError::Database)? {
                let channel = row.get(WIDTH).map_err(StoreError::Database)?;
                let attempts = row.get(WIDTH + 1).map_err(StoreError::Database)?;
                due.push(DueDelivery { alert: table::read(row)?, channel, attempts });
            }
            Ok(due)
        })
    }

    /// When something is due next; `None` where nothing waits.
    ///
    /// # Errors
    ///
    /// Where the database cannot be read.
    pub fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT min(next_try) FROM alert_delivery WHERE state = 'waiting'";
        let next = |db: &Connection| db.query_row(sql, [], |r| r.get::<_, Option<i64>>(0));
        let found = self.db.with(|db| next(db).map_err(StoreError::Database))?;
        Ok(found.map(Timestamp::from_micros))
    }

    /// Notes that a channel has taken an alert.
    ///
    /// # Errors
    ///
    /// Where the database cannot be written; the alert is then sent again.
    pub fn sent(&self, alert: &str, channel: &str, now: Timestamp) -> Result<(), StoreError> {
        self.db.change(|db| {
            db.prepare_cached(
                "UPDATE alert_delivery SET state = 'sent', attempts = attempts + 1, last_error = NULL, ended_at = ?3
                 WHERE alert = ?1 AND channel = ?2",
            )?
            .execute(params![alert, channel, now.micros()])
        })?;
        Ok(())
    }

    /// Notes that a channel has not taken an alert, and when it is tried again; `None` gives it up.
    ///
    /// # Errors
    ///
    /// Where the database cannot be written; the alert is then tried again at once.
    pub fn not_sent(
        &self,
        (alert, channel): (&str, &str),
        error: &str,
        next_try: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let ended_at = if next_try.is_some() { None } else { Some(now.micros()) };
        self.db.change(|db| {
            db.prepare_cached(
                "UPDATE alert_delivery SET state = ?3, attempts = attempts + 1, last_error = ?4,
                 next_try = coalesce(?5, next_try), ended_at = ?6 WHERE alert = ?1 AND channel = ?2",
            )?
            .execute(params![
                alert,
                channel,
                if next_try.is_some() { "waiting" } else { "failed" },
                error,
                next_try.map(Timestamp::micros),
                ended_at
            ])
        })?;
        Ok(())
    }

    /// What a new watch has to know: of each account, window and rule the latest beginning whose window is not over,
    /// and every beginning without an end. The second part says whether it has none.
    ///
    /// # Errors
    ///
    /// Where the database cannot be read.
    pub fn known(&self, now: Timestamp) -> Result<Vec<(Alert, bool)>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, e.id IS NULL FROM alert
             LEFT JOIN alert e ON e.incident = alert.incident AND e.recovery IS NOT NULL
             WHERE alert.recovery IS NULL AND (e.id IS NULL OR (alert.window_end > ?1 AND alert.at > ?2))
             AND NOT EXISTS (SELECT 1 FROM alert later WHERE later.recovery IS NULL AND later.budget IS alert.budget
                 AND later.instance IS alert.instance AND later.window_start = alert.window_start
                 AND later.rule = alert.rule AND later.episode > alert.episode)
             ORDER BY alert.at, alert.id"
        );
        self.db.with(|db| {
            let mut statement = db.prepare_cached(&sql).map_err(StoreError::Database)?;
            let since = now.plus_micros(-REMEMBERED);
            let mut rows = statement.query([now.micros(), since.micros()]).map_err(StoreError::Database)?;
            let mut known = Vec::new();
            while let Some(row) = rows.next().map_err(StoreError::Database)? {
                known.push((table::read(row)?, row.get(WIDTH).map_err(StoreError::Database)?));
            }
            Ok(known)
        })
    }

    /// Notes that somebody knows of an alert; `false` where there is no such alert. The first to say so counts.
    ///
    /// # Errors
    ///
    /// Where the database cannot be written.
    pub fn ack(&self, alert: &str, who: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.db.change(|db| {
            let known = db
                .query_row("SELECT acked_at IS NOT NULL FROM alert WHERE id = ?1", [alert], |r| r.get(0))
                .optional()?;
            if known == Some(false) {
                db.execute(
                    "UPDATE alert SET acked_at = ?2, acked_by = ?3 WHERE id = ?1",
                    params![alert, now.micros(), who],
                )?;
                table::audit(db, now, ("alert.ack", alert), (who, ""))?;
            }
            Ok(known.is_some())
        })
    }

    /// Sends nothing about a budget for a time. What is raised meanwhile is kept; what was sent before is taken back
    /// when it is over.
    ///
    /// # Errors
    ///
    /// Where the database cannot be written.
    pub fn silence(&self, silence: &Silence) -> Result<(), StoreError> {
        self.db.change(|db| {
            table::insert_silence(db, silence)?;
            let about = silence.budget.as_deref().unwrap_or("*");
            table::audit(db, silence.since, ("alert.silence", about), (&silence.who, &silence.why))
        })
    }

    /// Silences that are not over, the one that ends first at the beginning.
    ///
    /// # Errors
    ///
    /// Where the database cannot be read.
    pub fn silences(&self, now: Timestamp) -> Result<Vec<Silence>, StoreError> {
        self.db.with(|db| table::silences(db, now).map_err(StoreError::Database))
    }
}
