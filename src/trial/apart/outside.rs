//! What is judged by true time on hosts that share no clock: commit wait, reads that restart, anomalies.
//!
//! An event was before another one on a different host if a message or a nudge carried it there, or if the bearings of the two
//! hosts prove it. What they leave open is counted as such, and as no violation.

use std::collections::{BTreeMap, VecDeque};

use super::super::Terms;
use super::super::figure::{mean_ms, ms};
use super::super::outside::nudge;
use super::heard::Heard;
use super::proved::Proved;
use super::{Bearings, Judged};
use crate::ids::NodeId;
use crate::order::Stamp;
use crate::order::report::StampSource;
use crate::time::{Local, Nanos, Time, True};
use crate::workload::anomaly::{Stamped, Touch, least_eps};
use crate::workload::commit_wait::{Committed, Write, least_latency};
use crate::workload::restart::{self, Event};
use crate::workload::{Check, Entry, Row, What, quantiles};

/// Commits of one owner or writes of one key, in order: when, and the latest stamp so far.
type History<'a, E> = Vec<(&'a Entry<E>, Stamp)>;

/// The latest stamp of what was surely before an instant of another host, and of what may have been.
fn latest_before<E>(
    heard: &Heard<E>,
    bearings: &Bearings,
    (owner, history): (NodeId, &[(&Entry<E>, Stamp)]),
    instant: Option<(NodeId, Time<Local>)>,
) -> (Option<Stamp>, Option<Stamp>) {
    let last = |count: usize| count.checked_sub(1).map(|place| history[place].1);
    let seen = instant.and_then(|instant| bearings.reading(owner, instant));
    let Some((low, high)) = seen else { return (None, last(history.len())) };
    let local = |entry: &Entry<E>| heard.instant(entry).map(|(_, at)| at);
    let sure = history.partition_point(|(entry, _)| local(entry).is_some_and(|at| at < low));
    let may = history.partition_point(|(entry, _)| local(entry).is_none_or(|at| at <= high));
    (last(sure), last(may))
}

/// Appends to a history, whose stamps never go back.
fn remember<'a, E>(history: &mut History<'a, E>, entry: &'a Entry<E>, stamp: Stamp) {
    let latest = history.last().map_or(stamp, |(_, latest)| stamp.max(*latest));
    history.push((entry, latest));
}

fn share(part: u64, of: u64) -> f64 {
    part as f64 / of.max(1) as f64
}

/// A committed write.
struct Commit<'a> {
    number: u64,
    stamp: Stamp,
    entry: &'a Entry<Committed>,
    /// When it began at its owner.
    began: Time<True>,
    /// When its user wanted it.
    intended: Time<True>,
}

fn commits(heard: &Heard<Committed>) -> Vec<Commit<'_>> {
    let mut waiting: Vec<VecDeque<(Time<True>, Time<True>)>> = vec![VecDeque::new(); heard.log.nodes as usize];
    let mut found = Vec::new();
    for entry in &heard.log.entries {
        let queue = &mut waiting[entry.node.0 as usize];
        match &entry.what {
            What::Commanded { intended } => queue.push_back((entry.at, *intended)),
            What::Event(Committed(Write(number), stamp)) => {
                let Some((began, intended)) = queue.pop_front() else { continue };
                found.push(Commit { number: *number, stamp: *stamp, entry, began, intended });
            }
            What::Sent { .. } | What::Received { .. } => {}
        }
    }
    found
}

/// What became of the order of commits.
#[derive(Default)]
struct Order {
    /// Pairs of which a nudge made the second.
    pairs: u64,
    /// Those of them in which the second one is not stamped later.
    inverted: u64,
    /// Further commits that bearings prove not to be stamped later than one that was done before they began.
    proved: u64,
    /// Commits of which that is possible.
    open: u64,
}

