//! What a node's records say of its clocks.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::coverage::{self, Claims};
use super::run::AgentRun;
use super::system;
use super::track::{Base, Leg, Pieces, Track, gap};
use crate::clock::{Change, ErrorBound};
use crate::ids::Algorithm;
use crate::node::Record;
use crate::node::record::SystemSample;
use crate::time::{Local, Nanos, Synced, Time};

/// What integer readings leave open.
pub const GRAIN: Nanos = Nanos(2);

/// What a clock states of its own error, in force from an instant on, in order.
type Stated = Vec<(Time<Local>, Option<ErrorBound>)>;

/// All clocks of one node as functions of its local clock.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Readings {
    /// The physical clocks that changed.
    physical: BTreeMap<Algorithm, Pieces>,
    /// The host's system clock, where it was read.
    system: Vec<SystemSample>,
    /// The hybrid clock's `l`, in force from an instant on, in order.
    ahead: Vec<(Time<Local>, Time<Synced>)>,
    /// What each physical clock states of its own error.
    claims: BTreeMap<Algorithm, Stated>,
    /// When a clock stepped.
    steps: Vec<(Algorithm, Time<Local>)>,
    /// When a clock was set back.
    set_back: Vec<(Algorithm, Time<Local>)>,
}

impl Readings {
    /// The clocks as the journal has them.
    pub fn of(run: &AgentRun) -> Self {
        let mut readings = Self::default();
        for record in run.records() {
            match record {
                Record::Changed(algorithm, change) => readings.change(*algorithm, change),
                Record::System(sample) => readings.system.push(*sample),
                Record::Ahead(at, l) => replace_from(&mut readings.ahead, *at, *l),
                _ => {}
            }
        }
        readings
    }

    fn change(&mut self, algorithm: Algorithm, change: &Change) {
        let at = change.reading.line.start;
        if matches!(algorithm, Algorithm::Free | Algorithm::Hlc | Algorithm::System) {
            return;
        }
        let pieces = self.physical.entry(algorithm).or_default();
        if change.reading.line.value + GRAIN < pieces.before(at) {
            self.set_back.push((algorithm, at));
        }
        pieces.change(change);
        if change.stepped {
            self.steps.push((algorithm, at));
        }
        replace_from(self.claims.entry(algorithm).or_default(), at, change.bound);
    }

    /// A physical clock as a function of the local clock, which it shows until it changes.
    pub fn physical(&self, algorithm: Algorithm) -> &Pieces {
        static LOCAL: LazyLock<Pieces> = LazyLock::new(Pieces::default);
        self.physical.get(&algorithm).unwrap_or(&LOCAL)
    }

    /// Where the hybrid clock's `l` was noted to be ahead of its physical clock, and what it was, in order.
    pub fn ahead(&self) -> &[(Time<Local>, Time<Synced>)] {
        &self.ahead
    }

    /// The readings of the host's system clock, in order.
    pub fn system(&self) -> &[SystemSample] {
        &self.system
    }

    /// When `algorithm`'s clock stepped, as its node said.
    pub fn steps(&self, algorithm: Algorithm) -> impl Iterator<Item = Time<Local>> {
        self.steps.iter().filter(move |(by, _)| *by == algorithm).map(|(_, at)| *at)
    }

    /// When `algorithm`'s clock was set back.
    pub fn set_back(&self, algorithm: Algorithm) -> impl Iterator<Item = Time<Local>> {
        self.set_back.iter().filter(move |(by, _)| *by == algorithm).map(|(_, at)| *at)
    }

