//! What a channel beside the system sees: anomalies of stamps, commit wait, and reads that restart.

use std::collections::BTreeMap;

use super::figure::{mean_ms, ms};
use super::stage::{Delivery, Planned, Scene, Stage, World};
use super::terms::Terms;
use crate::ids::NodeId;
use crate::model::{Purpose, Rng};
use crate::order::Stamp;
use crate::order::report::StampSource;
use crate::time::{Nanos, Ppb, Time};
use crate::workload::anomaly::{self, Stamped, Touch, Witness};
use crate::workload::commit_wait::{CommitWait, Committed, Write, can_invert, least_latency, most_writes_per_s};
use crate::workload::restart::{self, Command, Database, restart_share};
use crate::workload::{Check, Entry, Relation, Row, What, predict, quantiles};

/// How many different nudges are tried.
const STEPS: u64 = 16;
/// What a write needs in the run where all want the same key.
const SERVICE: Nanos = Nanos::from_millis(1);
/// Writes in it.
const CROWD: u64 = 500;
/// Streams of draws for who comes after whom.
const FOLLOWERS: u64 = 1 << 21;

/// Who is nudged after event `number` of `node`.
fn follower(terms: &Terms, node: NodeId, number: u64) -> NodeId {
    terms.other(node, &mut Rng::stream(terms.seed, Purpose::Users, FOLLOWERS + number))
}

/// How long the nudge of an event waits.
pub(super) fn nudge(terms: &Terms, number: u64) -> Nanos {
    Nanos(1 + (i128::from(terms.eps.0) * i128::from(number / 2 % STEPS) / 10) as i64)
}

/// Nudges of different delays, from a nanosecond (so that no stamps tie) to one and a half times the clocks' spread. An even
/// number is an event, the odd one after it what its nudge made.
pub fn anomaly(stage: &mut impl Stage, terms: &Terms) -> Row {
    let events = terms.arrivals(terms.rate, 0).zip(0_u64..);
    let plan =
        events.map(|((at, mut rng), number)| Planned { at, node: terms.any(&mut rng), command: Touch(2 * number) });
    let witness = |me, _| Witness(terms.stamper(me));
    let end = terms.end(terms.eps.times(2));
    let follow = |entry: &Entry<Stamped>| {
        let What::Event(Stamped(Touch(number), _)) = entry.what else { return None };
        let node = follower(terms, entry.node, number);
        let command = Touch(number + 1);
        (number % 2 == 0).then(|| Planned { at: entry.at + nudge(terms, number), node, command })
    };
    let scene = Scene::new(&witness, plan.collect(), end, Delivery::Fifo);
    let log = stage.play(terms, Scene { nudge: Some(&follow), ..scene });
    let world = stage.world(terms);
    let (mut firsts, mut nudges) = (BTreeMap::new(), Vec::new());
    let (mut anomalies, mut beyond, mut slowest) = (0_u64, 0_u64, None);
    for (entry, Stamped(Touch(number), stamp)) in log.events() {
        firsts.insert(*number, (entry.at, *stamp));
        let Some((at, first)) = firsts.get(&number.wrapping_sub(1)).filter(|_| number % 2 == 1) else { continue };
        // How long the nudge really took.
        let nudge = entry.at - *at;
        nudges.push(nudge);
        if stamp <= first {
            anomalies += 1;
            slowest = slowest.max(Some(nudge));
            beyond += u64::from(nudge > terms.believed() + anomaly::TICK);
        }
    }
    nudges.sort_unstable();
    let pairs = nudges.len() as u64;
    let mut checks = Vec::new();
    if terms.stamps == StampSource::LamportLogical {
        // It depends on who had how many events before, and on nothing else.
        checks.push(Check::alone("anomalies, share of nudges", anomalies as f64 / pairs.max(1) as f64));
        beyond = 0;
    } else {
        let of = |lead: Nanos| nudges.partition_point(|nudge| *nudge <= lead) as f64 / pairs.max(1) as f64;
        let predicted = predict::mean_over_leads(&world.offsets, of);
        checks.push(Check::share("anomalies, share of nudges", (anomalies, pairs), Relation::About, predicted));
        let least = slowest.map_or(Nanos::ZERO, |nudge| anomaly::least_eps(nudge, Ppb(0)));
        checks.push(Check::at_most("eps proved by the slowest anomaly, ms", ms(least), ms(world.terms.eps)));
    }
    Row {
        operations: pairs,
        operation: "nudges",
        messages: Some(log.messages()),
        latency: None,
        violations: vec![("anomalies beyond the declared eps", beyond)],
        unfinished: Vec::new(),
        checks,
    }
}

