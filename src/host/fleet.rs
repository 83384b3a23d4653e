//! A fleet: the lab's agents and collector as child processes, from their start to their last word.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::clock::raw_now;
use super::control::{
    AgentSetup, FromAgent, FromCollector, KEY_VARIABLE, Lines, PeerAddress, ToAgent, ToCollector, say,
};
use crate::ids::NodeId;
use crate::journal::RunConfig;
use crate::model::oscillator::Declaration;
use crate::order::report::{Load, Phase, StampSource};
use crate::probe::wire::Key;
use crate::time::Nanos;

/// How long a child may take to open its sockets or its connections.
const OPENING: Duration = Duration::from_secs(15);
/// How long an agent may take to ship what is left.
const CLOSING: Duration = Duration::from_secs(15);
/// How long the collector may take to analyse.
const ANALYSING: Duration = Duration::from_secs(120);
/// How much later than its length an ordering phase may end.
const DRAINING: Duration = Duration::from_secs(5);
/// From the start command to the birth of the nodes.
const HEAD_START: Nanos = Nanos::from_millis(250);
/// Lines of a child's standard error that are kept.
const LOG_LINES: usize = 12;

/// Payload of each ordering command.
const PAYLOAD_BYTES: u32 = 64;
/// Most ordering commands a write.
const BATCH: u32 = 64;
/// How long each stamp source is driven to saturation.
const SATURATED: Nanos = Nanos::from_seconds(2);
/// How long each stamp source, and the floor, runs otherwise.
const HALF_LOAD: Nanos = Nanos::from_seconds(1);

/// Whether the ordering phases are run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ordering {
    /// After the clocks were measured.
    On,
    /// Not at all: a quick look.
    Off,
}

/// What a fleet is to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program that agents and collector are copies of.
    pub program: PathBuf,
    /// Where journals and results go.
    pub dir: PathBuf,
    /// The cluster's key.
    pub key: Key,
    /// What all agents have in common.
    pub run: RunConfig,
    /// Each node's oscillator.
    pub oscillators: Vec<Declaration>,
    /// How long clocks are measured.
    pub measured: Nanos,
    /// Whether ordering is measured.
    pub ordering: Ordering,
}

/// What a fleet is busy with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Measuring clocks until this much more time has passed.
    Probing(Nanos),
    /// Running an ordering phase.
    Ordering(Phase),
    /// Shipping the rest and analysing.
    Analysing,
}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The exit code of the verdict; `None` if the collector gave none.
    pub exit_code: Option<u8>,
    /// The results as people read them.
    pub text: String,
    /// What went wrong on the way, by name.
    pub troubles: Vec<String>,
    /// Whether every frame of every agent was acknowledged.
    pub spools: Spools,
}

/// Whether the agents' spools are still needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spools {
    /// The collector has everything that is in them.
    Shipped,
    /// At least one holds frames that the collector did not acknowledge.
    Needed,
}

/// Runs a fleet. `stage` is told what it is busy with; when `stop` becomes true it stops cleanly and still reports.
///
/// # Errors
/// When the fleet could not be started at all; with the last log lines of the child that failed.
pub async fn run(plan: &Plan, mut stage: impl FnMut(Stage), mut stop: watch::Receiver<bool>) -> Result<Outcome> {
    let mut collector = CollectorProcess::start(plan).await?;
    let mut fleet = Fleet::start(plan, collector.address).await?;
    let begin = raw_now() + HEAD_START;
    fleet.tell_all(&ToAgent::Start { raw_ns: begin.as_nanos(), measured: plan.measured }).await;
    stage(Stage::Probing(plan.measured + HEAD_START));
    let all = fleet
        .await_all(&mut stop, span(plan.measured + HEAD_START) + OPENING, |said| matches!(said, FromAgent::Measured))
        .await;
    if all.is_ok() && plan.ordering == Ordering::On {
        fleet.order(&mut stage, &mut stop).await;
    }
    stage(Stage::Analysing);
    let spools = fleet.stop().await;
    let done = collector.finish().await;
    let mut troubles = fleet.troubles;
    let (exit_code, text) = match done {
        Ok((code, text)) => (Some(code), text),
        Err(why) => {
            troubles.push(format!("{why:#}"));
            (None, String::new())
        }
    };
    let spools = if exit_code.is_some() { spools } else { Spools::Needed };
    Ok(Outcome { exit_code, text, troubles, spools })
}

