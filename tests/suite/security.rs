//! What a stranger, a liar or an echo can do to the programs: nothing but be counted, by name.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use nix::sys::signal::Signal;
use skewbench::host::ship::hello::{self, Identity};
use skewbench::ids::{Algorithm, BootId, NodeId};
use skewbench::journal::{Entry, Journals, Note, frame};
use skewbench::node::Record;
use skewbench::probe::Key;
use skewbench::probe::wire::PROBE_BYTES;
use skewbench::probe::{Claim, Claims, Codec, Kind, Probe};
use skewbench::time::{Nanos, Time};

use super::hosts::{KEY, Mesh, Process, until};

const CLUSTER: u64 = 7;

fn codec() -> Codec {
    Codec::new(CLUSTER, &Key::new(KEY))
}

/// Somebody at the address of node 1, who has the key or has not, and an agent that probes there.
struct Peer {
    socket: UdpSocket,
    agent: SocketAddr,
    sequence: u64,
}

impl Peer {
    fn meet(mesh: &Mesh) -> (Self, Process) {
        let socket = UdpSocket::bind(("127.0.0.1", mesh.port(1))).expect("the peer's port");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
        let agent = mesh.agent(0, &["--tau", "20ms", "--cluster", "7"]);
        (Self { socket, agent: SocketAddr::from(([127, 0, 0, 1], mesh.port(0))), sequence: 0 }, agent)
    }

    /// The next datagram of the agent, as it is.
    fn hear(&self) -> Vec<u8> {
        let mut bytes = [0; 2048];
        let length = self.socket.recv(&mut bytes).expect("the agent speaks");
        bytes[..length].to_vec()
    }

    /// What the agent asks next.
    fn asked(&self) -> Probe {
        codec().decode(&self.hear()).expect("a probe of the agent")
    }

    fn say(&self, bytes: &[u8]) {
        self.socket.send_to(bytes, self.agent).expect("loopback takes it");
    }

    /// A request whose clocks show `reading`.
    fn request(&mut self, reading: Time<skewbench::time::Synced>) -> Probe {
        self.sequence += 1;
        Probe {
            from: NodeId(1),
            to: NodeId(0),
            boot: BootId(1),
            sequence: self.sequence,
            sent: Time::from_nanos(reading.as_nanos()),
            kind: Kind::Request,
            departed: None,
            stamps_departures: false,
            claims: Claims::from_fn(|_| Claim { reading, ..Claim::default() }),
        }
    }
}

/// What the agent's journal says in the end: its counters, and which clocks changed.
fn testimony(mesh: &Mesh, agent: Process) -> (std::collections::BTreeMap<String, u64>, Vec<Record>) {
    agent.signal(Signal::SIGTERM);
    assert_eq!(agent.ended().0, Some(0));
    let bytes = fs::read(&mesh.journals("spool-0")[0]).expect("a journal");
    let journals = Journals::read([&bytes[..]]);
    let entries: Vec<Entry> = journals.iter().next().expect("a journal").entries().collect();
    let counters = entries.iter().rev().find_map(|entry| match entry {
        Entry::Note(Note::Counters(counters)) => Some(counters.clone()),
        _ => None,
    });
    let records = entries.into_iter().filter_map(|entry| match entry {
        Entry::Record(record) => Some(record),
        Entry::Note(_) => None,
    });
    (counters.expect("counters"), records.collect())
}

#[test]
fn datagrams_of_strangers_are_counted_by_name_and_change_nothing() {
    let mesh = Mesh::new("strangers", 2);
    let (mut peer, agent) = Peer::meet(&mesh);
    let now = Time::from_nanos(peer.asked().sent.as_nanos());
    let (probe, own) = (peer.request(now), peer.hear());
    peer.say(&Codec::new(CLUSTER, &Key::new([9; 32])).encode(&probe));
    peer.say(&Codec::new(8, &Key::new(KEY)).encode(&probe));
    peer.say(&codec().encode(&probe)[..PROBE_BYTES - 1]);
    peer.say(&own);
    peer.say(b"");
    peer.say(&[0xff; 1500]);
    peer.say(&codec().encode(&probe));
    peer.say(&codec().encode(&probe));
    // The answer to the one good probe is no longer than the probe was, and the only one.
    let answers = |bytes: &[u8]| matches!(codec().decode(bytes), Ok(Probe { kind: Kind::Reply(_), .. }));
    let heard: Vec<Vec<u8>> = (0..30).map(|_| peer.hear()).collect();
    assert_eq!(heard.iter().filter(|bytes| answers(bytes)).count(), 1);
    assert!(heard.iter().all(|bytes| bytes.len() == PROBE_BYTES));
    let (counters, records) = testimony(&mesh, agent);
    let expected = [("bad_mac", 1), ("foreign_cluster", 1), ("bad_length", 3), ("not_for_me", 1), ("replayed", 1)];
    for (name, count) in expected {
        assert_eq!(counters.get(name), Some(&count), "{name} in {counters:?}");
    }
    assert_eq!(records.iter().filter(|record| matches!(record, Record::Received(_))).count(), 1);
}

