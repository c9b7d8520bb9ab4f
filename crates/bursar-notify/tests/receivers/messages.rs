//! What each channel sends, as its receiver gets it, and what comes of an answer.

use bursar_notify::signature::{self, BadSignature};
use bursar_notify::{Channel, ChannelKind, EmailConfig, Message, Secret, SmtpTls};
use serde_json::Value;

use super::http_receiver::HttpReceiver;
use super::smtp_receiver::SmtpReceiver;
use super::{alert, config};

fn messages() -> [Message; 2] {
    [None, Some("back_below")].map(|recovery| Message { alert: alert(recovery) })
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn channel(kind: ChannelKind) -> Channel {
    Channel::new(&config("a", kind)).unwrap()
}

fn now() -> i64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64
}

/// The bodies of a raised and a recovered alert.
fn shown(bodies: &[Value]) -> String {
    bodies.iter().map(|b| serde_json::to_string_pretty(b).unwrap() + "\n").collect()
}

#[tokio::test]
async fn a_webhook_is_signed_over_its_time_and_its_bytes_as_they_are() {
    let receiver = HttpReceiver::start(&[]).await;
    let shared = "a secret of the two sides";
    let webhook =
        channel(ChannelKind::Webhook { url: secret(&receiver.url()), secret: Some(secret(shared)) });
    for message in messages() {
        webhook.send(&message).await.unwrap();
    }
    let calls = receiver.calls();
    assert_eq!(calls[0].line, "POST /hooks/bursar HTTP/1.1");
    assert_eq!(calls[0].header("content-type"), Some("application/json"));
    assert_eq!(calls[0].header("idempotency-key"), Some(messages()[0].alert.id.as_str()));
    let header = calls[0].header(signature::HEADER).unwrap();
    let verified =
        |secret: &str, body: &str| signature::verify(secret.as_bytes(), header, body.as_bytes(), now(), 60);
    assert_eq!(verified(shared, &calls[0].body), Ok(()));
    assert_eq!(verified("another", &calls[0].body), Err(BadSignature::Differs));
    assert_eq!(verified(shared, &calls[1].body), Err(BadSignature::Differs));
    insta::assert_snapshot!(shown(&[calls[0].json(), calls[1].json()]));
}

#[tokio::test]
async fn a_webhook_without_a_secret_has_no_signature() {
    let receiver = HttpReceiver::start(&[]).await;
    let webhook = channel(ChannelKind::Webhook { url: secret(&receiver.url()), secret: None });
    webhook.send(&messages()[0]).await.unwrap();
    assert_eq!(receiver.calls()[0].header(signature::HEADER), None);
}

#[tokio::test]
async fn slack_gets_one_text_with_how_much_it_matters_and_the_owner() {
    let receiver = HttpReceiver::start(&[]).await;
    let slack = channel(ChannelKind::Slack { url: secret(&receiver.url()) });
    for message in messages() {
        slack.send(&message).await.unwrap();
    }
    let calls = receiver.calls();
    insta::assert_snapshot!(shown(&[calls[0].json(), calls[1].json()]));
}

#[tokio::test]
async fn pager_duty_gets_a_trigger_and_a_resolve_of_the_same_incident() {
    let receiver = HttpReceiver::start(&["202 Accepted", "202 Accepted"]).await;
    let pager =
        channel(ChannelKind::PagerDuty { routing_key: secret("R0UT1NGKEY"), url: secret(&receiver.url()) });
    for message in messages() {
        pager.send(&message).await.unwrap();
    }
    let calls: Vec<Value> = receiver.calls().iter().map(super::http_receiver::Call::json).collect();
    assert_eq!(calls[0]["dedup_key"], calls[1]["dedup_key"]);
    assert_eq!(calls[0]["routing_key"], "R0UT1NGKEY");
    insta::assert_snapshot!(shown(&calls));
}

fn mail_config(receiver: &SmtpReceiver, password: Option<&str>) -> EmailConfig {
    EmailConfig {
        host: "127.0.0.1".to_owned(),
        port: receiver.at.port(),
        tls: SmtpTls::None,
        username: password.map(|_| "bursar".to_owned()),
        password: password.map(secret),
        from: "Bursar <bursar@example.com>".to_owned(),
        to: vec!["leads@example.com".to_owned(), "Finance <finance@example.com>".to_owned()],
    }
}

