//! Exhaustive exploration of small cases by a model checker (stateright): every order in which commands are given, messages
//! arrive, wakes come and processes crash.
//!
//! A state is all processes with their clocks, the channels, the commands still to give, and what an observer remembers. The
//! checker knows visited states by a hash of 64 bits.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;

use stateright::{Checker, HasDiscoveries, Model, Property};

use super::{Actions, Input, Output, Process};
use crate::ids::NodeId;
use crate::time::{Nanos, Synced, Time};

/// Whether channels keep their order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Channels {
    /// Only the oldest message of a channel can arrive.
    Fifo,
    /// Any message of a channel can.
    Unordered,
}

/// How clocks run and messages travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// As if clocks ran at any rate between events: a wake may come at any moment, unless it is later than this; a message
    /// takes any time.
    Any {
        /// Later wakes never come.
        until: Time<Synced>,
    },
    /// Real time goes by in ticks of 1 ns, and all clocks with it; nobody oversleeps a wake.
    Ticks {
        /// A message takes no longer.
        longest_delay: Nanos,
        /// The last command is given no later than this after the start.
        commands_until: Nanos,
    },
}

/// What is explored.
pub struct World<P: Process, H> {
    /// Each process, what its clock shows at first, and the commands that it is given, in order.
    pub processes: Vec<(P, Time<Synced>, Vec<P::Command>)>,
    /// Whether channels keep their order.
    pub channels: Channels,
    /// How clocks run and messages travel.
    pub pace: Pace,
    /// How many processes may crash. What a crashed one had under way on a channel arrives or is lost with it.
    pub crashes: u32,
    /// What the observer remembers at first.
    pub memory: H,
}

impl<P: Process, H> World<P, H> {
    /// Processes with their commands, clocks that run at any rate, and no crashes.
    pub fn new(processes: Vec<(P, Vec<P::Command>)>, channels: Channels, memory: H) -> Self {
        let processes = processes.into_iter().map(|(process, commands)| (process, Time::ZERO, commands)).collect();
        Self { processes, channels, pace: Pace::Any { until: Time::MAX }, crashes: 0, memory }
    }
}

/// What an exploration came to.
#[derive(Debug)]
pub struct Explored {
    /// States visited.
    pub states: usize,
    /// Whether there is a state in which nothing more can happen.
    pub ends: bool,
    /// The first complaint of the observer or of the judge of ends.
    pub complaint: Option<String>,
    /// What led to it, step by step.
    pub path: Vec<String>,
}

/// Explores everything that can come of a world. `observe` folds events into what it remembers and may complain; `judge` sees
/// that memory, and who has crashed, wherever nothing more can happen.
pub fn explore<P, H, O, J>(world: World<P, H>, observe: O, judge: J) -> Explored
where
    P: Process + Clone + Hash + Debug + PartialEq + Send + Sync + 'static,
    P::Message: Hash + PartialEq + Send + Sync,
    P::Command: Hash + PartialEq + Send + Sync,
    H: Clone + Hash + Debug + PartialEq + Send + Sync + 'static,
    O: Fn(&mut H, NodeId, &P::Event) -> Result<(), String> + Send + Sync + 'static,
    J: Fn(&H, &[NodeId]) -> Result<(), String> + Send + Sync + 'static,
{
    let World { processes, channels, pace, crashes, memory } = world;
    let seats = processes.into_iter().map(|(process, clock, commands)| Seat {
        process,
        clock,
        commands: commands.into(),
        life: Life::Alive,
    });
    let start =
        State { now: Nanos::ZERO, seats: seats.collect(), channels: BTreeMap::new(), crashes, memory, complaint: None };
    let case = Case { start, channels, pace, observe, judge };
    let checked = case.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let found = checked.discovery(COMPLAINT).or_else(|| checked.discovery(BAD_END));
    let complaint = found.clone().and_then(|path| {
        let state = path.last_state();
        state.complaint.clone().or_else(|| (checked.model().judge)(&state.memory, &state.crashed()).err())
    });
    Explored {
        states: checked.unique_state_count(),
        ends: checked.discovery(AN_END).is_some(),
        complaint,
        path: found.map_or_else(Vec::new, |path| path.into_actions().iter().map(|step| format!("{step:?}")).collect()),
    }
}

/// A process with a vector clock (Fidge 1988; Mattern 1988), the oracle of happened-before: one step each input, carried by
/// every message, shown with every event.
#[derive(Clone, PartialEq, Hash, Debug)]
pub struct Counted<P> {
    process: P,
    me: usize,
    vector: Vec<u32>,
}

