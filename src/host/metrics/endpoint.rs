//! The endpoint: as much of HTTP/1.1 as a scraper needs (RFC 9112), on a loopback address only.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::host::program::Malformed;

/// A longer request is refused.
const REQUEST_BYTES: usize = 8 << 10;
/// Most clients at a time; others wait to be accepted.
const CLIENTS: usize = 8;
/// How long a client may take to ask, and again to listen.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running endpoint. Dropping it ends it.
#[derive(Debug)]
pub struct Endpoint {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Endpoint {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Refuses an address that others than this host could reach.
///
/// # Errors
/// [`Malformed`] names key, value and mend.
pub fn loopback_only(listen: SocketAddr) -> Result<()> {
    if listen.ip().is_loopback() {
        return Ok(());
    }
    let port = listen.port();
    let why = "metrics are open to whoever can connect, so that only this host may: write";
    Err(Malformed(format!("metrics `{listen}`: {why} 127.0.0.1:{port} or [::1]:{port}")).into())
}

/// Serves what `page` says at /metrics, on the present tokio runtime, until the endpoint is dropped. Says on standard
/// error where, since the port may have been left to the system.
///
/// # Errors
/// An address that is no loopback address, or is taken.
pub async fn serve(listen: SocketAddr, page: impl Fn() -> String + Send + Sync + 'static) -> Result<Endpoint> {
    let endpoint = serve_patiently(listen, page, PATIENCE).await?;
    eprintln!("metrics at http://{}/metrics", endpoint.address);
    Ok(endpoint)
}

/// The same, with another patience.
pub(super) async fn serve_patiently(
    listen: SocketAddr,
    page: impl Fn() -> String + Send + Sync + 'static,
    patience: Duration,
) -> Result<Endpoint> {
    loopback_only(listen)?;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("metrics `{listen}`: cannot listen there: choose a free port"))?;
    let address = listener.local_addr()?;
    Ok(Endpoint { address, accepting: tokio::spawn(accept(listener, Arc::new(page), patience)) })
}

async fn accept<P: Fn() -> String + Send + Sync + 'static>(listener: TcpListener, page: Arc<P>, patience: Duration) {
    let places = Arc::new(Semaphore::new(CLIENTS));
    // The semaphore is never closed.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, as a rule.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let page = Arc::clone(&page);
        tokio::spawn(async move {
            // A client that went away is none of our business.
            let _ = answer(stream, &*page, patience).await;
            drop(place);
        });
    }
}

async fn answer(mut stream: TcpStream, page: &(impl Fn() -> String + ?Sized), patience: Duration) -> Result<()> {
    let response = match timeout(patience, ask(&mut stream)).await {
        Ok(Ok(target)) if target == "/metrics" => response("200 OK", &page()),
        Ok(Ok(_)) => response("404 Not Found", "only /metrics is here\n"),
        Ok(Err(Some(status))) => response(status, ""),
        Ok(Err(None)) => return Ok(()),
        Err(_) => response("408 Request Timeout", ""),
    };
    timeout(patience, stream.write_all(response.as_bytes())).await??;
    stream.shutdown().await?;
    // What the client still says is read for a moment, or its kernel would throw away what we said (RFC 9112, 9.6).
    let mut rest = [0; 1024];
    let drain = async { while stream.read(&mut rest).await.is_ok_and(|length| length > 0) {} };
    let _ = timeout(Duration::from_millis(200), drain).await;
    Ok(())
}

/// What the client asks for; else the status it is refused with, none if it went away.
async fn ask(stream: &mut TcpStream) -> Result<String, Option<&'static str>> {
    let (mut request, mut length) = (vec![0; REQUEST_BYTES], 0);
    loop {
        match stream.read(&mut request[length..]).await {
            Ok(0) | Err(_) => return Err(None),
            Ok(more) => length += more,
        }
        if request[..length].windows(4).any(|bytes| bytes == b"\r\n\r\n") {
            return target(&request[..length]).map_err(Some);
        }
        if length == REQUEST_BYTES {
            return Err(Some("431 Request Header Fields Too Large"));
        }
    }
}

/// The path of a GET request, without its query.
fn target(request: &[u8]) -> Result<String, &'static str> {
    let first = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = std::str::from_utf8(first).map_err(|_| "400 Bad Request")?;
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["GET", target, version] if version.starts_with("HTTP/1.") => {
            Ok(target.split('?').next().unwrap_or_default().to_owned())
        }
        [_, _, version] if version.starts_with("HTTP/1.") => Err("405 Method Not Allowed"),
        _ => Err("400 Bad Request"),
    }
}

fn response(status: &str, body: &str) -> String {
    let allow = if status.starts_with("405") { "Allow: GET\r\n" } else { "" };
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {length}\r\n\
         {allow}Connection: close\r\n\r\n{body}"
    )
}
