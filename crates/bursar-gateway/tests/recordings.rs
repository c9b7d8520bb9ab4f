//! Every recorded response of real providers, replayed through a running gateway: the client gets the recording's
//! bytes, and exactly one record is settled, with the usage that the meter reads from the recording itself.
//!
//! The recordings lie beside the repository (`shared/data/agents/fixtures_dev.jsonl.gz`); where they are not
//! there, the test says so and passes.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bursar_core::{EndOfStream, MeteredUsage, Provenance, UsageException, UsageRecord};
use bursar_gateway::{Gateway, GatewayConfig, Limits, Policies, ProviderConfig};
use bursar_prices::PriceBook;
use bursar_store::{Reader, Store, StoreOptions, UsageQuery};
use bursar_wire::{Framing, Recording, RequestView, ResponseMeter, Surface, Vendor};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

struct Row {
    id: String,
    provider: String,
    surface: Surface,
    framing: Framing,
    status: u16,
    headers: Vec<(String, String)>,
    request: String,
    body: Bytes,
}

type Rows = Arc<HashMap<String, Row>>;

fn rows() -> Rows {
    let shared = std::env::var_os("BURSAR_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let path = shared.join("data/agents/fixtures_dev.jsonl.gz");
    let Ok(file) = std::fs::File::open(&path) else {
        eprintln!("no recordings at {}; nothing was replayed", path.display());
        return Rows::default();
    };
    let lines = BufReader::new(flate2::read::GzDecoder::new(file)).lines();
    let rows = lines.map(|line| row_of(&serde_json::from_str(&line.unwrap()).unwrap()));
    Arc::new(rows.map(|row| (row.id.clone(), row)).collect())
}

fn row_of(value: &Value) -> Row {
    let text = |key: &str| value[key].as_str().unwrap_or_default();
    let recording = Recording {
        provider: text("provider"),
        api: text("api"),
        format: text("format"),
        body: text("response_body"),
        ..Recording::default()
    };
    let headers = value["response_headers"].as_object().into_iter().flatten();
    Row {
        id: text("id").to_owned(),
        provider: text("provider").to_owned(),
        surface: recording.surface(),
        framing: recording.framing().unwrap(),
        status: u16::try_from(value["status"].as_u64().unwrap_or(200)).unwrap(),
        headers: headers
            .filter(|(name, _)| name.to_ascii_lowercase().starts_with("x-amzn-bedrock-"))
            .map(|(name, v)| (name.clone(), v.as_str().unwrap_or_default().to_owned()))
            .collect(),
        request: text("request").to_owned(),
        body: Bytes::from(recording.bytes().unwrap()),
    }
}

/// The path of a surface at its provider.
fn path_of(surface: Surface) -> &'static str {
    match surface {
        Surface::OpenAiChat => "/v1/chat/completions",
        Surface::OpenAiResponses => "/v1/responses",
        Surface::OpenAiEmbeddings => "/v1/embeddings",
        Surface::OpenAiCompletions => "/v1/completions",
        Surface::AnthropicMessages => "/v1/messages",
        Surface::AnthropicCountTokens => "/v1/messages/count_tokens",
        Surface::GeminiGenerate => "/v1beta/models/m:generateContent",
        Surface::GeminiEmbed => "/v1beta/models/m:embedContent",
        Surface::GeminiCountTokens => "/v1beta/models/m:countTokens",
        Surface::GeminiInteractions => "/v1beta/interactions",
        Surface::BedrockConverse => "/model/m/converse",
        Surface::BedrockInvoke => "/model/m/invoke",
        Surface::CohereChat => "/v2/chat",
        Surface::CohereEmbed => "/v2/embed",
        Surface::CohereRerank => "/v2/rerank",
        _ => "/v1/threads/t/history",
    }
}

fn content_type(framing: Framing) -> &'static str {
    match framing {
        Framing::Sse => "text/event-stream",
        Framing::JsonLines => "application/x-ndjson",
        Framing::AwsEventStream => "application/vnd.amazon.eventstream",
        Framing::Json | Framing::Opaque => "application/json",
    }
}

/// Serves the recording whose id is the query.
async fn upstream(rows: Rows) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let rows = Arc::clone(&rows);
            let service = service_fn(move |request| answer(Arc::clone(&rows), request));
            let server = hyper::server::conn::http1::Builder::new();
            tokio::spawn(server.serve_connection(TokioIo::new(socket), service));
        }
    });
    address
}

async fn answer(
    rows: Rows,
    request: http::Request<hyper::body::Incoming>,
) -> Result<http::Response<Full<Bytes>>, hyper::Error> {
    let id = request.uri().query().unwrap().strip_prefix("recording=").unwrap().to_owned();
    request.into_body().collect().await?;
    let row = &rows[&id];
    let mut builder =
        http::Response::builder().status(row.status).header("content-type", content_type(row.framing));
    for (name, value) in &row.headers {
        builder = builder.header(name, value);
    }
    Ok(builder.body(Full::new(row.body.clone())).unwrap())
}

