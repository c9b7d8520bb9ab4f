//! A receiver of webhooks: answers with the statuses that it is given, then with 200.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A call that was received.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The request line.
    pub(crate) line: String,
    /// Names in lower case, with their values.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What is answered to the next calls, such as `503 Busy`, with further header lines.
pub(crate) type Answers = Arc<Mutex<VecDeque<&'static str>>>;

#[derive(Clone)]
pub(crate) struct HttpReceiver {
    pub(crate) at: SocketAddr,
    pub(crate) answers: Answers,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl HttpReceiver {
    pub(crate) async fn start(answers: &[&'static str]) -> HttpReceiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = HttpReceiver {
            at: listener.local_addr().unwrap(),
            answers: Arc::new(Mutex::new(answers.iter().copied().collect())),
            calls: Arc::default(),
        };
        let serving = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        receiver
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hooks/bursar", self.at)
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        while let Some(call) = read_call(&mut stream, &mut bytes).await {
            self.calls.lock().unwrap().push(call);
            let answer = self.answers.lock().unwrap().pop_front().unwrap_or("200 OK");
            if answer == "hang" {
                return std::future::pending().await;
            }
            let said = answer.lines().next().unwrap();
            let text = format!("HTTP/1.1 {answer}\r\ncontent-length: {}\r\n\r\n{said}", said.len());
            if stream.write_all(text.replace("\r\n", "\n").replace('\n', "\r\n").as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

async fn read_call(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<Call> {
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let mut lines = head.lines();
            let line = lines.next()?.to_owned();
            let headers: Vec<(String, String)> = lines
                .filter_map(|l| l.split_once(": "))
                .map(|(n, v)| (n.to_lowercase(), v.to_owned()))
                .collect();
            let length = headers.iter().find(|(n, _)| n == "content-length")?.1.parse::<usize>().unwrap();
            if bytes.len() >= end + 4 + length {
                let body = String::from_utf8(bytes[end + 4..end + 4 + length].to_vec()).unwrap();
                bytes.drain(..end + 4 + length);
                return Some(Call { line, headers, body });
            }
        }
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await.ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&piece[..read]);
    }
}
