//! The kappa that clocks would have if each were read through the frequency that its NTP-style clock found.
//!
//! Time itself may be what the reference's corrected clock shows: eps compares readings, not seconds. So a corrected clock's
//! distance from one is its rate against the reference's: (1 + f_j)·beta/(1 + f_reference), where beta is the relative rate
//! of the two local clocks, carried along links, and f the frequencies in force in the test window.

use std::collections::{BTreeMap, VecDeque};

use super::{Label, Of, Parameter, Symbol, Window};
use crate::analysis::run::Span;
use crate::ids::{Algorithm, NodeId};
use crate::node::Record;
use crate::time::{Ppb, Rate};

/// Least and largest, as numbers without unit.
type Range = (f64, f64);

/// Rows of every node, and the residual kappa of the run if every node's is known.
pub fn kappa(
    spans: &BTreeMap<NodeId, Span<'_>>,
    rates: &BTreeMap<(NodeId, NodeId), (Ppb, Ppb)>,
    reference: NodeId,
) -> (Vec<Parameter>, Option<Ppb>) {
    let against = carried(rates, reference);
    let own = spans.get(&reference).and_then(|span| frequencies(span, true));
    let mut rows = Vec::new();
    for (node, span) in spans {
        let found = against.get(node).zip(frequencies(span, *node == reference)).zip(own);
        let Some(((beta, own), of_reference)) = found else { continue };
        let how = "rate of the node's frequency-corrected clock against the reference's, less one: frequencies of its ntp \
                   clock in the test window, relative rate of the calibration, if rates stayed constant";
        let low = (1.0 + own.0) * beta.0 / (1.0 + of_reference.1) - 1.0;
        let high = (1.0 + own.1) * beta.1 / (1.0 + of_reference.0) - 1.0;
        let row = Parameter::new(Symbol::ResidualRate, Of::Node(*node), Label::Estimated, Window::Test, how);
        rows.push(row.within(Some((low * 1e9).floor() as i64), Some((high * 1e9).ceil() as i64)));
    }
    let size = |row: &Parameter| row.high.unwrap_or(0).max(row.low.unwrap_or(0).saturating_neg());
    let most = rows.iter().map(size).max().filter(|_| rows.len() == spans.len()).map(Ppb);
    if let Some(most) = most {
        let how = "the largest size of any node's residual rate; of clocks that this run did not run";
        rows.push(Parameter::new(Symbol::KappaResidual, Of::Run, Label::Estimated, Window::Test, how).at(most.0));
    }
    (rows, most)
}

/// Each node's local rate against the reference's, along the fewest links.
fn carried(rates: &BTreeMap<(NodeId, NodeId), (Ppb, Ppb)>, reference: NodeId) -> BTreeMap<NodeId, Range> {
    let mut next: BTreeMap<NodeId, Vec<(NodeId, Range)>> = BTreeMap::new();
    for ((one, other), (low, high)) in rates {
        let (low, high) = (1.0 + low.0 as f64 / 1e9, 1.0 + high.0 as f64 / 1e9);
        if low > 0.0 {
            next.entry(*one).or_default().push((*other, (low, high)));
            next.entry(*other).or_default().push((*one, (1.0 / high, 1.0 / low)));
        }
    }
    let mut found = BTreeMap::from([(reference, (1.0, 1.0))]);
    let mut queue = VecDeque::from([reference]);
    while let Some(node) = queue.pop_front() {
        let here = found[&node];
        for (peer, beta) in next.get(&node).into_iter().flatten() {
            found.entry(*peer).or_insert_with(|| {
                queue.push_back(*peer);
                (here.0 * beta.0, here.1 * beta.1)
            });
        }
    }
    found
}

/// The frequencies of a node's NTP-style clock that were in force in the test window, without what a slew adds for a while.
/// `None` if none was found before; a reference need not find one.
fn frequencies(span: &Span<'_>, is_reference: bool) -> Option<Range> {
    let changes = span.run.records().filter_map(|record| match record {
        Record::Changed(Algorithm::Ntp, change) => Some((change.reading.line.start, &change.reading)),
        _ => None,
    });
    let (mut before, mut inside) = (is_reference.then_some(Rate::ZERO), Vec::new());
    for (at, reading) in changes {
        let rate = reading.then.unwrap_or(reading.line).rate;
        if Window::Calibration.holds(span, at) || at < span.began {
            before = Some(rate);
        } else if Window::Test.holds(span, at) {
            inside.push(rate);
        }
    }
    let all = || inside.iter().chain(before.as_ref());
    before?;
    Some((all().min()?.as_ratio(), all().max()?.as_ratio()))
}
