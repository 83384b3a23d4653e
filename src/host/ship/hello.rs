//! What shipper and collector say to each other. Each proves over the other's nonce that it knows the cluster's key
//! before anything else is read; a proof says for what it is, so that none can be used in another place.
//!
//! | who | bytes | what (little-endian) |
//! |---|---|---|
//! | collector | 36 | magic, nonce |
//! | agent | 84 | node, boot, cluster, nonce, proof |
//! | collector | 40 | first frame that it has not, proof |
//! | agent | – | frames, as they are in the spool |
//! | collector | 9 each | 1, number of the first frame that is not on its disk |
//! | agent | 12 | `SKJE`, how many frames it shipped |
//! | collector | 9 | 2, the same number |

use anyhow::{Context, ensure};
use hmac::Mac;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::host::program::random_bytes;
use crate::ids::{BootId, NodeId};
use crate::probe::Key;

const MAGIC: [u8; 4] = *b"SKJ1";
const AGENT_LABEL: &[u8] = b"skewbench journal 1: agent";
const COLLECTOR_LABEL: &[u8] = b"skewbench journal 1: collector";

/// The bytes that the end of a shipment begins with.
pub const END_MAGIC: [u8; 4] = *b"SKJE";
/// Length of the end of a shipment.
pub const END_BYTES: usize = 12;

type Nonce = [u8; 32];

/// Who ships, as far as the other side must know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The node.
    pub node: NodeId,
    /// Its start.
    pub boot: BootId,
    /// The cluster's id.
    pub cluster: u64,
}

impl Identity {
    fn to_bytes(self) -> [u8; 20] {
        let mut bytes = [0; 20];
        bytes[..4].copy_from_slice(&self.node.0.to_le_bytes());
        bytes[4..12].copy_from_slice(&self.boot.0.to_le_bytes());
        bytes[12..].copy_from_slice(&self.cluster.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; 84]) -> Self {
        let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        let node = NodeId(u32::from_le_bytes(std::array::from_fn(|index| bytes[index])));
        Self { node, boot: BootId(u64_at(4)), cluster: u64_at(12) }
    }
}

/// Why a greeting failed, as the collector sees it.
#[derive(Debug)]
pub enum Refused {
    /// The proof is wrong: another key.
    Proof,
    /// The right key, another cluster.
    Cluster,
    /// The connection broke, or no nonce was to be had.
    Broken,
}

/// Both nonces and who ships: what a proof is about.
struct Transcript {
    collector: Nonce,
    agent: Nonce,
    identity: Identity,
}

impl Transcript {
    fn hmac(&self, key: &Key, label: &[u8]) -> impl Mac {
        let mut hmac = key.hmac();
        hmac.update(label);
        hmac.update(&self.collector);
        hmac.update(&self.agent);
        hmac.update(&self.identity.to_bytes());
        hmac
    }
}

/// The agent's side. Returns the number of the first frame that the collector has not.
pub async fn introduce<S>(stream: &mut S, key: &Key, identity: Identity) -> anyhow::Result<u64>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut greeting = [0; 36];
    stream.read_exact(&mut greeting).await.context("the collector did not greet")?;
    ensure!(greeting[..4] == MAGIC, "whoever listens there is no collector of this version: check address and port");
    let collector = std::array::from_fn(|index| greeting[4 + index]);
    let transcript = Transcript { collector, agent: random_bytes()?, identity };
    let mut introduction = identity.to_bytes().to_vec();
    introduction.extend_from_slice(&transcript.agent);
    introduction.extend_from_slice(&transcript.hmac(key, AGENT_LABEL).finalize().into_bytes());
    stream.write_all(&introduction).await?;
    let mut welcome = [0; 40];
    let refused = "the collector refused: check that key and cluster are the same on both sides";
    stream.read_exact(&mut welcome).await.context(refused)?;
    let mut hmac = transcript.hmac(key, COLLECTOR_LABEL);
    hmac.update(&welcome[..8]);
    ensure!(
        hmac.verify_slice(&welcome[8..]).is_ok(),
        "the collector does not know the key: it is another one, or false"
    );
    Ok(u64::from_le_bytes(std::array::from_fn(|index| welcome[index])))
}

/// The collector's side up to the point where the agent is known.
pub async fn examine<S>(stream: &mut S, key: &Key, cluster: u64) -> Result<Known, Refused>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let collector = random_bytes().map_err(|_| Refused::Broken)?;
    let greeting = [&MAGIC[..], &collector[..]].concat();
    stream.write_all(&greeting).await.map_err(|_| Refused::Broken)?;
    let mut introduction = [0; 84];
    stream.read_exact(&mut introduction).await.map_err(|_| Refused::Broken)?;
    let identity = Identity::from_bytes(&introduction);
    let transcript = Transcript { collector, agent: std::array::from_fn(|index| introduction[20 + index]), identity };
    let proof = transcript.hmac(key, AGENT_LABEL).verify_slice(&introduction[52..]);
    proof.map_err(|_| Refused::Proof)?;
    if identity.cluster == cluster { Ok(Known { transcript }) } else { Err(Refused::Cluster) }
}

/// An agent that has proved who it is.
pub struct Known {
    transcript: Transcript,
}

impl Known {
    /// Who it is.
    pub fn identity(&self) -> Identity {
        self.transcript.identity
    }

    /// Tells the agent from which frame on it may ship, and proves who says so.
    pub async fn welcome<S: AsyncWrite + Unpin>(&self, stream: &mut S, key: &Key, next: u64) -> std::io::Result<()> {
        let mut welcome = next.to_le_bytes().to_vec();
        let mut hmac = self.transcript.hmac(key, COLLECTOR_LABEL);
        hmac.update(&welcome);
        welcome.extend_from_slice(&hmac.finalize().into_bytes());
        stream.write_all(&welcome).await
    }
}

/// What the collector says after the greeting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Every frame below this number that was shipped is on its disk.
    Acked(u64),
    /// The shipment is over, and everything is on its disk.
    Closed(u64),
}

impl Answer {
    /// The answer's length.
    pub const BYTES: usize = 9;

    /// The answer's bytes.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let (tag, next) = match self {
            Self::Acked(next) => (1, next),
            Self::Closed(next) => (2, next),
        };
        let mut bytes = [tag; Self::BYTES];
        bytes[1..].copy_from_slice(&next.to_le_bytes());
        bytes
    }

    /// The answer in these bytes.
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Option<Self> {
        let next = u64::from_le_bytes(std::array::from_fn(|index| bytes[1 + index]));
        match bytes[0] {
            1 => Some(Self::Acked(next)),
            2 => Some(Self::Closed(next)),
            _ => None,
        }
    }
}

/// The message that ends a shipment of frames up to `next`.
pub fn end(next: u64) -> [u8; END_BYTES] {
    let mut bytes = [0; END_BYTES];
    bytes[..4].copy_from_slice(&END_MAGIC);
    bytes[4..].copy_from_slice(&next.to_le_bytes());
    bytes
}
