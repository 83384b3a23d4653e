//! Which features of the simulator, the clocks and the analysis a scenario really exercised.

use std::collections::BTreeSet;

use super::{Seen, laws};
use crate::analysis::Verdict;
use crate::clock::ClockEvent;
use crate::ids::Algorithm;
use crate::model::jitter::Jitter;
use crate::node::{Counter, Record};
use crate::sim::scenario::{Event, Link, Runaway, Stamping};
use crate::time::Nanos;

/// A feature and how it is recognised.
type Feature = (&'static str, fn(&Seen<'_>) -> bool);

/// So many seeds in a row exercise every feature, or the swarm is too tame.
pub const ENOUGH: u64 = 300;

/// Every feature, in the order in which the table shows them.
const FEATURES: &[Feature] = &[
    ("topology full", |seen| seen.scenario.topology.name() == "full"),
    ("topology ring", |seen| seen.scenario.topology.name() == "ring"),
    ("topology line", |seen| seen.scenario.topology.name() == "line"),
    ("topology star", |seen| seen.scenario.topology.name() == "star"),
    ("topology tree", |seen| seen.scenario.topology.name() == "tree"),
    ("topology grid", |seen| seen.scenario.topology.name() == "grid"),
    ("topology random-regular", |seen| seen.scenario.topology.name() == "random-regular"),
    ("topology islands", |seen| seen.scenario.topology.name() == "islands"),
    ("topology edges", |seen| seen.scenario.topology.name() == "edges"),
    ("jitter constant", |seen| matches!(seen.scenario.links.jitter, Jitter::Constant { .. })),
    ("jitter uniform", |seen| matches!(seen.scenario.links.jitter, Jitter::Uniform { .. })),
    ("jitter exponential", |seen| matches!(seen.scenario.links.jitter, Jitter::Exponential { .. })),
    ("jitter gamma", |seen| matches!(seen.scenario.links.jitter, Jitter::Gamma { .. })),
    ("jitter log-normal", |seen| matches!(seen.scenario.links.jitter, Jitter::LogNormal { .. })),
    ("jitter pareto", |seen| matches!(seen.scenario.links.jitter, Jitter::Pareto { .. })),
    ("link asymmetry", |seen| link(seen, |link| link.asymmetry != Nanos::ZERO)),
    ("link bursts", |seen| link(seen, |link| link.bursts.is_some())),
    ("link queue", |seen| link(seen, |link| link.queue.is_some())),
    ("link loss", |seen| link(seen, |link| link.loss_share > 0.0)),
    ("link duplication", |seen| link(seen, |link| link.duplicate_share > 0.0)),
    ("link credit", |seen| link(seen, |link| link.mu > Nanos::ZERO)),
    ("link credit too large", |seen| seen.scenario.runaway == Runaway::Shown),
    ("link of its own", |seen| !seen.scenario.own_links.is_empty()),
    ("clock drift", |seen| seen.scenario.oscillators.drift_within_ppm > 0.0),
    ("clock wander", |seen| seen.scenario.oscillators.wander_ppb_per_sqrt_s > 0.0),
    ("clock temperature", |seen| seen.scenario.oscillators.temperature.is_some()),
    ("clock of its own", |seen| !seen.scenario.own_oscillators.is_empty()),
    ("stamps of the kernel", |seen| seen.scenario.stamps.by == Stamping::Kernel),
    ("stamps of the program", |seen| seen.scenario.stamps.by == Stamping::User),
    ("stamps with noise", |seen| seen.scenario.stamps.noise > Nanos::ZERO),
    ("receipt late", |seen| seen.scenario.stamps.wait_within > Nanos::ZERO),
    ("coded pairs", |seen| seen.scenario.probe_pairs.is_some()),
    ("event crash", |seen| event(seen, |event| matches!(event, Event::Crash { restart: None, .. }))),
    ("event crash and restart", |seen| event(seen, |event| matches!(event, Event::Crash { restart: Some(_), .. }))),
    ("event suspend", |seen| event(seen, |event| matches!(event, Event::Suspend { .. }))),
    ("event frequency-step", |seen| event(seen, |event| matches!(event, Event::FrequencyStep { .. }))),
    ("event clock-step", |seen| event(seen, |event| matches!(event, Event::ClockStep { .. }))),
    ("event stuck-clock", |seen| event(seen, |event| matches!(event, Event::StuckClock { .. }))),
    ("event racing-clock", |seen| event(seen, |event| matches!(event, Event::RacingClock { .. }))),
    ("event two-faced-clock", |seen| event(seen, |event| matches!(event, Event::TwoFacedClock { .. }))),
    ("event partition", |seen| event(seen, |event| matches!(event, Event::Partition { .. }))),
    ("event route", |seen| event(seen, |event| matches!(event, Event::Route { .. }))),
    ("event loss", |seen| event(seen, |event| matches!(event, Event::Loss { .. }))),
    ("no event", |seen| seen.scenario.events.is_empty()),
    ("verdict WITHIN", |seen| seen.summary.verdict == Verdict::Within),
    ("verdict VIOLATED", |seen| seen.summary.verdict == Verdict::Violated),
    ("verdict UNKNOWN", |seen| seen.summary.verdict == Verdict::Unknown),
    ("note: credits exceed delays", |seen| note(seen, "were credited more than their delay")),
    ("note: a clock jumped", |seen| note(seen, "its local clock jumped")),
    ("note: a clock stood still", |seen| note(seen, "its local clock stood still")),
    ("note: a clock may drift too much", |seen| note(seen, "its clock may drift")),
    ("note: a sender lied", |seen| note(seen, "told another reading")),
    ("note: messages did not lift a clock", |seen| note(seen, "did not lift its lamport clock")),
    ("note: restarted", |seen| note(seen, "(restarted?)")),
    ("note: fell silent", |seen| note(seen, "fell silent")),
    ("note: no bound", |seen| note(seen, "no bound:")),
    ("note: no window", |seen| note(seen, "no window:")),
    ("note: a silent arc", |seen| note(seen, "no message arrived over")),
    ("note: ntp not yet steady", |seen| note(seen, "until they are steady")),
    ("counter reordered", |seen| counted(seen, Counter::Reordered)),
    ("counter replayed", |seen| counted(seen, Counter::Replayed)),
    ("counter implausible_claim", |seen| counted(seen, Counter::Implausible)),
    ("counter unasked_reply", |seen| counted(seen, Counter::Unasked)),
    ("counter unanswered_request", |seen| counted(seen, Counter::Unanswered)),
    ("counter user_stamped_exchange", |seen| counted(seen, Counter::UserStamped)),
    ("counter missed_slots", |seen| counted(seen, Counter::MissedSlots)),
    ("counter hlc_refused", |seen| counted(seen, Counter::HlcRefused)),
    ("counter negative_delay", |seen| counted(seen, Counter::NegativeDelay)),
    ("ntp follows", |seen| happened(seen, ClockEvent::Follows)),
    ("ntp took over", |seen| happened(seen, ClockEvent::TookOver)),
    ("ntp lost its reference", |seen| happened(seen, ClockEvent::LostReference)),
    ("ntp disciplined", |seen| happened(seen, ClockEvent::Disciplined)),
    ("hlc ahead of its clock", |seen| record(seen, |record| matches!(record, Record::Ahead(..)))),
    ("replay held against the run", |seen| seen.lives.iter().all(|life| !life.2.is_ambiguous)),
    ("ntp's own bound held against truth", |seen| laws::claimed(seen).is_some()),
    ("lamport lifted", |seen| record(seen, |record| matches!(record, Record::Changed(Algorithm::Lamport, _)))),
];

