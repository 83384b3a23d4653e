//! Rounds by agreement (T. K. Srikanth, S. Toueg, *Optimal Clock Synchronization*, Journal of the ACM 34(3), 1987), without
//! signatures, for n > 3f.
//!
//! A clock that reaches kP says *init k*. Whoever hears init k or *echo k* of f + 1 nodes, of which one is honest, says echo k.
//! Whoever hears echo k of 2f + 1 nodes accepts round k and sets its clock to kP + alpha. No round is accepted before an
//! honest clock reaches it (unforgeability); and f + 1 of those 2f + 1 are honest and are heard by everybody, who then says
//! echo k as well, so that all honest nodes accept within 2D of the first (relay), D the longest time from saying to hearing.
//!
//! # On the grid of probes
//! The paper sends a message the moment that something is to be said. Here a node speaks in its slots and when asked: what it
//! says stands on its next probe, so that **D = tau + nu**, the probe period and a delay. The proofs ask for no more than a
//! bound D. Every probe claims the clock's reading, whose round is the largest k of its init, and the largest k of its echo;
//! to claim k is to claim all smaller rounds, so that a lost probe is made good by the next, and clocks that begin rounds
//! apart meet at once, at the (f+1)-th highest. With honest clocks within S = 2D(1 + kappa) + 2 kappa L of each other in a round of
//! length L <= (P − alpha)/(1 − kappa) + 4D, and alpha <= 2D, any two honest clocks are within
//! **max(alpha + S + 4 kappa D, (1 + kappa)(S/(1 − kappa) + 2D) − alpha)** at all times after the first round, about
//! 3 to 4 (tau + nu), whatever f liars say ([`precision`]). That is the price of the grid: a clock that reads others,
//! like Welch and Lynch's, gets to the delays. And a round gains what it waits less than alpha, so that the clocks' rate
//! is within [P/((P − alpha)/(1 − kappa) + S/(1 − kappa) + 2D), (1 + kappa) P/(P − alpha)], far from the hardware's.
//!
//! Inputs: messages (reading in ns, highest echo in the counter, the longest D heard of in the root delay, what a clock
//! may drift in a round in the root dispersion), and exchanges for the delay. Output: a reading in ns, set in a step at each
//! round, in either direction, and an [`ErrorBound`] on its distance to every correct clock, at all times until the next
//! round: the precision, with D and kappa as they were met with in this round and the one before (`waits.rs`).
//! It is stated from the second of two rounds in a row on, and withdrawn where a round takes longer than it can or more than
//! f peers are silent. Assumed: a complete graph of which at most f = ⌊(n−1)/3⌋
//! nodes are faulty, readings from zero on. Cost a message: two sorts of as many numbers as there are peers. Departures: alpha is the
//! probe period, which is about what a round waits, and nothing where f = 0, as a clock then accepts the round that it
//! reaches: the fastest leads, and none is set back. In the paper alpha is so large that no clock ever is.

mod rounds;
mod waits;

use std::collections::BTreeMap;

use super::{Change, Clock, ErrorBound, Message, Reading, Settings};
use crate::affine::Line;
use crate::ids::{Algorithm, NodeId};
use crate::probe::{Claim, Exchange};
use crate::time::{Local, Nanos, Rate, Synced, Time};
use rounds::Rounds;
pub use rounds::precision;
use waits::Waits;

/// So many polls make a round: the rate's error is about one in so many.
const POLLS: i64 = 64;

/// What a node says after a silence of so many polls was said nobody knows when.
const SILENCE_POLLS: i64 = 4;

/// The clock of Srikanth and Toueg.
#[derive(Clone, Debug)]
pub struct SrikanthToueg {
    reading: Reading,
    faults: usize,
    rounds: Rounds,
    accepted: u32,
    echo: u32,
    heard: BTreeMap<NodeId, Said>,
    /// What the bound rests on; nothing where the node does not hear all others.
    waits: Option<Waits>,
    bound: Claimed,
}

/// What is known of the rounds, and what is claimed of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Claimed {
    /// When the last round was accepted.
    accepted: Option<Time<Local>>,
    /// Whether that one and the one before followed each other as rounds do.
    in_a_row: bool,
    /// What is stated at present.
    stated: Option<Nanos>,
}

/// What a node said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Said {
    /// When it was heard last.
    at: Time<Local>,
    /// The highest rounds that it claims.
    claimed: Highest,
    /// Those of them that were heard within a probe period of being said.
    timely: Highest,
}

