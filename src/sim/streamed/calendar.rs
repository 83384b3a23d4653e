//! A calendar queue: what happens next, in the same order as [`super::super::queue`] keeps, at a cost that does not grow
//! with the number of events.
//!
//! Time is cut into coarse days, the present day into fine hours, both powers of two of a nanosecond. What is due on a later
//! day is appended to that day's list; when the day comes its list is dealt to the hours; when an hour comes its few
//! events are sorted by time. Lists are appended to and sorted stably, so that events of one instant happen in the order in
//! which they were queued, without a number for each of them. Days beyond a year are kept in a map. (After R. Brown,
//! "Calendar Queues", CACM 31(10), 1988, with the two levels of a ladder queue.)

use std::collections::BTreeMap;

/// The end of a list.
const NONE: u32 = u32::MAX;
/// Days in a year.
const DAYS: usize = 256;
/// Most hours in a day.
const MOST_HOURS: usize = 1 << 14;

/// An event and its time in ns.
#[derive(Clone, Copy, Debug)]
struct Entry<E> {
    at: i64,
    event: E,
}

/// An event in an hour's list, newest first.
#[derive(Clone, Copy, Debug)]
struct Linked<E> {
    entry: Entry<E>,
    next: u32,
}

/// Events yet to happen. Cost: O(1) an event while about as many are queued as the calendar was made for.
#[derive(Clone, Debug)]
pub struct Calendar<E> {
    day_bits: u32,
    hour_bits: u32,
    /// The present day, counted from time zero, and the hour whose events are in `due`.
    day: i64,
    hour: usize,
    /// Later days of the year.
    days: Vec<Vec<Entry<E>>>,
    /// Events in `days`.
    in_days: usize,
    /// Days after those.
    far: BTreeMap<i64, Vec<Entry<E>>>,
    /// The newest event of each hour of the present day.
    hours: Vec<u32>,
    /// Events in `hours`.
    in_hours: usize,
    slab: Vec<Linked<E>>,
    free: u32,
    /// The present hour's events in order, from `next` on.
    due: Vec<Entry<E>>,
    next: usize,
}

impl<E: Copy> Calendar<E> {
    /// A calendar for about `pending` events at once, most of which are queued less than `ahead` ns before they happen.
    pub fn new(pending: usize, ahead: i64) -> Self {
        let hours = (pending / (2 * DAYS)).next_power_of_two().clamp(4, MOST_HOURS);
        let day = (ahead.max(1) as u64 / (DAYS as u64 / 2)).next_power_of_two().max(hours as u64);
        let day_bits = day.trailing_zeros();
        Self {
            day_bits,
            hour_bits: day_bits - hours.trailing_zeros(),
            day: 0,
            hour: 0,
            days: (0..DAYS).map(|_| Vec::new()).collect(),
            in_days: 0,
            far: BTreeMap::new(),
            hours: vec![NONE; hours],
            in_hours: 0,
            slab: Vec::new(),
            free: NONE,
            due: Vec::new(),
            next: 0,
        }
    }

    /// Queues an event for `at`, in ns since time zero. One that lies before what was taken out last comes next.
    #[inline]
    pub fn push(&mut self, at: i64, event: E) {
        let (day, entry) = (at >> self.day_bits, Entry { at, event });
        if day <= self.day {
            let hour = if day < self.day { 0 } else { self.hour_of(at) };
            if hour <= self.hour { self.insert(entry) } else { self.link(hour, entry) }
        } else if day < self.day + DAYS as i64 {
            self.days[day as usize % DAYS].push(entry);
            self.in_days += 1;
        } else {
            self.far.entry(day).or_default().push(entry);
        }
    }

    /// When the next event happens.
    #[inline]
    pub fn next_at(&mut self) -> Option<i64> {
        let _ = self.turn();
        self.due.get(self.next).map(|entry| entry.at)
    }

    /// Takes out the next event if it happens before `until`.
    #[inline]
    pub fn pop_before(&mut self, until: i64) -> Option<(i64, E)> {
        let entry = self.due.get(self.next).filter(|entry| entry.at < until)?;
        self.next += 1;
        Some((entry.at, entry.event))
    }

