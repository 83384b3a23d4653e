//! Agent and collector together, over real TCP and real files.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::*;
use crate::host::collector::counters::Count;
use crate::host::collector::{Collector, Ended};
use crate::host::spool::{Sender, Spool, SpoolConfig};
use crate::journal::frame::HEADER_BYTES;
use crate::journal::samples;
use crate::time::Time;

/// A folder that is gone after the test.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    /// An empty folder of this name.
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("skewbench-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const CLUSTER: u64 = 77;

fn key(byte: u8) -> Key {
    Key::new([byte; 32])
}

async fn collector(dir: &TempDir, port: u16) -> Collector {
    Collector::bind(SocketAddr::from(([127, 0, 0, 1], port)), dir.path(), key(1), CLUSTER).await.unwrap()
}

fn spool(dir: &TempDir) -> (Spool, Sender) {
    let config = SpoolConfig { flush_every: Duration::from_millis(5), ..SpoolConfig::new(dir.path().join("spool")) };
    Spool::start(samples::header(3, 9), &config).unwrap()
}

fn shipment(collector: SocketAddr, spool: &Path) -> Shipment {
    let (node, boot, close_deadline) = (NodeId(3), BootId(9), Duration::from_secs(20));
    let (collector, spool, welcomed) = (collector.to_string(), spool.to_owned(), watch::channel(false).0);
    Shipment {
        collector,
        key: key(1),
        cluster: CLUSTER,
        node,
        boot,
        spool,
        close_deadline,
        welcomed,
        meter: Arc::default(),
    }
}

/// Writes in small steps, so that there are many frames.
async fn feed(sender: &mut Sender, batches: usize) {
    let run = samples::run(3, 20);
    for _ in 0..batches {
        sender.offer(run.clone(), Time::ZERO);
        sleep(Duration::from_millis(7)).await;
    }
}

fn close(spool: Spool, sender: Sender) -> PathBuf {
    assert_eq!(sender.finish(Duration::from_secs(20)), 0);
    let path = spool.path().to_owned();
    assert_eq!(spool.join().stopped, None);
    path
}

fn collected(dir: &TempDir) -> Vec<u8> {
    std::fs::read(dir.path().join("journals/agent-003-9.skj")).unwrap()
}

/// A spool that is complete, as its progress.
fn complete(path: &Path) -> watch::Receiver<Progress> {
    let bytes = std::fs::read(path).unwrap();
    let frames = crate::journal::scan(&bytes).frames.last().map_or(0, |last| last.header.number + 1);
    watch::channel(Progress { frames, bytes: bytes.len() as u64, closed: true, ..Progress::default() }).1
}

/// A spool file with some frames.
async fn written(dir: &TempDir) -> PathBuf {
    let (spool, mut sender) = spool(dir);
    feed(&mut sender, 10).await;
    close(spool, sender)
}

#[tokio::test]
async fn what_is_spooled_arrives_byte_for_byte() {
    let dir = TempDir::new("ship-all");
    let collector = collector(&dir, 0).await;
    let (spool, mut sender) = spool(&dir);
    let shipping = tokio::spawn(ship(shipment(collector.local_addr(), spool.path()), spool.progress()));
    feed(&mut sender, 10).await;
    let path = close(spool, sender);
    let shipped = shipping.await.unwrap();
    assert!(shipped.is_closed && shipped.unacked == 0 && shipped.acked > 3, "{shipped:?}");
    assert_eq!(collected(&dir), std::fs::read(path).unwrap());
    assert_eq!(collector.wait(1, std::future::pending()).await, Ended::AllClosed);
    assert_eq!(collector.wait(2, async {}).await, Ended::Stopped);
}

#[tokio::test]
async fn a_collector_restarted_in_mid_run_loses_and_doubles_nothing() {
    let dir = TempDir::new("ship-restart");
    let mut running = collector(&dir, 0).await;
    let addr = running.local_addr();
    let (spool, mut sender) = spool(&dir);
    let shipping = tokio::spawn(ship(shipment(addr, spool.path()), spool.progress()));
    for _ in 0..3 {
        feed(&mut sender, 5).await;
        running.stop().await;
        feed(&mut sender, 5).await;
        running = collector(&dir, addr.port()).await;
    }
    let path = close(spool, sender);
    let shipped = shipping.await.unwrap();
    assert!(shipped.is_closed && shipped.connections > 1, "{shipped:?}");
    assert_eq!(collected(&dir), std::fs::read(path).unwrap());
}

/// Passes bytes on, and cuts each connection after so many from the agent.
async fn cutting_proxy(to: SocketAddr, cut_after: u64) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        for connection in 1.. {
            let (mut agent, _) = listener.accept().await.unwrap();
            let mut collector = TcpStream::connect(to).await.unwrap();
            let (read, mut write) = agent.split();
            let (mut back, mut forth) = collector.split();
            let mut read = read.take(cut_after * connection);
            tokio::select! {
                _ = tokio::io::copy(&mut read, &mut forth) => {}
                _ = tokio::io::copy(&mut back, &mut write) => {}
            }
        }
    });
    (addr, task)
}

