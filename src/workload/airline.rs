//! The airline of Lamport's *The implementation of reliable distributed multiprocess systems* (Computer Networks 2, 1978): a
//! flight must not be sold more often than it has seats.
//!
//! [`Airline`] is the user machine e(C, S) = (R, S′) for a replicated state machine, which never oversells. [`Voter`] is the
//! negative control: each request is put to a vote and booked by a majority of "yes", every voter counting its own. Two out
//! of three do not prevent overfilling: with 2 seats and the requests x, y, z the voters may say yes to xy, yz and zx.

use std::collections::BTreeMap;

use super::wire::wire;
use super::{Actions, Input, Log, Process};
use crate::ids::NodeId;
use crate::time::{Synced, Time};

/// A request for one seat; the number names it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Reserve(pub u64);

/// What the machine answers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Answer {
    /// The request has this seat, counted from zero.
    Seat(u32),
    /// The flight is full.
    Full,
}

/// The machine: a flight with so many seats.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Airline {
    seats: u32,
    sold: u32,
}

impl Airline {
    /// An empty flight.
    pub const fn new(seats: u32) -> Self {
        Self { seats, sold: 0 }
    }

    /// Carries out a command.
    pub const fn apply(&mut self, _: Reserve) -> Answer {
        if self.sold == self.seats {
            return Answer::Full;
        }
        self.sold += 1;
        Answer::Seat(self.sold - 1)
    }
}

/// The most seats that voting with majorities of `voters` can sell: every booking takes a majority of the yes votes.
pub fn most_sold_by_votes(seats: u32, voters: u32) -> u32 {
    let majority = voters / 2 + 1;
    seats.saturating_mul(voters) / majority
}

/// What voters tell each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Message {
    /// Shall this request have a seat?
    Ask(Reserve),
    /// Yes.
    Yes(Reserve),
}

/// What the log holds of a vote.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Event {
    /// A majority said yes: the request has a seat.
    Booked(Reserve),
}

wire!(struct Reserve(number));
wire!(enum Answer { 0 = Seat(seat); 1 = Full; });
wire!(enum Message { 0 = Ask(request); 1 = Yes(request); });
wire!(enum Event { 0 = Booked(request); });

/// One voter with its user.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Voter {
    me: NodeId,
    nodes: u32,
    machine: Airline,
    /// Yes votes for one's own requests.
    votes: BTreeMap<Reserve, u32>,
}

impl Voter {
    /// Voter `me` of `nodes`.
    pub const fn new(me: NodeId, nodes: u32, machine: Airline) -> Self {
        Self { me, nodes, machine, votes: BTreeMap::new() }
    }

    fn says_yes(&mut self, request: Reserve) -> bool {
        matches!(self.machine.apply(request), Answer::Seat(_))
    }

    fn count(&mut self, request: Reserve, act: &mut Actions<Message, Event>) {
        let votes = self.votes.entry(request).or_default();
        *votes += 1;
        if *votes == self.nodes / 2 + 1 {
            act.note(Event::Booked(request));
        }
    }
}

impl Process for Voter {
    type Message = Message;
    type Command = Reserve;
    type Event = Event;

    fn handle(&mut self, _: Time<Synced>, input: Input<Message, Reserve>, act: &mut Actions<Message, Event>) {
        match input {
            Input::Timer => {}
            Input::Command(request) => {
                act.send_to_others(self.me, self.nodes, &Message::Ask(request));
                if self.says_yes(request) {
                    self.count(request, act);
                }
            }
            Input::Received { from, message: Message::Ask(request) } => {
                if self.says_yes(request) {
                    act.send(from, Message::Yes(request));
                }
            }
            Input::Received { message: Message::Yes(request), .. } => self.count(request, act),
        }
    }
}

/// Seats sold beyond those that the flight has, by votes.
pub fn oversold(log: &Log<Event>, seats: u32) -> u64 {
    (log.events().count() as u64).saturating_sub(u64::from(seats))
}

#[cfg(test)]
mod tests {
    use super::super::explore::{Channels, World, explore};
    use super::*;

    fn most_booked(seats: u32) -> Result<(), String> {
        let voter = |me| (Voter::new(NodeId(me), 3, Airline::new(seats)), vec![Reserve(u64::from(me))]);
        let observe = move |booked: &mut u32, _, _: &Event| {
            *booked += 1;
            if *booked <= seats { Ok(()) } else { Err(format!("{booked} of {seats} seats are sold")) }
        };
        let world = World::new((0..3).map(voter).collect(), Channels::Fifo, 0);
        explore(world, observe, |_, _| Ok(())).complaint.map_or(Ok(()), Err)
    }

    #[test]
    fn two_votes_out_of_three_oversell_two_seats_but_not_one() {
        assert_eq!(most_booked(2), Err("3 of 2 seats are sold".to_owned()));
        assert_eq!(most_booked(1), Ok(()));
        assert_eq!((most_sold_by_votes(2, 3), most_sold_by_votes(1, 3), most_sold_by_votes(10, 3)), (3, 1, 15));
    }
}