    /// When an `l` of the hybrid clock was noted and what it was, both in ns since the run's start.
    pub fn leads<'a>(&'a self, base: &'a Base<'_>) -> impl Iterator<Item = (f64, f64)> + 'a {
        self.ahead.iter().map(|(at, l)| (base.when(*at), gap(*l, base.origin)))
    }

    /// `algorithm`'s clock over the run.
    pub fn track(&self, algorithm: Algorithm, base: &Base<'_>) -> Track {
        match algorithm {
            Algorithm::System => base.track(&system::pieces(&self.system)),
            Algorithm::Hlc => {
                let beneath = base.track(self.physical(Algorithm::Ntp));
                hybrid(base, &beneath, &self.leads(base).collect::<Vec<_>>())
            }
            physical => base.track(self.physical(physical)),
        }
    }

    /// A clock's own error bound over the run, in ns; none where it states none. The hybrid clock's is that of the physical clock
    /// beneath, and what it leads that clock by.
    pub fn claimed(&self, algorithm: Algorithm, base: &Base<'_>) -> Claims {
        match algorithm {
            Algorithm::Hlc => {
                let beneath = base.track(self.physical(Algorithm::Ntp));
                coverage::widened(&self.stated(Algorithm::Ntp, base), &beneath, &self.track(algorithm, base))
            }
            physical => self.stated(physical, base),
        }
    }

    fn stated(&self, algorithm: Algorithm, base: &Base<'_>) -> Claims {
        let claims = self.claims.get(&algorithm).map_or(&[][..], Vec::as_slice);
        let leg = |at, bound: &ErrorBound| base.growing(at, bound.initial.0 as f64, bound.growth.as_ratio());
        claims.iter().map(|(at, bound)| (base.when(*at), bound.as_ref().map(|bound| leg(*at, bound)))).collect()
    }
}

/// Adds an item in force from `at` on; items that begin then or later are replaced.
fn replace_from<T>(items: &mut Vec<(Time<Local>, T)>, at: Time<Local>, item: T) {
    while items.last().is_some_and(|(last, _)| *last >= at) {
        items.pop();
    }
    items.push((at, item));
}

/// max(l, physical reading), `ahead` saying from when on which `l` holds, with a breakpoint wherever the physical clock overtakes `l`.
fn hybrid(base: &Base<'_>, physical: &Track, ahead: &[(f64, f64)]) -> Track {
    let inside = |at: &f64| *at > 0.0 && *at < base.length;
    let starts = physical.legs().iter().map(|leg| leg.start).chain(ahead.iter().map(|(at, _)| *at));
    let mut starts: Vec<f64> = starts.filter(inside).chain([0.0]).collect();
    starts.sort_by(f64::total_cmp);
    starts.dedup();
    let mut legs = Vec::new();
    let (mut told, mut under) = (0, 0);
    for (index, start) in starts.iter().copied().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(base.length);
        while ahead.get(told).is_some_and(|(at, _)| *at <= start) {
            told += 1;
        }
        while physical.legs().get(under + 1).is_some_and(|next| next.start <= start) {
            under += 1;
        }
        let l = told.checked_sub(1).map(|last| ahead[last].1);
        overtake(&physical.legs()[under], l, start, end, &mut legs);
    }
    Track::new(legs)
}

/// The legs of max(l, physical) on one span on which both are lines.
fn overtake(physical: &Leg, l: Option<f64>, start: f64, end: f64, legs: &mut Vec<Leg>) {
    let beneath = Leg { start, value: physical.at(start), slope: physical.slope };
    let Some(l) = l.map(|l| l - start).filter(|l| *l > beneath.value) else {
        legs.push(beneath);
        return;
    };
    legs.push(Leg { start, value: l, slope: -1.0 });
    let crossing = start + (l - beneath.value) / (physical.slope + 1.0);
    if physical.slope > -1.0 && crossing < end {
        legs.push(Leg { start: crossing, value: physical.at(crossing), slope: physical.slope });
    }
}

/// When a track steps between two of its legs by more than integer readings explain, in ns since the run's start.
pub fn jumps(track: &Track) -> impl Iterator<Item = f64> {
    let stepped = |pair: &&[Leg]| (pair[1].value - pair[0].at(pair[1].start)).abs() > GRAIN.0 as f64;
    track.legs().windows(2).filter(stepped).map(|pair| pair[1].start)
}
