//! What an agent on a real host is told: the same keys in a TOML file and as flags.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use serde::Deserialize;

use super::order_config::{Around, OrderPlan, OrderSettings};
use super::peer_config::PeerSetting;
use crate::host::control::AgentSetup;
use crate::host::settings::{Cluster, host_and_port, loopback, refuse, required};
use crate::host::spool::SpoolConfig;
use crate::ids::{Algorithms, Arc, NodeId};
use crate::journal::RunConfig;
use crate::probe::pair;
use crate::time::{Nanos, Ppb};
use crate::topology::Impairment;

/// More agents than this are no mesh that one host can probe.
const MOST_NODES: u32 = 1 << 16;
const DEFAULT_TAU: Nanos = Nanos::from_millis(100);
/// NTP's own panic threshold.
const DEFAULT_PLAUSIBLE: Nanos = Nanos::from_seconds(1_000);
/// Twice what a crystal is usually sold with.
const DEFAULT_KAPPA_PPM: f64 = 100.0;
const LEAST_SPOOL_BYTES: u64 = 64 << 10;

/// Everything that can be set. A key of the file is the flag's name with `_` for `-`.
#[derive(Clone, PartialEq, Debug, Default, Deserialize, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// This agent's number; the agents of a run are 0, 1, 2 …
    #[arg(long, value_name = "N")]
    pub id: Option<u32>,
    /// How many agents the run has [default: one more than the largest number given here]
    #[arg(long, value_name = "N")]
    pub nodes: Option<u32>,
    /// Address and port on which probes are received, such as 0.0.0.0:7300
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// The agents to exchange probes with
    #[arg(long, value_name = "ID=HOST:PORT[/MU[/DISTANCE]]", value_delimiter = ',')]
    pub peers: Option<Vec<PeerSetting>>,
    /// Probe period [default: 100ms]
    #[arg(long, value_name = "SPAN", allow_hyphen_values = true)]
    pub tau: Option<Nanos>,
    /// A second request follows each one so much later, such as 20us: a coded pair, from which the Huygens clock tells
    /// which messages met a queue; 0s for none [default: single requests]
    #[arg(long, value_name = "SPAN", allow_hyphen_values = true)]
    pub probe_pairs: Option<Nanos>,
    /// Where journals are shipped to; without it they stay in the spool
    #[arg(long, value_name = "HOST:PORT")]
    pub collector: Option<String>,
    /// File with the cluster's key [default: the environment variable SKEWBENCH_KEY]
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Name or number of the cluster, the same for all its programs [default: skewbench]
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<Cluster>,
    /// Folder in which the journal is kept [default: skewbench-spool]
    #[arg(long, value_name = "DIR")]
    pub spool: Option<PathBuf>,
    /// The journal grows no larger than this [default: 4294967296]
    #[arg(long, value_name = "BYTES")]
    pub spool_cap_bytes: Option<u64>,
    /// How long clocks are measured [default: until the agent is told to stop]
    #[arg(long, value_name = "SPAN", allow_hyphen_values = true)]
    pub duration: Option<Nanos>,
    /// The agent that NTP-style clocks follow [default: 0]
    #[arg(long, value_name = "N")]
    pub reference: Option<u32>,
    /// Clocks to run, or `all` [default: lamport,ntp,hlc]
    #[arg(long, value_name = "NAMES")]
    pub clocks: Option<Algorithms>,
    /// Declared limit on how far this host's raw clock drifts, in parts per million [default: 100]
    #[arg(long, value_name = "PPM", allow_hyphen_values = true)]
    pub kappa_ppm: Option<f64>,
    /// Clock claims further than this from the own clock are refused [default: 1000s]
    #[arg(long, value_name = "SPAN", allow_hyphen_values = true)]
    pub plausible: Option<Nanos>,
    /// Serve Prometheus metrics at this loopback address, such as 127.0.0.1:9464 [default: nowhere]
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<String>,
    /// Where chronyd takes commands, as `chronyc -h` has it: a socket or an address [default: its usual place]
    #[arg(long, value_name = "SOCKET")]
    pub chrony_socket: Option<String>,
    /// What is ordered once clocks were measured, in a file only
    #[arg(skip)]
    pub order: Option<OrderSettings>,
}