/// The names of all features.
pub fn names() -> impl Iterator<Item = &'static str> {
    FEATURES.iter().map(|(name, _)| *name)
}

/// The features that a trial exercised.
pub(super) fn of(seen: &Seen<'_>) -> BTreeSet<&'static str> {
    FEATURES.iter().filter(|(_, is_seen)| is_seen(seen)).map(|(name, _)| *name).collect()
}

fn link(seen: &Seen<'_>, has: fn(&Link) -> bool) -> bool {
    has(&seen.scenario.links) || seen.scenario.wan.as_ref().is_some_and(has)
}

fn event(seen: &Seen<'_>, is: fn(&Event) -> bool) -> bool {
    seen.scenario.events.iter().any(is)
}

fn note(seen: &Seen<'_>, words: &str) -> bool {
    seen.summary.notes.iter().any(|note| note.contains(words))
}

fn counted(seen: &Seen<'_>, counter: Counter) -> bool {
    seen.runs.iter().any(|run| run.counters().contains_key(counter.name()))
}

fn record(seen: &Seen<'_>, is: impl Fn(&Record) -> bool) -> bool {
    seen.runs.iter().flat_map(|run| run.records()).any(is)
}

fn happened(seen: &Seen<'_>, what: ClockEvent) -> bool {
    record(
        seen,
        |record| matches!(record, Record::Changed(_, change) if change.event.is_some_and(|(event, _)| event == what)),
    )
}
