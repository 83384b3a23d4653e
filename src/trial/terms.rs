//! What a trial is given, and what follows from it for every workload alike.

use serde::{Deserialize, Serialize};

use super::stage::Delivery;
use crate::ids::NodeId;
use crate::model::{Jitter, Purpose, Rng};
use crate::order::Stamper;
use crate::order::report::StampSource;
use crate::real::ln;
use crate::time::{Nanos, Time, True};

/// Whether the run keeps what its workload stands on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Premise {
    /// It does.
    Kept,
    /// It does not, to show what breaks (see [`super::Workload::ablation`]).
    Broken,
}

/// A run of a workload.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Terms {
    /// Processes, at least two.
    pub nodes: u32,
    /// Spread of the clocks: their offsets are evenly from −eps/2 to eps/2, dealt by the seed.
    pub eps: Nanos,
    /// What the workload believes the spread to be.
    pub declared: Nanos,
    /// Least delay of a message.
    pub delay: Nanos,
    /// Most that is added to it, evenly.
    pub jitter: Nanos,
    /// Most that hosts add to it in turn: a promise on delays allows for it, a prediction does not.
    pub slack: Nanos,
    /// Operations a second of all users together, at random instants (Poisson).
    pub rate: f64,
    /// How long users want something.
    pub span: Nanos,
    /// Of every draw.
    pub seed: u64,
    /// Where stamps come from; a physical source reads the clocks above.
    pub stamps: StampSource,
    /// Whether the premise is kept.
    pub premise: Premise,
}

impl Terms {
    /// Every process's name.
    pub fn names(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes).map(NodeId)
    }

    /// What each clock shows more than true time.
    pub fn offsets(&self) -> Vec<Nanos> {
        let last = i128::from(self.nodes.saturating_sub(1).max(1));
        let even = |place: u32| Nanos((i128::from(self.eps.0) * i128::from(place) / last) as i64) - self.eps.over(2);
        let mut offsets: Vec<Nanos> = (0..self.nodes).map(even).collect();
        Rng::stream(self.seed, Purpose::Deal, 0).shuffle(&mut offsets);
        offsets
    }

    /// Channels that keep their order, unless that is the premise which is broken.
    pub const fn delivery(&self) -> Delivery {
        match self.premise {
            Premise::Kept => Delivery::Fifo,
            Premise::Broken => Delivery::Unordered,
        }
    }

    /// The declared eps, none if that is the premise which is broken.
    pub const fn believed(&self) -> Nanos {
        match self.premise {
            Premise::Kept => self.declared,
            Premise::Broken => Nanos::ZERO,
        }
    }

    /// The longest delay that is allowed for.
    pub fn longest_delay(&self) -> Nanos {
        self.delay + self.jitter + self.slack
    }

    /// The longest delay but for what hosts add now and then.
    pub fn usual_delay(&self) -> Nanos {
        self.delay + self.jitter + self.slack.over(20)
    }

    /// A clock for stamps. Nothing that is heard is refused.
    pub fn stamper(&self, node: NodeId) -> Stamper {
        Stamper::new(self.stamps, node, Nanos::MAX)
    }

    /// Whether hearing of a stamp lifts the clocks above it.
    pub const fn is_lifted(&self) -> bool {
        matches!(self.stamps, StampSource::LamportLogical | StampSource::Hlc)
    }

    /// Instants at which users want something, at `rate` a second, and the draws that say what.
    pub fn arrivals(&self, rate: f64, id: u64) -> impl Iterator<Item = (Time<True>, Rng)> + use<> {
        let mut rng = Rng::stream(self.seed, Purpose::Users, id);
        let (seed, end) = (self.seed, Time::ZERO + self.span);
        let mut at = Time::ZERO;
        (0..).map_while(move |number: u64| {
            let gap_s = -ln(1.0 - rng.unit()) / rate;
            at += Nanos((gap_s * 1e9).min(1e18) as i64);
            (at < end).then(|| (at, Rng::stream(seed, Purpose::Users, mix(id, number))))
        })
    }

    /// A process drawn evenly.
    pub const fn any(&self, rng: &mut Rng) -> NodeId {
        NodeId(rng.below(self.nodes as u64) as u32)
    }

    /// Another process drawn evenly.
    pub const fn other(&self, than: NodeId, rng: &mut Rng) -> NodeId {
        let step = 1 + rng.below(self.nodes.saturating_sub(1) as u64) as u32;
        NodeId((than.0 + step) % self.nodes)
    }

    /// A delay drawn from the law of all arcs, for predictions.
    pub fn draw_delay(&self, rng: &mut Rng) -> Nanos {
        self.delay + Jitter::Uniform { limit: self.jitter }.draw(rng)
    }

    /// When a run is over in which nothing takes longer than `operation` after the last command.
    pub fn end(&self, operation: Nanos) -> Time<True> {
        Time::ZERO + self.span + self.eps + operation + Nanos::from_millis(10)
    }
}

const fn mix(id: u64, number: u64) -> u64 {
    (id + 1) << 40 ^ (number + 1)
}
