//! What every clock does while the world is disturbed, and how long it takes to recover: all clocks on the same probes, in
//! virtual time, against truth. Pure.
//!
//! A [`Disturbance`] is a scenario with something that begins and ends; [`lives`] rebuilds the clocks of a run, those of
//! nodes that died and started again too; [`measure`] says what one run did to one clock, [`row`] what all seeds did, and
//! [`table`] tells it. Everything is a function of the seed.

pub mod disturbance;
pub mod lives;
pub mod measure;
pub mod row;
pub mod table;

pub use disturbance::Disturbance;
pub use row::Row;

use std::collections::BTreeMap;

use crate::analysis::AgentRun;
use crate::ids::Algorithm;
use crate::sim::{self, Refused};
use lives::Lives;
use measure::Measured;

/// The seeds of the published table.
pub const SEEDS: std::ops::RangeInclusive<u64> = 1..=3;

/// The clocks that a run can show, in the order of the table: the undisciplined one first.
pub fn clocks() -> impl Iterator<Item = Algorithm> {
    Algorithm::ALL.into_iter().filter(|algorithm| *algorithm == Algorithm::Free || algorithm.is_run())
}

/// One row for each clock. `progress` hears how much is over, as a share.
///
/// # Errors
/// A disturbance whose scenario is none: a fault of this program.
pub fn run(disturbance: Disturbance, seeds: &[u64], mut progress: impl FnMut(f64)) -> Result<Vec<Row>, Refused> {
    let mut measured: BTreeMap<Algorithm, Vec<Measured>> = BTreeMap::new();
    for (index, seed) in seeds.iter().enumerate() {
        let scenario = disturbance.scenario(*seed)?;
        let files = sim::run(&scenario, *seed, |share| progress((index as f64 + share) / seeds.len() as f64))?;
        let runs = AgentRun::read(files.iter().map(|(_, bytes)| &bytes[..]));
        let Some(lives) = Lives::of(&runs, &scenario) else { continue };
        for clock in clocks() {
            measured.entry(clock).or_default().extend(measure::of(clock, &lives, disturbance));
        }
    }
    let row = |clock| Row::of(disturbance, clock, measured.get(&clock).map_or(&[], Vec::as_slice));
    Ok(clocks().map(row).collect())
}
