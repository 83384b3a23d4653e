//! Exhaustive exploration of small cases: every order in which commands are given, messages arrive and wakes come.
//!
//! Depth first over the states (processes, channels, commands still to give, what an observer remembers), each visited
//! once. A wake may come at any moment, as if clocks ran at any rate between events.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Actions, Input, Output, Process};
use crate::ids::NodeId;
use crate::time::{Synced, Time};

/// Whether channels keep their order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Channels {
    /// Only the oldest message of a channel can arrive.
    Fifo,
    /// Any message of a channel can.
    Unordered,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct State<P: Process, H> {
    seats: Vec<(P, Time<Synced>, VecDeque<P::Command>)>,
    channels: BTreeMap<(usize, usize), VecDeque<P::Message>>,
    observed: H,
}

/// What an exploration came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explored {
    /// States visited.
    pub states: usize,
    /// States in which nothing more can happen.
    pub ends: usize,
    /// The first complaint of the observer or of the judge of ends.
    pub complaint: Option<String>,
}

/// Explores everything that can come of `processes` with their commands. `observe` folds events into what it remembers and
/// may complain; `judge` sees that memory wherever nothing more can happen.
pub fn explore<P, H>(
    processes: Vec<(P, Vec<P::Command>)>,
    channels: Channels,
    memory: H,
    observe: impl Fn(&mut H, NodeId, &P::Event) -> Result<(), String>,
    judge: impl Fn(&H) -> Result<(), String>,
) -> Explored
where
    P: Process + Clone + Ord,
    P::Message: Ord,
    P::Command: Ord,
    H: Clone + Ord,
{
    let seats = processes.into_iter().map(|(process, commands)| (process, Time::ZERO, commands.into())).collect();
    let start = State { seats, channels: BTreeMap::new(), observed: memory };
    let (mut visited, mut stack) = (BTreeSet::from([start.clone()]), vec![start]);
    let mut found = Explored { states: 1, ends: 0, complaint: None };
    while let (Some(state), None) = (stack.pop(), &found.complaint) {
        let nexts = successors(&state, channels, &observe);
        if nexts.is_empty() {
            found.ends += 1;
            found.complaint = judge(&state.observed).err();
        }
        for next in nexts {
            match next {
                Err(complaint) => found.complaint = Some(complaint),
                Ok(next) => {
                    if visited.insert(next.clone()) {
                        stack.push(next);
                    }
                }
            }
        }
    }
    found.states = visited.len();
    found
}

fn successors<P, H>(
    state: &State<P, H>,
    channels: Channels,
    observe: &impl Fn(&mut H, NodeId, &P::Event) -> Result<(), String>,
) -> Vec<Result<State<P, H>, String>>
where
    P: Process + Clone,
    H: Clone,
{
    let mut nexts = Vec::new();
    for node in 0..state.seats.len() {
        if !state.seats[node].2.is_empty() {
            let mut next = state.clone();
            if let Some(command) = next.seats[node].2.pop_front() {
                nexts.push(tell(next, node, Input::Command(command), observe));
            }
        }
        let wake = state.seats[node].0.wake();
        if wake < Time::MAX {
            let mut next = state.clone();
            next.seats[node].1 = next.seats[node].1.max(wake);
            nexts.push(tell(next, node, Input::Timer, observe));
        }
    }
    for ((from, to), queue) in &state.channels {
        let reach = if channels == Channels::Fifo { 1 } else { queue.len() };
        for place in 0..reach {
            let mut next = state.clone();
            let Some(message) = take(&mut next.channels, (*from, *to), place) else { continue };
            let input = Input::Received { from: NodeId(*from as u32), message };
            nexts.push(tell(next, *to, input, observe));
        }
    }
    nexts
}

fn take<M>(channels: &mut BTreeMap<(usize, usize), VecDeque<M>>, arc: (usize, usize), place: usize) -> Option<M> {
    let queue = channels.get_mut(&arc)?;
    let message = queue.remove(place);
    if queue.is_empty() {
        channels.remove(&arc);
    }
    message
}

fn tell<P: Process, H>(
    mut state: State<P, H>,
    node: usize,
    input: Input<P::Message, P::Command>,
    observe: &impl Fn(&mut H, NodeId, &P::Event) -> Result<(), String>,
) -> Result<State<P, H>, String> {
    let mut act = Actions::default();
    let (process, at, _) = &mut state.seats[node];
    process.handle(*at, input, &mut act);
    for output in act.drain() {
        match output {
            Output::Event(event) => observe(&mut state.observed, NodeId(node as u32), &event)?,
            Output::Send { to, message } => {
                state.channels.entry((node, to.0 as usize)).or_default().push_back(message);
            }
        }
    }
    Ok(state)
}
