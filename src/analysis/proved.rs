//! What is proved of a run without any common clock, beside what its declared truth says.

use std::collections::BTreeMap;

use super::audit::{Compared, audit};
use super::certificate::{Certificate, Certified, PairCell, Parameters, Schedule, bearings, certificate, statement};
use super::horizon::Horizon;
use super::parameters::real::longest;
use super::parameters::{CertifiedBound, Label, Symbol};
use super::replicas;
use super::ruling::Ruling;
use super::run::{AgentRun, Span, choose};
use super::shared;
use super::summarise::played;
use super::summary::Summary;
use super::target::Evidence;
use super::truth::Truth;
use crate::ids::{Algorithm, NodeId};
use crate::journal::{ClaimSource, HostClaim, Note};
use crate::time::{Local, Nanos, Ppb, Time};

/// With more nodes than this a report is certified on demand only: pairs grow with the square.
const MOST_NODES: usize = 32;
/// Likewise with more entries in the journals.
const MOST_ENTRIES: usize = 4_000_000;
/// A claim that is older than this says nothing any more.
const CLAIM_AGE: Nanos = Nanos::from_seconds(64);
/// How much a claim loosens with age: a kernel slews by no more, and its own maxerror grows so.
const CLAIM_AGING: Ppb = Ppb(500_000);

/// A certificate and when its instants were.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Proved {
    /// The certificate.
    pub certificate: Certificate,
    /// The step of its grid.
    pub grid: Nanos,
    /// The length of its windows.
    pub window: Nanos,
    /// Whether Lamport's clocks kept the bound that the stamps certify.
    pub ruling: Ruling,
    /// Each instant of the grid, in seconds since the run's start.
    pub at_s: Vec<f64>,
}

impl Proved {
    /// What is proved of an algorithm.
    pub fn of(&self, algorithm: Algorithm) -> Option<&Certified> {
        self.certificate.of(algorithm)
    }

    /// The pair that may have been furthest apart, and when, in seconds since the run's start.
    pub fn worst(&self, certified: &Certified) -> Option<(NodeId, NodeId, f64)> {
        let pair = certified.pairs.iter().max_by_key(|pair| (pair.high.is_none(), pair.high))?;
        Some((pair.own, pair.other, self.at_s.get(pair.worst).copied()?))
    }
}

impl Summary {
    /// Adds what is proved without a common clock: eps between limits, whether Lamport's clocks kept the bound that stamps
    /// certify, and how the hosts' own claims stand against it. Where true time is unknown the verdict of the run is that
    /// one. Assumed are each node's declared kappa, and the configured least delays and distances, nothing else. Cost: that
    /// of [`certificate`]; runs with very many nodes or entries are left out with a note.
    pub fn certify(&mut self, runs: &[AgentRun]) {
        let (spans, _) = choose(runs);
        let Some(config) = shared::config(&spans) else { return };
        let entries: usize = runs.iter().map(|run| run.entries.len()).sum();
        if self.facts.agents as usize > MOST_NODES || entries > MOST_ENTRIES {
            self.notes.push("eps is not certified here: too many nodes or entries for every report".to_owned());
            return;
        }
        let given = self.assumed(runs);
        let certificate = certificate(runs, &given, |_| ());
        let at_s = instants(&certificate, &spans);
        self.judge_claims(&certificate, &spans);
        let scenes = replicas::scenes_by_true_time(&spans);
        if !scenes.is_empty() {
            self.played = played(runs, &spans, config.nodes, &bearings(runs, &given, &scenes));
        }
        self.notes
            .extend(certificate.notes.iter().filter(|note| !self.notes.contains(note)).cloned().collect::<Vec<_>>());
        let evidence = Evidence::seen(&certificate, &given, &config, &spans, None);
        let ruling = Ruling::of(evidence, self.certified_bound.as_ref(), &self.parameters);
        if !self.knows_truth() {
            self.verdict = ruling.verdict;
        }
        self.proved = Some(Proved { certificate, grid: given.grid, window: given.window, ruling, at_s });
    }

    /// What [`Self::certify`] assumes.
    fn assumed(&self, runs: &[AgentRun]) -> Parameters {
        let mut schedule = Schedule::of(self.duration.unwrap_or(Nanos::ZERO), self.facts.tau);
        let holds_from = self.certified_bound.as_ref().map_or(Nanos::ZERO, |bound| self.begins_to_hold(bound));
        schedule.warm_up = self.warm_up.unwrap_or(schedule.warm_up).max(holds_from);
        schedule.apply(Parameters::stated(runs).with_configured_delays(runs))
    }

    /// When the bound holds for certain, on any clock, since the first instant of the grid. Instants are as near to each
    /// other as messages carry the time from node to node, so that the first one may come so much before all nodes were
    /// there.
    fn begins_to_hold(&self, bound: &CertifiedBound) -> Nanos {
        let delays = self.parameters.iter().filter(|row| row.symbol == Symbol::Nu && row.label == Label::Certified);
        let slowest = Nanos(delays.filter_map(|row| row.high).max().unwrap_or(0));
        longest(bound.holds_from + slowest.times(i64::from(bound.premises.diameter)), bound.premises.kappa)
    }

    /// The certificate of the pair of Lamport clocks that may have been furthest apart, at the instant at which the two may
    /// have been, as text for `crate::checker`; or, if the assumptions are contradicted, the first contradiction. `None` if
    /// nothing was certified.
    pub fn proof(&self, runs: &[AgentRun]) -> Option<String> {
        let certificate = &self.proved.as_ref()?.certificate;
        let pairs = &certificate.of(Algorithm::Lamport)?.pairs;
        let pair = pairs.iter().max_by_key(|pair| (pair.high, pair.low))?;
        let instant = certificate.contradictory_instant.unwrap_or(pair.worst);
        statement(runs, &self.assumed(runs), instant, pair.own, pair.other)
    }

