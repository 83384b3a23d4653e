//! Lamport's rule on a prescribed execution, exactly: readings in parts of 10^-9 ns, so that a rate in parts per billion
//! over whole nanoseconds leaves nothing to round.

use std::collections::BTreeMap;

use super::queue::Queue;
use crate::ids::NodeId;
use crate::theory::adversary::{Adversary, Attack, Settings};
use crate::theory::execution::{Execution, settled};
use crate::time::{Nanos, Ppb, Time, True};

/// Parts in a nanosecond.
const WHOLE: i128 = Ppb::ONE.0 as i128;

/// What happens.
enum Event {
    /// A message is sent.
    Sent(usize),
    /// A clock changes its rate.
    Turned(usize, Ppb),
    /// A message arrives with what it claims.
    Received { from: usize, to: usize, claim: i128 },
}

/// What an execution came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The largest minus the smallest reading at its worst instant, rounded down.
    pub spread: Nanos,
    /// That instant.
    pub at: Nanos,
    /// The clocks ahead and behind then.
    pub pair: (NodeId, NodeId),
    /// How many messages lifted a clock.
    pub lifts: u64,
    /// What the clocks show at the end, rounded down.
    pub readings: Vec<Nanos>,
}

/// Works an execution out; its spread is taken from `from` on, that is after whatever happens at that instant. Between two
/// events every clock runs at a constant rate, so that the spread is largest at one of them, on one of its sides. Cost:
/// O(log messages) an event, O(clocks) a change.
pub fn evaluate(execution: &Execution, from: Nanos) -> Outcome {
    work_out(Run::new(execution, from, 0))
}

/// The same under the tempting cure for a faulty clock: a clock becomes the (`faults` + 1)-th largest of its own reading and
/// of what it last heard from each neighbour, carried on at its own rate, if that is more than it shows. That gives validity
/// and no agreement: if no more than `faults` honest clocks are the fastest nobody follows them, and with n = 4,
/// `faults` = 1 and kappa = 1e-3 the skew is 2.0 s after 1000 s and grows for ever (docs/theory.md §6). A negative control, never a
/// synchroniser. Cost: O(neighbours log neighbours) a message beside.
pub fn evaluate_ranked(execution: &Execution, from: Nanos, faults: usize) -> Outcome {
    work_out(Run::new(execution, from, faults))
}

fn work_out(mut run: Run<'_>) -> Outcome {
    let execution = run.execution;
    while run.queue.next_at() < Time::ZERO + execution.end {
        let Some((at, event)) = run.queue.pop() else { break };
        run.happen(at - Time::ZERO, event);
    }
    run.begin_before(execution.end);
    run.look(execution.end);
    let readings = (0..run.hands.len()).map(|clock| whole(run.reading(clock, execution.end))).collect();
    let (spread, at, pair) = run.worst;
    let name = |clock: usize| NodeId(clock as u32);
    Outcome { spread: whole(spread), at, pair: (name(pair.0), name(pair.1)), lifts: run.lifts, readings }
}

/// Lets an adversary do its worst; `None` if its execution fulfils no premises.
pub fn attack(adversary: Adversary, settings: Settings) -> Option<Attack> {
    let execution = adversary.execution(settings);
    let premises = execution.premises()?;
    let outcome = evaluate(&execution, settled(&premises));
    let nodes = execution.clocks.len() as u32;
    Some(Attack { adversary, nodes, premises, bounds: premises.bounds(), reached: outcome.spread, at: outcome.at })
}

/// A clock: what it showed at an instant, how fast it runs, and how far messages have lifted it in all.
#[derive(Clone, Copy)]
struct Hand {
    at: Nanos,
    value: i128,
    speed: i128,
    lifted: i128,
}

struct Run<'a> {
    execution: &'a Execution,
    from: Nanos,
    hands: Vec<Hand>,
    /// How many claims must be at least as large as the one that a clock follows, beside it.
    rank: usize,
    /// The last claim from each neighbour (receiver, sender), less what the receiver then showed but for all lifts: carried on
    /// at the receiver's rate that stays as it is.
    heard: BTreeMap<(usize, usize), i128>,
    queue: Queue<Event>,
    /// Whether spreads count yet.
    begun: bool,
    worst: (i128, Nanos, (usize, usize)),
    lifts: u64,
}

