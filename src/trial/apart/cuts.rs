//! Snapshots on hosts that share no clock: whether a cut is closed under happened-before, and has all the money, needs none.

use super::super::Terms;
use super::super::snapshots::{ACCOUNT, instants, plan_snapshots, stamps};
use super::Judged;
use super::heard::Heard;
use crate::workload::snapshot::{Event, check, cut, payments};
use crate::workload::{Check, Row};

/// Both kinds of snapshot of one bank. How long a snapshot took only a common clock tells.
pub(super) fn snapshot(heard: Heard<Event>, terms: &Terms) -> Judged {
    let log = &heard.log;
    let (money, arcs) = (ACCOUNT * u64::from(terms.nodes), f64::from(terms.nodes * (terms.nodes - 1)));
    let (found, payments) = (check(log, money), payments(log));
    let cuts = cut(log, ACCOUNT, instants(&stamps(log)));
    let share = |part: u64| part as f64 / cuts.cuts.max(1) as f64;
    let started = plan_snapshots(terms).count() as u64;
    let markers = log.messages().saturating_sub(payments) as f64 / started.max(1) as f64;
    heard.conclude(Row {
        operations: found.complete,
        operation: "snapshots",
        messages: Some(log.messages()),
        latency: None,
        violations: vec![
            ("snapshots by markers without all the money", found.unbalanced),
            ("snapshots by markers that are not closed", found.open),
            // Stamps that hearing lifts cannot be inconsistent, whatever clocks show.
            (
                "messages into the past of a cut that can have none",
                if terms.is_lifted() { cuts.inconsistent } else { 0 },
            ),
        ],
        unfinished: Vec::new(),
        checks: vec![
            Check::about("markers per snapshot", markers, arcs),
            // The next one begins after a span that was agreed on, whether the one before is over or not.
            Check::alone(
                "snapshots by markers that the next one overtook",
                started.saturating_sub(found.complete) as f64,
            ),
            Check::alone("inconsistent messages per cut and arc", share(cuts.inconsistent) / arcs),
            Check::alone("cuts by stamps not closed, share", share(cuts.open)),
            Check::alone("cuts by stamps without all the money, share", share(cuts.unbalanced)),
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Host, judged};
    use super::*;
    use crate::ids::NodeId;
    use crate::order::Stamp;
    use crate::order::report::StampSource;
    use crate::trial::{Workload, testing};

    /// Node 0 pays 5 after recording for snapshot 0; node 1, an hour behind, records before or after it got the money.
    fn branches(got_first: bool) -> Vec<Host<Event>> {
        let hour = 3_600_000_000_000;
        let stamp = |time, node| Stamp { time, counter: 0, node: NodeId(node) };
        let (paid, got) = (stamp(10, 0), stamp(5, 1));
        let mut one = Host::new(0);
        one.event(9, Event::Recorded(0, 1_000)).sent(9, 1, 0).event(10, Event::Paid(5, paid)).sent(10, 1, 2);
        one.received(40, 1, 1).event(40, Event::Channel(0, NodeId(1), 0));
        let mut two = Host::new(1);
        if got_first {
            two.received(20 - hour, 0, 2).event(20 - hour, Event::Got(5, paid, got));
            two.received(21 - hour, 0, 0).event(21 - hour, Event::Recorded(0, 1_005)).sent(21 - hour, 0, 1);
            two.event(21 - hour, Event::Channel(0, NodeId(0), 0));
        } else {
            two.received(20 - hour, 0, 0).event(20 - hour, Event::Recorded(0, 1_000)).sent(20 - hour, 0, 1);
            two.event(20 - hour, Event::Channel(0, NodeId(0), 0));
            two.received(21 - hour, 0, 2).event(21 - hour, Event::Got(5, paid, got));
        }
        vec![one, two]
    }

    #[test]
    fn a_cut_that_knows_of_a_payment_outside_it_is_found() {
        let terms = Terms { span: crate::time::Nanos::from_millis(60), ..testing::TERMS };
        let never = |got_first: bool, terms: &Terms| {
            let row = judged(Workload::Snapshot, &[&branches(got_first)], terms).row;
            row.violations.iter().map(|(_, count)| *count).collect::<Vec<u64>>()
        };
        assert_eq!(never(false, &terms), [0, 0, 0]);
        assert_eq!(never(true, &terms), [1, 1, 0], "and money is there twice");
        // A receipt stamped before its sending: no clock that hearing lifts does that.
        let lifted = Terms { stamps: StampSource::Hlc, ..terms };
        assert!(never(false, &lifted)[2] > 0);
    }
}
