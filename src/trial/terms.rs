//! What a trial is given, and what follows from it for every workload alike.

use serde::{Deserialize, Serialize};

use super::stage::Delivery;
use crate::ids::NodeId;
use crate::model::{Jitter, Purpose, Rng};
use crate::order::Stamper;
use crate::order::report::StampSource;
use crate::real::ln;
use crate::time::{Nanos, Time, True};

/// No run in virtual time may be expected to send more messages than about this: it would take minutes and gigabytes.
pub const MOST_MESSAGES: f64 = 1e6;
/// No scene on real agents has more operations: its traces must be kept.
pub const MOST_OPERATIONS: f64 = 40_000.0;
/// Heartbeats a second of a process to each other one.
pub const BEATS_PER_S: f64 = 50.0;

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

    /// About how many messages a run may send: (rate + [`BEATS_PER_S`]) x span x nodes^2.
    pub fn messages(&self) -> f64 {
        (self.rate + BEATS_PER_S) * self.span.as_seconds() * f64::from(self.nodes).powi(2)
    }

    /// What of that which a workload was told was not so in the world that was `seen`: then it promised too much.
    pub fn broken_by(&self, seen: &Self) -> Vec<String> {
        let mut broken = Vec::new();
        if seen.eps > self.declared {
            broken.push(format!("clocks were up to {} apart, {} were declared", seen.eps, self.declared));
        }
        if seen.longest_delay() > self.longest_delay() {
            let (took, declared) = (seen.longest_delay(), self.longest_delay());
            broken.push(format!("a message took up to {took}, {declared} were declared"));
        }
        broken
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

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Terms of a small run, for tests that change what they are about.
    pub const TERMS: Terms = Terms {
        nodes: 2,
        eps: Nanos(1),
        declared: Nanos(1),
        delay: Nanos(1),
        jitter: Nanos(1),
        slack: Nanos(1),
        rate: 1.0,
        span: Nanos(1),
        seed: 1,
        stamps: StampSource::Ntp,
        premise: Premise::Kept,
    };
}
