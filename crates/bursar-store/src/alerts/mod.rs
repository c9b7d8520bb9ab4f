//! Alerts: what is to be told about budgets, kept until it is told.

mod outbox;
mod read;
mod table;

use bursar_core::Timestamp;
use bursar_core::budget::{BudgetUnit, Window};
use sha2::{Digest as _, Sha256};

pub use outbox::Outbox;
pub use read::AlertQuery;

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Its name, which is the same whenever the same event is derived: what receives it twice can tell by it.
    pub id: String,
    /// The crossing that it begins or ends.
    pub incident: String,
    /// The budget; `None` for calls that no budget covers, and for GPUs.
    pub budget: Option<String>,
    /// Whose share of it; for uncovered calls the key's id, for GPUs their node.
    pub instance: Option<String>,
    /// The window of the account; for GPUs without length, at the beginning.
    pub window: Window,
    /// What was crossed, such as `actual:80`.
    pub rule: String,
    /// How often it was crossed and had recovered before in this window.
    pub episode: u32,
    /// Why it is over, such as `period_ended`; `None` where it begins.
    pub recovery: Option<String>,
    /// info, warning or critical.
    pub severity: String,
    /// everyone, incidents or nobody.
    pub audience: String,
    /// When it was seen.
    pub at: Timestamp,
    /// Whom to ask about the budget.
    pub owner: Option<String>,
    /// What the amounts are counted in.
    pub unit: Option<BudgetUnit>,
    /// What was spent.
    pub spent: i64,
    /// What may be spent.
    pub limit: i64,
    /// What will have been spent at the window's end, where that was forecast.
    pub forecast: Option<i64>,
    /// The whole of it in a sentence or two.
    pub text: String,
}

impl Alert {
    /// The incident and the alert's own name, for the key of a case and whether it is over.
    #[must_use]
    pub fn names(key: &str, is_over: bool) -> (String, String) {
        let digest = Sha256::digest(key.as_bytes());
        let hex: String = digest[..12].iter().map(|b| format!("{b:02x}")).collect();
        let end = if is_over { "end" } else { "begin" };
        (format!("inc_{hex}"), format!("alr_{hex}_{end}"))
    }
}

/// An alert with where it is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAlert {
    /// What to tell.
    pub alert: Alert,
    /// The channels, each with the moment before which nothing is sent there. The end of an incident goes only where
    /// its beginning went.
    pub channels: Vec<(String, Timestamp)>,
}

/// How far an alert has come on its way to a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// It will be sent.
    Waiting,
    /// It was sent, and the channel took it.
    Sent,
    /// It was given up.
    Failed,
    /// Somebody has silenced the budget.
    Silenced,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [DeliveryState; 4] =
        [DeliveryState::Waiting, DeliveryState::Sent, DeliveryState::Failed, DeliveryState::Silenced];

    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            DeliveryState::Waiting => "waiting",
            DeliveryState::Sent => "sent",
            DeliveryState::Failed => "failed",
            DeliveryState::Silenced => "silenced",
        }
    }
}

/// An alert's way to one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The channel.
    pub channel: String,
    /// How far it has come.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next, where it waits.
    pub next_try: Timestamp,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When it was sent or given up.
    pub ended_at: Option<Timestamp>,
}

/// An alert that is to be sent to a channel now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueDelivery {
    /// What to send.
    pub alert: Alert,
    /// Where to.
    pub channel: String,
    /// How often it was tried before.
    pub attempts: u32,
}

/// An alert with what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAlert {
    /// The alert.
    pub alert: Alert,
    /// Whether an alert of the same incident says that it is over.
    pub is_over: bool,
    /// Who has said that they know, and when.
    pub acked: Option<(String, Timestamp)>,
    /// Its way to each channel.
    pub deliveries: Vec<Delivery>,
}

/// A time in which nothing about a budget is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// The budget; `None` for all.
    pub budget: Option<String>,
    /// From when on.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Who wanted it.
    pub who: String,
    /// Why.
    pub why: String,
}
