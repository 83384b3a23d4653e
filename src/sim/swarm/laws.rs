//! What must be true of every scenario, whatever happens in it.

use std::collections::{BTreeMap, BTreeSet};

use super::Seen;
use super::causality::{Life, broken_theorems};
use crate::affine::Line;
use crate::analysis::{AgentRun, Verdict};
use crate::clock::ClockEvent;
use crate::ids::{Algorithm, Arc, BootId, NodeId};
use crate::model::oscillator::Happening;
use crate::node::replay::{Message, difference};
use crate::node::{Counter, Record, Replay};
use crate::probe::Claims;
use crate::sim::scenario::{Event, Runaway};
use crate::time::{Local, Nanos, Synced, Time};

/// What integer readings on both sides leave open.
const GRAIN: Nanos = Nanos(4);
/// A clock that is stuck runs at a thousandth of its rate: what it shows to the nanosecond leaves open a microsecond.
const STUCK_GRAIN: Nanos = Nanos::from_micros(2);
/// So much of the time the NTP-style clocks' own bounds hold where they must.
const CLAIMED: f64 = 0.9999;
/// Claims further off than this are refused in scenarios that say so, and then premises fail.
const GENEROUS: Nanos = Nanos::from_seconds(100);
/// How long an open request can wait, beside two periods.
const OPEN: Nanos = Nanos::from_millis(2_010);
/// What nobody does in a simulated network.
const NEVER: [Counter; 10] = [
    Counter::BadLength,
    Counter::BadMagic,
    Counter::BadVersion,
    Counter::ForeignCluster,
    Counter::BadMac,
    Counter::BadField,
    Counter::NotForMe,
    Counter::UnknownPeer,
    Counter::Overflow,
    Counter::HlcBroken,
];

/// The laws that are broken, in words.
pub fn broken(seen: &Seen<'_>) -> Vec<String> {
    let lives = seen.lives;
    let mut broken = verdict(seen);
    broken.extend(named(seen));
    broken.extend(figures(seen));
    broken.extend(looked_at(seen));
    broken.extend(claims(seen));
    for (run, life) in seen.runs.iter().zip(lives) {
        broken.extend(counters(run).into_iter().chain(never_back(run)).map(|what| format!("node {}: {what}", life.0)));
    }
    broken.extend(messages(seen));
    // Where a slot and a receipt share an instant nobody can tell which came first.
    if lives.iter().all(|life| !life.2.is_ambiguous) {
        let differ = |(run, life): (&AgentRun, &Life)| difference(&life.2, run.records());
        broken.extend(seen.runs.iter().zip(lives).filter_map(differ).map(|what| format!("replay: {what}")));
        broken.extend(told(seen, lives));
        broken.extend(broken_theorems(lives));
    }
    broken
}

/// The run replayed from its journal.
pub fn replayed(run: &AgentRun) -> Life {
    let (header, config) = (&run.header, &run.header.run);
    let settings = header.clock_settings();
    (header.node, header.boot, Replay::of(header.clocks, &settings, config.plausible, run.records()))
}

/// The verdict is never VIOLATED while the premises hold, and says what was measured.
fn verdict(seen: &Seen<'_>) -> Vec<String> {
    let (summary, mut broken) = (seen.summary, Vec::new());
    // An l that comes from a lie was on no clock.
    let lied = seen.scenario.events.iter().any(|event| liar(event).is_some());
    let wrong = |note: &&String| note.contains("this program is wrong") || !lied && note.starts_with("theorem failed");
    broken.extend(summary.notes.iter().filter(wrong).cloned());
    let blames = summary.notes.iter().find(|note| note.starts_with("premise failed"));
    if premises_hold(seen) {
        broken.extend(blames.map(|note| format!("no premise fails, and yet: {note}")));
        broken.extend((summary.verdict == Verdict::Violated).then(|| "VIOLATED, and no premise fails".to_owned()));
    }
    let eps = summary.row(Algorithm::Lamport).and_then(|row| row.skew).map(|skew| skew.max);
    let within = eps.zip(summary.promise.as_ref()).map(|(eps, promise)| eps <= promise.bounds.safe);
    let expected = within.map_or(Verdict::Unknown, |within| if within { Verdict::Within } else { Verdict::Violated });
    if summary.verdict != expected {
        broken.push(format!("verdict {} for {}", summary.verdict.name(), expected.name()));
    }
    broken
}

/// Whether the NTP-style clocks' own bounds must hold: they assume that no clock goes wrong by more than 15 ppm, that nothing
/// happens, and that the reference is heard. Where messages are lost until another node stands in for it, what is claimed is
/// the distance from that one.
fn warrants_claims(seen: &Seen<'_>) -> bool {
    let scenario = seen.scenario;
    let oscillators = &scenario.oscillators;
    let relative_ppm = 2.0 * (oscillators.drift_within_ppm + oscillators.wander_limit_ppm);
    let is_calm = premises_hold(seen) && scenario.events.is_empty() && oscillators.temperature.is_none();
    let stands_in = |record: &Record| match record {
        Record::Changed(_, change) => change.event.is_some_and(|(event, _)| event == ClockEvent::TookOver),
        _ => false,
    };
    is_calm && relative_ppm <= 15.0 && !seen.runs.iter().flat_map(AgentRun::records).any(stands_in)
}

