//! Checks of the store and the providers, and the store's gauges. They read no more than the store knows anyway:
//! probes and scrapes come every few seconds.

use std::fmt::Write as _;

use bursar_core::RequestId;
use bursar_store::{Reader, StoreStatus};

use crate::answer::CheckAnswer;
use crate::problem::Problem;

/// More bytes than this in the journal that are not in the usage log yet, and reading falls behind.
const MOST_LAG_BYTES: u64 = 256 << 20;

fn check(name: &str, ok: bool, detail: impl Into<String>) -> CheckAnswer {
    CheckAnswer { name: name.to_owned(), ok, detail: detail.into() }
}

/// Whether the usage log can be read: one lookup by its key.
pub(crate) fn can_be_read(reader: &Reader) -> Result<(), Problem> {
    reader.request(RequestId(0)).map(|_| ()).map_err(Problem::store)
}

/// The checks of the store.
pub(crate) fn store_checks(status: &StoreStatus, read: Result<(), Problem>) -> Vec<CheckAnswer> {
    let lag = status.journal_lag_bytes;
    let (is_near, lag) =
        (lag <= MOST_LAG_BYTES, format!("{lag} bytes of the journal are not in the usage log yet"));
    vec![
        match &status.trouble {
            None => check("store", true, format!("takes records, {} attempts are open", status.in_flight)),
            Some(trouble) => check("store", false, trouble),
        },
        if is_near {
            check("journal", true, lag)
        } else {
            check(
                "journal",
                false,
                format!("{lag}; more than {MOST_LAG_BYTES} is far behind: check the disk"),
            )
        },
        match read {
            Ok(()) => check("usage log", true, "can be read"),
            Err(problem) => check("usage log", false, problem.to_string()),
        },
    ]
}

/// Whether the gateway knows a provider.
pub(crate) fn providers_check(providers: &[String]) -> CheckAnswer {
    if providers.is_empty() {
        return check("providers", false, "the gateway knows no provider; add a [[provider]] to bursar.toml");
    }
    check("providers", true, providers.join(", "))
}

/// The store's gauges in Prometheus' text format.
pub(crate) fn gauges(status: &StoreStatus) -> String {
    let mut text = String::new();
    for (name, help, value) in [
        ("bursar_store_in_flight_attempts", "Attempts that are open in the journal.", status.in_flight),
        (
            "bursar_store_journal_lag_bytes",
            "Bytes of the journal that are not in the usage log.",
            status.journal_lag_bytes,
        ),
        (
            "bursar_store_in_trouble",
            "1 while the database does not take what is in the journal.",
            u64::from(status.trouble.is_some()),
        ),
    ] {
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(status: &StoreStatus) -> Vec<String> {
        let checks = store_checks(status, Err(Problem::store("the disk is gone")));
        checks.into_iter().filter(|c| !c.ok).map(|c| c.name).collect()
    }

    fn status(lag: u64, trouble: Option<&str>) -> StoreStatus {
        StoreStatus { in_flight: 0, journal_lag_bytes: lag, trouble: trouble.map(str::to_owned) }
    }

    #[test]
    fn every_reason_is_given_at_once() {
        assert_eq!(failed(&status(0, None)), ["usage log"]);
        assert_eq!(failed(&status(1 << 40, Some("the disk is full"))), ["store", "journal", "usage log"]);
    }

    #[test]
    fn trouble_is_a_gauge() {
        assert!(gauges(&status(7, None)).contains("bursar_store_journal_lag_bytes 7\n"));
        assert!(gauges(&status(0, Some("locked"))).contains("bursar_store_in_trouble 1\n"));
    }
}
