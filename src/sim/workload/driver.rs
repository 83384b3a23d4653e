//! Processes of a workload in virtual time: clocks of stated offset and rate, channels with delay, jitter, loss, cuts and
//! crashes, in order or not. The log has the real instants, and vector clocks as the oracle of happened-before.

use std::collections::BTreeMap;

use crate::affine::Line;
use crate::ids::{Arc, NodeId};
use crate::model::Path;
use crate::sim::queue::Queue;
use crate::time::{Synced, Time, True};
use crate::trial::{Delivery, Planned};
use crate::workload::{Actions, Entry, Input, Log, Output, Process, What};

/// The world that the processes live in.
#[derive(Clone, Debug)]
pub struct Setting {
    /// What each process's clock shows, by process.
    pub clocks: Vec<Line<True, Synced>>,
    /// The channels; what is sent where there is none is lost.
    pub paths: BTreeMap<Arc, Path>,
    /// Whether the channels keep their order.
    pub delivery: Delivery,
    /// Who stops for good, and when.
    pub crashes: Vec<(NodeId, Time<True>)>,
}

/// What can happen.
#[derive(Clone, Debug)]
enum Happening<M, C> {
    Wake { node: usize, at: Time<Synced> },
    Arrival { arc: Arc, number: u64, message: M, vector: Box<[u32]> },
    Command { node: usize, command: C },
    Crash { node: usize },
}

struct Seat<P> {
    process: P,
    clock: Line<True, Synced>,
    vector: Box<[u32]>,
    alive: bool,
    /// The latest wake that is queued.
    wake: Time<Synced>,
}

struct Run<'a, P: Process> {
    setting: &'a Setting,
    seats: Vec<Seat<P>>,
    queue: Queue<Happening<P::Message, P::Command>>,
    /// When the latest message of an arc arrives.
    latest: BTreeMap<Arc, Time<True>>,
    log: Log<P::Event>,
    now: Time<True>,
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
    while run.queue.next_at() < until {
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
        let seat = |(process, clock): (P, &Line<True, Synced>)| Seat {
            process,
            clock: *clock,
            vector: vec![0; nodes].into_boxed_slice(),
            alive: true,
            wake: Time::MAX,
        };
        let seats: Vec<Seat<P>> = processes.into_iter().zip(&setting.clocks).map(seat).collect();
        let mut run = Self {
            setting,
            log: Log::new(seats.len() as u32),
            seats,
            queue: Queue::default(),
            latest: BTreeMap::new(),
            now: Time::ZERO,
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

    fn plan(&mut self, planned: Planned<P::Command>) {
        let Planned { at, node, command } = planned;
        self.queue.push(at.max(self.now), Happening::Command { node: node.0 as usize, command });
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
            Happening::Command { node, command } => {
                self.tell(node, Input::Command(command), Some(What::Commanded { intended: at }));
            }
            Happening::Crash { node } => self.seats.get_mut(node).into_iter().for_each(|seat| seat.alive = false),
            Happening::Arrival { arc, number, message, vector } => {
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
        let reading = seat.clock.at(self.now);
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
        let (reading, vector) = (seat.clock.at(self.now), seat.vector.clone());
        self.log.entries.push(Entry { at: self.now, reading, node: NodeId(node as u32), vector, what });
    }

    fn send(&mut self, node: usize, to: NodeId, message: P::Message) {
        let arc = Arc { from: NodeId(node as u32), to };
        let number = self.sent;
        self.sent += 1;
        self.note(node, What::Sent { to, message: number });
        let Some(path) = self.setting.paths.get(&arc) else { return };
        for delay in path.deliveries(number, self.now - Time::ZERO) {
            let mut at = self.now + delay;
            if self.setting.delivery == Delivery::Fifo {
                let latest = self.latest.entry(arc).or_insert(at);
                at = at.max(*latest);
                *latest = at;
            }
            let vector = self.seats[node].vector.clone();
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
        if let Some(at) = seat.clock.when(wake).filter(|_| wake < Time::MAX) {
            self.queue.push(at.max(self.now), Happening::Wake { node, at: wake });
        }
    }
}
