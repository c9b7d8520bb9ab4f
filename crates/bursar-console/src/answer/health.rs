//! Health.

use serde::Serialize;
use utoipa::ToSchema;

/// Whether the process is alive.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AliveAnswer {
    /// Always true: an answer is the proof.
    pub alive: bool,
    /// Bursar's version.
    #[schema(example = "0.1.0")]
    pub version: String,
}

/// Whether Bursar is ready to serve.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReadyAnswer {
    /// Whether every check passed.
    pub ready: bool,
    /// Every check.
    pub checks: Vec<CheckAnswer>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CheckAnswer {
    /// What was checked.
    #[schema(example = "store")]
    pub name: String,
    /// Whether it is well.
    pub ok: bool,
    /// What was found, and what to do where it is not well.
    pub detail: String,
}
