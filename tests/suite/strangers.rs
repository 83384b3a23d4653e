//! Strangers at the collector's port: without the key nobody makes it read, write, allocate or wait for long.

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use skewbench::host::collector::Collector;
use skewbench::host::collector::counters::Count;
use skewbench::host::ship::hello::{Identity, introduce};
use skewbench::ids::{BootId, NodeId};
use skewbench::journal::frame::{self, HEADER_BYTES};
use skewbench::probe::Key;
use skewbench::time::Time;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::folder::Folder;

const CLUSTER: u64 = 7;
const KEY: Key = Key::new([0xa7; 32]);
const WHO: Identity = Identity { node: NodeId(1), boot: BootId(2), cluster: CLUSTER };
/// Longer than the collector lets a stranger wait.
const PATIENCE: Duration = Duration::from_secs(20);
/// The collector's greeting: all that a stranger ever hears.
const GREETING_BYTES: usize = 36;

/// A collector in a folder that is gone after the test.
struct House {
    collector: Collector,
    /// For as long as the collector writes to it.
    _folder: Folder,
}

impl House {
    async fn new(name: &str) -> Self {
        let folder = Folder::new(name);
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let collector = Collector::bind(address, folder.path(), KEY, CLUSTER).await.expect("a free port");
        Self { collector, _folder: folder }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.collector.local_addr()).await.expect("it listens")
    }

    /// A connection on which both sides have proved who they are.
    async fn known(&self) -> TcpStream {
        let mut stream = self.connect().await;
        introduce(&mut stream, &KEY, WHO).await.expect("the key is right");
        stream
    }

    /// Sends `bytes` and hears the connection out; what came back.
    async fn hear(&self, stream: &mut TcpStream, bytes: &[u8]) -> Vec<u8> {
        // The collector may have closed before everything was sent.
        let _ = stream.write_all(bytes).await;
        let mut heard = Vec::new();
        let closed = timeout(PATIENCE, stream.read_to_end(&mut heard)).await;
        assert!(closed.is_ok(), "the connection is still open");
        heard
    }

    /// Once the collector has noticed, `count` is `many`.
    async fn counted(&self, count: Count, many: u64) {
        let began = Instant::now();
        while self.collector.count(count) < many && began.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(self.collector.count(count), many, "{}", count.name());
    }

    /// Names and sizes of the journals.
    fn kept(&self) -> Vec<(String, u64)> {
        let files = fs::read_dir(self.collector.journals()).expect("the folder of the journals").flatten();
        files.map(|file| (file.file_name().to_string_lossy().into(), file.metadata().expect("a file").len())).collect()
    }
}

fn frame(node: u32) -> Vec<u8> {
    frame::seal((NodeId(node), WHO.boot, 0), Time::ZERO, &[]).expect("a frame")
}

#[tokio::test]
async fn a_stranger_writes_nothing_and_hears_nothing_but_the_greeting() {
    let house = House::new("unknown").await;
    let mut shouts: Vec<Vec<u8>> = vec![vec![0; 84], vec![0xff; 200_000], frame(1).repeat(1_000)];
    shouts.push(b"GET / HTTP/1.1\r\n\r\n".repeat(20));
    let many = shouts.len() as u64;
    for shout in shouts {
        let mut stream = house.connect().await;
        let heard = house.hear(&mut stream, &shout).await;
        assert!(heard.len() <= GREETING_BYTES, "{} bytes", heard.len());
    }
    house.counted(Count::BadAuth, many).await;
    assert_eq!((house.collector.count(Count::Frames), house.kept()), (0, vec![]));
}

#[tokio::test]
async fn an_introduction_is_good_for_one_connection() {
    let house = House::new("replayed").await;
    let (mut agent, mut wire) = tokio::io::duplex(1_024);
    let listening = tokio::spawn(async move { introduce(&mut agent, &KEY, WHO).await });
    wire.write_all(&[&b"SKJ1"[..], &[9; 32]].concat()).await.expect("a pipe");
    let mut introduction = [0; 84];
    wire.read_exact(&mut introduction).await.expect("an introduction");
    // Whoever answers without the key is found out.
    wire.write_all(&[0; 40]).await.expect("a pipe");
    assert!(listening.await.expect("it ends").is_err());
    let mut stream = house.connect().await;
    assert!(house.hear(&mut stream, &introduction).await.len() <= GREETING_BYTES);
    house.counted(Count::BadAuth, 1).await;
    assert_eq!(house.kept(), []);
}

#[tokio::test]
async fn a_member_of_another_cluster_is_refused() {
    let house = House::new("foreign").await;
    let mut stream = house.connect().await;
    let foreign = Identity { cluster: CLUSTER + 1, ..WHO };
    assert!(introduce(&mut stream, &KEY, foreign).await.is_err());
    house.counted(Count::ForeignCluster, 1).await;
    assert_eq!(house.kept(), []);
}

#[tokio::test]
async fn a_frame_that_declares_four_gibibytes_is_refused_before_anything_is_allocated() {
    let house = House::new("huge").await;
    let before = most_memory_kib();
    let mut stream = house.known().await;
    let mut huge = frame(1)[..HEADER_BYTES].to_vec();
    huge[37..45].fill(0xff);
    house.hear(&mut stream, &huge).await;
    house.counted(Count::Oversize, 1).await;
    assert!(most_memory_kib() - before < 1 << 20, "less than a gibibyte of address space more");
    assert!(house.kept().iter().all(|(_, bytes)| *bytes == 0), "{:?}", house.kept());
}

/// The largest address space that this process ever had.
fn most_memory_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).expect("a peak");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}

#[tokio::test]
async fn an_agent_ships_its_own_frames_only() {
    let house = House::new("other").await;
    let mut stream = house.known().await;
    house.hear(&mut stream, &frame(3)).await;
    house.counted(Count::ForeignFrame, 1).await;
    assert_eq!(house.kept(), [("agent-001-2.skj".to_owned(), 0)]);
}

#[tokio::test]
async fn a_flood_of_silent_connections_is_bounded_and_passes() {
    let house = House::new("flood").await;
    let most = 1_024;
    let many = if descriptors() > 3 * most { most as usize + 50 } else { 200 };
    let began = Instant::now();
    let mut flood = Vec::new();
    for _ in 0..many {
        flood.push(house.connect().await);
    }
    for mut stream in flood {
        assert!(house.hear(&mut stream, &[]).await.len() <= GREETING_BYTES);
    }
    assert!(began.elapsed() < PATIENCE + PATIENCE, "they are closed together, not one after the other");
    let count = |count| house.collector.count(count);
    assert!(count(Count::Connections) <= most, "{}", count(Count::Connections));
    assert_eq!(count(Count::Connections) + count(Count::TooManyConnections), many as u64);
    let mut stream = house.known().await;
    stream.write_all(&frame(1)).await.expect("it is open");
    house.counted(Count::Frames, 1).await;
}

/// How many files this process may open, after asking for more.
fn descriptors() -> u64 {
    let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 0 };
    let wanted = hard.min(8_192);
    setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).map_or(0, |()| wanted)
}
