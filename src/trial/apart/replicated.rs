//! Replicas of a store and of a machine on hosts that share no clock: what becomes visible in which order, and whether all do
//! the same, is a matter of who did what after what.

use std::collections::BTreeMap;

use super::super::Terms;
use super::super::figure::{mean_ms, ms};
use super::super::order::{broken, delta, unfinished};
use super::super::replicas::{self, ACCEPT, OLDEST, agreed};
use super::heard::{Heard, all};
use super::proved::Proved;
use super::{Bearings, Judged};
use crate::ids::NodeId;
use crate::time::{Nanos, Time, True};
use crate::workload::real_time::{self, Issued};
use crate::workload::stability_tests::{self, Request};
use crate::workload::{Check, Log, Relation, Row, causal, quantiles, state_machine};

/// Causal+ visibility: by dependencies and by stable time. How long a write takes to be visible elsewhere only a common clock
/// tells, and who of two writers came first.
pub(super) fn causal(explicit: Heard<causal::Event>, stable: Heard<causal::Event>) -> Judged {
    let found = [&explicit, &stable].map(|heard| causal::check(&heard.log));
    let both = |of: fn(&causal::Findings) -> u64| found.iter().map(of).sum::<u64>();
    let [first, _] = &found;
    let messages = explicit.log.messages();
    all(&[explicit.lacks(), stable.lacks()]).conclude(Row {
        operations: first.writes,
        operation: "writes",
        messages: Some(messages),
        latency: None,
        violations: vec![
            ("visible before what happened before it", both(|found| found.early)),
            ("keys on which the centres differ", both(|found| found.diverged)),
        ],
        unfinished: vec![("writes never visible somewhere", both(|found| found.hidden))],
        checks: vec![Check::alone(
            "by dependencies: dependencies per write",
            first.dependencies as f64 / first.writes.max(1) as f64,
        )],
    })
}

/// Three ways to know that nothing earlier can still come. Latencies are those at the issuer.
pub(super) fn stability_tests(
    stable: Heard<state_machine::Event>,
    timed: Heard<stability_tests::Event>,
    agreed: Heard<stability_tests::Event>,
    terms: &Terms,
    bearings: &Bearings,
) -> Judged {
    let machine = state_machine::check(&stable.log);
    let [by_time, by_agreement] = [&timed, &agreed].map(|heard| stability_tests::check(&heard.log));
    let [waited, agreed_on] = [&timed, &agreed].map(|heard| at_issuers(&heard.log));
    let (per, others) = (by_time.issued.max(1) as f64, f64::from(terms.nodes.saturating_sub(1)));
    let mut row = Row {
        operations: machine.everywhere + by_time.everywhere + by_agreement.everywhere,
        operation: "requests",
        messages: Some(stable.log.messages() + timed.log.messages() + agreed.log.messages()),
        latency: None,
        violations: broken(&machine),
        unfinished: unfinished(&machine),
        checks: vec![
            Check::alone("by later stamps: acknowledged after, mean ms", mean_ms(&machine.acknowledgements)),
            Check::about("by real time: at the issuer after, mean ms", mean_ms(&waited), ms(delta(terms))),
            Check::about("by real time: messages per request", timed.log.messages() as f64 / per, others),
            Check::alone("by agreement: at the issuer after, mean ms", mean_ms(&agreed_on)),
            Check::about(
                "by agreement: messages per request",
                agreed.log.messages() as f64 / by_agreement.issued.max(1) as f64,
                3.0 * others,
            ),
        ],
    };
    row.violations.extend([
        ("by real time: replicas disagree", by_time.disagreements),
        ("by real time: requests too late", by_time.too_late),
        ("by agreement: replicas disagree", by_agreement.disagreements),
    ]);
    let open = by_agreement.issued.saturating_sub(by_agreement.everywhere);
    row.unfinished.push(("by agreement: requests not carried out everywhere", open));
    let proved = Proved::of(&timed, bearings);
    proved.tell(terms, all(&[stable.lacks(), timed.lacks(), agreed.lacks()]).conclude(row))
}

/// From each request to its being carried out where it was made.
fn at_issuers(log: &Log<stability_tests::Event>) -> Vec<Nanos> {
    let mut issued: BTreeMap<Request, (NodeId, Time<True>)> = BTreeMap::new();
    let mut found = Vec::new();
    for (entry, event, intended) in log.answers() {
        match event {
            stability_tests::Event::Issued(request) => drop(issued.insert(*request, (entry.node, intended))),
            stability_tests::Event::Applied(request) => {
                let own = issued.get(request).filter(|(node, _)| *node == entry.node);
                found.extend(own.map(|(_, at)| entry.at - *at));
            }
            stability_tests::Event::TooLate(_) => {}
        }
    }
    found
}