impl Order {
    fn of(heard: &Heard<Committed>, commits: &[Commit<'_>], bearings: &Bearings) -> Self {
        let mut histories: Vec<History<'_, Committed>> = vec![Vec::new(); heard.log.nodes as usize];
        let mut stamps: BTreeMap<u64, Stamp> = BTreeMap::new();
        for commit in commits {
            remember(&mut histories[commit.entry.node.0 as usize], commit.entry, commit.stamp);
            stamps.insert(commit.number, commit.stamp);
        }
        let mut found = Self::default();
        for Commit { number, stamp, entry, began, .. } in commits {
            let not_less = |other: Option<Stamp>| other.is_some_and(|other| other.time >= stamp.time);
            let first = stamps.get(&number.wrapping_sub(1)).copied().filter(|_| number % 2 == 1);
            let by_nudge = not_less(first);
            let instant = heard.local(entry.node, *began);
            let others = (0..).map(NodeId).zip(&histories).filter(|(owner, _)| *owner != entry.node);
            let known = others.map(|(owner, history)| latest_before(heard, bearings, (owner, history), instant));
            let (sure, may) = known.fold((None, None), |most, (sure, may)| (most.0.max(sure), most.1.max(may)));
            found.pairs += u64::from(first.is_some());
            found.inverted += u64::from(by_nudge);
            found.proved += u64::from(!by_nudge && not_less(sure));
            found.open += u64::from(!by_nudge && !not_less(sure) && not_less(may));
        }
        found
    }
}

/// Commit wait: whoever begins after a commit must get a later stamp. That the first of a pair was committed before the second
/// one began its nudge proves; of all others the bearings must.
pub(super) fn commit_wait(heard: Heard<Committed>, terms: &Terms, bearings: &Bearings) -> Judged {
    let commits = commits(&heard);
    let Order { pairs, inverted, proved, open } = Order::of(&heard, &commits, bearings);
    let planned = commits.iter().filter(|commit| commit.number % 2 == 0);
    let latencies: Vec<Nanos> = planned.map(|commit| commit.entry.at - commit.intended).collect();
    let least = least_latency(terms.believed().over(2), Nanos::ZERO);
    let row = Row {
        operations: commits.len() as u64,
        operation: "commits",
        messages: Some(heard.log.messages()),
        latency: quantiles(latencies.clone()),
        violations: vec![
            ("external consistency", inverted),
            ("external consistency, as stamps of probes prove", proved),
        ],
        unfinished: Vec::new(),
        checks: vec![
            Check::at_least("latency of a write, mean ms", mean_ms(&latencies), ms(least)),
            Check::alone("later transactions stamped earlier, share", share(inverted, pairs)),
            Check::alone("commits of which it could not be told", open as f64),
        ],
    };
    Proved::of(&heard, bearings).tell(terms, heard.conclude(row))
}

/// Reads that restart: none must miss a write that was done before it began. That it was messages or bearings must prove.
pub(super) fn restart(heard: Heard<Event>, terms: &Terms, bearings: &Bearings) -> Judged {
    let log = &heard.log;
    let found = restart::check(log);
    let mut writes: Vec<History<'_, Event>> = vec![Vec::new(); terms.nodes as usize];
    for (entry, event) in log.events() {
        if let Event::Wrote(stamp) = event {
            remember(&mut writes[entry.node.0 as usize], entry, *stamp);
        }
    }
    let mut reads: BTreeMap<u64, (&Entry<Event>, NodeId)> = BTreeMap::new();
    let (mut stale, mut open) = (0_u64, 0_u64);
    for (entry, event) in log.events() {
        match event {
            Event::Began(read, of) => drop(reads.insert(*read, (entry, *of))),
            Event::Done(read, value) => {
                let Some((began, of)) = reads.remove(read) else { continue };
                let Some(history) = writes.get(of.0 as usize) else { continue };
                // What the owner did when it had heard of the read was not before it.
                let heard_of = history.partition_point(|(write, _)| !began.is_before(write));
                let known = history[..heard_of].partition_point(|(write, _)| write.is_before(began));
                let known = known.checked_sub(1).map(|place| history[place].1);
                let (sure, may) = latest_before(&heard, bearings, (of, &history[..heard_of]), heard.instant(began));
                let missed = *value < sure.max(known);
                stale += u64::from(missed);
                open += u64::from(!missed && *value < may);
            }
            Event::Wrote(_) | Event::Restarted(_) => {}
        }
    }
    let row = Row {
        operations: found.reads,
        operation: "reads",
        messages: Some(log.messages()),
        latency: quantiles(found.latencies.clone()),
        violations: vec![("stale reads", stale)],
        unfinished: Vec::new(),
        checks: vec![
            Check::alone("reads restarted, share", share(found.restarted, found.reads)),
            Check::alone("latency of a read, mean ms", mean_ms(&found.latencies)),
            Check::alone("reads of which it could not be told", open as f64),
        ],
    };
    Proved::of(&heard, bearings).tell(terms, heard.conclude(row))
}

/// A nudge whose event is stamped before what it came from.
struct Anomaly {
    /// What it proves of the clocks' spread, if anything.
    eps: Option<Nanos>,
    /// How long it took at most, if that is known.
    most: Option<Nanos>,
}

/// Nudges of different delays. What a nudge took is at least what it waited at its receiver, by the receiver's own clock; the
/// bearings say more, and how long at most.
pub(super) fn anomaly(heard: Heard<Stamped>, terms: &Terms, bearings: &Bearings) -> Judged {
    let log = &heard.log;
    let mut firsts: BTreeMap<u64, (&Entry<Stamped>, Stamp)> = BTreeMap::new();
    for (entry, Stamped(Touch(number), stamp)) in log.events() {
        firsts.insert(*number, (entry, *stamp));
    }
    let (mut pairs, mut anomalies) = (0_u64, Vec::new());
    for (entry, Stamped(Touch(number), stamp), due) in log.answers() {
        let Some((first, before)) = firsts.get(&number.wrapping_sub(1)).filter(|_| number % 2 == 1) else { continue };
        pairs += 1;
        if stamp <= before {
            let waited = (entry.at - due) + nudge(terms, number - 1);
            anomalies.push(judge_anomaly(&heard, bearings, first, entry, waited));
        }
    }
    let declared = terms.believed();
    let is_beyond = |found: &&Anomaly| found.eps.is_some_and(|eps| eps > declared);
    // A counter's stamps say nothing of time.
    let counts = terms.stamps != StampSource::LamportLogical;
    let beyond = anomalies.iter().filter(|_| counts).filter(is_beyond).count() as u64;
    let is_open = |found: &&Anomaly| !is_beyond(found) && found.most.is_none_or(|most| most > declared);
    let open = anomalies.iter().filter(|_| counts).filter(is_open).count();
    let mut checks = vec![
        Check::alone("anomalies, share of nudges", share(anomalies.len() as u64, pairs)),
        Check::alone("anomalies of which it could not be told", open as f64),
    ];
    if let Some(eps) = anomalies.iter().filter_map(|found| found.eps).max().filter(|_| counts) {
        checks.push(Check::at_most("eps proved by the slowest anomaly, ms", ms(eps), ms(declared)));
    }
    let row = Row {
        operations: pairs,
        operation: "nudges",
        messages: Some(log.messages()),
        latency: None,
        violations: vec![("anomalies beyond the declared eps", beyond)],
        unfinished: Vec::new(),
        checks,
    };
    Proved::of(&heard, bearings).tell(terms, heard.conclude(row))
}

fn judge_anomaly(
    heard: &Heard<Stamped>,
    bearings: &Bearings,
    first: &Entry<Stamped>,
    second: &Entry<Stamped>,
    waited: Nanos,
) -> Anomaly {
    let gap = heard.instant(first).zip(heard.instant(second)).and_then(|(first, second)| bearings.gap(first, second));
    let kappa = bearings.kappa(second.node);
    // What the receiver's clock showed of the wait may be too much by its rate.
    let waited = kappa.map(|kappa| least_eps(waited, kappa));
    let least = waited.max(gap.map(|(least, _)| least));
    let eps = least.zip(kappa).map(|(least, kappa)| least_eps(least, kappa));
    Anomaly { eps, most: gap.map(|(_, most)| most) }
}

#[cfg(test)]
mod tests {
    use super::super::Sight;
    use super::super::testing::{Host, judged, judged_by};
    use super::*;
    use crate::time::Ppb;
    use crate::trial::{Workload, testing};

