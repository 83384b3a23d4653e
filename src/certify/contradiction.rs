//! A negative cycle as a person understands it: which assumption cannot hold, which messages prove it, and what it would
//! take for them to be true.

use std::collections::BTreeMap;
use std::fmt;

use super::graph::Graph;
use super::prune::Bound;
use super::scale::{UNIT_BITS, ceil_div, units};
use crate::ids::{Arc, NodeId};
use crate::time::{Local, Nanos, Ppb, Time};

/// So many messages are told in words; all of them are in the value.
const MOST_TOLD: usize = 6;

/// What one message says, and the stretch of a clock that leads on to the next one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    /// The arc of the message.
    pub arc: Arc,
    /// Its number on the arc.
    pub sequence: u64,
    /// The sender's clock at the send.
    pub sent: Time<Local>,
    /// The receiver's clock at the receipt.
    pub received: Time<Local>,
    /// Whether it is its least or its most delay that is used.
    pub bound: Bound,
    /// That delay.
    pub delay: Nanos,
    /// The rounding and the tick of the clock that the weight allows for, in units.
    pub allowance: i64,
    /// Whose clock leads on.
    pub node: NodeId,
    /// What that clock is assumed to keep to.
    pub kappa: Ppb,
    /// From here.
    pub from: Time<Local>,
    /// To here: the stamp of the next message, which is before `from` where the cycle goes back in time.
    pub to: Time<Local>,
}

/// Assumptions and stamps that cannot all be true.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contradiction {
    /// The cycle: each link leads to the next, the last to the first.
    pub links: Vec<Link>,
    /// The nodes whose removal alone makes the rest consistent, where that was looked for.
    pub suspects: Vec<NodeId>,
}

impl Contradiction {
    /// The cycle of these edges of a graph, in this order.
    pub fn new(graph: &Graph<'_>, cycle: &[u32]) -> Self {
        let edge = |index: usize| &graph.edges[cycle[index % cycle.len()] as usize];
        let link = |index: usize| {
            let (this, next) = (edge(index), edge(index + 1));
            let line = &graph.timelines[graph.owner(this.head)];
            let delay = match this.bound {
                Bound::Least => this.traffic.delay.least,
                Bound::Most => this.traffic.delay.most.unwrap_or_default(),
            };
            let span = if this.bound == Bound::Least { -units(delay) } else { units(delay) };
            Link {
                arc: this.traffic.arc,
                sequence: this.message.sequence,
                sent: this.message.sent,
                received: this.message.received,
                bound: this.bound,
                delay,
                allowance: (i128::from(this.weight) - span) as i64,
                node: line.node,
                kappa: line.scale.kappa(),
                from: graph.readings[this.head],
                to: graph.readings[next.tail],
            }
        };
        Self { links: (0..cycle.len()).map(link).collect(), suspects: Vec::new() }
    }

    /// By how much the cycle falls short, rounded down: positive for any contradiction of a nanosecond and more.
    pub fn deficit(&self) -> Nanos {
        let missing = -self.sum(|link| link.kappa) >> UNIT_BITS;
        Nanos(missing.clamp(0, i128::from(i64::MAX)) as i64)
    }

    /// The sum of the cycle in units, if clocks keep to `kappa`.
    fn sum(&self, kappa: impl Fn(&Link) -> Ppb) -> i128 {
        let weigh = |link: &Link| {
            let kappa = i128::from(kappa(link).0);
            let one = i128::from(Ppb::ONE.0);
            let span = units(link.to - link.from);
            let slowest = if span >= 0 { one - kappa } else { one + kappa };
            let message = match link.bound {
                Bound::Least => -units(link.delay),
                Bound::Most => units(link.delay),
            };
            ceil_div(span * one, slowest) + message + i128::from(link.allowance)
        };
        self.links.iter().map(weigh).sum()
    }

