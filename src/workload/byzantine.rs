//! Byzantine generals (Lamport, Shostak & Pease, ACM TOPLAS 4(3), 1982): loyal generals must agree although some lie.
//!
//! IC1: all loyal lieutenants obey the same order. IC2: if the commander is loyal, they obey its order. OM(m), oral messages,
//! needs n > 3m; SM(m), signed ones, is meaningful from n = m + 2 on. Both take m + 1 rounds; a message names the path it
//! took, each general on it once, and the rounds are told apart by clocks: one lasts longer than σ = ν_max(1 + κ) + ε (+ κμ for
//! jumping clocks), else messages come when their round is over and are dropped. One that comes early is kept.
//! Messages of OM(m): (n−1) + (n−1)(n−2) + … , m + 1 terms. Signatures are modelled: a traitor passes signed orders on or not,
//! but changes none. Traitors that lend each other their signatures are left out.

use std::collections::BTreeSet;

use super::anomaly::Silence;
use super::real_time::hop;
use super::wire::wire;
use super::{Actions, Input, Log, Process};
use crate::ids::NodeId;
use crate::time::{Nanos, Synced, Time};

/// Who gives the order.
pub const COMMANDER: NodeId = NodeId(0);

/// What is ordered. Retreat is what a general does who heard nothing, or no majority.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Order {
    /// Attack.
    Attack,
    /// Retreat.
    Retreat,
}

impl Order {
    const fn other(self) -> Self {
        match self {
            Self::Attack => Self::Retreat,
            Self::Retreat => Self::Attack,
        }
    }
}

/// Whether orders can be changed on their way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scheme {
    /// OM(m): a general may say anything of what it heard.
    Oral,
    /// SM(m): an order carries the signatures of all whom it passed.
    Signed,
}

/// What all generals agreed on before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Terms {
    /// n, the commander among them.
    pub generals: u32,
    /// m: traitors that are survived.
    pub traitors: u32,
    /// Oral or signed.
    pub scheme: Scheme,
    /// When the first round begins.
    pub start: Time<Synced>,
    /// How long a round is.
    pub round: Nanos,
}

/// An order on its way.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Told {
    /// Whom it passed: the commander first, the sender last.
    pub path: Vec<NodeId>,
    /// What it says.
    pub order: Order,
}

/// How long a round must be for messages that take up to `longest_delay` between clocks up to `eps` apart whose rates are within
/// `kappa_ppb`: one that takes just σ comes at the very reading at which a round of σ is over.
pub fn round(longest_delay: Nanos, eps: Nanos, kappa_ppb: i64) -> Nanos {
    hop(longest_delay, eps, kappa_ppb) + Nanos(1)
}

/// How a general behaves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Conduct {
    /// As agreed.
    Loyal,
    /// By two bits of this number for each message it should send. Oral: the lower bit turns the order round. Signed: the lower
    /// bit withholds it; of a commander, 0 sends the order, 1 the other one, 2 both, 3 none.
    Traitor(u64),
}

/// What the log holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The general obeys this order.
    Decided(Order),
    /// A message came when its round was over.
    WrongRound,
}

wire!(enum Order { 0 = Attack; 1 = Retreat; });
wire!(struct Told { path, order });
wire!(enum Event { 0 = Decided(order); 1 = WrongRound; });

type Act = Actions<Told, Event>;

/// One general.
#[derive(Clone, PartialEq, Hash, Debug)]
pub struct General {
    me: NodeId,
    terms: Terms,
    conduct: Conduct,
    order: Order,
    /// What came, by the path that it took.
    told: BTreeSet<(Vec<NodeId>, Order)>,
    seen: BTreeSet<Order>,
    /// The round that begins next; after the last one comes the decision.
    next: u32,
    said: u32,
}

impl General {
    /// General `me`; `order` counts if it is the commander.
    pub const fn new(me: NodeId, terms: Terms, conduct: Conduct, order: Order) -> Self {
        Self { me, terms, conduct, order, told: BTreeSet::new(), seen: BTreeSet::new(), next: 0, said: 0 }
    }

    fn begins(&self, round: u32) -> Time<Synced> {
        self.terms.start + self.terms.round.times(i64::from(round))
    }

    fn advance(&mut self, at: Time<Synced>, act: &mut Act) {
        while self.next <= self.terms.traitors + 1 && self.begins(self.next) <= at {
            let round = self.next;
            self.next += 1;
            if round > self.terms.traitors {
                act.note(Event::Decided(self.decision()));
            } else if round == 0 && self.me == COMMANDER {
                self.pass_on(&[], self.order, act);
            } else if round > 0 {
                let heard = self.told.iter().filter(|(path, _)| path.len() == round as usize);
                for (path, order) in heard.cloned().collect::<Vec<_>>() {
                    self.pass_on(&path, order, act);
                }
            }
        }
    }

