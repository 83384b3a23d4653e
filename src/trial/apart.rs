//! The airline on hosts that share no clock: what their traces prove without one.

use super::exclusion::mean_ms;
use super::order::oversold_in;
use super::terms::Terms;
use crate::workload::state_machine::{self, Event};
use crate::workload::trace::{self, Record};
use crate::workload::{Check, Row, quantiles};

/// What came of the airline, from the trace of every replica, by name; one that is missing is none. Instants of different hosts
/// are not compared: latencies are from a command's issue to its acknowledgement, both at its issuer, and whether anything is
/// lost follows from the order of sendings and receipts. With a trace missing nothing is judged: what is open is told.
pub fn replicas_apart(traces: &[Option<Vec<u8>>], terms: &Terms) -> Row {
    let missing = traces.iter().filter(|trace| trace.is_none()).count() as u64;
    let read = |trace: &Option<Vec<u8>>| trace.as_deref().map_or_else(Vec::new, trace::read);
    let log = trace::gather(traces.iter().map(read).collect::<Vec<Vec<Record<Event>>>>());
    let found = state_machine::check(&log);
    let mut row = Row {
        operations: found.everywhere,
        operation: "commands",
        messages: Some(log.messages()),
        latency: quantiles(found.acknowledgements.clone()),
        violations: Vec::new(),
        unfinished: vec![
            ("agents whose trace is missing", missing),
            ("commands not delivered everywhere", found.issued.saturating_sub(found.everywhere)),
            ("commands never acknowledged", found.issued.saturating_sub(found.acknowledged)),
        ],
        checks: vec![
            Check::alone("acknowledged after, mean ms", mean_ms(&found.acknowledgements)),
            Check::alone("messages per command", log.messages() as f64 / found.issued.max(1) as f64),
        ],
    };
    if missing > 0 {
        row.excuse_unfinished();
    } else {
        row.violations = vec![
            ("replicas disagree", found.disagreements),
            ("messages out of order", found.refused),
            ("acknowledged commands lost", found.lost),
            ("commands carried out twice", found.repeated),
            ("seats oversold", oversold_in(&log, terms)),
        ];
    }
    row
}
