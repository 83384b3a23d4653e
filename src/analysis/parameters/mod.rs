//! The parameters of Lamport's theorem as journals alone show them, each labelled: certified, estimated or assumed
//! (docs/theory.md §1.3). True time is never used, also where it is known.
//!
//! Stamps are those of the program: T_m and the instant from which a jump is in force. What is inferred from a trace (rates,
//! minima) comes from its first third, what is tested with it from the rest ([`Window`]).
//!
//! Reading order: [`heard`] (messages and what exchanges prove of them), [`hull`] (lines through clouds of stamps), [`rate`],
//! [`delay`], [`bound`], [`residual`].

pub mod bound;
pub mod delay;
pub mod heard;
pub mod hull;
pub mod rate;
pub mod real;
pub mod residual;
mod windows;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use bound::CertifiedBound;
pub use windows::{Window, judged};

use super::facts;
use super::run::Span;
use crate::ids::{Arc, NodeId};
use crate::journal::RunConfig;
use crate::length::Length;
use crate::time::{Nanos, Ppb};
use crate::topology::{self, Impairment};

/// What a number rests on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Label {
    /// It follows from stamps, from the assumed kappa, and from what `how` names.
    Certified,
    /// It is likely, and nobody can promise it.
    Estimated,
    /// Somebody said so.
    Assumed,
}

impl Label {
    /// The label's word in every file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Certified => "certified",
            Self::Estimated => "estimated",
            Self::Assumed => "assumed",
        }
    }
}

/// The unit of a parameter's values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Nanoseconds.
    Ns,
    /// Parts per billion.
    Ppb,
    /// Hops.
    Hops,
}

macro_rules! symbols {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $unit:ident;)*) => {
        /// Which parameter.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Symbol { $($(#[$doc])* $variant,)* }

        impl Symbol {
            /// Every symbol.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in every file.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The unit of its values.
            pub const fn unit(self) -> Unit {
                match self { $(Self::$variant => Unit::$unit,)* }
            }
        }
    };
}

symbols! {
    /// Limit on |rate − 1|.
    Kappa = "kappa", Ppb;
    /// Rate of one clock against another, less one.
    RelativeRate = "relative_rate", Ppb;
    /// The same of frequency-corrected clocks, against the reference's.
    ResidualRate = "residual_rate", Ppb;
    /// The kappa that frequency-corrected clocks would have.
    KappaResidual = "kappa_residual", Ppb;
    /// Longest gap between sends of received messages.
    TauReceived = "tau_received", Ns;
    /// Longest gap between sends of timely messages.
    TauEff = "tau_eff", Ns;
    /// Delay.
    Nu = "nu", Ns;
    /// Minimum delay.
    Mu = "mu", Ns;
    /// Unpredictable delay.
    Xi = "xi", Ns;
    /// Directed diameter.
    Diameter = "diameter", Hops;
    /// The safe bound.
    Bound = "bound_safe", Ns;
    /// The safe bound of frequency-corrected clocks.
    BoundResidual = "bound_safe_residual", Ns;
}

/// What a parameter is of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Of {
    /// The run.
    Run,
    /// One node.
    Node(NodeId),
    /// Two nodes; a rate is that of the second one's clock against the first one's.
    Pair(NodeId, NodeId),
    /// One direction.
    Arc(Arc),
}

impl fmt::Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run => f.write_str("run"),
            Self::Node(node) => write!(f, "node {node}"),
            Self::Pair(one, other) => write!(f, "{one}-{other}"),
            Self::Arc(arc) => write!(f, "{arc}"),
        }
    }
}

/// One number and what it rests on. An interval's end that is missing is open; no number at all means that there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parameter {
    /// Which.
    pub symbol: Symbol,
    /// Of what.
    pub of: Of,
    /// What it rests on.
    pub label: Label,
    /// Which part of the run.
    pub window: Window,
    /// How it was found, and by which stamps.
    pub how: &'static str,
    /// The number, in the symbol's unit.
    pub value: Option<i64>,
    /// Not below this.
    pub low: Option<i64>,
    /// Not above this.
    pub high: Option<i64>,
}

impl Parameter {
    const fn new(symbol: Symbol, of: Of, label: Label, window: Window, how: &'static str) -> Self {
        Self { symbol, of, label, window, how, value: None, low: None, high: None }
    }

    const fn at(self, value: i64) -> Self {
        Self { value: Some(value), ..self }
    }

    const fn within(self, low: Option<i64>, high: Option<i64>) -> Self {
        Self { low, high, ..self }
    }
}

/// What was measured of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Measured {
    /// The run's own first, then by node, pair and arc.
    pub parameters: Vec<Parameter>,
    /// The bound that stamps alone prove, with the declared kappa.
    pub certified: Option<CertifiedBound>,
    /// The bound that Lamport's rule would have kept on frequency-corrected clocks: not these.
    pub residual: Option<CertifiedBound>,
    /// What a reader must know.
    pub notes: Vec<String>,
}