    /// Sends an order with one's own name on its path to everybody who is not on it.
    fn pass_on(&mut self, path: &[NodeId], order: Order, act: &mut Act) {
        let path: Vec<NodeId> = path.iter().copied().chain([self.me]).collect();
        for to in (0..self.terms.generals).map(NodeId).filter(|to| !path.contains(to)) {
            for order in self.says(order) {
                act.send(to, Told { path: path.clone(), order });
            }
        }
    }

    /// What the general makes of an order that it should pass on.
    fn says(&mut self, order: Order) -> Vec<Order> {
        let Conduct::Traitor(strategy) = self.conduct else { return vec![order] };
        let choice = strategy.checked_shr(2 * self.said).unwrap_or_default() & 3;
        self.said += 1;
        match (self.terms.scheme, self.me == COMMANDER, choice) {
            (Scheme::Oral, _, 1 | 3) => vec![order.other()],
            (Scheme::Signed, false, 1 | 3) | (Scheme::Signed, true, 3) => Vec::new(),
            (Scheme::Signed, true, 1) => vec![order.other()],
            (Scheme::Signed, true, 2) => vec![order, order.other()],
            _ => vec![order],
        }
    }

    fn receive(&mut self, at: Time<Synced>, from: NodeId, told: Told, act: &mut Act) {
        let Told { path, order } = told;
        if !self.is_valid(from, &path) {
            return;
        }
        if at >= self.begins(path.len() as u32) {
            act.note(Event::WrongRound);
        } else if self.is_news(&path, order) {
            self.told.insert((path, order));
        }
    }

    /// Oral: the first order on its path. Signed: an order not seen before, on whatever path.
    fn is_news(&mut self, path: &[NodeId], order: Order) -> bool {
        match self.terms.scheme {
            Scheme::Oral => !self.has_heard(path, order.other()),
            Scheme::Signed => self.seen.insert(order),
        }
    }

    fn has_heard(&self, path: &[NodeId], order: Order) -> bool {
        self.told.contains(&(path.to_vec(), order))
    }

    fn is_valid(&self, from: NodeId, path: &[NodeId]) -> bool {
        let once = |(place, node): (usize, &NodeId)| !path[..place].contains(node);
        let ends = path.first() == Some(&COMMANDER) && path.last() == Some(&from);
        let known = path.iter().all(|node| node.0 < self.terms.generals && *node != self.me);
        ends && known && path.len() <= self.terms.traitors as usize + 1 && path.iter().enumerate().all(once)
    }

    fn decision(&self) -> Order {
        match self.terms.scheme {
            _ if self.me == COMMANDER => self.order,
            Scheme::Oral => self.majority(&mut vec![COMMANDER]),
            // choice(V): the order if there is one, else to retreat.
            Scheme::Signed if self.seen.len() == 1 => self.seen.first().copied().unwrap_or(Order::Retreat),
            Scheme::Signed => Order::Retreat,
        }
    }

    /// What OM makes of the order that came along `path`: the majority of what its last general told oneself and of what each
    /// other one makes of it.
    fn majority(&self, path: &mut Vec<NodeId>) -> Order {
        let heard = if self.has_heard(path, Order::Attack) { Order::Attack } else { Order::Retreat };
        if path.len() > self.terms.traitors as usize {
            return heard;
        }
        let (mut attack, mut all) = (u32::from(heard == Order::Attack), 1);
        for other in (0..self.terms.generals).map(NodeId).filter(|other| *other != self.me) {
            if !path.contains(&other) {
                path.push(other);
                attack += u32::from(self.majority(path) == Order::Attack);
                path.pop();
                all += 1;
            }
        }
        if 2 * attack > all { Order::Attack } else { Order::Retreat }
    }
}

impl Process for General {
    type Message = Told;
    type Command = Silence;
    type Event = Event;

    fn handle(&mut self, at: Time<Synced>, input: Input<Told, Silence>, act: &mut Act) {
        self.advance(at, act);
        if let Input::Received { from, message } = input {
            self.receive(at, from, message, act);
        }
    }

    fn wake(&self) -> Time<Synced> {
        if self.next > self.terms.traitors + 1 { Time::MAX } else { self.begins(self.next) }
    }
}

/// What came of a battle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    /// Loyal generals that decided.
    pub decided: u64,
    /// IC1 is broken: two loyal lieutenants obey different orders.
    pub ic1: bool,
    /// IC2 is broken: the commander is loyal and a loyal lieutenant does not obey it.
    pub ic2: bool,
    /// Messages that came when their round was over.
    pub wrong_round: u64,
}

