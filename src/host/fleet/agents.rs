//! The agents of a fleet: told what to do all at once, waited for all together, and mourned by name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::process::ChildStdout;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::process::Steered;
use super::{OPENING, Plan, Spools, Stage, span};
use crate::host::clock::raw_now;
use crate::host::control::{AgentSetup, FromAgent, Lines, PeerAddress, ToAgent};
use crate::ids::{Algorithms, NodeId};
use crate::model::oscillator::Declaration;
use crate::order::link::{LinkChange, LinkState};
use crate::order::report::{BATCH, Load, PAYLOAD_BYTES, Phase, PhaseReport, StampSource};
use crate::order::stamp::algorithm;
use crate::time::{Nanos, Raw, Time};

/// How long an agent may take to ship what is left.
const CLOSING: Duration = Duration::from_secs(15);
/// How much later than its length an ordering phase may end.
const DRAINING: Duration = Duration::from_secs(5);

/// How long each stamp source is driven to saturation.
const SATURATED: Nanos = Nanos::from_seconds(2);
/// How long each stamp source, and the floor, runs otherwise.
const HALF_LOAD: Nanos = Nanos::from_seconds(1);

/// What an agent said; `None`: its output ended.
type Said = (NodeId, Option<FromAgent>);

/// The agents.
pub(super) struct Agents {
    agents: BTreeMap<NodeId, Steered>,
    alive: BTreeSet<NodeId>,
    ended: BTreeSet<NodeId>,
    said: mpsc::Receiver<Said>,
    /// What was said before anybody waited for it.
    early: Vec<(NodeId, FromAgent)>,
    pub(super) troubles: Vec<String>,
    /// Whether a connection between two that live is lost for good.
    unlinked: bool,
    /// Whether they were told to stop: whoever does so first leaves the others.
    stopping: bool,
    /// Who is told at once what becomes of connections.
    pub(super) tells: fn(&str),
}

/// Why waiting for all agents ended early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cut {
    /// A person asked to stop.
    Stopped,
    /// An agent died, or did not answer in time.
    Incomplete,
    /// Two agents cannot reach each other any more.
    Unlinked,
}

impl Agents {
    pub(super) async fn start(plan: &Plan, collector: Option<SocketAddr>) -> Result<Self> {
        let (sender, said) = mpsc::channel(64);
        let mut all = Self {
            agents: BTreeMap::new(),
            alive: BTreeSet::new(),
            ended: BTreeSet::new(),
            said,
            early: Vec::new(),
            troubles: Vec::new(),
            unlinked: false,
            stopping: false,
            tells: |_| {},
        };
        for (node, declared) in (0..).map(NodeId).zip(&plan.oscillators) {
            let (mut agent, output) = Steered::start(plan, format!("agent {node}"), "agent")?;
            agent.tell(&ToAgent::Setup(Box::new(setup(plan, node, declared, collector)))).await;
            tokio::spawn(relay(node, Lines::new(output), sender.clone()));
            all.agents.insert(node, agent);
            all.alive.insert(node);
        }
        let peers = all.addresses().await?;
        all.tell_all(&ToAgent::Peers(peers)).await;
        Ok(all)
    }

    async fn addresses(&mut self) -> Result<Vec<PeerAddress>> {
        let deadline = Instant::now() + OPENING;
        let mut peers = Vec::new();
        while peers.len() < self.agents.len() {
            match timeout(deadline - Instant::now(), self.said.recv()).await {
                Ok(Some((node, Some(FromAgent::Listening { probe, order })))) => {
                    peers.push(PeerAddress { node, probe, order })
                }
                Ok(Some((node, None))) => {
                    let epitaph = self.epitaph(node).await;
                    return Err(self.failed(&epitaph));
                }
                Ok(_) => {}
                Err(_) => return Err(self.failed("not every agent opened its sockets in time")),
            }
        }
        peers.sort_by_key(|peer| peer.node);
        Ok(peers)
    }

    async fn epitaph(&mut self, node: NodeId) -> String {
        match self.agents.get_mut(&node) {
            Some(agent) => agent.epitaph().await,
            None => format!("agent {node} is unknown"),
        }
    }

    pub(super) async fn tell_all(&mut self, line: &ToAgent) {
        for (node, agent) in &mut self.agents {
            if self.alive.contains(node) {
                agent.tell(line).await;
            }
        }
    }