impl<P> Counted<P> {
    /// The process of number `me` among `nodes`.
    pub fn new(process: P, me: NodeId, nodes: u32) -> Self {
        Self { process, me: me.0 as usize, vector: vec![0; nodes as usize] }
    }
}

impl<P: Process> Process for Counted<P> {
    type Message = (Vec<u32>, P::Message);
    type Command = P::Command;
    type Event = (Vec<u32>, P::Event);

    fn handle(
        &mut self,
        at: Time<Synced>,
        input: Input<Self::Message, P::Command>,
        act: &mut Actions<Self::Message, Self::Event>,
    ) {
        let input = match input {
            Input::Timer => Input::Timer,
            Input::Command(command) => Input::Command(command),
            Input::Received { from, message: (heard, message) } => {
                self.vector.iter_mut().zip(heard).for_each(|(own, heard)| *own = heard.max(*own));
                Input::Received { from, message }
            }
        };
        self.vector[self.me] += 1;
        let mut own = Actions::default();
        self.process.handle(at, input, &mut own);
        for output in own.drain() {
            match output {
                Output::Send { to, message } => act.send(to, (self.vector.clone(), message)),
                Output::Event(event) => act.note((self.vector.clone(), event)),
            }
        }
    }

    fn wake(&self) -> Time<Synced> {
        self.process.wake()
    }
}

const COMPLAINT: &str = "nobody complains";
const BAD_END: &str = "every end is good";
const AN_END: &str = "there is an end";

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Life {
    Alive,
    Crashed,
}

#[derive(Clone, PartialEq, Hash, Debug)]
struct Seat<P, C> {
    process: P,
    clock: Time<Synced>,
    commands: VecDeque<C>,
    life: Life,
}

/// A message under way, sent at that instant.
type Letter<M> = (Nanos, M);

#[derive(Clone, PartialEq, Hash, Debug)]
struct State<P: Process, H> {
    now: Nanos,
    seats: Vec<Seat<P, P::Command>>,
    channels: BTreeMap<(usize, usize), VecDeque<Letter<P::Message>>>,
    /// How many may still crash.
    crashes: u32,
    memory: H,
    complaint: Option<String>,
}

impl<P: Process, H> State<P, H> {
    fn living(&self) -> impl Iterator<Item = (usize, &Seat<P, P::Command>)> {
        self.seats.iter().enumerate().filter(|(_, seat)| seat.life == Life::Alive)
    }

    fn crashed(&self) -> Vec<NodeId> {
        let crashed = self.seats.iter().zip(0..).filter(|(seat, _)| seat.life == Life::Crashed);
        crashed.map(|(_, node)| NodeId(node)).collect()
    }
}

/// One thing that may happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Command(usize),
    Wake(usize),
    Arrive { arc: (usize, usize), place: usize },
    Tick,
    Crash { node: usize, lost: u32 },
}

struct Case<P: Process, H, O, J> {
    start: State<P, H>,
    channels: Channels,
    pace: Pace,
    observe: O,
    judge: J,
}

