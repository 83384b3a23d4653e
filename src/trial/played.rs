//! What a workload came to, as a journal keeps it.

use serde::{Deserialize, Serialize};

use super::{Clock, Terms, Workload};
use crate::time::Nanos;
use crate::workload::Row;

/// One run of one workload by one clock.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Played {
    /// What was played.
    pub workload: Workload,
    /// What stamps were made of.
    pub clock: Clock,
    /// The terms, in which eps, delay and jitter are those that were seen.
    pub terms: Terms,
    /// What carried the messages.
    pub transport: String,
    /// Cores of the host, where that matters.
    pub cores: Option<u32>,
    /// Most messages in one write, where there are writes.
    pub batch: Option<u32>,
    /// CPU time of what played the processes, where that costs any.
    pub cpu: Option<Nanos>,
    /// What of that which the workload was told was not so.
    pub premises: Vec<String>,
    /// Measured beside predicted.
    pub row: Row<String>,
}
