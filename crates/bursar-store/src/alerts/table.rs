//! The tables of alerts.

use bursar_core::Timestamp;
use bursar_core::budget::{BudgetUnit, Window};
use rusqlite::{Connection, Row, params};

use super::{Alert, Delivery, DeliveryState, NewAlert, Silence};
use crate::error::StoreError;
use crate::usage_log::bad;

/// Writes an alert with its deliveries; `false` where it is there already, and nothing was written.
pub(super) fn insert(db: &Connection, new: &NewAlert) -> rusqlite::Result<bool> {
    let a = &new.alert;
    let added = db
        .prepare_cached(
            "INSERT OR IGNORE INTO alert (id, incident, budget, instance, window_start, window_end, rule, episode,
             recovery, severity, audience, at, owner, unit, spent, budget_limit, forecast, text)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
        )?
        .execute(params![
            a.id,
            a.incident,
            a.budget,
            a.instance,
            a.window.start.micros(),
            a.window.end.micros(),
            a.rule,
            a.episode,
            a.recovery,
            a.severity,
            a.audience,
            a.at.micros(),
            a.owner,
            a.unit.map(BudgetUnit::name),
            a.spent,
            a.limit,
            a.forecast,
            a.text,
        ])?;
    if added == 0 {
        return Ok(false);
    }
    let silenced = is_silenced(db, a)?;
    for (channel, not_before) in &new.channels {
        insert_delivery(db, a, channel, *not_before, silenced)?;
    }
    Ok(true)
}

/// The end of an incident goes where its beginning was sent or will be.
fn insert_delivery(
    db: &Connection,
    alert: &Alert,
    channel: &str,
    not_before: Timestamp,
    silenced: bool,
) -> rusqlite::Result<()> {
    let state = if silenced { DeliveryState::Silenced } else { DeliveryState::Waiting };
    db.prepare_cached(
        "INSERT INTO alert_delivery (alert, incident, channel, state, attempts, next_try)
         SELECT ?1, ?2, ?3, ?4, 0, ?5 WHERE ?6 OR EXISTS (
             SELECT 1 FROM alert_delivery WHERE incident = ?2 AND channel = ?3 AND state IN ('waiting', 'sent'))",
    )?
    .execute(params![
        alert.id,
        alert.incident,
        channel,
        state.name(),
        not_before.micros(),
        alert.recovery.is_none()
    ])?;
    Ok(())
}

/// Whether nothing is to be sent about an alert's beginning. An end is sent all the same: what was told must be taken
/// back.
fn is_silenced(db: &Connection, alert: &Alert) -> rusqlite::Result<bool> {
    if alert.recovery.is_some() {
        return Ok(false);
    }
    db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM alert_silence
         WHERE (budget IS NULL OR budget = ?1) AND since <= ?2 AND ?2 < until)",
    )?
    .query_row(params![alert.budget, alert.at.micros()], |r| r.get(0))
}

/// Keeps a silence.
pub(super) fn insert_silence(db: &Connection, silence: &Silence) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO alert_silence (budget, since, until, who, why) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![silence.budget, silence.since.micros(), silence.until.micros(), silence.who, silence.why],
    )?;
    Ok(())
}

/// Silences that are not over.
pub(super) fn silences(db: &Connection, now: Timestamp) -> rusqlite::Result<Vec<Silence>> {
    let mut statement = db.prepare_cached(
        "SELECT budget, since, until, who, why FROM alert_silence WHERE until > ?1 ORDER BY until, id",
    )?;
    let read = |row: &Row<'_>| {
        let time = |i| row.get(i).map(Timestamp::from_micros);
        Ok(Silence {
            budget: row.get(0)?,
            since: time(1)?,
            until: time(2)?,
            who: row.get(3)?,
            why: row.get(4)?,
        })
    };
    statement.query_map([now.micros()], read)?.collect()
}

/// Writes down what was done with alerts.
pub(super) fn audit(
    db: &Connection,
    at: Timestamp,
    (action, about): (&str, &str),
    (who, why): (&str, &str),
) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO audit (at, action, about, who, why) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![at.micros(), action, about, who, why],
    )?;
    Ok(())
}

/// The columns that [`read`] wants, of a table that goes by the name `alert`.
pub(super) const COLUMNS: &str = "alert.id, alert.incident, alert.budget, alert.instance, alert.window_start, \
    alert.window_end, alert.rule, alert.episode, alert.recovery, alert.severity, alert.audience, alert.at, alert.owner, \
    alert.unit, alert.spent, alert.budget_limit, alert.forecast, alert.text";

/// How many columns [`COLUMNS`] has.
pub(super) const WIDTH: usize = 18;

/// Reads an alert from the first columns of a row.
pub(super) fn read(row: &Row<'_>) -> Result<Alert, StoreError> {
    let unit: Option<String> = row.get(13).map_err(StoreError::Database)?;
    let alert = (|| {
        let time = |i| row.get(i).map(Timestamp::from_micros);
        Ok(Alert {
            id: row.get(0)?,
            incident: row.get(1)?,
            budget: row.get(2)?,
            instance: row.get(3)?,
            window: Window { start: time(4)?, end: time(5)? },
            rule: row.get(6)?,
            episode: row.get(7)?,
            recovery: row.get(8)?,
            severity: row.get(9)?,
            audience: row.get(10)?,
            at: time(11)?,
            owner: row.get(12)?,
            unit: None,
            spent: row.get(14)?,
            limit: row.get(15)?,
            forecast: row.get(16)?,
            text: row.get(17)?,
        })
    })()
    .map_err(StoreError::Database)?;
    let unit = unit.map(|name| unit_of(&name)).transpose()?;
    Ok(Alert { unit, ..alert })
}

fn unit_of(name: &str) -> Result<BudgetUnit, StoreError> {
    let units = [BudgetUnit::Usd, BudgetUnit::Tokens];
    units.into_iter().find(|u| u.name() == name).ok_or_else(|| bad("the unit of an alert", name))
}

/// An alert's ways to its channels.
pub(super) fn deliveries(db: &Connection, alert: &str) -> Result<Vec<Delivery>, StoreError> {
    let mut statement = db
        .prepare_cached(
            "SELECT channel, state, attempts, next_try, last_error, ended_at FROM alert_delivery
             WHERE alert = ?1 ORDER BY channel",
        )
        .map_err(StoreError::Database)?;
    let mut rows = statement.query([alert]).map_err(StoreError::Database)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(StoreError::Database)? {
        found.push(read_delivery(row)?);
    }
    Ok(found)
}

fn read_delivery(row: &Row<'_>) -> Result<Delivery, StoreError> {
    let state: String = row.get(1).map_err(StoreError::Database)?;
    let state = DeliveryState::ALL.into_iter().find(|s| s.name() == state);
    let state = state.ok_or_else(|| bad("the state of a delivery", "it has no such state"))?;
    (|| {
        Ok(Delivery {
            channel: row.get(0)?,
            state,
            attempts: row.get(2)?,
            next_try: row.get(3).map(Timestamp::from_micros)?,
            last_error: row.get(4)?,
            ended_at: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_micros),
        })
    })()
    .map_err(StoreError::Database)
}
