//! From journals to messages: the clock read before each send and after each receipt. Never a kernel stamp: what lies
//! between makes delays longer, which no certificate minds.

use std::collections::BTreeMap;

use super::Parameters;
use crate::analysis::run::{Span, sender};
use crate::certify::Message;
use crate::certify::scale::MOST_KAPPA;
use crate::ids::{Arc, NodeId};
use crate::node::{Received, Record};
use crate::time::Ppb;

/// Leaves out nodes of which no kappa is known, or none that a clock has.
pub fn retain_usable(spans: &mut BTreeMap<NodeId, Span<'_>>, parameters: &Parameters, notes: &mut Vec<String>) {
    spans.retain(|node, _| {
        let kappa = parameters.kappa.get(node).copied();
        let usable = kappa.is_some_and(|kappa| (Ppb(0)..=MOST_KAPPA).contains(&kappa));
        if !usable {
            let said = kappa.map_or("none".to_owned(), |kappa| format!("{} ppm", kappa.as_ppm()));
            let most = MOST_KAPPA.as_ppm();
            notes.push(format!(
                "node {node} is left out of the certificate: its kappa is {said}: state 0 to {most} ppm"
            ));
        }
        usable
    });
}

/// Every message that one of the nodes received from another one's chosen boot.
pub fn messages<'a>(spans: &'a BTreeMap<NodeId, Span<'_>>) -> impl Iterator<Item = (Arc, Message)> + 'a {
    spans.iter().flat_map(move |(node, span)| {
        let message = move |received: &Received| {
            sender(spans, received)?;
            let arc = Arc { from: received.from, to: *node };
            Some((arc, Message { sent: received.sent, received: received.at, sequence: received.sequence }))
        };
        span.run.records().filter_map(move |record| match record {
            Record::Received(received) => message(received),
            _ => None,
        })
    })
}
