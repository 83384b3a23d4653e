//! The bound without truth: every premise certified by stamps, so that what follows is too.
//!
//! A message that belongs to an exchange has an unpredictable delay of at most its round trip less both credits; any other
//! one counts as late. Both only lengthen tau_eff(xi), as judging each arc over its sender's whole span does, so that the
//! least safe bound over xi is never below the one that truth gives.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::heard::{Course, Traffic};
use super::real::{GRAIN, shortest};
use crate::analysis::timely::{Given, choose_until};
use crate::ids::{Arc, NodeId};
use crate::theory::{Bounds, Premises};
use crate::time::{Local, Nanos, Ppb, Time};

/// A bound on how far Lamport's clocks were apart, from journals alone. It rests on kappa, on credits that do not exceed
/// delays, and on clocks that were not set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CertifiedBound {
    /// The premises, with the xi that makes the safe bound smallest.
    pub premises: Premises,
    /// The bounds under them; verdicts stand on the safe one.
    pub bounds: Bounds,
    /// How long after all nodes were there it begins to hold, in real time.
    pub holds_from: Nanos,
    /// For how long all nodes were there at least, in real time.
    pub run: Nanos,
}

/// The least safe bound for `kappa`, in a graph of diameter `diameter`. `None` if none begins to hold within the run.
pub fn best(traffic: &Traffic, kappa: Ppb, diameter: u32) -> Option<CertifiedBound> {
    let run = together(&traffic.courses)?;
    let arcs: Vec<_> = traffic.courses.values().map(Course::timed).collect();
    let ends: Vec<Nanos> = traffic.courses.values().map(Course::length).collect();
    let mut premises = choose_until(&arcs, &ends, &Given { kappa, diameter, mu: traffic.mu, run })?;
    if diameter > 0 {
        premises.tau = opened(premises.tau);
    }
    let holds_from = premises.warm_up();
    (holds_from < run).then(|| CertifiedBound { premises, bounds: premises.bounds(), holds_from, run })
}

/// A gap between two instants that were each rounded: it may be so much longer.
pub fn opened(gap: Nanos) -> Nanos {
    gap + GRAIN + Nanos(1)
}

/// For how long every arc was judged at the same time, at least. No clock is common: on the way to one node, messages carry
/// the news that a node has begun, and from which instant on it had not ended. Cost: O(M).
fn together(courses: &BTreeMap<Arc, Course>) -> Option<Nanos> {
    let mut own: BTreeMap<NodeId, (Time<Local>, Time<Local>)> = BTreeMap::new();
    for (arc, course) in courses {
        let (start, end) = (*course.judged.start(), *course.judged.end());
        let known = own.entry(arc.from).or_insert((start, end));
        *known = (known.0.max(start), known.1.min(end));
    }
    let (root, kappa) = courses.iter().next().map(|(arc, course)| (arc.from, course.kappa))?;
    for Arc { from: parent, to: child } in tree(courses, root).into_iter().rev() {
        let (start, end) = *own.get(&child)?;
        let up = &courses.get(&Arc { from: child, to: parent })?.heard;
        let down = &courses.get(&Arc { from: parent, to: child })?.heard;
        let begun = up.iter().filter(|message| message.sent >= start).map(|message| message.at).min()?;
        let going = down.iter().filter(|message| message.at <= end).map(|message| message.sent).max()?;
        let known = own.get_mut(&parent)?;
        *known = (known.0.max(begun), known.1.min(going));
    }
    let (start, end) = *own.get(&root)?;
    (end > start).then(|| shortest(end - start - GRAIN, kappa).max(Nanos::ZERO))
}

/// Arcs away from `root` that reach every node, nearer ones first.
fn tree(courses: &BTreeMap<Arc, Course>, root: NodeId) -> Vec<Arc> {
    let mut next: BTreeMap<NodeId, Vec<Arc>> = BTreeMap::new();
    courses.keys().for_each(|arc| next.entry(arc.from).or_default().push(*arc));
    let (mut seen, mut queue, mut found) = (BTreeSet::from([root]), VecDeque::from([root]), Vec::new());
    while let Some(node) = queue.pop_front() {
        for arc in next.get(&node).into_iter().flatten() {
            if seen.insert(arc.to) {
                found.push(*arc);
                queue.push_back(arc.to);
            }
        }
    }
    found
}
