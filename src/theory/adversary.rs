//! Executions that come as close to the bound as any can: phase-aligned sends, extreme delays, clocks at 1 ± kappa.
//!
//! They show that the safe bound is tight, and that the published one, d(2κ(τ+ν)+ξ), is exceeded: a message in flight when a
//! span begins may lift a clock by up to κμ above what the proof considers.

use super::bounds::{Bounds, Premises};
use super::execution::{Course, Execution, Letter};
use crate::names::named;
use crate::time::{Nanos, Ppb};

/// Who attacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Adversary {
    /// A chain behind one fast clock; each node sends just before it would learn more.
    Chain,
    /// A chain behind two clocks, one of which lifts the other at the worst instant. Attains the tight bound where
    /// xi >= kappa nu.
    TwoSource,
    /// A directed ring with xi = 0: the fastest clock turns slow just as its message sets out. Attains the tight bound
    /// where xi < kappa nu, and exceeds the published one.
    Ring,
    /// Three clocks and one arc without credit: exceeds the published bound although d·xi >= kappa·mu.
    MixedMu,
}

impl Adversary {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Chain, Self::TwoSource, Self::Ring, Self::MixedMu];

    /// The adversary's name in flags and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::TwoSource => "two-source",
            Self::Ring => "ring",
            Self::MixedMu => "mixed-mu",
        }
    }

    /// What it does, in a sentence.
    pub const fn story(self) -> &'static str {
        match self {
            Self::Chain => {
                "Node 0 is fast and all others are slow; every message takes longest and is sent just before its sender learns more."
            }
            Self::TwoSource => {
                "As the chain, behind two fast nodes that turn slow for mu: a message in flight meanwhile lifts one of them by kappa*mu just after both have told the chain less."
            }
            Self::Ring => {
                "Node 0 is fast until it sends, then slow; its message is credited mu in full and lifts node 1, which is fast from then on, above it by kappa*mu."
            }
            Self::MixedMu => {
                "As the ring, but node 2 hears of node 0 over an arc without credit, which lets it fall behind by (1-kappa)*xi although every message is timely."
            }
        }
    }

    /// The execution, if the settings are positive; see each adversary's function.
    pub fn execution(self, settings: Settings) -> Execution {
        match self {
            Self::Chain => settings.chain(),
            Self::TwoSource => settings.two_source(),
            Self::Ring => Settings { xi: Nanos::ZERO, ..settings }.ring(),
            Self::MixedMu => settings.mixed_mu(),
        }
    }
}

named!(Adversary, "adversary");

/// What an adversary may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Directed diameter, one or more; `mixed-mu` has one always.
    pub diameter: u32,
    /// Clocks run at 1 ± this.
    pub kappa: Ppb,
    /// A message is sent over every arc so often.
    pub tau: Nanos,
    /// The largest credit.
    pub mu: Nanos,
    /// The largest unpredictable delay; `ring` has none.
    pub xi: Nanos,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            diameter: 3,
            kappa: Ppb(100_000),
            tau: Nanos::from_seconds(1),
            mu: Nanos::from_millis(1),
            xi: Nanos::from_micros(100),
        }
    }
}

impl Settings {
    fn nu(&self) -> Nanos {
        self.mu + self.xi
    }

    /// What a hop takes at most: tau + nu.
    fn hop(&self) -> Nanos {
        self.tau + self.nu()
    }

    fn hops(&self) -> i64 {
        i64::from(self.diameter)
    }

    /// A slow clock that starts so far behind that the first message sets it.
    fn slow(&self) -> Course {
        Course::steady(-self.hop().times(4 * self.hops() + 16), Ppb(-self.kappa.0))
    }

    /// A clock that starts at zero, or far behind, with rates of 1 ± kappa: the signs from instants on.
    fn turning(&self, start: Nanos, signs: &[(Nanos, i64)]) -> Course {
        Course { start, rates: signs.iter().map(|(at, sign)| (*at, Ppb(self.kappa.0 * sign))).collect() }
    }

    /// A message that takes longest.
    fn late(&self, from: usize, to: usize) -> Letter {
        Letter { from, to, sent: Nanos::ZERO, delay: self.nu(), credit: self.mu }
    }

    /// A message that takes as long as it is credited with.
    fn early(&self, from: usize, to: usize) -> Letter {
        Letter { delay: self.mu, ..self.late(from, to) }
    }

