//! How much longer than its least delay a message usually takes, learned for each direction.

use super::belief::Direction;

/// So many of the latest messages count.
const MEMORY: f64 = 500.0;
/// A message later than so many mean jitters counts as just that late.
const LATE: f64 = 8.0;
/// No jitter is taken to be smaller: stamps are whole nanoseconds, in seconds.
const LEAST: f64 = 1e-8;
/// While there are fewer exchanges, the jitter is guessed from the round trips.
const ENOUGH: u32 = 3;
/// The first guess, and the least while there are few exchanges, as a share of the round trip.
const FIRST_SHARE: f64 = 0.1;
const LEAST_SHARE: f64 = 0.03;

/// Mean jitter of both directions, in seconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Jitters {
    forth: f64,
    back: f64,
    exchanges: u32,
    least: f64,
    total: f64,
}

impl Jitters {
    /// What is guessed from one round trip.
    pub fn new(round_trip: f64) -> Self {
        let guess = (round_trip * FIRST_SHARE).max(LEAST);
        Self { forth: guess, back: guess, exchanges: 1, least: round_trip, total: round_trip }
    }

    /// The mean of one direction.
    pub fn of(&self, direction: Direction) -> f64 {
        match direction {
            Direction::Forth => self.forth,
            Direction::Back => self.back,
        }
    }

    /// The mean of both directions.
    pub fn mean(&self) -> f64 {
        (self.forth + self.back) / 2.0
    }

    /// Learns from an exchange: its round trip, and by how much those of its messages that were not held up were later
    /// than the least delay, as is now believed. The first exchanges have no belief to go by: half of the mean round
    /// trip beyond the least one, times n/(n − 1) at n = 3.
    pub fn learn(&mut self, round_trip: f64, late: [Option<f64>; 2]) {
        self.exchanges = self.exchanges.saturating_add(1);
        if self.exchanges < ENOUGH {
            (self.least, self.total) = (self.least.min(round_trip), self.total + round_trip);
            let beyond = self.total / f64::from(self.exchanges) - self.least;
            let guess = (0.75 * beyond).max(self.least * LEAST_SHARE).max(LEAST);
            (self.forth, self.back) = (guess, guess);
            return;
        }
        let share = 1.0 / (f64::from(self.exchanges).min(MEMORY) + 1.0);
        let towards = |mean: f64, late: Option<f64>| {
            late.map_or(mean, |late| (mean + share * (late.clamp(0.0, LATE * mean) - mean)).max(LEAST))
        };
        (self.forth, self.back) = (towards(self.forth, late[0]), towards(self.back, late[1]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_direction_has_its_own_mean_and_a_late_message_does_not_rule() {
        let mut jitters = Jitters::new(1e-3);
        for k in 0..4_000 {
            let late = if k % 100 == 99 { 1.0 } else { 2e-5 * f64::from(k % 3) };
            jitters.learn(1e-3, [Some(late), Some(5e-5)]);
        }
        let (forth, back) = (jitters.of(Direction::Forth), jitters.of(Direction::Back));
        assert!((1.8e-5..2.5e-5).contains(&forth), "{forth}");
        assert!((back / 5e-5 - 1.0).abs() < 0.01, "{back}");
    }

    #[test]
    fn no_jitter_at_all_is_the_least() {
        let mut jitters = Jitters::new(0.0);
        (0..10_000).for_each(|_| jitters.learn(0.0, [Some(0.0), Some(-1.0)]));
        assert_eq!(jitters.mean(), LEAST);
    }
}
