//! Traces for tests, written by hand.

use super::super::{Terms, Workload};
use super::{Bearings, Judged, Trace, judge};
use crate::ids::NodeId;
use crate::time::{Local, Time};
use crate::workload::What;
use crate::workload::trace::Record;
use crate::workload::wire::Wire;

/// What the process of one host did.
pub struct Host<E> {
    node: u32,
    records: Vec<Record<E>>,
    /// What the local clock showed when the scene began.
    pub began: Option<Time<Local>>,
}

impl<E: Wire> Host<E> {
    /// One that has done nothing; the scene began when its local clock showed zero.
    pub const fn new(node: u32) -> Self {
        Self { node, records: Vec::new(), began: Some(Time::ZERO) }
    }

    /// Its clock shows what its host's clock shows.
    fn put(&mut self, at: i64, what: What<E>) -> &mut Self {
        self.records.push(Record { at: Time::from_nanos(at), reading: Time::from_nanos(at), what });
        self
    }

    /// Appends an event.
    pub fn event(&mut self, at: i64, event: E) -> &mut Self {
        self.put(at, What::Event(event))
    }

    /// Appends a command that was wanted just then.
    pub fn commanded(&mut self, at: i64) -> &mut Self {
        self.put(at, What::Commanded { intended: Time::from_nanos(at) })
    }

    /// Appends a sending.
    pub fn sent(&mut self, at: i64, to: u32, message: u64) -> &mut Self {
        self.put(at, What::Sent { to: NodeId(to), message })
    }

    /// Appends a receipt.
    pub fn received(&mut self, at: i64, from: u32, message: u64) -> &mut Self {
        self.put(at, What::Received { from: NodeId(from), message })
    }

    /// Its trace.
    pub fn trace(&self) -> Option<Trace> {
        let mut bytes = Vec::new();
        self.records.iter().for_each(|record| record.put(&mut bytes));
        Some(Trace { bytes, began: self.began })
    }
}

/// What is made of scenes without any bearings.
pub fn judged<E: Wire>(workload: Workload, scenes: &[&[Host<E>]], terms: &Terms) -> Judged {
    judged_by(workload, scenes, terms, &Bearings::default())
}

/// What is made of scenes.
pub fn judged_by<E: Wire>(workload: Workload, scenes: &[&[Host<E>]], terms: &Terms, bearings: &Bearings) -> Judged {
    let traces = |hosts: &&[Host<E>]| {
        assert!(hosts.iter().zip(0..).all(|(host, node)| host.node == node), "by name");
        hosts.iter().map(Host::trace).collect()
    };
    let scenes: Vec<Vec<Option<Trace>>> = scenes.iter().map(traces).collect();
    judge(workload, &scenes, terms, bearings).expect("a workload that is judged so")
}