fn span(nanos: Nanos) -> Duration {
    Duration::from_nanos(nanos.0.max(0).unsigned_abs())
}

/// The last lines that a child wrote to its standard error.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<VecDeque<String>>>);

impl Log {
    fn follow(&self, input: impl AsyncRead + Unpin + Send + 'static) {
        let log = self.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(input).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let mut kept = log.0.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() == LOG_LINES {
                    kept.pop_front();
                }
                kept.push_back(line);
            }
        });
    }

    fn last_lines(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().map(|line| format!("\n    | {line}")).collect()
    }
}

/// A child process that is steered over its standard input.
struct Steered {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    log: Log,
}

impl Steered {
    /// Starts a copy of the program in a process group of its own, so that Ctrl-C reaches the lab alone.
    fn start(plan: &Plan, name: String, subcommand: &str) -> Result<(Self, ChildStdout)> {
        let mut child = Command::new(&plan.program)
            .args([subcommand, "--controlled"])
            .env(KEY_VARIABLE, plan.key.to_hex())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{name}: cannot start {}", plan.program.display()))?;
        let log = Log::default();
        if let Some(errors) = child.stderr.take() {
            log.follow(errors);
        }
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let output = output.with_context(|| format!("{name}: no standard output"))?;
        Ok((Self { name, child, input, log }, output))
    }

    /// Says a line; a child that is gone is noticed by the end of its output.
    async fn tell(&mut self, line: &impl Serialize) {
        if let Some(input) = &mut self.input {
            let _ = say(input, line).await;
        }
    }

    /// How the child ended and what it said last. Waits a moment for it to be gone.
    async fn epitaph(&mut self) -> String {
        let ended = match timeout(Duration::from_secs(1), self.child.wait()).await {
            Ok(Ok(status)) => status.to_string(),
            _ => "no longer answers".to_owned(),
        };
        format!("{}: {ended}{}", self.name, self.log.last_lines())
    }
}

struct CollectorProcess {
    process: Steered,
    lines: Lines<ChildStdout>,
    address: SocketAddr,
}

impl CollectorProcess {
    async fn start(plan: &Plan) -> Result<Self> {
        let (mut process, output) = Steered::start(plan, "collector".to_owned(), "collector")?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        process.tell(&ToCollector::Setup { listen, dir: plan.dir.clone(), cluster: plan.run.cluster }).await;
        let mut lines = Lines::new(output);
        match timeout(OPENING, lines.next()).await {
            Ok(Ok(Some(FromCollector::Listening { address }))) => Ok(Self { process, lines, address }),
            _ => bail!("the collector did not start: {}", process.epitaph().await),
        }
    }

    async fn finish(&mut self) -> Result<(u8, String)> {
        self.process.tell(&ToCollector::Finish).await;
        match timeout(ANALYSING, self.lines.next()).await {
            Ok(Ok(Some(FromCollector::Done { exit_code, text }))) => Ok((exit_code, text)),
            Ok(Ok(_)) => Err(anyhow!("the collector died: {}", self.process.epitaph().await)),
            Ok(Err(why)) => Err(why.context("the collector")),
            Err(_) => Err(anyhow!("the collector did not finish within {} s", ANALYSING.as_secs())),
        }
    }
}

/// What an agent said; `None`: its output ended.
type Said = (NodeId, Option<FromAgent>);

/// The agents.
struct Fleet {
    agents: BTreeMap<NodeId, Steered>,
    alive: BTreeSet<NodeId>,
    ended: BTreeSet<NodeId>,
    said: mpsc::Receiver<Said>,
    troubles: Vec<String>,
}

