//! Opening of an ordering connection: both ends prove that they know the cluster's key, each on a nonce of the other's.
//!
//! | sender | bytes |
//! |---|---|
//! | dialer | hello: magic, version, cluster, from, to, nonce |
//! | acceptor | nonce, HMAC-SHA-256 of label, hello and this nonce |
//! | dialer | HMAC-SHA-256 of another label, hello and the acceptor's nonce |
//!
//! The labels keep the two proofs apart, and both apart from the MAC of a probe. What follows on the connection is
//! neither encrypted nor authenticated byte by byte: the ordering workload is meant for a network where nobody alters
//! established connections.

use std::fmt;
use std::io;

use hmac::Mac;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::host::program::random_bytes;
use crate::ids::NodeId;
use crate::probe::Key;

const MAGIC: [u8; 4] = *b"SKO\x01";
const NONCE_BYTES: usize = 16;
const HELLO_BYTES: usize = 4 + 8 + 4 + 4 + NONCE_BYTES;
const PROOF_BYTES: usize = 32;
const DIALER: &[u8] = b"skewbench ordering 1, dialer";
const ACCEPTOR: &[u8] = b"skewbench ordering 1, acceptor";

/// Why a connection was not opened.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It broke: worth another try.
    Broken(io::Error),
    /// The other end does not know the cluster's key.
    Key,
    /// The other end is not of this cluster, or not who was expected.
    Stranger,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(why) => write!(f, "the connection broke: {why}"),
            Self::Key => f.write_str("the other end has another key: give all agents the same one"),
            Self::Stranger => f.write_str("the other end is of another cluster or not the node expected there"),
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(why: io::Error) -> Self {
        Self::Broken(why)
    }
}

/// Who one is.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) me: NodeId,
    pub(super) cluster: u64,
    pub(super) key: Key,
}

/// The dialer's part towards node `to`.
pub(super) async fn dial(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    identity: &Identity,
    to: NodeId,
) -> Result<(), Refusal> {
    let hello = hello(identity, to)?;
    stream.write_all(&hello).await?;
    let (mut nonce, mut proof) = ([0; NONCE_BYTES], [0; PROOF_BYTES]);
    stream.read_exact(&mut nonce).await?;
    stream.read_exact(&mut proof).await?;
    verify(&identity.key, ACCEPTOR, &hello, &nonce, &proof)?;
    stream.write_all(&prove(&identity.key, DIALER, &hello, &nonce)).await?;
    Ok(())
}

/// The acceptor's part: who dialed.
pub(super) async fn accept(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    identity: &Identity,
) -> Result<NodeId, Refusal> {
    let mut hello = [0; HELLO_BYTES];
    stream.read_exact(&mut hello).await?;
    let from = NodeId(u32::from_le_bytes(std::array::from_fn(|index| hello[12 + index])));
    if hello[..12] != front(identity) || hello[16..20] != identity.me.0.to_le_bytes() {
        return Err(Refusal::Stranger);
    }
    let nonce = random_bytes()?;
    stream.write_all(&nonce).await?;
    stream.write_all(&prove(&identity.key, ACCEPTOR, &hello, &nonce)).await?;
    let mut proof = [0; PROOF_BYTES];
    stream.read_exact(&mut proof).await?;
    verify(&identity.key, DIALER, &hello, &nonce, &proof)?;
    Ok(from)
}

fn front(identity: &Identity) -> [u8; 12] {
    let mut front = [0; 12];
    front[..4].copy_from_slice(&MAGIC);
    front[4..].copy_from_slice(&identity.cluster.to_le_bytes());
    front
}

fn hello(identity: &Identity, to: NodeId) -> io::Result<[u8; HELLO_BYTES]> {
    let mut hello = [0; HELLO_BYTES];
    hello[..12].copy_from_slice(&front(identity));
    hello[12..16].copy_from_slice(&identity.me.0.to_le_bytes());
    hello[16..20].copy_from_slice(&to.0.to_le_bytes());
    hello[20..].copy_from_slice(&random_bytes::<NONCE_BYTES>()?);
    Ok(hello)
}

fn mac(key: &Key, label: &[u8], hello: &[u8; HELLO_BYTES], nonce: &[u8; NONCE_BYTES]) -> impl Mac + use<> {
    let mut mac = key.hmac();
    [label, hello, nonce].iter().for_each(|part| mac.update(part));
    mac
}

fn prove(key: &Key, label: &[u8], hello: &[u8; HELLO_BYTES], nonce: &[u8; NONCE_BYTES]) -> [u8; PROOF_BYTES] {
    let full = mac(key, label, hello, nonce).finalize().into_bytes();
    std::array::from_fn(|index| full[index])
}

fn verify(
    key: &Key,
    label: &[u8],
    hello: &[u8; HELLO_BYTES],
    nonce: &[u8; NONCE_BYTES],
    proof: &[u8; PROOF_BYTES],
) -> Result<(), Refusal> {
    mac(key, label, hello, nonce).verify_slice(proof).map_err(|_| Refusal::Key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(me: u32, key: u8) -> Identity {
        Identity { me: NodeId(me), cluster: 9, key: Key::new([key; 32]) }
    }

    async fn meet(dialer: Identity, to: u32, acceptor: Identity) -> (Result<(), Refusal>, Result<NodeId, Refusal>) {
        let (mut near, mut far) = tokio::io::duplex(256);
        let dialing = async move { dial(&mut near, &dialer, NodeId(to)).await };
        let accepting = async move { accept(&mut far, &acceptor).await };
        tokio::join!(dialing, accepting)
    }

    #[tokio::test]
    async fn two_ends_with_one_key_meet() {
        let (dialed, accepted) = meet(identity(1, 5), 2, identity(2, 5)).await;
        assert!(dialed.is_ok());
        assert_eq!(accepted.unwrap(), NodeId(1));
    }

    #[tokio::test]
    async fn another_key_cluster_or_node_is_refused_by_both_ends() {
        let (dialed, accepted) = meet(identity(1, 5), 2, identity(2, 6)).await;
        assert!(matches!(dialed, Err(Refusal::Key)), "{dialed:?}");
        assert!(accepted.is_err());
        for (to, acceptor) in [(3, identity(2, 5)), (2, Identity { cluster: 8, ..identity(2, 5) })] {
            let (dialed, accepted) = meet(identity(1, 5), to, acceptor).await;
            assert!(dialed.is_err());
            assert!(matches!(accepted, Err(Refusal::Stranger)), "{accepted:?}");
        }
    }
}
