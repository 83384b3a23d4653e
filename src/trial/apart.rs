//! The airline on hosts that share no clock: what their traces prove without one.

use super::exclusion::mean_ms;
use super::order::{broken, oversold_in, unfinished};
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
        unfinished: std::iter::once(("agents whose trace is missing", missing)).chain(unfinished(&found)).collect(),
        checks: vec![
            Check::alone("acknowledged after, mean ms", mean_ms(&found.acknowledgements)),
            Check::alone("messages per command", log.messages() as f64 / found.issued.max(1) as f64),
        ],
    };
    if missing > 0 {
        row.excuse_unfinished();
    } else {
        row.violations = broken(&found);
        row.violations.push(("seats oversold", oversold_in(&log, terms)));
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NodeId;
    use crate::order::Stamp;
    use crate::time::{Nanos, Time};
    use crate::trial::testing;
    use crate::workload::What;
    use crate::workload::airline::Answer;
    use crate::workload::wire::Wire;

    const TERMS: Terms = Terms { rate: 10.0, span: Nanos::from_seconds(1), ..testing::TERMS };

    fn trace(what: &[(i64, What<Event>)]) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        for (at, what) in what {
            let (at, reading) = (Time::from_nanos(*at), Time::from_nanos(*at));
            Record { at, reading, what: what.clone() }.put(&mut bytes);
        }
        Some(bytes)
    }

    /// A command of node 0 that both carry out; the clock of node 1 is an hour behind.
    fn traces(answer: Answer) -> Vec<Option<Vec<u8>>> {
        let stamp = Stamp { time: 5, counter: 0, node: NodeId(0) };
        let (sent, back) = (What::Sent { to: NodeId(1), message: 0 }, What::Sent { to: NodeId(0), message: 1 });
        let (got, heard) =
            (What::Received { from: NodeId(0), message: 0 }, What::Received { from: NodeId(1), message: 1 });
        let event = What::Event;
        let hour = 3_600_000_000_000;
        vec![
            trace(&[
                (10, event(Event::Issued(stamp))),
                (10, sent),
                (30, heard),
                (30, event(Event::Applied(stamp, Answer::Seat(1)))),
                (40, event(Event::Acknowledged(stamp))),
            ]),
            trace(&[
                (20 - hour, got),
                (20 - hour, event(Event::Held(stamp))),
                (21 - hour, back),
                (22 - hour, event(Event::Applied(stamp, answer))),
            ]),
        ]
    }

    #[test]
    fn clocks_that_are_an_hour_apart_change_nothing() {
        let row = replicas_apart(&traces(Answer::Seat(1)), &TERMS);
        assert_eq!((row.operations, row.broken()), (1, 0), "{row:?}");
        assert_eq!(row.latency, Some([Nanos(30); 3]), "from issue to acknowledgement at the issuer");
    }

    #[test]
    fn replicas_that_answer_differently_are_found() {
        let row = replicas_apart(&traces(Answer::Full), &TERMS);
        assert_eq!(row.never().find(|(name, _)| *name == "replicas disagree"), Some(("replicas disagree", 1)));
    }

    #[test]
    fn with_a_trace_missing_nothing_is_judged() {
        let mut traces = traces(Answer::Full);
        traces[1] = None;
        let row = replicas_apart(&traces, &TERMS);
        assert_eq!((row.operations, row.broken()), (0, 0));
        assert_eq!(row.check("agents whose trace is missing").map(|check| check.measured), Some(1.0));
    }
}