/// What an agent does, once every value has been looked at.
#[derive(Clone, PartialEq, Debug)]
pub struct Standalone {
    /// The agent.
    pub setup: AgentSetup,
    /// Where its peers are.
    pub peers: Vec<(NodeId, String)>,
    /// The spool grows no larger than this.
    pub spool_cap_bytes: u64,
    /// What was assumed since it was not given.
    pub assumed: Vec<String>,
    /// What it orders, if it does.
    pub order: Option<OrderPlan>,
}

impl Settings {
    /// These settings, with `other` for what they leave open.
    pub fn or(self, other: Self) -> Self {
        Self {
            id: self.id.or(other.id),
            nodes: self.nodes.or(other.nodes),
            listen: self.listen.or(other.listen),
            peers: self.peers.or(other.peers),
            tau: self.tau.or(other.tau),
            probe_pairs: self.probe_pairs.or(other.probe_pairs),
            collector: self.collector.or(other.collector),
            key_file: self.key_file.or(other.key_file),
            cluster: self.cluster.or(other.cluster),
            spool: self.spool.or(other.spool),
            spool_cap_bytes: self.spool_cap_bytes.or(other.spool_cap_bytes),
            duration: self.duration.or(other.duration),
            reference: self.reference.or(other.reference),
            clocks: self.clocks.or(other.clocks),
            kappa_ppm: self.kappa_ppm.or(other.kappa_ppm),
            plausible: self.plausible.or(other.plausible),
            metrics: self.metrics.or(other.metrics),
            chrony_socket: self.chrony_socket.or(other.chrony_socket),
            order: self.order.or(other.order),
        }
    }

    /// What an agent with these settings does.
    ///
    /// # Errors
    /// [`crate::host::program::Malformed`] with key, value and mend.
    pub fn check(&self) -> Result<Standalone> {
        let id = required("id", self.id, "number the agents of a run 0, 1, 2 …")?;
        let peers = self.checked_peers(id)?;
        let run = self.run(id, peers)?;
        let kappa_ppm = self.kappa_ppm.unwrap_or(DEFAULT_KAPPA_PPM);
        if !(0.0..=10_000.0).contains(&kappa_ppm) {
            return Err(refuse("kappa_ppm", kappa_ppm, "choose from 0 to 10000"));
        }
        let setup = AgentSetup {
            node: NodeId(id),
            listen: self.checked_listen()?,
            order_listen: None,
            collector: self.checked_collector()?,
            spool: self.spool.clone().unwrap_or_else(|| "skewbench-spool".into()),
            run,
            oscillator: None,
            kappa_ppb: Ppb::from_ppm(kappa_ppm),
            clocks: self.clocks.unwrap_or_default(),
            metrics: loopback("metrics", self.metrics.as_deref())?,
            chrony_socket: self.chrony_socket.clone(),
        };
        let order = self.order.as_ref().map(|order| order.check(&around(&setup, peers))).transpose()?;
        let peers = peers.iter().map(|peer| (NodeId(peer.id), peer.address.clone())).collect();
        Ok(Standalone { setup, peers, spool_cap_bytes: self.checked_cap()?, assumed: self.assumed(), order })
    }

    fn checked_peers(&self, id: u32) -> Result<&[PeerSetting]> {
        let mend = "name the agents to exchange probes with: peers = [{ id = 1, address = \"10.0.0.2:7300\" }]";
        let peers = required("peers", self.peers.as_deref().filter(|peers| !peers.is_empty()), mend)?;
        let mut seen = BTreeSet::from([id]);
        for peer in peers {
            if !seen.insert(peer.id) {
                return Err(refuse("peers", peer.id, "give each other agent once, and not this agent itself"));
            }
            host_and_port("peers", &peer.address)?;
            if !(Nanos::ZERO..=Nanos::from_seconds(10)).contains(&peer.mu) {
                return Err(refuse("mu", peer.mu, "choose from 0ms to 10s, never more than the least delay"));
            }
        }
        Ok(peers)
    }

    fn checked_listen(&self) -> Result<SocketAddr> {
        let mend = "write an IP address of this host and a port, such as 0.0.0.0:7300";
        let listen = required("listen", self.listen.as_deref(), mend)?;
        listen.parse().map_err(|_| refuse("listen", listen, mend))
    }

