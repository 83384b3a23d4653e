//! Workloads on hosts of their own, which share no clock: what their traces prove all the same.
//!
//! What an invariant says of the order of events is judged by happened-before alone, which the sendings and receipts in the
//! traces give (vector clocks); what it says of true time is judged by what stamps certify of the hosts' clocks
//! ([`Bearings`]): a violation is one that they prove, and what they leave open is told as such. Spans are those between
//! events of one host. What would need a common clock is left out.

mod battles;
mod bearings;
mod cuts;
mod exclusion;
mod heard;
mod outside;
mod proved;
mod replicas;
mod replicated;
#[cfg(test)]
mod testing;

pub use bearings::{Bearings, Sight};
pub use heard::Trace;

use heard::scene;

use super::{Terms, Workload};
use crate::workload::Row;

/// What one run of a workload came to, and what of that which it was told is proved not to have been so.
#[derive(Clone, PartialEq, Debug)]
pub struct Judged {
    /// What was measured, and what broke.
    pub row: Row,
    /// What it promised too much.
    pub premises: Vec<String>,
}

/// What came of a workload, from the traces of its main scenes: of each the trace of every process, by name; one that is
/// missing is none. With a trace missing nothing is judged: what is open is told. `None` for total order, which the ordering
/// engine judges.
pub fn judge(workload: Workload, scenes: &[Vec<Option<Trace>>], terms: &Terms, bearings: &Bearings) -> Option<Judged> {
    let judged = match workload {
        Workload::TotalOrder => return None,
        Workload::StateMachine => replicas::state_machine(scene(scenes, 0, terms), terms),
        Workload::Mutex => exclusion::exclusion(scene(scenes, 0, terms), terms, 3),
        Workload::RicartAgrawala => exclusion::exclusion(scene(scenes, 0, terms), terms, 2),
        Workload::RealTime => replicated::real_time(scene(scenes, 0, terms), terms, bearings),
        Workload::CommitWait => outside::commit_wait(scene(scenes, 0, terms), terms, bearings),
        Workload::Restart => outside::restart(scene(scenes, 0, terms), terms, bearings),
        Workload::Snapshot => cuts::snapshot(scene(scenes, 0, terms), terms),
        Workload::Anomaly => outside::anomaly(scene(scenes, 0, terms), terms, bearings),
        Workload::Causal => replicated::causal(scene(scenes, 0, terms), scene(scenes, 1, terms)),
        Workload::Byzantine => battles::byzantine(scenes, terms, bearings),
        Workload::StabilityTests => {
            let (stable, timed, agreed) = (scene(scenes, 0, terms), scene(scenes, 1, terms), scene(scenes, 2, terms));
            replicated::stability_tests(stable, timed, agreed, terms, bearings)
        }
    };
    Some(judged)
}
