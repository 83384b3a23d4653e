//! The contract between a process and whatever drives it.
//!
//! A driver hands a process one [`Input`] at a time with the reading of that process's clock, takes its [`Output`]s in
//! order, and waits until [`Process::wake`] or the next input. There is one pending wake, replaced, never added. A process
//! reads no clock, draws no randomness and fails on no input.

use std::fmt::Debug;

use super::wire::Wire;
use crate::ids::NodeId;
use crate::time::{Synced, Time};

/// What happens to a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input<M, C> {
    /// Its clock reached the wake that it asked for.
    Timer,
    /// A message came.
    Received {
        /// Who sent it.
        from: NodeId,
        /// What it says.
        message: M,
    },
    /// Its user wants something.
    Command(C),
}

/// What a process does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Output<M, E> {
    /// It sends a message.
    Send {
        /// To whom.
        to: NodeId,
        /// What it says.
        message: M,
    },
    /// Something happened that the log shall hold: a grant, a delivery, a commit.
    Event(E),
}

/// What a process does in answer to one input, in order.
#[derive(Clone, Debug)]
pub struct Actions<M, E> {
    outputs: Vec<Output<M, E>>,
}

impl<M, E> Default for Actions<M, E> {
    fn default() -> Self {
        Self { outputs: Vec::new() }
    }
}

impl<M: Clone, E> Actions<M, E> {
    /// Sends a message to one process.
    pub fn send(&mut self, to: NodeId, message: M) {
        self.outputs.push(Output::Send { to, message });
    }

    /// Sends a message to everybody but oneself, by ascending name.
    pub fn send_to_others(&mut self, me: NodeId, nodes: u32, message: &M) {
        for to in (0..nodes).map(NodeId).filter(|to| *to != me) {
            self.send(to, message.clone());
        }
    }

    /// Notes an event.
    pub fn note(&mut self, event: E) {
        self.outputs.push(Output::Event(event));
    }

    /// Takes everything out, in order.
    pub fn drain(&mut self) -> impl Iterator<Item = Output<M, E>> {
        self.outputs.drain(..)
    }
}

/// A deterministic process of a workload. Its name is its place among the processes, from zero.
pub trait Process {
    /// What processes tell each other: plain values of bounded size, so that a wire form is a matter of encoding.
    type Message: Clone + Debug + Wire;
    /// What users want.
    type Command: Clone + Debug + Wire;
    /// What the log holds.
    type Event: Clone + Debug + Wire;

    /// Takes one input at the instant when the process's own clock shows `at`. Readings never go back.
    fn handle(
        &mut self,
        at: Time<Synced>,
        input: Input<Self::Message, Self::Command>,
        act: &mut Actions<Self::Message, Self::Event>,
    );

    /// The reading of its own clock at which it wants [`Input::Timer`]; [`Time::MAX`] if never.
    fn wake(&self) -> Time<Synced> {
        Time::MAX
    }

    /// Whether nothing that it was asked for is left to do here. Messages under way are not its business.
    fn is_settled(&self) -> bool {
        self.wake() == Time::MAX
    }
}
