//! What a node writes down: enough to recompute every result, and to replay its clocks bit for bit.

use std::collections::BTreeMap;

use crate::clock::Change;
use crate::ids::{Algorithm, BootId, NodeId};
use crate::probe::{Claims, Exchange, Stamp};
use crate::time::{Local, Nanos, Synced, Time};

/// A boundary in a node's life. All of them are on the local clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Mark {
    /// The node started its probe grid: its clocks exist from here on.
    ProbingBegan = 0,
    /// The span over which clocks are measured is over; what follows (ordering) may load the host.
    MeasuringEnded = 1,
    /// The node was told to stop and did.
    Stopped = 2,
}

impl Mark {
    /// Every mark.
    pub const ALL: [Self; 3] = [Self::ProbingBegan, Self::MeasuringEnded, Self::Stopped];

    /// The mark with this number in the journal.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// A message that was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sent {
    /// The local clock before the send: the instant of `T_m`.
    pub at: Time<Local>,
    /// The receiver.
    pub to: NodeId,
    /// The message's number on its arc.
    pub sequence: u64,
    /// For a request: when the grid asked for it. Replies are due at once.
    pub due: Option<Time<Local>>,
}

/// An authentic, new message that was received.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Received {
    /// The local clock after the receipt: the instant from which a jump is in force.
    pub at: Time<Local>,
    /// The sender.
    pub from: NodeId,
    /// The sender's start.
    pub boot: BootId,
    /// The message's number on its arc.
    pub sequence: u64,
    /// The sender's local clock at the send.
    pub sent: Time<Local>,
    /// Kernel or hardware stamp of the arrival.
    pub arrived: Option<Stamp>,
    /// The part of the delay that was credited (mu_m).
    pub credit: Nanos,
    /// What the sender's clocks claimed.
    pub claims: Claims,
}

/// The host's system clock, compared with its local clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SystemSample {
    /// The local clock.
    pub at: Time<Local>,
    /// What the system clock showed then, in ns since 1970.
    pub reading: Time<Synced>,
    /// How far the two instants may be apart.
    pub error: Nanos,
}

/// One line of a node's record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// A boundary in the node's life.
    Mark(Time<Local>, Mark),
    /// A message was sent.
    Sent(Sent),
    /// A message was received.
    Received(Received),
    /// A request and its reply came together. With the reply's sequence number; the exchange's claims are those of that
    /// reply's [`Received`].
    Exchanged(Time<Local>, u64, Exchange),
    /// A physical clock changed its reading.
    Changed(Algorithm, Change),
    /// The hybrid clock's `l` is ahead of its physical clock from this instant on, until that clock overtakes it.
    Ahead(Time<Local>, Time<Synced>),
    /// The host's system clock was read. The node never uses it: its driver writes this down where it is no other
    /// node's clock as well.
    System(SystemSample),
    /// The host's CLOCK_BOOTTIME, which counts the time that the host slept, likewise.
    Boottime(SystemSample),
}

impl Record {
    /// When it happened.
    pub fn at(&self) -> Time<Local> {
        match self {
            Self::Mark(at, _) | Self::Exchanged(at, ..) | Self::Ahead(at, _) => *at,
            Self::Sent(sent) => sent.at,
            Self::Received(received) => received.at,
            Self::Changed(_, change) => change.reading.line.start,
            Self::System(sample) | Self::Boottime(sample) => sample.at,
        }
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What a node counts. No input makes a node fail: a bad one increments a counter with a name.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Counter { $($(#[$doc])* $variant,)* }

        impl Counter {
            /// Every counter.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The counter's name in reports.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

counters! {
    /// Datagrams that are not of a probe's length.
    BadLength = "bad_length",
    /// Datagrams without a probe's magic.
    BadMagic = "bad_magic",
    /// Probes of another version.
    BadVersion = "bad_version",
    /// Probes of another cluster.
    ForeignCluster = "foreign_cluster",
    /// Probes with a wrong MAC.
    BadMac = "bad_mac",
    /// Authentic probes with a meaningless field.
    BadField = "bad_field",
    /// Authentic probes for another node.
    NotForMe = "not_for_me",
    /// Authentic probes that claim to be from this node or from one it is not linked to.
    UnknownPeer = "unknown_peer",
    /// Authentic probes of a boot older than the newest one heard.
    OldBoot = "old_boot",
    /// Authentic probes that were seen before.
    Replayed = "replayed",
    /// Authentic probes so old that the replay window cannot tell.
    TooOld = "too_old",
    /// New probes that arrived after a later one of their arc.
    Reordered = "reordered",
    /// Claims and exchanges beyond the plausibility limit; no clock moved.
    Implausible = "implausible_claim",
    /// Replies to no open request.
    Unasked = "unasked_reply",
    /// Requests without an answer when their time was up.
    Unanswered = "unanswered_request",
    /// Open requests that were given up because too many were open.
    Overflow = "open_request_overflow",
    /// Exchanges completed without all four kernel stamps.
    UserStamped = "user_stamped_exchange",
    /// Slots of the probe grid that had passed before they could be used.
    MissedSlots = "missed_slots",
    /// Hybrid stamps refused because they were too far ahead.
    HlcRefused = "hlc_refused",
    /// Hybrid stamps that broke a theorem: must stay zero.
    HlcBroken = "hlc_theorem_broken",
    /// Messages whose one-way stamps, taken as they are, went backwards (two clocks: no error by itself).
    NegativeDelay = "negative_delay",
}

/// Counts by name.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Counters(BTreeMap<Counter, u64>);

impl Counters {
    /// One more.
    pub fn add(&mut self, counter: Counter) {
        self.add_many(counter, 1);
    }

    /// So many more.
    pub fn add_many(&mut self, counter: Counter, count: u64) {
        if count > 0 {
            let value = self.0.entry(counter).or_default();
            *value = value.saturating_add(count);
        }
    }

    /// How many so far.
    pub fn count(&self, counter: Counter) -> u64 {
        self.0.get(&counter).copied().unwrap_or(0)
    }

    /// All counts that are not zero, by name.
    pub fn named(&self) -> BTreeMap<String, u64> {
        self.0.iter().map(|(counter, count)| (counter.name().to_owned(), *count)).collect()
    }
}