#[tokio::test]
async fn a_mail_reaches_everyone_and_its_end_answers_its_beginning() {
    let receiver = SmtpReceiver::start(&[], None).await;
    let email = channel(ChannelKind::Email(mail_config(&receiver, None)));
    for message in messages() {
        email.send(&message).await.unwrap();
    }
    let mails = receiver.mails();
    assert_eq!(mails[0].from.trim(), "FROM:<bursar@example.com>");
    assert_eq!(mails[0].to, ["TO:<leads@example.com>", "TO:<finance@example.com>"]);
    let undated = |data: &str| -> String {
        data.lines().filter(|l| !l.starts_with("Date: ")).map(|l| format!("{l}\n")).collect()
    };
    insta::assert_snapshot!(undated(&mails[0].data) + "\n---\n" + &undated(&mails[1].data));
}

#[tokio::test]
async fn a_mail_server_that_wants_a_password_gets_it_and_one_that_refuses_it_may_be_tried_again() {
    // base64 of "\0bursar\0pass-word-1"
    let receiver = SmtpReceiver::start(&[], Some("AGJ1cnNhcgBwYXNzLXdvcmQtMQ==")).await;
    let email = channel(ChannelKind::Email(mail_config(&receiver, Some("pass-word-1"))));
    email.send(&messages()[0]).await.unwrap();
    let wrong = channel(ChannelKind::Email(mail_config(&receiver, Some("other-word"))));
    let error = wrong.send(&messages()[0]).await.unwrap_err();
    assert!(!error.is_lasting && !error.what.contains("other-word"), "{error}");
    assert_eq!(receiver.mails().len(), 1);
}

#[tokio::test]
async fn a_mail_that_is_refused_for_good_is_not_tried_again_and_one_refused_for_now_is() {
    let receiver = SmtpReceiver::start(&["451 later", "554 no"], None).await;
    let email = channel(ChannelKind::Email(mail_config(&receiver, None)));
    assert!(email.send(&messages()[0]).await.unwrap_err().is_lasting);
    assert!(!email.send(&messages()[0]).await.unwrap_err().is_lasting);
    email.send(&messages()[0]).await.unwrap();
}

#[tokio::test]
async fn an_answer_says_whether_trying_again_can_help() {
    let answers = ["500 Oops", "429 Slow\r\nretry-after: 7", "404 Gone", "400 Bad", "302 Moved", "hang"];
    let receiver = HttpReceiver::start(&answers).await;
    let webhook = channel(ChannelKind::Webhook { url: secret(&receiver.url()), secret: None });
    let mut lasting = Vec::new();
    let mut errors = String::new();
    for _ in answers {
        let error = webhook.send(&messages()[0]).await.unwrap_err();
        lasting.push(error.is_lasting);
        errors += &format!("{error} {:?}\n", error.retry_after);
    }
    assert_eq!(lasting, [false, false, false, true, true, false]);
    insta::assert_snapshot!(errors);
}

#[tokio::test]
async fn a_secret_in_the_answer_of_a_receiver_is_not_told_on() {
    let receiver = HttpReceiver::start(&["403 bad routing key R0UT1NGKEY"]).await;
    let url = secret(&receiver.url());
    let pager = channel(ChannelKind::PagerDuty { routing_key: secret("R0UT1NGKEY"), url });
    let error = pager.send(&messages()[0]).await.unwrap_err().to_string();
    assert!(error.contains("(secret)") && !error.contains("R0UT1NGKEY"), "{error}");
}

#[tokio::test]
async fn nobody_at_the_address_is_a_failure_that_may_pass() {
    let webhook = channel(ChannelKind::Webhook { url: secret("http://127.0.0.1:9/x"), secret: None });
    let error = webhook.send(&messages()[0]).await.unwrap_err();
    assert!(!error.is_lasting, "{error}");
}

#[test]
fn a_channel_that_cannot_work_says_why_without_its_secret() {
    for url in ["", "example.com/x", "ftp://example.com", "https://"] {
        let error = Channel::new(&config("a", ChannelKind::Slack { url: secret(url) })).err().unwrap();
        assert!(error.to_string().contains("https://"), "{url}: {error}");
    }
}
