//! A mail server that takes what it is sent (RFC 5321, and PLAIN of RFC 4954), and says what it was told to say first.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A mail with its envelope.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mail {
    pub(crate) hello: String,
    pub(crate) auth: Option<String>,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) data: String,
}

#[derive(Clone)]
pub(crate) struct SmtpReceiver {
    pub(crate) at: SocketAddr,
    mails: Arc<Mutex<Vec<Mail>>>,
    /// Answers to `DATA`, used up one by one.
    refusals: Arc<Mutex<Vec<&'static str>>>,
    /// Whether a wrong password is refused.
    auth: Option<&'static str>,
}

impl SmtpReceiver {
    pub(crate) async fn start(refusals: &[&'static str], auth: Option<&'static str>) -> SmtpReceiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = SmtpReceiver {
            at: listener.local_addr().unwrap(),
            mails: Arc::default(),
            refusals: Arc::new(Mutex::new(refusals.to_vec())),
            auth,
        };
        let serving = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        receiver
    }

    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }

    async fn serve(self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        let mut mail = Mail::default();
        say(&mut stream, "220 mail.test ready").await?;
        loop {
            let line = hear(&mut stream).await?;
            let (word, rest) = line.split_once([' ', ':']).unwrap_or((&line, ""));
            let answer = match word.to_uppercase().as_str() {
                "EHLO" => {
                    mail.hello = rest.to_owned();
                    "250-mail.test\r\n250-AUTH PLAIN\r\n250 8BITMIME"
                }
                "AUTH" => {
                    mail.auth = Some(rest.to_owned());
                    let is_good = self.auth.is_none_or(|a| rest.ends_with(a));
                    if is_good { "235 welcome" } else { "535 who are you" }
                }
                "MAIL" => {
                    mail.from = rest.to_owned();
                    "250 ok"
                }
                "RCPT" => {
                    mail.to.push(rest.to_owned());
                    "250 ok"
                }
                "DATA" => self.data(&mut stream, &mut mail).await?,
                "QUIT" => "221 bye",
                _ => "502 what",
            };
            say(&mut stream, answer).await?;
        }
    }

    async fn data(&self, stream: &mut BufReader<TcpStream>, mail: &mut Mail) -> Option<&'static str> {
        let refusal = self.refusals.lock().unwrap().pop();
        if let Some(refusal) = refusal {
            return Some(refusal);
        }
        say(stream, "354 go on").await?;
        loop {
            let line = hear(stream).await?;
            if line == "." {
                break;
            }
            mail.data += &format!("{line}\n");
        }
        let taken = Mail { hello: mail.hello.clone(), auth: mail.auth.clone(), ..std::mem::take(mail) };
        self.mails.lock().unwrap().push(taken);
        Some("250 taken")
    }
}

async fn say(stream: &mut BufReader<TcpStream>, text: &str) -> Option<()> {
    stream.get_mut().write_all(format!("{text}\r\n").as_bytes()).await.ok()
}

async fn hear(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await.ok()?;
    (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
}
