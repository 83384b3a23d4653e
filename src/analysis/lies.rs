//! Messages that told another instant or reading than their sender's clocks showed.

use std::collections::BTreeMap;

use super::reading::{GRAIN, Readings};
use super::run::{Span, sender};
use crate::ids::{Algorithm, Arc, NodeId};
use crate::node::{Received, Record};
use crate::time::{Local, Nanos, Time};

/// When each message left by its sender's own record, by its number, in order.
struct Sends(BTreeMap<Arc, Vec<(u64, Time<Local>)>>);

impl Sends {
    fn of(spans: &BTreeMap<NodeId, Span<'_>>) -> Self {
        let mut sends: BTreeMap<Arc, Vec<(u64, Time<Local>)>> = BTreeMap::new();
        for (from, span) in spans {
            for record in span.run.records() {
                let Record::Sent(sent) = record else { continue };
                sends.entry(Arc { from: *from, to: sent.to }).or_default().push((sent.sequence, sent.at));
            }
        }
        sends.values_mut().for_each(|sends| sends.sort_unstable());
        Self(sends)
    }

    fn at(&self, arc: Arc, sequence: u64) -> Option<Time<Local>> {
        let sends = self.0.get(&arc)?;
        let found = sends.binary_search_by_key(&sequence, |(sequence, _)| *sequence).ok()?;
        Some(sends[found].1)
    }
}

/// A message carries what the sender's clock shows (IR2'). A node that tells others something else is two-faced; the
/// earliest instant there is tells nothing. A liar may have told of another instant too, at which its clock did or will show what
/// it told: so the instant is the one that it wrote down itself, where its journal has it. Cost: O(log n) for each of n messages.
pub fn told(spans: &BTreeMap<NodeId, Span<'_>>, readings: &BTreeMap<NodeId, Readings>) -> Vec<String> {
    let sends = Sends::of(spans);
    let mut lies: BTreeMap<Arc, (u64, Nanos)> = BTreeMap::new();
    for (to, span) in spans {
        for record in span.run.records() {
            let Record::Received(received) = record else { continue };
            let (Some(_), Some(own)) = (sender(spans, received), readings.get(&received.from)) else { continue };
            let arc = Arc { from: received.from, to: *to };
            let excess = excess(received, sends.at(arc, received.sequence), own).unwrap_or_default();
            if excess > GRAIN {
                let lie = lies.entry(arc).or_default();
                *lie = (lie.0 + 1, lie.1.max(excess));
            }
        }
    }
    let say = |(arc, (count, most)): (Arc, (u64, Nanos))| {
        format!(
            "premise failed: arc {arc}: {count} messages told another reading than the sender's clock showed, by up to {most}"
        )
    };
    lies.into_iter().map(say).collect()
}

/// How far what a message tells of its sender is off: of the local clock at the send, and of Lamport's clock then.
fn excess(received: &Received, sent: Option<Time<Local>>, own: &Readings) -> Option<Nanos> {
    let told = received.claims.of(Algorithm::Lamport).filter(|told| told.reading > Time::MIN)?;
    let sent = sent.unwrap_or(received.sent);
    let own = own.physical(Algorithm::Lamport);
    let of_reading = (told.reading - own.at(sent)).max(own.before(sent) - told.reading);
    Some(of_reading.max((received.sent - sent).abs()))
}
