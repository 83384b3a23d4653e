//! Mutual exclusion on hosts that share no clock.
//!
//! If whoever is granted the resource knows that the one before has released it, the release happened before the grant, and
//! so came before it in true time too: no two ever hold it at once. That is all that is looked at, and no clock is needed for
//! it. Two spans of holding that happened-before does not order may have overlapped: the algorithm promises that there are
//! none.

use super::super::Terms;
use super::super::figure::mean_ms;
use super::Judged;
use super::heard::Heard;
use crate::order::Stamp;
use crate::workload::exclusion::{Event, check};
use crate::workload::{Check, Entry, Log, Row, quantiles};

/// One time that a process held the resource.
struct Holding<'a> {
    stamp: Stamp,
    requested: Option<&'a Entry<Event>>,
    granted: &'a Entry<Event>,
    /// None if the scene was over before.
    released: Option<&'a Entry<Event>>,
}

impl Holding<'_> {
    /// Whether it was surely over when the other one began.
    fn is_before(&self, other: &Self) -> bool {
        self.released.is_some_and(|released| released.is_before(other.granted))
    }
}

/// What came of it, at `messages_per_other` messages an entry and other process.
pub(super) fn exclusion(heard: Heard<Event>, terms: &Terms, messages_per_other: u32) -> Judged {
    let log = &heard.log;
    let found = check(log);
    let holdings = holdings(log);
    let (mut shared, mut out_of_order, mut against) = (0_u64, 0_u64, 0_u64);
    for (first, second) in holdings.iter().zip(holdings.iter().skip(1)) {
        if !first.is_before(second) {
            let reversed = second.is_before(first);
            out_of_order += u64::from(reversed);
            shared += u64::from(!reversed);
        }
        let requests = first.requested.zip(second.requested);
        against += u64::from(requests.is_some_and(|(first, second)| second.is_before(first)));
    }
    let entries = holdings.len() as u64;
    let others = f64::from(messages_per_other) * f64::from(terms.nodes.saturating_sub(1));
    let mut checks = vec![
        Check::about("messages per entry", log.messages() as f64 / entries.max(1) as f64, others),
        Check::alone("from request to grant, mean ms", mean_ms(&found.waits)),
        // Who waits in line when the scene is over says that more was wanted than is carried, not that anything broke.
        Check::alone("requests not granted when the scene was over", found.ungranted() as f64),
    ];
    if terms.is_lifted() {
        checks.push(Check::at_most("grants against happened-before", against as f64, 0.0));
    }
    heard.conclude(Row {
        operations: entries,
        operation: "entries",
        messages: Some(log.messages()),
        latency: quantiles(found.latencies.clone()),
        violations: vec![("two holders", shared), ("grants out of the order of stamps", out_of_order)],
        unfinished: Vec::new(),
        checks,
    })
}

/// Every time that anybody held the resource, in the order of stamps.
fn holdings(log: &Log<Event>) -> Vec<Holding<'_>> {
    let mut found: Vec<Holding<'_>> = Vec::new();
    let mut requested = vec![None; log.nodes as usize];
    let mut open: Vec<Option<usize>> = vec![None; log.nodes as usize];
    for (granted, event) in log.events() {
        let node = granted.node.0 as usize;
        match event {
            Event::Requested(_) => requested[node] = Some(granted),
            Event::Granted(stamp) => {
                open[node] = Some(found.len());
                found.push(Holding { stamp: *stamp, requested: requested[node].take(), granted, released: None });
            }
            Event::Released => {
                if let Some(place) = open[node].take() {
                    found[place].released = Some(granted);
                }
            }
        }
    }
    found.sort_by_key(|holding| holding.stamp);
    found
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Host, judged};
    use super::*;
    use crate::ids::NodeId;
    use crate::trial::{Workload, testing};

    const TERMS: Terms = testing::TERMS;

    fn stamp(time: i64, node: u32) -> Stamp {
        Stamp { time, counter: 0, node: NodeId(node) }
    }

    /// Two processes hold the resource one after the other. The clock of the second one is an hour behind, so that by its
    /// instants it came first. `told`: whether the first one's release reached it before it entered.
    fn hosts(told: bool, second: i64) -> Vec<Host<Event>> {
        let hour = 3_600_000_000_000;
        let mut one = Host::new(0);
        one.event(10, Event::Requested(stamp(1, 0))).event(20, Event::Granted(stamp(1, 0)));
        one.event(30, Event::Released).sent(30, 1, 100);
        let mut two = Host::new(1);
        two.event(5 - hour, Event::Requested(stamp(second, 1)));
        if told {
            two.received(40 - hour, 0, 100);
        }
        two.event(41 - hour, Event::Granted(stamp(second, 1))).event(50 - hour, Event::Released);
        if !told {
            two.received(60 - hour, 0, 100);
        }
        vec![one, two]
    }

    fn broken(hosts: &[Host<Event>]) -> Vec<(String, u64)> {
        let row = judged(Workload::Mutex, &[hosts], &TERMS).row;
        row.never().filter(|(_, count)| *count > 0).map(|(name, count)| (name.to_owned(), count)).collect()
    }

    #[test]
    fn who_knows_of_the_release_enters_alone_whatever_the_clocks_show() {
        assert_eq!(broken(&hosts(true, 2)), []);
        let row = judged(Workload::Mutex, &[&hosts(true, 2)], &TERMS).row;
        assert_eq!((row.operations, row.messages), (2, Some(1)));
    }

    #[test]
    fn who_does_not_know_of_the_release_may_have_entered_beside_the_other() {
        assert_eq!(broken(&hosts(false, 2)), [("two holders".to_owned(), 1)]);
    }

    #[test]
    fn a_later_grant_with_an_earlier_stamp_is_found() {
        assert_eq!(broken(&hosts(true, 0)), [("grants out of the order of stamps".to_owned(), 1)]);
    }

    #[test]
    fn a_receipt_that_nobody_sent_is_no_evidence() {
        let mut hosts = hosts(false, 2);
        hosts[1].received(70, 0, 999);
        let row = judged(Workload::Mutex, &[&hosts], &TERMS).row;
        assert_eq!(row.broken(), 0, "nothing is judged");
        let told = row.check("receipts of messages that no trace says were sent");
        assert_eq!(told.map(|check| check.measured), Some(1.0));
    }
}
