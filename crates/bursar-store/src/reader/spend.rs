//! Spend by groups, from the cubes.

use std::collections::HashMap;

use bursar_core::rollup::Cell;
use bursar_core::{Hour, Timestamp};
use rusqlite::params_from_iter;

use super::Reader;
use super::filter::{Clauses, Dimension, hour_text, span};
use crate::cubes::{self, MEASURES};
use crate::error::StoreError;

/// Which spend to read, and in which groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpendQuery {
    /// First moment; moved back to the start of its hour.
    pub since: Timestamp,
    /// First moment after it; moved on to the end of its hour.
    pub until: Timestamp,
    /// What to group by; nothing for one row over all.
    pub by: Vec<Dimension>,
    /// Only records with these values; `None` asks for those without a value.
    pub filter: Vec<(Dimension, Option<String>)>,
}

/// The spend of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpendRow {
    /// The group's values, in the order of [`SpendQuery::by`]; `None` where nobody said.
    pub group: Vec<Option<String>>,
    /// What was measured.
    pub cell: Cell,
}

impl Reader {
    /// Spend by groups, the largest contracted cost first, then by name. Groups without a record are left out.
    ///
    /// # Errors
    ///
    /// Where the database cannot be read, or a filter on an hour or day is neither.
    pub fn spend(&self, query: &SpendQuery) -> Result<Vec<SpendRow>, StoreError> {
        let groups = self.named(self.groups(query))?;
        let mut rows: Vec<SpendRow> =
            groups.into_iter().map(|(group, cell)| SpendRow { group, cell }).collect();
        rows.sort_by(|a, b| {
            b.cell.contracted_cost.cmp(&a.cell.contracted_cost).then_with(|| a.group.cmp(&b.group))
        });
        Ok(rows)
    }

    fn groups(&self, query: &SpendQuery) -> Result<HashMap<Vec<Option<String>>, Cell>, StoreError> {
        let clauses = clauses(query)?;
        let columns: Vec<&str> = query.by.iter().map(|d| d.column().unwrap_or("hour")).collect();
        let sql = format!(
            "SELECT {MEASURES}{}{} FROM cube JOIN cell ON cell.id = cube.cell {}",
            if columns.is_empty() { "" } else { ", " },
            columns.join(", "),
            clauses.text()
        );
        let mut statement = self.db.prepare_cached(&sql).map_err(StoreError::Database)?;
        let mut rows = statement.query(params_from_iter(clauses.values())).map_err(StoreError::Database)?;
        let first = MEASURES.split(',').count();
        let mut groups: HashMap<Vec<Option<String>>, Cell> = HashMap::new();
        while let Some(row) = rows.next().map_err(StoreError::Database)? {
            let value = |(i, dimension): (usize, &Dimension)| match dimension.column() {
                Some(_) => row.get::<_, Option<String>>(first + i),
                None => row.get::<_, i64>(first + i).map(|hour| Some(hour_text(*dimension, hour))),
            };
            let group: Result<Vec<_>, _> = query.by.iter().enumerate().map(value).collect();
            groups.entry(group.map_err(StoreError::Database)?).or_default().add(&cubes::cell_of(row, 0)?);
        }
        Ok(groups)
    }
}

fn clauses(query: &SpendQuery) -> Result<Clauses, StoreError> {
    let mut clauses = Clauses::default();
    let last = query.until.plus_micros(-1).hour();
    clauses.add_number("hour >=", Some(query.since.hour().index()));
    clauses.add_number("hour <=", Some(last.index()));
    for (dimension, value) in &query.filter {
        match dimension.column() {
            Some(column) => clauses.add_label(column, value.as_deref()),
            None => {
                let (from, to): (Hour, Hour) =
                    span(*dimension, value.as_deref()).map(|(a, b)| (a.hour(), b.hour()))?;
                clauses.add_number("hour >=", Some(from.index()));
                clauses.add_number("hour <", Some(to.index()));
            }
        }
    }
    Ok(clauses)
}
