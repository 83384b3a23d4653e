//! What happens next: events ordered by (time, sequence), so that events of one instant happen in the order in which they
//! were queued, whatever they are.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::time::{Time, True};

/// Events yet to happen. Cost: O(log n) an event.
#[derive(Clone, Debug)]
pub struct Queue<E> {
    heap: BinaryHeap<Queued<E>>,
    next: u64,
}

#[derive(Clone, Debug)]
struct Queued<E> {
    at: Time<True>,
    sequence: u64,
    event: E,
}

impl<E> Queued<E> {
    const fn key(&self) -> (Time<True>, u64) {
        (self.at, self.sequence)
    }
}

impl<E> PartialEq for Queued<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<E> Eq for Queued<E> {}

impl<E> PartialOrd for Queued<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The earliest is the greatest, since the heap gives the greatest first.
impl<E> Ord for Queued<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), next: 0 }
    }
}

impl<E> Queue<E> {
    /// Queues an event.
    pub fn push(&mut self, at: Time<True>, event: E) {
        self.heap.push(Queued { at, sequence: self.next, event });
        self.next += 1;
    }

    /// When the next event happens; [`Time::MAX`] if none is queued.
    pub fn next_at(&self) -> Time<True> {
        self.heap.peek().map_or(Time::MAX, |queued| queued.at)
    }

    /// Takes the next event out.
    pub fn pop(&mut self) -> Option<(Time<True>, E)> {
        self.heap.pop().map(|queued| (queued.at, queued.event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_then_in_the_order_in_which_they_were_queued() {
        let mut queue = Queue::default();
        for (at, name) in [(5, 'c'), (1, 'a'), (5, 'd'), (3, 'b'), (5, 'e')] {
            queue.push(Time::from_nanos(at), name);
        }
        assert_eq!(queue.next_at(), Time::from_nanos(1));
        let order: String = std::iter::from_fn(|| queue.pop()).map(|(_, name)| name).collect();
        assert_eq!((order.as_str(), queue.next_at()), ("abcde", Time::MAX));
    }
}