impl<'a> Run<'a> {
    /// All sends are queued first, so that a message is sent before whatever is received at that instant.
    fn new(execution: &'a Execution, from: Nanos, rank: usize) -> Self {
        let mut queue = Queue::default();
        let instant = |at: Nanos| -> Time<True> { Time::ZERO + at.max(Nanos::ZERO) };
        let known = execution.clocks.len();
        for (index, letter) in execution.messages.iter().enumerate() {
            if letter.from < known && letter.to < known {
                queue.push(instant(letter.sent), Event::Sent(index));
            }
        }
        for (clock, course) in execution.clocks.iter().enumerate() {
            course.rates.iter().for_each(|(at, rate)| queue.push(instant(*at), Event::Turned(clock, *rate)));
        }
        let hand = |start: Nanos| Hand { at: Nanos::ZERO, value: i128::from(start.0) * WHOLE, speed: WHOLE, lifted: 0 };
        let hands = execution.clocks.iter().map(|course| hand(course.start)).collect();
        Self {
            execution,
            from,
            hands,
            rank,
            heard: BTreeMap::new(),
            queue,
            begun: false,
            worst: (0, from, (0, 0)),
            lifts: 0,
        }
    }

    fn reading(&self, clock: usize, at: Nanos) -> i128 {
        let hand = &self.hands[clock];
        hand.value + i128::from((at - hand.at).0) * hand.speed
    }

    /// Looks at the first instant that counts, once all that happens at it has happened.
    fn begin_before(&mut self, now: Nanos) {
        if !self.begun && now > self.from {
            self.begun = true;
            self.look(self.from);
        }
    }

    fn happen(&mut self, now: Nanos, event: Event) {
        self.begin_before(now);
        match event {
            Event::Sent(index) => {
                let letter = &self.execution.messages[index];
                let claim = self.reading(letter.from, now) + i128::from(letter.credit.0) * WHOLE;
                let received = Event::Received { from: letter.from, to: letter.to, claim };
                self.queue.push(Time::ZERO + now + letter.delay.max(Nanos::ZERO), received);
            }
            Event::Turned(clock, rate) => {
                self.look(now);
                let value = self.reading(clock, now);
                let speed = WHOLE + i128::from(rate.0);
                self.hands[clock] = Hand { at: now, value, speed, ..self.hands[clock] };
            }
            Event::Received { from, to, claim } => {
                let followed = self.followed(from, to, claim, now);
                self.lift(to, followed, now);
            }
        }
    }

    /// What `clock` makes of a claim: under Lamport's rule the claim itself.
    fn followed(&mut self, from: usize, clock: usize, claim: i128, now: Nanos) -> i128 {
        if self.rank == 0 {
            return claim;
        }
        let (own, lifted) = (self.reading(clock, now), self.hands[clock].lifted);
        self.heard.insert((clock, from), claim - (own - lifted));
        let of_clock = self.heard.range((clock, 0)..=(clock, usize::MAX));
        let mut readings: Vec<i128> = of_clock.map(|(_, since)| since + own - lifted).chain([own]).collect();
        readings.sort_unstable();
        readings.len().checked_sub(self.rank + 1).map_or(own, |index| readings[index])
    }

    fn lift(&mut self, clock: usize, to: i128, now: Nanos) {
        let own = self.reading(clock, now);
        if to > own {
            self.look(now);
            let lifted = self.hands[clock].lifted + to - own;
            self.hands[clock] = Hand { at: now, value: to, lifted, ..self.hands[clock] };
            self.lifts += 1;
            self.look(now);
        }
    }

    /// Looks how far apart the clocks are.
    fn look(&mut self, now: Nanos) {
        if !self.begun {
            return;
        }
        let readings = (0..self.hands.len()).map(|clock| (self.reading(clock, now), clock));
        let (mut most, mut least) = ((i128::MIN, 0), (i128::MAX, 0));
        for reading in readings {
            (most, least) = (most.max(reading), least.min(reading));
        }
        if most.0 > least.0 && most.0 - least.0 > self.worst.0 {
            self.worst = (most.0 - least.0, now, (most.1, least.1));
        }
    }
}

fn whole(parts: i128) -> Nanos {
    Nanos(parts.div_euclid(WHOLE).clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
}

#[cfg(test)]
#[path = "exact_tests.rs"]
mod tests;