/// Checks the conditions of interactive consistency among `loyal` generals; `order` is the commander's.
pub fn check(log: &Log<Event>, loyal: &[NodeId], order: Order) -> Findings {
    let mut found = Findings::default();
    let mut obeyed = BTreeSet::new();
    for (entry, event) in log.events().filter(|(entry, _)| loyal.contains(&entry.node)) {
        match event {
            Event::WrongRound => found.wrong_round += 1,
            Event::Decided(decided) => {
                found.decided += 1;
                if entry.node != COMMANDER {
                    obeyed.insert(*decided);
                }
            }
        }
    }
    found.ic1 = obeyed.len() > 1;
    found.ic2 = loyal.contains(&COMMANDER) && obeyed.iter().any(|obeyed| *obeyed != order);
    found
}

/// Messages of OM(m) among n generals: (n−1) + (n−1)(n−2) + …, m + 1 terms.
pub fn oral_messages(generals: u32, traitors: u32) -> u64 {
    let terms = (1..=u64::from(traitors) + 1).scan(1_u64, |product, k| {
        *product = product.saturating_mul(u64::from(generals).saturating_sub(k));
        Some(*product)
    });
    terms.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::super::explore::{Channels, Explored, Pace, World, explore};
    use super::*;

    /// Who has decided what.
    type Memory = Vec<Option<Order>>;

    /// One traitor of that conduct among generals every other of whom is 1 ns ahead; a message takes up to 1 ns.
    fn battle(terms: Terms, traitor: NodeId, strategy: u64) -> Explored {
        let general = |me: NodeId| {
            let conduct = if me == traitor { Conduct::Traitor(strategy) } else { Conduct::Loyal };
            (General::new(me, terms, conduct, Order::Attack), Time::from_nanos(i64::from(me.0 % 2)), Vec::new())
        };
        let world = World {
            processes: (0..terms.generals).map(NodeId).map(general).collect(),
            channels: Channels::Unordered,
            pace: Pace::Ticks { longest_delay: Nanos(1), commands_until: Nanos::ZERO },
            crashes: 0,
            memory: vec![None; terms.generals as usize],
        };
        let observe = move |memory: &mut Memory, node: NodeId, event: &Event| {
            match event {
                Event::WrongRound => return Err(format!("{node} hears something when its round is over")),
                Event::Decided(order) => memory[node.0 as usize] = Some(*order).filter(|_| node != traitor),
            }
            Ok(())
        };
        let judge = move |memory: &Memory, _: &[NodeId]| {
            let loyal = || memory.iter().skip(1).flatten();
            if loyal().any(|one| loyal().any(|other| one != other)) {
                return Err(format!("IC1: {memory:?}"));
            }
            let obeyed = traitor == COMMANDER || loyal().all(|order| *order == Order::Attack);
            if obeyed { Ok(()) } else { Err(format!("IC2: {memory:?}")) }
        };
        explore(world, observe, judge)
    }

    /// What every conduct of every possible traitor comes to.
    fn battles(generals: u32, scheme: Scheme, round: Nanos) -> Vec<Explored> {
        let terms = Terms { generals, traitors: 1, scheme, start: Time::from_nanos(2), round };
        let conducts = |traitor: u32| {
            let messages = if traitor == 0 { generals - 1 } else { generals - 2 };
            (0..1_u64 << (2 * messages)).map(move |strategy| (NodeId(traitor), strategy))
        };
        // Oral: a traitor's higher bits say nothing.
        let told = |(_, strategy): &(NodeId, u64)| scheme == Scheme::Signed || strategy & 0xaaaa == 0;
        let all = (0..generals).flat_map(conducts).filter(told);
        all.map(|(traitor, strategy)| battle(terms, traitor, strategy)).collect()
    }

    fn complaints(battles: &[Explored], of: &str) -> usize {
        battles
            .iter()
            .filter(|found| found.complaint.as_ref().is_some_and(|complaint| complaint.starts_with(of)))
            .count()
    }

    #[test]
    fn whatever_one_traitor_says_and_whenever_messages_come_four_agree_and_three_need_signatures() {
        for (generals, scheme) in [(4, Scheme::Oral), (3, Scheme::Signed)] {
            let all = battles(generals, scheme, round(Nanos(1), Nanos(1), 0));
            assert_eq!(complaints(&all, ""), 0, "{:?}", all.iter().find(|found| found.complaint.is_some()));
            assert!(all.len() >= 20 && all.iter().all(|found| found.ends && found.states > 20));
        }
        let three = battles(3, Scheme::Oral, round(Nanos(1), Nanos(1), 0));
        assert!(complaints(&three, "IC1") + complaints(&three, "IC2") > 0);
        let short = battles(3, Scheme::Signed, hop(Nanos(1), Nanos(1), 0));
        assert!(complaints(&short, "1 hears something when its round is over") > 0);
    }
}
