//! Agents and a collector as processes that serve metrics, scraped while they run.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use skewbench::host::control::{AgentSetup, FromAgent, FromCollector, PeerAddress, ToAgent, ToCollector};
use skewbench::ids::{Algorithms, NodeId};
use skewbench::journal::RunConfig;
use skewbench::time::{Nanos, Ppb};
use skewbench::topology::{Impairment, Topology};

use crate::folder::Folder;
use crate::lab::skewbench;

const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A program that is steered over its standard input.
struct Steered {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Steered {
    fn start(subcommand: &str) -> Self {
        let mut command = skewbench();
        command.args([subcommand, "--controlled"]).env("SKEWBENCH_KEY", "07".repeat(32));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let (input, output) = (child.stdin.take().expect("input"), child.stdout.take().expect("output"));
        Self { child, input, output: BufReader::new(output) }
    }

    fn tell(&mut self, line: &impl serde::Serialize) {
        writeln!(self.input, "{}", serde_json::to_string(line).expect("a line")).expect("it listens");
    }

    fn hear<T: serde::de::DeserializeOwned>(&mut self) -> T {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).unwrap_or_else(|why| panic!("`{line}`: {why}"))
    }

    /// Where it said that it serves metrics.
    fn metrics(&mut self) -> SocketAddr {
        let stderr = BufReader::new(self.child.stderr.take().expect("standard error"));
        let said = stderr.lines().map_while(Result::ok).find(|line| line.contains("metrics at http://"));
        let said = said.expect("it says where");
        let address = said.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address");
        address.parse().expect("an address")
    }
}

impl Drop for Steered {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn scrape(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers");
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    text
}

/// The value of a sample, by name and labels as they are written.
fn value(page: &str, sample: &str) -> f64 {
    let line = page.lines().find(|line| line.rsplit_once(' ').is_some_and(|(name, _)| name == sample));
    let line = line.unwrap_or_else(|| panic!("{sample} is not in\n{page}"));
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
}

fn run_config() -> RunConfig {
    RunConfig {
        cluster: 5,
        seed: Some(1),
        nodes: 2,
        topology: "full".to_owned(),
        arcs: Topology::full(2, Impairment::default()).arcs().collect(),
        tau: Nanos::from_millis(10),
        probe_pairs: None,
        measured: None,
        reference: NodeId(0),
        plausible: Nanos::from_seconds(1_000),
        git_commit: "unknown".to_owned(),
    }
}

fn agent(node: u32, collector: SocketAddr, folder: &Folder) -> (Steered, PeerAddress) {
    let mut agent = Steered::start("agent");
    agent.tell(&ToAgent::Setup(Box::new(AgentSetup {
        node: NodeId(node),
        listen: ANYWHERE,
        order_listen: Some(ANYWHERE),
        collector: Some(collector.to_string()),
        spool: folder.path().join("spool"),
        run: run_config(),
        oscillator: None,
        kappa_ppb: Ppb(500_000),
        clocks: Algorithms::USUAL,
        metrics: Some(ANYWHERE),
        chrony_socket: None,
    })));
    let FromAgent::Listening { probe, order } = agent.hear() else { panic!("it listens first") };
    (agent, PeerAddress { node: NodeId(node), probe, order })
}

#[test]
fn agents_and_collector_are_scraped_while_they_run() {
    let folder = Folder::new("metrics");
    let mut collector = Steered::start("collector");
    let dir = folder.path().to_owned();
    collector.tell(&ToCollector::Setup { listen: ANYWHERE, dir, cluster: 5, metrics: Some(ANYWHERE) });
    let FromCollector::Listening { address } = collector.hear() else { panic!("it listens first") };
    let (mut agents, peers): (Vec<Steered>, Vec<PeerAddress>) =
        (0..2).map(|node| agent(node, address, &folder)).unzip();
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC_RAW).expect("a clock");
    let raw_ns = now.tv_sec() * 1_000_000_000 + now.tv_nsec();
    for agent in &mut agents {
        agent.tell(&ToAgent::Peers(peers.clone()));
        agent.tell(&ToAgent::Start { raw_ns, measured: Nanos::from_seconds(60) });
    }
    let (of_agent, of_collector) = (agents[1].metrics(), collector.metrics());
    let deadline = Instant::now() + Duration::from_secs(30);
    let page = loop {
        let page = scrape(of_agent);
        if value(&page, "skewbench_frames_acked_total") >= 4.0 {
            break page;
        }
        assert!(Instant::now() < deadline, "nothing was acked:\n{page}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(value(&page, "skewbench_agent_info{node=\"1\",version=\"0.1.0\"}"), 1.0);
    assert!(value(&page, "skewbench_probes_sent_total{from=\"1\",to=\"0\"}") > 10.0, "{page}");
    assert!(value(&page, "skewbench_probes_received_total{from=\"0\",to=\"1\"}") > 10.0, "{page}");
    assert!(value(&page, "skewbench_send_lateness_seconds_count") > 5.0, "{page}");
    assert!(value(&page, "skewbench_journal_bytes_total") > 100.0, "{page}");
    // Both stand on one host clock; the two anchors were read one after the other, within far less than a minute.
    assert!(value(&page, "skewbench_peer_offset_seconds{peer=\"0\",algorithm=\"free\"}").abs() < 60.0, "{page}");
    let page = scrape(of_collector);
    assert!(value(&page, "skewbench_collector_connections_total") >= 2.0, "{page}");
    assert!(value(&page, "skewbench_collector_frames_total") >= 4.0, "{page}");
    assert!(value(&page, "skewbench_collector_sync_seconds_count") >= 1.0, "{page}");
}
