//! Checks of the store and the providers, and the store's gauges.

use std::fmt::Write as _;

use bursar_store::Reader;

use crate::answer::CheckAnswer;
use crate::problem::Problem;

/// More bytes than this in the journal that are not in the usage log yet, and reading falls behind.
const MOST_LAG_BYTES: u64 = 256 * 1024 * 1024;

/// A check that failed.
pub(crate) fn failed(name: &str, detail: String) -> CheckAnswer {
    CheckAnswer { name: name.to_owned(), ok: false, detail }
}

/// The store's checks.
pub(crate) fn store_checks(reader: &Reader) -> Result<Vec<CheckAnswer>, Problem> {
    let health = reader.health().map_err(Problem::store)?;
    let lag = health.journal_lag_bytes;
    Ok(vec![
        CheckAnswer {
            name: "store".to_owned(),
            ok: true,
            detail: format!("readable, schema version {}", health.schema_version),
        },
        CheckAnswer {
            name: "journal".to_owned(),
            ok: lag <= MOST_LAG_BYTES,
            detail: format!(
                "{lag} bytes of the journal are not in the usage log yet (at most {MOST_LAG_BYTES})"
            ),
        },
    ])
}

/// Whether the gateway knows a provider.
pub(crate) fn providers_check(providers: &[String]) -> CheckAnswer {
    let name = "providers".to_owned();
    if providers.is_empty() {
        let detail = "the gateway knows no provider; add a [[provider]] to bursar.toml".to_owned();
        return CheckAnswer { name, ok: false, detail };
    }
    CheckAnswer { name, ok: true, detail: providers.join(", ") }
}

/// The store's gauges in Prometheus' text format.
pub(crate) fn gauges(reader: &Reader) -> Result<String, Problem> {
    let health = reader.health().map_err(Problem::store)?;
    let mut text = String::new();
    for (name, help, value) in [
        ("bursar_store_in_flight_attempts", "Attempts that are open in the journal.", health.in_flight),
        (
            "bursar_store_unpriced_attempts",
            "Recorded attempts whose cost is not known in full.",
            health.unpriced,
        ),
        (
            "bursar_store_journal_lag_bytes",
            "Bytes of the journal that are not in the usage log.",
            health.journal_lag_bytes,
        ),
    ] {
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n");
    }
    Ok(text)
}
