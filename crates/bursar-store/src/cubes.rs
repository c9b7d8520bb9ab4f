//! The hourly cubes: sums that are kept beside the log, and can be folded from it again.

use std::collections::HashMap;

use bursar_core::rollup::{Cell, CellKey};
use bursar_core::{Hour, Meter, Money};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::StoreError;
use crate::usage_log::{self, bad};

/// Cells that are being summed.
pub(crate) type Cells = HashMap<CellKey, Cell>;

/// Adds sums to the cubes.
pub(crate) fn add(db: &Connection, cells: &Cells) -> Result<(), StoreError> {
    for (key, cell) in cells {
        let id = cell_id(db, key).map_err(StoreError::Database)?;
        let mut sum = read_cell(db, key.hour, id)?.unwrap_or_default();
        sum.add(cell);
        write_cell(db, key.hour, id, &sum).map_err(StoreError::Database)?;
    }
    Ok(())
}

/// Throws the cubes away and folds them from the log again. The caller has a transaction open.
pub(crate) fn rebuild(db: &Connection) -> Result<(), StoreError> {
    db.execute_batch("DELETE FROM cube; DELETE FROM cell;").map_err(StoreError::Database)?;
    let sql = format!("SELECT {} FROM usage_log ORDER BY started_at", usage_log::COLUMNS);
    let mut statement = db.prepare(&sql).map_err(StoreError::Database)?;
    let mut rows = statement.query([]).map_err(StoreError::Database)?;
    let (mut cells, mut hour) = (Cells::new(), None);
    while let Some(row) = rows.next().map_err(StoreError::Database)? {
        let record = usage_log::read(row)?;
        let key = CellKey::of(&record);
        if hour != Some(key.hour) {
            add(db, &cells)?;
            cells.clear();
            hour = Some(key.hour);
        }
        cells.entry(key).or_default().add_record(&record);
    }
    add(db, &cells)
}

/// The number of the cell's labels; given where they are new.
fn cell_id(db: &Connection, key: &CellKey) -> rusqlite::Result<i64> {
    let identity = identity(key);
    let known = db
        .prepare_cached("SELECT id FROM cell WHERE identity = ?1")?
        .query_row([&identity], |r| r.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    let [tenant, team, app, workflow, environment, consumer] = &key.attribution;
    db.prepare_cached(
        "INSERT INTO cell (identity, tenant, team, app, workflow, environment, consumer, key_id, provider, model)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        identity, tenant, team, app, workflow, environment, consumer, key.key, key.provider, key.model
    ])?;
    Ok(db.last_insert_rowid())
}

/// All labels in one value: each is 0 where it is missing, else 1, its length and its bytes.
fn identity(key: &CellKey) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(96);
    let labels = key.attribution.iter().chain([&key.key, &key.model]).map(Option::as_deref);
    for label in labels.chain([Some(key.provider.as_str())]) {
        bytes.push(u8::from(label.is_some()));
        if let Some(text) = label {
            bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    bytes
}

/// The columns of a cell's measures, in the order in which [`cell_of`] reads them.
pub(crate) const MEASURES: &str = "records, failed, unpriced, estimated, list_cost, contracted_cost, units";

fn read_cell(db: &Connection, hour: Hour, id: i64) -> Result<Option<Cell>, StoreError> {
    let mut statement = db
        .prepare_cached(
            "SELECT records, failed, unpriced, estimated, list_cost, contracted_cost, units
             FROM cube WHERE hour = ?1 AND cell = ?2",
        )
        .map_err(StoreError::Database)?;
    let mut rows = statement.query(params![hour.index(), id]).map_err(StoreError::Database)?;
    rows.next().map_err(StoreError::Database)?.map(|row| cell_of(row, 0)).transpose()
}

/// Reads [`MEASURES`] from column `first` on.
pub(crate) fn cell_of(row: &rusqlite::Row<'_>, first: usize) -> Result<Cell, StoreError> {
    let number = |i: usize| row.get::<_, i64>(first + i).map_err(StoreError::Database);
    let count = |i: usize| number(i).and_then(|n| u64::try_from(n).map_err(|e| bad("a count of a cube", e)));
    let units = row.get_ref(first + 6).map_err(StoreError::Database)?;
    let units = units.as_str().map_err(|e| bad("units of a cube", e))?;
    Ok(Cell {
        records: count(0)?,
        failed: count(1)?,
        unpriced: count(2)?,
        estimated: count(3)?,
        list_cost: Money::from_nanos(number(4)?),
        contracted_cost: Money::from_nanos(number(5)?),
        units: read_units(units)?,
    })
}

fn write_cell(db: &Connection, hour: Hour, id: i64, cell: &Cell) -> rusqlite::Result<()> {
    let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    db.prepare_cached(
        "INSERT OR REPLACE INTO cube (hour, cell, records, failed, unpriced, estimated, list_cost, contracted_cost, units)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        hour.index(),
        id,
        count(cell.records),
        count(cell.failed),
        count(cell.unpriced),
        count(cell.estimated),
        cell.list_cost.nanos(),
        cell.contracted_cost.nanos(),
        units_text(&cell.units),
    ])?;
    Ok(())
}

/// `{"input":812,…}`; meters at zero are left out.
fn units_text(units: &[u64; Meter::COUNT]) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("{");
    for (meter, &n) in Meter::ALL.iter().zip(units).filter(|(_, n)| **n > 0) {
        let comma = if text.len() > 1 { "," } else { "" };
        let _ = write!(text, "{comma}\"{}\":{n}", meter.name());
    }
    text.push('}');
    text
}

fn read_units(text: &str) -> Result<[u64; Meter::COUNT], StoreError> {
    let pairs: HashMap<&str, u64> = serde_json::from_str(text).map_err(|e| bad("units of a cube", e))?;
    let mut units = [0; Meter::COUNT];
    for (name, n) in pairs {
        let meter: Meter = name.parse().map_err(|e| bad("units of a cube", e))?;
        units[meter as usize] = n;
    }
    Ok(units)
}