#[tokio::test]
async fn a_connection_cut_anywhere_is_taken_up_again() {
    let dir = TempDir::new("ship-cut");
    let collector = collector(&dir, 0).await;
    let path = written(&dir).await;
    let cut_after = std::fs::metadata(&path).unwrap().len() / 3;
    let (addr, proxy) = cutting_proxy(collector.local_addr(), cut_after).await;
    let shipped = ship(shipment(addr, &path), complete(&path)).await;
    assert!(shipped.is_closed && shipped.connections > 1, "{shipped:?}");
    assert_eq!(collected(&dir), std::fs::read(&path).unwrap());
    assert!(collector.count(Count::Cut) > 0);
    proxy.abort();
}

#[tokio::test]
async fn the_same_spool_shipped_twice_is_there_once() {
    let dir = TempDir::new("ship-twice");
    let collector = collector(&dir, 0).await;
    let path = written(&dir).await;
    for _ in 0..2 {
        let shipped = ship(shipment(collector.local_addr(), &path), complete(&path)).await;
        assert!(shipped.is_closed && shipped.unacked == 0, "{shipped:?}");
    }
    assert_eq!(collected(&dir), std::fs::read(path).unwrap());
    assert_eq!(collector.count(Count::Closed), 1);
}

#[tokio::test]
async fn two_shippers_of_one_spool_at_a_time_do_not_mix_their_frames() {
    let dir = TempDir::new("ship-both");
    let collector = collector(&dir, 0).await;
    let path = written(&dir).await;
    let shipment = shipment(collector.local_addr(), &path);
    let (one, two) = tokio::join!(ship(shipment.clone(), complete(&path)), ship(shipment, complete(&path)));
    assert!(one.is_closed && two.is_closed);
    assert_eq!(collected(&dir), std::fs::read(path).unwrap());
}

#[tokio::test]
async fn a_wrong_key_or_cluster_is_refused_and_nothing_is_written() {
    let dir = TempDir::new("ship-key");
    let collector = collector(&dir, 0).await;
    let path = written(&dir).await;
    let right = Shipment { close_deadline: Duration::from_millis(300), ..shipment(collector.local_addr(), &path) };
    let shipped = ship(Shipment { key: key(2), ..right.clone() }, complete(&path)).await;
    assert!(!shipped.is_closed && shipped.acked == 0 && shipped.unacked > 0);
    assert!(shipped.last_error.unwrap().contains("key and cluster"));
    ship(Shipment { cluster: 5, ..right }, complete(&path)).await;
    assert!(collector.count(Count::BadAuth) > 0 && collector.count(Count::ForeignCluster) > 0);
    assert!(std::fs::read_dir(collector.journals()).unwrap().next().is_none());
}

