//! What nobody can do better: a particle filter that knows the whole model.
//!
//! It is our own, written from the model alone, and serves to check that ours is the network in which the published
//! limit was found.

use crate::affine::{Line, offset, shifted};
use crate::clock::{Change, Clock, Reading};
use crate::ids::Algorithm;
use crate::model::normal::normal;
use crate::model::{Purpose, Rng};
use crate::probe::Exchange;
use crate::time::{Local, Nanos, Rate, Time};

use super::condition::Condition;

/// So many particles: four times as many change the root mean square by less than one in a hundred.
const PARTICLES: usize = 10_000;
/// If fewer survive, the survivors are spread by a kernel, or all would soon be copies of one.
const FEW: usize = PARTICLES / 4;
/// The kernel's width as a share of the survivors' spread.
const KERNEL: f64 = 0.3;

/// What the limit is told.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Model {
    /// Least delay each way, in seconds.
    least: [f64; 2],
    /// The wander's step, once a second.
    wander: f64,
}

impl Model {
    /// Least delays and wander as declared.
    pub fn of(condition: &Condition) -> Self {
        Self { least: condition.least.map(Nanos::as_seconds), wander: condition.wander * 1e-9 }
    }
}

/// Offset of the server's clock (seconds ahead of the local one) and its rate against it.
type Particle = [f64; 2];

/// A clock that shows the mean of all that is possible.
///
/// Assumes exponential jitter of known least delay: the likelihood of an exchange is then constant where both delays
/// are at least the least ones, and zero elsewhere (the two exponents add up to the round trip, which does not depend
/// on the offset). Cost: 10,000 particles an exchange.
pub struct Limit {
    model: Model,
    particles: Vec<Particle>,
    base: Nanos,
    at: Time<Local>,
    exchanges: u32,
    rng: Rng,
    reading: Reading,
}

impl Limit {
    /// A clock that has seen nothing yet; its own draws are those of `client`.
    pub fn new(model: Model, client: usize) -> Self {
        let rng = Rng::stream(1, Purpose::Scenario, client as u64);
        let (particles, reading) = (Vec::new(), Reading::LOCAL);
        Self { model, particles, base: Nanos::ZERO, at: Time::ZERO, exchanges: 0, rng, reading }
    }

    /// The first exchange gives offsets, the second rates; from then on particles wander and those that are impossible
    /// die. Should all die, all begins anew.
    fn learn(&mut self, elapsed: f64, trip: f64, window: [f64; 2]) {
        self.exchanges += 1;
        let within = |rng: &mut Rng| window[0] + (window[1] - window[0]) * rng.unit();
        match self.exchanges {
            1 => self.particles = (0..PARTICLES).map(|_| [within(&mut self.rng), 0.0]).collect(),
            2 => {
                for particle in &mut self.particles {
                    let now = within(&mut self.rng);
                    *particle = [now, (now - particle[0]) / elapsed];
                }
            }
            _ => {
                self.wander(elapsed);
                let possible = |p: &Particle| p[0] + p[1] * trip >= window[0] && p[0] <= window[1];
                self.particles.retain(possible);
                self.replenish(window);
            }
        }
    }

    /// The rate walks; the offset is its integral: of a walk's rise over t, half times t goes into the offset, and
    /// t³/12 is the variance of the rest.
    fn wander(&mut self, elapsed: f64) {
        let (rise, rest) = (self.model.wander * elapsed.sqrt(), self.model.wander * (elapsed.powi(3) / 12.0).sqrt());
        for particle in &mut self.particles {
            let step = rise * normal(&mut self.rng);
            particle[0] += (particle[1] + step / 2.0) * elapsed + rest * normal(&mut self.rng);
            particle[1] += step;
        }
    }

    fn replenish(&mut self, window: [f64; 2]) {
        let survivors = self.particles.clone();
        if survivors.is_empty() {
            self.exchanges = 0;
            return self.learn(0.0, 0.0, window);
        }
        let spread = if survivors.len() < FEW { kernel(&survivors) } else { [0.0; 3] };
        while self.particles.len() < PARTICLES {
            let chosen = survivors[self.rng.below(survivors.len() as u64) as usize];
            let (x, y) = if spread == [0.0; 3] { (0.0, 0.0) } else { (normal(&mut self.rng), normal(&mut self.rng)) };
            self.particles.push([chosen[0] + spread[0] * x, chosen[1] + spread[1] * x + spread[2] * y]);
        }
    }

    fn mean(&self) -> Particle {
        mean(&self.particles)
    }
}

fn mean(particles: &[Particle]) -> Particle {
    let count = particles.len().max(1) as f64;
    [0, 1].map(|i| particles.iter().map(|particle| particle[i]).sum::<f64>() / count)
}

/// The kernel's Cholesky factor.
fn kernel(survivors: &[Particle]) -> [f64; 3] {
    let [y, f] = mean(survivors);
    let count = survivors.len() as f64;
    let moment = |term: &dyn Fn(&Particle) -> f64| survivors.iter().map(term).sum::<f64>() / count;
    let offset = moment(&|p| (p[0] - y) * (p[0] - y)).sqrt();
    if offset == 0.0 {
        return [0.0; 3];
    }
    let along = moment(&|p| (p[0] - y) * (p[1] - f)) / offset;
    let across = (moment(&|p| (p[1] - f) * (p[1] - f)) - along * along).max(0.0).sqrt();
    [KERNEL * offset, KERNEL * along, KERNEL * across]
}

impl Clock for Limit {
    /// It is what the corridor clock approximates.
    fn algorithm(&self) -> Algorithm {
        Algorithm::Corridor
    }

    fn reading(&self) -> &Reading {
        &self.reading
    }

    fn on_exchange(&mut self, at: Time<Local>, exchange: &Exchange) -> Option<Change> {
        let [t1, t2, t3, t4] = exchange.stamps();
        if self.exchanges == 0 {
            (self.base, self.at) = (exchange.sample().offset, t1);
        }
        let most = (offset(t2, t1) - self.base).as_seconds() - self.model.least[0];
        let fewest = self.model.least[1] - (offset(t4, t3) + self.base).as_seconds();
        self.learn((t1 - self.at).as_seconds(), (t4 - t1).as_seconds(), [fewest, most]);
        self.at = t1;
        let [ahead, rate] = self.mean();
        let value = shifted(t1, self.base + Nanos((ahead * 1e9).round() as i64));
        let line = Line { start: t1, value, rate: Rate::from_ratio(rate) };
        self.reading = Reading { line: Line { start: at, value: line.at(at), rate: line.rate }, then: None };
        Some(Change { reading: self.reading, stepped: true, bound: None, event: None })
    }
}
