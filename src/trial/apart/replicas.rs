//! The airline on hosts that share no clock.

use super::super::Terms;
use super::super::figure::mean_ms;
use super::super::order::{broken, oversold_in, unfinished};
use super::Judged;
use super::heard::Heard;
use crate::workload::state_machine::{self, Event};
use crate::workload::{Check, Row, quantiles};

/// What came of the airline. Latencies are from a command's issue to its acknowledgement, both at its issuer, and whether
/// anything is lost follows from the order of sendings and receipts.
pub(super) fn state_machine(heard: Heard<Event>, terms: &Terms) -> Judged {
    let log = &heard.log;
    let found = state_machine::check(log);
    let mut violations = broken(&found);
    violations.push(("seats oversold", oversold_in(log, terms)));
    heard.conclude(Row {
        operations: found.everywhere,
        operation: "commands",
        messages: Some(log.messages()),
        latency: quantiles(found.acknowledgements.clone()),
        violations,
        unfinished: unfinished(&found),
        checks: vec![
            Check::alone("acknowledged after, mean ms", mean_ms(&found.acknowledgements)),
            Check::alone("messages per command", log.messages() as f64 / found.issued.max(1) as f64),
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Host, judged};
    use super::super::{Bearings, judge};
    use super::*;
    use crate::ids::NodeId;
    use crate::order::Stamp;
    use crate::time::Nanos;
    use crate::trial::{Workload, testing};
    use crate::workload::airline::Answer;

    const TERMS: Terms = Terms { rate: 10.0, span: Nanos::from_seconds(1), ..testing::TERMS };

    /// A command of node 0 that both carry out; the clock of node 1 is an hour behind.
    fn hosts(answer: Answer) -> Vec<Host<Event>> {
        let stamp = Stamp { time: 5, counter: 0, node: NodeId(0) };
        let hour = 3_600_000_000_000;
        let mut one = Host::new(0);
        one.event(10, Event::Issued(stamp)).sent(10, 1, 0).received(30, 1, 1);
        one.event(30, Event::Applied(stamp, Answer::Seat(1))).event(40, Event::Acknowledged(stamp));
        let mut two = Host::new(1);
        two.received(20 - hour, 0, 0).event(20 - hour, Event::Held(stamp)).sent(21 - hour, 0, 1);
        two.event(22 - hour, Event::Applied(stamp, answer));
        vec![one, two]
    }

    #[test]
    fn clocks_that_are_an_hour_apart_change_nothing() {
        let row = judged(Workload::StateMachine, &[&hosts(Answer::Seat(1))], &TERMS).row;
        assert_eq!((row.operations, row.broken()), (1, 0), "{row:?}");
        assert_eq!(row.latency, Some([Nanos(30); 3]), "from issue to acknowledgement at the issuer");
    }

    #[test]
    fn replicas_that_answer_differently_are_found() {
        let row = judged(Workload::StateMachine, &[&hosts(Answer::Full)], &TERMS).row;
        assert_eq!(row.never().find(|(name, _)| *name == "replicas disagree"), Some(("replicas disagree", 1)));
    }

    #[test]
    fn with_a_trace_missing_or_cut_nothing_is_judged() {
        let whole = hosts(Answer::Full)[1].trace().unwrap();
        let mut cut = whole.clone();
        cut.bytes.pop();
        for second in [None, Some(cut)] {
            let scenes = [vec![hosts(Answer::Full)[0].trace(), second]];
            let row = judge(Workload::StateMachine, &scenes, &TERMS, &Bearings::default()).unwrap().row;
            assert_eq!(row.broken(), 0);
            assert_eq!(row.check("agents whose trace is missing").map(|check| check.measured), Some(1.0));
        }
    }
}
