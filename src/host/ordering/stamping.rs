//! What stamping alone costs: an exact counter or a clock around every batch of a phase would disturb what it measures, so that the
//! same code stamps as many commands for nobody once the phase is over, on the same thread.

use std::hint::black_box;
use std::num::NonZeroU32;

use super::Clocks;
use crate::host::clock::thread_cpu;
use crate::ids::Algorithm;
use crate::order::Stamper;
use crate::order::report::Stamping;

/// So many commands are stamped, or a batch more: below a millisecond in batches of 64, some ten in batches of one.
const COMMANDS: u32 = 1 << 17;

/// Stamps commands in batches of `batch`, each with a reading of the clock of its own, as a phase does it.
pub fn measure(clocks: &mut Clocks, algorithm: Option<Algorithm>, mut stamper: Stamper, batch: NonZeroU32) -> Stamping {
    let batches = COMMANDS.div_ceil(batch.get());
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