/// For how much of the time the NTP-style clocks' own bounds held, where they must and where it is known.
pub fn claimed(seen: &Seen<'_>) -> Option<f64> {
    seen.summary.row(Algorithm::Ntp)?.coverage.filter(|_| warrants_claims(seen))
}

/// The NTP-style clocks' own bounds hold where they must.
fn claims(seen: &Seen<'_>) -> Option<String> {
    let coverage = claimed(seen)?;
    (coverage < CLAIMED).then(|| format!("ntp's own bound holds for {coverage:.4} of the time"))
}

/// Whether nothing happens in the scenario that voids the theorem.
fn premises_hold(seen: &Seen<'_>) -> bool {
    let harmless = |event: &Event| {
        matches!(
            event,
            Event::Crash { .. }
                | Event::FrequencyStep { .. }
                | Event::Partition { .. }
                | Event::Route { .. }
                | Event::Loss { .. }
        )
    };
    let scenario = seen.scenario;
    scenario.runaway == Runaway::Refused && scenario.plausible > GENEROUS && scenario.events.iter().all(harmless)
}

/// The notes name every clock that did what no clock may.
fn named(seen: &Seen<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    let mut demand = |node: u32, words: &str| {
        let start = format!("premise failed: node {node}: its");
        if !seen.summary.notes.iter().any(|note| note.starts_with(&start) && note.contains(words)) {
            broken.push(format!("no note says that node {node}'s clock {words}"));
        }
    };
    for run in seen.runs {
        let turns = run.header.oscillator.iter().flat_map(|declared| &declared.turns);
        for turn in turns.filter(|turn| turn.after < seen.scenario.duration) {
            match turn.what {
                Happening::Step(_) => demand(run.header.node.0, "jumped"),
                Happening::Stop => demand(run.header.node.0, "stood still"),
                Happening::Drift(rate) if rate.abs() > run.header.kappa_ppb => demand(run.header.node.0, "may drift"),
                Happening::Drift(_) => {}
            }
        }
    }
    broken
}

/// p50 ≤ p99 ≤ max, and no mean difference exceeds the largest one.
fn figures(seen: &Seen<'_>) -> Vec<String> {
    let odd = |row: &&crate::analysis::summary::Row| {
        row.skew.is_some_and(|skew| skew.p50 > skew.p99 || skew.p99 > skew.max || skew.bias.abs() > skew.max + GRAIN)
    };
    seen.summary.rows.iter().filter(odd).map(|row| format!("{}: {:?}", row.algorithm, row.skew)).collect()
}

/// No clock was ever seen further from another than the analysis says. Where a node died the window is another.
fn looked_at(seen: &Seen<'_>) -> Vec<String> {
    if seen.scenario.events.iter().any(|event| matches!(event, Event::Crash { .. })) {
        return Vec::new();
    }
    let margin = Nanos::from_micros(1);
    let (from, until) = (seen.summary.warm_up.unwrap_or_default() + margin, seen.scenario.duration - margin);
    let mut worst: BTreeMap<Algorithm, Nanos> = BTreeMap::new();
    for sample in seen.watched.samples.iter().filter(|sample| (from..until).contains(&(sample.at - Time::ZERO))) {
        let worst = worst.entry(sample.algorithm).or_default();
        *worst = (*worst).max(sample.spread);
    }
    let is_stuck = seen.scenario.events.iter().any(|event| matches!(event, Event::StuckClock { .. }));
    let grain = if is_stuck { STUCK_GRAIN } else { GRAIN };
    let exceeds = |(algorithm, looked): (Algorithm, Nanos)| {
        let said = seen.summary.row(algorithm)?.skew?.max;
        (looked > said + grain).then(|| format!("{algorithm}: eps is {looked:?}, the analysis says {said:?}"))
    };
    worst.into_iter().filter_map(exceeds).collect()
}

/// Every request became an exchange, was counted as given up, or can still be open.
fn counters(run: &AgentRun) -> Vec<String> {
    let counted = run.counters();
    let count = |counter: Counter| counted.get(counter.name()).copied().unwrap_or(0);
    let of = |is: fn(&Record) -> bool| run.records().filter(|record| is(record)).count() as u64;
    let asked = of(|record| matches!(record, Record::Sent(sent) if sent.due.is_some()));
    let settled = of(|record| matches!(record, Record::Exchanged(..))) + count(Counter::Unanswered);
    let tau = run.header.run.tau;
    let peers = run.header.run.arcs.iter().filter(|(arc, _)| arc.to == run.header.node).count() as u64;
    // A pair is two requests of one slot.
    let requests = 1 + u64::from(run.header.run.probe_pairs.is_some());
    let open = peers * requests * ((OPEN.max(tau.times(2)) + tau.times(2)).0 / tau.0.max(1) + 3).unsigned_abs();
    let mut broken: Vec<String> =
        NEVER.into_iter().filter(|never| count(*never) > 0).map(|never| format!("counted {}", never.name())).collect();
    if settled > asked || asked - settled > open {
        broken.push(format!("{asked} requests, {settled} settled, at most {open} can be open"));
    }
    broken
}

