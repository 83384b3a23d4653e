//! The networks and oscillators of the yardstick.

use crate::ids::{Arc, NodeId};
use crate::model::jitter::{Bursts, Jitter};
use crate::model::oscillator::{Declaration, Happening, Turn};
use crate::model::{Oscillator, Path};
use crate::time::{Nanos, Ppb};

use super::SERVER;

/// Initial offset in milliseconds (client − true time) and frequency error in parts per million of each client.
pub const CLIENTS: [(i64, i64); 5] = [(100, 50), (-100, -50), (50, 25), (-50, -25), (20, 10)];
/// Size of the wander's step, once a second: 1e-9.
const WANDER_PPB: f64 = 1.0;
/// The wander is held inside this, 40 standard deviations at the end of the longest run: it is in fact unlimited.
const WANDER_LIMIT: Ppb = Ppb(8_000);

/// A network, its oscillators, and how long the clocks are watched.
#[derive(Clone, PartialEq, Debug)]
pub struct Condition {
    /// Its name in tables.
    pub name: &'static str,
    /// From one request to the next.
    pub poll: Nanos,
    /// How long it lasts.
    pub duration: Nanos,
    /// The least delay each way: to the server, from it.
    pub least: [Nanos; 2],
    /// What is added to it each way.
    pub jitter: [Jitter; 2],
    /// When still more is added, both ways.
    pub bursts: Option<Bursts>,
    /// Share of messages that are lost each way.
    pub loss: f64,
    /// From this instant on the least delay each way is another.
    pub route: Option<(Nanos, [Nanos; 2])>,
    /// Size of the wander's step against the model's.
    pub wander: f64,
    /// At this instant the frequency changes by so much.
    pub frequency_step: Option<(Nanos, Ppb)>,
}

const fn us(us: i64) -> Nanos {
    Nanos::from_micros(us)
}

/// The published network of that name at that poll interval.
fn published(name: &'static str, least: Nanos, mean: Nanos, poll: i64, duration: i64) -> Condition {
    Condition {
        name,
        poll: Nanos::from_seconds(poll),
        duration: Nanos::from_seconds(duration),
        least: [least; 2],
        jitter: [Jitter::Exponential { mean }; 2],
        bursts: None,
        loss: 0.0,
        route: None,
        wander: 1.0,
        frequency_step: None,
    }
}

/// The six published conditions: `lan` (100 us + exponential with mean 20 us) and `wan` (10 ms + exponential with mean
/// 1 ms) at polls of 1, 16 and 64 s.
pub fn cells() -> Vec<Condition> {
    let polls = [(1, 10_000), (16, 20_000), (64, 40_000)];
    let networks = [("lan", us(100), us(20)), ("wan", us(10_000), us(1_000))];
    let cell = |(name, least, mean)| polls.map(|(poll, duration)| published(name, least, mean, poll, duration));
    networks.into_iter().flat_map(cell).collect()
}

/// Conditions outside the model, all at a poll of 16 s on the `lan` but for what their name says: what a clock does
/// where its assumptions fail. What happens at an instant happens in the middle of the steady state.
pub fn strange() -> Vec<Condition> {
    let lan = |name| published(name, us(100), us(20), 16, 20_000);
    let both = |name, jitter| Condition { jitter: [jitter; 2], ..lan(name) };
    let later = Nanos::from_seconds(15_000);
    let none = Jitter::Constant { span: Nanos::ZERO };
    let exponential = |mean| Jitter::Exponential { mean: us(mean) };
    let bursts = Bursts { every: Nanos::from_seconds(1_000), lasting: Nanos::from_seconds(200), extra: us(2_000) };
    vec![
        both("constant", none),
        both("uniform", Jitter::Uniform { limit: us(40) }),
        both("gamma-3", Jitter::Gamma { mean: us(20), shape: 3.0 }),
        both("lognormal", Jitter::LogNormal { median: us(20), sigma: 1.0 }),
        both("pareto-1.5", Jitter::Pareto { scale: us(20), alpha: 1.5 }),
        Condition { jitter: [exponential(20), none], ..lan("one-sided") },
        Condition { jitter: [exponential(100), exponential(20)], ..lan("lopsided") },
        Condition { bursts: Some(bursts), ..lan("bursts") },
        Condition { loss: 0.184, ..lan("loss-33%") },
        Condition { wander: 10.0, ..lan("wander-x10") },
        Condition { wander: 0.1, ..lan("wander-/10") },
        Condition { frequency_step: Some((later, Ppb(5_000))), ..lan("step-5ppm") },
        Condition { route: Some((later, [us(400); 2])), ..lan("longer-route") },
        Condition { route: Some((later, [us(40); 2])), ..lan("shorter-route") },
        Condition { least: [us(300), us(100)], ..lan("asymmetric-200us") },
    ]
}

impl Condition {
    /// The local clock of a client.
    pub fn oscillator(&self, client: usize, seed: u64) -> Oscillator {
        let (offset_ms, ppm) = CLIENTS[client];
        let drift = Ppb(ppm * 1_000);
        let turn = |(after, by): (Nanos, Ppb)| Turn { after, what: Happening::Drift(Ppb(drift.0 + by.0)) };
        let declared = Declaration {
            offset: Nanos::from_millis(offset_ms),
            drift_ppb: drift,
            wander_ppb: WANDER_LIMIT,
            wander_ppb_per_sqrt_s: Some(WANDER_PPB * self.wander),
            seed,
            turns: self.frequency_step.map(turn).into_iter().collect(),
            ..Declaration::default()
        };
        Oscillator::new(declared, node(client))
    }

    /// The ways to the server and back.
    pub fn paths(&self, client: usize, seed: u64) -> [Path; 2] {
        let forth = Arc { from: node(client), to: SERVER };
        [0, 1].map(|way| {
            let arc = if way == 0 { forth } else { forth.reversed() };
            let routes = self.route.map(|(from, least)| (from, least[way])).into_iter().collect();
            let plain = Path::new(seed, arc, self.least[way]);
            Path { jitter: self.jitter[way], bursts: self.bursts, loss: self.loss, routes, ..plain }
        })
    }
}

/// The node that a client is.
pub fn node(client: usize) -> NodeId {
    NodeId(client as u32 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::affine::offset;
    use crate::time::Time;

    #[test]
    fn clients_begin_as_published() {
        let cell = &cells()[0];
        for (client, (offset_ms, ppm)) in CLIENTS.into_iter().enumerate() {
            let mut oscillator = cell.oscillator(client, 1);
            let at = |s: i64| Time::ZERO + Nanos::from_seconds(s);
            let mut ahead = |s| offset(oscillator.local(at(s)), at(s)).0;
            assert_eq!(ahead(0), offset_ms * 1_000_000);
            assert!((ahead(1) - ahead(0) - ppm * 1_000).abs() <= 1, "the first second has no wander");
        }
    }

    #[test]
    fn the_wander_has_the_published_size() {
        let cell = &cells()[5];
        let end = |seed| {
            let mut oscillator = cell.oscillator(4, seed);
            let until = Time::ZERO + Nanos::from_seconds(10_000);
            let rate = oscillator.map_until(until).piece_at(until).rate.as_ratio();
            (rate - 10e-6) / (1e-9 * 100.0)
        };
        let variance = (1..=200).map(|seed| end(seed) * end(seed)).sum::<f64>() / 200.0;
        assert!((variance - 1.0).abs() < 0.3, "{variance} of what a walk of 10,000 steps of 1e-9 has");
    }
}