impl<P, H, O, J> Case<P, H, O, J>
where
    P: Process,
    O: Fn(&mut H, NodeId, &P::Event) -> Result<(), String>,
{
    fn commands(&self, state: &State<P, H>, steps: &mut Vec<Step>) {
        let wait = |(_, seat): &(usize, &Seat<P, P::Command>)| !seat.commands.is_empty();
        steps.extend(state.living().filter(wait).map(|(node, _)| Step::Command(node)));
    }

    fn wakes(&self, state: &State<P, H>, steps: &mut Vec<Step>) {
        let due = |(_, seat): &(usize, &Seat<P, P::Command>)| match self.pace {
            Pace::Any { until } => seat.process.wake() < Time::MAX && seat.process.wake() <= until,
            Pace::Ticks { .. } => seat.process.wake() <= seat.clock,
        };
        steps.extend(state.living().filter(due).map(|(node, _)| Step::Wake(node)));
    }

    fn arrivals(&self, state: &State<P, H>, steps: &mut Vec<Step>) {
        for (arc, letters) in &state.channels {
            let reach = if self.channels == Channels::Fifo { 1 } else { letters.len() };
            steps.extend((0..reach).map(|place| Step::Arrive { arc: *arc, place }));
        }
    }

    fn crashes(&self, state: &State<P, H>, steps: &mut Vec<Step>) {
        if state.crashes > 0 {
            for (node, _) in state.living() {
                let out = state.channels.keys().filter(|(from, _)| *from == node).count();
                steps.extend((0..1 << out).map(|lost| Step::Crash { node, lost }));
            }
        }
    }

    /// Time goes by if nothing has to happen before, and something may after.
    fn tick(&self, state: &State<P, H>, steps: &mut Vec<Step>) {
        let Pace::Ticks { longest_delay, commands_until } = self.pace else { return };
        let late = state.channels.values().flatten().any(|(sent, _)| state.now - *sent >= longest_delay);
        let due = state.living().any(|(_, seat)| seat.process.wake() <= seat.clock);
        let to_give = state.living().any(|(_, seat)| !seat.commands.is_empty());
        let hurry = to_give && state.now >= commands_until;
        let waits =
            to_give || !state.channels.is_empty() || state.living().any(|(_, seat)| seat.process.wake() < Time::MAX);
        if waits && !(late || due || hurry) {
            steps.push(Step::Tick);
        }
    }

    fn steps(&self, state: &State<P, H>) -> Vec<Step> {
        let mut steps = Vec::new();
        if state.complaint.is_none() {
            self.commands(state, &mut steps);
            self.wakes(state, &mut steps);
            self.arrivals(state, &mut steps);
            self.tick(state, &mut steps);
        }
        steps
    }

    fn is_end(&self, state: &State<P, H>) -> bool {
        state.complaint.is_none() && self.steps(state).is_empty()
    }

    fn tell(&self, state: &mut State<P, H>, node: usize, input: Input<P::Message, P::Command>) {
        let mut act = Actions::default();
        let seat = &mut state.seats[node];
        seat.process.handle(seat.clock, input, &mut act);
        for output in act.drain() {
            match output {
                Output::Event(event) => {
                    let heard = (self.observe)(&mut state.memory, NodeId(node as u32), &event);
                    state.complaint = state.complaint.take().or(heard.err());
                }
                Output::Send { to, message } => {
                    let letters = state.channels.entry((node, to.0 as usize)).or_default();
                    letters.push_back((state.now, message));
                }
            }
        }
    }
}

fn take<M>(channels: &mut BTreeMap<(usize, usize), VecDeque<M>>, arc: (usize, usize), place: usize) -> Option<M> {
    let letters = channels.get_mut(&arc)?;
    let letter = letters.remove(place);
    if letters.is_empty() {
        channels.remove(&arc);
    }
    letter
}

/// The process is gone, with what was under way to it, and from it on the channels whose bits are set.
fn crash<P: Process, H>(state: &mut State<P, H>, node: usize, lost: u32) {
    state.seats[node].life = Life::Crashed;
    state.crashes -= 1;
    let mut out = 0;
    state.channels.retain(|(from, to), _| {
        let bit = out;
        out += u32::from(*from == node);
        *to != node && (*from != node || lost & (1 << bit) == 0)
    });
}

impl<P, H, O, J> Model for Case<P, H, O, J>
where
    P: Process + Clone,
    H: Clone,
    O: Fn(&mut H, NodeId, &P::Event) -> Result<(), String>,
    J: Fn(&H, &[NodeId]) -> Result<(), String>,
{
    type State = State<P, H>;
    type Action = Step;

    fn init_states(&self) -> Vec<Self::State> {
        vec![self.start.clone()]
    }

    fn actions(&self, state: &Self::State, actions: &mut Vec<Step>) {
        actions.extend(self.steps(state));
        if !actions.is_empty() {
            self.crashes(state, actions);
        }
    }

    fn next_state(&self, last: &Self::State, step: Step) -> Option<Self::State> {
        let mut state = last.clone();
        match step {
            Step::Command(node) => {
                let command = state.seats[node].commands.pop_front()?;
                self.tell(&mut state, node, Input::Command(command));
            }
            Step::Wake(node) => {
                let seat = &mut state.seats[node];
                seat.clock = seat.clock.max(seat.process.wake());
                self.tell(&mut state, node, Input::Timer);
            }
            Step::Arrive { arc: (from, to), place } => {
                let (_, message) = take(&mut state.channels, (from, to), place)?;
                if state.seats[to].life == Life::Alive {
                    self.tell(&mut state, to, Input::Received { from: NodeId(from as u32), message });
                }
            }
            Step::Tick => {
                state.now += Nanos(1);
                state.seats.iter_mut().for_each(|seat| seat.clock += Nanos(1));
            }
            Step::Crash { node, lost } => crash(&mut state, node, lost),
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(COMPLAINT, |_, state: &State<P, H>| state.complaint.is_none()),
            Property::always(BAD_END, |case: &Self, state| {
                !case.is_end(state) || (case.judge)(&state.memory, &state.crashed()).is_ok()
            }),
            Property::sometimes(AN_END, Self::is_end),
        ]
    }
}
