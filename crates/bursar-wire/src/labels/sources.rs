//! The sources of labels, in precedence: an earlier group holds against a later one, and within a group the
//! earlier line against the later.

use bursar_core::LabelField;
use bursar_core::LabelField::{App, Consumer, Environment, ParentStep, Step, Task, Team, Tenant, Workflow};

/// Groups of sources, in precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u16)]
pub enum Group {
    /// Bursar's own headers.
    Bursar,
    /// Headers that an integrator set for another gateway.
    Gateway,
    /// `metadata` and its like in the body.
    BodyMetadata,
    /// What coding agents send of themselves.
    Agent,
    /// The body's fields for the end user.
    BodyUser,
    /// Session headers that nobody owns.
    Generic,
    /// Trace context.
    Trace,
}

impl Group {
    /// The rank of a source by its group and its place within the table; lower ranks hold. Sixteen ranks are left
    /// between two sources for the names within one.
    #[must_use]
    pub(super) const fn rank(self, index: usize) -> u16 {
        self as u16 * 2048 + (index as u16) * 32
    }
}

/// How a header's value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The value is the field.
    Field(LabelField),
    /// The rest of the header's name is the name of a field or tag.
    Property,
    /// A list of tags: `name=value`, `name:value` or a bare name, between commas.
    Tags,
    /// The value is this tag.
    Tag(&'static str),
    /// A JSON object of names and values.
    Json,
    /// A path such as `/plan/search`: the step, and its parent.
    SessionPath,
    /// W3C `traceparent`.
    TraceParent,
    /// W3C `baggage`.
    Baggage,
}

/// A header that labels are read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name in lower case; a trailing `*` stands for any name.
    pub name: &'static str,
    /// Its group.
    pub group: Group,
    /// How its value is read.
    pub reading: Reading,
}

const fn field(group: Group, name: &'static str, field: LabelField) -> Header {
    Header { name, group, reading: Reading::Field(field) }
}

const fn header(group: Group, name: &'static str, reading: Reading) -> Header {
    Header { name, group, reading }
}

/// Every header, in precedence.
pub const HEADERS: &[Header] = &[
    field(Group::Bursar, "x-bursar-tenant", Tenant),
    field(Group::Bursar, "x-bursar-team", Team),
    field(Group::Bursar, "x-bursar-app", App),
    field(Group::Bursar, "x-bursar-workflow", Workflow),
    field(Group::Bursar, "x-bursar-environment", Environment),
    field(Group::Bursar, "x-bursar-consumer", Consumer),
    field(Group::Bursar, "x-bursar-task", Task),
    field(Group::Bursar, "x-bursar-step", Step),
    field(Group::Bursar, "x-bursar-parent-step", ParentStep),
    header(Group::Bursar, "x-bursar-tags", Reading::Tags),
    field(Group::Gateway, "helicone-user-id", Consumer),
    field(Group::Gateway, "helicone-session-id", Task),
    header(Group::Gateway, "helicone-session-path", Reading::SessionPath),
    field(Group::Gateway, "helicone-session-name", Workflow),
    header(Group::Gateway, "helicone-property-*", Reading::Property),
    field(Group::Gateway, "x-litellm-session-id", Task),
    field(Group::Gateway, "x-litellm-trace-id", Task),
    field(Group::Gateway, "x-litellm-customer-id", Consumer),
    field(Group::Gateway, "x-litellm-end-user-id", Consumer),
    header(Group::Gateway, "x-litellm-agent-id", Reading::Tag("agent")),
    header(Group::Gateway, "x-litellm-tags", Reading::Tags),
    header(Group::Gateway, "x-litellm-spend-logs-metadata", Reading::Json),
    field(Group::Gateway, "x-portkey-trace-id", Task),
    field(Group::Gateway, "x-portkey-span-id", Step),
    field(Group::Gateway, "x-portkey-parent-span-id", ParentStep),
    header(Group::Gateway, "x-portkey-span-name", Reading::Tag("span_name")),
    header(Group::Gateway, "x-portkey-metadata", Reading::Json),
    header(Group::Gateway, "x-amzn-bedrock-request-metadata", Reading::Json),
    field(Group::Agent, "x-claude-code-session-id", Task),
    field(Group::Agent, "x-claude-code-agent-id", Step),
    field(Group::Agent, "x-claude-code-parent-agent-id", ParentStep),
    field(Group::Agent, "x-opencode-session", Task),
    field(Group::Agent, "x-opencode-request", Step),
    header(Group::Agent, "x-opencode-project", Reading::Tag("opencode_project")),
    field(Group::Agent, "x-codex-parent-thread-id", ParentStep),
    header(Group::Agent, "x-openai-subagent", Reading::Tag("subagent")),
    field(Group::Generic, "session-id", Task),
    field(Group::Generic, "session_id", Task),
    field(Group::Generic, "x-session-id", Task),
    field(Group::Generic, "conversation_id", Task),
    field(Group::Generic, "thread-id", Step),
    header(Group::Trace, "baggage", Reading::Baggage),
    header(Group::Trace, "traceparent", Reading::TraceParent),
];

/// The fields of a JSON body (or multipart form) that are labels.
pub const BODY_FIELDS: &[&str] = &[
    "metadata",
    "litellm_metadata",
    "requestMetadata",
    "labels",
    "session_id",
    "litellm_session_id",
    "user",
    "safety_identifier",
    "prompt_cache_key",
];

/// The header of a name in any case, and its place in the table.
pub(super) fn find(name: &str) -> Option<(usize, &'static Header)> {
    HEADERS.iter().enumerate().find(|(_, h)| match h.name.strip_suffix('*') {
        Some(prefix) => {
            name.len() > prefix.len()
                && name.is_char_boundary(prefix.len())
                && name[..prefix.len()].eq_ignore_ascii_case(prefix)
        }
        None => h.name.eq_ignore_ascii_case(name),
    })
}

/// Names in `metadata`, properties and baggage that mean a field. Where one source has several names of the same
/// field, the earlier line holds.
pub const FIELD_NAMES: &[(&str, LabelField)] = &[
    ("tenant", Tenant),
    ("tenant_id", Tenant),
    ("_organisation", Tenant),
    ("team", Team),
    ("team_id", Team),
    ("app", App),
    ("application", App),
    ("workflow", Workflow),
    ("workflow_name", Workflow),
    ("environment", Environment),
    ("env", Environment),
    ("_environment", Environment),
    ("consumer", Consumer),
    ("customer", Consumer),
    ("customer_id", Consumer),
    ("end_user", Consumer),
    ("user_id", Consumer),
    ("user", Consumer),
    ("_user", Consumer),
    ("trace_user_id", Consumer),
    ("task", Task),
    ("task_id", Task),
    ("session_id", Task),
    ("session", Task),
    ("trace_id", Task),
    ("step", Step),
    ("step_id", Step),
    ("parent_step", ParentStep),
    ("parent_step_id", ParentStep),
];

/// The field that a name means, in any case and with `-` or a space for `_`, and the name's place in the table.
pub(super) fn field_of_name(name: &str) -> Option<(LabelField, u16)> {
    let same = |known: &str| {
        known.len() == name.len()
            && known
                .bytes()
                .zip(name.bytes())
                .all(|(k, n)| k == n.to_ascii_lowercase() || (k == b'_' && (n == b'-' || n == b' ')))
    };
    FIELD_NAMES.iter().zip(0u16..).find(|((known, _), _)| same(known)).map(|((_, field), i)| (*field, i))
}