    fn judge_claims(&mut self, certificate: &Certificate, spans: &BTreeMap<NodeId, Span<'_>>) {
        if self.facts.hosts < 2 {
            return;
        }
        let claims: BTreeMap<NodeId, Vec<&HostClaim>> =
            spans.iter().map(|(node, span)| (*node, claims(span))).collect();
        let Some(system) = certificate.of(Algorithm::System) else { return };
        let compared = system.cells.iter().flat_map(|cell| compared(certificate, cell, &claims));
        let audits = audit(compared.collect::<Vec<_>>());
        for row in &mut self.claims {
            row.audit = audits.get(&(row.node, row.source)).copied();
        }
    }
}

/// When the instants of the grid were, since the run's start: by true time where it is known, else by the first node's
/// clock since it began.
fn instants(certificate: &Certificate, spans: &BTreeMap<NodeId, Span<'_>>) -> Vec<f64> {
    let Some(first) = certificate.nodes.first() else { return Vec::new() };
    let began = spans.get(first).map_or(Time::ZERO, |span| span.began);
    let truth = Truth::rebuild(spans).and_then(|truth| Some((Horizon::of(spans, &truth)?, truth)));
    let since = |at: Time<Local>| {
        let known = truth.as_ref().and_then(|(horizon, truth)| Some(horizon.seconds_to(truth.at(*first, at)?)));
        known.unwrap_or_else(|| (at - began).as_seconds())
    };
    (0..certificate.grid.instants()).map(|instant| since(certificate.grid.at(instant)[0])).collect()
}

/// What a node's host said of the system clock, in order.
fn claims<'a>(span: &Span<'a>) -> Vec<&'a HostClaim> {
    let claim = |note: &'a Note| if let Note::Claim(claim) = note { Some(claim) } else { None };
    let mut found: Vec<&HostClaim> =
        span.run.notes().filter_map(claim).filter(|claim| claim.source.is_of_system_clock()).collect();
    found.sort_by_key(|claim| claim.at_ns);
    found
}

/// Each claim of one node against each of the other at the end of a cell, where both had claimed something lately.
fn compared(certificate: &Certificate, cell: &PairCell, claims: &BTreeMap<NodeId, Vec<&HostClaim>>) -> Vec<Compared> {
    let standing = |node: NodeId| {
        let index = certificate.nodes.iter().position(|known| *known == node);
        let end = index.map(|index| certificate.grid.at(cell.instant + 1)[index]);
        let known = end.zip(claims.get(&node)).map(|(end, claims)| latest(claims, end)).unwrap_or_default();
        known.into_iter().map(|(source, bound)| (node, source, bound)).collect::<Vec<_>>()
    };
    let others = standing(cell.other);
    let both = |own: (NodeId, ClaimSource, Nanos)| {
        others.iter().map(move |other| Compared { claims: [own, *other], offset: (cell.least, cell.largest) })
    };
    standing(cell.own).into_iter().flat_map(both).collect()
}

/// Each source's last claim before `at`, loosened by its age, unless it is old or was withdrawn.
fn latest(claims: &[&HostClaim], at: Time<Local>) -> BTreeMap<ClaimSource, Nanos> {
    let mut found = BTreeMap::new();
    let before = claims.partition_point(|claim| claim.at_ns <= at.as_nanos());
    for claim in &claims[..before] {
        let age = at - Time::from_nanos(claim.at_ns);
        found.insert(claim.source, (claim, age));
    }
    let holds = |(_, (claim, age)): &(ClaimSource, (&&HostClaim, Nanos))| claim.synchronised && *age <= CLAIM_AGE;
    let loosened = |(source, (claim, age)): (ClaimSource, (&&HostClaim, Nanos))| {
        let aged = i128::from(age.0) * i128::from(CLAIM_AGING.0) / i128::from(Ppb::ONE.0) + 1;
        (source, claim.error_bound + Nanos(aged as i64))
    };
    found.into_iter().filter(holds).map(loosened).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::mesh;

    fn claim(at_ms: i64, bound: i64, synchronised: bool) -> HostClaim {
        let source = ClaimSource::Kernel;
        let (offset, estimated_error) = (None, None);
        HostClaim { at_ns: at_ms * 1_000_000, source, synchronised, error_bound: Nanos(bound), offset, estimated_error }
    }

    #[test]
    fn a_claim_loosens_with_age_and_ends_when_it_is_withdrawn_or_old() {
        let all = [claim(1_000, 10, true), claim(3_000, 20, false), claim(5_000, 30, true)];
        let all: Vec<&HostClaim> = all.iter().collect();
        let at = |ms: i64| latest(&all, Time::from_nanos(ms * 1_000_000)).get(&ClaimSource::Kernel).copied();
        assert_eq!((at(999), at(1_000)), (None, Some(Nanos(11))));
        assert_eq!(at(2_000), Some(Nanos(500_011)), "500 us in a second");
        assert_eq!((at(3_500), at(5_000), at(69_001)), (None, Some(Nanos(31)), None));
    }

    #[test]
    fn a_run_without_messages_proves_nothing_and_does_not_fall() {
        let runs = mesh(&[0, 5]);
        let mut summary = super::super::summarise("run", &runs);
        summary.certify(&runs);
        let proved = summary.proved.expect("a certificate");
        assert!(proved.certificate.algorithms.iter().all(|certified| certified.eps_high.is_none_or(|high| high.0 > 0)));
        let none = super::super::summarise("run", &[]);
        let mut nothing = none.clone();
        nothing.certify(&[]);
        assert_eq!(nothing, none);
    }
}
