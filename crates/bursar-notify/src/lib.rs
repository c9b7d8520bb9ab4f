//! Takes alerts from the outbox to where people see them.
//!
//! What is to be told lies in the store's outbox; the [`Courier`] takes what is due, a bounded number at a time, and
//! sends it to its [`Channel`]s, each of which has one message under way at most. What a channel does not take is tried
//! again later, ever more seldom, and given up after a day. None of this stands in the way of a call: it runs on a
//! thread of its own, and nothing waits for it.
//!
//! * [`Channel`]: a signed webhook, a Slack-compatible webhook, e-mail by SMTP, PagerDuty's Events API v2.
//! * [`Router`]: which alert goes to which channels, and not before when.
//! * [`signature`]: how a receiver knows that a webhook's call comes from Bursar.

mod backoff;
mod channel;
mod courier;
mod http_post;
mod message;
mod quiet_hours;
mod route;
mod secret;
pub mod signature;

pub use channel::{Channel, ChannelConfig, ChannelError, ChannelKind, EmailConfig, SendError, SmtpTls};
pub use courier::{Bell, Courier};
pub use message::Message;
pub use quiet_hours::{BadQuietHours, QuietHours};
pub use route::{Notice, Route, RouteChannel, Router, Told};
pub use secret::Secret;
