//! Every node's synchronised clocks as functions of its local clock, as its journal has them.

use std::collections::BTreeMap;

use crate::affine::Line;
use crate::analysis::clocks::ran;
use crate::analysis::reading::Readings;
use crate::analysis::run::Span;
use crate::analysis::system;
use crate::certify::Course;
use crate::ids::{Algorithm, NodeId};
use crate::time::{Local, Nanos, Rate, Synced, Time};

/// The clocks of one algorithm, by the node's index, and what reading them leaves open.
#[derive(Clone, Debug)]
pub struct Courses(BTreeMap<Algorithm, (Vec<Course>, Nanos)>);

impl Courses {
    /// The clocks of every algorithm that all nodes have.
    pub fn new(spans: &BTreeMap<NodeId, Span<'_>>) -> Self {
        let readings: Vec<Readings> = spans.values().map(|span| Readings::of(span.run)).collect();
        let of = |algorithm| readings.iter().map(|readings| course(readings, algorithm)).collect();
        let mut courses: BTreeMap<Algorithm, (Vec<Course>, Nanos)> =
            ran(spans).0.into_iter().map(|algorithm| (algorithm, (of(algorithm), Nanos::ZERO))).collect();
        if !readings.is_empty() && readings.iter().all(|readings| !readings.system().is_empty()) {
            let errors = readings.iter().flat_map(|readings| readings.system().iter().map(|sample| sample.error));
            let open = errors.max().unwrap_or_default().times(2);
            courses.insert(Algorithm::System, (of(Algorithm::System), open));
        }
        Self(courses)
    }

    /// Each algorithm with its clocks, and what reading two of them leaves open.
    pub fn iter(&self) -> impl Iterator<Item = (Algorithm, &[Course], Nanos)> {
        self.0.iter().map(|(algorithm, (courses, open))| (*algorithm, courses.as_slice(), *open))
    }
}

fn course(readings: &Readings, algorithm: Algorithm) -> Course {
    match algorithm {
        Algorithm::Free => Course::new(Vec::new()),
        Algorithm::System => Course::new(system::pieces(readings.system()).lines().collect()),
        Algorithm::Hlc => {
            let beneath: Vec<_> = readings.physical(Algorithm::Ntp).lines().collect();
            Course::new(hybrid(&beneath, readings.ahead()))
        }
        physical => Course::new(readings.physical(physical).lines().collect()),
    }
}

type Piece = (Time<Local>, Line<Local, Synced>);

/// max(l, physical reading): `l` stands still until the physical clock overtakes it.
fn hybrid(physical: &[Piece], ahead: &[(Time<Local>, Time<Synced>)]) -> Vec<Piece> {
    let starts = physical.iter().map(|(at, _)| *at).chain(ahead.iter().map(|(at, _)| *at));
    let mut starts: Vec<Time<Local>> = starts.collect();
    starts.sort_unstable();
    starts.dedup();
    let (mut told, mut under) = (0, 0);
    let mut pieces = Vec::with_capacity(starts.len());
    for (index, start) in starts.iter().copied().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(Time::MAX);
        while ahead.get(told).is_some_and(|(at, _)| *at <= start) {
            told += 1;
        }
        while physical.get(under + 1).is_some_and(|(at, _)| *at <= start) {
            under += 1;
        }
        let line = physical[under].1;
        match told.checked_sub(1).map(|last| ahead[last].1).filter(|l| *l > line.at(start)) {
            None => pieces.push((start, line)),
            Some(l) => {
                pieces.push((start, Line { start, value: l, rate: Rate::STOPPED }));
                pieces.extend(line.when(l).filter(|at| *at < end).map(|at| (at, line)));
            }
        }
    }
    pieces
}
