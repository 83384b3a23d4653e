//! What a trial needs of the place where it is played: virtual time, or real agents on real connections.

use super::terms::Terms;
use crate::ids::NodeId;
use crate::time::{Nanos, Synced, Time, True};
use crate::workload::{Entry, Log, Process};

/// Whether messages of one arc can overtake each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// First in, first out: a message waits for all that were sent on its arc before.
    Fifo,
    /// Each message arrives when its own delay is over. A stage that cannot lets it wait, which is one of the orders allowed.
    Unordered,
}

/// A command that a user will give.
#[derive(Clone, Debug)]
pub struct Planned<C> {
    /// When.
    pub at: Time<True>,
    /// To which process.
    pub node: NodeId,
    /// What it wants.
    pub command: C,
}

/// What makes of an event a further command, on a channel beside the messages: no stamp travels on it and no vector clock
/// knows of it.
pub type Nudge<'a, P> = &'a dyn Fn(&Entry<<P as Process>::Event>) -> Option<Planned<<P as Process>::Command>>;

/// One run of processes: who plays, what users want of them, and until when.
pub struct Scene<'a, P: Process> {
    /// Makes the process of this name. The instant is what a clock without offset shows when the scene begins.
    pub cast: &'a dyn Fn(NodeId, Time<Synced>) -> P,
    /// What users want. True time is zero when the scene begins.
    pub plan: Vec<Planned<P::Command>>,
    /// When everything should be over.
    pub end: Time<True>,
    /// Whether the channels keep their order.
    pub delivery: Delivery,
    /// Who is killed, and when.
    pub crashes: Vec<(NodeId, Time<True>)>,
    /// The channel beside the messages.
    pub nudge: Option<Nudge<'a, P>>,
}

impl<'a, P: Process> Scene<'a, P> {
    /// A scene in which nobody is killed, on channels of this kind.
    pub fn new(
        cast: &'a dyn Fn(NodeId, Time<Synced>) -> P,
        plan: Vec<Planned<P::Command>>,
        end: Time<True>,
        delivery: Delivery,
    ) -> Self {
        Self { cast, plan, end, delivery, crashes: Vec::new(), nudge: None }
    }
}

/// What a trial's predictions are made of: the clocks and the channels as they are, whether declared or measured.
#[derive(Clone, PartialEq, Debug)]
pub struct World {
    /// The terms, in which eps, delay and jitter are those of this world.
    pub terms: Terms,
    /// What each clock shows more than true time, by process.
    pub offsets: Vec<Nanos>,
    /// Whether every draw follows the stated laws, so that what depends on them alone can be predicted.
    pub laws: Laws,
}

/// Where a world comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Laws {
    /// Delays and offsets are drawn as stated.
    Declared,
    /// They were measured while the trial ran.
    Measured,
}

/// What setting up one more scene takes on real agents, so that there are not too many of them.
pub const SETTING_UP: Nanos = Nanos::from_millis(150);

/// How many of the `wanted` repetitions real time has room for: so many as take half as long as the main scene, one at least.
pub fn fits(terms: &Terms, wanted: u64, each: Nanos) -> u64 {
    let room = terms.span.over(2).0 / each.0.max(1);
    wanted.min(room.max(1).unsigned_abs())
}

/// Where scenes are played.
pub trait Stage {
    /// Plays a scene with the processes of `terms`: the log of what all of them did.
    fn play<P: Process>(&mut self, terms: &Terms, scene: Scene<'_, P>) -> Log<P::Event>;

    /// The clocks and channels of the scenes played so far.
    fn world(&self, terms: &Terms) -> World;

    /// How many of the `wanted` repetitions there is time for, beside the main scene, if one takes about `each`.
    fn fits(&self, terms: &Terms, wanted: u64, each: Nanos) -> u64;
}