/// Measures a run by its journals. Cost: O(M log M) for M messages, twice.
pub fn measure(config: &RunConfig, spans: &BTreeMap<NodeId, Span<'_>>) -> Measured {
    let configured: BTreeMap<Arc, Impairment> = config.arcs.iter().copied().collect();
    let given = |arc: Arc| configured.get(&arc).copied().unwrap_or_default();
    let light = |arc: Arc| given(arc).distance.map_or(Nanos::ZERO, Length::in_vacuum);
    let traffic = heard::read(spans, configured.keys().map(|arc| (*arc, light(*arc))), judged(spans, config));
    let rates = rate::relative(spans, &traffic.courses, |arc| given(arc).mu.max(light(arc)));
    let (residual_rows, residual_kappa) = residual::kappa(spans, &rates.calibrated, config.reference);
    let kappa = spans.values().map(|span| span.run.header.kappa_ppb.max(Ppb(0))).max();
    // An arc whose sender left no journal may have been silent.
    let whole = traffic.courses.len() == configured.len();
    let best = |kappa: Ppb| {
        let diameter = facts::diameter(config).filter(|_| whole)?;
        bound::best(&traffic, kappa, diameter)
    };
    let (certified, residual) = (kappa.and_then(best), residual_kappa.and_then(best));
    let mut parameters: Vec<Parameter> = bounds(certified.as_ref(), residual.as_ref());
    parameters.extend(diameters(config, spans, &traffic.courses));
    parameters.extend(rate::declared(spans));
    parameters.extend(rates.rows.iter().chain(&residual_rows));
    parameters.extend(delay::rows(spans, &traffic.courses, given, certified.map(|bound| bound.premises.xi)));
    parameters.sort_by_key(|row| (row.of, row.symbol, row.label, row.window));
    let notes = refuted(&rates.rows, kappa);
    Measured { parameters, certified, residual, notes }
}

fn bounds(certified: Option<&CertifiedBound>, residual: Option<&CertifiedBound>) -> Vec<Parameter> {
    let mut rows = Vec::new();
    if let Some(bound) = certified {
        let row = |symbol, how| Parameter::new(symbol, Of::Run, Label::Certified, Window::Whole, how);
        let how = "least over xi of d(2 kappa (tau_eff(xi)+nu)+xi) + kappa mu, with the declared kappa and round trips; no \
                   truth used";
        rows.push(row(Symbol::Bound, how).at(bound.bounds.safe.0));
        let premises = &bound.premises;
        rows.push(row(Symbol::Xi, "the xi that makes the bound least").at(premises.xi.0));
        rows.push(row(Symbol::TauEff, "the longest tau_eff of any arc for the bound's xi").at(premises.tau.0));
        rows.push(row(Symbol::Mu, "the largest credit of any message").at(premises.mu.0));
    }
    if let Some(bound) = residual {
        let how = "the same with the residual kappa: for clocks that this run did not run, Lamport's rule on \
                   frequency-corrected ones; tau and round trips as above";
        let row = Parameter::new(Symbol::BoundResidual, Of::Run, Label::Estimated, Window::Whole, how);
        rows.push(row.at(bound.bounds.safe.0));
    }
    rows
}

fn diameters(
    config: &RunConfig,
    spans: &BTreeMap<NodeId, Span<'_>>,
    courses: &BTreeMap<Arc, heard::Course>,
) -> Vec<Parameter> {
    let row = |label, window, how, found: Option<u32>| {
        let row = Parameter::new(Symbol::Diameter, Of::Run, label, window, how);
        Parameter { value: found.map(i64::from), ..row }
    };
    let has_traffic = |arc: &Arc, course: &heard::Course| {
        let sender = spans.get(&arc.from);
        sender.is_some_and(|sender| course.heard.iter().any(|message| Window::Test.holds(sender, message.sent)))
    };
    let with_traffic: BTreeSet<Arc> =
        courses.iter().filter(|(arc, course)| has_traffic(arc, course)).map(|(arc, _)| *arc).collect();
    let effective = topology::diameter((0..config.nodes).map(NodeId), with_traffic);
    vec![
        row(
            Label::Assumed,
            Window::Whole,
            "the configured links; empty if some node cannot reach another",
            facts::diameter(config),
        ),
        row(
            Label::Certified,
            Window::Test,
            "arcs over which a message arrived; empty if they do not join all nodes",
            effective,
        ),
    ]
}

/// The assumed kappa, where relative rates contradict it, and clocks of which no constant rate fits.
fn refuted(rates: &[Parameter], kappa: Option<Ppb>) -> Vec<String> {
    let mut notes = Vec::new();
    let least = rates.iter().find(|row| row.symbol == Symbol::Kappa).and_then(|row| row.low);
    if let Some((least, kappa)) = least.zip(kappa).filter(|(least, kappa)| *least > kappa.0) {
        let (least, kappa) = (Ppb(least).as_ppm(), kappa.as_ppm());
        notes.push(format!(
            "premise failed: two clocks differ so much in rate that kappa is {least} ppm at least, declared are {kappa}"
        ));
    }
    let is_empty = |row: &&Parameter| row.how == rate::NO_LINE;
    let pairs: BTreeSet<String> = rates.iter().filter(is_empty).map(|row| row.of.to_string()).collect();
    if !pairs.is_empty() {
        let named: Vec<String> = pairs.iter().take(20).cloned().collect();
        notes.push(format!(
            "no constant relative rate fits the stamps of {}: a rate changed or a clock was set",
            named.join(", ")
        ));
    }
    notes
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