/// Why waiting for all agents ended early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cut {
    /// A person asked to stop.
    Stopped,
    /// An agent died, or did not answer in time.
    Incomplete,
}

impl Fleet {
    async fn start(plan: &Plan, collector: SocketAddr) -> Result<Self> {
        let (sender, said) = mpsc::channel(64);
        let mut fleet = Self {
            agents: BTreeMap::new(),
            alive: BTreeSet::new(),
            ended: BTreeSet::new(),
            said,
            troubles: Vec::new(),
        };
        for (node, declared) in (0..).map(NodeId).zip(&plan.oscillators) {
            let (mut agent, output) = Steered::start(plan, format!("agent {node}"), "agent")?;
            agent.tell(&ToAgent::Setup(Box::new(setup(plan, node, *declared, collector)))).await;
            tokio::spawn(relay(node, Lines::new(output), sender.clone()));
            fleet.agents.insert(node, agent);
            fleet.alive.insert(node);
        }
        let peers = fleet.addresses().await?;
        fleet.tell_all(&ToAgent::Peers(peers)).await;
        Ok(fleet)
    }

    async fn addresses(&mut self) -> Result<Vec<PeerAddress>> {
        let deadline = Instant::now() + OPENING;
        let mut peers = Vec::new();
        while peers.len() < self.agents.len() {
            match timeout(deadline - Instant::now(), self.said.recv()).await {
                Ok(Some((node, Some(FromAgent::Listening { probe, order })))) => {
                    peers.push(PeerAddress { node, probe, order })
                }
                Ok(Some((node, None))) => bail!("the lab could not start: {}", self.epitaph(node).await),
                Ok(_) => {}
                Err(_) => {
                    bail!("the lab could not start: not every agent opened its sockets within {} s", OPENING.as_secs())
                }
            }
        }
        peers.sort_by_key(|peer| peer.node);
        Ok(peers)
    }

    async fn epitaph(&mut self, node: NodeId) -> String {
        match self.agents.get_mut(&node) {
            Some(agent) => agent.epitaph().await,
            None => format!("agent {node}"),
        }
    }

    async fn tell_all(&mut self, line: &ToAgent) {
        for (node, agent) in &mut self.agents {
            if self.alive.contains(node) {
                agent.tell(line).await;
            }
        }
    }

    /// Waits until every living agent has said what is `wanted`, and returns what they said.
    async fn await_all(
        &mut self,
        stop: &mut watch::Receiver<bool>,
        patience: Duration,
        wanted: impl Fn(&FromAgent) -> bool,
    ) -> Result<Vec<FromAgent>, Cut> {
        let deadline = Instant::now() + patience;
        let mut answers: BTreeMap<NodeId, FromAgent> = BTreeMap::new();
        let mut died = false;
        while self.alive.iter().any(|node| !answers.contains_key(node)) {
            tokio::select! {
                said = self.said.recv() => match said {
                    Some((node, Some(said))) => {
                        if matches!(said, FromAgent::Stopped { .. }) {
                            self.ended.insert(node);
                        }
                        if wanted(&said) {
                            answers.insert(node, said);
                        }
                    }
                    Some((node, None)) if self.ended.contains(&node) => {}
                    Some((node, None)) => { self.mourn(node).await; died = true; }
                    None => return Err(Cut::Incomplete),
                },
                _ = stop.wait_for(|stop| *stop) => return Err(Cut::Stopped),
                () = sleep_until(deadline) => {
                    let silent = self.alive.iter().filter(|node| !answers.contains_key(node));
                    let silent = silent.map(ToString::to_string).collect::<Vec<_>>().join(", ");
                    self.troubles.push(format!("agent {silent} did not answer in time"));
                    return Err(Cut::Incomplete);
                }
            }
        }
        if died || answers.is_empty() { Err(Cut::Incomplete) } else { Ok(answers.into_values().collect()) }
    }

