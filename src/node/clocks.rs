//! The clocks of one node, all fed with the same messages and exchanges.

use super::{Counter, Counters, Record};
use crate::affine::{offset, shifted};
use crate::causal::hlc::MAX_AHEAD;
use crate::causal::{Hlc, HlcStamp};
use crate::clock::{self, Change, Clock, Lamport, Message, Ntp, Reading, ntp};
use crate::ids::{Algorithm, Algorithms, NodeId};
use crate::probe::{Claim, Claims, Exchange};
use crate::time::{Local, Nanos, Synced, Time};

/// The physical clocks and, if it runs, the hybrid clock on top of the NTP-style one.
pub struct Clocks {
    running: Algorithms,
    /// The clocks that nearly every node runs are at hand, so that a message need not look for them.
    lamport: Option<Lamport>,
    ntp: Option<Ntp>,
    /// The others, by their numbers, all of which are larger.
    others: Vec<Box<dyn Clock>>,
    hlc: Hlc,
    plausible: Nanos,
}

impl Clocks {
    /// The clocks of a node that is about to start.
    pub fn new(running: Algorithms, settings: &clock::Settings, plausible: Nanos) -> Self {
        let is_other = |algorithm: &Algorithm| !matches!(algorithm, Algorithm::Lamport | Algorithm::Ntp);
        let others = running.iter().filter(is_other).filter_map(|algorithm| clock::new(algorithm, settings));
        Self {
            running,
            lamport: running.contains(Algorithm::Lamport).then(|| Lamport::new(settings)),
            ntp: running.contains(Algorithm::Ntp).then(|| Ntp::new(ntp::Settings::of(settings))),
            others: others.collect(),
            hlc: Hlc::new(MAX_AHEAD.min(plausible)),
            plausible,
        }
    }

    /// See [`super::Node::touch`].
    #[inline]
    pub fn touch(&self) -> i64 {
        let lamport = self.reading(Algorithm::Lamport).line.start.as_nanos();
        lamport ^ self.hlc.last().l.as_nanos() ^ self.ntp.as_ref().map_or(0, Ntp::touch)
    }

    /// See [`super::Node::touch_beyond`].
    #[inline]
    pub fn touch_message(&self, peer: NodeId) -> i64 {
        self.ntp.as_ref().map_or(0, |ntp| ntp.touch_message(peer))
    }

    /// See [`super::Node::touch_beyond`].
    #[inline]
    pub fn touch_exchange(&self, peer: NodeId) -> i64 {
        self.ntp.as_ref().map_or(0, |ntp| ntp.touch_exchange(peer))
    }

    fn other(&self, algorithm: Algorithm) -> Option<&dyn Clock> {
        let found = self.others.iter().find(|clock| clock.algorithm() == algorithm);
        found.map(|clock| -> &dyn Clock { clock.as_ref() })
    }

    /// The present reading of a physical clock, as a function; the free-running clock's for any other algorithm.
    #[inline]
    pub fn reading(&self, algorithm: Algorithm) -> &Reading {
        let reading = match algorithm {
            Algorithm::Lamport => self.lamport.as_ref().map(Clock::reading),
            Algorithm::Ntp => self.ntp.as_ref().map(Clock::reading),
            other => self.other(other).map(Clock::reading),
        };
        reading.unwrap_or(&Reading::LOCAL)
    }

    /// What the hybrid clock's physical clock shows.
    #[inline]
    fn beneath(&self, at: Time<Local>) -> Time<Synced> {
        self.reading(Algorithm::Ntp).at(at)
    }

    /// The hybrid clock's last stamp.
    pub const fn stamp(&self) -> HlcStamp {
        self.hlc.last()
    }

    /// What each algorithm shows at `at`.
    #[inline]
    pub fn shows(&self, algorithm: Algorithm, at: Time<Local>) -> Time<Synced> {
        match algorithm {
            Algorithm::Hlc => self.hlc.reading(self.beneath(at)),
            other => self.reading(other).at(at),
        }
    }

    /// The claims of a message sent at `at`, of those of the clocks in `wanted` that run. Sending is an event of the
    /// hybrid clock.
    pub fn claims(&mut self, at: Time<Local>, wanted: Algorithms) -> Claims {
        let mut claims = Claims::none();
        self.claim(at, wanted, &mut claims);
        claims
    }

    /// The same, put where they are needed.
    pub fn claim(&mut self, at: Time<Local>, wanted: Algorithms, claims: &mut Claims) {
        let (stamp, made) = (self.hlc.tick(self.beneath(at)), self.running.and(wanted));
        let mut places = claims.places(made).iter_mut();
        // By their numbers, as the places are.
        if let Some(clock) = self.lamport.as_ref().filter(|_| made.contains(Algorithm::Lamport)) {
            put(&mut places, || clock.claim(at));
        }
        if let Some(clock) = self.ntp.as_ref().filter(|_| made.contains(Algorithm::Ntp)) {
            put(&mut places, || clock.claim(at));
        }
        if made.contains(Algorithm::Hlc) {
            put(&mut places, || Claim { reading: stamp.l, counter: stamp.c, ..Claim::default() });
        }
        for clock in self.others.iter().filter(|clock| made.contains(clock.algorithm())) {
            put(&mut places, || clock.claim(at));
        }
    }

