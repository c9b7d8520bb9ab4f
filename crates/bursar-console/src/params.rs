//! Query parameters: read by name, refused when unknown, described once for the reader and the OpenAPI document.

use axum::extract::Query;
use axum::http::Uri;
use bursar_core::Timestamp;
use utoipa::openapi::path::{Parameter as Documented, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Required, Schema};

use crate::problem::Problem;
use crate::times;

/// One query parameter.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
}

const fn parameter(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, about }
}

/// The time range of a question.
pub const RANGE: &[Parameter] = &[
    parameter(
        "since",
        "first moment: RFC 3339, a date (midnight UTC) or a duration before now such as 7d, 24h, 30m",
    ),
    parameter("until", "first moment after the range, written like since; now unless told"),
];

/// Which records a question is about. A value must match exactly; `-` stands for records where nobody said.
pub const FILTERS: &[Parameter] = &[
    parameter("tenant", "only this tenant"),
    parameter("team", "only this team; - for records without one"),
    parameter("app", "only this app"),
    parameter("workflow", "only this workflow"),
    parameter("environment", "only this environment"),
    parameter("consumer", "only this consumer"),
    parameter("provider", "only this provider"),
    parameter("model", "only this model, as the provider names what it served, else as it was asked for"),
    parameter("key", "only this virtual key, by its id"),
];

/// Further filters where single records are read.
pub const RECORD_FILTERS: &[Parameter] = &[
    parameter("task", "only this task"),
    parameter(
        "end",
        "only attempts that ended so: complete, upstream_error, client_cancelled, timed_out, gateway_stopped",
    ),
    parameter("status", "only attempts with this HTTP status from the provider"),
    parameter("unpriced", "true: only attempts whose cost is not known in full"),
];

/// The parameters of reading page by page.
pub const PAGE: &[Parameter] = &[
    parameter("limit", "records per page, 1 to 1000; 100 unless told"),
    parameter("cursor", "where the page before ended: its next_cursor"),
];

/// Which alerts a question is about.
pub const ALERT_FILTERS: &[Parameter] = &[
    parameter("budget", "only about this budget"),
    parameter("severity", "only of this severity: info, warning or critical"),
    parameter("since", "only seen at this time or later, written like 2026-07-01, 7d or 24h"),
    parameter("open", "true: only what has begun and is not over"),
];

/// Which nodes with GPUs a question is about.
pub const GPU_NODE: &[Parameter] = &[parameter("node", "only this node")];

/// What of a node's cost is in the price of its models.
pub const GPU_BASIS: &[Parameter] = &[parameter(
    "basis",
    "what is in a model's price: work, resident (with the time in which models waited; unless told) or node (all idle time)",
)];

/// What spend is grouped by.
pub const BY: &[Parameter] = &[parameter(
    "by",
    "what to group by, separated by commas: tenant, team, app, workflow, environment, consumer, provider, model, key, hour, day",
)];

/// Who changes something and why, where the body says what.
pub const REASON: &[Parameter] = &[
    parameter("why", "why it is done, for the trail"),
    parameter("by", "who does it, for the trail; api unless told"),
];

/// The parameters of reading a trail.
pub const TRAIL: &[Parameter] = &[
    parameter("limit", "entries per page, 1 to 1000; 100 unless told"),
    parameter("before", "where the page before ended: its next"),
];

/// Query parameters as they were given; every name is allowed and given once.
#[derive(Clone, Debug, Default)]
pub struct Given(Vec<(String, String)>);

impl Given {
    /// Reads the query of a request. An unknown name, and a name given twice, are problems.
    pub fn read(uri: &Uri, allowed: &[&[Parameter]]) -> Result<Given, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|e| Problem::bad_value("the query", e.body_text()))?;
        Given::of(pairs, allowed)
    }

    /// The same from pairs of names and values.
    pub fn of(pairs: Vec<(String, String)>, allowed: &[&[Parameter]]) -> Result<Given, Problem> {
        let names: Vec<&str> = allowed.iter().copied().flatten().map(|p| p.name).collect();
        for (i, (name, _)) in pairs.iter().enumerate() {
            if !names.contains(&name.as_str()) {
                return Err(Problem::unknown_name(name, &names));
            }
            if pairs[..i].iter().any(|(earlier, _)| earlier == name) {
                return Err(Problem::bad_value(name, "given twice; one value is taken"));
            }
        }
        Ok(Given(pairs))
    }

    /// The value of a name; an empty value counts as none.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    /// A value that is a point in time.
    pub fn time(&self, name: &str, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
        let read = |text| times::parse_time(text, now).map_err(|e| Problem::bad_value(name, e));
        self.text(name).map(read).transpose()
    }

    /// A value that is a whole number within a range.
    pub fn number(&self, name: &str, least: u32, most: u32) -> Result<Option<u32>, Problem> {
        let wrong = |text: &str| {
            Problem::bad_value(name, format!("{text:?} is not a whole number from {least} to {most}"))
        };
        let read = |text: &str| match text.parse::<u32>() {
            Ok(n) if (least..=most).contains(&n) => Ok(n),
            _ => Err(wrong(text)),
        };
        self.text(name).map(read).transpose()
    }

    /// A value that is `true` or `false`.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Problem> {
        let read = |text: &str| {
            text.parse().map_err(|_| Problem::bad_value(name, format!("{text:?} is neither true nor false")))
        };
        self.text(name).map(read).transpose()
    }
}

/// The parameters as the OpenAPI document shows them.
pub(crate) fn documented(groups: &[&[Parameter]]) -> Vec<Documented> {
    let one = |p: &Parameter| {
        ParameterBuilder::new()
            .name(p.name)
            .parameter_in(ParameterIn::Query)
            .description(Some(p.about))
            .required(Required::False)
            .schema(Some(Schema::Object(ObjectBuilder::new().schema_type(Type::String).build())))
            .build()
    };
    groups.iter().copied().flatten().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Given, Problem> {
        Given::read(&format!("/x?{query}").parse().unwrap(), &[RANGE, PAGE])
    }

    #[test]
    fn an_unknown_parameter_is_refused_with_the_list_of_those_that_exist() {
        let problem = read("sinse=7d").unwrap_err();
        assert_eq!(problem.allowed, ["since", "until", "limit", "cursor"]);
        assert_eq!(problem.kind, "urn:bursar:problem:unknown-parameter");
        assert!(problem.hint.contains("since"), "{}", problem.hint);
    }

    #[test]
    fn a_parameter_given_twice_is_refused() {
        assert!(read("since=7d&since=1d").unwrap_err().detail.contains("twice"));
    }

    #[test]
    fn a_number_outside_its_range_is_refused_and_says_the_range() {
        for text in ["0", "1001", "-1", "ten", "1e3"] {
            let problem = read(&format!("limit={text}")).unwrap().number("limit", 1, 1000).unwrap_err();
            assert!(problem.detail.contains("1 to 1000"), "{}", problem.detail);
        }
        assert_eq!(read("limit=5").unwrap().number("limit", 1, 1000), Ok(Some(5)));
        assert_eq!(read("").unwrap().number("limit", 1, 1000), Ok(None));
    }

    #[test]
    fn values_are_percent_decoded() {
        assert_eq!(
            read("since=2026-07-01T00%3A00%3A00Z").unwrap().text("since"),
            Some("2026-07-01T00:00:00Z")
        );
    }
}