/// Highest rounds by kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Highest {
    init: u32,
    echo: u32,
}

impl Said {
    /// Hears of it at `at`, after a silence of at most `longest` or a longer one.
    fn hear(&mut self, at: Time<Local>, claimed: Highest, longest: Nanos) {
        let news = |now: u32, before: u32| if now > before && at - self.at <= longest { now } else { 0 };
        let (init, echo) = (news(claimed.init, self.claimed.init), news(claimed.echo, self.claimed.echo));
        self.timely = Highest { init: self.timely.init.max(init), echo: self.timely.echo.max(echo) };
        let echo = self.claimed.echo.max(claimed.echo);
        (self.at, self.claimed) = (at, Highest { init: self.claimed.init.max(claimed.init), echo });
    }
}

impl SrikanthToueg {
    /// A clock that tolerates as many liars as its mesh can bear.
    pub fn new(settings: &Settings) -> Self {
        let poll = settings.poll.max(Nanos(1));
        let (faults, period) = (settings.faults(), poll.times(POLLS));
        let rounds = Rounds { period, alpha: if faults == 0 { Nanos::ZERO } else { poll } };
        let waits = settings.is_linked_to_all().then(|| Waits::new(settings, period, poll.times(SILENCE_POLLS)));
        let (reading, bound) = (Reading::LOCAL, Claimed::default());
        Self { reading, faults, rounds, accepted: 0, echo: 0, heard: BTreeMap::new(), waits, bound }
    }

    /// What can be claimed at `at`: the precision, while rounds follow each other.
    fn claimable(&self, at: Time<Local>) -> Option<Nanos> {
        let waits = self.waits.as_ref().filter(|waits| waits.silent(at) <= self.faults)?;
        let follows = self.bound.in_a_row && self.is_timely(at);
        follows.then_some(self.rounds.precision(waits.heard()?, waits.kappa()))
    }

    /// Whether the last round was accepted no longer before `at` than a round can take.
    fn is_timely(&self, at: Time<Local>) -> bool {
        let limit = |waits: &Waits| Some(self.rounds.longest(waits.heard()?, waits.kappa()));
        let limit = self.waits.as_ref().and_then(limit);
        self.bound.accepted.zip(limit).is_some_and(|(last, limit)| at - last <= limit)
    }

    /// A round is accepted at `at`, `rounds` later than the last.
    fn accept(&mut self, at: Time<Local>, rounds: u32) {
        self.bound.in_a_row = rounds == 1 && self.is_timely(at);
        self.bound.accepted = Some(at);
        if let Some(waits) = &mut self.waits {
            waits.begin_round();
        }
    }

    /// The clock goes on from `at` as it is, or from `value` on, and says what it claims.
    fn show(&mut self, at: Time<Local>, value: Time<Synced>, stepped: bool) -> Change {
        self.reading = Reading { line: Line { start: at, value, rate: Rate::ZERO }, then: None };
        self.bound.stated = self.claimable(at);
        let bound = self.bound.stated.map(|initial| ErrorBound { initial, growth: Rate::ZERO });
        Change { reading: self.reading, stepped, bound, event: None }
    }

    /// What is stated anew where the clock has nothing to correct: more than before, or nothing any more.
    fn restated(&mut self, at: Time<Local>) -> Option<Change> {
        let stated = self.bound.stated?;
        let is_true = self.claimable(at).is_some_and(|claimable| claimable <= stated);
        (!is_true).then(|| self.show(at, self.reading.at(at), false))
    }

    /// The round that a clock with that reading has reached.
    fn round(&self, reading: Time<Synced>) -> u32 {
        let rounds = reading.as_nanos() / self.rounds.period.0;
        u32::try_from(rounds.max(0)).unwrap_or(u32::MAX)
    }

    /// The highest round to echo at `at`: f + 1 nodes said init or echo of it, the own clock among them.
    fn echo_at(&self, at: Time<Local>) -> u32 {
        let said = self.heard.values().map(|said| said.timely.init.max(said.timely.echo));
        let own = self.round(self.reading.at(at)).max(self.echo);
        ranked(said.chain([own]), self.faults).max(self.echo)
    }

