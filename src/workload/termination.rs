//! Detecting on a cut that a distributed computation is over: everybody is passive and as much was received as sent.
//!
//! Being over is stable: once true it stays true. On a cut closed under happened-before a detection is therefore right. On an
//! inconsistent cut a message that was received inside it and sent outside hides another that is still under way, and the
//! detection is false.

use std::collections::BTreeMap;

use super::wire::wire;
use super::{Actions, Input, Log, Process};
use crate::ids::NodeId;
use crate::order::{Stamp, Stamper};
use crate::time::{Nanos, Synced, Time};

/// Work of one job: a process that gets it is active for a while, and hands on what is left in two halves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Work {
    /// Which job.
    pub job: u64,
    /// How much of it.
    pub units: u32,
}

/// What the log holds, each with its stamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The job began here, from outside.
    Began(u64, Stamp),
    /// Work of the job came.
    Got(u64, Stamp),
    /// Work of the job was sent.
    Sent(u64, Stamp),
    /// A piece of the job is done here.
    Did(u64, Stamp),
}

wire!(struct Work { job, units });
wire!(enum Event { 0 = Began(job, stamp); 1 = Got(job, stamp); 2 = Sent(job, stamp); 3 = Did(job, stamp); });

/// A worker.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Worker {
    me: NodeId,
    nodes: u32,
    stamper: Stamper,
    service: Nanos,
    busy: BTreeMap<(Time<Synced>, u64), Work>,
    taken: u64,
}

impl Worker {
    /// Worker `me` of `nodes`, which is active for `service` for each piece of work.
    pub const fn new(me: NodeId, nodes: u32, stamper: Stamper, service: Nanos) -> Self {
        Self { me, nodes, stamper, service, busy: BTreeMap::new(), taken: 0 }
    }

    fn take(&mut self, at: Time<Synced>, work: Work) {
        self.taken += 1;
        self.busy.insert((at + self.service, self.taken), work);
    }

    fn hand_on(&mut self, at: Time<Synced>, work: Work, act: &mut Actions<(Work, Stamp), Event>) {
        let left = work.units.saturating_sub(1);
        for (step, units) in [(1, left.div_ceil(2)), (2, left / 2)] {
            let to = NodeId((self.me.0 + step) % self.nodes);
            if units > 0 && to != self.me {
                let stamp = self.stamper.tick(at);
                act.note(Event::Sent(work.job, stamp));
                act.send(to, (Work { units, ..work }, stamp));
            }
        }
    }
}

impl Process for Worker {
    type Message = (Work, Stamp);
    type Command = Work;
    type Event = Event;

    fn handle(&mut self, at: Time<Synced>, input: Input<(Work, Stamp), Work>, act: &mut Actions<(Work, Stamp), Event>) {
        match input {
            Input::Timer => {}
            Input::Command(work) => {
                act.note(Event::Began(work.job, self.stamper.tick(at)));
                self.take(at, work);
            }
            Input::Received { message: (work, sent), .. } => {
                self.stamper.merge(at, sent);
                act.note(Event::Got(work.job, self.stamper.tick(at)));
                self.take(at, work);
            }
        }
        while let Some((key, work)) = self.busy.first_key_value().map(|(key, work)| (*key, *work)) {
            if key.0 > at {
                break;
            }
            self.busy.remove(&key);
            self.hand_on(at, work, act);
            act.note(Event::Did(work.job, self.stamper.tick(at)));
        }
    }

    fn wake(&self) -> Time<Synced> {
        self.busy.first_key_value().map_or(Time::MAX, |((due, _), _)| *due)
    }
}

/// What came of looking for jobs that are over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    /// Pairs of a cut and a job that had begun in it.
    pub looks: u64,
    /// Times that a job was found to be over.
    pub detected: u64,
    /// Times that it was not.
    pub detected_falsely: u64,
}

/// Looks at each of `instants`, in ns of the stamps, which jobs are over in the cut, and whether anything of them came after.
pub fn check(log: &Log<Event>, instants: impl IntoIterator<Item = i64>) -> Findings {
    let mut jobs: BTreeMap<u64, Vec<Event>> = BTreeMap::new();
    for (_, event) in log.events() {
        let (Event::Began(job, _) | Event::Got(job, _) | Event::Sent(job, _) | Event::Did(job, _)) = event;
        jobs.entry(*job).or_default().push(*event);
    }
    let mut found = Findings::default();
    for instant in instants {
        for events in jobs.values() {
            let (mut active, mut under_way, mut begun, mut after) = (0_i64, 0_i64, false, false);
            for event in events {
                let (Event::Began(_, stamp) | Event::Got(_, stamp) | Event::Sent(_, stamp) | Event::Did(_, stamp)) =
                    event;
                let inside = stamp.time <= instant;
                after |= !inside;
                if inside {
                    begun |= matches!(event, Event::Began(..));
                    active += i64::from(matches!(event, Event::Began(..) | Event::Got(..)));
                    active -= i64::from(matches!(event, Event::Did(..)));
                    under_way +=
                        i64::from(matches!(event, Event::Sent(..))) - i64::from(matches!(event, Event::Got(..)));
                }
            }
            found.looks += u64::from(begun);
            let over = begun && active == 0 && under_way == 0;
            found.detected += u64::from(over);
            found.detected_falsely += u64::from(over && after);
        }
    }
    found
}