    fn checked_collector(&self) -> Result<Option<String>> {
        self.collector.as_deref().map_or(Ok(()), |collector| host_and_port("collector", collector))?;
        Ok(self.collector.clone())
    }

    fn checked_cap(&self) -> Result<u64> {
        let cap = self.spool_cap_bytes.unwrap_or(SpoolConfig::CAP_BYTES);
        let refused = || refuse("spool_cap_bytes", cap, &format!("choose {LEAST_SPOOL_BYTES} or more"));
        (cap >= LEAST_SPOOL_BYTES).then_some(cap).ok_or_else(refused)
    }

    /// What all agents of the run have in common, as far as this one knows it: of the links, its own.
    fn run(&self, id: u32, peers: &[PeerSetting]) -> Result<RunConfig> {
        let largest = peers.iter().map(|peer| peer.id).fold(id, u32::max);
        let nodes = self.nodes.unwrap_or_else(|| largest.saturating_add(1));
        if nodes <= largest || nodes > MOST_NODES {
            let mend = format!("agents are numbered up to {largest} here: choose more, up to {MOST_NODES}");
            return Err(refuse("nodes", nodes, &mend));
        }
        let reference = self.reference.unwrap_or(0);
        if reference >= nodes {
            return Err(refuse("reference", reference, &format!("agents are 0 to {}", nodes - 1)));
        }
        let (tau, measured, plausible) = self.checked_spans()?;
        Ok(RunConfig {
            cluster: self.cluster.unwrap_or_default().0,
            seed: None,
            nodes,
            topology: "declared".to_owned(),
            arcs: arcs(NodeId(id), peers),
            tau,
            probe_pairs: self.checked_pairs(tau, peers.len())?,
            measured,
            reference: NodeId(reference),
            plausible,
            git_commit: env!("SKEWBENCH_COMMIT").to_owned(),
        })
    }

    fn checked_spans(&self) -> Result<(Nanos, Option<Nanos>, Nanos)> {
        let tau = self.tau.unwrap_or(DEFAULT_TAU);
        if !(Nanos::from_micros(100)..=Nanos::from_seconds(10)).contains(&tau) {
            return Err(refuse("tau", tau, "choose from 100us to 10s"));
        }
        if let Some(short) = self.duration.filter(|duration| *duration < tau.times(10)) {
            return Err(refuse("duration", short, "choose ten periods (tau) or more, or leave it out"));
        }
        let plausible = self.plausible.unwrap_or(DEFAULT_PLAUSIBLE);
        if plausible <= Nanos::ZERO {
            return Err(refuse("plausible", plausible, "choose more than the clocks may be apart, such as 1000s"));
        }
        Ok((tau, self.duration, plausible))
    }

    fn checked_pairs(&self, tau: Nanos, peers: usize) -> Result<Option<Nanos>> {
        let refused = |mend: String| refuse("probe_pairs", self.probe_pairs.unwrap_or_default(), &mend);
        pair::checked(self.probe_pairs, tau, peers).map_err(refused)
    }

    fn assumed(&self) -> Vec<String> {
        let kappa = "kappa_ppm is not given: this host's raw clock is taken to drift by at most 100 parts per million";
        self.kappa_ppm.is_none().then(|| kappa.to_owned()).into_iter().collect()
    }
}

/// What ordering depends on.
fn around<'a>(setup: &AgentSetup, peers: &'a [PeerSetting]) -> Around<'a> {
    let AgentSetup { run, clocks, .. } = setup;
    let peers = peers.iter().map(|peer| (NodeId(peer.id), peer.order.as_deref())).collect();
    Around { peers, nodes: run.nodes, measured: run.measured, clocks: *clocks, cluster: run.cluster }
}

