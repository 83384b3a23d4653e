//! Opening of an ordering connection: both ends prove that they know the cluster's key, each on a nonce of the other's, and
//! say where the streams between them go on.
//!
//! | sender | bytes |
//! |---|---|
//! | dialer | hello: magic, version, cluster, from, to, nonce, own incarnation, the acceptor's if known, bytes received, number of the call |
//! | acceptor | nonce, HMAC-SHA-256 of label, hello and this nonce |
//! | dialer | HMAC-SHA-256 of another label, hello and the acceptor's nonce |
//! | acceptor | answer: own incarnation, bytes received, HMAC-SHA-256 of a third label, hello, nonce and both |
//!
//! An incarnation is a random number of a process: whoever was started again has another one, and neither has what was
//! received before nor what has to be said again. The acceptor forgets its old connection only when the dialer has proved who
//! it is, and counts what it received after that; the dialer has none while it dials. So both counts stand still. A call that
//! was overtaken by a later one is known by its number, and ignored.
//!
//! The labels keep the proofs apart, and all of them apart from the MAC of a probe. What follows on the connection is
//! neither encrypted nor authenticated byte by byte: the ordering workload is meant for a network where nobody alters
//! established connections.

use std::fmt;
use std::io;

use hmac::Mac;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::host::program::random_bytes;
use crate::ids::NodeId;
use crate::order::link::Loss;
use crate::probe::Key;

const MAGIC: [u8; 4] = *b"SKO\x02";
const NONCE_BYTES: usize = 16;
const HELLO_BYTES: usize = 4 + 8 + 4 + 4 + NONCE_BYTES + PLACES_BYTES;
const PLACES_BYTES: usize = 4 * 8;
const PLACES_AT: usize = HELLO_BYTES - PLACES_BYTES;
const PROOF_BYTES: usize = 32;
const PLACE_BYTES: usize = 2 * 8;
/// Length of an answer.
const ANSWER_BYTES: usize = PLACE_BYTES + PROOF_BYTES;
const DIALER: &[u8] = b"skewbench ordering 2, dialer";
const ACCEPTOR: &[u8] = b"skewbench ordering 2, acceptor";
const ANSWER: &[u8] = b"skewbench ordering 2, answer";
/// In the place of bytes received: there is nothing to go on with.
const RESTARTED: u64 = u64::MAX;
/// The same: the acceptor has given the dialer up.
const GIVEN_UP: u64 = u64::MAX - 1;

/// Why a connection was not opened.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It broke: worth another try.
    Broken(io::Error),
    /// The other end does not know the cluster's key.
    Key,
    /// The other end is not of this cluster, or not who was expected.
    Stranger,
    /// One of the two processes is not the one that the other knows.
    Restarted,
    /// The other end has given this one up.
    GivenUp,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(why) => write!(f, "the connection broke: {why}"),
            Self::Key => f.write_str("the other end has another key: give all agents the same one"),
            Self::Stranger => f.write_str("the other end is of another cluster or not the node expected there"),
            Self::GivenUp => f.write_str("the other end has given it up"),
            Self::Restarted => f.write_str("one end was started again and cannot go on where the other is"),
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
    /// A random number of this process, never zero.
    pub(super) incarnation: u64,
}

/// Where one end is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// Which process it is.
    pub(super) incarnation: u64,
    /// How many bytes it has of the other end's stream.
    pub(super) received: u64,
}

/// What the dialer knows of its stream from node `to`: zero if nothing is known of its incarnation yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) to: NodeId,
    pub(super) known: u64,
    pub(super) received: u64,
    /// How many calls there were before.
    pub(super) number: u64,
}

/// The dialer's part: where the acceptor is.
pub(super) async fn dial(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    identity: &Identity,
    call: Call,
) -> Result<Place, Refusal> {
    let hello = hello(identity, call)?;
    stream.write_all(&hello).await?;
    let (mut nonce, mut proof) = ([0; NONCE_BYTES], [0; PROOF_BYTES]);
    stream.read_exact(&mut nonce).await?;
    stream.read_exact(&mut proof).await?;
    verify(&identity.key, ACCEPTOR, &[&hello, &nonce], &proof)?;
    stream.write_all(&prove(&identity.key, DIALER, &[&hello, &nonce])).await?;
    let mut answer = [0; ANSWER_BYTES];
    stream.read_exact(&mut answer).await?;
    let (place, proof) = answer.split_at(PLACE_BYTES);
    verify(&identity.key, ANSWER, &[&hello, &nonce, place], proof)?;
    let place = Place { incarnation: number(place, 0), received: number(place, 8) };
    match place.received {
        RESTARTED => Err(Refusal::Restarted),
        GIVEN_UP => Err(Refusal::GivenUp),
        _ => Ok(place),
    }
}

/// A dialer that has proved who it is and waits for an answer.
#[derive(Clone, Debug)]
pub(super) struct Greeting {
    pub(super) from: NodeId,
    /// Where it is.
    pub(super) place: Place,
    /// Which incarnation of oneself it knows; zero if none.
    pub(super) known: u64,
    /// The number of its call.
    pub(super) number: u64,
    hello: [u8; HELLO_BYTES],
    nonce: [u8; NONCE_BYTES],
}

impl Greeting {
    /// The answer that one has received so many bytes, or that the connection is lost.
    pub(super) fn answer(&self, identity: &Identity, received: Result<u64, Loss>) -> [u8; ANSWER_BYTES] {
        let received = received.unwrap_or_else(|why| if why == Loss::Restarted { RESTARTED } else { GIVEN_UP });
        let mut answer = [0; ANSWER_BYTES];
        answer[..8].copy_from_slice(&identity.incarnation.to_le_bytes());
        answer[8..PLACE_BYTES].copy_from_slice(&received.to_le_bytes());
        let proof = prove(&identity.key, ANSWER, &[&self.hello, &self.nonce, &answer[..PLACE_BYTES]]);
        answer[PLACE_BYTES..].copy_from_slice(&proof);
        answer
    }
}

