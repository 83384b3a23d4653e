//! Texts that people, labs and daemons write: topology files, spans, control lines, configurations, claims, manifests and
//! timestamps to replay; and the file that ClockBound shares.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skewbench::host::claims::{chrony, clockbound};
use skewbench::host::control::{FromAgent, FromCollector, ToAgent, ToCollector};
use skewbench::host::manifest::Manifest;
use skewbench::host::{agent, reporting, settings};
use skewbench::ids::Algorithm;
use skewbench::model::Oscillator;
use skewbench::model::oscillator::Declaration;
use skewbench::order::report::Phase;
use skewbench::order::schedule::Schedule;
use skewbench::probe::Key;
use skewbench::replay::{self, Format, table};
use skewbench::sim::Scenario;
use skewbench::time::{Nanos, Ppb, Time};
use skewbench::topology::{Impairment, Topology};
use skewbench_fuzz::{Bytes, seeds};

fuzz_target!(init: seeds::write("text"), |data: &[u8]| {
    let mut bytes = Bytes(data);
    let kind = bytes.byte().wrapping_sub(b'0') % 7;
    if kind == 5 {
        return shared(bytes);
    }
    let Ok(text) = std::str::from_utf8(bytes.0) else { return };
    match kind {
        0 => topology(text),
        1 => words(text),
        2 => control(text),
        4 => claims(text),
        6 => recording(text),
        _ => configuration(text),
    }
});

/// What daemons and tools print, and manifests.
fn claims(text: &str) {
    if let Some(said) = chrony::parse(text) {
        assert!(said.error_bound >= Nanos::ZERO);
    }
    if let Ok(manifest) = Manifest::parse(text.as_bytes()) {
        assert_eq!(Manifest::parse(&manifest.to_bytes()), Ok(manifest), "what is read is written again");
    }
}

/// Stamps and logs that are replayed, as whatever they look like and as each format.
fn recording(text: &str) {
    for format in Format::ALL.map(Some).into_iter().chain([None]) {
        let Ok(recording) = replay::read("fuzzed", text, format) else { continue };
        let judged = replay::judge(&recording, Ppb(100_000), |_| ());
        assert!(judged.iter().map(|judged| judged.samples).sum::<usize>() <= recording.rows());
        let rows = judged.iter().map(|judged| judged.outcomes.len()).sum::<usize>() + recording.claims.len();
        assert_eq!(table::csv(&recording, &judged).lines().count(), 1 + rows, "a row is a line");
        let _ = table::text(&recording, &judged, Ppb(100_000));
    }
}

/// The file that ClockBound's daemon shares, with its beginning made right.
fn shared(mut bytes: Bytes<'_>) {
    let now = Nanos(bytes.whole());
    let mut near = [0x414D_5A4E_u32, 0x4342_0200, 80].map(u32::to_ne_bytes).concat();
    near.extend_from_slice(bytes.0);
    for bytes in [bytes.0, &near] {
        if let Some(said) = clockbound::parse(bytes, now) {
            assert!(said.error_bound >= Nanos::ZERO);
        }
    }
}

fn topology(text: &str) {
    for nodes in [0, 3, 64, u32::MAX] {
        if let Ok(topology) = Topology::parse("fuzzed", text, nodes, Impairment::default()) {
            assert!(topology.diameter().is_some() && topology.nodes() == nodes);
            assert!(topology.arcs().all(|(arc, _)| arc.from != arc.to && arc.to.0 < nodes));
        }
    }
}

fn words(text: &str) {
    if let Ok(span) = text.parse::<Nanos>() {
        assert_eq!(String::from(span).parse(), Ok(span), "the exact form comes back");
        let _ = span.to_string();
    }
    let _ = (text.parse::<Algorithm>(), Key::from_hex(text));
}

fn control(text: &str) {
    if let Ok(ToAgent::Setup(setup)) = serde_json::from_str(text) {
        setup.oscillator.iter().for_each(oscillate);
    }
    if let Ok(ToAgent::Phase(phase)) = serde_json::from_str(text) {
        plan(&phase);
    }
    let _ = (serde_json::from_str::<FromAgent>(text), serde_json::from_str::<ToCollector>(text));
    let _ = serde_json::from_str::<FromCollector>(text);
}

fn oscillate(declared: &Declaration) {
    let mut oscillator = Oscillator::new(declared.clone(), skewbench::ids::NodeId(1));
    let near = Time::from_nanos(declared.epoch_ns) + Nanos::from_seconds(100);
    let reading = oscillator.local(near);
    let _ = oscillator.true_time(reading);
}

fn plan(phase: &Phase) {
    if let Some(schedule) = Schedule::of(phase, Time::ZERO) {
        let _ = (schedule.due(Time::MAX), schedule.intended(schedule.total()), schedule.intended(u64::MAX));
    }
}

/// Every type that is read from a file that people write.
fn configuration(text: &str) {
    if let Ok(settings) = settings::parse::<agent::config::Settings>(text) {
        let _ = settings.check();
    }
    if let Ok(settings) = settings::parse::<reporting::config::Settings>(text) {
        let _ = settings.check();
    }
    let _ = Scenario::parse(text);
}