/// Pairs of transactions of which a side channel starts the second as soon as the first is committed; and one key that
/// everybody wants.
pub fn commit_wait(stage: &mut impl Stage, terms: &Terms) -> Row {
    let half_width = terms.believed().over(2);
    let writes = terms.arrivals(terms.rate / 2.0, 0).zip(0_u64..);
    let plan: Vec<_> = writes
        .map(|((at, mut rng), number)| Planned { at, node: terms.any(&mut rng), command: Write(2 * number) })
        .collect();
    let owner = |me, _| CommitWait::new(me, half_width, Nanos::ZERO);
    let begun: BTreeMap<u64, Time<_>> = plan.iter().map(|plan| (plan.command.0, plan.at)).collect();
    let end = terms.end(terms.eps.times(4) + half_width.times(8) + Nanos::from_seconds(1));
    let follow = |entry: &Entry<Committed>| {
        let What::Event(Committed(Write(number), _)) = entry.what else { return None };
        let node = follower(terms, entry.node, number);
        (number % 2 == 0).then(|| Planned { at: entry.at, node, command: Write(number + 1) })
    };
    let scene = Scene::new(&owner, plan, end, Delivery::Fifo);
    let log = stage.play(terms, Scene { nudge: Some(&follow), ..scene });
    let crowded = crowded_key(stage, terms, half_width);
    let offsets = stage.world(terms).offsets;
    let mut stamps: BTreeMap<u64, Stamp> = BTreeMap::new();
    let (mut pairs, mut inverted, mut latencies) = (0_u64, 0_u64, Vec::new());
    for (entry, Committed(Write(number), stamp)) in log.events() {
        stamps.insert(*number, *stamp);
        latencies.extend(begun.get(number).map(|at| entry.at - *at));
        if let Some(first) = stamps.get(&number.wrapping_sub(1)).filter(|_| number % 2 == 1) {
            pairs += 1;
            inverted += u64::from(stamp.time <= first.time);
        }
    }
    let of = |lead| f64::from(u8::from(can_invert(lead, half_width, Nanos::ZERO, Nanos::ZERO)));
    let mut checks = vec![
        Check::at_least("latency of a write, mean ms", mean_ms(&latencies), ms(least_latency(half_width, Nanos::ZERO))),
        Check::at_most("writes/s of one key", crowded, most_writes_per_s(half_width, SERVICE)),
    ];
    let predicted = predict::mean_over_leads(&offsets, of);
    let name = "later transactions stamped earlier, share";
    checks.push(Check::share(name, (inverted, pairs), Relation::About, predicted));
    Row {
        operations: log.events().count() as u64,
        operation: "commits",
        messages: Some(log.messages()),
        latency: quantiles(latencies),
        violations: vec![("external consistency", inverted)],
        unfinished: Vec::new(),
        checks,
    }
}

/// Writes a second of a key that always has some waiting.
fn crowded_key(stage: &mut impl Stage, terms: &Terms, half_width: Nanos) -> f64 {
    let crowd = stage.fits(terms, CROWD, least_latency(half_width, SERVICE));
    let plan = (0..crowd).map(|number| Planned { at: Time::ZERO, node: NodeId(0), command: Write(number) }).collect();
    let owner = |me, _| CommitWait::new(me, half_width, SERVICE);
    let log = stage.play(terms, Scene::new(&owner, plan, Time::MAX, Delivery::Fifo));
    log.events().count() as f64 / log.span().as_seconds()
}

/// Half of the operations write keys, half read those of others.
pub fn restart(stage: &mut impl Stage, terms: &Terms) -> Row {
    let max_offset = terms.believed();
    let operations = terms.arrivals(terms.rate, 0).zip(0_u64..);
    let plan = operations.map(|((at, mut rng), number)| {
        let node = terms.any(&mut rng);
        let reads = rng.below(2) == 0;
        let command = if reads { Command::Read(number, terms.other(node, &mut rng)) } else { Command::Write };
        Planned { at, node, command }
    });
    let database = |me, _| Database::new(terms.stamper(me), max_offset);
    let end = terms.end(terms.longest_delay().times(100));
    let log = stage.play(terms, Scene::new(&database, plan.collect(), end, Delivery::Fifo));
    let World { terms: known, offsets, .. } = stage.world(terms);
    let found = restart::check(&log);
    let restarted = (found.restarted, found.reads);
    let writes_per_s = terms.rate / 2.0 / f64::from(terms.nodes);
    let latency = known.delay + known.jitter.over(2);
    let most = offsets.iter().max().copied().unwrap_or_default();
    let share = |skew: &dyn Fn(Nanos, Nanos) -> Nanos| {
        predict::mean_over_pairs(&offsets, |owner, reader| {
            restart_share(writes_per_s, max_offset, latency, skew(owner, reader))
        })
    };
    let mut checks = Vec::new();
    match terms.stamps {
        StampSource::LamportLogical => {}
        StampSource::Hlc => {
            // What they hear lifts readers and owners alike, up to the most advanced clock: towards the one bound or the other.
            let (least, name) = (share(&|owner, _| owner - most), "reads restarted, share");
            checks.push(Check::share(name, restarted, Relation::AtLeast, least));
            let (worst, name) = (share(&|_, reader| most - reader), "the same, if owners show the most advanced clock");
            checks.push(Check::share(name, restarted, Relation::AtMost, worst));
        }
        _ => {
            let (predicted, name) = (share(&|owner, reader| owner - reader), "reads restarted, share");
            checks.push(Check::share(name, restarted, Relation::About, predicted));
        }
    }
    let round_trip = ms(known.delay + known.delay);
    checks.push(Check::at_least("latency of a read, mean ms", mean_ms(&found.latencies), round_trip));
    Row {
        operations: found.reads,
        operation: "reads",
        messages: Some(log.messages()),
        latency: quantiles(found.latencies),
        violations: vec![("stale reads", found.stale)],
        unfinished: Vec::new(),
        checks,
    }
}
