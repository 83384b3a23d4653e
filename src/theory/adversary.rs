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
    /// A directed ring: the only clock that is set turns slow just as its message sets out. Attains the tight bound where
    /// xi <= kappa nu, and exceeds the published one where d·xi < kappa·mu.
    Ring,
    /// Three clocks and arcs without credit: exceeds the published bound wherever xi < mu, also if d·xi >= kappa·mu.
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
                "As the chain, behind two nodes that are slow for mu and fast from then on: a message in flight meanwhile lifts one of them by kappa*mu just after both have told the chain less."
            }
            Self::Ring => {
                "Node 0 is slow; its first message is credited mu in full and lifts node 1, which is fast, above it by kappa*mu. Node 0 learns of that from the last of the ring, as late as can be."
            }
            Self::MixedMu => {
                "As the ring, but node 2 hears of node 0 over an arc without credit, which lets it fall behind by (1-kappa)*xi although every message is timely."
            }
        }
    }

    /// What it uses if nothing else is asked for: the ring has no unpredictable delay, and mixed-mu has diameter one.
    pub fn usual(self) -> Settings {
        let usual = Settings::default();
        match self {
            Self::Chain | Self::TwoSource => usual,
            Self::Ring => Settings { xi: Nanos::ZERO, ..usual },
            Self::MixedMu => Settings { diameter: 1, ..usual },
        }
    }

    /// The execution, if the settings are positive. It begins at zero, with nothing in flight and every clock but the sources
    /// so far behind that it lifts nobody: so it depends on no relation between mu, tau and d (docs/theory.md §1.1).
    pub fn execution(self, settings: Settings) -> Execution {
        match self {
            Self::Chain => settings.chain(),
            Self::TwoSource => settings.two_source(),
            Self::Ring => settings.ring(),
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
    /// The largest unpredictable delay.
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
    /// What the bounds assume of an execution that keeps to these settings.
    pub fn premises(&self) -> Premises {
        let Self { diameter, kappa, tau, mu, xi } = *self;
        Premises { kappa, diameter, tau, mu, xi }
    }

    fn nu(&self) -> Nanos {
        self.mu + self.xi
    }

    /// What a hop takes at most: tau + nu.
    fn hop(&self) -> Nanos {
        self.tau + self.nu()
    }

    /// When the first source speaks: before that it is as slow as after it, so that the bounds hold when they are reached.
    fn begin(&self) -> Nanos {
        self.tau.over(2)
    }

    fn hops(&self) -> i64 {
        i64::from(self.diameter)
    }

    /// A slow clock that starts so far behind that the first message sets it.
    fn slow(&self) -> Course {
        Course::steady(-self.hop().times(4 * self.hops() + 16), Ppb(-self.kappa.0))
    }

    /// A clock that shows zero at the start.
    fn leading(&self, signs: &[(Nanos, i64)]) -> Course {
        Course { start: Nanos::ZERO, rates: signs.iter().map(|(at, sign)| (*at, Ppb(self.kappa.0 * sign))).collect() }
    }

    /// A clock as far behind as the slow ones that is fast.
    fn heir(&self) -> Course {
        Course::steady(self.slow().start, self.kappa)
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

    /// Sources 0 and 1 and layers 2 to d + 1. Where xi >= kappa nu it reaches 2κd(τ+ν) + κμ + d(ξ−κν), the tight bound: the
    /// first message lifts source 1 by κμ just after both sources have told the layers what they showed.
    fn two_source(&self) -> Execution {
        let (layers, nu) = (self.diameter as usize, self.nu());
        let lift = self.begin() + self.mu;
        let source = self.leading(&[(Nanos::ZERO, -1), (lift, 1)]);
        let clocks = [source.clone(), source].into_iter().chain((0..layers).map(|_| self.slow())).collect();
        let end = lift + self.hop().times(self.hops());
        let mut execution = Execution { clocks, messages: Vec::new(), end };
        execution.every(self.tau, self.begin(), self.early(0, 1));
        execution.every(self.tau, lift, self.late(1, 0));
        for source in [0, 1] {
            execution.every(self.tau, lift, self.late(source, 2));
            execution.every(self.tau, lift + nu.times(self.hops()), self.late(layers + 1, source));
        }
        for layer in 1..layers {
            execution.every(self.tau, lift + nu.times(layer as i64), self.late(layer + 1, layer + 2));
        }
        execution
    }

    /// d + 1 nodes in a directed ring. Reaches 2κd(τ+ν) + κμ, the tight bound where xi <= kappa nu: the first message lifts
    /// node 1, and nothing of that comes back to node 0, slow throughout, before the end.
    fn ring(&self) -> Execution {
        let (nodes, nu) = (self.diameter as usize + 1, self.nu());
        let first = self.leading(&[(Nanos::ZERO, -1)]);
        let clocks = [first, self.heir()].into_iter().chain((2..nodes).map(|_| self.slow())).collect();
        let lift = self.begin() + self.mu;
        let end = lift + self.hop().times(self.hops());
        let mut execution = Execution { clocks, messages: Vec::new(), end };
        execution.every(self.tau, self.begin(), self.early(0, 1));
        for node in 1..nodes {
            execution.every(self.tau, lift + nu.times(node as i64 - 1), self.late(node, (node + 1) % nodes));
        }
        execution
    }

    /// Three nodes, all arcs; those between 0 and 2 are credited nothing. Reaches 2κ(τ+ν) + (1−κ)ξ + κμ, the most
    /// where credits differ: as the ring, with node 2 below node 0 by what an uncredited message loses.
    fn mixed_mu(&self) -> Execution {
        let clocks = vec![self.leading(&[(Nanos::ZERO, -1)]), self.heir(), self.slow()];
        let lift = self.begin() + self.mu;
        let mut execution = Execution { clocks, messages: Vec::new(), end: lift + self.hop() };
        execution.every(self.tau, self.begin(), self.early(0, 1));
        for (from, to) in [(0, 2), (2, 0)] {
            let uncredited = Letter { delay: self.xi, credit: Nanos::ZERO, ..self.late(from, to) };
            execution.every(self.tau, self.begin(), uncredited);
        }
        for (phase, from, to) in [(lift, 1, 0), (lift, 1, 2), (self.begin(), 2, 1)] {
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