/// Lamport's clocks never go back.
fn never_back(run: &AgentRun) -> Option<String> {
    let lines = run.records().filter_map(|record| match record {
        Record::Changed(Algorithm::Lamport, change) => Some((change.reading.line, change.stepped)),
        _ => None,
    });
    let goes_on = |before: &Line<Local, Synced>, next: &Line<Local, Synced>, stepped| {
        let expected = before.at(next.start);
        if stepped { next.value > expected } else { next.value == expected }
    };
    let mut pairs = lines.clone().zip(lines.skip(1));
    pairs
        .find(|((one, _), (next, stepped))| !goes_on(one, next, *stepped))
        .map(|pair| format!("lamport went back, or stepped and did not say so: {pair:?}"))
}

/// Messages of an arc are numbered without gaps, and what was received was sent, and is taken once by each boot.
fn messages(seen: &Seen<'_>) -> Vec<String> {
    let mut sent: BTreeMap<(BootId, Arc), u64> = BTreeMap::new();
    let mut broken = Vec::new();
    for run in seen.runs {
        for record in run.records() {
            let Record::Sent(message) = record else { continue };
            let arc = Arc { from: run.header.node, to: message.to };
            let last = sent.entry((run.header.boot, arc)).or_default();
            if message.sequence != *last + 1 {
                broken.push(format!("arc {arc}: message {} follows {last}", message.sequence));
            }
            *last = message.sequence;
        }
    }
    for run in seen.runs {
        let mut taken = BTreeSet::new();
        for record in run.records() {
            let Record::Received(heard) = record else { continue };
            let arc = Arc { from: heard.from, to: run.header.node };
            let known = sent.get(&(heard.boot, arc)).is_some_and(|last| (1..=*last).contains(&heard.sequence));
            if !known || !taken.insert((heard.boot, arc, heard.sequence)) {
                broken.push(format!("arc {arc}: message {} was not sent, or is taken twice", heard.sequence));
            }
        }
    }
    broken.truncate(5);
    broken
}

/// What a message claims is what its sender's clocks showed: replayed and online to the bit. Where a liar's message claims
/// something else, a note names it, unless its node has several lives, of which one is analysed.
fn told(seen: &Seen<'_>, lives: &[Life]) -> Vec<String> {
    let liars: BTreeSet<NodeId> = seen.scenario.events.iter().filter_map(liar).collect();
    let lived_once = seen.runs.iter().map(|run| run.header.node).collect::<BTreeSet<_>>().len() == seen.runs.len();
    let is_named = |arc: Arc| {
        let start = format!("premise failed: arc {arc}: ");
        seen.summary.notes.iter().any(|note| note.starts_with(&start) && note.contains("told another reading"))
    };
    let mut broken = Vec::new();
    for (arc, count) in differing(seen, lives) {
        if !liars.contains(&arc.from) {
            broken.push(format!("arc {arc}: {count} messages claim other readings than the replay has"));
        } else if lived_once && !is_named(arc) {
            broken.push(format!("arc {arc}: no note says that {count} messages lied"));
        }
    }
    broken
}

/// How many messages of each arc claim something else than the replay of their sender.
fn differing(seen: &Seen<'_>, lives: &[Life]) -> BTreeMap<Arc, u64> {
    let mut claims: BTreeMap<(BootId, Arc, u64), Claims> = BTreeMap::new();
    for (node, boot, replay) in lives {
        for event in &replay.events {
            if let Message::Sent(sent, claimed) = &event.message {
                claims.insert((*boot, Arc { from: *node, to: sent.to }, sent.sequence), claimed.clone());
            }
        }
    }
    let mut differing = BTreeMap::new();
    for run in seen.runs {
        for record in run.records() {
            let Record::Received(heard) = record else { continue };
            let arc = Arc { from: heard.from, to: run.header.node };
            let made = claims.get(&(heard.boot, arc, heard.sequence));
            if made.is_some_and(|made| heard.claims.iter().any(|(by, claim)| made.of(by) != Some(claim))) {
                *differing.entry(arc).or_default() += 1;
            }
        }
    }
    differing
}

const fn liar(event: &Event) -> Option<NodeId> {
    if let Event::TwoFacedClock { node, .. } = event { Some(NodeId(*node)) } else { None }
}