/// The real-time state machine, of which nobody is killed here: whether all carried out the same, and in one order, each trace
/// says by itself. Latencies are those at the bookkeeper that accepted the command, on its own clock.
pub(super) fn real_time(heard: Heard<real_time::Event>, terms: &Terms, bearings: &Bearings) -> Judged {
    let log = &heard.log;
    let working: Vec<NodeId> = terms.names().collect();
    let found = real_time::check(log, &working);
    let latencies = at_accepters(log);
    let (accepted, others) = ((found.accepted, found.submitted), f64::from(terms.nodes.saturating_sub(1)));
    let per_command = log.messages() as f64 / found.executed.max(1) as f64;
    let row = Row {
        operations: found.executed,
        operation: "commands",
        messages: Some(log.messages()),
        latency: quantiles(latencies.clone()),
        violations: replicas::broken(&found),
        unfinished: Vec::new(),
        checks: vec![
            Check::about("from issue to execution, mean ms", mean_ms(&latencies), ms(agreed(terms).response())),
            Check::share(
                "accepted in time, share",
                accepted,
                Relation::About,
                ACCEPT.as_seconds() / OLDEST.as_seconds(),
            ),
            Check::at_most("messages per command", per_command, others * others),
        ],
    };
    Proved::of(&heard, bearings).tell(terms, heard.conclude(row))
}

fn at_accepters(log: &Log<real_time::Event>) -> Vec<Nanos> {
    let mut accepted: BTreeMap<Issued, NodeId> = BTreeMap::new();
    let mut found = Vec::new();
    for (entry, event) in log.events() {
        match event {
            real_time::Event::Submitted(issued, true) => drop(accepted.insert(*issued, entry.node)),
            real_time::Event::Submitted(..) => {}
            real_time::Event::Executed(issued) => {
                let own = accepted.get(issued).filter(|node| **node == entry.node);
                found.extend(own.map(|_| entry.reading - issued.stamp));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Host, judged};
    use super::*;
    use crate::order::Stamp;
    use crate::trial::{Workload, testing};

    const HOUR: i64 = 3_600_000_000_000;

    fn broken_of<E: crate::workload::wire::Wire>(workload: Workload, scenes: &[&[Host<E>]]) -> Vec<(String, u64)> {
        let terms = Terms { nodes: scenes[0].len() as u32, ..testing::TERMS };
        let row = judged(workload, scenes, &terms).row;
        row.never().filter(|(_, count)| *count > 0).map(|(name, count)| (name.to_owned(), count)).collect()
    }

    /// Node 0 writes key 7; node 1, an hour behind, sees that and writes key 8; node 2, an hour ahead, shows both.
    fn centres(answer_first: bool) -> Vec<Host<causal::Event>> {
        use causal::Event::{Saw, Visible, Wrote};
        let stamp = |time, node| Stamp { time, counter: 0, node: NodeId(node) };
        let (first, answer) = (stamp(5, 0), stamp(6, 1));
        let mut one = Host::new(0);
        one.event(10, Wrote(7, first, 0)).sent(10, 1, 0).sent(10, 2, 3).received(40, 1, 1);
        one.event(40, Visible(8, answer));
        let mut two = Host::new(1);
        two.received(20 - HOUR, 0, 0).event(20 - HOUR, Visible(7, first)).event(21 - HOUR, Saw(7, first));
        two.event(22 - HOUR, Wrote(8, answer, 1)).sent(22 - HOUR, 0, 1).sent(22 - HOUR, 2, 4);
        let mut three = Host::new(2);
        let (early, late) = (HOUR + 30, HOUR + 40);
        if answer_first {
            three.received(early, 1, 4).event(early, Visible(8, answer));
            three.received(late, 0, 3).event(late, Visible(7, first));
        } else {
            three.received(early, 0, 3).event(early, Visible(7, first));
            three.received(late, 1, 4).event(late, Visible(8, answer));
        }
        vec![one, two, three]
    }

    #[test]
    fn an_answer_that_is_shown_before_what_it_answers_is_found_whatever_the_clocks_show() {
        assert_eq!(broken_of(Workload::Causal, &[&centres(false), &centres(false)]), []);
        let early = [("visible before what happened before it".to_owned(), 1)];
        assert_eq!(broken_of(Workload::Causal, &[&centres(true), &centres(false)]), early);
        assert_eq!(broken_of(Workload::Causal, &[&centres(false), &centres(true)]), early);
    }

    #[test]
    fn a_command_that_one_bookkeeper_alone_carries_out_is_found() {
        use real_time::Event::{Executed, Submitted};
        let issued = Issued { stamp: Time::from_nanos(5), id: 1 };
        let bookkeepers = |second: bool| {
            let mut one = Host::new(0);
            one.event(10, Submitted(issued, true)).sent(10, 1, 0).event(70, Executed(issued));
            let mut two = Host::new(1);
            two.received(20 - HOUR, 0, 0);
            if second {
                two.event(71 - HOUR, Executed(issued));
            }
            vec![one, two]
        };
        assert_eq!(broken_of(Workload::RealTime, &[&bookkeepers(true)]), []);
        let found = broken_of(Workload::RealTime, &[&bookkeepers(false)]);
        assert_eq!(found, [("commands that some carried out and others did not".to_owned(), 1)]);
        let row = judged(Workload::RealTime, &[&bookkeepers(true)], &testing::TERMS).row;
        assert_eq!(row.latency, Some([Nanos(65); 3]), "at the bookkeeper that accepted it alone");
    }
}
