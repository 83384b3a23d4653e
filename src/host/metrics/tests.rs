//! The endpoint over real sockets, and what is exported against what is documented.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::page::Kind;
use super::*;
use crate::host::clock::LocalClock;
use crate::host::collector::Collector;
use crate::host::collector::counters::Count;
use crate::host::program::Malformed;
use crate::host::published::Published;
use crate::host::ship::tests::TempDir;
use crate::ids::{Algorithms, NodeId};
use crate::journal::{Entry, samples};
use crate::probe::Key;
use crate::time::Nanos;

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

async fn endpoint(patience_ms: u64) -> Endpoint {
    let page = || "skewbench_agent_info 1\n".to_owned();
    endpoint::serve_patiently(LOOPBACK, page, Duration::from_millis(patience_ms)).await.unwrap()
}

/// Sends `request` and reads until the end.
async fn ask(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_scrape_gets_the_page_and_its_length() {
    let endpoint = endpoint(5_000).await;
    let answer = ask(endpoint.address(), b"GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
    assert_eq!(body, "skewbench_agent_info 1\n");
}

#[tokio::test]
async fn what_is_no_scrape_is_refused() {
    let endpoint = endpoint(5_000).await;
    for (request, status) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "404 "),
        (b"GET /metrics/../etc HTTP/1.1\r\n\r\n", "404 "),
        (b"POST /metrics HTTP/1.1\r\n\r\n", "405 "),
        (b"GET /metrics\r\n\r\n", "400 "),
        (b"\xff\xfe\r\n\r\n", "400 "),
        (b"\r\n\r\n", "400 "),
    ] {
        let answer = ask(endpoint.address(), request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request:?}: {answer}");
    }
}

#[tokio::test]
async fn a_request_without_an_end_is_refused_at_its_bound() {
    let endpoint = endpoint(5_000).await;
    let answer = ask(endpoint.address(), &vec![b'a'; 8 << 10]).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn slow_clients_are_timed_out_and_keep_nobody_from_scraping() {
    let endpoint = endpoint(50).await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(endpoint.address()).await.unwrap();
        stream.write_all(b"GET /met").await.unwrap();
        slow.push(stream);
    }
    let answer = ask(endpoint.address(), b"GET /metrics HTTP/1.1\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let mut said = String::new();
    slow[0].read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
}

#[tokio::test]
async fn only_loopback_addresses_are_served() {
    for refused in ["0.0.0.0:9464", "[::]:9464", "192.0.2.1:9464", "[2001:db8::1]:9464"] {
        let error = serve(refused.parse().unwrap(), String::new).await.unwrap_err();
        let text = error.to_string();
        assert!(error.is::<Malformed>(), "{text}");
        assert!(text.contains(refused) && text.contains("metrics") && text.contains("127.0.0.1:9464"), "{text}");
    }
    assert!(loopback_only("[::1]:9464".parse().unwrap()).is_ok());
    let taken = endpoint(50).await;
    assert!(serve(taken.address(), String::new).await.unwrap_err().to_string().contains("free port"));
}

/// An agent's page after `slots` slots of a made-up run.
fn agent_page(slots: i64) -> String {
    let meter = Meter::new(NodeId(0), (0..9).map(NodeId), Algorithms::USUAL, Arc::new(Published::default()));
    for entry in samples::run(3, slots) {
        if let Entry::Record(record) = entry {
            meter.record(&record);
        }
    }
    let (clock, (_, spool)) = (Mutex::new(LocalClock::undisciplined(Nanos::ZERO)), watch::channel(Default::default()));
    AgentPage { node: NodeId(0), meter: Arc::new(meter), clock, spool, shipping: Arc::default() }.text()
}

async fn collector_page() -> String {
    let dir = TempDir::new("metrics-collector");
    let collector = Collector::bind(LOOPBACK, dir.path(), Key::new([1; 32]), 7).await.unwrap();
    let _stranger = TcpStream::connect(collector.local_addr()).await.unwrap();
    while collector.count(Count::Connections) == 0 {
        tokio::task::yield_now().await;
    }
    collector.page()()
}

/// The families of a page, after a look at each of its lines.
fn families(page: &str) -> BTreeSet<String> {
    let (mut families, mut family) = (BTreeSet::new(), String::new());
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            family = rest.split(' ').next().unwrap().to_owned();
            assert!(families.insert(family.clone()), "{family} comes twice");
        } else if !line.starts_with("# TYPE ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with(&family) && value.parse::<f64>().is_ok(), "{line}");
        }
    }
    families
}

