//! Whether another attempt is safe and useful, and after which pause.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};

/// What to do after an attempt that did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// Try again after this pause.
    After(Duration),
    /// The provider asks for this pause, which is too long to wait; another one may be tried.
    Elsewhere(Duration),
    /// The answer stands.
    No,
}

/// The pause before the first repetition; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// After an answer: 408, 429, 500, 502, 503, 504 and 529 say that another attempt may succeed. A provider that
/// asks for a longer pause than `longest` is not asked again; where there is no other, its answer is passed on, and
/// the client decides.
pub(crate) fn after_status(
    status: StatusCode,
    headers: &HeaderMap,
    attempt: u32,
    longest: Duration,
) -> Again {
    if !matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504 | 529) {
        return Again::No;
    }
    if headers.get("x-should-retry").is_some_and(|v| v == "false") {
        return Again::No;
    }
    let pause = asked_pause(headers, SystemTime::now()).unwrap_or_else(|| usual_pause(attempt));
    if pause > longest { Again::Elsewhere(pause) } else { Again::After(pause) }
}

/// The pause after a connection that failed before a byte of the request was sent.
pub(crate) fn after_failure(attempt: u32, longest: Duration) -> Duration {
    usual_pause(attempt).min(longest)
}

fn usual_pause(attempt: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << attempt.min(6))
}

/// The pause that `retry-after-ms` or `retry-after` (seconds or a date) asks for.
fn asked_pause(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
    if let Some(milliseconds) = text("retry-after-ms").and_then(|t| t.parse().ok()) {
        return Some(Duration::from_millis(milliseconds));
    }
    let value = text(header::RETRY_AFTER.as_str())?;
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(value).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn the_providers_own_pause_is_kept_in_seconds_milliseconds_and_as_a_date() {
        let longest = Duration::from_secs(30);
        let after = |h: &HeaderMap| after_status(StatusCode::TOO_MANY_REQUESTS, h, 0, longest);
        assert_eq!(after(&headers("retry-after", "7")), Again::After(Duration::from_secs(7)));
        assert_eq!(after(&headers("retry-after-ms", "30")), Again::After(Duration::from_millis(30)));
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let date = httpdate::fmt_http_date(now + Duration::from_secs(9));
        assert_eq!(asked_pause(&headers("retry-after", &date), now), Some(Duration::from_secs(9)));
    }

    #[test]
    fn a_pause_above_the_longest_leads_elsewhere_and_a_refusal_to_retry_stands() {
        let longest = Duration::from_secs(5);
        assert_eq!(
            after_status(StatusCode::SERVICE_UNAVAILABLE, &headers("retry-after", "6"), 0, longest),
            Again::Elsewhere(Duration::from_secs(6))
        );
        assert_eq!(
            after_status(StatusCode::TOO_MANY_REQUESTS, &headers("x-should-retry", "false"), 0, longest),
            Again::No
        );
        assert_eq!(after_status(StatusCode::BAD_REQUEST, &HeaderMap::new(), 0, longest), Again::No);
    }
}
