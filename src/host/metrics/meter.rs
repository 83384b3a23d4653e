//! What the probe thread counts for a scrape: atomics that it alone writes, so that it never waits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use super::names;
use super::page::{Histogram, Page};
use crate::affine::offset;
use crate::clock::Reading;
use crate::host::published::Published;
use crate::ids::{Algorithm, Algorithms, NodeId};
use crate::node::{Counter, Counters, Received, Record, Sent};
use crate::probe::{Exchange, Source};
use crate::time::{Local, Nanos, Synced, Time};

/// The meter of one agent.
#[derive(Debug)]
pub struct Meter {
    me: NodeId,
    peers: BTreeMap<NodeId, Peer>,
    counters: [AtomicU64; Counter::ALL.len()],
    send_failed: AtomicU64,
    entries_dropped: AtomicU64,
    lateness: Histogram,
    /// The hybrid clock's `l` that was noted last.
    lead: AtomicI64,
    clocks: Algorithms,
    published: Arc<Published>,
}

/// What passed between this node and one peer.
#[derive(Debug, Default)]
struct Peer {
    sent: AtomicU64,
    received: AtomicU64,
    arrivals: Arrivals,
    exchanges: [AtomicU64; Source::ALL.len()],
    round_trip: AtomicI64,
    offsets: [AtomicI64; Algorithm::ALL.len()],
}

/// Which numbers of the peer's present boot arrived.
#[derive(Debug, Default)]
struct Arrivals {
    boot: AtomicU64,
    first: AtomicU64,
    newest: AtomicU64,
    count: AtomicU64,
    missing: AtomicU64,
}

impl Arrivals {
    fn add(&self, boot: u64, sequence: u64) {
        if self.boot.swap(boot, Relaxed) != boot {
            self.first.store(sequence, Relaxed);
            self.newest.store(sequence, Relaxed);
            self.count.store(0, Relaxed);
        }
        let count = self.count.fetch_add(1, Relaxed) + 1;
        let first = self.first.fetch_min(sequence, Relaxed).min(sequence);
        let newest = self.newest.fetch_max(sequence, Relaxed).max(sequence);
        self.missing.store((newest - first).saturating_add(1).saturating_sub(count), Relaxed);
    }
}

/// Counters of what was refused; the others are events.
const REJECTIONS: [Counter; 14] = [
    Counter::BadLength,
    Counter::BadMagic,
    Counter::BadVersion,
    Counter::ForeignCluster,
    Counter::BadMac,
    Counter::BadField,
    Counter::NotForMe,
    Counter::UnknownPeer,
    Counter::OldBoot,
    Counter::Replayed,
    Counter::TooOld,
    Counter::Implausible,
    Counter::Unasked,
    Counter::HlcRefused,
];

impl Meter {
    /// A meter for node `me` with these peers, which runs these clocks; `published` is where they are read.
    pub fn new(
        me: NodeId,
        peers: impl IntoIterator<Item = NodeId>,
        clocks: Algorithms,
        published: Arc<Published>,
    ) -> Self {
        Self {
            me,
            peers: peers.into_iter().map(|peer| (peer, Peer::default())).collect(),
            counters: std::array::from_fn(|_| AtomicU64::new(0)),
            send_failed: AtomicU64::new(0),
            entries_dropped: AtomicU64::new(0),
            lateness: Histogram::default(),
            lead: AtomicI64::new(i64::MIN),
            clocks,
            published,
        }
    }

    /// Takes note of what the node wrote down.
    pub fn record(&self, record: &Record) {
        match record {
            Record::Sent(sent) => self.sent(sent),
            Record::Received(received) => self.received(received),
            Record::Exchanged(_, _, exchange) => self.exchanged(exchange),
            Record::Ahead(_, l) => self.lead.store(l.as_nanos(), Relaxed),
            Record::Mark(..) | Record::Changed(..) | Record::System(_) | Record::Boottime(_) => {}
        }
    }

    /// Takes over counts that are kept elsewhere.
    pub fn count(&self, counters: &Counters, send_failed: u64, entries_dropped: u64) {
        for (counter, kept) in Counter::ALL.iter().zip(&self.counters) {
            kept.store(counters.count(*counter), Relaxed);
        }
        self.send_failed.store(send_failed, Relaxed);
        self.entries_dropped.store(entries_dropped, Relaxed);
    }

    fn sent(&self, sent: &Sent) {
        if let Some(peer) = self.peers.get(&sent.to) {
            peer.sent.fetch_add(1, Relaxed);
        }
        if let Some(due) = sent.due {
            self.lateness.add(sent.at - due);
        }
    }

    fn received(&self, received: &Received) {
        if let Some(peer) = self.peers.get(&received.from) {
            peer.received.fetch_add(1, Relaxed);
            peer.arrivals.add(received.boot.0, received.sequence);
        }
    }