    const HOUR: i64 = 3_600_000_000_000;
    /// The second host's clock is an hour ahead, as is known to 100 ns either way; 50 ns are declared.
    const TERMS: Terms = Terms { eps: Nanos(50), declared: Nanos(50), ..testing::TERMS };

    fn stamp(time: i64, node: u32) -> Stamp {
        Stamp { time, counter: 0, node: NodeId(node) }
    }

    fn bearings() -> Bearings {
        let sight = |own: i64| Sight {
            own: Time::from_nanos(own),
            low: Time::from_nanos(own + HOUR - 100),
            high: Time::from_nanos(own + HOUR + 100),
        };
        let sights = [0, 10_000].map(|own| (NodeId(0), NodeId(1), sight(own)));
        Bearings::new([(NodeId(0), Ppb(0)), (NodeId(1), Ppb(0))].into(), sights)
    }

    fn counted(row: &Row, of: [&str; 2]) -> [u64; 2] {
        let never = row.never().find(|(name, _)| *name == of[0]).map(|(_, count)| count);
        [never.expect("an invariant"), row.check(of[1]).expect("a quantity").measured as u64]
    }

    /// Host 0 commits at 1000 with stamp 50. So much later host 1 begins a write that gets stamp 40.
    fn writes(later: i64) -> Vec<Host<Committed>> {
        let mut one = Host::new(0);
        one.commanded(900).event(1_000, Committed(Write(0), stamp(50, 0)));
        let mut two = Host::new(1);
        two.commanded(HOUR + 1_000 + later).event(HOUR + 9_000, Committed(Write(2), stamp(40, 1)));
        vec![one, two]
    }

    #[test]
    fn a_write_that_surely_began_after_a_commit_must_be_stamped_later() {
        let of = ["external consistency, as stamps of probes prove", "commits of which it could not be told"];
        let found = |later: i64, bearings: &Bearings| {
            counted(&judged_by(Workload::CommitWait, &[&writes(later)], &TERMS, bearings).row, of)
        };
        assert_eq!(found(200, &bearings()), [1, 0], "it surely began later");
        assert_eq!(found(50, &bearings()), [0, 1], "perhaps");
        assert_eq!(found(-200, &bearings()), [0, 0], "it surely began before");
        assert_eq!(found(200, &Bearings::default()), [0, 1], "nothing is known");
    }

