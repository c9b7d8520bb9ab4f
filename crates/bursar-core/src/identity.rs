//! Who a call is for, and the names of requests, attempts and keys.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The name of one request to the gateway: 128 bits, ordered by time of arrival (UUID version 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u128);

/// The name of one attempt at a provider: a request and the number of the attempt, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    /// The request that the attempt served.
    pub request: RequestId,
    /// The attempt's number within the request, from 0.
    pub attempt: u16,
}

/// The name of a virtual key. It is not the secret: it may be shown and logged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub String);

/// A text that is no request or record id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a request id; one looks like req_ followed by 32 hexadecimal digits")]
pub struct BadRequestId(pub String);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "req_{:032x}", self.0)
    }
}

impl FromStr for RequestId {
    type Err = BadRequestId;

    fn from_str(text: &str) -> Result<RequestId, BadRequestId> {
        let bad = || BadRequestId(text.to_owned());
        let hex = text.strip_prefix("req_").ok_or_else(bad)?;
        if hex.len() != 32 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(bad());
        }
        u128::from_str_radix(hex, 16).map(RequestId).map_err(|_| bad())
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.request, self.attempt)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whom a call is for. A virtual key fixes some of it; labels that the key allows may set the rest. `None` means
/// that nobody said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attribution {
    /// The legal or billing entity, where one installation serves several.
    pub tenant: Option<String>,
    /// The team that owns the spend.
    pub team: Option<String>,
    /// The application.
    pub app: Option<String>,
    /// The workflow within the application.
    pub workflow: Option<String>,
    /// Such as `production` or `staging`.
    pub environment: Option<String>,
    /// The end customer or user that the call serves.
    pub consumer: Option<String>,
    /// The agentic run that the call belongs to.
    pub task: Option<String>,
    /// The step within the task.
    pub step: Option<String>,
    /// The step that caused this step.
    pub parent_step: Option<String>,
    /// Further labels, by name.
    pub tags: BTreeMap<String, String>,
}

macro_rules! label_fields {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// A part of an [`Attribution`] that a label on a request may propose.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum LabelField { $($(#[$doc])* $variant),+ }

        impl LabelField {
            /// Every field, in the order of [`Attribution`].
            pub const ALL: &[LabelField] = &[$(LabelField::$variant),+];

            /// The name in configuration, the API and notes.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(LabelField::$variant => $name),+ }
            }
        }
    };
}

label_fields! {
    /// [`Attribution::tenant`].
    Tenant = "tenant",
    /// [`Attribution::team`].
    Team = "team",
    /// [`Attribution::app`].
    App = "app",
    /// [`Attribution::workflow`].
    Workflow = "workflow",
    /// [`Attribution::environment`].
    Environment = "environment",
    /// [`Attribution::consumer`].
    Consumer = "consumer",
    /// [`Attribution::task`].
    Task = "task",
    /// [`Attribution::step`].
    Step = "step",
    /// [`Attribution::parent_step`].
    ParentStep = "parent_step",
    /// [`Attribution::tags`].
    Tags = "tags",
}

impl LabelField {
    /// The field of a name, where there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<LabelField> {
        LabelField::ALL.iter().copied().find(|f| f.name() == name)
    }
}

/// Which parts of the attribution a virtual key leaves to its caller's labels. What the key fixes is never
/// changed, whatever the policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LabelPolicy(u16);

impl LabelPolicy {
    /// No label is applied.
    pub const NONE: LabelPolicy = LabelPolicy(0);
    /// Every label is applied, as where no virtual key exists.
    pub const ALL: LabelPolicy = LabelPolicy((1 << LabelField::ALL.len()) - 1);

    /// A policy that allows these fields and no others.
    #[must_use]
    pub fn of(fields: impl IntoIterator<Item = LabelField>) -> LabelPolicy {
        LabelPolicy(fields.into_iter().fold(0, |bits, f| bits | 1 << f as u16))
    }

    /// Whether a caller's label may set the field.
    #[must_use]
    pub const fn allows(self, field: LabelField) -> bool {
        self.0 & (1 << field as u16) != 0
    }

    /// The fields that it allows, in the order of [`Attribution`].
    pub fn fields(self) -> impl Iterator<Item = LabelField> {
        LabelField::ALL.iter().copied().filter(move |&f| self.allows(f))
    }
}

impl Default for LabelPolicy {
    /// What describes the work may be set; whose money it is (tenant, team, app) may not.
    fn default() -> LabelPolicy {
        use LabelField::{Consumer, Environment, ParentStep, Step, Tags, Task, Workflow};
        LabelPolicy::of([Workflow, Environment, Consumer, Task, Step, ParentStep, Tags])
    }
}

impl Attribution {
    /// The value of one field; `None` where nobody said, and always for [`LabelField::Tags`].
    #[must_use]
    pub fn get(&self, field: LabelField) -> Option<&str> {
        match field {
            LabelField::Tenant => self.tenant.as_deref(),
            LabelField::Team => self.team.as_deref(),
            LabelField::App => self.app.as_deref(),
            LabelField::Workflow => self.workflow.as_deref(),
            LabelField::Environment => self.environment.as_deref(),
            LabelField::Consumer => self.consumer.as_deref(),
            LabelField::Task => self.task.as_deref(),
            LabelField::Step => self.step.as_deref(),
            LabelField::ParentStep => self.parent_step.as_deref(),
            LabelField::Tags => None,
        }
    }

    /// The place of one field; `None` for [`LabelField::Tags`], which is a map.
    pub fn get_mut(&mut self, field: LabelField) -> Option<&mut Option<String>> {
        Some(match field {
            LabelField::Tenant => &mut self.tenant,
            LabelField::Team => &mut self.team,
            LabelField::App => &mut self.app,
            LabelField::Workflow => &mut self.workflow,
            LabelField::Environment => &mut self.environment,
            LabelField::Consumer => &mut self.consumer,
            LabelField::Task => &mut self.task,
            LabelField::Step => &mut self.step,
            LabelField::ParentStep => &mut self.parent_step,
            LabelField::Tags => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_written_and_read_again_is_the_same() {
        for id in [RequestId(0), RequestId(u128::MAX), RequestId(0x0191_abcd)] {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn a_text_that_is_no_request_id_is_refused() {
        for text in ["", "req_", "req_+0000000000000000000000000000001", "0191", "req_zz"] {
            assert!(text.parse::<RequestId>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_callers_label_sets_what_the_work_is_but_not_whose_money_it_is_unless_the_key_says_so() {
        let policy = LabelPolicy::default();
        for field in [LabelField::Tenant, LabelField::Team, LabelField::App] {
            assert!(!policy.allows(field) && LabelPolicy::ALL.allows(field));
        }
        assert!(policy.allows(LabelField::Task) && policy.allows(LabelField::Tags));
        assert_eq!(LabelPolicy::of(policy.fields()), policy);
        assert_eq!(LabelPolicy::NONE.fields().count(), 0);
        assert_eq!(LabelPolicy::ALL.fields().count(), LabelField::ALL.len());
    }

    #[test]
    fn every_label_field_is_found_again_by_its_name_and_has_its_place() {
        let mut attribution = Attribution::default();
        for &field in LabelField::ALL {
            assert_eq!(LabelField::from_name(field.name()), Some(field));
            if let Some(place) = attribution.get_mut(field) {
                *place = Some(field.name().to_owned());
                assert_eq!(attribution.get(field), Some(field.name()));
            }
        }
        assert_eq!(LabelField::from_name("spend"), None);
    }
}
