//! Virtual keys.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::AttributionAnswer;

/// All virtual keys.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KeysAnswer {
    /// The keys, the latest first.
    pub keys: Vec<KeyAnswer>,
}

/// A virtual key without its secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KeyAnswer {
    /// Its id, which may be shown and logged.
    pub id: String,
    /// The first characters of its secret, to recognise it by.
    #[schema(example = "bsk_4fQ2")]
    pub prefix: String,
    /// active, expired or revoked.
    #[schema(example = "active")]
    pub state: String,
    /// The labels that the key fixes.
    pub attribution: AttributionAnswer,
    /// The labels that a caller may set.
    pub may_set: Vec<String>,
    /// Patterns of the models that it may call; `null` for all.
    pub models: Option<Vec<String>>,
    /// The addresses that it may be used from; `null` for all.
    pub ips: Option<Vec<String>>,
    /// When it was made (RFC 3339).
    pub created_at: String,
    /// When it ends (RFC 3339); `null` for never.
    pub expires_at: Option<String>,
    /// From when on it is refused (RFC 3339): when it was revoked, or when its overlap with a new key ends.
    pub revoked_at: Option<String>,
    /// When it was last used (RFC 3339), to about a minute; `null` for never.
    pub last_used_at: Option<String>,
    /// The key that took its place.
    pub replaced_by: Option<String>,
}

/// A new virtual key, with its secret: the only time that it is shown.
#[derive(Clone, Serialize, ToSchema)]
pub struct CreatedKeyAnswer {
    /// The key.
    pub key: KeyAnswer,
    /// The secret. It is stored as a hash only and cannot be shown again.
    #[schema(example = "bsk_…")]
    pub secret: String,
}

/// What a new virtual key is to be.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CreateKeyBody {
    /// The legal or billing entity.
    pub tenant: Option<String>,
    /// The team that owns the spend.
    pub team: Option<String>,
    /// The application.
    pub app: Option<String>,
    /// The workflow.
    pub workflow: Option<String>,
    /// Such as production.
    pub environment: Option<String>,
    /// The end customer or user.
    pub consumer: Option<String>,
    /// How long it lives, such as 90d; never ends unless told.
    #[schema(example = "90d")]
    pub expires: Option<String>,
    /// Patterns of the models that it may call, such as `gpt-*`; all unless told.
    pub models: Option<Vec<String>>,
    /// Networks that it may be used from, such as 10.0.0.0/8; all unless told.
    pub ips: Option<Vec<String>>,
    /// Labels that a caller may set; workflow, environment, consumer, task, step, parent_step and tags unless told.
    pub may_set: Option<Vec<String>>,
}

/// How a key is to be rotated.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RotateKeyBody {
    /// How long the old key goes on beside the new one, such as 24h; not at all unless told.
    #[schema(example = "24h")]
    pub overlap: Option<String>,
}
