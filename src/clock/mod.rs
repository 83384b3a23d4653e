//! Synchronised physical clocks, one algorithm a file. Pure.
//!
//! A clock is a fold: it sees messages and exchanges of its node, in the order in which the node saw them, and each of
//! them may change its [`Reading`], a function of the node's local clock. It never reads a clock itself.

pub mod agreement;
pub mod bracket;
pub mod convergence;
pub mod corridor;
pub mod ensemble;
pub mod free;
pub mod huygens;
pub mod interval;
pub mod kappa;
pub mod lamport;
pub mod largest;
pub mod ntp;
pub mod overlap;
pub mod overlay;
pub mod radclock;
pub mod regression;
mod slew;
pub mod srikanth_toueg;
pub mod stated;
mod unpaired;
pub mod welch_lynch;

use crate::affine::Line;
use crate::ids::{Algorithm, NodeId};
use crate::probe::{Claim, Exchange};
use crate::time::{Local, Nanos, Ppb, Rate, Synced, Time};

pub use convergence::Convergence;
pub use corridor::Corridor;
pub use free::Free;
pub use huygens::Huygens;
pub use interval::IntervalClock;
pub use lamport::Lamport;
pub use largest::Largest;
pub use ntp::Ntp;
pub use radclock::Radclock;
pub use regression::Regression;
pub use srikanth_toueg::SrikanthToueg;
pub use unpaired::Unpaired;
pub use welch_lynch::WelchLynch;

/// What roundings of integer nanoseconds leave open of a bound.
const GRAIN: Nanos = Nanos(8);

/// A clock's present function: one line, and perhaps another that is already known to take over later (as when a slew
/// ends).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// In force from its start on.
    pub line: Line<Local, Synced>,
    /// In force from its start on, unless the clock changes before.
    pub then: Option<Line<Local, Synced>>,
}

impl Reading {
    /// The function under which the clock shows what the local clock shows.
    pub const LOCAL: Self = Self { line: Line::IDENTITY, then: None };

    /// The line in force at `at`.
    #[inline]
    pub fn line_at(&self, at: Time<Local>) -> &Line<Local, Synced> {
        match &self.then {
            Some(then) if at >= then.start => then,
            _ => &self.line,
        }
    }

    /// What the clock shows at `at`.
    #[inline]
    pub fn at(&self, at: Time<Local>) -> Time<Synced> {
        self.line_at(at).at(at)
    }

    /// How fast the clock runs at `at`, against the local clock.
    #[inline]
    pub fn rate_at(&self, at: Time<Local>) -> Rate {
        self.line_at(at).rate
    }
}

/// A clock's own statement of how far it may be from what it keeps to ([`Subject`]): it grows from the start of the reading
/// it came with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ErrorBound {
    /// The bound at the start of the reading.
    pub initial: Nanos,
    /// How fast it grows with local time.
    pub growth: Rate,
}

/// What a clock's [`ErrorBound`] is about: with what it is to be compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subject {
    /// The reference node's clock of the same algorithm, which the clock follows; of the hybrid clock, which states what its
    /// physical clock does and what it leads that by, the reference's physical clock.
    Reference,
    /// Every other correct clock of the same algorithm in the mesh: such clocks agree with each other and follow nobody, so
    /// that nothing bounds their distance to any one truth.
    Mesh,
}

impl Subject {
    /// What clocks of `algorithm` speak about, if they state a bound.
    pub const fn of(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Lamport | Algorithm::WelchLynch | Algorithm::Convergence | Algorithm::SrikanthToueg => {
                Self::Mesh
            }
            _ => Self::Reference,
        }
    }
}

/// Something that a clock did beside changing its reading.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum ClockEvent {
    /// It follows a reference that it did not follow before.
    Follows = 0,
    /// Its reference fell silent and it is the lowest node alive: others now follow it (orphan mode).
    TookOver = 1,
    /// Its reference fell silent and nobody else is known to follow.
    LostReference = 2,
    /// It measured its frequency and entered its regular loop.
    Disciplined = 3,
}

impl ClockEvent {
    /// Every event.
    pub const ALL: [Self; 4] = [Self::Follows, Self::TookOver, Self::LostReference, Self::Disciplined];

    /// The event's name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Follows => "follows",
            Self::TookOver => "took_over",
            Self::LostReference => "lost_reference",
            Self::Disciplined => "disciplined",
        }
    }

    /// The event with this number in the journal.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// A change of a clock's reading, in force from `reading.line.start` on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    /// The new function.
    pub reading: Reading,
    /// Whether the clock jumped: its reading just before differs from the one at the start.
    pub stepped: bool,
    /// The clock's own error bound, if it states one.
    pub bound: Option<ErrorBound>,
    /// What else happened.
    pub event: Option<(ClockEvent, NodeId)>,
}

