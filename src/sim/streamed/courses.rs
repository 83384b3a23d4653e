//! The courses of one algorithm's clocks: which leg each of them is on, and which are already known to follow.

use super::compact;
use super::skew::{Method, Skew};
use crate::affine::Line;
use crate::analysis::track::{Leg, gap};
use crate::clock::Reading;
use crate::time::{Local, Nanos, Synced, Time};

/// A leg and those that will follow unless the clock changes before.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// The leg from now on.
    pub leg: Leg,
    /// What follows, in order.
    pub then: [Option<Leg>; 2],
}

impl Course {
    /// What a clock shows whose local clock is `node`'s, from true time `now` on.
    pub fn of(reading: &Reading, node: &compact::Node, now: i64) -> Self {
        let leg = |line: &Line<Local, Synced>, at: i64| leg(line, node, at as f64);
        let later = reading.then.map(|line| (line, node.when(line.start.as_nanos(), now)));
        match later {
            Some((line, at)) if at <= now => Self { leg: leg(&line, now), then: [None, None] },
            Some((line, at)) => Self { leg: leg(&reading.line, now), then: [Some(leg(&line, at)), None] },
            None => Self { leg: leg(&reading.line, now), then: [None, None] },
        }
    }

    /// What a hybrid clock shows from `now` on, whose `l` is ahead of its physical clock: it stands until that one, on this
    /// course, overtakes it.
    pub fn held_at(&self, l: Time<Synced>, now: f64) -> Self {
        let stands = Leg { start: now, value: l.as_nanos() as f64 - now, slope: -1.0 };
        let overtakes = |leg: &Leg| {
            let at = (l.as_nanos() as f64 - leg.value + leg.start * leg.slope) / (1.0 + leg.slope);
            let at = at.max(leg.start).max(now);
            Leg { start: at, value: leg.at(at), slope: leg.slope }
        };
        let first = overtakes(&self.leg);
        match &self.then[0] {
            Some(next) if next.start <= first.start => Self { leg: stands, then: [Some(overtakes(next)), None] },
            next => Self { leg: stands, then: [Some(first), *next] },
        }
    }

    /// Whether the leg that follows begins before `until`.
    #[inline]
    fn turns_before(&self, until: f64) -> bool {
        self.then[0].as_ref().is_some_and(|next| next.start < until)
    }

    /// Takes the leg that follows, if it begins before `until`.
    fn turn(&mut self, until: f64) -> Option<Leg> {
        let next = self.then[0].filter(|_| self.turns_before(until))?;
        self.then = [self.then[1], None];
        Some(std::mem::replace(&mut self.leg, next))
    }
}

/// A line of local time as a leg of true time that begins at `at`: as in [`crate::analysis::track::Base`].
fn leg(line: &Line<Local, Synced>, node: &compact::Node, at: f64) -> Leg {
    let (drift, rate) = (node.rate.as_ratio(), line.rate.as_ratio());
    let ahead = node.offset as f64 + at * drift;
    let since = gap(Time::<Local>::ZERO, line.start) + at + ahead;
    let value = ahead + gap(line.value, line.start) + since * rate;
    Leg { start: at, value, slope: drift + (1.0 + drift) * rate }
}

/// The courses of all clocks of one algorithm, and their eps.
#[derive(Debug)]
pub struct Courses {
    /// Eps.
    pub skew: Skew,
    of: Vec<Course>,
}

impl Courses {
    /// Clocks that show their local clocks.
    pub fn new(method: Method, nodes: &[compact::Node]) -> Self {
        let skew = Skew::new(method, nodes.iter().map(|node| node.leg(0)));
        Self { skew, of: nodes.iter().map(|node| Course { leg: node.leg(0), then: [None, None] }).collect() }
    }

    /// The course of a clock from `now` on.
    pub fn at(&mut self, node: u32, now: f64) -> &Course {
        self.follow(node, now);
        &self.of[node as usize]
    }

    /// Reads a word of a clock's course: see [`crate::node::Node::touch`].
    #[inline]
    pub fn touch(&self, node: usize) -> u64 {
        self.of[node].leg.start.to_bits()
    }

    /// A clock changes its course at that one's start.
    pub fn change(&mut self, node: u32, course: Course) {
        self.follow(node, course.leg.start);
        self.skew.change(node, &self.of[node as usize].leg, course.leg);
        self.of[node as usize] = course;
    }

    /// The window ends at `until`.
    pub fn close(&mut self, until: Nanos) {
        for node in 0..self.of.len() {
            self.follow(node as u32, until.0 as f64);
        }
        self.skew.close(until, self.of.iter().map(|course| course.leg));
    }

    /// What this takes, in bytes.
    pub fn bytes(&self) -> usize {
        self.skew.bytes() + size_of_val(&self.of[..])
    }

    /// Legs that were known to follow and begin before `until` have begun. Most often there is none: every clock is asked at
    /// the end of every window.
    #[inline]
    fn follow(&mut self, node: u32, until: f64) {
        if self.of[node as usize].turns_before(until) {
            self.turn(node, until);
        }
    }

    #[cold]
    fn turn(&mut self, node: u32, until: f64) {
        let course = &mut self.of[node as usize];
        while let Some(old) = course.turn(until) {
            self.skew.change(node, &old, course.leg);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Ppb, Rate};

    fn node() -> compact::Node {
        let rate = Rate::from_ppb(Ppb(40_000));
        let pace = 1.0 / (1.0 + rate.as_ratio());
        compact::Node { offset: 7_000, rate, shift: 0, slot: 0, pace, first: 0, arcs: 0, turn: 0 }
    }

    /// A slew of 300 ppm from local time 1 s to 1.5 s, and then 20 ppm.
    fn reading() -> Reading {
        let line = |start: i64, value: Time<Synced>, ppm: i64| Line {
            start: Time::from_nanos(start),
            value,
            rate: Rate::from_ppb(Ppb(1_000 * ppm)),
        };
        let slew = line(1_000_000_000, Time::from_nanos(1_000_123_456), 300);
        let then = line(1_500_000_000, slew.at(Time::from_nanos(1_500_000_000)), 20);
        Reading { line: slew, then: Some(then) }
    }

    fn shown(course: &Course, at: i64) -> f64 {
        let mut course = *course;
        while course.turn(at as f64).is_some() {}
        at as f64 + course.leg.at(at as f64)
    }

    #[test]
    fn a_course_is_the_reading_seen_from_true_time() {
        let (node, reading) = (node(), reading());
        for from in [1_000_000_000, 1_499_999_000, 1_600_000_000] {
            let course = Course::of(&reading, &node, from);
            for at in (from..2_000_000_000).step_by(7_654_321) {
                let expected = reading.at(Time::from_nanos(node.local(at))).as_nanos() as f64;
                assert!((shown(&course, at) - expected).abs() <= 2.0, "{from} {at}: {expected}");
            }
        }
    }

    #[test]
    fn a_hybrid_clock_stands_until_its_physical_clock_overtakes_it() {
        let (node, reading) = (node(), reading());
        for (from, ahead) in [(1_100_000_000, 250_000_000), (1_400_000_000, 300_000_000), (1_600_000_000, 5)] {
            let physical = |at: i64| reading.at(Time::from_nanos(node.local(at)));
            let l = physical(from) + Nanos(ahead);
            let course = Course::of(&reading, &node, from).held_at(l, from as f64);
            for at in (from..2_000_000_000).step_by(1_234_567) {
                let expected = l.max(physical(at)).as_nanos() as f64;
                assert!((shown(&course, at) - expected).abs() <= 2.0, "{from} {at}: {expected}");
            }
        }
    }
}
