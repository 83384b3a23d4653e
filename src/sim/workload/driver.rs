//! Processes of a workload in virtual time: stated clocks, channels with delay, jitter, loss, cuts and crashes, in order or
//! not. The log has the real instants, and vector clocks as the oracle of happened-before.

use std::collections::BTreeMap;

use super::face::Face;
use crate::ids::{Arc, NodeId};
use crate::model::Path;
use crate::sim::queue::Queue;
use crate::time::{Nanos, Synced, Time, True};
use crate::trial::{Delivery, Planned};
use crate::workload::{Actions, Entry, Input, Log, Output, Process, What};

/// The world that the processes live in.
#[derive(Clone, Debug)]
pub struct Setting {
    /// What each process's clock shows, by process.
    pub clocks: Vec<Face>,
    /// The channels; what is sent where there is none is lost.
    pub paths: BTreeMap<Arc, Path>,
    /// What becomes of what a channel loses.
    pub carriage: Carriage,
    /// Who stops for good, and when.
    pub crashes: Vec<(NodeId, Time<True>)>,
    /// How long the world has gone on when the run begins.
    pub origin: Nanos,
    /// What messages are counted from: others of the same channels have other numbers.
    pub first: u64,
    /// How much longer than planned it may take until nothing is left to do.
    pub grace: Nanos,
    /// Whether the channels keep their order.
    pub delivery: Delivery,
}

/// What becomes of what a channel loses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carriage {
    /// It is lost: each message is a datagram.
    Datagrams,
    /// Nothing is lost: messages share a connection that is kept up. What a cut holds back leaves when the cut is over.
    Connection,
}

/// What can happen.
#[derive(Clone, Debug)]
enum Happening<M, C> {
    Wake { node: usize, at: Time<Synced> },
    Arrival { arc: Arc, number: u64, message: M, vector: Box<[u32]> },
    Command { node: usize, intended: Time<True>, command: C },
    Crash { node: usize },
}

struct Seat<'a, P> {
    process: P,
    clock: &'a Face,
    /// The latest reading: none is less than one before, whatever becomes of the clock.
    reading: Time<Synced>,
    vector: Box<[u32]>,
    alive: bool,
    /// The latest wake that is queued.
    wake: Time<Synced>,
}

struct Run<'a, P: Process> {
    setting: &'a Setting,
    seats: Vec<Seat<'a, P>>,
    queue: Queue<Happening<P::Message, P::Command>>,
    /// When the latest message of an arc arrives.
    latest: BTreeMap<Arc, Time<True>>,
    log: Log<P::Event>,
    now: Time<True>,
    /// Messages and commands that have not come yet.
    under_way: u64,
    sent: u64,
    act: Actions<P::Message, P::Event>,
}

/// Runs processes, one for each clock of the setting, through the planned commands until `until`.
pub fn run<P: Process>(
    setting: &Setting,
    processes: Vec<P>,
    plan: Vec<Planned<P::Command>>,
    until: Time<True>,
) -> Log<P::Event> {
    run_with_side_channel(setting, processes, plan, until, |_| None)
}

/// Runs processes as [`run`] does. After each event `nudge` may plan a further command: a channel beside the messages, on
/// which no stamp travels and of which no vector clock knows.
pub fn run_with_side_channel<P: Process>(
    setting: &Setting,
    processes: Vec<P>,
    plan: Vec<Planned<P::Command>>,
    until: Time<True>,
    mut nudge: impl FnMut(&Entry<P::Event>) -> Option<Planned<P::Command>>,
) -> Log<P::Event> {
    let mut run = Run::new(setting, processes, plan);
    while run.goes_on(until) {
        let from = run.log.entries.len();
        run.step();
        for index in from..run.log.entries.len() {
            if let Some(planned) = nudge(&run.log.entries[index]) {
                run.plan(planned);
            }
        }
    }
    run.log
}

impl<'a, P: Process> Run<'a, P> {
    fn new(setting: &'a Setting, processes: Vec<P>, plan: Vec<Planned<P::Command>>) -> Self {
        let nodes = processes.len();
        let seat = |(process, clock): (P, &'a Face)| Seat {
            process,
            clock,
            reading: Time::MIN,
            vector: vec![0; nodes].into_boxed_slice(),
            alive: true,
            wake: Time::MAX,
        };
        let seats: Vec<Seat<'a, P>> = processes.into_iter().zip(&setting.clocks).map(seat).collect();
        let mut run = Self {
            setting,
            log: Log::new(seats.len() as u32),
            seats,
            queue: Queue::default(),
            latest: BTreeMap::new(),
            now: Time::ZERO,
            under_way: 0,
            sent: 0,
            act: Actions::default(),
        };
        for (node, at) in &setting.crashes {
            run.queue.push(*at, Happening::Crash { node: node.0 as usize });
        }
        (0..run.seats.len()).for_each(|node| run.plan_wake(node));
        plan.into_iter().for_each(|planned| run.plan(planned));
        run
    }

