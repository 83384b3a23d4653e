//! The real-time state machine (Lamport, *The implementation of reliable distributed multiprocess systems*, Computer Networks
//! 2, 1978), which goes on when bookkeepers fail, without ever finding out that they did.
//!
//! Specification: a command issued at T and received by any working bookkeeper before T + δ is carried out by every working
//! bookkeeper before T + Δ. The paper's own algorithm was not at hand: what follows is a reconstruction in the style of
//! Lamport's *Using time instead of timeout* (ACM TOPLAS 6(2), 1984).
//!
//! With σ = ν_max(1 + κ) + ε (+ κμ where ε is a measured spread of jumping clocks): a command stamped T that carries k signed
//! relayers is accepted if it comes before the local clock shows T + δ + kσ; who accepts signs it and relays it to all who
//! have not signed. At T + Δ, Δ = δ + (f + d_f)σ, all accepted commands stamped T are carried out, by (T, id). Here d_f is the
//! largest diameter left after f failures. Agreement: with k ≤ f relayers it reaches everybody in time; of f + 1 relayers one
//! is honest and has relayed it. The response time is Δ by construction, whatever the load. Signatures are modelled: a relayer
//! list is believed, since no process here forges one.

use std::collections::{BTreeMap, BTreeSet};

use super::wire::wire;
use super::{Actions, Input, Log, Process};
use crate::ids::NodeId;
use crate::time::{Nanos, Synced, Time};

/// A command: the instant of its issue, and its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Issued {
    /// T, on the clock of the issuer.
    pub stamp: Time<Synced>,
    /// Its name.
    pub id: u64,
}

/// A command and who signed it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Signed {
    /// The command.
    pub issued: Issued,
    /// Who accepted and relayed it, in order.
    pub relayers: Vec<NodeId>,
}

/// A user's command reaches a bookkeeper.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Submit {
    /// Its name.
    pub id: u64,
    /// How long it was under way on the bookkeeper's clock: it was issued so long ago.
    pub age: Nanos,
}

/// What the log holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A user's command came, accepted or not.
    Submitted(Issued, bool),
    /// A command was carried out.
    Executed(Issued),
}

wire!(struct Submit { id, age });
wire!(struct Issued { stamp, id });
wire!(struct Signed { issued, relayers });
wire!(enum Event { 0 = Submitted(issued, accepted); 1 = Executed(issued); });

/// What all bookkeepers are configured with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Terms {
    /// δ: commands are accepted until so long after their issue.
    pub accept: Nanos,
    /// σ: what one hop may take on any pair of clocks.
    pub hop: Nanos,
    /// f: failures that are survived.
    pub failures: u32,
    /// d_f: the largest diameter left after them.
    pub diameter: u32,
}

impl Terms {
    /// Δ = δ + (f + d_f)σ: what a command takes from its issue to its execution.
    pub const fn response(&self) -> Nanos {
        Nanos(self.accept.0.saturating_add(self.hop.times(self.failures as i64 + self.diameter as i64).0))
    }
}

/// σ = ν_max(1 + κ) + ε, with ε as declared and `kappa_ppb` the limit on local rates.
pub fn hop(longest_delay: Nanos, eps: Nanos, kappa_ppb: i64) -> Nanos {
    let stretched = i128::from(longest_delay.0) * i128::from(kappa_ppb.max(0));
    longest_delay + Nanos(stretched.div_euclid(1_000_000_000) as i64 + i64::from(kappa_ppb > 0)) + eps
}

/// How a bookkeeper fails, for showing what the terms are worth.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Conduct {
    /// It does not.
    Honest,
    /// It hides its users' commands and gives each, signed, to one neighbour alone, so late that it is just accepted.
    LastMoment {
        /// The neighbour.
        to: NodeId,
        /// How long after the issue, on its own clock.
        after: Nanos,
    },
}

type Act = Actions<Signed, Event>;

/// One bookkeeper.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Bookkeeper {
    me: NodeId,
    neighbours: Vec<NodeId>,
    terms: Terms,
    conduct: Conduct,
    accepted: BTreeSet<Issued>,
    /// Everything up to here has been carried out.
    done: Time<Synced>,
    hidden: BTreeMap<Time<Synced>, Issued>,
}

impl Bookkeeper {
    /// Bookkeeper `me` with channels to `neighbours`.
    pub const fn new(me: NodeId, neighbours: Vec<NodeId>, terms: Terms, conduct: Conduct) -> Self {
        let hidden = BTreeMap::new();
        Self { me, neighbours, terms, conduct, accepted: BTreeSet::new(), done: Time::MIN, hidden }
    }

    fn submit(&mut self, at: Time<Synced>, submit: Submit, act: &mut Act) {
        let issued = Issued { stamp: at - submit.age, id: submit.id };
        if let Conduct::LastMoment { after, .. } = self.conduct {
            self.hidden.insert(issued.stamp + after, issued);
            return;
        }
        let accepted = self.accept(at, Signed { issued, relayers: Vec::new() }, act);
        act.note(Event::Submitted(issued, accepted));
    }

