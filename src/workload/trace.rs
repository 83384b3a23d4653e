//! What one process did, written down where it did it, and how the traces of all become one log.
//!
//! A trace is its records one after the other, so that what a process wrote before it was killed can still be read. Vector
//! clocks are not in it: they follow from the traces of all.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::vec::IntoIter;

use super::wire::Wire;
use super::{Entry, Log, What};
use crate::ids::NodeId;
use crate::time::{Synced, Time, True};

/// One thing that the process did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record<E> {
    /// When, counted from the beginning of the scene.
    pub at: Time<True>,
    /// What its clock showed.
    pub reading: Time<Synced>,
    /// What it did.
    pub what: What<E>,
}

impl<E: Wire> Wire for What<E> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Commanded { intended } => (0_u8, *intended).put(out),
            Self::Sent { to, message } => ((1_u8, *to), *message).put(out),
            Self::Received { from, message } => ((2_u8, *from), *message).put(out),
            Self::Event(event) => {
                out.push(3);
                event.put(out);
            }
        }
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        Some(match u8::take(input)? {
            0 => Self::Commanded { intended: Wire::take(input)? },
            1 => Self::Sent { to: Wire::take(input)?, message: Wire::take(input)? },
            2 => Self::Received { from: Wire::take(input)?, message: Wire::take(input)? },
            3 => Self::Event(E::take(input)?),
            _ => return None,
        })
    }
}

impl<E: Wire> Wire for Record<E> {
    fn put(&self, out: &mut Vec<u8>) {
        (self.at, self.reading).put(out);
        self.what.put(out);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        Some(Self { at: Wire::take(input)?, reading: Wire::take(input)?, what: Wire::take(input)? })
    }
}

/// The records of a trace, up to the first that is not whole.
pub fn read<E: Wire>(mut trace: &[u8]) -> Vec<Record<E>> {
    std::iter::from_fn(|| Record::take(&mut trace)).collect()
}

/// The records of a trace of which nothing else is left: `None` if it is cut or damaged.
pub fn read_whole<E: Wire>(mut trace: &[u8]) -> Option<Vec<Record<E>>> {
    let mut records = Vec::new();
    while !trace.is_empty() {
        records.push(Record::take(&mut trace)?);
    }
    Some(records)
}

/// Makes one log of the traces of all processes, by their names from zero, with the vector clocks that follow from them. In the
/// log a receipt is never before its sending, whatever the instants say. Cost: O(records x processes).
pub fn gather<E>(traces: Vec<Vec<Record<E>>>) -> Log<E> {
    let nodes = traces.len();
    let mut log = Log::new(nodes as u32);
    let mut vectors: Vec<Box<[u32]>> = vec![vec![0; nodes].into_boxed_slice(); nodes];
    let mut sent: BTreeMap<u64, Box<[u32]>> = BTreeMap::new();
    let mut traces: Vec<Trace<E>> = traces.into_iter().map(|trace| trace.into_iter().peekable()).collect();
    while let Some((node, Record { at, reading, what })) = next(&mut traces, &sent) {
        if let What::Received { message, .. } = what
            && let Some(heard) = sent.remove(&message)
        {
            vectors[node].iter_mut().zip(heard).for_each(|(own, other)| *own = (*own).max(other));
        }
        vectors[node][node] += 1;
        if let What::Sent { message, .. } = what {
            sent.insert(message, vectors[node].clone());
        }
        log.entries.push(Entry { at, reading, node: NodeId(node as u32), vector: vectors[node].clone(), what });
    }
    log
}

type Trace<E> = Peekable<IntoIter<Record<E>>>;

/// The earliest record that can follow, with whose it is: of a receipt the sending must be in the log, unless the sender was
/// killed before it wrote that down.
fn next<E>(traces: &mut [Trace<E>], sent: &BTreeMap<u64, Box<[u32]>>) -> Option<(usize, Record<E>)> {
    let over: Vec<bool> = traces.iter_mut().map(|trace| trace.peek().is_none()).collect();
    let waits = |record: &Record<E>| match record.what {
        What::Received { from, message } => !sent.contains_key(&message) && over.get(from.0 as usize) == Some(&false),
        _ => false,
    };
    let heads = traces.iter_mut().enumerate();
    let heads = heads.filter_map(|(node, trace)| trace.peek().map(|record| (waits(record), record.at, node)));
    let (_, _, node) = heads.min()?;
    traces[node].next().map(|record| (node, record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::exclusion::Event;

    fn record(at: i64, what: What<Event>) -> Record<Event> {
        Record { at: Time::from_nanos(at), reading: Time::from_nanos(at + 5), what }
    }

    #[test]
    fn a_trace_is_read_up_to_where_it_was_cut() {
        let records = vec![
            record(1, What::Commanded { intended: Time::from_nanos(-3) }),
            record(2, What::Sent { to: NodeId(1), message: 9 }),
            record(3, What::Received { from: NodeId(2), message: 8 }),
            record(4, What::Event(Event::Released)),
        ];
        let mut bytes = Vec::new();
        records.iter().for_each(|record| record.put(&mut bytes));
        assert_eq!(read(&bytes), records);
        assert_eq!(read(&bytes[..bytes.len() - 1]), records[..3]);
        assert_eq!((read_whole(&bytes), read_whole::<Event>(&bytes[..bytes.len() - 1])), (Some(records), None));
    }

    #[test]
    fn a_receipt_follows_its_sending_and_knows_what_the_sender_knew() {
        let log = gather(vec![
            vec![record(5, What::Event(Event::Released)), record(10, What::Sent { to: NodeId(1), message: 0 })],
            vec![record(9, What::Received { from: NodeId(0), message: 0 }), record(11, What::Event(Event::Released))],
            vec![record(12, What::Received { from: NodeId(1), message: 77 })],
        ]);
        let order: Vec<(u32, i64)> = log.entries.iter().map(|entry| (entry.node.0, entry.at.as_nanos())).collect();
        assert_eq!(order, [(0, 5), (0, 10), (1, 9), (1, 11), (2, 12)], "its clock was read a moment too early");
        assert!(log.entries[0].is_before(&log.entries[3]) && !log.entries[3].is_before(&log.entries[0]));
        assert_eq!(*log.entries[3].vector, [2, 2, 0]);
        assert_eq!(*log.entries[4].vector, [0, 0, 1], "of what was lost nothing is known");
    }
}
