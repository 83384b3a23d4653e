//! The ordering thread: it orders and transports commands and does nothing else, so that its CPU time is their cost.

use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::clock::LocalClock;
use super::control::{AgentSetup, PeerAddress};
use super::ordering::{self, Clocks, Mesh, MeshConfig, RawClock};
use super::published::Published;
use crate::order::report::{Phase, PhaseReport};
use crate::probe::Key;
use crate::time::Nanos;

/// How long an agent tries to reach all others.
const PATIENCE: Nanos = Nanos::from_seconds(10);

/// What the thread needs to know.
pub struct OrderSetup {
    /// The agent's setup.
    pub setup: AgentSetup,
    /// The cluster's key.
    pub key: Key,
    /// Where the others connect to.
    pub listener: TcpListener,
    /// Where everybody is.
    pub peers: Vec<PeerAddress>,
    /// The local clock.
    pub clock: LocalClock,
    /// The readings of the probe thread's clocks.
    pub published: Arc<Published>,
}

/// Something the thread was told to do is done.
#[derive(Debug)]
pub enum Done {
    /// The connections are open.
    Connected,
    /// A phase is over.
    Phase(Box<PhaseReport>),
}

enum Order {
    Connect,
    Run(Phase),
}

/// The handle of the ordering thread. Dropping it ends the thread, at the end of its phase.
pub struct Orderer {
    orders: mpsc::Sender<Order>,
    results: mpsc::Receiver<Result<Done>>,
}

impl Orderer {
    /// Starts the thread; it opens no connection yet.
    pub fn start(setup: OrderSetup) -> Result<Self> {
        let (orders, receiver) = mpsc::channel(4);
        let (sender, results) = mpsc::channel(4);
        let listener = setup.listener.into_std()?;
        let config = mesh_config(&setup.setup, setup.key, &setup.peers);
        let clocks = Clocks { local: setup.clock, published: setup.published };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let failed = match runtime {
                Ok(runtime) => runtime.block_on(serve(config, listener, clocks, receiver, &sender)).err(),
                Err(why) => Some(why.into()),
            };
            if let Some(why) = failed {
                // Nobody listens any more if the agent is ending.
                let _ = sender.blocking_send(Err(why));
            }
        });
        Ok(Self { orders, results })
    }

    /// Asks for the connections to be opened.
    pub async fn connect(&self) {
        let _ = self.orders.send(Order::Connect).await;
    }

    /// Asks for a phase to be run.
    pub async fn run(&self, phase: Phase) {
        let _ = self.orders.send(Order::Run(phase)).await;
    }

    /// What is done next, or why nothing will be. Waits for ever while nothing is asked for.
    ///
    /// # Errors
    /// What stopped the thread.
    pub async fn done(&mut self) -> Result<Done> {
        self.results.recv().await.context("the ordering thread ended")?
    }
}

async fn serve(
    config: MeshConfig,
    listener: std::net::TcpListener,
    mut clocks: Clocks,
    mut orders: mpsc::Receiver<Order>,
    results: &mpsc::Sender<Result<Done>>,
) -> Result<()> {
    let mut unconnected = Some((config, TcpListener::from_std(listener)?));
    let mut mesh = None;
    while let Some(order) = orders.recv().await {
        let done = match order {
            Order::Connect => {
                let (config, listener) = unconnected.take().context("the ordering connections are open already")?;
                mesh = Some(Mesh::connect(config, listener).await?);
                Done::Connected
            }
            Order::Run(phase) => {
                let mesh = mesh.as_mut().context("the ordering connections are not open yet")?;
                Done::Phase(Box::new(mesh.run_phase(phase, &mut clocks).await?))
            }
        };
        if results.send(Ok(done)).await.is_err() {
            break;
        }
    }
    Ok(())
}

fn mesh_config(setup: &AgentSetup, key: Key, peers: &[PeerAddress]) -> MeshConfig {
    let run = &setup.run;
    let address = |peer: &PeerAddress| ordering::PeerAddress {
        id: peer.node,
        address: peer.order,
        impairment: run
            .arcs
            .iter()
            .find(|(arc, _)| arc.from == peer.node && arc.to == setup.node)
            .map(|(_, settings)| *settings),
    };
    MeshConfig {
        me: setup.node,
        peers: peers.iter().filter(|peer| peer.node != setup.node).map(address).collect(),
        cluster: run.cluster,
        key,
        seed: run.seed.unwrap_or(0),
        plausible: run.plausible,
        raw_clock: if setup.oscillator.is_some() { RawClock::Shared } else { RawClock::Separate },
        patience: PATIENCE,
    }
}
