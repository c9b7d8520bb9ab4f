//! What spend is read by, and how that is asked of the tables.

use bursar_core::{RecordId, Timestamp};
use rusqlite::types::Value;

use crate::error::StoreError;
use crate::usage_log::{bad, request_bytes};

macro_rules! dimensions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $column:expr),+ $(,)?) => {
        /// What spend is grouped and filtered by.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Dimension { $($(#[$doc])* $variant),+ }

        impl Dimension {
            /// Every dimension.
            pub const ALL: [Dimension; [$($name),+].len()] = [$(Dimension::$variant),+];

            /// The name in the API and reports.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Dimension::$variant => $name),+ }
            }

            /// The column of the usage log and of the cells; `None` for a time.
            pub(super) const fn column(self) -> Option<&'static str> {
                match self { $(Dimension::$variant => $column),+ }
            }
        }
    };
}

dimensions! {
    /// The legal or billing entity.
    Tenant = "tenant", Some("tenant"),
    /// The team.
    Team = "team", Some("team"),
    /// The application.
    App = "app", Some("app"),
    /// The workflow.
    Workflow = "workflow", Some("workflow"),
    /// Such as production.
    Environment = "environment", Some("environment"),
    /// The end customer or user.
    Consumer = "consumer", Some("consumer"),
    /// The provider.
    Provider = "provider", Some("provider"),
    /// The model that served, else the one that was asked for.
    Model = "model", Some("model"),
    /// The virtual key, by its id.
    Key = "key", Some("key_id"),
    /// The hour of UTC, such as `2026-07-15T11:00:00Z`.
    Hour = "hour", None,
    /// The day of UTC, such as `2026-07-15`.
    Day = "day", None,
}

impl Dimension {
    /// The dimension of a name, where there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Dimension> {
        Dimension::ALL.into_iter().find(|d| d.name() == name)
    }
}

/// The conditions of a query, with their values apart.
#[derive(Default)]
pub(super) struct Clauses {
    texts: Vec<String>,
    values: Vec<Value>,
}

impl Clauses {
    fn add(&mut self, condition: &str, value: Value) {
        self.values.push(value);
        self.texts.push(format!("{condition} ?{}", self.values.len()));
    }

    pub(super) fn add_fixed(&mut self, condition: &str) {
        self.texts.push(condition.to_owned());
    }

    pub(super) fn add_number(&mut self, condition: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.add(condition, value.into());
        }
    }

    pub(super) fn add_text(&mut self, condition: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.add(condition, value.to_owned().into());
        }
    }

    pub(super) fn add_time(&mut self, condition: &str, value: Option<Timestamp>) {
        self.add_number(condition, value.map(Timestamp::micros));
    }

    /// A value of a label; `None` for records without one.
    pub(super) fn add_label(&mut self, column: &str, value: Option<&str>) {
        match value {
            Some(_) => self.add_text(&format!("{column} ="), value),
            None => self.add_fixed(&format!("{column} IS NULL")),
        }
    }

    /// A value of a dimension, asked of the usage log.
    pub(super) fn add_log_value(
        &mut self,
        dimension: Dimension,
        value: Option<&str>,
    ) -> Result<(), StoreError> {
        match dimension.column() {
            Some(column) => self.add_label(column, value),
            None => {
                let (from, to) = span(dimension, value)?;
                self.add_time("started_at >=", Some(from));
                self.add_time("started_at <", Some(to));
            }
        }
        Ok(())
    }

    pub(super) fn add_before(&mut self, at: Timestamp, id: RecordId) {
        let first = self.values.len() + 1;
        self.texts.push(format!(
            "(started_at, request, attempt) < (?{first}, ?{}, ?{})",
            first + 1,
            first + 2
        ));
        let request = request_bytes(id.request).to_vec();
        self.values.extend([at.micros().into(), request.into(), i64::from(id.attempt).into()]);
    }

    pub(super) fn text(&self) -> String {
        if self.texts.is_empty() { String::new() } else { format!("WHERE {}", self.texts.join(" AND ")) }
    }

    pub(super) fn values(self) -> Vec<Value> {
        self.values
    }
}

const HOUR_SECONDS: i64 = 3_600;
const DAY_SECONDS: i64 = 24 * HOUR_SECONDS;

/// The first moment of an hour or day, and the first after it.
pub(super) fn span(dimension: Dimension, value: Option<&str>) -> Result<(Timestamp, Timestamp), StoreError> {
    let text = value.unwrap_or_default();
    let (whole, length) = match dimension {
        Dimension::Day => (format!("{text}T00:00:00Z"), DAY_SECONDS),
        _ => (text.to_owned(), HOUR_SECONDS),
    };
    let start: jiff::Timestamp = whole.parse().map_err(|e| bad("an hour or day", e))?;
    let start = start.as_second().div_euclid(length) * length;
    Ok((Timestamp::from_seconds(start), Timestamp::from_seconds(start.saturating_add(length))))
}

/// An hour of the cubes as the text of a dimension.
pub(super) fn hour_text(dimension: Dimension, hour: i64) -> String {
    let format = if dimension == Dimension::Day { "%Y-%m-%d" } else { "%Y-%m-%dT%H:00:00Z" };
    jiff::Timestamp::from_second(hour.saturating_mul(HOUR_SECONDS))
        .map_or_else(|_| hour.to_string(), |t| t.strftime(format).to_string())
}