    /// Whether the command is accepted now, or was before.
    fn accept(&mut self, at: Time<Synced>, signed: Signed, act: &mut Act) -> bool {
        let Signed { issued, mut relayers } = signed;
        if self.accepted.contains(&issued) {
            return true;
        }
        let limit = issued.stamp + self.terms.accept + self.terms.hop.times(relayers.len() as i64);
        if at >= limit || issued.stamp <= self.done {
            return false;
        }
        self.accepted.insert(issued);
        relayers.push(self.me);
        for to in self.neighbours.iter().filter(|to| !relayers.contains(to)) {
            act.send(*to, Signed { issued, relayers: relayers.clone() });
        }
        true
    }

    fn execute(&mut self, at: Time<Synced>, act: &mut Act) {
        let due = at - self.terms.response();
        while let Some(issued) = self.accepted.first().copied().filter(|issued| issued.stamp <= due) {
            self.accepted.remove(&issued);
            self.done = self.done.max(issued.stamp);
            act.note(Event::Executed(issued));
        }
        self.done = self.done.max(due);
    }

    fn betray(&mut self, at: Time<Synced>, act: &mut Act) {
        let Conduct::LastMoment { to, .. } = self.conduct else { return };
        while let Some((due, issued)) = self.hidden.first_key_value().map(|(due, issued)| (*due, *issued)) {
            if due > at {
                return;
            }
            self.hidden.remove(&due);
            act.send(to, Signed { issued, relayers: vec![self.me] });
        }
    }
}

impl Process for Bookkeeper {
    type Message = Signed;
    type Command = Submit;
    type Event = Event;

    fn handle(&mut self, at: Time<Synced>, input: Input<Signed, Submit>, act: &mut Act) {
        self.execute(at, act);
        match input {
            Input::Timer => {}
            Input::Command(submit) => self.submit(at, submit, act),
            Input::Received { message, .. } => {
                let mut signers = message.relayers.clone();
                signers.sort_unstable();
                signers.dedup();
                // Nobody signs twice: relayers that repeat are a forgery.
                if signers.len() == message.relayers.len() {
                    self.accept(at, message, act);
                }
            }
        }
        self.betray(at, act);
    }

    fn wake(&self) -> Time<Synced> {
        let due = self.accepted.first().map_or(Time::MAX, |issued| issued.stamp + self.terms.response());
        due.min(self.hidden.first_key_value().map_or(Time::MAX, |(due, _)| *due))
    }
}

/// What came of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    /// Users' commands that came to a working bookkeeper, and those of them that were accepted.
    pub submitted: u64,
    /// Those of them that were accepted.
    pub accepted: u64,
    /// Commands carried out by at least one of those who worked to the end.
    pub executed: u64,
    /// Commands that some of those carried out and others did not: must be none.
    pub disagreements: u64,
    /// Accepted commands that nobody of those carried out: must be none.
    pub forgotten: u64,
    /// Commands carried out after a later one: must be none.
    pub out_of_order: u64,
    /// From each command's issue to its execution, on the executing clock.
    pub latencies: Vec<Nanos>,
}

/// Checks agreement and order among `working`, the processes that neither crashed nor lied.
pub fn check(log: &Log<Event>, working: &[NodeId]) -> Findings {
    let mut found = Findings::default();
    let mut executed: BTreeMap<Issued, BTreeSet<NodeId>> = BTreeMap::new();
    let (mut accepted, mut latest) = (BTreeSet::new(), BTreeMap::new());
    for (entry, event) in log.events().filter(|(entry, _)| working.contains(&entry.node)) {
        match event {
            Event::Submitted(issued, yes) => {
                found.submitted += 1;
                found.accepted += u64::from(*yes);
                accepted.extend(yes.then_some(*issued));
            }
            Event::Executed(issued) => {
                executed.entry(*issued).or_default().insert(entry.node);
                let before = latest.insert(entry.node, *issued);
                found.out_of_order += u64::from(before.is_some_and(|before| before > *issued));
                found.latencies.push(entry.reading - issued.stamp);
            }
        }
    }
    found.executed = executed.len() as u64;
    found.disagreements = executed.values().filter(|nodes| nodes.len() < working.len()).count() as u64;
    found.forgotten = accepted.iter().filter(|issued| !executed.contains_key(issued)).count() as u64;
    found
}

/// d_f: the largest diameter of what is left of a graph after deleting any `failures` nodes or fewer; `None` if it can fall
/// apart. `links` are pairs of neighbours. Cost: all subsets; for small graphs.
pub fn diameter_after_failures(nodes: u32, links: &[(u32, u32)], failures: u32) -> Option<u32> {
    let mut most = 0;
    for deleted in 0..1_u64 << nodes {
        if deleted.count_ones() <= failures {
            most = most.max(diameter_without(nodes, links, deleted)?);
        }
    }
    Some(most)
}

