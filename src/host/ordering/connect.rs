//! How the mesh comes about: everybody is connected to everybody, or nobody begins.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use anyhow::{Context as _, Result, bail};
use tokio::net::TcpListener;

use super::handshake::Identity;
use super::inbox::Delays;
use super::mend::Links;
use super::parcels::Parcels;
use super::peer::Peer;
use super::timer::Timer;
use super::{Mesh, MeshConfig};
use crate::host::clock::raw_now;
use crate::host::program::random_bytes;
use crate::ids::{Arc, NodeId};
use crate::topology::Impairment;

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
    pub async fn connect(config: MeshConfig, listener: TcpListener) -> Result<Self> {
        let now = raw_now();
        let incarnation = u64::from_le_bytes(random_bytes()?).max(1);
        let identity = Identity { me: config.me, cluster: config.cluster, key: config.key.clone(), incarnation };
        let new = |peer: &PeerAddress| Peer::new(peer.id, peer.address, delays(&config, peer), now, config.patience);
        let mut peers: Vec<Peer> = config.peers.iter().map(new).collect();
        peers.sort_by_key(|peer| peer.id);
        let links = Links::new(identity, listener, peers.len(), now);
        let timer = Timer::new().context("no timer: raise the limit of open files")?;
        let MeshConfig { me, plausible, raw_clock, .. } = config;
        let mut mesh = Self { me, peers, links, parcels: Parcels::default(), plausible, raw_clock, timer };
        poll_fn(|cx| mesh.poll_connected(cx)).await?;
        mesh.peers.iter_mut().for_each(|peer| peer.set_patience(config.mending));
        mesh.links.changes = config.changes;
        Ok(mesh)
    }

    fn poll_connected(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            let now = raw_now();
            self.tend(cx, now);
            if let Some(why) = self.links.hopeless.take() {
                return Poll::Ready(Err(anyhow::Error::msg(why)));
            }
            if self.peers.iter().any(Peer::is_lost) {
                return Poll::Ready(self.missing());
            }
            if self.peers.iter().all(Peer::is_up) {
                return Poll::Ready(Ok(()));
            }
            std::task::ready!(self.timer.poll_until(cx, now, self.tends_again(now)));
        }
    }

    /// Says who is not there.
    fn missing(&self) -> Result<()> {
        let why = self.links.refused.as_deref().unwrap_or("no answer");
        let missing: Vec<&Peer> = self.peers.iter().filter(|peer| !peer.is_up()).collect();
        if let Some(Peer { id, address, .. }) = missing.iter().find(|peer| peer.id > self.me) {
            bail!("node {id} at {address} cannot be reached for ordering ({why}): check that its agent runs");
        }
        let missing = missing.iter().map(|peer| peer.id.to_string()).collect::<Vec<_>>().join(", ");
        bail!("no ordering connection from nodes {missing} (last refused: {why}): check that their agents run");
    }
}

fn delays(config: &MeshConfig, peer: &PeerAddress) -> Option<Delays> {
    let impairment = peer.impairment?;
    Some(Delays { seed: config.seed, arc: Arc { from: peer.id, to: config.me }, impairment })
}