#[test]
fn a_claim_beyond_the_plausibility_limit_moves_no_clock() {
    let mesh = Mesh::new("liar", 2);
    let (mut peer, agent) = Peer::meet(&mesh);
    let now: Time<skewbench::time::Synced> = Time::from_nanos(peer.asked().sent.as_nanos());
    let lies = [now + Nanos::from_seconds(1_100), Time::MAX, Time::MIN, now - Nanos::from_seconds(1_100)];
    for lie in lies {
        let probe = Probe { sent: Time::from_nanos(now.as_nanos()), ..peer.request(lie) };
        peer.say(&codec().encode(&probe));
    }
    // A truthful one after them shows that they were dealt with; it is ahead, so that it moves the clock.
    let ahead = peer.request(now + Nanos::from_seconds(5));
    peer.say(&codec().encode(&ahead));
    let replies = std::iter::from_fn(|| Some(peer.asked())).filter(|probe| matches!(probe.kind, Kind::Reply(_)));
    let shown: Vec<i64> = replies.take(5).map(|reply| lamport(&reply) - reply.sent.as_nanos()).collect();
    assert!(shown[..4].iter().all(|ahead| *ahead == 0), "no lie moved the clock: {shown:?}");
    assert!(shown[4] > Nanos::from_seconds(4).0, "the truth did: {shown:?}");
    let (counters, records) = testimony(&mesh, agent);
    assert_eq!(counters.get("implausible_claim"), Some(&12), "four lies of three clocks: {counters:?}");
    let jumps = records.iter().filter(|record| matches!(record, Record::Changed(Algorithm::Lamport, _)));
    assert_eq!(jumps.count(), 1);
}

fn lamport(probe: &Probe) -> i64 {
    probe.claims.of(Algorithm::Lamport).expect("a claim").reading.as_nanos()
}

/// Greets the collector as an agent with `key` would.
async fn greet(port: u16, key: [u8; 32], cluster: u64) -> anyhow::Result<tokio::net::TcpStream> {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
    let identity = Identity { node: NodeId(4), boot: BootId(5), cluster };
    hello::introduce(&mut stream, &Key::new(key), identity).await?;
    Ok(stream)
}

/// A frame's header that declares a payload of four gigabytes, less one byte.
fn monstrous_frame() -> Vec<u8> {
    let mut bytes = frame::seal((NodeId(4), BootId(5), 0), Time::ZERO, &[]).expect("a frame");
    bytes[41..45].copy_from_slice(&u32::MAX.to_le_bytes());
    bytes.resize(1 << 20, 0xaa);
    bytes
}

/// Most memory that a process ever had, in KiB.
fn peak_kib(process: &Process) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").trim().parse().expect("a number")
}

#[test]
fn the_collector_hears_only_whom_it_knows_and_bounds_what_they_declare() {
    let mesh = Mesh::new("impostors", 2);
    let collector = mesh.collector(&["--cluster", "7"]);
    // One that talks before it has proved anything, and one that never says a word.
    let mut loud = TcpStream::connect(("127.0.0.1", mesh.collector)).expect("it listens");
    let silent = TcpStream::connect(("127.0.0.1", mesh.collector)).expect("it listens");
    loud.write_all(&monstrous_frame()[..200]).expect("bytes");
    let mut rest = Vec::new();
    loud.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    let _ = loud.read_to_end(&mut rest);
    assert_eq!(rest.len(), 36, "a greeting and nothing more");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        assert!(greet(mesh.collector, [1; 32], CLUSTER).await.is_err(), "a wrong key");
        assert!(greet(mesh.collector, KEY, 8).await.is_err(), "a foreign cluster");
        let mut known = greet(mesh.collector, KEY, CLUSTER).await.expect("the right key");
        let _ = tokio::io::AsyncWriteExt::write_all(&mut known, &monstrous_frame()).await;
        let mut rest = Vec::new();
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut known, &mut rest).await;
        assert!(rest.is_empty(), "nothing is acknowledged");
    });
    assert!(peak_kib(&collector) < 100 << 10, "{} KiB", peak_kib(&collector));
    // It still serves those it knows.
    let agent = mesh.agent(0, &["--tau", "20ms", "--duration", "500ms", "--cluster", "7"]);
    assert!(agent.ended().1.contains("all acknowledged"));
    until("the journal is there", || mesh.journals("run/journals").len() == 2);
    drop(silent);
    let (code, said) = collector.stopped();
    assert_eq!(code, Some(4), "{said}");
    for count in ["bad_auth 2", "foreign_cluster 1", "oversize 1", "closed_agents 1"] {
        assert!(said.contains(count), "{count} in {said}");
    }
}