    /// The nodes whose clocks the cycle uses, with what they are assumed to keep to.
    pub fn clocks(&self) -> BTreeMap<NodeId, Ppb> {
        let used = self.links.iter().filter(|link| link.from != link.to);
        used.map(|link| (link.node, link.kappa)).collect()
    }

    /// The smallest kappa of one clock with which the cycle could be; `None` if it alone cannot explain it.
    pub fn kappa_needed(&self, node: NodeId) -> Option<Ppb> {
        self.smallest_kappa(|link, kappa| if link.node == node { link.kappa.max(kappa) } else { link.kappa })
    }

    /// The smallest kappa for all clocks with which the cycle could be.
    pub fn common_kappa_needed(&self) -> Option<Ppb> {
        self.smallest_kappa(|link, kappa| link.kappa.max(kappa))
    }

    fn smallest_kappa(&self, with: impl Fn(&Link, Ppb) -> Ppb) -> Option<Ppb> {
        let holds = |kappa: i64| self.sum(|link| with(link, Ppb(kappa))) >= 0;
        let (mut low, mut high) = (0, Ppb::ONE.0 - 1);
        if !holds(high) {
            return None;
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if holds(middle) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Some(Ppb(low))
    }

    /// The largest least delay that every arc of the cycle could have at most: larger ones would have to shrink to it.
    /// `None` if not even zero explains it.
    pub fn least_delay_possible(&self) -> Option<Nanos> {
        let least = |link: &&Link| link.bound == Bound::Least && link.delay > Nanos::ZERO;
        let mut delays: Vec<i128> = self.links.iter().filter(least).map(|link| units(link.delay)).collect();
        delays.sort_unstable();
        let rest = self.sum(|link| link.kappa) + delays.iter().sum::<i128>();
        if rest < 0 || delays.is_empty() {
            return None;
        }
        // What is left for the least delays, given to the smaller ones in full as far as it goes.
        let (mut left, mut count) = (rest, delays.len() as i128);
        for delay in delays {
            let share = left / count;
            if delay > share {
                return Some(Nanos((share >> UNIT_BITS) as i64));
            }
            (left, count) = (left - delay, count - 1);
        }
        None
    }

    fn assumptions(&self) -> String {
        let clock = |(node, kappa): (NodeId, Ppb)| format!("node {node} within {} ppm", kappa.as_ppm());
        let mut said =
            vec![format!("clocks run true ({})", self.clocks().into_iter().map(clock).collect::<Vec<_>>().join(", "))];
        let delays: BTreeMap<(Bound, Arc), Nanos> =
            self.links.iter().map(|link| ((link.bound, link.arc), link.delay)).collect();
        said.extend(delays.into_iter().map(|((bound, arc), delay)| match bound {
            Bound::Least => format!("messages {arc} take at least {delay}"),
            Bound::Most => format!("messages {arc} take at most {delay}"),
        }));
        said.join("; ")
    }

    fn messages(&self) -> String {
        let seconds = |at: Time<Local>| at.as_seconds();
        let message = |link: &Link| {
            format!(
                "{} #{} (sent {:.9} s, received {:.9} s)",
                link.arc,
                link.sequence,
                seconds(link.sent),
                seconds(link.received)
            )
        };
        let told: Vec<String> = self.links.iter().take(MOST_TOLD).map(message).collect();
        let rest = self.links.len() - told.len();
        told.join(", ") + &if rest > 0 { format!(" and {rest} more") } else { String::new() }
    }

    fn ways_out(&self) -> String {
        let mut ways: Vec<String> = Vec::new();
        for (node, _) in self.clocks() {
            ways.extend(
                self.kappa_needed(node).map(|kappa| format!("kappa of node {node} at least {} ppm", kappa.as_ppm())),
            );
        }
        if self.clocks().len() > 1 {
            ways.extend(
                self.common_kappa_needed().map(|kappa| format!("kappa of all these at least {} ppm", kappa.as_ppm())),
            );
        }
        ways.extend(
            self.least_delay_possible().map(|least| format!("no least delay (mu) above {least} on these arcs")),
        );
        match ways.as_slice() {
            [] => "no kappa and no least delay explains it: a clock was set or stood still, or stamps are wrong"
                .to_owned(),
            ways => format!("it would take one of: {}", ways.join("; ")),
        }
    }
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deficit = self.deficit();
        write!(
            f,
            "cannot all be true: {}. Proof, {deficit} short round the cycle: {}. ",
            self.assumptions(),
            self.messages()
        )?;
        f.write_str(&self.ways_out())?;
        let suspects: Vec<String> = self.suspects.iter().map(NodeId::to_string).collect();
        match suspects.as_slice() {
            [] => Ok(()),
            suspects => write!(f, ". Without node {} the rest is consistent", suspects.join(", or without node ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certify::{Delay, Feasible, Message, Observation, feasible};

    fn arc(from: u32, to: u32) -> Arc {
        Arc { from: NodeId(from), to: NodeId(to) }
    }

    /// Two clocks at zero offset; each message takes 1 ms by them.
    fn found(list: &[(u32, u32, i64, i64)], least: Nanos, kappa: Ppb) -> Option<Contradiction> {
        let message = |(sequence, (from, to, sent, received)): (usize, &(u32, u32, i64, i64))| {
            let (sent, received) = (Time::from_nanos(*sent), Time::from_nanos(*received));
            (arc(*from, *to), Message { sent, received, sequence: sequence as u64 })
        };
        let kappas = [(NodeId(0), kappa), (NodeId(1), kappa)].into();
        let delays = [arc(0, 1), arc(1, 0)].map(|arc| (arc, Delay { least, most: None })).into();
        let observation = Observation::new(&kappas, &delays, list.iter().enumerate().map(message), Nanos(0));
        let graph = Graph::new(&observation, &observation.whole()).expect("short");
        match feasible(&graph) {
            Feasible::Cycle(cycle) => Some(Contradiction::new(&graph, &cycle)),
            Feasible::Times(_) => None,
        }
    }

    #[test]
    fn an_over_stated_least_delay_is_named_with_the_one_that_is_possible() {
        let exchange = [(0, 1, 0, 1_000_000), (1, 0, 1_000_000, 2_000_000)];
        assert_eq!(found(&exchange, Nanos(1_000_000), Ppb(0)), None, "the round trip is two least delays");
        let contradiction = found(&exchange, Nanos(1_000_001), Ppb(0)).expect("2 ns too much");
        assert_eq!((contradiction.deficit(), contradiction.links.len()), (Nanos(2), 2));
        assert_eq!(contradiction.least_delay_possible(), Some(Nanos(1_000_000)));
        let said = contradiction.to_string();
        assert!(said.contains("messages 0->1 take at least 1ms") && said.contains("0->1 #0 (sent"), "{said}");
        assert!(said.contains("no least delay (mu) above 1ms"), "{said}");
    }

    #[test]
    fn a_step_is_explained_by_no_least_delay_and_by_a_kappa() {
        // Clock 1 gains 5 ms in the second between two exchanges.
        let list = [
            (0, 1, 0, 1_000_000),
            (1, 0, 1_000_000, 2_000_000),
            (0, 1, 1_000_000_000, 1_006_000_000),
            (1, 0, 1_006_000_000, 1_002_000_000),
        ];
        let contradiction = found(&list, Nanos::ZERO, Ppb(50_000)).expect("a step");
        assert_eq!(contradiction.least_delay_possible(), None);
        let kappa = contradiction.kappa_needed(NodeId(1)).expect("one clock explains it");
        assert!((Ppb(2_000_000)..Ppb(5_000_000)).contains(&kappa), "{kappa:?}");
        assert!(found(&list, Nanos::ZERO, contradiction.common_kappa_needed().expect("all")).is_none());
        assert!(contradiction.to_string().contains("kappa of node 1 at least"), "{contradiction}");
    }
}
