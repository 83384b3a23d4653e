//! The theorems of hybrid clocks (Kulkarni et al., OPODIS 2014; theory §3.6) over a whole network. What happened before what
//! is known from vector clocks, which are kept here and know nothing of stamps.

use std::collections::BTreeMap;

use crate::causal::HlcStamp;
use crate::ids::{Algorithm, Arc, BootId, NodeId};
use crate::node::replay::{Event, Message};
use crate::node::{Received, Replay};
use crate::time::{Synced, Time};

/// One in so many events is held against all that were picked before.
const PICKED: u32 = 16;

/// A replayed boot of a node.
pub type Life = (NodeId, BootId, Replay);

/// An event: how many events of each boot it knows of, its own included, and what its stamp says.
#[derive(Clone)]
struct Known {
    vector: Vec<u32>,
    stamp: HlcStamp,
    /// The largest physical reading that it has heard of.
    heard: Time<Synced>,
}

impl Known {
    fn is_before(&self, other: &Self) -> bool {
        self.vector.iter().zip(&other.vector).all(|(one, two)| one <= two)
    }
}

struct Oracle {
    last: Vec<Option<Known>>,
    sent: BTreeMap<(BootId, Arc, u64), Known>,
    picked: Vec<Known>,
    /// For each l, the events that have it: whose, and its number there.
    of_l: BTreeMap<Time<Synced>, Vec<(usize, u32)>>,
    /// Whether some node told another stamp than it had: then nobody knows where an l came from.
    is_lied_to: bool,
    broken: Vec<String>,
}

/// The theorems that do not hold, in words, among whole lives of all nodes: (1) e before f implies stamp(e) < stamp(f), (2)
/// l ≥ pt, (3) l is the largest pt heard of, (5) c is no more than the number of events before with the same l. Theorem (4),
/// l − pt ≤ eps, follows from (3) where eps is known. Cost: O(nodes) an event, O(events) one in sixteen of them.
pub fn broken_theorems(lives: &[Life]) -> Vec<String> {
    let mut oracle = Oracle {
        last: vec![None; lives.len()],
        sent: BTreeMap::new(),
        picked: Vec::new(),
        of_l: BTreeMap::new(),
        is_lied_to: false,
        broken: Vec::new(),
    };
    let mut next = vec![0; lives.len()];
    loop {
        let before = next.clone();
        for (index, life) in lives.iter().enumerate() {
            while life.2.events.get(next[index]).is_some_and(|event| oracle.happens(index, life, event, lives)) {
                next[index] += 1;
            }
        }
        if before == next {
            break;
        }
    }
    let left: usize = lives.iter().zip(&next).map(|(life, next)| life.2.events.len() - next).sum();
    if left > 0 {
        oracle.broken.push(format!("{left} events wait for messages that nobody sent"));
    }
    oracle.broken
}

impl Oracle {
    /// Takes an event in, unless it is the receipt of a message whose send is not known yet.
    fn happens(&mut self, index: usize, life: &Life, event: &Event, lives: &[Life]) -> bool {
        let cause = match &event.message {
            Message::Sent(..) => None,
            Message::Received(received) => {
                let key = (received.boot, Arc { from: received.from, to: life.0 }, received.sequence);
                let is_known = lives.iter().any(|(node, boot, _)| (*node, *boot) == (received.from, received.boot));
                if is_known && !self.sent.contains_key(&key) {
                    return false;
                }
                self.sent.get(&key).cloned().map(|cause| (cause, received.clone()))
            }
        };
        if let Some(stamp) = event.stamp {
            self.stamped(index, life, event, stamp, cause);
        }
        true
    }

    fn stamped(&mut self, index: usize, life: &Life, event: &Event, stamp: HlcStamp, cause: Option<(Known, Received)>) {
        let before = self.last[index].take();
        let mut known = before.clone().unwrap_or_else(|| Known {
            vector: vec![0; self.last.len()],
            stamp: HlcStamp { l: Time::MIN, c: 0 },
            heard: Time::MIN,
        });
        if let Some((cause, received)) = cause {
            let told = received.claims.of(Algorithm::Hlc).map(|claim| HlcStamp { l: claim.reading, c: claim.counter });
            if told == Some(cause.stamp) {
                known.vector.iter_mut().zip(&cause.vector).for_each(|(own, its)| *own = (*own).max(*its));
                known.heard = known.heard.max(cause.heard);
                self.demand(stamp > cause.stamp, life, "1: a receipt is not later than its send");
            } else {
                self.is_lied_to = true;
            }
        }
        self.demand(
            before.is_none_or(|before| stamp > before.stamp),
            life,
            "1: a stamp is not later than the one before",
        );
        self.demand(stamp.l >= event.physical, life, "2: l is behind the physical clock");
        known.vector[index] += 1;
        known.heard = known.heard.max(event.physical);
        known.stamp = stamp;
        self.hold_against_origins(index, life, &known);
        self.pick(index, life, &known);
        if let Message::Sent(sent, _) = event.message {
            self.sent.insert((life.1, Arc { from: life.0, to: sent.to }, sent.sequence), known.clone());
        }
        self.last[index] = Some(known);
    }

    /// Theorems 3 and 5.
    fn hold_against_origins(&mut self, index: usize, life: &Life, known: &Known) {
        let same = self.of_l.entry(known.stamp.l).or_default();
        let before = same.iter().filter(|(whose, number)| *number <= known.vector[*whose]).count();
        same.push((index, known.vector[index]));
        if !self.is_lied_to {
            self.demand(known.stamp.l == known.heard, life, "3: l is not the largest reading heard of");
            self.demand(known.stamp.c as usize <= before, life, "5: c exceeds the number of events with the same l");
        }
    }

    /// Theorem 1 between events far apart.
    fn pick(&mut self, index: usize, life: &Life, known: &Known) {
        if !known.vector[index].is_multiple_of(PICKED) {
            return;
        }
        let in_order = |one: &Known| !one.is_before(known) || one.stamp < known.stamp;
        let holds = self.picked.iter().all(in_order);
        self.demand(holds, life, "1: an event is not later than one before it");
        self.picked.push(known.clone());
    }

    fn demand(&mut self, holds: bool, life: &Life, what: &str) {
        if !holds && self.broken.len() < 10 {
            self.broken.push(format!("node {}: hlc theorem {what}", life.0));
        }
    }
}
