//! The simulator: the same nodes, clocks and journals in virtual time, where truth is known and faults can be arranged.
//!
//! A [`Scenario`] declares a world; with a seed it becomes a [`World`], which a [`Network`] runs. Draws are functions of
//! (seed, purpose, id), never of what else is drawn, so that a node or a link more shifts nobody else's. The same scenario
//! and seed give the same bytes.

pub mod exact;
pub mod network;
mod ordering;
pub mod queue;
mod recorder;
pub mod scenario;
pub mod shapes;
pub mod streamed;
pub mod swarm;
mod turns;
pub mod workload;
pub mod world;

pub use network::Network;
pub use scenario::{Refused, Scenario};
pub use world::World;

use self::ordering::Ordering;
use crate::journal::Note;
use crate::time::{Nanos, Time};

/// How often a run tells how far it is.
const PROGRESS_STEPS: i64 = 200;

/// Runs a scenario, and plays on its clocks what is to be ordered in it. The result is each boot's journal with its file name,
/// by node and boot. `progress` hears now and then how much of the time is over, as a share; then likewise of the workloads.
///
/// # Errors
/// Names the key of the scenario, its value and the mend.
pub fn run(scenario: &Scenario, seed: u64, mut progress: impl FnMut(f64)) -> Result<Vec<(String, Vec<u8>)>, Refused> {
    let world = World::new(scenario, seed)?;
    let (duration, ordering) = (world.duration, Ordering::new(scenario, &world)?);
    let mut network = match &ordering {
        None => Network::new(world),
        Some(ordering) => Network::watched(world, ordering.begins(), ordering.reads()),
    };
    for step in 1..=PROGRESS_STEPS {
        let part = i128::from(duration.0) * i128::from(step) / i128::from(PROGRESS_STEPS);
        network.run_until(Time::ZERO + Nanos(part as i64));
        progress(step as f64 / PROGRESS_STEPS as f64);
    }
    let played = ordering.map(|ordering| ordering.play(&mut network, &mut progress));
    for played in played.into_iter().flatten() {
        if !network.note(Note::Played(Box::new(played))) {
            let text =
                "order: no node lives to the end of the run, and none can write down what came of it: let one live";
            return Err(Refused(text.to_owned()));
        }
    }
    Ok(network.finish())
}
