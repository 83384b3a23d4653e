//! The clocks of one node, all fed with the same messages and exchanges.

use super::{Counter, Counters, Record};
use crate::affine::{offset, shifted};
use crate::causal::hlc::MAX_AHEAD;
use crate::causal::{Hlc, HlcStamp};
use crate::clock::{self, Change, Clock, Message, Reading};
use crate::ids::{Algorithm, Algorithms, NodeId};
use crate::probe::{Claim, Claims, Exchange};
use crate::time::{Local, Nanos, Synced, Time};

/// The physical clocks and, if it runs, the hybrid clock on top of the NTP-style one.
pub struct Clocks {
    running: Algorithms,
    physical: Vec<Box<dyn Clock>>,
    hlc: Hlc,
    plausible: Nanos,
}

impl Clocks {
    /// The clocks of a node that is about to start.
    pub fn new(running: Algorithms, settings: &clock::Settings, plausible: Nanos) -> Self {
        let physical = running.iter().filter_map(|algorithm| clock::new(algorithm, settings)).collect();
        Self { running, physical, hlc: Hlc::new(MAX_AHEAD.min(plausible)), plausible }
    }

    /// The physical clock of an algorithm, if it runs.
    #[inline]
    fn physical(&self, algorithm: Algorithm) -> Option<&dyn Clock> {
        let found = self.physical.iter().find(|clock| clock.algorithm() == algorithm);
        found.map(|clock| -> &dyn Clock { clock.as_ref() })
    }

    #[inline]
    fn physical_mut(&mut self, algorithm: Algorithm) -> Option<&mut dyn Clock> {
        let found = self.physical.iter_mut().find(|clock| clock.algorithm() == algorithm);
        found.map(|clock| -> &mut dyn Clock { clock.as_mut() })
    }

    /// The present reading of a physical clock, as a function; the free-running clock's for any other algorithm.
    pub fn reading(&self, algorithm: Algorithm) -> &Reading {
        self.physical(algorithm).map_or(&Reading::LOCAL, Clock::reading)
    }

    /// What the hybrid clock's physical clock shows.
    fn beneath(&self, at: Time<Local>) -> Time<Synced> {
        self.reading(Algorithm::Ntp).at(at)
    }

    /// The hybrid clock's last stamp.
    pub const fn stamp(&self) -> HlcStamp {
        self.hlc.last()
    }

    /// What each algorithm shows at `at`.
    pub fn shows(&self, algorithm: Algorithm, at: Time<Local>) -> Time<Synced> {
        match algorithm {
            Algorithm::Hlc => self.hlc.reading(self.beneath(at)),
            other => self.reading(other).at(at),
        }
    }

    /// The claims of a message sent at `at`, of those of the clocks in `wanted` that run. Sending is an event of the
    /// hybrid clock.
    pub fn claims(&mut self, at: Time<Local>, wanted: Algorithms) -> Claims {
        let stamp = self.hlc.tick(self.beneath(at));
        Claims::made_by(self.running.and(wanted), |algorithm| match algorithm {
            Algorithm::Hlc => Claim { reading: stamp.l, counter: stamp.c, ..Claim::default() },
            other => self.physical(other).map_or_else(Claim::default, |clock| clock.claim(at)),
        })
    }

    /// Whether `algorithm`'s claim could be true: it is no further from the own clock than the plausibility limit.
    pub fn believes(&self, algorithm: Algorithm, claim: &Claim, at: Time<Local>) -> bool {
        offset(claim.reading, self.shows(algorithm, at)).abs() <= self.plausible
    }

    /// Whether an exchange could be true of every clock, by the same limit: a claim may be plausible and yet be carried
    /// to anywhere by the peer's stamps and rate.
    fn believes_exchange(&self, exchange: &Exchange) -> bool {
        let [.., received] = exchange.stamps();
        self.physical.iter().all(|clock| {
            let peer = exchange.sample_of(clock.algorithm()).map(|sample| shifted(received, sample.offset));
            peer.is_none_or(|peer: Time<Synced>| (peer - clock.reading().at(received)).abs() <= self.plausible)
        })
    }

    /// A message arrived. Claims that are not plausible are counted and kept from their clock; those for clocks that do
    /// not run here are nobody's.
    pub fn on_message(
        &mut self,
        from: NodeId,
        at: Time<Local>,
        credit: Nanos,
        claims: &Claims,
        counters: &mut Counters,
        mut record: impl FnMut(Record),
    ) -> Trust {
        let (running, mut trust) = (self.running, Trust::Full);
        for (algorithm, claim) in claims.iter().filter(|(algorithm, _)| running.contains(*algorithm)) {
            if !self.believes(algorithm, claim, at) {
                counters.add(Counter::Implausible);
                trust = Trust::Partial;
            } else if algorithm == Algorithm::Hlc {
                self.merge(at, HlcStamp { l: claim.reading, c: claim.counter }, counters);
            } else {
                let message = Message { from, at, credit, claim };
                if let Some(change) = self.physical_mut(algorithm).and_then(|clock| clock.on_message(&message)) {
                    record(Record::Changed(algorithm, change));
                }
            }
        }
        self.record_ahead(at, record);
        trust
    }

    /// An exchange was completed. One that is not plausible is counted and kept from the clocks.
    pub fn on_exchange(
        &mut self,
        at: Time<Local>,
        exchange: &Exchange,
        counters: &mut Counters,
        record: impl FnMut(Record),
    ) {
        if !self.believes_exchange(exchange) {
            return counters.add(Counter::Implausible);
        }
        self.each(at, record, |clock| clock.on_exchange(at, exchange));
    }

    /// A probe slot came.
    pub fn on_slot(&mut self, at: Time<Local>, record: impl FnMut(Record)) {
        self.each(at, record, |clock| clock.on_slot(at));
    }

    fn each(
        &mut self,
        at: Time<Local>,
        mut record: impl FnMut(Record),
        mut act: impl FnMut(&mut dyn Clock) -> Option<Change>,
    ) {
        let mut changed = false;
        for clock in &mut self.physical {
            if let Some(change) = act(clock.as_mut()) {
                record(Record::Changed(clock.algorithm(), change));
                changed = true;
            }
        }
        if changed {
            self.record_ahead(at, record);
        }
    }

    /// Merges a hybrid stamp and checks the theorems that can be checked here: (1) the new stamp is later than the
    /// message's and than all before it, (2) its `l` is not behind the physical clock, (3) `l` is a physical reading that
    /// was heard of.
    fn merge(&mut self, at: Time<Local>, heard: HlcStamp, counters: &mut Counters) {
        let (physical, before) = (self.beneath(at), self.hlc.last());
        match self.hlc.merge(physical, heard) {
            Err(_) => counters.add(Counter::HlcRefused),
            Ok(given) if given > heard && given > before && given.l == physical.max(before.l).max(heard.l) => {}
            Ok(_) => counters.add(Counter::HlcBroken),
        }
    }

    fn record_ahead(&self, at: Time<Local>, mut record: impl FnMut(Record)) {
        if !self.running.contains(Algorithm::Hlc) {
            return;
        }
        let l = self.hlc.last().l;
        if l > self.beneath(at) {
            record(Record::Ahead(at, l));
        }
    }
}

/// Whether all claims of a message were plausible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trust {
    /// All were.
    Full,
    /// At least one was not.
    Partial,
}
