//! Mutual exclusion by deferred replies (Ricart & Agrawala, CACM 24(1), 1981): 2(n−1) messages an entry.
//!
//! A request goes to all. Whoever neither holds the resource nor wants it by an earlier stamp replies; who does, replies when
//! it is done. Whoever has all replies holds the resource. Channels need not keep their order.
//!
//! It stands on one property of logical clocks: who replied to a request never makes one with an earlier stamp. A clock
//! that hearing does not lift has it only if it waits until it reads later than the request ([`Patience::Passed`]); without
//! that wait ([`Patience::None`]) two processes hold the resource at once as soon as clocks differ by more than messages take.

use std::collections::BTreeSet;

use super::exclusion::{Demand, Event, Owed};
use super::wire::wire;
use super::{Actions, Input, Process};
use crate::ids::NodeId;
use crate::order::{Stamp, Stamper};
use crate::time::{Nanos, Synced, Time};

/// What processes tell each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Message {
    /// The sender wants the resource.
    Request(Stamp),
    /// The receiver may go first.
    Reply,
}

/// When a process replies to a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Patience {
    /// Once its own clock has passed the request's stamp.
    Passed,
    /// At once. Safe only with clocks that hearing lifts; kept to show what breaks.
    None,
}

wire!(enum Message { 0 = Request(stamp); 1 = Reply; });

type Act = Actions<Message, Event>;

/// One process.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RicartAgrawala {
    me: NodeId,
    nodes: u32,
    stamper: Stamper,
    patience: Patience,
    hold: Nanos,
    demands: u32,
    own: Option<Stamp>,
    awaited: BTreeSet<NodeId>,
    deferred: BTreeSet<NodeId>,
    /// Requests not answered yet.
    owed: Owed,
    until: Option<Time<Synced>>,
}

impl RicartAgrawala {
    /// Process `me` of `nodes`, which holds the resource for `hold` on its own clock each time.
    pub const fn new(me: NodeId, nodes: u32, stamper: Stamper, hold: Nanos, patience: Patience) -> Self {
        Self {
            me,
            nodes,
            stamper,
            patience,
            hold,
            demands: 0,
            own: None,
            awaited: BTreeSet::new(),
            deferred: BTreeSet::new(),
            owed: Owed::none(),
            until: None,
        }
    }

    fn request(&mut self, at: Time<Synced>, act: &mut Act) {
        if self.own.is_some() || self.demands == 0 {
            return;
        }
        self.demands -= 1;
        let stamp = self.stamper.tick(at);
        self.own = Some(stamp);
        self.awaited = (0..self.nodes).map(NodeId).filter(|node| *node != self.me).collect();
        act.note(Event::Requested(stamp));
        act.send_to_others(self.me, self.nodes, &Message::Request(stamp));
    }

    fn hear(&mut self, at: Time<Synced>, stamp: Stamp) {
        self.stamper.merge(at, stamp);
        let wait = match self.patience {
            Patience::Passed => self.stamper.lag(at, stamp),
            Patience::None => Nanos::ZERO,
        };
        self.owed.insert(at + wait, stamp);
    }

    fn answer(&mut self, at: Time<Synced>, act: &mut Act) {
        while let Some(request) = self.owed.pop_due(at) {
            if self.until.is_some() || self.own.is_some_and(|own| own < request) {
                self.deferred.insert(request.node);
            } else {
                act.send(request.node, Message::Reply);
            }
        }
    }

    fn grant(&mut self, at: Time<Synced>, act: &mut Act) {
        if let Some(own) = self.own.filter(|_| self.until.is_none() && self.awaited.is_empty()) {
            self.until = Some(at + self.hold);
            act.note(Event::Granted(own));
        }
    }

    fn release(&mut self, at: Time<Synced>, act: &mut Act) {
        if self.until.is_some_and(|until| until <= at) {
            (self.own, self.until) = (None, None);
            act.note(Event::Released);
            for node in std::mem::take(&mut self.deferred) {
                act.send(node, Message::Reply);
            }
        }
    }
}

impl Process for RicartAgrawala {
    type Message = Message;
    type Command = Demand;
    type Event = Event;

    fn handle(&mut self, at: Time<Synced>, input: Input<Message, Demand>, act: &mut Act) {
        match input {
            Input::Timer => self.release(at, act),
            Input::Command(Demand) => self.demands = self.demands.saturating_add(1),
            Input::Received { message: Message::Request(stamp), .. } => self.hear(at, stamp),
            Input::Received { from, message: Message::Reply } => drop(self.awaited.remove(&from)),
        }
        self.answer(at, act);
        self.request(at, act);
        self.grant(at, act);
    }

    fn wake(&self) -> Time<Synced> {
        self.owed.wake().min(self.until.unwrap_or(Time::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::super::explore::{Channels, Explored, World, explore};
    use super::*;
    use crate::order::report::StampSource;

    /// Explores processes with those demands, whose clocks are of one kind; who holds the resource, and the grants.
    fn explored(demands: &[usize], source: StampSource, patience: Patience) -> Explored {
        let nodes = demands.len() as u32;
        let process = |(demands, me): (&usize, u32)| {
            let stamper = Stamper::new(source, NodeId(me), Nanos::MAX);
            (RicartAgrawala::new(NodeId(me), nodes, stamper, Nanos(1), patience), vec![Demand; *demands])
        };
        let total = demands.iter().sum::<usize>() as u32;
        let observe = |memory: &mut (Option<NodeId>, u32), node: NodeId, event: &Event| {
            match event {
                Event::Requested(_) => {}
                Event::Released => memory.0 = None,
                Event::Granted(_) if memory.0.is_some() => return Err(format!("{node} enters while {memory:?}")),
                Event::Granted(_) => *memory = (Some(node), memory.1 + 1),
            }
            Ok(())
        };
        let judge = move |memory: &(Option<NodeId>, u32), _: &[NodeId]| {
            if memory.1 == total { Ok(()) } else { Err(format!("{} of {total} requests were granted", memory.1)) }
        };
        let processes = demands.iter().zip(0..).map(process).collect();
        explore(World::new(processes, Channels::Unordered, (None, 0)), observe, judge)
    }

    #[test]
    fn deferred_replies_need_no_fifo_and_never_let_two_in() {
        for demands in [&[2, 2][..], &[1, 1, 1]] {
            let found = explored(demands, StampSource::LamportLogical, Patience::Passed);
            assert_eq!(found.complaint, None, "{demands:?}");
        }
    }

    #[test]
    fn clocks_that_hearing_does_not_lift_need_the_wait() {
        let found = explored(&[2, 2], StampSource::Ntp, Patience::Passed);
        assert_eq!(found.complaint, None);
        let found = explored(&[2, 2], StampSource::Ntp, Patience::None);
        assert!(found.complaint.is_some_and(|complaint| complaint.contains("enters while")));
    }
}
