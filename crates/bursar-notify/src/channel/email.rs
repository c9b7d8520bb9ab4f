//! E-mail by SMTP.

use std::fmt::Write as _;
use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use super::{ChannelError, SendError};
use crate::message::Message;
use crate::secret::Secret;

/// How the connection to a mail server is kept from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// TLS begins after the greeting, and is required (usually port 587).
    StartTls,
    /// TLS from the first byte on (usually port 465).
    Tls,
    /// None: for a server on this machine.
    None,
}

/// A mail server and who is written to.
#[derive(Clone, Debug)]
pub struct EmailConfig {
    /// The server's name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is kept from others.
    pub tls: SmtpTls,
    /// The user, where the server wants one.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// Who writes, such as `Bursar <bursar@example.com>`.
    pub from: String,
    /// Who is written to.
    pub to: Vec<String>,
}

/// A mail server that can be sent to.
pub(super) struct Email {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
    limit: Duration,
}

impl Email {
    pub(super) fn new(config: &EmailConfig, limit: Duration) -> Result<Email, ChannelError> {
        let address =
            |text: &String| text.parse::<Mailbox>().map_err(|_| ChannelError::Address(text.clone()));
        let from = address(&config.from)?;
        let to = config.to.iter().map(address).collect::<Result<Vec<_>, _>>()?;
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
            .port(config.port)
            .tls(tls(config)?)
            .hello_name(ClientId::Domain(from.email.domain().to_owned()))
            .timeout(Some(limit));
        if let (Some(user), Some(password)) = (&config.username, &config.password) {
            builder = builder.credentials(Credentials::new(user.clone(), password.reveal().to_owned()));
        }
        Ok(Email { transport: builder.build(), from, to, limit })
    }

    pub(super) async fn send(&self, message: &Message) -> Result<(), SendError> {
        let mail = self.mail(message)?;
        match tokio::time::timeout(self.limit, self.transport.send(mail)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(refusal(&error)),
            Err(_) => Err(SendError::passing(format!("no answer within {} s", self.limit.as_secs()))),
        }
    }

    fn mail(&self, message: &Message) -> Result<lettre::Message, SendError> {
        let alert = &message.alert;
        let domain = self.from.email.domain();
        let id = |name: &str| format!("<{name}@{domain}>");
        let mut builder = lettre::Message::builder()
            .from(self.from.clone())
            .subject(message.subject())
            .message_id(Some(id(&alert.id)))
            .raw_header(raw("Auto-Submitted", "auto-generated".to_owned()))
            .raw_header(raw("X-Bursar-Incident", alert.incident.clone()));
        if message.is_over() {
            let begin = id(&alert.id.replace("_end", "_begin"));
            builder = builder.in_reply_to(begin.clone()).references(begin);
        }
        builder = self.to.iter().fold(builder, |b, to| b.to(to.clone()));
        let envelope =
            Envelope::new(Some(self.from.email.clone()), self.to.iter().map(|to| to.email.clone()).collect());
        let envelope = envelope.map_err(|e| SendError::lasting(e.to_string()))?;
        let part = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(text(message));
        builder.envelope(envelope).singlepart(part).map_err(|e| SendError::lasting(e.to_string()))
    }
}

fn raw(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value)
}

fn text(message: &Message) -> String {
    let mut text = format!("{}\n\n", message.alert.text);
    for (name, value) in message.facts() {
        let _ = writeln!(text, "{name:<10}{value}");
    }
    text
}

fn tls(config: &EmailConfig) -> Result<Tls, ChannelError> {
    let parameters = || {
        TlsParameters::new_rustls(config.host.clone())
            .map_err(|e| ChannelError::Server(config.host.clone(), e.to_string()))
    };
    Ok(match config.tls {
        SmtpTls::StartTls => Tls::Required(parameters()?),
        SmtpTls::Tls => Tls::Wrapper(parameters()?),
        SmtpTls::None => Tls::None,
    })
}

/// A refusal of the mail itself is lasting; of the user it is not: somebody may mend the password.
fn refusal(error: &lettre::transport::smtp::Error) -> SendError {
    let what = format!("the mail server: {error}");
    let is_of_the_user = error.status().is_some_and(|code| {
        let code = code.to_string();
        code == "530" || code == "535" || code == "534" || code == "538"
    });
    if error.is_permanent() && !is_of_the_user { SendError::lasting(what) } else { SendError::passing(what) }
}
