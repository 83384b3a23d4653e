//! How the mesh comes about: of each pair, the node with the lower id dials.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::handshake::{Identity, Refusal, accept, dial};
use super::inbox::Delays;
use super::peer::Peer;
use super::timer::Timer;
use super::{Mesh, MeshConfig};
use crate::ids::{Arc, NodeId};
use crate::topology::Impairment;

/// A handshake that takes longer is given up.
const HANDSHAKE: Duration = Duration::from_secs(2);
/// Time between two tries to reach a peer.
const RETRY: Duration = Duration::from_millis(50);
/// Most handshakes that strangers can keep open at once.
const MAX_HANDSHAKES: usize = 32;

/// Where a peer listens, and what a lab does to what comes from it.
#[derive(Clone, Copy, Debug)]
pub struct PeerAddress {
    /// The peer.
    pub id: NodeId,
    /// Where it listens for ordering connections.
    pub address: SocketAddr,
    /// Declared delay and jitter of what arrives from it; loss does not apply to a reliable connection.
    pub impairment: Option<Impairment>,
}

impl Mesh {
    /// Connects to every peer: dials those with higher ids and accepts the others from `listener`.
    ///
    /// # Errors
    /// Fails if a peer has another key, or is not there before the configured patience ends.
    pub async fn connect(config: MeshConfig, listener: TcpListener) -> anyhow::Result<Self> {
        let identity = Identity { me: config.me, cluster: config.cluster, key: config.key.clone() };
        let deadline = Instant::now() + Duration::from_nanos(config.patience.0.max(0) as u64);
        let (dialed, accepted) = tokio::try_join!(
            dial_all(&config, &identity, deadline),
            accept_all(&config, &identity, &listener, deadline)
        )?;
        let mut streams = dialed;
        streams.extend(accepted);
        let peers = streams.into_iter().map(|(id, stream)| Peer::new(id, stream, delays(&config, id))).collect();
        let timer = Timer::new().context("no timer: raise the limit of open files")?;
        Ok(Self { me: config.me, peers, plausible: config.plausible, raw_clock: config.raw_clock, timer })
    }
}

fn delays(config: &MeshConfig, from: NodeId) -> Option<Delays> {
    let impairment = config.peers.iter().find(|peer| peer.id == from)?.impairment?;
    Some(Delays { seed: config.seed, arc: Arc { from, to: config.me }, impairment })
}

async fn dial_all(
    config: &MeshConfig,
    identity: &Identity,
    deadline: Instant,
) -> anyhow::Result<BTreeMap<NodeId, TcpStream>> {
    let mut dialing = JoinSet::new();
    for peer in config.peers.iter().copied().filter(|peer| peer.id > config.me) {
        let identity = identity.clone();
        dialing.spawn(async move { (peer.id, dial_one(&identity, peer, deadline).await) });
    }
    let mut streams = BTreeMap::new();
    while let Some(dialed) = dialing.join_next().await {
        let (id, stream) = dialed.context("dialing was interrupted")?;
        streams.insert(id, stream?);
    }
    Ok(streams)
}

/// Tries until the peer answers, proves to be another one, or the deadline passes.
async fn dial_one(identity: &Identity, peer: PeerAddress, deadline: Instant) -> anyhow::Result<TcpStream> {
    let PeerAddress { id, address, .. } = peer;
    loop {
        let why = match timeout(HANDSHAKE, dial_once(identity, peer)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(Refusal::Broken(why))) => why.to_string(),
            Ok(Err(refusal)) => bail!("node {id} at {address}: {refusal}"),
            Err(_) => "no answer".to_owned(),
        };
        if Instant::now() + RETRY >= deadline {
            bail!("node {id} at {address} cannot be reached for ordering ({why}): check that its agent runs");
        }
        sleep(RETRY).await;
    }
}

async fn dial_once(identity: &Identity, peer: PeerAddress) -> Result<TcpStream, Refusal> {
    let mut stream = TcpStream::connect(peer.address).await?;
    stream.set_nodelay(true)?;
    dial(&mut stream, identity, peer.id).await?;
    Ok(stream)
}

async fn accept_all(
    config: &MeshConfig,
    identity: &Identity,
    listener: &TcpListener,
    deadline: Instant,
) -> anyhow::Result<BTreeMap<NodeId, TcpStream>> {
    let expected: Vec<NodeId> = config.peers.iter().map(|peer| peer.id).filter(|id| *id < config.me).collect();
    let (mut streams, mut greeting, mut refused) = (BTreeMap::new(), JoinSet::new(), None);
    while streams.len() < expected.len() {
        tokio::select! {
            dialed = listener.accept(), if greeting.len() < MAX_HANDSHAKES => match dialed {
                Ok((stream, from)) => drop(greeting.spawn(greet(identity.clone(), stream, from))),
                Err(_) => sleep(RETRY).await,
            },
            Some(greeted) = greeting.join_next() => match greeted.context("accepting was interrupted")? {
                Ok((id, stream)) if expected.contains(&id) => drop(streams.insert(id, stream)),
                Ok((id, _)) => refused = Some(format!("node {id} is not expected")),
                Err(why) => refused = Some(why),
            },
            () = tokio::time::sleep_until(deadline) => {
                let missing = expected.iter().filter(|id| !streams.contains_key(id)).map(NodeId::to_string);
                let missing = missing.collect::<Vec<_>>().join(", ");
                let why = refused.map_or_else(String::new, |why| format!("; last refused: {why}"));
                bail!("no ordering connection from nodes {missing}{why}: check that their agents run");
            }
        }
    }
    Ok(streams)
}

async fn greet(identity: Identity, mut stream: TcpStream, from: SocketAddr) -> Result<(NodeId, TcpStream), String> {
    let greeted = async {
        stream.set_nodelay(true)?;
        accept(&mut stream, &identity).await
    };
    match timeout_at(Instant::now() + HANDSHAKE, greeted).await {
        Ok(Ok(id)) => Ok((id, stream)),
        Ok(Err(refusal)) => Err(format!("{from}: {refusal}")),
        Err(_) => Err(format!("{from}: no answer")),
    }
}