    #[test]
    fn a_nudge_proves_by_itself_that_what_it_caused_came_later() {
        let writes = |second: i64| {
            let mut one = Host::new(0);
            one.commanded(900).event(1_000, Committed(Write(0), stamp(50, 0)));
            let mut two = Host::new(1);
            two.commanded(-HOUR).event(10 - HOUR, Committed(Write(1), stamp(second, 1)));
            vec![one, two]
        };
        let of = ["external consistency", "commits of which it could not be told"];
        let found = |second| counted(&judged(Workload::CommitWait, &[&writes(second)], &TERMS).row, of);
        assert_eq!((found(40)[0], found(60)[0]), (1, 0));
    }

    /// Host 0 writes with stamp 50 at 1000. So much later host 1 begins to read, and finds nothing.
    fn reads(later: i64, told: bool) -> Vec<Host<Event>> {
        let mut one = Host::new(0);
        one.event(1_000, Event::Wrote(stamp(50, 0)));
        let mut two = Host::new(1);
        if told {
            one.sent(1_001, 1, 10);
            two.received(HOUR + 1_000 + later, 0, 10);
        }
        one.received(5_000, 1, 11).sent(5_000, 1, 12);
        two.event(HOUR + 1_000 + later, Event::Began(7, NodeId(0))).sent(HOUR + 1_000 + later, 0, 11);
        two.received(HOUR + 9_000, 0, 12).event(HOUR + 9_000, Event::Done(7, None));
        vec![one, two]
    }

    #[test]
    fn a_read_must_not_miss_what_was_surely_written_before_it_began() {
        let of = ["stale reads", "reads of which it could not be told"];
        let found = |later: i64, told: bool, bearings: &Bearings| {
            counted(&judged_by(Workload::Restart, &[&reads(later, told)], &TERMS, bearings).row, of)
        };
        assert_eq!(found(200, false, &bearings()), [1, 0]);
        assert_eq!(found(50, false, &bearings()), [0, 1]);
        assert_eq!(found(-200, false, &bearings()), [0, 0]);
        assert_eq!(found(200, false, &Bearings::default()), [0, 1]);
        assert_eq!(found(200, true, &Bearings::default()), [1, 0], "a message proves it as well");
    }

    /// Host 0 stamps 50 at 1000; its nudge makes host 1 stamp 40 so much later. It waited a nanosecond there.
    fn touches(later: i64) -> Vec<Host<Stamped>> {
        let mut one = Host::new(0);
        one.commanded(1_000).event(1_000, Stamped(Touch(0), stamp(50, 0)));
        let mut two = Host::new(1);
        let at = HOUR + 1_000 + later;
        two.commanded(at).event(at, Stamped(Touch(1), stamp(40, 1)));
        vec![one, two]
    }

    #[test]
    fn an_anomaly_is_beyond_what_was_declared_only_if_the_nudge_surely_took_longer() {
        let of = ["anomalies beyond the declared eps", "anomalies of which it could not be told"];
        let found = |later: i64, bearings: &Bearings| {
            counted(&judged_by(Workload::Anomaly, &[&touches(later)], &TERMS, bearings).row, of)
        };
        assert_eq!(found(200, &bearings()), [1, 0], "98 ns at least, where clocks are to be within 50 ns");
        assert_eq!(found(120, &bearings()), [0, 1], "18 to 222 ns");
        assert_eq!(found(200, &Bearings::default()), [0, 1]);
        let row = judged_by(Workload::Anomaly, &[&touches(200)], &TERMS, &bearings()).row;
        let proved = row.check("eps proved by the slowest anomaly, ms").expect("a bound").measured;
        assert!((proved - 97e-6).abs() < 1e-9, "{proved}");
    }

    #[test]
    fn what_a_nudge_waited_at_its_receiver_proves_as_much_of_eps() {
        // The sixteenth nudge waits 1 + 50 x 15 / 10 = 76 ns: it took longer than that, whatever else is known.
        let mut hosts = touches(60);
        let number = 30;
        hosts[0] = Host::new(0);
        hosts[0].commanded(1_000).event(1_000, Stamped(Touch(number), stamp(50, 0)));
        let at = HOUR + 1_060;
        hosts[1] = Host::new(1);
        hosts[1].commanded(at).event(at, Stamped(Touch(number + 1), stamp(40, 1)));
        let row = judged_by(Workload::Anomaly, &[&hosts], &TERMS, &bearings()).row;
        assert_eq!(row.never().next(), Some(("anomalies beyond the declared eps", 1)));
    }
}