    /// Accepts the highest round that 2f + 1 nodes echo, if it is a new one.
    fn turn(&mut self, at: Time<Local>) -> Option<Change> {
        let round = self.agreed(at);
        self.echo = self.echo_at(at);
        // A round below one that an honest clock has reached since is accepted too late to tell the time.
        if round <= self.accepted || round < self.echo {
            return None;
        }
        self.accept(at, round - self.accepted);
        self.accepted = round;
        // A clock that was set back takes its init back with it, and whoever still means it says it again.
        self.heard.values_mut().for_each(|said| (said.timely.init, said.claimed.init) = (0, round));
        let own = self.reading.at(at);
        let reached = Time::from_nanos(i64::from(round).saturating_mul(self.rounds.period.0));
        // With f = 0 a clock accepts the round that it reaches, at that very instant: it has nothing to correct since.
        let value = if self.faults == 0 { reached.max(own) } else { reached + self.rounds.alpha };
        let has_news = value != own || self.bound.stated != self.claimable(at);
        has_news.then(|| self.show(at, value, value != own))
    }

    /// The highest round that 2f + 1 nodes echo, as far as is known at `at`.
    fn agreed(&self, at: Time<Local>) -> u32 {
        let echoes = self.heard.values().map(|said| said.timely.echo);
        ranked(echoes.chain([self.echo_at(at)]), 2 * self.faults)
    }
}

/// The (rank+1)-th largest; zero if there are no more than `rank`.
fn ranked(rounds: impl Iterator<Item = u32>, rank: usize) -> u32 {
    let mut rounds: Vec<u32> = rounds.collect();
    rounds.sort_unstable_by(|one, other| other.cmp(one));
    rounds.get(rank).copied().unwrap_or(0)
}

impl Clock for SrikanthToueg {
    fn algorithm(&self) -> Algorithm {
        Algorithm::SrikanthToueg
    }

    fn reading(&self) -> &Reading {
        &self.reading
    }

    fn claim(&self, at: Time<Local>) -> Claim {
        let (root_delay, root_dispersion) = self.waits.as_ref().map_or_else(Default::default, Waits::told);
        let reading = self.reading.at(at);
        Claim { reading, counter: self.echo_at(at), root_delay, root_dispersion, ..Claim::default() }
    }

    fn on_message(&mut self, message: &Message<'_>) -> Option<Change> {
        let claimed = Highest { init: self.round(message.claim.reading), echo: message.claim.counter };
        let longest = self.rounds.period.times(SILENCE_POLLS).over(POLLS);
        let first = Said { at: message.at, claimed, timely: Highest::default() };
        self.heard.entry(message.from).or_insert(first).hear(message.at, claimed, longest);
        if let Some(waits) = &mut self.waits {
            waits.hear(message.from, message.at, message.claim);
        }
        self.turn(message.at).or_else(|| self.restated(message.at))
    }

    fn on_exchange(&mut self, _: Time<Local>, exchange: &Exchange) -> Option<Change> {
        if let Some(waits) = &mut self.waits {
            waits.measure(exchange);
        }
        None
    }

