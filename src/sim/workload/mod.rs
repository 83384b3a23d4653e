//! Trials of workloads in virtual time.

pub mod driver;
pub mod face;
mod inside;
#[cfg(test)]
mod tests;

use self::driver::{Carriage, Setting, run_with_side_channel};
use self::face::Face;
pub use self::inside::{Inside, Surroundings};
use crate::affine::Line;
use crate::ids::Arc;
use crate::model::{Jitter, Path};
use crate::time::{Nanos, Rate, Synced, Time};
use crate::trial::{Delivery, Laws, Scene, Stage, Terms, World};
use crate::workload::{Log, Process};

/// What the clocks show at true time zero, before their offsets: ages and skews never lead below zero.
pub const BASE: Time<Synced> = Time::from_nanos(1_000_000_000);

/// The stage in virtual time: clocks, delays and losses are those of the terms, and every scene is played to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Virtual;

impl Stage for Virtual {
    fn play<P: Process>(&mut self, terms: &Terms, scene: Scene<'_, P>) -> Log<P::Event> {
        let processes = terms.names().map(|me| (scene.cast)(me, BASE)).collect();
        let setting = Setting { crashes: scene.crashes, ..setting(terms, scene.delivery) };
        let nudge = |entry: &_| scene.nudge.and_then(|nudge| nudge(entry));
        run_with_side_channel(&setting, processes, scene.plan, scene.end, nudge)
    }

    fn world(&self, terms: &Terms) -> World {
        World { terms: *terms, offsets: terms.offsets(), laws: Laws::Declared }
    }

    fn fits(&self, _: &Terms, wanted: u64, _: Nanos) -> u64 {
        wanted
    }
}

/// The world of these terms: perfect rates, complete graph, the same law of delay on every arc, draws by arc.
pub fn setting(terms: &Terms, delivery: Delivery) -> Setting {
    let line = |offset: Nanos| Line { start: Time::ZERO, value: BASE + offset, rate: Rate::ZERO };
    let clocks = terms.offsets().into_iter().map(line).map(Face::steady).collect();
    let arcs = terms.names().flat_map(|from| terms.names().map(move |to| Arc { from, to }));
    let path = |arc: Arc| {
        let path = Path::new(terms.seed, arc, terms.delay);
        (arc, Path { jitter: Jitter::Uniform { limit: terms.jitter }, ..path })
    };
    let paths = arcs.filter(|arc| arc.from != arc.to).map(path).collect();
    let carriage = Carriage::Datagrams;
    Setting {
        clocks,
        paths,
        carriage,
        delivery,
        crashes: Vec::new(),
        origin: Nanos::ZERO,
        first: 0,
        grace: Nanos::ZERO,
    }
}