    fn exchanged(&self, exchange: &Exchange) {
        let Some(peer) = self.peers.get(&exchange.peer) else { return };
        peer.exchanges[exchange.source() as usize].fetch_add(1, Relaxed);
        peer.round_trip.store(exchange.sample().delay.0, Relaxed);
        let [.., here] = exchange.stamps();
        for algorithm in self.shown() {
            // The free-running clocks are the local ones.
            let sample = exchange.sample_of(algorithm).unwrap_or_else(|| exchange.sample());
            let between = sample.offset - offset(self.shows(algorithm, here), here);
            peer.offsets[algorithm as usize].store(between.0, Relaxed);
        }
    }

    /// The undisciplined clock and those that run on top of it.
    fn shown(&self) -> impl Iterator<Item = Algorithm> {
        std::iter::once(Algorithm::Free).chain(self.clocks.iter())
    }

    /// What the clock of `algorithm` shows when the local clock shows `at`.
    fn shows(&self, algorithm: Algorithm, at: Time<Local>) -> Time<Synced> {
        match algorithm {
            Algorithm::Free => Reading::LOCAL.at(at),
            Algorithm::Hlc => self.shows(Algorithm::Ntp, at).max(Time::from_nanos(self.lead.load(Relaxed))),
            _ => self.published.reading(algorithm).at(at),
        }
    }

    /// Writes what the meter knows when the local clock shows `now`.
    pub(super) fn write(&self, now: Time<Local>, page: &mut Page) {
        self.write_arcs(page);
        self.write_counters(page);
        page.family(&names::SEND_LATENESS).histogram(&self.lateness);
        self.write_exchanges(page);
        let mut offsets = page.family(&names::CLOCK_OFFSET);
        for algorithm in self.shown() {
            offsets.put(&[("algorithm", &algorithm)], offset(self.shows(algorithm, now), now).as_seconds());
        }
    }

    fn write_arcs(&self, page: &mut Page) {
        let mut sent = page.family(&names::PROBES_SENT);
        for (id, peer) in &self.peers {
            sent.put(&[("from", &self.me), ("to", id)], peer.sent.load(Relaxed));
        }
        let mut received = page.family(&names::PROBES_RECEIVED);
        for (id, peer) in &self.peers {
            received.put(&[("from", id), ("to", &self.me)], peer.received.load(Relaxed));
        }
        let mut missing = page.family(&names::PROBES_MISSING);
        for (id, peer) in &self.peers {
            missing.put(&[("from", id), ("to", &self.me)], peer.arrivals.missing.load(Relaxed));
        }
    }

    fn write_counters(&self, page: &mut Page) {
        let of = |counter: &Counter| self.counters[*counter as usize].load(Relaxed);
        let mut rejected = page.family(&names::PROBES_REJECTED);
        for counter in &REJECTIONS {
            rejected.put(&[("reason", &counter.name())], of(counter));
        }
        let mut events = page.family(&names::NODE_EVENTS);
        let known = |counter: &&Counter| REJECTIONS.contains(counter) || **counter == Counter::MissedSlots;
        for counter in Counter::ALL.iter().filter(|counter| !known(counter)) {
            events.put(&[("event", &counter.name())], of(counter));
        }
        page.family(&names::SLOTS_MISSED).put(&[], of(&Counter::MissedSlots));
        page.family(&names::SEND_FAILURES).put(&[], self.send_failed.load(Relaxed));
        page.family(&names::JOURNAL_ENTRIES_DROPPED).put(&[], self.entries_dropped.load(Relaxed));
    }

    fn write_exchanges(&self, page: &mut Page) {
        let mut exchanges = page.family(&names::EXCHANGES);
        for (id, peer) in &self.peers {
            for (source, count) in Source::ALL.iter().zip(&peer.exchanges) {
                exchanges.put(&[("peer", id), ("source", &source.name())], count.load(Relaxed));
            }
        }
        let heard = || self.peers.iter().filter(|(_, peer)| peer.exchanges.iter().any(|count| count.load(Relaxed) > 0));
        let mut round_trips = page.family(&names::ROUND_TRIP);
        for (id, peer) in heard() {
            round_trips.put(&[("peer", id)], Nanos(peer.round_trip.load(Relaxed)).as_seconds());
        }
        let mut offsets = page.family(&names::PEER_OFFSET);
        for (id, peer) in heard() {
            for algorithm in self.shown() {
                let between = &peer.offsets[algorithm as usize];
                offsets.put(&[("peer", id), ("algorithm", &algorithm)], Nanos(between.load(Relaxed)).as_seconds());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_what_lies_between_the_first_and_the_newest() {
        let arrivals = Arrivals::default();
        let missing = |boot, sequence| {
            arrivals.add(boot, sequence);
            arrivals.missing.load(Relaxed)
        };
        assert_eq!([missing(7, 5), missing(7, 6), missing(7, 9), missing(7, 8)], [0, 0, 2, 1]);
        assert_eq!([missing(8, 1), missing(8, 3)], [0, 1], "a new boot begins anew");
    }
}
