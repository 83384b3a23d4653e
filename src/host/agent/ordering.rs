//! Ordering by agents that steer themselves: each does the same things in the same order, and the connections are the barrier.
//! The mesh stands when everybody is there; a phase is over when all are done with it.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, bail};
use tokio::net::{TcpListener, lookup_host};

use super::order_config::OrderPlan;
use super::{Agent, Running};
use crate::analysis::ordering::per_second;
use crate::host::acting::trace_name;
use crate::host::control::{AgentSetup, Scenes, Trial};
use crate::host::orderer::{Done, OrderSetup, Orderer};
use crate::host::probing::Command;
use crate::ids::NodeId;
use crate::journal::Note;
use crate::order::report::{Load, PAYLOAD_BYTES, Phase, PhaseReport, StampSource};
use crate::probe::Key;
use crate::time::{Local, Nanos, Time};
use crate::trial::{Clock, Part, Workload};

/// The transport without order is measured for so long at most.
const FLOOR: Nanos = Nanos::from_seconds(1);

/// What an agent needs to order.
pub(super) struct Ordering {
    plan: OrderPlan,
    listener: TcpListener,
    setup: AgentSetup,
    key: Key,
}

impl Ordering {
    /// Listens for the others, so that a port that is taken is known at the start.
    pub(super) async fn listen(plan: OrderPlan, agent: &Agent) -> Result<Self> {
        let address = plan.listen;
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("order.listen `{address}`: choose a free address"))?;
        Ok(Self { plan, listener, setup: agent.setup.clone(), key: agent.key.clone() })
    }

    /// When it begins, counted from the agent's start.
    pub(super) const fn after(&self) -> Nanos {
        self.plan.after
    }

    /// Orders all that is planned. Whatever comes of it goes into the journal, also why nothing came of it: probing goes on.
    pub(super) async fn carry_out(self, running: &Running) {
        if let Err(why) = self.order(running).await {
            let why = format!("{why:#}");
            eprintln!("agent: nothing more is ordered: {why}");
            running.tell(Command::Note(Note::NotOrdered(why)));
        }
    }

    async fn order(self, running: &Running) -> Result<()> {
        let Self { plan, listener, setup, key } = self;
        let (node, spool) = (setup.node, setup.spool.clone());
        let peers = resolve(&plan).await?;
        eprintln!("agent: node {node} waits for {} others to order with, up to {}", peers.len(), plan.patience);
        let orderer = Orderer::start(OrderSetup {
            cluster: plan.fellowship(),
            patience: plan.patience,
            clock: running.clock.clone(),
            published: running.published.clone(),
            setup,
            key,
            listener,
            peers,
        })?;
        orderer.connect().await;
        let mut turns = Turns { orderer, running, plan, node, index: 0 };
        let Done::Connected = turns.done().await.context("is [order] the same at all agents?")? else {
            bail!("the ordering thread is out of step: this is a bug")
        };
        turns.total_order().await?;
        turns.workloads(&spool).await?;
        eprintln!("agent: node {node} has ordered all that was planned");
        Ok(())
    }
}

/// Where the peers order: of several addresses the first of the family that is listened on.
async fn resolve(plan: &OrderPlan) -> Result<Vec<(NodeId, SocketAddr)>> {
    let mut found = Vec::new();
    for (node, text) in &plan.peers {
        let all =
            lookup_host(text).await.with_context(|| format!("order `{text}`: the host is not known: mend its name"))?;
        let address = all.into_iter().find(|address: &SocketAddr| address.is_ipv4() == plan.listen.is_ipv4());
        let lacks = || format!("order `{text}`: has no address of the family of order.listen `{}`", plan.listen);
        found.push((*node, address.with_context(lacks)?));
    }
    Ok(found)
}

/// One thing after the other.
struct Turns<'a> {
    orderer: Orderer,
    running: &'a Running,
    plan: OrderPlan,
    node: NodeId,
    index: u16,
}

