//! Reading `constraints.toml`: what a plan must keep to.
//!
//! ```toml
//! format = 1
//! residency = ["eu"]                    # where data may lie; left out where anywhere will do
//! frontier_only = ["gpt-5"]             # models that are had as an API alone
//! may_not_leave = ["hr-assistant"]      # models whose requests go to no API
//! edge_round_trip_ms = 20               # for the class edge
//! batch_deadline_hours = 24             # for the class batch
//!
//! [[slo]]
//! model = "*"                           # all that have none of their own
//! class = "interactive"
//! ttft_p99_ms = 2000                    # time to the first token
//! itl_ms = 50                           # between two tokens
//! ```

use bursar_core::Timestamp;

use super::fields::{Table, read_document};
use crate::demand::Class;
use crate::problems::Problems;

/// The latency limits of a model and class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slo {
    /// The model; `None` for all that have no limits of their own.
    pub model: Option<String>,
    /// The class.
    pub class: Class,
    /// The 99th percentile of the time to the first token, in milliseconds, is at most this.
    pub ttft_p99_ms: u32,
    /// The time between two tokens, in milliseconds, is at most this.
    pub itl_ms: u32,
}

/// What a plan must keep to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Constraints {
    /// The jurisdictions in which data may lie; empty where anywhere will do.
    pub residency: Vec<String>,
    /// Models that are had as an API alone.
    pub frontier_only: Vec<String>,
    /// Models whose requests may go to no API.
    pub may_not_leave: Vec<String>,
    /// The longest network round trip of edge work, in milliseconds.
    pub edge_round_trip_ms: Option<u32>,
    /// How many hours batch work may wait.
    pub batch_deadline_hours: Option<u32>,
    /// Latency limits.
    pub slos: Vec<Slo>,
}

impl Constraints {
    /// The limits of a model and class: its own, or those of all.
    #[must_use]
    pub fn slo(&self, model: &str, class: Class) -> Option<&Slo> {
        let of =
            |name: Option<&str>| self.slos.iter().find(|s| s.class == class && s.model.as_deref() == name);
        of(Some(model)).or_else(|| of(None))
    }

    /// Whether data may lie where a node stands. A node of which nobody said where it stands fits only where anywhere
    /// will do.
    #[must_use]
    pub fn allow_residency(&self, node: &[String]) -> bool {
        self.residency.is_empty() || (!node.is_empty() && node.iter().all(|j| self.residency.contains(j)))
    }
}

/// Reads a constraints file; `file` is its name in messages.
pub fn read_constraints(file: &str, text: &str, today: Timestamp) -> Result<Constraints, Problems> {
    read_document(file, text, today, |root| {
        let constraints = Constraints {
            residency: root.texts("residency"),
            frontier_only: root.texts("frontier_only"),
            may_not_leave: root.texts("may_not_leave"),
            edge_round_trip_ms: root.whole("edge_round_trip_ms", 1..=10_000, "20"),
            batch_deadline_hours: root.whole("batch_deadline_hours", 1..=720, "24"),
            slos: slos(root),
        };
        let both = constraints.may_not_leave.iter().filter(|m| constraints.frontier_only.contains(m));
        for model in both {
            let line = root.line_of("frontier_only");
            root.wrong(
                "may_not_leave",
                format!("{model} is had as an API alone in line {line}: it cannot be both"),
            );
        }
        Some(constraints)
    })
}

fn slos(root: &mut Table<'_>) -> Vec<Slo> {
    let mut slos: Vec<(u64, Slo)> = Vec::new();
    for mut table in root.tables("slo") {
        let slo = slo(&mut table);
        table.finish();
        let Some(slo) = slo else { continue };
        let same = |(_, other): &&(u64, Slo)| other.model == slo.model && other.class == slo.class;
        if let Some((first, _)) = slos.iter().find(same) {
            table.wrong(
                "model",
                format!("has limits for this class in line {first} already: keep one of the two"),
            );
        }
        slos.push((table.line(), slo));
    }
    slos.into_iter().map(|(_, slo)| slo).collect()
}

fn slo(table: &mut Table<'_>) -> Option<Slo> {
    const CLASSES: &[(&str, Class)] =
        &[("interactive", Class::Interactive), ("batch", Class::Batch), ("edge", Class::Edge)];
    let model = table.must_text("model", "name the model, or \"*\" for all");
    let class = table.choice("class", CLASSES);
    let ttft_p99_ms = milliseconds(table, "ttft_p99_ms", 20, "2000");
    let itl_ms = milliseconds(table, "itl_ms", 1, "50");
    let model = model.map(|m| (m != "*").then_some(m))?;
    Some(Slo { model, class: class?, ttft_p99_ms: ttft_p99_ms?, itl_ms: itl_ms? })
}

/// A time of at least so many milliseconds: less is most likely in seconds.
fn milliseconds(table: &mut Table<'_>, field: &'static str, least: u32, example: &str) -> Option<u32> {
    let given = super::file::must_whole(table, field, 0..=600_000, example)?;
    if given < least {
        let what = format!("{given} ms is below {least} ms, which nothing reaches: is it in seconds?");
        table.wrong(field, what);
        return None;
    }
    Some(given)
}
