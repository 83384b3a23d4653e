//! The host's own system clock, as its daemon keeps it: known at the instants at which it was read beside the local clock.

use std::collections::BTreeMap;

use super::run::{AgentRun, Span};
use super::track::Pieces;
use crate::affine::{Line, offset};
use crate::ids::NodeId;
use crate::node::Record;
use crate::node::record::SystemSample;
use crate::time::{Nanos, Ppb, Rate};

/// The fastest that a kernel slews its wall clock, with some room: 500 ppm by adjtimex, and the crystal itself.
const FASTEST_SLEW: Ppb = Ppb(1_000_000);
/// What reading two clocks one after the other leaves open beside the stated errors.
const READING_NOISE: Nanos = Nanos(2_000);

/// The clock as a function of the local clock: straight between neighbouring readings. Where two of them differ by more
/// than slewing explains the clock was set: it is taken to have run on evenly until the later one.
pub fn pieces(samples: &[SystemSample]) -> Pieces {
    let mut pieces = Pieces::default();
    for (index, sample) in samples.iter().enumerate() {
        let next = samples.get(index + 1).filter(|next| moved(sample, next).is_none());
        let rate = next.map_or(Rate::ZERO, |next| rate(sample, next));
        pieces.line(Line { start: sample.at, value: sample.reading, rate });
    }
    pieces
}

fn rate(from: &SystemSample, to: &SystemSample) -> Rate {
    let span = to.at - from.at;
    let gained = (to.reading - from.reading) - span;
    if span > Nanos::ZERO { Rate::from_ratio(gained.0 as f64 / span.0 as f64) } else { Rate::ZERO }
}

/// By how much a clock moved against the local one between two readings, beyond what slewing explains.
pub fn moved(from: &SystemSample, to: &SystemSample) -> Option<Nanos> {
    let gained = offset(to.reading, to.at) - offset(from.reading, from.at);
    let allowed = Rate::from_ppb(FASTEST_SLEW).over(to.at - from.at) + from.error + to.error + READING_NOISE;
    (gained.abs() > allowed).then_some(gained)
}

/// Whose system clock was set while it was watched, and by how much at most.
pub fn set(spans: &BTreeMap<NodeId, Span<'_>>) -> Vec<String> {
    let say = |(node, span): (&NodeId, &Span<'_>)| {
        let samples = samples(span.run);
        let steps: Vec<Nanos> = samples.windows(2).filter_map(|pair| moved(&pair[0], &pair[1])).collect();
        let largest = steps.iter().map(|step| step.abs()).max()?;
        Some(format!("node {node}: its system clock was set {} times, by up to {largest}", steps.len()))
    };
    spans.iter().filter_map(say).collect()
}

fn samples(run: &AgentRun) -> Vec<SystemSample> {
    let sample = |record: &Record| if let Record::System(sample) = record { Some(*sample) } else { None };
    run.records().filter_map(sample).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Time;

    fn sample(at: i64, reading: i64) -> SystemSample {
        SystemSample { at: Time::from_nanos(at), reading: Time::from_nanos(reading), error: Nanos(30) }
    }

    #[test]
    fn between_two_readings_the_clock_is_straight() {
        let pieces = pieces(&[sample(0, 1_000), sample(100_000_000, 100_011_000)]);
        for (at, reading) in [(0, 1_000), (50_000_000, 50_006_000), (100_000_000, 100_011_000)] {
            let found = pieces.at(Time::from_nanos(at)).as_nanos();
            assert!((found - reading).abs() <= 1, "{at}: {found}");
        }
    }

    #[test]
    fn a_clock_that_was_set_runs_on_until_it_is_seen_to_be() {
        let samples = [sample(0, 0), sample(100_000_000, 5_100_000_000), sample(200_000_000, 5_200_000_000)];
        assert_eq!(moved(&samples[0], &samples[1]), Some(Nanos(5_000_000_000)));
        assert_eq!(moved(&samples[1], &samples[2]), None);
        let pieces = pieces(&samples);
        assert_eq!(pieces.at(Time::from_nanos(99_999_999)).as_nanos(), 99_999_999);
        assert_eq!(pieces.at(Time::from_nanos(100_000_000)).as_nanos(), 5_100_000_000);
    }

    #[test]
    fn no_readings_make_no_trouble() {
        assert_eq!(pieces(&[]), Pieces::default());
        let hostile = [sample(i64::MAX, i64::MIN), sample(i64::MIN, i64::MAX)];
        assert!(moved(&hostile[0], &hostile[1]).is_some());
        let _ = pieces(&hostile);
    }
}