impl Turns<'_> {
    /// The transport without order, and total order by every clock: at the rate that was asked for, or saturated and at half
    /// of what this agent delivered then. Without total order the first of them is still the barrier.
    async fn total_order(&mut self) -> Result<()> {
        self.phase(StampSource::Floor, Load::Saturated, self.plan.span.min(FLOOR)).await?;
        if !self.plan.workloads.contains(&Workload::TotalOrder) {
            return Ok(());
        }
        let (span, nodes) = (self.plan.span, f64::from(self.plan.nodes));
        let open = |rate: f64| Load::Open { commands_per_s: (rate / nodes).ceil().max(1.0) as u64 };
        for clock in self.plan.clocks.clone() {
            eprintln!("agent: node {} orders by {clock}", self.node);
            let rate = match self.plan.rate {
                Some(rate) => rate,
                None => {
                    let report = self.phase(clock.stamps(), Load::Saturated, span).await?;
                    per_second(&vec![(self.node, &report)]) / 2.0
                }
            };
            self.phase(clock.stamps(), open(rate), span).await?;
        }
        Ok(())
    }

    /// What is done next; meanwhile it says what becomes of connections.
    async fn done(&mut self) -> Result<Done> {
        loop {
            match self.orderer.done().await? {
                Done::Link(change) => eprintln!("agent: node {}: {change}", self.node),
                done => return Ok(done),
            }
        }
    }

    async fn phase(&mut self, source: StampSource, load: Load, span: Nanos) -> Result<PhaseReport> {
        let (index, batch) = (self.index, self.plan.batch);
        self.index += 1;
        let phase = Phase { index, source, load, payload_bytes: PAYLOAD_BYTES, batch, duration_ns: span.0 };
        self.orderer.run(phase).await;
        let Done::Phase(report) = self.done().await? else {
            bail!("the ordering thread is out of step: this is a bug")
        };
        self.running.tell(Command::Note(Note::Phase(report.clone())));
        Ok(*report)
    }

    /// The other workloads by every clock; each agent's traces go into its journal.
    async fn workloads(&mut self, spool: &Path) -> Result<()> {
        for workload in self.plan.workloads.clone() {
            if workload == Workload::TotalOrder {
                continue;
            }
            for clock in workload.differing(&self.plan.clocks) {
                eprintln!("agent: node {} plays {workload} by {clock}", self.node);
                let scenes = self.play(workload, clock).await?;
                for (place, scene) in (0..).zip(scenes) {
                    self.write_down(spool, (workload, clock), place, scene)?;
                }
            }
        }
        Ok(())
    }

    /// The trace of one scene goes into the journal.
    fn write_down(&self, spool: &Path, played: (Workload, Clock), place: u16, scene: Scene) -> Result<()> {
        let (workload, clock) = played;
        let Scene { number, began, cpu } = scene;
        let path = spool.join(trace_name(number, self.node));
        let trace = std::fs::read(&path).with_context(|| format!("trace `{}`: cannot be read", path.display()))?;
        // What is in the journal is not needed a second time.
        let _ = std::fs::remove_file(&path);
        let whole = Part {
            scene: number,
            place,
            began_ns: Some(began.as_nanos()),
            workload,
            clock,
            terms: self.plan.terms(workload, clock),
            batch: self.plan.batch,
            cpu,
            part: 0,
            of: 1,
            records: String::new(),
        };
        for part in Part::of(&whole, &trace) {
            self.running.tell(Command::Note(Note::Part(Box::new(part))));
        }
        Ok(())
    }

    /// The main scenes of a workload by one clock.
    async fn play(&mut self, workload: Workload, clock: Clock) -> Result<Vec<Scene>> {
        let (terms, algorithm, batch) = (self.plan.terms(workload, clock), clock.algorithm(), self.plan.batch);
        // Battles are all that the generals have, and each is a scene.
        let scenes = if workload == Workload::Byzantine { Scenes::All } else { Scenes::Main };
        self.orderer.play_alone(Box::new(Trial { workload, terms, algorithm, batch, scenes })).await;
        let mut played = Vec::new();
        loop {
            match self.done().await? {
                Done::Played { scene, began, cpu_ns, .. } => {
                    played.push(Scene { number: scene, began, cpu: Nanos(cpu_ns as i64) });
                }
                Done::Tried => return Ok(played),
                _ => {}
            }
        }
    }
}

/// A scene that was played.
struct Scene {
    number: u16,
    /// When it began.
    began: Time<Local>,
    /// CPU time of the thread meanwhile.
    cpu: Nanos,
}