    /// Waits until every living agent has said what is `wanted`, and returns what they said.
    pub(super) async fn await_all(
        &mut self,
        stop: &mut watch::Receiver<bool>,
        patience: Duration,
        wanted: impl Fn(&FromAgent) -> bool,
    ) -> Result<Vec<FromAgent>, Cut> {
        self.answers(stop, patience, wanted).await.map(|answers| answers.into_values().collect())
    }

    /// As [`Agents::await_all`], with who said what.
    pub(super) async fn answers(
        &mut self,
        stop: &mut watch::Receiver<bool>,
        patience: Duration,
        wanted: impl Fn(&FromAgent) -> bool,
    ) -> Result<BTreeMap<NodeId, FromAgent>, Cut> {
        let (answers, cut) = self.gather(stop, patience, wanted).await;
        cut.map_or(Ok(answers), Err)
    }

    /// Waits as [`Agents::answers`] does: what was said, and why not by all.
    async fn gather(
        &mut self,
        stop: &mut watch::Receiver<bool>,
        patience: Duration,
        wanted: impl Fn(&FromAgent) -> bool,
    ) -> (BTreeMap<NodeId, FromAgent>, Option<Cut>) {
        let deadline = Instant::now() + patience;
        let early = std::mem::take(&mut self.early);
        let (answers, early): (Vec<_>, Vec<_>) = early.into_iter().partition(|(_, said)| wanted(said));
        let mut answers: BTreeMap<NodeId, FromAgent> = answers.into_iter().collect();
        self.early = early;
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
                        } else {
                            self.keep(node, said);
                        }
                    }
                    Some((node, None)) if self.ended.contains(&node) => {}
                    Some((node, None)) => { self.mourn(node).await; died = true; }
                    None => return (answers, Some(Cut::Incomplete)),
                },
                _ = stop.wait_for(|stop| *stop) => return (answers, Some(Cut::Stopped)),
                () = sleep_until(deadline) => {
                    let silent = self.alive.iter().filter(|node| !answers.contains_key(node));
                    let silent = silent.map(ToString::to_string).collect::<Vec<_>>().join(", ");
                    self.troubles.push(format!("agent {silent} did not answer in time"));
                    return (answers, Some(Cut::Incomplete));
                }
            }
        }
        let cut = (died || answers.is_empty()).then_some(Cut::Incomplete);
        (answers, cut)
    }

    /// Keeps what is said once and will be waited for; at most one of a kind. Hands on what becomes of connections.
    fn keep(&mut self, node: NodeId, said: FromAgent) {
        if let FromAgent::Link(change) = said {
            self.hear(node, change);
        } else if matches!(said, FromAgent::Ready { .. } | FromAgent::Measured | FromAgent::Tried) {
            let kind = std::mem::discriminant(&said);
            self.early.retain(|(of, before)| *of != node || std::mem::discriminant(before) != kind);
            self.early.push((node, said));
        }
    }

    fn hear(&mut self, node: NodeId, change: LinkChange) {
        if self.stopping || !self.alive.contains(&change.peer) {
            return;
        }
        let told = format!("agent {node}: {change}");
        (self.tells)(&told);
        if matches!(change.state, LinkState::Lost(_)) {
            self.unlinked = true;
            self.troubles.push(told);
        }
    }

    /// Waits until an instant, unless an agent dies or a connection is lost before.
    pub(super) async fn wait(&mut self, stop: &mut watch::Receiver<bool>, until: Time<Raw>) -> Result<(), Cut> {
        let deadline = Instant::now() + span(until - raw_now());
        loop {
            if self.unlinked {
                return Err(Cut::Unlinked);
            }
            tokio::select! {
                said = self.said.recv() => match said {
                    Some((node, None)) if !self.ended.contains(&node) => {
                        self.mourn(node).await;
                        return Err(Cut::Incomplete);
                    }
                    Some((node, said)) => said.into_iter().for_each(|said| self.keep(node, said)),
                    None => return Err(Cut::Incomplete),
                },
                _ = stop.wait_for(|stop| *stop) => return Err(Cut::Stopped),
                () = sleep_until(deadline) => return Ok(()),
            }
        }
    }

    /// Kills an agent as a crash would; nobody mourns it.
    pub(super) async fn kill(&mut self, node: NodeId) {
        self.ended.insert(node);
        self.alive.remove(&node);
        if let Some(agent) = self.agents.get_mut(&node) {
            agent.kill().await;
        }
    }

    /// The process ids of the agents.
    pub(super) fn process_ids(&self) -> Vec<(NodeId, Option<u32>)> {
        self.agents.iter().map(|(node, agent)| (*node, agent.process_id())).collect()
    }

    /// The last log lines of every agent that wrote any.
    pub(super) fn last_words(&self) -> Vec<String> {
        let said = self.agents.values().map(|agent| (&agent.name, agent.log.last_lines()));
        said.filter(|(_, lines)| !lines.is_empty())
            .map(|(name, lines)| format!("last lines of {name}:{lines}"))
            .collect()
    }

    /// The lab could not start: what it waited for, and what the agents said last.
    fn failed(&self, what: &str) -> anyhow::Error {
        let words: String = self.last_words().iter().map(|words| format!("\n{words}")).collect();
        anyhow!("the lab could not start: {what}{words}")
    }

    async fn mourn(&mut self, node: NodeId) {
        if self.alive.remove(&node) {
            let epitaph = self.epitaph(node).await;
            self.troubles.push(epitaph);
        }
    }

    /// Runs the ordering phases of the clocks that run; the first one that not all agents finish is the last.
    pub(super) async fn order(
        &mut self,
        clocks: Algorithms,
        stage: &mut impl FnMut(Stage),
        stop: &mut watch::Receiver<bool>,
    ) {
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
        let runs = |source: &StampSource| algorithm(*source).is_none_or(|clock| clocks.contains(clock));
        for source in StampSource::ORDERING.into_iter().filter(runs) {
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
        let (reports, cut) = self.report_phase(phase, stop).await;
        cut.map_or(Ok(()), Err)?;
        let least = reports.iter().map(|(_, report)| report.delivered_in_time).min().unwrap_or(0);
        Ok((u128::from(least) * 1_000_000_000 / u128::from(phase.duration_ns.max(1).unsigned_abs())) as u64)
    }

    /// Runs one phase: what every agent that lives reports of it, and why it is the last one, if so.
    pub(super) async fn report_phase(
        &mut self,
        phase: Phase,
        stop: &mut watch::Receiver<bool>,
    ) -> (Vec<(NodeId, PhaseReport)>, Option<Cut>) {
        self.tell_all(&ToAgent::Phase(phase)).await;
        let patience = span(Nanos(phase.duration_ns)) + DRAINING;
        let (done, cut) = self.gather(stop, patience, |said| matches!(said, FromAgent::PhaseDone(_))).await;
        let report = |(node, said)| match said {
            FromAgent::PhaseDone(report) => Some((node, *report)),
            _ => None,
        };
        let unlinked = self.unlinked.then_some(Cut::Unlinked);
        (done.into_iter().filter_map(report).collect(), cut.or(unlinked))
    }

    /// Stops every agent and waits until it is gone.
    pub(super) async fn stop(&mut self) -> Spools {
        self.stopping = true;
        self.tell_all(&ToAgent::Stop).await;
        let (_keep, mut never) = watch::channel(false);
        let stopped = self.await_all(&mut never, CLOSING, |said| matches!(said, FromAgent::Stopped { .. })).await;
        let whole = self.alive.len() == self.agents.len()
            && stopped.is_ok_and(|all| all.iter().all(|said| *said == FromAgent::Stopped { unacknowledged: 0 }));
        for agent in self.agents.values_mut() {
            agent.end().await;
        }
        if whole { Spools::Shipped } else { Spools::Needed }
    }
}

fn setup(plan: &Plan, node: NodeId, declared: &Declaration, collector: Option<SocketAddr>) -> AgentSetup {
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    AgentSetup {
        node,
        listen: anywhere,
        order_listen: Some(anywhere),
        collector: collector.map(|address| address.to_string()),
        spool: plan.dir.join("spool"),
        run: plan.run.clone(),
        oscillator: Some(declared.clone()),
        kappa_ppb: declared.kappa(),
        clocks: plan.clocks,
        metrics: None,
        chrony_socket: None,
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
