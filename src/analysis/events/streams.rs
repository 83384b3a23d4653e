//! Exchanges as streams, one for each asker, peer and start of the peer, and what changes in them.

use std::collections::BTreeMap;

use super::Watched;
use super::levels::{self, Point, What};
use crate::analysis::run::Span;
use crate::ids::{BootId, NodeId};
use crate::node::Record;
use crate::probe::{Exchange, Source};
use crate::time::{Local, Nanos, Time};

/// Of each such span of the asker's clock the exchange with the shortest delay is used.
const BIN: Nanos = Nanos::from_millis(100);

/// A change in what `asker` sees of `peer`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Seen {
    /// Whose exchanges.
    pub asker: NodeId,
    /// With whom.
    pub peer: NodeId,
    /// When it was last not so, in s since the run's start.
    pub at_s: f64,
    /// Until it was first so, in s.
    pub gap_s: f64,
    /// What changed.
    pub what: What,
    /// By how much peer − asker jumped, in ns.
    pub offset: f64,
    /// By how much the round trip jumped, in ns.
    pub delay: f64,
    /// By how much the slope of peer − asker changed.
    pub slope: f64,
}

/// What all nodes saw change.
pub struct Shifts {
    /// The changes.
    pub seen: Vec<Seen>,
    /// From when to when, in s since the run's start, an asker could have seen a change of a peer.
    pub watched: BTreeMap<(NodeId, NodeId), Vec<(f64, f64)>>,
}

/// All changes in all streams.
pub fn shifts(watched: &Watched<'_, '_>) -> Shifts {
    let mut shifts = Shifts { seen: Vec::new(), watched: BTreeMap::new() };
    for (asker, span) in watched.spans {
        for (peer, stream) in streams(span) {
            let kappa = |node: &NodeId| watched.spans.get(node).map_or(0, |span| span.run.header.kappa_ppb.0.max(0));
            let rates = (kappa(asker) as f64 + kappa(&peer) as f64) / 1e9;
            shifts.look(watched, (*asker, peer), &stream, rates);
        }
    }
    shifts
}

/// A node's exchanges with one start of one peer, by who that is.
fn streams<'a>(span: &Span<'a>) -> Vec<(NodeId, Vec<&'a Exchange>)> {
    let (mut boots, mut open) = (BTreeMap::<NodeId, BootId>::new(), BTreeMap::<NodeId, Vec<&Exchange>>::new());
    let mut closed = Vec::new();
    for record in span.run.records().filter(|record| (span.began..=span.ended).contains(&record.at())) {
        match record {
            Record::Received(received) => {
                let known = boots.insert(received.from, received.boot);
                if known.is_some_and(|boot| boot != received.boot) {
                    closed.extend(open.remove(&received.from).map(|stream| (received.from, stream)));
                }
            }
            Record::Exchanged(_, _, exchange) => open.entry(exchange.peer).or_default().push(exchange),
            _ => {}
        }
    }
    closed.extend(open);
    closed
}

impl Shifts {
    fn look(&mut self, watched: &Watched<'_, '_>, (asker, peer): (NodeId, NodeId), stream: &[&Exchange], rates: f64) {
        let thin = thinned(&of_one_source(stream));
        let Some(first) = thin.first().copied() else { return };
        let points: Vec<Point> = thin.iter().map(|exchange| point(exchange, first)).collect();
        let when = |index: usize| (watched.since)(asker, thin[index].t4.best());
        let last = points.len().checked_sub(levels::WINDOW);
        if let Some((from, until)) = last.and_then(|last| when(levels::WINDOW.min(last)).zip(when(last))) {
            self.watched.entry((asker, peer)).or_default().push((from, until));
        }
        for shift in levels::shifts(&points, rates) {
            let Some((before, after)) = when(shift.index - 1).zip(when(shift.index)) else { continue };
            let (at_s, gap_s, what) = (before, (after - before).max(0.0), shift.what);
            let (offset, delay, slope) = (shift.offset, shift.delay, shift.slope);
            self.seen.push(Seen { asker, peer, at_s, gap_s, what, offset, delay, slope });
        }
    }
}

/// Stamps from the kernel and from user space differ in delay: the more common ones are used alone.
fn of_one_source<'a>(stream: &[&'a Exchange]) -> Vec<&'a Exchange> {
    let is_user = |exchange: &&&Exchange| exchange.source() == Source::User;
    let mostly_user = stream.iter().filter(is_user).count() * 2 > stream.len();
    stream.iter().filter(|exchange| is_user(exchange) == mostly_user).copied().collect()
}

fn thinned<'a>(stream: &[&'a Exchange]) -> Vec<&'a Exchange> {
    let mut thin: Vec<(Time<Local>, &Exchange)> = Vec::new();
    for exchange in stream {
        let at = exchange.t4.best();
        match thin.last_mut() {
            Some((begin, best)) if (Nanos::ZERO..BIN.over(2)).contains(&(at - *begin)) => {
                if exchange.sample().delay < best.sample().delay {
                    *best = exchange;
                }
            }
            _ => thin.push((at, exchange)),
        }
    }
    thin.into_iter().map(|(_, exchange)| exchange).collect()
}

fn point(exchange: &Exchange, first: &Exchange) -> Point {
    let (sample, base) = (exchange.sample(), first.sample());
    Point {
        at: (exchange.t4.best() - first.t4.best()).0 as f64,
        offset: (sample.offset - base.offset).0 as f64,
        delay: sample.delay.0 as f64,
    }
}
