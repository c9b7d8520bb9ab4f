//! Where alerts are told.

mod email;
mod pager_duty;
mod slack;
mod webhook;

use std::time::Duration;

use http::Uri;

use crate::http_post::HttpPost;
use crate::message::Message;
use crate::quiet_hours::QuietHours;
use crate::secret::Secret;
pub use email::{EmailConfig, SmtpTls};

/// A channel as it is configured.
#[derive(Clone, Debug)]
pub struct ChannelConfig {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ChannelKind,
    /// How long one message may take.
    pub timeout: Duration,
    /// When it is told only what is critical.
    pub quiet_hours: Option<QuietHours>,
}

/// What a channel is, with what it needs.
#[derive(Clone, Debug)]
pub enum ChannelKind {
    /// A POST of JSON, signed where there is a secret.
    Webhook {
        /// Where to.
        url: Secret,
        /// What the receiver knows the signature by.
        secret: Option<Secret>,
    },
    /// A POST that Slack, Mattermost and others understand.
    Slack {
        /// The webhook's URL, which is itself a secret.
        url: Secret,
    },
    /// PagerDuty's Events API v2: an incident is triggered and resolved.
    PagerDuty {
        /// The integration's key.
        routing_key: Secret,
        /// Where to; PagerDuty's own address unless told.
        url: Secret,
    },
    /// E-mail by SMTP.
    Email(EmailConfig),
}

impl ChannelKind {
    /// Where PagerDuty takes events.
    pub const PAGER_DUTY: &str = "https://events.pagerduty.com/v2/enqueue";

    /// Whether it keeps an incident open until it is told that it is over.
    #[must_use]
    pub const fn keeps_incidents(&self) -> bool {
        matches!(self, ChannelKind::PagerDuty { .. } | ChannelKind::Webhook { .. })
    }

    /// The name in configuration.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            ChannelKind::Webhook { .. } => "webhook",
            ChannelKind::Slack { .. } => "slack",
            ChannelKind::PagerDuty { .. } => "pagerduty",
            ChannelKind::Email(_) => "email",
        }
    }
}

/// Why a channel cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// Not a URL that can be called. It is not repeated: it may hold a secret.
    #[error("the URL is none that can be called: it begins with https:// or http:// and names a host")]
    Url,
    /// No address that mail can be sent to or from.
    #[error("{0:?} is no e-mail address")]
    Address(String),
    /// The name of the mail server is none.
    #[error("the mail server {0:?} cannot be used: {1}")]
    Server(String, String),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct SendError {
    /// What happened, without secrets.
    pub what: String,
    /// Whether trying again cannot help.
    pub is_lasting: bool,
    /// How long the receiver asked to wait.
    pub retry_after: Option<Duration>,
}

impl SendError {
    pub(crate) fn passing(what: String) -> SendError {
        SendError { what, is_lasting: false, retry_after: None }
    }

    pub(crate) fn lasting(what: String) -> SendError {
        SendError { what, is_lasting: true, retry_after: None }
    }
}

/// A channel that can be sent to.
pub struct Channel {
    name: String,
    way: Way,
    /// What must not stand in an error.
    secrets: Vec<Secret>,
}

enum Way {
    Webhook { post: HttpPost, url: Uri, secret: Option<Secret> },
    Slack { post: HttpPost, url: Uri },
    PagerDuty { post: HttpPost, url: Uri, routing_key: Secret },
    Email(Box<email::Email>),
}

impl Channel {
    /// Sets a channel up. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ChannelError`] where the configuration cannot work.
    pub fn new(config: &ChannelConfig) -> Result<Channel, ChannelError> {
        let post = || HttpPost::new(config.timeout);
        let (way, secrets) = match &config.kind {
            ChannelKind::Webhook { url, secret } => {
                let way = Way::Webhook { post: post()?, url: uri(url)?, secret: secret.clone() };
                (way, secret.iter().chain([url]).cloned().collect())
            }
            ChannelKind::Slack { url } => (Way::Slack { post: post()?, url: uri(url)? }, vec![url.clone()]),
            ChannelKind::PagerDuty { routing_key, url } => {
                let way = Way::PagerDuty { post: post()?, url: uri(url)?, routing_key: routing_key.clone() };
                (way, vec![routing_key.clone()])
            }
            ChannelKind::Email(email) => {
                let way = Way::Email(Box::new(email::Email::new(email, config.timeout)?));
                (way, email.password.iter().cloned().collect())
            }
        };
        Ok(Channel { name: config.name.clone(), way, secrets })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends a message, once.
    ///
    /// # Errors
    ///
    /// [`SendError`] where it was not taken, or may not have been.
    pub async fn send(&self, message: &Message) -> Result<(), SendError> {
        let sent = match &self.way {
            Way::Webhook { post, url, secret } => webhook::send(post, url, secret.as_ref(), message).await,
            Way::Slack { post, url } => slack::send(post, url, message).await,
            Way::PagerDuty { post, url, routing_key } => {
                pager_duty::send(post, url, routing_key, message).await
            }
            Way::Email(email) => email.send(message).await,
        };
        sent.map_err(|error| {
            let what = self.secrets.iter().fold(error.what, |text, secret| secret.hidden_in(&text));
            SendError { what, ..error }
        })
    }
}

fn uri(url: &Secret) -> Result<Uri, ChannelError> {
    let uri: Uri = url.reveal().parse().map_err(|_| ChannelError::Url)?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    if is_http && uri.host().is_some_and(|h| !h.is_empty()) { Ok(uri) } else { Err(ChannelError::Url) }
}