/// One message as a clock sees it.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The sender.
    pub from: NodeId,
    /// When the message is in force here: the local clock read after it was received.
    pub at: Time<Local>,
    /// The part of its delay that is known to have passed (Lamport's mu_m).
    pub credit: Nanos,
    /// What the sender's clock of the same algorithm claimed.
    pub claim: &'a Claim,
}

/// What every clock is told at its birth.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The node itself.
    pub node: NodeId,
    /// The node whose clock is the one to follow, for clocks that follow one.
    pub reference: NodeId,
    /// The probe period: one exchange a period with each peer, or a pair of them.
    pub poll: Nanos,
    /// How far apart the two requests of a pair are meant to be; `None` where requests are single.
    pub pair_gap: Option<Nanos>,
    /// Limit on |rate − 1| of every node's local clock.
    pub kappa: Ppb,
    /// How many peers the node exchanges probes with.
    pub peers: u32,
    /// How many nodes the mesh has, the node itself among them, as far as it was told.
    pub nodes: u32,
}

impl Settings {
    /// How many clocks may be wrong, of a node and its peers: less than a third, as many as agreement without signatures
    /// can bear (n > 3f).
    pub const fn faults(&self) -> usize {
        (self.peers / 3) as usize
    }

    /// Whether the node exchanges probes with every other: only then does it hear of all clocks that others may follow.
    pub const fn is_linked_to_all(&self) -> bool {
        self.peers >= self.nodes.saturating_sub(1)
    }
}

/// The clock of `algorithm`, before it has seen anything. `None` where a node keeps none: for its own undisciplined clock,
/// its host's system clock, and the hybrid clock, which is no function of the local clock alone. Where requests are paired,
/// clocks that take exchanges for independent get one of each pair ([`Unpaired`]).
pub fn new(algorithm: Algorithm, settings: &Settings) -> Option<Box<dyn Clock>> {
    let clock = alone(algorithm, settings)?;
    let takes_pairs = matches!(algorithm, Algorithm::Lamport | Algorithm::Ntp | Algorithm::Huygens);
    Some(if settings.pair_gap.is_some() && !takes_pairs {
        Box::new(Unpaired::new(clock, settings.poll))
    } else {
        clock
    })
}

fn alone(algorithm: Algorithm, settings: &Settings) -> Option<Box<dyn Clock>> {
    let reference = settings.reference;
    Some(match algorithm {
        Algorithm::Free | Algorithm::System | Algorithm::Hlc => return None,
        Algorithm::Lamport => Box::new(Lamport::new(settings)),
        Algorithm::Convergence => Box::new(Convergence::new(settings)),
        Algorithm::Huygens => Box::new(Huygens::new(settings)),
        Algorithm::Corridor => Box::new(Corridor::new(reference)),
        Algorithm::Radclock => Box::new(Radclock::new(reference)),
        Algorithm::Regression => Box::new(Regression::new(reference)),
        Algorithm::Interval => Box::new(IntervalClock::new(settings)),
        Algorithm::SrikanthToueg => Box::new(SrikanthToueg::new(settings)),
        Algorithm::WelchLynch => Box::new(WelchLynch::new(settings)),
        Algorithm::Largest => Box::new(Largest::new(settings)),
        Algorithm::Ntp => Box::new(Ntp::new(ntp::Settings::of(settings))),
    })
}

/// A synchronised clock. `Clock`s are an open set: a new one is a file here, an arm of [`Algorithm`] and one of [`new`].
pub trait Clock: Send {
    /// Which algorithm this is.
    fn algorithm(&self) -> Algorithm;

    /// The present function.
    fn reading(&self) -> &Reading;

    /// The clock's own estimate of its standard error at `at`, if it makes one: what the offset to the reference is
    /// expected to be, as a root mean square, if the least delays of both directions are equal.
    fn deviation(&self, at: Time<Local>) -> Option<Nanos> {
        let _ = at;
        None
    }

    /// What a message sent at `at` says of this clock.
    #[inline]
    fn claim(&self, at: Time<Local>) -> Claim {
        let line = self.reading().line_at(at);
        Claim { reading: line.at(at), rate: line.rate, ..Claim::default() }
    }

    /// A message arrived.
    fn on_message(&mut self, message: &Message<'_>) -> Option<Change> {
        let _ = message;
        None
    }

    /// An exchange was completed at local time `at`.
    fn on_exchange(&mut self, at: Time<Local>, exchange: &Exchange) -> Option<Change> {
        let _ = (at, exchange);
        None
    }

    /// Time passed: called at every request, about once a period and peer, or twice where requests are paired.
    fn on_slot(&mut self, at: Time<Local>) -> Option<Change> {
        let _ = at;
        None
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Settings of a node with so many peers, which probes each a second.
    pub fn settings(node: u32, peers: u32) -> Settings {
        let poll = Nanos::from_seconds(1);
        let (node, reference, kappa) = (NodeId(node), NodeId(0), Ppb(50_000));
        Settings { node, reference, poll, pair_gap: None, kappa, peers, nodes: peers + 1 }
    }
}