fn config(upstream: SocketAddr, rows: &Rows) -> GatewayConfig {
    let mut names: Vec<&str> = rows.values().map(|r| r.provider.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let provider = |name: &&str| ProviderConfig {
        retries: 0,
        ..ProviderConfig::new(name, Vendor::from_name(name), &format!("http://{upstream}"))
    };
    GatewayConfig {
        providers: names.iter().map(provider).collect(),
        limits: Limits::default(),
        policies: Policies::default(),
        open_mode: true,
    }
}

/// Fetches a recording, compares status and bytes, and gives the request's id.
async fn fetched(client: &mut SendRequest<Full<Bytes>>, row: &Row) -> String {
    let path = format!("/providers/{}{}?recording={}", row.provider, path_of(row.surface), row.id);
    let is_json = serde_json::from_str::<Value>(&row.request).is_ok_and(|v| v.is_object());
    let body = if is_json { row.request.clone() } else { "{}".to_owned() };
    let request = http::Request::post(path)
        .header("host", "gateway")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    client.ready().await.unwrap();
    let response = client.send_request(request).await.unwrap();
    let request_id = response.headers()["x-bursar-request-id"].to_str().unwrap().to_owned();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(status, row.status, "{}: {}", row.id, String::from_utf8_lossy(&body));
    assert!(body == row.body, "{}: {} bytes are not the recording's", row.id, body.len());
    request_id
}

/// What the meter makes of the recording without a gateway, how it ended, and the provider's id of the work where that
/// was done in the background.
fn direct(row: &Row) -> (MeteredUsage, EndOfStream, Option<String>) {
    let vendor = Vendor::from_name(&row.provider);
    let mut meter = ResponseMeter::new(row.surface, vendor, row.status, row.framing);
    for (name, value) in &row.headers {
        meter.header(name, value.as_bytes());
    }
    meter.feed(&row.body);
    let view = RequestView::parse(row.surface, "", Some("application/json"), row.request.as_bytes());
    let (end, work) = (meter.ending(EndOfStream::Complete), meter.finished_work());
    (meter.finish(end, &view.map(|v| v.facts()).unwrap_or_default()), end, work)
}

/// The record of work that was done in the background, by the provider's id of it.
fn work_of(reader: &Reader, id: &str) -> UsageRecord {
    let all = reader.usage(&UsageQuery { limit: 10_000, ..UsageQuery::default() }).unwrap();
    let of_work =
        |r: &UsageRecord| r.usage.response_id.as_deref() == Some(id) && !r.usage.quantities.is_empty();
    let mut found: Vec<UsageRecord> = all.into_iter().filter(of_work).collect();
    assert_eq!(found.len(), 1, "{id} is booked once");
    found.remove(0)
}

/// Whether the usage is what the response reports, so that it depends on nothing else.
fn is_reported(usage: &MeteredUsage) -> bool {
    usage.quantities.iter().all(|(.., p)| p == Provenance::Reported)
        && !usage.exceptions.contains(&UsageException::NotReported)
}

async fn client_of(gateway: SocketAddr) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(gateway).await.unwrap();
    let (client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recording_passes_byte_for_byte_and_is_settled_once_with_its_own_usage() {
    let rows = rows();
    if rows.is_empty() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions { folder: folder.path().to_owned(), ..StoreOptions::default() };
    let (store, _) = Store::open(options).unwrap();
    let provider = upstream(Arc::clone(&rows)).await;
    let prices = Arc::new(ArcSwap::new(Arc::clone(PriceBook::embedded())));
    let gateway = Gateway::new(config(provider, &rows), store.clone(), prices).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { gateway.serve(listener, std::future::pending()).await });
    let mut client = client_of(address).await;
    let mut ids = Vec::new();
    for row in rows.values() {
        ids.push((row, fetched(&mut client, row).await));
    }
    store.flush().unwrap();
    let reader = Reader::open(folder.path()).unwrap();
    let (mut settled, mut compared) = (0, 0);
    for (row, request_id) in &ids {
        let records = reader.request(request_id.parse().unwrap()).unwrap();
        let booked = row.surface.bills_usage() || row.surface == Surface::Other;
        assert_eq!(records.len(), usize::from(booked), "{} {}", row.id, row.surface.name());
        let Some(mut record) = records.into_iter().next() else { continue };
        settled += 1;
        let (expected, end, work) = direct(row);
        assert_eq!(record.end, end, "{}", row.id);
        if let Some(work) = work {
            assert!(record.usage.quantities.is_empty(), "{}: {:?}", row.id, record.usage);
            record = work_of(&reader, &work);
        }
        if is_reported(&expected) && row.surface != Surface::Other {
            compared += 1;
            assert_eq!(record.usage.quantities, expected.quantities, "{}", row.id);
            assert_eq!(record.usage.exceptions, expected.exceptions, "{}", row.id);
        }
    }
    eprintln!(
        "{} recordings byte-equal; {settled} settled once; {compared} with reported usage compared",
        ids.len()
    );
    serving.abort();
}