fn diameter_without(nodes: u32, links: &[(u32, u32)], deleted: u64) -> Option<u32> {
    let left = |node: u32| deleted & (1 << node) == 0;
    let mut most = 0;
    for start in (0..nodes).filter(|node| left(*node)) {
        let (mut reached, mut hops) = (1_u64 << start, 0);
        loop {
            let has = |node: u32| reached & (1 << node) != 0;
            let ends = links.iter().filter(|(a, b)| left(*a) && left(*b) && has(*a) != has(*b));
            let next = ends.fold(reached, |next, (a, b)| next | 1 << a | 1 << b);
            if next == reached {
                break;
            }
            (reached, hops) = (next, hops + 1);
        }
        if reached.count_ones() + deleted.count_ones() < nodes {
            return None;
        }
        most = most.max(hops);
    }
    Some(most)
}

#[cfg(test)]
mod tests {
    use super::super::explore::{Channels, Explored, Pace, World, explore};
    use super::*;

    #[test]
    fn the_diameter_after_failures_is_that_of_the_worst_remainder() {
        let complete: Vec<(u32, u32)> = (0..4).flat_map(|a| (0..a).map(move |b| (b, a))).collect();
        let ring: Vec<(u32, u32)> = (0..8).map(|a| (a, (a + 1) % 8)).collect();
        assert_eq!(diameter_after_failures(4, &complete, 2), Some(1));
        assert_eq!(diameter_after_failures(8, &ring, 0), Some(4));
        assert_eq!(diameter_after_failures(8, &ring, 1), Some(6), "a path of seven: f + d_f = 7");
        assert_eq!(diameter_after_failures(8, &ring, 2), None, "two failures cut a ring in two");
    }

    #[test]
    fn a_hop_is_the_longest_delay_stretched_and_the_clocks_spread() {
        assert_eq!(hop(Nanos(1_000_000), Nanos(500), 1_000_000), Nanos(1_001_501));
        assert_eq!(hop(Nanos(1_000_000), Nanos(500), 0), Nanos(1_000_500));
        let terms = Terms { accept: Nanos(10), hop: Nanos(100), failures: 1, diameter: 6 };
        assert_eq!(terms.response(), Nanos(710));
    }

    /// Three bookkeepers whose clocks are ahead by so many ns, two users, and one crash at any moment, also half-way through a
    /// relay; messages take up to 1 ns, and the bookkeepers are told of clocks up to 1 ns apart. What is remembered: what each
    /// accepted and what it carried out.
    fn explored(ahead: [i64; 3], age: Nanos) -> Explored {
        let terms = Terms { accept: Nanos(2), hop: hop(Nanos(1), Nanos(1), 0), failures: 1, diameter: 1 };
        let bookkeeper = |(me, ahead): (u32, i64)| {
            let neighbours = (0..3).map(NodeId).filter(|node| node.0 != me).collect();
            let commands = if me < 2 { vec![Submit { id: u64::from(me), age }] } else { Vec::new() };
            (Bookkeeper::new(NodeId(me), neighbours, terms, Conduct::Honest), Time::from_nanos(ahead), commands)
        };
        let world = World {
            processes: (0..).zip(ahead).map(bookkeeper).collect(),
            channels: Channels::Unordered,
            pace: Pace::Ticks { longest_delay: Nanos(1), commands_until: Nanos(1) },
            crashes: 1,
            memory: vec![(Vec::new(), Vec::new()); 3],
        };
        let observe = |memory: &mut Vec<(Vec<Issued>, Vec<Issued>)>, node: NodeId, event: &Event| {
            let (accepted, executed) = &mut memory[node.0 as usize];
            match event {
                Event::Submitted(issued, yes) => accepted.extend(yes.then_some(*issued)),
                Event::Executed(issued) if executed.last().is_some_and(|last| last > issued) => {
                    return Err(format!("{node} carries out {issued:?} too late"));
                }
                Event::Executed(issued) => executed.push(*issued),
            }
            Ok(())
        };
        let judge = |memory: &Vec<(Vec<Issued>, Vec<Issued>)>, crashed: &[NodeId]| {
            let living =
                || (0..).map(NodeId).zip(memory).filter(|(node, _)| !crashed.contains(node)).map(|(_, did)| did);
            let kept =
                |(accepted, executed): &(Vec<Issued>, Vec<Issued>)| accepted.iter().all(|one| executed.contains(one));
            let same = living().all(|(_, executed)| living().all(|(_, other)| executed == other));
            if same && living().all(kept) { Ok(()) } else { Err(format!("without {crashed:?}: {memory:?}")) }
        };
        explore(world, observe, judge)
    }

    #[test]
    fn whoever_crashes_and_when_the_others_carry_out_the_same_commands_in_the_same_order() {
        for (ahead, age) in [([0, 0, 1], 0), ([1, 0, 1], 1), ([1, 0, 0], 1)] {
            let found = explored(ahead, Nanos(age));
            assert_eq!(found.complaint, None, "{ahead:?}: {:?}", found.path);
            assert!(found.ends && found.states > 1_000, "{found:?}");
        }
        let complaint = explored([0, 0, 3], Nanos(1)).complaint;
        assert!(complaint.is_some_and(|complaint| complaint.contains("without")), "clocks 3 ns apart, 1 ns declared");
    }
}
