//! Lamport's mutual exclusion (CACM 21(7), 1978): one resource, no server, requests granted in the order of their stamps.
//!
//! R1: a request goes to all and into one's own queue. R2: whoever receives it queues it and sends a stamped
//! acknowledgement. R3, R4: a release goes to all and takes the request out of every queue. R5: a process holds the
//! resource when its request is the earliest in its queue and it has heard from everybody else something stamped later.
//! Channels must be first in, first out, and lose nothing.
//!
//! Departure from the paper: a clock that hearing of a stamp does not lift (a synchronised physical clock) acknowledges a
//! request only once it reads later than the request's stamp; an earlier acknowledgement would say nothing. The waiting is
//! the price of clocks that disagree. Cost: 3(n−1) messages an entry, O(log requests) a message.

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
    /// R1: the sender wants the resource.
    Request(Stamp),
    /// R2: the sender's clock has passed the request.
    Acknowledge(Stamp),
    /// R3: the sender is done with the resource.
    Release(Stamp),
}

wire!(enum Message { 0 = Request(stamp); 1 = Acknowledge(stamp); 2 = Release(stamp); });

type Act = Actions<Message, Event>;

/// One process.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Mutex {
    me: NodeId,
    stamper: Stamper,
    hold: Nanos,
    queue: BTreeSet<Stamp>,
    heard: Vec<Stamp>,
    /// Requests not acknowledged yet.
    owed: Owed,
    demands: u32,
    own: Option<Stamp>,
    until: Option<Time<Synced>>,
}

impl Mutex {
    /// Process `me` of `nodes`, which holds the resource for `hold` on its own clock each time.
    pub fn new(me: NodeId, nodes: u32, stamper: Stamper, hold: Nanos) -> Self {
        Self {
            me,
            stamper,
            hold,
            queue: BTreeSet::new(),
            heard: vec![Stamp::START; nodes as usize],
            owed: Owed::none(),
            demands: 0,
            own: None,
            until: None,
        }
    }

    fn tell_others(&self, message: &Message, act: &mut Act) {
        act.send_to_others(self.me, self.heard.len() as u32, message);
    }

    fn request(&mut self, at: Time<Synced>, act: &mut Act) {
        if self.own.is_some() || self.demands == 0 {
            return;
        }
        self.demands -= 1;
        let stamp = self.stamper.tick(at);
        self.own = Some(stamp);
        self.queue.insert(stamp);
        act.note(Event::Requested(stamp));
        self.tell_others(&Message::Request(stamp), act);
    }

    fn receive(&mut self, at: Time<Synced>, from: NodeId, message: Message) {
        let (Message::Request(stamp) | Message::Acknowledge(stamp) | Message::Release(stamp)) = message;
        let Some(heard) = self.heard.get_mut(from.0 as usize) else { return };
        *heard = (*heard).max(stamp);
        self.stamper.merge(at, stamp);
        match message {
            Message::Request(_) => {
                self.queue.insert(stamp);
                self.owed.insert(at + self.stamper.lag(at, stamp), stamp);
            }
            Message::Release(_) => self.queue.retain(|request| request.node != from),
            Message::Acknowledge(_) => {}
        }
    }

    fn acknowledge(&mut self, at: Time<Synced>, act: &mut Act) {
        while let Some(request) = self.owed.pop_due(at) {
            act.send(request.node, Message::Acknowledge(self.stamper.tick(at)));
        }
    }

    /// R5.
    fn grant(&mut self, at: Time<Synced>, act: &mut Act) {
        let Some(own) = self.own.filter(|own| self.until.is_none() && self.queue.first() == Some(own)) else { return };
        let passed = |(node, heard): (usize, &Stamp)| node == self.me.0 as usize || *heard > own;
        if self.heard.iter().enumerate().all(passed) {
            self.until = Some(at + self.hold);
            act.note(Event::Granted(own));
        }
    }

    fn release(&mut self, at: Time<Synced>, act: &mut Act) {
        if let (Some(own), Some(_)) = (self.own, self.until.filter(|until| *until <= at)) {
            (self.own, self.until) = (None, None);
            self.queue.remove(&own);
            act.note(Event::Released);
            let stamp = self.stamper.tick(at);
            self.tell_others(&Message::Release(stamp), act);
        }
    }
}

impl Process for Mutex {
    type Message = Message;
    type Command = Demand;
    type Event = Event;

    fn handle(&mut self, at: Time<Synced>, input: Input<Message, Demand>, act: &mut Act) {
        match input {
            Input::Timer => self.release(at, act),
            Input::Command(Demand) => self.demands = self.demands.saturating_add(1),
            Input::Received { from, message } => self.receive(at, from, message),
        }
        self.request(at, act);
        self.acknowledge(at, act);
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

    /// Who holds the resource, the latest stamp granted, and the grants.
    type Memory = (Option<NodeId>, Stamp, u32);

    fn observe(memory: &mut Memory, node: NodeId, event: &Event) -> Result<(), String> {
        match event {
            Event::Requested(_) => {}
            Event::Released => memory.0 = None,
            Event::Granted(stamp) if memory.0.is_some() => {
                return Err(format!("{node} enters while {memory:?}: {stamp:?}"));
            }
            Event::Granted(stamp) if *stamp < memory.1 => {
                return Err(format!("{stamp:?} is granted after {:?}", memory.1));
            }
            Event::Granted(stamp) => *memory = (Some(node), *stamp, memory.2 + 1),
        }
        Ok(())
    }

    fn explored(demands: &[usize], channels: Channels) -> Explored {
        let nodes = demands.len() as u32;
        let process = |(demands, me): (&usize, u32)| {
            let stamper = Stamper::new(StampSource::LamportLogical, NodeId(me), Nanos::MAX);
            (Mutex::new(NodeId(me), nodes, stamper, Nanos(1)), vec![Demand; *demands])
        };
        let total = demands.iter().sum::<usize>() as u32;
        let judge = move |memory: &Memory, _: &[NodeId]| {
            if memory.2 == total { Ok(()) } else { Err(format!("{} of {total} requests were granted", memory.2)) }
        };
        let processes = demands.iter().zip(0..).map(process).collect();
        explore(World::new(processes, channels, (None, Stamp::START, 0)), observe, judge)
    }

    #[test]
    fn no_interleaving_lets_two_hold_the_resource_or_starves_anybody() {
        for demands in [&[2, 1][..], &[1, 1, 0]] {
            let found = explored(demands, Channels::Fifo);
            assert_eq!(found.complaint, None, "{demands:?}");
            assert!(found.ends && found.states > 50, "{found:?}");
        }
    }

    #[test]
    fn without_fifo_channels_two_hold_the_resource_at_once() {
        let found = explored(&[2, 1], Channels::Unordered);
        assert!(found.complaint.is_some_and(|complaint| complaint.contains("enters while")));
    }
}
