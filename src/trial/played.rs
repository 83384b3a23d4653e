//! What a workload came to, as a journal keeps it.

use serde::{Deserialize, Serialize};

use super::{Clock, Terms, Workload};
use crate::hex;
use crate::time::Nanos;
use crate::workload::Row;

/// One run of one workload by one clock.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Played {
    /// What was played.
    pub workload: Workload,
    /// What stamps were made of.
    pub clock: Clock,
    /// What it was told.
    pub terms: Terms,
    /// The same with eps, delay and jitter as they were, where true time is known.
    pub seen: Option<Terms>,
    /// What carried the messages.
    pub transport: String,
    /// Cores of the host, where that matters.
    pub cores: Option<u32>,
    /// Most messages in one write, where there are writes.
    pub batch: Option<u32>,
    /// CPU time of what played the processes, where that costs any.
    pub cpu: Option<Nanos>,
    /// What of that which the workload was told was not so.
    pub premises: Vec<String>,
    /// Measured beside predicted.
    pub row: Row<String>,
}

/// A part of what one process did in a main scene of a workload, as its agent wrote it down: traces of hosts of their own
/// meet in their journals.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Part {
    /// Number of the scene among all of the run.
    pub scene: u16,
    /// Which scene of its trial it is, from zero.
    #[serde(default)]
    pub place: u16,
    /// When it began on the agent's local clock, in ns; not known of journals before this was written down.
    #[serde(default)]
    pub began_ns: Option<i64>,
    /// What was played.
    pub workload: Workload,
    /// What stamps were made of.
    pub clock: Clock,
    /// What it was told.
    pub terms: Terms,
    /// Most messages in one write.
    pub batch: u32,
    /// CPU time of the thread that played the whole scene.
    pub cpu: Nanos,
    /// Which part it is, from zero.
    pub part: u32,
    /// Of how many.
    pub of: u32,
    /// The records as bytes ([`crate::workload::trace`]), in hexadecimal.
    pub records: String,
}

impl Part {
    /// The parts of a trace: `whole` without records, and with each of them a part of `trace`.
    pub fn of(whole: &Self, trace: &[u8]) -> Vec<Self> {
        let chunks: Vec<&[u8]> = trace.chunks(PART_BYTES).collect();
        let of = chunks.len().max(1) as u32;
        let chunks = chunks.into_iter().chain(trace.is_empty().then_some(trace));
        let part = |(part, bytes): (u32, &[u8])| Self { part, of, records: hex::text(bytes), ..whole.clone() };
        (0..).zip(chunks).map(part).collect()
    }

    /// The trace whose parts these are, in any order; `None` if one is missing or is no part of it.
    pub fn join(parts: &[&Self]) -> Option<Vec<u8>> {
        let of = parts.first()?.of;
        let mut parts: Vec<&&Self> = parts.iter().collect();
        parts.sort_by_key(|part| part.part);
        let whole = parts.len() as u64 == u64::from(of) && (0..).zip(&parts).all(|(place, part)| part.part == place);
        let bytes = parts.iter().map(|part| hex::bytes(part.records.as_bytes())).collect::<Option<Vec<_>>>()?;
        whole.then(|| bytes.concat())
    }
}

/// A part has no more bytes.
const PART_BYTES: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::testing::TERMS;

    fn part() -> Part {
        let (workload, clock) = (Workload::StateMachine, Clock::Hlc);
        Part {
            scene: 1,
            place: 0,
            began_ns: Some(5),
            workload,
            clock,
            terms: TERMS,
            batch: 1,
            cpu: Nanos(1),
            part: 0,
            of: 1,
            records: String::new(),
        }
    }

    #[test]
    fn a_trace_comes_back_from_its_parts_and_never_from_some_of_them() {
        let trace: Vec<u8> = (0..PART_BYTES * 2 + 7).map(|byte| (byte * 31 % 251) as u8).collect();
        let parts = Part::of(&part(), &trace);
        let mut some: Vec<&Part> = parts.iter().rev().collect();
        assert_eq!((parts.len(), Part::join(&some)), (3, Some(trace)));
        some.pop();
        assert_eq!(Part::join(&some), None);
        assert_eq!(Part::join(&Part::of(&part(), &[]).iter().collect::<Vec<_>>()), Some(Vec::new()));
        assert_eq!(Part::join(&[&Part { records: "0g".to_owned(), ..part() }]), None);
        assert_eq!(Part::join(&[&Part { records: "0".to_owned(), ..part() }]), None);
    }
}