    async fn mourn(&mut self, node: NodeId) {
        if self.alive.remove(&node) {
            let epitaph = self.epitaph(node).await;
            self.troubles.push(format!("died: {epitaph}"));
        }
    }

    /// Runs the ordering phases; the first one that not all agents finish is the last.
    async fn order(&mut self, stage: &mut impl FnMut(Stage), stop: &mut watch::Receiver<bool>) {
        self.tell_all(&ToAgent::Connect).await;
        if self.await_all(stop, OPENING, |said| matches!(said, FromAgent::Connected)).await.is_err() {
            return;
        }
        let mut index = 0;
        let mut phase = |source, load, duration: Nanos| {
            index += 1;
            let duration_ns = duration.0;
            Phase { index: index - 1, source, load, payload_bytes: PAYLOAD_BYTES, batch: BATCH, duration_ns }
        };
        if self.run_phase(phase(StampSource::Floor, Load::Saturated, HALF_LOAD), stage, stop).await.is_err() {
            return;
        }
        for source in StampSource::ORDERING {
            let Ok(rate) = self.run_phase(phase(source, Load::Saturated, SATURATED), stage, stop).await else { return };
            let commands_per_s = (rate / 2 / self.alive.len().max(1) as u64).max(1);
            if self.run_phase(phase(source, Load::Open { commands_per_s }, HALF_LOAD), stage, stop).await.is_err() {
                return;
            }
        }
    }

    /// Runs one phase and returns the least rate at which any agent delivered, in commands a second.
    async fn run_phase(
        &mut self,
        phase: Phase,
        stage: &mut impl FnMut(Stage),
        stop: &mut watch::Receiver<bool>,
    ) -> Result<u64, Cut> {
        stage(Stage::Ordering(phase));
        self.tell_all(&ToAgent::Phase(phase)).await;
        let patience = span(Nanos(phase.duration_ns)) + DRAINING;
        let done = self.await_all(stop, patience, |said| matches!(said, FromAgent::PhaseDone { .. })).await?;
        let delivered = done.iter().filter_map(|said| match said {
            FromAgent::PhaseDone { delivered_in_time } => Some(*delivered_in_time),
            _ => None,
        });
        let least = delivered.min().unwrap_or(0);
        Ok((u128::from(least) * 1_000_000_000 / u128::from(phase.duration_ns.max(1).unsigned_abs())) as u64)
    }

    /// Stops every agent and waits until it is gone.
    async fn stop(&mut self) -> Spools {
        self.tell_all(&ToAgent::Stop).await;
        let (_keep, mut never) = watch::channel(false);
        let stopped = self.await_all(&mut never, CLOSING, |said| matches!(said, FromAgent::Stopped { .. })).await;
        let whole = self.alive.len() == self.agents.len()
            && stopped.is_ok_and(|all| all.iter().all(|said| *said == FromAgent::Stopped { unacknowledged: 0 }));
        for agent in self.agents.values_mut() {
            agent.input = None;
            if timeout(Duration::from_secs(2), agent.child.wait()).await.is_err() {
                let _ = agent.child.kill().await;
            }
        }
        if whole { Spools::Shipped } else { Spools::Needed }
    }
}

fn setup(plan: &Plan, node: NodeId, declared: Declaration, collector: SocketAddr) -> AgentSetup {
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    AgentSetup {
        node,
        listen: anywhere,
        order_listen: anywhere,
        collector,
        spool: plan.dir.join("spool"),
        run: plan.run.clone(),
        oscillator: Some(declared),
        kappa_ppb: declared.kappa(),
    }
}

/// Hands on what an agent says, and its end.
async fn relay(node: NodeId, mut lines: Lines<ChildStdout>, said: mpsc::Sender<Said>) {
    while let Ok(Some(line)) = lines.next::<FromAgent>().await {
        if said.send((node, Some(line))).await.is_err() {
            return;
        }
    }
    let _ = said.send((node, None)).await;
}