#[tokio::test]
async fn pages_have_what_is_named_and_nothing_else() {
    let names = |list: &[page::Family]| list.iter().map(|family| family.name.to_owned()).collect::<BTreeSet<_>>();
    let agent = agent_page(50);
    assert_eq!(families(&agent), names(names::AGENT));
    assert!(agent.contains("skewbench_peer_offset_seconds{peer=\"1\",algorithm=\"lamport\"} "), "{agent}");
    let collector = collector_page().await;
    assert_eq!(families(&collector), names(names::COLLECTOR));
    assert!(collector.contains("\nskewbench_collector_connections_total 1\n"), "{collector}");
}

#[test]
fn names_carry_their_units() {
    for family in names::all() {
        let unit = match family.kind {
            Kind::Counter => "_total",
            Kind::Histogram => "_seconds",
            Kind::Gauge => "",
        };
        assert!(family.name.starts_with("skewbench_") && family.name.ends_with(unit), "{}", family.name);
        assert!(family.help.ends_with('.') && !family.help.contains('\n'), "{}", family.help);
    }
}

fn documented(kind: &str) -> impl Fn(&str) -> Option<String> {
    let kind = format!("| {kind} |");
    move |line| {
        let name = line.strip_prefix("| `")?.split('`').next()?;
        line.contains(&kind).then(|| name.to_owned())
    }
}

#[test]
fn the_document_lists_exactly_what_is_exported() {
    let text = include_str!("../../../docs/metrics.md");
    for (kind, name) in [(Kind::Counter, "counter"), (Kind::Gauge, "gauge"), (Kind::Histogram, "histogram")] {
        let of_kind = names::all().filter(|family| family.kind == kind);
        let exported: BTreeSet<String> = of_kind.map(|family| family.name.to_owned()).collect();
        let listed: BTreeSet<String> = text.lines().filter_map(documented(name)).collect();
        assert_eq!(listed, exported);
    }
    let rows = text.lines().filter(|line| line.starts_with("| `skewbench_")).count();
    assert_eq!(rows, names::all().count(), "each once");
}

/// Every `expr` in a dashboard.
fn expressions(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => fields.iter().for_each(|(key, value)| match (key.as_str(), value) {
            ("expr", serde_json::Value::String(text)) => found.push(text.clone()),
            _ => expressions(value, found),
        }),
        serde_json::Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

fn is_exported(word: &str) -> bool {
    let suffixes = ["_bucket", "_sum", "_count"];
    names::all().any(|family| match family.kind {
        Kind::Histogram => suffixes.iter().any(|suffix| word.strip_suffix(suffix) == Some(family.name)),
        _ => word == family.name,
    })
}

#[test]
fn the_dashboard_is_valid_and_asks_only_for_what_is_exported() {
    let text = include_str!("../../../scripts/grafana-dashboard.json");
    let dashboard: serde_json::Value = serde_json::from_str(text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "every panel has an id of its own");
    assert!(panels.iter().all(|panel| panel["title"].is_string() && panel["gridPos"]["w"].is_u64()));
    let mut found = Vec::new();
    expressions(&dashboard, &mut found);
    assert!(found.len() >= 10, "{found:?}");
    for expression in found {
        let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let names: Vec<&str> = words.filter(|word| word.starts_with("skewbench_")).collect();
        assert!(!names.is_empty() && names.iter().all(|name| is_exported(name)), "{expression}");
    }
}