    /// Whether something happens before `until`, or a little later while something is left to do.
    fn goes_on(&self, until: Time<True>) -> bool {
        let next = self.queue.next_at();
        next < until || next < until + self.setting.grace && !self.is_quiet()
    }

    /// Whether no living process has anything left to do, and nothing is on its way to one.
    fn is_quiet(&self) -> bool {
        self.under_way == 0 && self.seats.iter().all(|seat| !seat.alive || seat.process.is_settled())
    }

    fn plan(&mut self, planned: Planned<P::Command>) {
        let Planned { at, node, command } = planned;
        let (intended, node) = (at.max(self.now), node.0 as usize);
        // A host that sleeps hears its user when it wakes.
        let heard = self.seats.get(node).map_or(intended, |seat| seat.clock.awake(intended));
        self.under_way += 1;
        self.queue.push(heard, Happening::Command { node, intended, command });
    }

    fn step(&mut self) {
        let Some((at, happening)) = self.queue.pop() else { return };
        self.now = at;
        match happening {
            Happening::Wake { node, at } if self.seats[node].wake == at => {
                self.seats[node].wake = Time::MAX;
                self.tell(node, Input::Timer, None);
            }
            Happening::Wake { .. } => {}
            Happening::Command { node, intended, command } => {
                self.under_way -= 1;
                self.tell(node, Input::Command(command), Some(What::Commanded { intended }));
            }
            Happening::Crash { node } => self.seats.get_mut(node).into_iter().for_each(|seat| seat.alive = false),
            Happening::Arrival { arc, number, message, vector } => {
                self.under_way -= 1;
                let node = arc.to.0 as usize;
                let merge = |(own, other): (&mut u32, &u32)| *own = (*own).max(*other);
                if self.seats[node].alive {
                    self.seats[node].vector.iter_mut().zip(&vector).for_each(merge);
                }
                let input = Input::Received { from: arc.from, message };
                self.tell(node, input, Some(What::Received { from: arc.from, message: number }));
            }
        }
    }

    fn tell(&mut self, node: usize, input: Input<P::Message, P::Command>, what: Option<What<P::Event>>) {
        let Some(seat) = self.seats.get_mut(node).filter(|seat| seat.alive) else { return };
        seat.reading = seat.reading.max(seat.clock.at(self.now));
        let reading = seat.reading;
        let mut act = std::mem::take(&mut self.act);
        seat.process.handle(reading, input, &mut act);
        if let Some(what) = what {
            self.note(node, what);
        }
        for output in act.drain() {
            match output {
                Output::Event(event) => self.note(node, What::Event(event)),
                Output::Send { to, message } => self.send(node, to, message),
            }
        }
        self.act = act;
        self.plan_wake(node);
    }

    fn note(&mut self, node: usize, what: What<P::Event>) {
        let seat = &mut self.seats[node];
        seat.vector[node] += 1;
        let (reading, vector) = (seat.reading, seat.vector.clone());
        self.log.entries.push(Entry { at: self.now, reading, node: NodeId(node as u32), vector, what });
    }

    fn send(&mut self, node: usize, to: NodeId, message: P::Message) {
        let arc = Arc { from: NodeId(node as u32), to };
        let number = self.sent;
        self.sent += 1;
        self.note(node, What::Sent { to, message: number });
        let Some(path) = self.setting.paths.get(&arc) else { return };
        let (after, id) = (self.setting.origin + (self.now - Time::ZERO), self.setting.first + number);
        let delays = match self.setting.carriage {
            Carriage::Datagrams => path.fates(path.stream, id, after),
            Carriage::Connection => [Some(path.held(id, after)), None],
        };
        for delay in delays.into_iter().flatten() {
            // What arrives at a host that sleeps is read when it wakes.
            let Some(receiver) = self.seats.get(to.0 as usize) else { return };
            let mut at = receiver.clock.awake(self.now + delay);
            if self.setting.delivery == Delivery::Fifo {
                let latest = self.latest.entry(arc).or_insert(at);
                at = at.max(*latest);
                *latest = at;
            }
            let vector = self.seats[node].vector.clone();
            self.under_way += 1;
            self.queue.push(at, Happening::Arrival { arc, number, message: message.clone(), vector });
        }
    }

    fn plan_wake(&mut self, node: usize) {
        let seat = &mut self.seats[node];
        let wake = seat.process.wake();
        if wake == seat.wake {
            return;
        }
        seat.wake = wake;
        let at = if wake == Time::MAX { None } else { seat.clock.when(wake, self.now) };
        if let Some(at) = at {
            self.queue.push(at, Happening::Wake { node, at: wake });
        }
    }
}
