//! Seeded draws: SplitMix64 (Steele, Lea & Flood, OOPSLA 2014), one independent stream per purpose and id.
//!
//! A stream is found from the run's one printed seed by hashing, never by drawing, so that adding a node or a link
//! shifts nobody else's draws.

use crate::real;

/// What a stream is for; with an id it names the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub enum Purpose {
    /// Which node gets which declared offset and drift.
    Deal = 1,
    /// A node's slow wander.
    Wander = 2,
    /// Where in the period a node's probe grid lies.
    Phase = 3,
    /// The fate of one message on one arc.
    Link = 4,
    /// Drawing of whole random executions in tests.
    Scenario = 5,
    /// The fate of one chunk on an ordering connection.
    Stream = 6,
    /// Drawing blocks of a measured series again, to see how far chance moves its statistics.
    Bootstrap = 7,
    /// How far a message's stamps are off, and how long it waits for its receiver.
    Stamp = 13,
    /// A simulated node's offset.
    Offset = 8,
    /// A simulated node's drift.
    Drift = 9,
    /// A simulated node's temperature.
    Temperature = 10,
    /// A random graph.
    Shape = 11,
    /// When an arc is crowded.
    Burst = 12,
    /// Drawing whole random scenarios.
    Swarm = 14,
    /// When the users of a workload want something, and what.
    Users = 15,
    /// By how much a disturbed clock's frequency changes.
    Disturbance = 16,
    /// When an arc is busy, and with what.
    Queue = 17,
}

/// A SplitMix64 generator.
#[derive(Clone, Debug)]
pub struct Rng {
    state: u64,
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Rng {
    /// The stream for `purpose` and `id` under `seed`.
    pub const fn stream(seed: u64, purpose: Purpose, id: u64) -> Self {
        let purpose = mix((purpose as u64).wrapping_mul(GOLDEN));
        Self { state: mix(mix(seed ^ purpose).wrapping_add(mix(id.wrapping_add(GOLDEN)))) }
    }

    /// As if one number were drawn.
    #[inline]
    pub const fn skip(&mut self) {
        self.state = self.state.wrapping_add(GOLDEN);
    }

    /// The next 64 even bits.
    pub const fn next(&mut self) -> u64 {
        self.skip();
        mix(self.state)
    }

    /// Evenly in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Evenly among `0..bound`; zero if `bound` is zero.
    pub const fn below(&mut self, bound: u64) -> u64 {
        ((self.next() as u128 * bound as u128) >> 64) as u64
    }

    /// A standard normal number (Box–Muller, one of the pair). The same on every machine.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * real::ln(1.0 - self.unit())).sqrt();
        radius * real::cos_of_turns(self.unit())
    }

    /// Puts the items in random order (Fisher–Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_splitmix64() {
        // First outputs for state 1234567, as published with the reference C implementation.
        let mut rng = Rng { state: 1_234_567 };
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!(expected.map(|_| rng.next()), expected);
    }

    #[test]
    fn streams_do_not_depend_on_each_other() {
        let first = |purpose, id| Rng::stream(7, purpose, id).next();
        assert_ne!(first(Purpose::Deal, 0), first(Purpose::Wander, 0));
        assert_ne!(first(Purpose::Deal, 0), first(Purpose::Deal, 1));
        assert_eq!(first(Purpose::Deal, 1), first(Purpose::Deal, 1));
    }

    #[test]
    fn draws_have_the_mean_and_spread_they_claim() {
        let mut rng = Rng::stream(1, Purpose::Scenario, 0);
        let n = 100_000;
        let mean = (0..n).map(|_| rng.unit()).sum::<f64>() / f64::from(n);
        assert!((mean - 0.5).abs() < 0.005);
        let variance = (0..n).map(|_| rng.normal().powi(2)).sum::<f64>() / f64::from(n);
        assert!((variance - 1.0).abs() < 0.02);
    }
}