/// The acceptor's part: who dialed. It has yet to be answered.
pub(super) async fn accept(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    identity: &Identity,
) -> Result<Greeting, Refusal> {
    let mut hello = [0; HELLO_BYTES];
    stream.read_exact(&mut hello).await?;
    let from = NodeId(u32::from_le_bytes(std::array::from_fn(|index| hello[12 + index])));
    if hello[..12] != front(identity) || hello[16..20] != identity.me.0.to_le_bytes() {
        return Err(Refusal::Stranger);
    }
    let nonce = random_bytes()?;
    stream.write_all(&nonce).await?;
    stream.write_all(&prove(&identity.key, ACCEPTOR, &[&hello, &nonce])).await?;
    let mut proof = [0; PROOF_BYTES];
    stream.read_exact(&mut proof).await?;
    verify(&identity.key, DIALER, &[&hello, &nonce], &proof)?;
    let places = &hello[PLACES_AT..];
    let place = Place { incarnation: number(places, 0), received: number(places, 16) };
    Ok(Greeting { from, place, known: number(places, 8), number: number(places, 24), hello, nonce })
}

fn front(identity: &Identity) -> [u8; 12] {
    let mut front = [0; 12];
    front[..4].copy_from_slice(&MAGIC);
    front[4..].copy_from_slice(&identity.cluster.to_le_bytes());
    front
}

fn hello(identity: &Identity, call: Call) -> io::Result<[u8; HELLO_BYTES]> {
    let mut hello = [0; HELLO_BYTES];
    hello[..12].copy_from_slice(&front(identity));
    hello[12..16].copy_from_slice(&identity.me.0.to_le_bytes());
    hello[16..20].copy_from_slice(&call.to.0.to_le_bytes());
    hello[20..PLACES_AT].copy_from_slice(&random_bytes::<NONCE_BYTES>()?);
    let places = [identity.incarnation, call.known, call.received, call.number];
    for (field, place) in hello[PLACES_AT..].as_chunks_mut().0.iter_mut().zip(places) {
        *field = place.to_le_bytes();
    }
    Ok(hello)
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]))
}

fn mac(key: &Key, label: &[u8], parts: &[&[u8]]) -> impl Mac + use<> {
    let mut mac = key.hmac();
    mac.update(label);
    parts.iter().for_each(|part| mac.update(part));
    mac
}

fn prove(key: &Key, label: &[u8], parts: &[&[u8]]) -> [u8; PROOF_BYTES] {
    let full = mac(key, label, parts).finalize().into_bytes();
    std::array::from_fn(|index| full[index])
}

fn verify(key: &Key, label: &[u8], parts: &[&[u8]], proof: &[u8]) -> Result<(), Refusal> {
    mac(key, label, parts).verify_slice(proof).map_err(|_| Refusal::Key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(me: u32, key: u8) -> Identity {
        Identity { me: NodeId(me), cluster: 9, key: Key::new([key; 32]), incarnation: u64::from(me) + 100 }
    }

    /// The acceptor has received so much, or refuses.
    async fn meet(
        dialer: Identity,
        to: u32,
        acceptor: Identity,
        received: Result<u64, Loss>,
    ) -> (Result<Place, Refusal>, Result<Greeting, Refusal>) {
        let (mut near, mut far) = tokio::io::duplex(256);
        let call = Call { to: NodeId(to), known: 77, received: 5, number: 3 };
        let dialing = async move { dial(&mut near, &dialer, call).await };
        let accepting = async move {
            let greeting = accept(&mut far, &acceptor).await?;
            far.write_all(&greeting.answer(&acceptor, received)).await?;
            Ok(greeting)
        };
        tokio::join!(dialing, accepting)
    }

    #[tokio::test]
    async fn two_ends_with_one_key_meet_and_know_where_the_other_is() {
        let (dialed, accepted) = meet(identity(1, 5), 2, identity(2, 5), Ok(9)).await;
        assert_eq!(dialed.unwrap(), Place { incarnation: 102, received: 9 });
        let greeting = accepted.unwrap();
        assert_eq!((greeting.from, greeting.known, greeting.number), (NodeId(1), 77, 3));
        assert_eq!(greeting.place, Place { incarnation: 101, received: 5 });
        let refuse = |why| meet(identity(1, 5), 2, identity(2, 5), Err(why));
        assert!(matches!(refuse(Loss::Restarted).await.0, Err(Refusal::Restarted)));
        assert!(matches!(refuse(Loss::Unmended).await.0, Err(Refusal::GivenUp)));
    }

    #[tokio::test]
    async fn another_key_cluster_or_node_is_refused_by_both_ends() {
        let (dialed, accepted) = meet(identity(1, 5), 2, identity(2, 6), Ok(0)).await;
        assert!(matches!(dialed, Err(Refusal::Key)), "{dialed:?}");
        assert!(accepted.is_err());
        for (to, acceptor) in [(3, identity(2, 5)), (2, Identity { cluster: 8, ..identity(2, 5) })] {
            let (dialed, accepted) = meet(identity(1, 5), to, acceptor, Ok(0)).await;
            assert!(dialed.is_err());
            assert!(matches!(accepted, Err(Refusal::Stranger)), "{accepted:?}");
        }
    }
}
