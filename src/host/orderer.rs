//! The ordering thread: it orders and transports commands and does nothing else, so that its CPU time is their cost.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::acting::Acting;
use super::clock::LocalClock;
use super::control::{AgentSetup, Cue, Trial};
use super::ordering::player::Count;
use super::ordering::{self, Clocks, MENDING, Mesh, MeshConfig, RawClock};
use super::published::Published;
use crate::ids::NodeId;
use crate::order::link::{LinkChange, LinkReport, PlannedCut};
use crate::order::report::{Phase, PhaseReport};
use crate::probe::Key;
use crate::time::{Local, Nanos, Time};

/// How long an agent of a lab tries to reach all others.
pub const PATIENCE: Nanos = Nanos::from_seconds(10);
/// Most changes of connections that wait for the agent to tell them; the reports have them all.
const MOST_CHANGES: usize = 256;

/// What the thread needs to know.
pub struct OrderSetup {
    /// The agent's setup.
    pub setup: AgentSetup,
    /// The cluster's key.
    pub key: Key,
    /// Where the others connect to.
    pub listener: TcpListener,
    /// Where everybody listens for ordering connections; the agent itself may be among them.
    pub peers: Vec<(NodeId, SocketAddr)>,
    /// The local clock.
    pub clock: LocalClock,
    /// The readings of the probe thread's clocks.
    pub published: Arc<Published>,
    /// What all who order together have in common: whoever has another is a stranger.
    pub cluster: u64,
    /// How long it tries to reach all others.
    pub patience: Nanos,
}

/// Something the thread was told to do is done.
#[derive(Debug)]
pub enum Done {
    /// The connections are open.
    Connected,
    /// A phase is over.
    Phase(Box<PhaseReport>),
    /// It waits for a scene to begin.
    Ready {
        /// Which scene.
        scene: u16,
        /// CLOCK_MONOTONIC_RAW then.
        raw_ns: i64,
        /// What the trial's clock showed.
        reading_ns: i64,
    },
    /// A scene is over.
    Played {
        /// Which scene.
        scene: u16,
        /// When it began on the local clock.
        began: Time<Local>,
        /// CPU time of the thread meanwhile, in ns.
        cpu_ns: u64,
        /// What became of its connections.
        links: Vec<LinkReport>,
    },
    /// A trial is over.
    Tried,
    /// A connection was cut, mended or lost.
    Link(LinkChange),
}

pub(super) enum Order {
    Connect,
    Cut(Vec<PlannedCut>),
    Run(Phase),
    Try(Box<Trial>, Cues),
    Cue(Cue),
}

/// Who says when a scene begins and ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cues {
    /// The lab.
    Lab,
    /// Nobody: it begins at once, and is over when its time is.
    Own,
}

/// The handle of the ordering thread. Dropping it ends the thread, at the end of its phase.
pub struct Orderer {
    orders: mpsc::Sender<Order>,
    results: mpsc::Receiver<Result<Done>>,
    changes: mpsc::Receiver<LinkChange>,
    count: Arc<Mutex<Count>>,
}

impl Orderer {
    /// Starts the thread; it opens no connection yet.
    pub fn start(setup: OrderSetup) -> Result<Self> {
        let (orders, receiver) = mpsc::channel(4);
        let (sender, results) = mpsc::channel(4);
        let listener = setup.listener.into_std()?;
        let (change, changes) = mpsc::channel(MOST_CHANGES);
        let config = MeshConfig {
            cluster: setup.cluster,
            patience: setup.patience,
            ..mesh_config(&setup.setup, setup.key, &setup.peers, change)
        };
        let clocks = Clocks { local: setup.clock, published: setup.published };
        let (count, traces) = (Arc::<Mutex<Count>>::default(), setup.setup.spool);
        let counted = Arc::clone(&count);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let failed = runtime.map_err(Into::into).and_then(|runtime| {
                let mut thread = Thread { runtime, clocks, orders: receiver, results: sender.clone() };
                thread.serve(config, listener, Scenes { next: 0, traces, count: counted })
            });
            if let Err(why) = failed {
                // Nobody listens any more if the agent is ending.
                let _ = sender.blocking_send(Err(why));
            }
        });
        Ok(Self { orders, results, changes, count })
    }

    /// Asks for the connections to be opened.
    pub async fn connect(&self) {
        let _ = self.orders.send(Order::Connect).await;
    }

    /// Asks for connections to be cut in the next phase or scene.
    pub async fn cut(&self, cuts: Vec<PlannedCut>) {
        let _ = self.orders.send(Order::Cut(cuts)).await;
    }

    /// Asks for a phase to be run.
    pub async fn run(&self, phase: Phase) {
        let _ = self.orders.send(Order::Run(phase)).await;
    }

    /// Asks for a trial to be played on cues.
    pub async fn play(&self, trial: Box<Trial>) {
        let _ = self.orders.send(Order::Try(trial, Cues::Lab)).await;
    }

    /// Asks for a trial to be played without cues, as all others do at about the same time.
    pub async fn play_alone(&self, trial: Box<Trial>) {
        let _ = self.orders.send(Order::Try(trial, Cues::Own)).await;
    }

    /// Begins or ends a scene of it.
    pub async fn cue(&self, cue: Cue) {
        let _ = self.orders.send(Order::Cue(cue)).await;
    }

    /// How far the scene is.
    pub fn count(&self) -> Count {
        self.count.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// What is done next, or why nothing will be. Waits for ever while nothing is asked for.
    ///
    /// # Errors
    /// What stopped the thread.
    pub async fn done(&mut self) -> Result<Done> {
        tokio::select! {
            biased;
            Some(change) = self.changes.recv() => Ok(Done::Link(change)),
            done = self.results.recv() => done.context("the ordering thread ended")?,
        }
    }
}

