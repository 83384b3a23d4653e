//! What stamping alone costs: an exact counter or a clock around every batch of a phase would disturb what it measures, so that the
//! same code stamps commands for nobody once the phase is over, on the same thread.

use std::hint::black_box;
use std::num::NonZeroU32;

use super::Clocks;
use crate::host::clock::thread_cpu;
use crate::ids::Algorithm;
use crate::order::Stamper;
use crate::order::report::Stamping;

/// Most commands that are stamped, but for a batch more. Neither limit takes as long as a millisecond in a release build: peers
/// that are faster do not wait long for the next phase.
const COMMANDS: u32 = 1 << 17;
/// Most batches of them.
const BATCHES: u32 = 1 << 13;

/// Stamps commands in batches of `batch`, each with a reading of the clock of its own, as a phase does it.
pub fn measure(clocks: &mut Clocks, algorithm: Option<Algorithm>, mut stamper: Stamper, batch: NonZeroU32) -> Stamping {
    let batches = COMMANDS.div_ceil(batch.get()).min(BATCHES);
    let before = thread_cpu();
    for _ in 0..batches {
        let now = clocks.now(algorithm);
        for stamp in stamper.tick_many(now.physical, batch).stamps() {
            black_box(stamp);
        }
    }
    let cpu_ns = (thread_cpu() - before).0.max(0) as u64;
    Stamping { commands: u64::from(batches) * u64::from(batch.get()), batch: batch.get(), cpu_ns }
}