    /// Whether an exchange could be true of every clock, by the same limit: a claim may be plausible and yet be carried
    /// to anywhere by the peer's stamps and rate.
    fn believes_exchange(&self, exchange: &Exchange) -> bool {
        let timing = exchange.timing();
        let [.., received] = timing.stamps;
        let believes = |algorithm, reading: &Reading| {
            let peer = exchange.claims.of(algorithm).map(|claim| shifted(received, timing.sample_of(claim).offset));
            peer.is_none_or(|peer: Time<Synced>| (peer - reading.at(received)).abs() <= self.plausible)
        };
        self.lamport.as_ref().is_none_or(|clock| believes(Algorithm::Lamport, clock.reading()))
            && self.ntp.as_ref().is_none_or(|clock| believes(Algorithm::Ntp, clock.reading()))
            && self.others.iter().all(|clock| believes(clock.algorithm(), clock.reading()))
    }

    /// A message arrived. Claims that are not plausible, further from the own clock than the limit, are counted and kept from their clock; those for clocks that do
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
        let (plausible, message) = (self.plausible, |claim| Message { from, at, credit, claim });
        let mut trust = Trust::Full;
        if let (Some(clock), Some(claim)) = (&mut self.lamport, claims.of(Algorithm::Lamport)) {
            trust = hear(clock, &message(claim), plausible, counters, &mut record);
        }
        if let (Some(clock), Some(claim)) = (&mut self.ntp, claims.of(Algorithm::Ntp)) {
            trust = trust.max(hear(clock, &message(claim), plausible, counters, &mut record));
        }
        let beneath = self.beneath(at);
        if let Some(claim) = claims.of(Algorithm::Hlc).filter(|_| self.running.contains(Algorithm::Hlc)) {
            let weighed = weigh(claim, self.hlc.reading(beneath), plausible, counters);
            if weighed == Trust::Full {
                self.merge(beneath, HlcStamp { l: claim.reading, c: claim.counter }, counters);
            }
            trust = trust.max(weighed);
        }
        for clock in &mut self.others {
            if let Some(claim) = claims.of(clock.algorithm()) {
                trust = trust.max(hear(clock.as_mut(), &message(claim), plausible, counters, &mut record));
            }
        }
        self.record_ahead(at, beneath, record);
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
        let mut note = |algorithm, change: Option<Change>| {
            if let Some(change) = change {
                record(Record::Changed(algorithm, change));
                changed = true;
            }
        };
        note(Algorithm::Lamport, self.lamport.as_mut().and_then(|clock| act(clock)));
        note(Algorithm::Ntp, self.ntp.as_mut().and_then(|clock| act(clock)));
        self.others.iter_mut().for_each(|clock| note(clock.algorithm(), act(clock.as_mut())));
        if changed {
            self.record_ahead(at, self.beneath(at), record);
        }
    }

    /// Merges a hybrid stamp and checks the theorems that can be checked here: (1) the new stamp is later than the
    /// message's and than all before it, (2) its `l` is not behind the physical clock, (3) `l` is a physical reading that
    /// was heard of.
    fn merge(&mut self, physical: Time<Synced>, heard: HlcStamp, counters: &mut Counters) {
        let before = self.hlc.last();
        match self.hlc.merge(physical, heard) {
            Err(_) => counters.add(Counter::HlcRefused),
            Ok(given) if given > heard && given > before && given.l == physical.max(before.l).max(heard.l) => {}
            Ok(_) => counters.add(Counter::HlcBroken),
        }
    }

    fn record_ahead(&self, at: Time<Local>, beneath: Time<Synced>, mut record: impl FnMut(Record)) {
        let l = self.hlc.last().l;
        if self.running.contains(Algorithm::Hlc) && l > beneath {
            record(Record::Ahead(at, l));
        }
    }
}

/// Writes the next claim of a message. There are as many places as claims.
#[inline]
fn put<'a>(places: &mut impl Iterator<Item = &'a mut Claim>, claim: impl FnOnce() -> Claim) {
    if let Some(place) = places.next() {
        *place = claim();
    }
}

/// A clock hears its claim of a message, unless that is not plausible.
#[inline]
fn hear<C: Clock + ?Sized>(
    clock: &mut C,
    message: &Message<'_>,
    plausible: Nanos,
    counters: &mut Counters,
    record: &mut impl FnMut(Record),
) -> Trust {
    let weighed = weigh(message.claim, clock.reading().at(message.at), plausible, counters);
    if weighed == Trust::Full
        && let Some(change) = clock.on_message(message)
    {
        record(Record::Changed(clock.algorithm(), change));
    }
    weighed
}

/// Holds a claim against what the own clock shows; one that is too far from it is counted.
#[inline]
fn weigh(claim: &Claim, own: Time<Synced>, plausible: Nanos, counters: &mut Counters) -> Trust {
    if offset(claim.reading, own).abs() <= plausible {
        return Trust::Full;
    }
    counters.add(Counter::Implausible);
    Trust::Partial
}

/// Whether all claims of a message were plausible, in order of doubt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Trust {
    /// All were.
    Full,
    /// At least one was not.
    Partial,
}