    /// d + 1 nodes; the last tells the first, whom it cannot lift. Reaches d(2κτ + κν + ξ).
    fn chain(&self) -> Execution {
        let (nodes, nu) = (self.diameter as usize + 1, self.nu());
        let fast = Course::steady(Nanos::ZERO, self.kappa);
        let clocks = [fast].into_iter().chain((1..nodes).map(|_| self.slow())).collect();
        let end = nu.times(self.hops()) + self.tau.times(self.hops() + 2);
        let mut execution = Execution { clocks, messages: Vec::new(), end };
        for node in 0..nodes {
            execution.every(self.tau, nu.times(node as i64), self.late(node, (node + 1) % nodes));
        }
        execution
    }

    /// Sources 0 and 1 and layers 2 to d + 1. Reaches 2κd(τ+ν) + κμ + d(ξ−κν), the tight bound where ξ >= κν.
    fn two_source(&self) -> Execution {
        let (layers, nu) = (self.diameter as usize, self.nu());
        let turn = self.hop().times(self.hops() + 3);
        let source = self.turning(Nanos::ZERO, &[(Nanos::ZERO, 1), (turn - self.mu, -1), (turn, 1)]);
        let clocks = [source.clone(), source].into_iter().chain((0..layers).map(|_| self.slow())).collect();
        let end = turn + self.hop().times(self.hops());
        let mut execution = Execution { clocks, messages: Vec::new(), end };
        execution.every(self.tau, turn - self.mu, self.early(0, 1));
        execution.every(self.tau, turn, self.late(1, 0));
        for source in [0, 1] {
            execution.every(self.tau, turn, self.late(source, 2));
            execution.every(self.tau, turn + nu.times(self.hops()), self.late(layers + 1, source));
        }
        for layer in 1..layers {
            execution.every(self.tau, turn + nu.times(layer as i64), self.late(layer + 1, layer + 2));
        }
        execution
    }

    /// d + 1 nodes in a directed ring. Reaches 2κd(τ+μ) + κμ.
    fn ring(&self) -> Execution {
        let nodes = self.diameter as usize + 1;
        let turn = self.hop().times(self.hops() + 2);
        let first = self.turning(Nanos::ZERO, &[(Nanos::ZERO, 1), (turn, -1)]);
        let second = self.turning(self.slow().start, &[(Nanos::ZERO, -1), (turn + self.mu, 1)]);
        let clocks = [first, second].into_iter().chain((2..nodes).map(|_| self.slow())).collect();
        let end = turn + self.mu + self.hop().times(self.hops());
        let mut execution = Execution { clocks, messages: Vec::new(), end };
        for node in 0..nodes {
            execution.every(self.tau, turn + self.mu.times(node as i64), self.early(node, (node + 1) % nodes));
        }
        execution
    }

    /// Three nodes, all arcs; the one from 0 to 2 is credited nothing. Reaches 2κ(τ+ν) + (1−κ)ξ + κμ.
    fn mixed_mu(&self) -> Execution {
        let turn = self.hop().times(4);
        let lifted = turn + self.mu;
        let first = self.turning(Nanos::ZERO, &[(Nanos::ZERO, 1), (turn, -1)]);
        let second = self.turning(self.slow().start, &[(Nanos::ZERO, -1), (lifted, 1)]);
        let end = lifted + self.hop();
        let mut execution = Execution { clocks: vec![first, second, self.slow()], messages: Vec::new(), end };
        execution.every(self.tau, turn, self.early(0, 1));
        execution.every(self.tau, turn, Letter { delay: self.xi, credit: Nanos::ZERO, ..self.late(0, 2) });
        for (phase, from, to) in [(lifted, 1, 2), (lifted, 1, 0), (turn, 2, 0), (turn, 2, 1)] {
            execution.every(self.tau, phase, self.late(from, to));
        }
        execution
    }
}

/// What an adversary came to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Attack {
    /// Who attacked.
    pub adversary: Adversary,
    /// How many clocks there were.
    pub nodes: u32,
    /// The premises that the execution fulfilled.
    pub premises: Premises,
    /// The bounds under them.
    pub bounds: Bounds,
    /// The largest eps from d(tau + nu) on, rounded down.
    pub reached: Nanos,
    /// When it was reached.
    pub at: Nanos,
}

impl Attack {
    /// Reached over tight bound.
    pub fn tightness(&self) -> Option<f64> {
        (self.bounds.tight > Nanos::ZERO).then(|| self.reached.0 as f64 / self.bounds.tight.0 as f64)
    }

    /// By how much the published bound was exceeded; not at all if negative or zero.
    pub fn excess(&self) -> Nanos {
        self.reached - self.bounds.seed
    }
}
