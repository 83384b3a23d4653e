//! The probe: what one authenticated datagram says, and the exchange that request and reply make together. Pure.

pub mod exchange;
pub mod key;
pub mod pair;
pub mod wire;

use smallvec::SmallVec;

use crate::ids::{Algorithm, Algorithms, BootId, NodeId};
use crate::time::{Local, Nanos, Rate, Synced, Time};

pub use exchange::{Exchange, Point};
pub use key::Key;
pub use wire::{Codec, Rejection};

/// Where a stamp was taken: nearer to the wire is better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Source {
    /// In the program, before send or after receive.
    User = 0,
    /// In the kernel's network stack.
    Kernel = 1,
    /// In the network card.
    Hardware = 2,
}

impl Source {
    /// Every source, from farthest to nearest to the wire.
    pub const ALL: [Self; 3] = [Self::User, Self::Kernel, Self::Hardware];

    /// The source's name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Kernel => "kernel",
            Self::Hardware => "hardware",
        }
    }

    /// The source with this number on the wire.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// A stamp of one packet, on the local clock of the node that took it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// The local clock's reading.
    pub at: Time<Local>,
    /// How far the reading may be from the truth because two clocks had to be paired.
    pub error: Nanos,
    /// Where it was taken.
    pub source: Source,
}

/// What one algorithm's clock says of itself in a message. One layout serves all algorithms; what a clock has no use
/// for is zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Claim {
    /// The clock's reading at the message's `sent` stamp; for a hybrid clock its logical part `l`.
    pub reading: Time<Synced>,
    /// The clock's present rate against the sender's local clock.
    pub rate: Rate,
    /// The hybrid clock's counter `c`.
    pub counter: u32,
    /// Distance from the reference in hops, counting the reference as one; zero: not synchronised.
    pub stratum: u8,
    /// The node at the root of the synchronisation tree.
    pub root: NodeId,
    /// The node that this one follows.
    pub parent: NodeId,
    /// How old the news from the root is.
    pub root_age: Nanos,
    /// Round-trip delay to the root.
    pub root_delay: Nanos,
    /// Largest error against the root beside half the delay.
    pub root_dispersion: Nanos,
}

/// The claims of a message: one for each clock that its sender runs, by the algorithms' numbers. The free-running
/// clock claims nothing: its reading is the `sent` stamp. As many as a node usually makes take no allocation.
#[derive(PartialEq, Eq, Debug)]
pub struct Claims {
    by: Algorithms,
    claims: SmallVec<[Claim; Algorithms::USUAL.count()]>,
}

impl Clone for Claims {
    #[inline]
    fn clone(&self) -> Self {
        Self { by: self.by, claims: SmallVec::from_slice(&self.claims) }
    }

    #[inline]
    fn clone_from(&mut self, source: &Self) {
        self.by = source.by;
        self.claims.clear();
        self.claims.extend_from_slice(&source.claims);
    }
}

impl Claims {
    /// None at all.
    pub fn none() -> Self {
        Self { by: Algorithms::NONE, claims: SmallVec::new() }
    }

    /// Claims made by `claim` for each of the usual algorithms.
    pub fn from_fn(claim: impl FnMut(Algorithm) -> Claim) -> Self {
        Self::made_by(Algorithms::USUAL, claim)
    }

    /// Claims made by `claim` for each of these algorithms.
    #[inline]
    pub fn made_by(by: Algorithms, mut claim: impl FnMut(Algorithm) -> Claim) -> Self {
        let mut claims = Self::none();
        claims.places(by).iter_mut().zip(by.iter()).for_each(|(place, algorithm)| *place = claim(algorithm));
        claims
    }

    /// Places for the claims of these algorithms, by their numbers, instead of those that there are: each is to be written.
    #[inline]
    pub fn places(&mut self, by: Algorithms) -> &mut [Claim] {
        if self.by != by {
            self.claims.resize(by.count(), Claim::default());
            self.by = by;
        }
        &mut self.claims
    }

    /// Claims made by `claim` for each of these algorithms, if it makes all of them.
    ///
    /// # Errors
    /// The first of `claim`.
    pub fn try_made_by<E>(by: Algorithms, claim: impl FnMut(Algorithm) -> Result<Claim, E>) -> Result<Self, E> {
        Ok(Self { by, claims: by.iter().map(claim).collect::<Result<_, E>>()? })
    }

    /// Whose claims there are.
    pub const fn by(&self) -> Algorithms {
        self.by
    }

    /// What `algorithm` claims, if it does.
    #[inline]
    pub fn of(&self, algorithm: Algorithm) -> Option<&Claim> {
        let place = match self.by {
            // They are numbered without a gap from the first that a node runs on: no counting where it is done all the time.
            Algorithms::USUAL => (algorithm as usize).wrapping_sub(Algorithm::Lamport as usize),
            by if by.contains(algorithm) => by.before(algorithm),
            _ => return None,
        };
        self.claims.get(place)
    }

    /// Every claim with its algorithm.
    pub fn iter(&self) -> impl Iterator<Item = (Algorithm, &Claim)> {
        self.by.iter().zip(&self.claims)
    }
}

/// What a node's usual clocks would claim at their epoch.
impl Default for Claims {
    fn default() -> Self {
        Self::from_fn(|_| Claim::default())
    }
}

/// Whether a message asks or answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Asks for an immediate reply.
    Request,
    /// Answers a request.
    Reply(Answer),
}

/// What a reply says of the request that it answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The boot that sent the request.
    pub boot: BootId,
    /// The request's sequence number.
    pub sequence: u64,
    /// When the request was in force at the answering node (user space).
    pub received: Time<Local>,
    /// When it arrived, by kernel or hardware (t2), if that is known.
    pub arrived: Option<Stamp>,
}

/// One message: what the datagram carries beside version, cluster and MAC.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Probe {
    /// The sender.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
    /// The sender's start.
    pub boot: BootId,
    /// Number of this message among all that this boot sent on this arc, from 1 on without gaps.
    pub sequence: u64,
    /// The sender's local clock, read before the send: the instant at which its claims hold.
    pub sent: Time<Local>,
    /// Request or reply.
    pub kind: Kind,
    /// Kernel transmit stamp of an earlier reply on this arc (interleaved t3), with that reply's sequence number.
    pub departed: Option<(u64, Stamp)>,
    /// Whether the sender will know its kernel transmit stamps, so that waiting for them is worth while.
    pub stamps_departures: bool,
    /// What the sender's clocks read at `sent`.
    pub claims: Claims,
}

impl Probe {
    /// A message that says nothing yet.
    pub fn blank() -> Self {
        Self {
            from: NodeId(0),
            to: NodeId(0),
            boot: BootId(0),
            sequence: 0,
            sent: Time::ZERO,
            kind: Kind::Request,
            departed: None,
            stamps_departures: false,
            claims: Claims::none(),
        }
    }
}