#[tokio::test]
async fn an_agent_ships_nothing_to_a_false_collector() {
    let dir = TempDir::new("ship-false");
    let path = written(&dir).await;
    let false_one = Collector::bind("127.0.0.1:0".parse().unwrap(), dir.path(), key(2), CLUSTER).await.unwrap();
    // It skips the check of the agent's proof, yet cannot make its own.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let impostor = tokio::spawn(async move {
        let (mut agent, _) = listener.accept().await.unwrap();
        agent.write_all(&[&b"SKJ1"[..], &[7; 32]].concat()).await.unwrap();
        agent.read_exact(&mut [0; 84]).await.unwrap();
        agent.write_all(&[0; 40]).await.unwrap();
        agent.read(&mut [0; 100]).await.unwrap_or(0)
    });
    let shipment = Shipment { close_deadline: Duration::from_millis(300), ..shipment(addr, &path) };
    let shipped = ship(shipment, complete(&path)).await;
    assert_eq!((impostor.await.unwrap(), shipped.connections), (0, 0));
    false_one.stop().await;
}

/// A connection on which the agent has proved who it is.
async fn greeted(collector: &Collector) -> TcpStream {
    let mut stream = TcpStream::connect(collector.local_addr()).await.unwrap();
    let identity = Identity { node: NodeId(3), boot: BootId(9), cluster: CLUSTER };
    assert_eq!(hello::introduce(&mut stream, &key(1), identity).await.unwrap(), 0);
    stream
}

/// Sends bytes that the collector must not accept and returns what it counted then.
async fn refused(name: &str, bytes: &[u8], count: Count) -> u64 {
    let dir = TempDir::new(name);
    let collector = collector(&dir, 0).await;
    let mut stream = greeted(&collector).await;
    stream.write_all(bytes).await.unwrap();
    let mut answers = Vec::new();
    let _ = stream.read_to_end(&mut answers).await;
    assert!(answers.is_empty() && collected(&dir).is_empty());
    collector.count(count)
}

#[tokio::test]
async fn bad_frames_are_refused_and_named() {
    let good = crate::journal::frame::seal((NodeId(3), BootId(9), 0), Time::ZERO, &samples::run(2, 50)).unwrap();
    let changed = |at: usize, bytes: &[u8]| {
        let mut frame = good.clone();
        frame[at..at + bytes.len()].copy_from_slice(bytes);
        frame
    };
    let huge = &changed(41, &u32::MAX.to_le_bytes())[..HEADER_BYTES];
    assert_eq!(refused("ship-4gib", huge, Count::Oversize).await, 1);
    assert_eq!(refused("ship-middle", &changed(good.len() / 2, &[0; 3]), Count::BadFrame).await, 1);
    assert_eq!(refused("ship-junk", b"GET / HTTP/1.1\r\n\r\n", Count::BadFrame).await, 1);
    let foreign = crate::journal::frame::seal((NodeId(4), BootId(9), 0), Time::ZERO, &[]).unwrap();
    assert_eq!(refused("ship-foreign", &foreign, Count::ForeignFrame).await, 1);
}

#[tokio::test]
async fn a_half_written_last_frame_at_the_collector_is_shipped_again() {
    let dir = TempDir::new("ship-half");
    let path = written(&dir).await;
    let bytes = std::fs::read(&path).unwrap();
    std::fs::create_dir_all(dir.path().join("journals")).unwrap();
    std::fs::write(dir.path().join("journals/agent-003-9.skj"), &bytes[..bytes.len() / 2]).unwrap();
    let collector = collector(&dir, 0).await;
    let shipped = ship(shipment(collector.local_addr(), &path), complete(&path)).await;
    assert!(shipped.is_closed, "{shipped:?}");
    assert_eq!(collected(&dir), bytes);
}

#[tokio::test]
async fn a_frame_damaged_in_the_spool_costs_only_itself() {
    let dir = TempDir::new("ship-damaged");
    let path = written(&dir).await;
    let mut bytes = std::fs::read(&path).unwrap();
    let frames: Vec<usize> = crate::journal::scan(&bytes).frames.iter().map(|frame| frame.bytes.len()).collect();
    bytes[frames[0] + HEADER_BYTES + 5] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let collector = collector(&dir, 0).await;
    let shipped = ship(shipment(collector.local_addr(), &path), complete(&path)).await;
    assert!(shipped.is_closed && shipped.damaged_frames == 1, "{shipped:?}");
    assert_eq!(collected(&dir), [&bytes[..frames[0]], &bytes[frames[0] + frames[1]..]].concat());
}