    /// Goes on to the next events if there are none in hand, and then gives those that it took, a few of one short span:
    /// others may yet be queued between them. Without this nothing is taken out.
    #[inline]
    pub fn turn(&mut self) -> Option<impl Iterator<Item = E> + Clone + '_> {
        if self.next < self.due.len() {
            return None;
        }
        self.advance();
        Some(self.due.iter().map(|entry| entry.event))
    }

    /// What the calendar's memory comes to, in bytes.
    pub fn bytes(&self) -> usize {
        let entry = size_of::<Entry<E>>();
        let days: usize = self.days.iter().chain(self.far.values()).map(Vec::capacity).sum();
        days * entry
            + self.slab.capacity() * size_of::<Linked<E>>()
            + self.due.capacity() * entry
            + self.hours.len() * 4
    }

    fn hour_of(&self, at: i64) -> usize {
        (at >> self.hour_bits) as usize & (self.hours.len() - 1)
    }

    /// Puts an event of the present hour behind all that are not later.
    fn insert(&mut self, entry: Entry<E>) {
        let waiting = &self.due[self.next..];
        let place = self.next + waiting.partition_point(|other| other.at <= entry.at);
        self.due.insert(place, entry);
    }

    fn link(&mut self, hour: usize, entry: Entry<E>) {
        let linked = Linked { entry, next: self.hours[hour] };
        self.hours[hour] = match self.slab.get_mut(self.free as usize) {
            Some(place) => {
                let taken = self.free;
                self.free = place.next;
                *place = linked;
                taken
            }
            None => {
                self.slab.push(linked);
                self.slab.len() as u32 - 1
            }
        };
        self.in_hours += 1;
    }

    /// Goes on to the next hour that has events, if any has.
    fn advance(&mut self) {
        self.due.clear();
        self.next = 0;
        while self.in_hours == 0 {
            if !self.begin_day() {
                return;
            }
        }
        while self.hours[self.hour] == NONE {
            self.hour += 1;
        }
        self.begin_hour();
    }

    /// Deals the next day's events to its hours; false if nothing is queued.
    fn begin_day(&mut self) -> bool {
        let next = match self.far.first_key_value() {
            Some((day, _)) if self.in_days == 0 => *day,
            None if self.in_days == 0 => return false,
            _ => self.day + 1,
        };
        self.day = next;
        self.hour = 0;
        while let Some(first) = self.far.first_entry().filter(|first| *first.key() < next + DAYS as i64) {
            let (day, entries) = first.remove_entry();
            self.in_days += entries.len();
            self.days[day as usize % DAYS] = entries;
        }
        let mut entries = std::mem::take(&mut self.days[next as usize % DAYS]);
        self.in_days -= entries.len();
        for entry in entries.drain(..) {
            self.link(self.hour_of(entry.at), entry);
        }
        self.days[next as usize % DAYS] = entries;
        true
    }

    /// Sorts the present hour's events.
    fn begin_hour(&mut self) {
        let mut index = std::mem::replace(&mut self.hours[self.hour], NONE);
        while index != NONE {
            let linked = &mut self.slab[index as usize];
            self.due.push(linked.entry);
            let next = std::mem::replace(&mut linked.next, self.free);
            self.free = std::mem::replace(&mut index, next);
        }
        self.in_hours -= self.due.len();
        self.due.reverse();
        self.due.sort_by_key(|entry| entry.at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Purpose, Rng};
    use crate::sim::queue::Queue;
    use crate::time::{Nanos, Time};

    /// A heap and a calendar are told the same and must say the same, whatever the calendar was made for.
    #[test]
    fn it_keeps_the_order_of_the_heap() {
        for (pending, ahead, reach) in [(1, 1, 50), (10, 1_000, 900), (5_000, 100_000, 90_000), (100, 500, 500_000)] {
            let mut rng = Rng::stream(1, Purpose::Scenario, pending as u64);
            let (mut heap, mut calendar) = (Queue::default(), Calendar::new(pending, ahead));
            let (mut now, mut number) = (0, 0_u32);
            for _ in 0..20_000 {
                let count = if number < 2_000 { 2 } else { rng.below(3) };
                for _ in 0..count {
                    let wait = if rng.below(4) == 0 { 0 } else { rng.below(reach) as i64 };
                    let wait = if rng.below(500) == 0 { wait * 10_000 } else { wait };
                    heap.push(Time::ZERO + Nanos(now + wait), number);
                    calendar.push(now + wait, number);
                    number += 1;
                }
                let expected = heap.pop().map(|(at, event)| (at.as_nanos(), event));
                assert_eq!(calendar.next_at(), expected.map(|(at, _)| at));
                assert_eq!(calendar.pop_before(i64::MAX), expected);
                now = expected.map_or(now, |(at, _)| at);
            }
            assert!(number > 10_000);
        }
    }

    #[test]
    fn what_is_not_due_stays() {
        let mut calendar = Calendar::new(1, 10);
        calendar.push(1_000_000, 'b');
        assert_eq!((calendar.next_at(), calendar.pop_before(1_000_000)), (Some(1_000_000), None));
        calendar.push(999, 'a');
        assert_eq!(calendar.pop_before(1_000_000), Some((999, 'a')), "earlier than what was looked at");
        assert_eq!((calendar.next_at(), calendar.pop_before(i64::MAX)), (Some(1_000_000), Some((1_000_000, 'b'))));
        assert_eq!((calendar.next_at(), calendar.pop_before(i64::MAX)), (None, None));
    }
}