    fn on_slot(&mut self, at: Time<Local>) -> Option<Change> {
        self.turn(at).or_else(|| self.restated(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::testing::settings;
    use crate::model::{Purpose, Rng};
    use crate::time::Ppb;

    const TAU: Nanos = Nanos::from_seconds(1);
    const PERIOD_S: i64 = 64;

    fn at(s: f64) -> Time<Local> {
        Time::from_nanos((s * 1e9) as i64)
    }

    fn hear(clock: &mut SrikanthToueg, from: u32, s: f64, init: i64, echo: u32) -> Option<i64> {
        let reading = Time::from_nanos(init * PERIOD_S * 1_000_000_000);
        let claim = Claim { reading, counter: echo, ..Claim::default() };
        let change = clock.on_message(&Message { from: NodeId(from), at: at(s), credit: Nanos::ZERO, claim: &claim });
        change.map(|change| change.reading.at(at(s)).as_nanos() / 1_000_000)
    }

    /// A clock that has heard all its peers say nothing just before.
    fn clock(peers: u32, s: f64) -> SrikanthToueg {
        let mut clock = SrikanthToueg::new(&settings(0, peers));
        (1..=peers).for_each(|from| assert_eq!(hear(&mut clock, from, s, 0, 0), None));
        clock
    }

    #[test]
    fn a_round_is_echoed_at_f_plus_one_and_accepted_at_two_f_plus_one() {
        let mut clock = clock(3, 59.5);
        assert_eq!(hear(&mut clock, 1, 60.0, 1, 0), None);
        assert_eq!(clock.claim(at(60.0)).counter, 0, "one of four may lie");
        assert_eq!(hear(&mut clock, 2, 61.0, 1, 1), None);
        assert_eq!(clock.claim(at(61.0)).counter, 1, "two say that they reached it");
        assert_eq!(hear(&mut clock, 1, 62.0, 1, 1), Some(65_000), "three echo it: P + alpha");
        assert_eq!(hear(&mut clock, 3, 63.0, 1, 1), None, "a round is accepted once");
    }

    #[test]
    fn one_liar_of_four_makes_no_round() {
        let mut clock = clock(3, 9.5);
        assert_eq!(hear(&mut clock, 3, 10.0, 900, u32::MAX), None);
        assert_eq!((clock.claim(at(10.0)).counter, clock.accepted), (0, 0));
    }

    #[test]
    fn where_nobody_lies_the_first_to_reach_a_round_leads_and_is_not_corrected() {
        let mut clock = clock(2, 64.0);
        assert_eq!((clock.on_slot(at(64.7)), clock.accepted), (None, 1));
        assert_eq!(hear(&mut clock, 1, 65.0, 1, 1), None, "it comes second");
        assert_eq!(hear(&mut clock, 1, 126.0, 1, 1), None);
        assert_eq!(hear(&mut clock, 1, 127.0, 2, 2), Some(128_000), "it comes first");
    }

    #[test]
    fn what_was_said_in_silence_is_not_heard_and_the_next_round_is() {
        let mut clock = SrikanthToueg::new(&settings(0, 3));
        let all = |clock: &mut SrikanthToueg, s: f64, round: i64| -> Vec<Option<i64>> {
            (1..=3).map(|from| hear(clock, from, s, round, round as u32)).collect()
        };
        assert_eq!(all(&mut clock, 30.0, 1), [None; 3], "it joins half a round after the others");
        assert_eq!(all(&mut clock, 31.0, 1), [None; 3]);
        assert_eq!(all(&mut clock, 32.0, 2), [None, Some(129_000), None]);
        assert_eq!(all(&mut clock, 90.0, 3), [None; 3], "after a partition");
        assert_eq!(all(&mut clock, 91.0, 4), [None, Some(257_000), None]);
    }

    #[test]
    fn a_round_is_not_accepted_on_the_way_to_a_later_one() {
        let mut clock = clock(3, 63.5);
        assert_eq!(hear(&mut clock, 1, 64.5, 1, 1), None, "half of four are cut off");
        [66.0, 69.0, 72.0].into_iter().for_each(|s| assert_eq!(hear(&mut clock, 1, s, 1, 1), None));
        (2..=3).for_each(|from| assert_eq!(hear(&mut clock, from, 127.0, 1, 1), None));
        assert_eq!(hear(&mut clock, 2, 128.5, 2, 2), None, "three say one or more, two say two");
        assert_eq!(hear(&mut clock, 3, 128.6, 2, 2), Some(129_000));
    }

    /// One execution: honest clocks with drifts and delays, and liars that tell each what they like whenever they like.
    struct World {
        clocks: Vec<SrikanthToueg>,
        rates: Vec<f64>,
        offsets: Vec<f64>,
        liars: usize,
    }

    const KAPPA_PPM: f64 = 1_000.0;
    const STEPS_A_SECOND: usize = 100;

    impl World {
        fn new(peers: u32, rng: &mut Rng) -> Self {
            let clocks: Vec<_> = (0..=peers).map(|node| SrikanthToueg::new(&settings(node, peers))).collect();
            let mut uniform = |_| 2.0 * rng.unit() - 1.0;
            let rates = (0..clocks.len()).map(&mut uniform).map(|unit| 1.0 + KAPPA_PPM * 1e-6 * unit).collect();
            let offsets = (0..clocks.len()).map(&mut uniform).map(|unit| 300.0 + 200.0 * unit).collect();
            Self { liars: clocks[0].faults, clocks, rates, offsets }
        }

        fn local(&self, node: usize, now: f64) -> Time<Local> {
            at(self.offsets[node] + self.rates[node] * now)
        }

        fn honest(&self) -> std::ops::Range<usize> {
            self.liars..self.clocks.len()
        }

        fn shown(&self, node: usize, now: f64) -> f64 {
            self.clocks[node].reading().at(self.local(node, now)).as_nanos() as f64 * 1e-9
        }

        /// What a liar says: rounds about those of the honest, either way, in any mixture.
        fn lie(&self, now: f64, rng: &mut Rng) -> Claim {
            let near = self.shown(self.liars, now) + 64.0 * (3.0 * rng.unit() - 1.0);
            let counter = (near / 64.0 + 2.0 * rng.unit() - 1.0).max(0.0) as u32;
            Claim { reading: Time::from_nanos((near * 1e9) as i64), counter, ..Claim::default() }
        }

        /// Runs for so many seconds; gives the clocks' largest distance from `from` on.
        fn run(&mut self, seconds: usize, from: f64, nu: f64, rng: &mut Rng) -> f64 {
            let mut letters: Vec<(f64, usize, usize, Claim)> = Vec::new();
            let count = self.clocks.len();
            let phases: Vec<usize> = (0..count * count).map(|_| rng.below(STEPS_A_SECOND as u64) as usize).collect();
            let mut worst: f64 = 0.0;
            for step in 0..seconds * STEPS_A_SECOND {
                let now = step as f64 / STEPS_A_SECOND as f64;
                for (sender, receiver) in (0..count).flat_map(|a| (0..count).map(move |b| (a, b))) {
                    let is_slot = step % STEPS_A_SECOND == phases[sender * count + receiver];
                    if sender == receiver || !is_slot {
                        continue;
                    }
                    let sent = self.local(sender, now);
                    self.clocks[sender].on_slot(sent);
                    let honest = self.honest().contains(&sender);
                    let claim = if honest { self.clocks[sender].claim(sent) } else { self.lie(now, rng) };
                    letters.push((now + nu * rng.unit(), sender, receiver, claim));
                }
                letters.sort_by(|one, other| other.0.total_cmp(&one.0));
                while let Some((arrives, sender, receiver, claim)) = letters.pop_if(|letter| letter.0 <= now) {
                    let message = Message {
                        from: NodeId(sender as u32),
                        at: self.local(receiver, arrives),
                        credit: Nanos::ZERO,
                        claim: &claim,
                    };
                    self.clocks[receiver].on_message(&message);
                }
                if now >= from {
                    let shown: Vec<f64> = self.honest().map(|node| self.shown(node, now)).collect();
                    let most = shown.iter().copied().fold(f64::MIN, f64::max);
                    worst = worst.max(most - shown.iter().copied().fold(f64::MAX, f64::min));
                }
            }
            worst
        }
    }

    /// docs/theory.md §6: agreement and accuracy, with f liars of n = 3f + 1 and clocks that begin hundreds of seconds apart.
    #[test]
    fn honest_clocks_stay_within_the_precision_and_near_the_rate_of_their_hardware() {
        let (nu, kappa) = (0.2, Ppb(1_000_000));
        let delay = Nanos::from_millis(200);
        let mut closest = f64::MAX;
        for (seed, peers) in [1, 3, 3, 3, 3, 6, 6].into_iter().enumerate() {
            let mut rng = Rng::stream(seed as u64, Purpose::Scenario, 0);
            let mut world = World::new(peers, &mut rng);
            world.run(260, 1e9, nu, &mut rng);
            let before: Vec<f64> = world.honest().map(|node| world.shown(node, 260.0)).collect();
            world.offsets.iter_mut().zip(&world.rates).for_each(|(offset, rate)| *offset += rate * 260.0);
            let skew = world.run(640, 0.0, nu, &mut rng);
            let bound = precision(TAU, delay, kappa).as_seconds();
            assert!(skew <= bound, "seed {seed}, {peers} peers: {skew} of {bound}");
            closest = closest.min(bound / skew);
            // A round takes at least (P - alpha)/(1 + kappa), and waits at most S + 2D, which is bound + alpha.
            let (shortest, longest) = (63.0 / 1.001, 64.0 / 0.999 + bound);
            for (node, before) in world.honest().zip(before) {
                let (gained, edges) = (world.shown(node, 640.0) - before, 2.0 * bound);
                let (least, most) = (640.0 * 64.0 / longest - edges, 640.0 * 64.0 / shortest + edges);
                assert!((least..=most).contains(&gained), "seed {seed}: {gained} of {least}..{most}");
            }
        }
        assert!(closest < 6.0, "a bound that is never approached says little: {closest}");
    }
}