/// What a trial needs beside the connections, from one scene to the next.
pub(super) struct Scenes {
    /// Number of the next scene.
    pub(super) next: u16,
    /// Where traces go.
    pub(super) traces: PathBuf,
    /// How far the present one is.
    pub(super) count: Arc<Mutex<Count>>,
}

/// The thread itself.
pub(super) struct Thread {
    pub(super) runtime: Runtime,
    pub(super) clocks: Clocks,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) results: mpsc::Sender<Result<Done>>,
}

impl Thread {
    fn serve(&mut self, config: MeshConfig, listener: std::net::TcpListener, mut scenes: Scenes) -> Result<()> {
        let (mut unconnected, mut mesh) = (Some((config, listener)), None);
        while let Some(order) = self.next_order(mesh.as_mut()) {
            let done = match order {
                Order::Connect => {
                    let (config, listener) = unconnected.take().context("the ordering connections are open already")?;
                    let connecting = async { Mesh::connect(config, TcpListener::from_std(listener)?).await };
                    mesh = Some(self.runtime.block_on(connecting)?);
                    Done::Connected
                }
                Order::Cut(cuts) => {
                    connected(&mut mesh)?.plan_cuts(&cuts);
                    continue;
                }
                Order::Run(phase) => {
                    let report = self.runtime.block_on(connected(&mut mesh)?.run_phase(phase, &mut self.clocks))?;
                    Done::Phase(Box::new(report))
                }
                Order::Try(trial, cues) => {
                    Acting::play(self, connected(&mut mesh)?, &mut scenes, &trial, cues)?;
                    Done::Tried
                }
                // It came when the scene was over.
                Order::Cue(_) => continue,
            };
            if self.results.blocking_send(Ok(done)).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Waits for an order; meanwhile the connections are looked after.
    pub(super) fn next_order(&mut self, mesh: Option<&mut Mesh>) -> Option<Order> {
        let Self { runtime, orders, .. } = self;
        let Some(mesh) = mesh else { return orders.blocking_recv() };
        runtime.block_on(async {
            tokio::select! {
                biased;
                order = orders.recv() => order,
                never = mesh.idle() => match never {},
            }
        })
    }
}

fn connected(mesh: &mut Option<Mesh>) -> Result<&mut Mesh> {
    mesh.as_mut().context("the ordering connections are not open yet")
}

fn mesh_config(
    setup: &AgentSetup,
    key: Key,
    peers: &[(NodeId, SocketAddr)],
    changes: mpsc::Sender<LinkChange>,
) -> MeshConfig {
    let run = &setup.run;
    let address = |(id, address): &(NodeId, SocketAddr)| ordering::PeerAddress {
        id: *id,
        address: *address,
        impairment: run
            .arcs
            .iter()
            .find(|(arc, _)| arc.from == *id && arc.to == setup.node)
            .map(|(_, settings)| *settings),
    };
    MeshConfig {
        me: setup.node,
        peers: peers.iter().filter(|(id, _)| *id != setup.node).map(address).collect(),
        cluster: run.cluster,
        key,
        seed: run.seed.unwrap_or(0),
        plausible: run.plausible,
        raw_clock: if setup.oscillator.is_some() { RawClock::Shared } else { RawClock::Separate },
        patience: PATIENCE,
        mending: MENDING,
        changes: Some(changes),
    }
}
