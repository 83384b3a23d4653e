//! What the scenes of a trial showed of clocks and channels.

use std::collections::BTreeMap;

use super::stage::{Laws, World};
use super::terms::Terms;
use crate::time::{Nanos, Synced, Time};
use crate::workload::{Log, What};

/// Two clocks are compared by readings no further apart than this: what they drift meanwhile is a microsecond or so.
const FRESH: Nanos = Nanos::from_millis(20);

/// The least, the most and the mean of spans.
#[derive(Clone, Copy, Default)]
struct Spread {
    least: Option<Nanos>,
    most: Option<Nanos>,
    sum: i128,
    count: i128,
}

impl Spread {
    fn add(&mut self, span: Nanos) {
        self.least = Some(self.least.map_or(span, |least| least.min(span)));
        self.most = self.most.max(Some(span));
        self.sum += i128::from(span.0);
        self.count += 1;
    }

    fn mean(&self) -> Nanos {
        Nanos((self.sum / self.count.max(1)) as i64)
    }
}

/// What was seen of clocks and channels, where true time is known: in virtual time, or on one host, whose agents share the raw
/// clock.
#[derive(Clone, Default)]
pub struct Seen {
    offsets: Vec<Spread>,
    delays: Spread,
    /// The most by which two clocks differed.
    eps: Nanos,
}

impl Seen {
    /// Takes a scene into account, at whose beginning a clock without offset showed `base`.
    pub fn look<E>(&mut self, log: &Log<E>, base: Option<Time<Synced>>) {
        let Some(base) = base else { return };
        self.offsets.resize(self.offsets.len().max(log.nodes as usize), Spread::default());
        let (mut under_way, mut latest) = (BTreeMap::new(), BTreeMap::new());
        for entry in &log.entries {
            let offset = (entry.reading - base) - (entry.at - Time::ZERO);
            self.offsets[entry.node.0 as usize].add(offset);
            latest.insert(entry.node, (entry.at, offset));
            let fresh = latest.values().filter(|(at, _)| entry.at - *at <= FRESH).map(|(_, other)| offset - *other);
            self.eps = fresh.map(Nanos::abs).fold(self.eps, Nanos::max);
            match entry.what {
                What::Sent { message, .. } => drop(under_way.insert(message, entry.at)),
                What::Received { message, .. } => {
                    under_way.remove(&message).into_iter().for_each(|sent| self.delays.add(entry.at - sent));
                }
                What::Commanded { .. } | What::Event(_) => {}
            }
        }
    }

    /// The world of the scenes seen, for predictions.
    pub fn world(&self, terms: &Terms) -> World {
        let delay = self.delays.least.unwrap_or_default().max(Nanos::ZERO);
        let jitter = (self.delays.mean() - delay).max(Nanos::ZERO).times(2);
        let longest = self.delays.most.unwrap_or_default();
        let slack = (longest - delay - jitter).max(Nanos::ZERO);
        let offset = |node: u32| self.offsets.get(node as usize).map_or(Nanos::ZERO, Spread::mean);
        World {
            terms: Terms { eps: self.eps, delay, jitter, slack, ..*terms },
            offsets: (0..terms.nodes).map(offset).collect(),
            laws: Laws::Measured,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NodeId;
    use crate::trial::testing;
    use crate::workload::Entry;

    const TERMS: Terms = Terms { declared: Nanos(7), ..testing::TERMS };

    #[test]
    fn offsets_spread_and_delays_are_those_of_the_log() {
        let base = Time::from_nanos(1_000);
        let entry = |at: i64, node: u32, ahead: i64, what| Entry {
            at: Time::from_nanos(at),
            reading: base + Nanos(at + ahead),
            node: NodeId(node),
            vector: Box::default(),
            what,
        };
        let sent = |message| What::<()>::Sent { to: NodeId(1), message };
        let received = |message| What::Received { from: NodeId(0), message };
        let entries = vec![
            entry(0, 0, 10, sent(1)),
            entry(100, 1, -30, received(1)),
            entry(200, 0, 12, sent(2)),
            entry(500, 1, -30, received(2)),
        ];
        let mut seen = Seen::default();
        seen.look(&Log { nodes: 2, entries }, Some(base));
        let world = seen.world(&TERMS);
        assert_eq!(world.offsets, [Nanos(11), Nanos(-30)]);
        assert_eq!((world.terms.eps, world.terms.declared), (Nanos(42), Nanos(7)), "the most that two clocks differed");
        // 100 and 300 ns: the least, twice what the mean is above it, and the longest.
        assert_eq!(
            (world.terms.delay, world.terms.jitter, world.terms.longest_delay()),
            (Nanos(100), Nanos(200), Nanos(300))
        );
        assert_eq!(world.laws, Laws::Measured);
    }
}
