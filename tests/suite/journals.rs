//! Journals as the analysis takes them.

use skewbench::analysis::{AgentRun, Unreadable};
use skewbench::journal::Journals;

/// Every journal in `blobs`, by node and boot.
pub fn agent_runs<'a>(blobs: impl IntoIterator<Item = &'a [u8]>) -> Vec<AgentRun> {
    let journals = Journals::read(blobs);
    let run = |journal: &skewbench::journal::Journal<'_>| AgentRun {
        header: journal.header.clone(),
        entries: journal.entries().collect(),
        covers_until: journal.covers_until,
        unreadable: Unreadable::default(),
    };
    journals.iter().map(run).collect()
}