/// Both directions of every link; only the one towards this agent has a known minimum delay here.
fn arcs(me: NodeId, peers: &[PeerSetting]) -> Vec<(Arc, Impairment)> {
    let link = |peer: &PeerSetting| {
        let inward = Arc { from: NodeId(peer.id), to: me };
        let outward = Impairment { distance: peer.distance, ..Impairment::default() };
        [(inward, Impairment { mu: peer.mu, ..outward }), (inward.reversed(), outward)]
    };
    let mut arcs: Vec<_> = peers.iter().flat_map(link).collect();
    arcs.sort_by_key(|(arc, _)| *arc);
    arcs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::settings;

    const GOOD: &str = "id = 0\nlisten = \"0.0.0.0:7300\"\n[[peers]]\nid = 2\naddress = \"b:7300\"\nmu = \"5us\"\n";

    fn good() -> Settings {
        settings::parse(GOOD).unwrap()
    }

    #[test]
    fn a_file_and_flags_say_the_same() {
        let flags = Settings {
            id: Some(0),
            listen: Some("0.0.0.0:7300".to_owned()),
            peers: Some(vec!["2=b:7300/5us".parse().unwrap()]),
            ..Settings::default()
        };
        assert_eq!(flags, good());
        let checked = flags.check().unwrap();
        assert_eq!((checked.setup.run.nodes, checked.setup.run.tau), (3, Nanos::from_millis(100)));
        assert_eq!((checked.peers, checked.assumed.len()), (vec![(NodeId(2), "b:7300".to_owned())], 1));
        let credit = |from, to| checked.setup.run.arcs.iter().find(|(arc, _)| *arc == Arc { from, to }).unwrap().1.mu;
        assert_eq!(credit(NodeId(2), NodeId(0)), Nanos(5_000));
        assert_eq!(credit(NodeId(0), NodeId(2)), Nanos::ZERO);
    }

    #[test]
    fn a_distance_is_of_both_directions_and_no_credit() {
        let flags: PeerSetting = "2=b:7300/0/120km".parse().unwrap();
        let file: Settings = settings::parse(&GOOD.replace("mu = \"5us\"", "distance = \"120km\"")).unwrap();
        assert_eq!(file.peers.as_deref(), Some(&[flags][..]));
        for (arc, known) in file.check().unwrap().setup.run.arcs {
            assert_eq!((known.distance, known.mu), ("120km".parse().ok(), Nanos::ZERO), "{arc}");
        }
        let why = "2=b:7300/0/120".parse::<PeerSetting>().unwrap_err();
        assert!(why.contains("distance `120`") && why.contains("120km"), "{why}");
        let why = settings::parse::<Settings>(&format!("{GOOD}distance = 120\n")).unwrap_err().to_string();
        assert!(why.contains("distance") && why.contains("in quotes"), "{why}");
    }

    #[test]
    fn the_example_files_make_one_run() {
        let files = [
            include_str!("../../../scripts/hosts/agent-0.toml"),
            include_str!("../../../scripts/hosts/agent-1.toml"),
            include_str!("../../../scripts/hosts/agent-2.toml"),
        ];
        let plans = files.map(|text| settings::parse::<Settings>(text).unwrap().check().unwrap());
        for (plan, id) in plans.iter().zip(0..) {
            assert_eq!((plan.setup.node, plan.setup.run.nodes, plan.peers.len()), (NodeId(id), 3, 2));
            assert_eq!(plan.setup.run.cluster, plans[0].setup.run.cluster);
            assert_eq!(plan.assumed, Vec::<String>::new());
            let fellowship = |plan: &Standalone| plan.order.as_ref().map(OrderPlan::fellowship);
            assert!(fellowship(plan).is_some() && fellowship(plan) == fellowship(&plans[0]), "they order together");
        }
        let text = include_str!("../../../scripts/hosts/collector.toml");
        let collector: crate::host::reporting::config::Settings = settings::parse(text).unwrap();
        let collector = collector.check().unwrap();
        assert_eq!((collector.cluster, collector.agents), (plans[0].setup.run.cluster, Some(3)));
    }

    #[test]
    fn a_flag_comes_before_the_file() {
        let flags = Settings { tau: Some(Nanos::from_millis(7)), ..Settings::default() };
        let both = flags.or(good());
        assert_eq!((both.tau, both.id), (Some(Nanos::from_millis(7)), Some(0)));
    }

    #[test]
    fn a_flag_can_undo_the_pairs_of_a_file() {
        let file: Settings = settings::parse(&GOOD.replacen("\n", "\nprobe_pairs = \"20us\"\n", 1)).unwrap();
        let pairs = |settings: Settings| settings.check().unwrap().setup.run.probe_pairs;
        assert_eq!(pairs(file.clone()), Some(Nanos::from_micros(20)));
        assert_eq!(pairs(Settings { probe_pairs: Some(Nanos::ZERO), ..Settings::default() }.or(file)), None);
        assert_eq!(pairs(good()), None);
    }

    #[test]
    fn every_refusal_names_key_value_and_mend() {
        let refused = |change: &dyn Fn(&mut Settings)| {
            let mut settings = good();
            change(&mut settings);
            settings.check().unwrap_err().to_string()
        };
        let order = |text: &str| {
            let listen = if text.contains("listen") { "" } else { "listen = \"0.0.0.0:7302\"\n" };
            Some(settings::parse::<OrderSettings>(&format!("{listen}{text}")).unwrap())
        };
        let orders = |s: &mut Settings, text: &str| {
            (s.order, s.nodes, s.id) = (order(text), Some(2), Some(0));
            s.duration = Some(Nanos::from_seconds(5));
            let peer: PeerSetting = "1=b:7300".parse().unwrap();
            s.peers = Some(vec![PeerSetting { order: Some("b:7302".to_owned()), ..peer }]);
        };
        let peers = |text: &str| Some(text.split(',').map(|peer| peer.parse().unwrap()).collect());
        let found = [
            refused(&|s| s.id = None),
            refused(&|s| s.id = Some(2)),
            refused(&|s| s.listen = Some("here".to_owned())),
            refused(&|s| s.peers = Some(vec![])),
            refused(&|s| s.peers = peers("1=a")),
            refused(&|s| s.peers = peers("1=a:1/-1s")),
            refused(&|s| s.nodes = Some(2)),
            refused(&|s| s.reference = Some(9)),
            refused(&|s| s.tau = Some(Nanos(5))),
            refused(&|s| s.probe_pairs = Some(Nanos(5))),
            refused(&|s| s.duration = Some(Nanos(5))),
            refused(&|s| s.kappa_ppm = Some(f64::NAN)),
            refused(&|s| s.plausible = Some(Nanos(-1))),
            refused(&|s| s.collector = Some("x".to_owned())),
            refused(&|s| s.spool_cap_bytes = Some(1)),
            refused(&|s| s.order = order("listen = \"here\"")),
            refused(&|s| (s.nodes, s.order) = (Some(4), order(""))),
            refused(&|s| {
                orders(s, "");
                s.peers = peers("1=b:7300");
            }),
            refused(&|s| orders(s, "rate_per_s = 0.0")),
            refused(&|s| orders(s, "rate_per_s = 1e5")),
            refused(&|s| orders(s, "workload = \"anomaly\"")),
            refused(&|s| orders(s, "declared_eps = \"11s\"")),
            refused(&|s| orders(s, "declared_delay = \"0s\"")),
            refused(&|s| orders(s, "clock = \"huygens\"")),
            refused(&|s| orders(s, "batch = 0")),
            refused(&|s| orders(s, "patience = \"1ms\"")),
            refused(&|s| orders(s, "duration = \"1ms\"")),
            refused(&|s| {
                orders(s, "after = \"1s\"");
                s.duration = Some(Nanos::from_seconds(5));
            }),
            refused(&|s| {
                orders(s, "");
                s.duration = None;
            }),
        ];
        let expected = [
            "id: not given",
            "peers `2`: give each",
            "listen `here`: write",
            "peers: not given",
            "peers `a`: write",
            "mu `-1s`: choose",
            "nodes `2`: agents",
            "reference `9`: agents",
            "tau `5ns`: choose",
            "probe_pairs `5ns`: choose",
            "duration `5ns`: choose",
            "kappa_ppm `NaN`: choose",
            "plausible `-1ns`: choose",
            "collector `x`: write",
            "spool_cap_bytes `1`: choose",
            "order.listen `here`: write",
            "peers `1 of 4 agents`: ordering needs",
            "peers `1`: say where it orders",
            "order.rate_per_s `0`: choose",
            "order.rate_per_s `100000`: state-machine would be",
            "order.workload `anomaly`: it stands on",
            "order.declared_eps `11s`: choose",
            "order.declared_delay `0s`: choose",
            "order.clock `huygens`: agents run",
            "order.batch `0`: choose",
            "order.patience `1ms`: choose",
            "order.duration `1ms`: choose",
            "order.after `1s`: clocks are measured for 5s",
            "order.after: not given",
        ];
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}");
        }
    }
}
