//! The fold from usage records to hourly cubes. A cube can be thrown away and folded again from the log.

use crate::meter::{Meter, Quantities};
use crate::money::Money;
use crate::time::Hour;
use crate::usage::{EndOfStream, UsageRecord};

/// What a cube's cell is about: an hour and the attributes that spend is read by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CellKey {
    /// The hour that the request arrived in.
    pub hour: Hour,
    /// Attribution, in the order tenant, team, app, workflow, environment, consumer.
    pub attribution: [Option<String>; 6],
    /// The virtual key.
    pub key: Option<String>,
    /// The provider.
    pub provider: String,
    /// The model that served.
    pub model: Option<String>,
}

/// The measures of a cell: plain sums, so that cells add up in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Attempts.
    pub records: u64,
    /// Attempts that did not end whole, or whose status was an error.
    pub failed: u64,
    /// Attempts whose cost is not known in full.
    pub unpriced: u64,
    /// Attempts with an estimated quantity.
    pub estimated: u64,
    /// Cost at list price of the attempts that have one.
    pub list_cost: Money,
    /// Cost at contracted prices of the attempts that have one.
    pub contracted_cost: Money,
    /// Units by meter.
    pub units: [u64; Meter::COUNT],
}

impl CellKey {
    /// The cell that a record belongs to.
    #[must_use]
    pub fn of(record: &UsageRecord) -> CellKey {
        let a = &record.attribution;
        CellKey {
            hour: record.started_at.hour(),
            attribution: [&a.tenant, &a.team, &a.app, &a.workflow, &a.environment, &a.consumer]
                .map(Clone::clone),
            key: record.key.as_ref().map(|k| k.0.clone()),
            provider: record.provider.clone(),
            model: record.model().map(str::to_owned),
        }
    }
}

impl Cell {
    /// Adds one record to the cell.
    pub fn add_record(&mut self, record: &UsageRecord) {
        let estimated = record.usage.quantities.worst_provenance() == crate::Provenance::Estimated;
        let whole = record.end == EndOfStream::Complete && record.status.is_some_and(|s| s < 400);
        self.add(&Cell {
            records: 1,
            failed: u64::from(!whole),
            unpriced: u64::from(record.is_unpriced()),
            estimated: u64::from(estimated),
            list_cost: record.list_cost.unwrap_or(Money::ZERO),
            contracted_cost: record.contracted_cost.unwrap_or(Money::ZERO),
            units: units_of(&record.usage.quantities),
        });
    }

    /// Adds another cell to this one. Counts saturate; money saturates at its range's end.
    pub fn add(&mut self, other: &Cell) {
        self.records = self.records.saturating_add(other.records);
        self.failed = self.failed.saturating_add(other.failed);
        self.unpriced = self.unpriced.saturating_add(other.unpriced);
        self.estimated = self.estimated.saturating_add(other.estimated);
        self.list_cost = [self.list_cost, other.list_cost].into_iter().sum();
        self.contracted_cost = [self.contracted_cost, other.contracted_cost].into_iter().sum();
        for (mine, theirs) in self.units.iter_mut().zip(other.units) {
            *mine = mine.saturating_add(theirs);
        }
    }
}

fn units_of(quantities: &Quantities) -> [u64; Meter::COUNT] {
    let mut units = [0; Meter::COUNT];
    for &meter in Meter::ALL {
        units[meter as usize] = quantities.get(meter);
    }
    units
}
