//! The control plane on a socket.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::fixture::Fixture;

async fn exchange(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = vec![0; 64 * 1024];
    let n = stream.read(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes[..n]).into_owned()
}

#[tokio::test]
async fn it_answers_on_a_socket_and_ends_when_told_to_though_a_client_stays_connected() {
    let fixture = Fixture::with_records();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(fixture.console(None).serve(listener, async {
        let _ = stopped.await;
    }));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let answer = exchange(&mut stream, &format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = exchange(&mut stream, "GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0, "the connection is closed");
}

#[tokio::test]
async fn many_readers_at_once_are_all_answered() {
    let fixture = Fixture::with_records();
    let router = fixture.router();
    let reads = (0..64).map(|_| {
        let router = router.clone();
        tokio::spawn(async move {
            crate::fixture::send(router, "GET", "/api/v1/spend?by=team", None).await.status
        })
    });
    for read in reads.collect::<Vec<_>>() {
        assert_eq!(read.await.unwrap(), 200);
    }
}
