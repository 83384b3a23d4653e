//! What intervals say of each algorithm, cell by cell of the grid.

use std::collections::BTreeMap;

use super::{Courses, MOST_INTERVALS, Parameters};
use crate::certify::{Aging, Apart, Cell, Course, Sight};
use crate::ids::{Algorithm, NodeId};
use crate::time::{Nanos, Ppb};

/// How far apart the clocks of one algorithm were, over all nodes, from one instant of the grid to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instant {
    /// Which instant of the grid the cell begins at.
    pub instant: usize,
    /// Eps reached at least this.
    pub low: Nanos,
    /// Eps was never more, at any instant of the cell; `None` where a pair is unknown.
    pub high: Option<Nanos>,
}

/// The same of one pair over the judged part of the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PairCertified {
    /// The lower node.
    pub own: NodeId,
    /// The higher node.
    pub other: NodeId,
    /// They were at least this far apart at some instant.
    pub low: Nanos,
    /// The instant of the grid that the cell with `low` begins at.
    pub certain: usize,
    /// And never further; `None` where some instant is unknown.
    pub high: Option<Nanos>,
    /// The instant of the grid from which on they may have been furthest apart.
    pub worst: usize,
    /// What is added to `high` by what lies between the instants of the grid.
    pub grid: Nanos,
}

/// One pair from one instant of the grid to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PairCell {
    /// Which instant of the grid the cell begins at.
    pub instant: usize,
    /// The lower node.
    pub own: NodeId,
    /// The higher node.
    pub other: NodeId,
    /// C_other − C_own was never less.
    pub least: Nanos,
    /// And never more.
    pub largest: Nanos,
}

/// What is certified of one algorithm.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certified {
    /// Which one.
    pub algorithm: Algorithm,
    /// Sup of eps over the judged part was at least this.
    pub eps_low: Nanos,
    /// And at most this; `None` where some pair was unknown at some instant, or nothing was judged.
    pub eps_high: Option<Nanos>,
    /// How much of `eps_high` is due to what lies between the instants of the grid: a finer grid saves some of it.
    pub eps_grid: Nanos,
    /// Eps over time, the warm-up included.
    pub over_time: Vec<Instant>,
    /// Each pair, by the lower and then the higher node.
    pub pairs: Vec<PairCertified>,
    /// Each pair over time, of the hosts' system clocks alone, which claims are held against; if they are not too many.
    pub cells: Vec<PairCell>,
}

/// Gathers cells.
pub struct Table<'a> {
    clocks: Vec<(&'a [Course], Nanos)>,
    pairs: Vec<(usize, usize, Aging)>,
    warm_up: usize,
    found: Vec<Certified>,
}

impl<'a> Table<'a> {
    /// An empty table.
    pub fn new(courses: &'a Courses, nodes: &[NodeId], kappas: &BTreeMap<NodeId, Ppb>, given: &Parameters) -> Self {
        let indices = |own: usize| (own + 1..nodes.len()).map(move |other| (own, other));
        let aging = |(own, other): (usize, usize)| (own, other, Aging::new(kappas[&nodes[own]], kappas[&nodes[other]]));
        let pairs: Vec<_> = (0..nodes.len()).flat_map(indices).map(aging).collect();
        let nothing = |(own, other, _): &(usize, usize, Aging)| PairCertified {
            own: nodes[*own],
            other: nodes[*other],
            low: Nanos::ZERO,
            certain: 0,
            high: None,
            worst: 0,
            grid: Nanos::ZERO,
        };
        let empty = |(algorithm, _, _): (Algorithm, &[Course], Nanos)| Certified {
            algorithm,
            eps_low: Nanos::ZERO,
            eps_high: None,
            eps_grid: Nanos::ZERO,
            over_time: Vec::new(),
            pairs: pairs.iter().map(nothing).collect(),
            cells: Vec::new(),
        };
        let found = courses.iter().map(empty).collect();
        let clocks = courses.iter().map(|(_, courses, open)| (courses, open)).collect();
        Self { clocks, pairs, warm_up: given.skipped(), found }
    }

    /// Adds what happened from instant number `instant` to the next one; `from` and `to` are in the order of the pairs.
    pub fn add(&mut self, instant: usize, from: &[Sight], to: &[Sight]) {
        for ((clocks, open), found) in self.clocks.iter().zip(&mut self.found) {
            let mut all = Instant { instant, low: Nanos::ZERO, high: Some(Nanos::ZERO) };
            for (index, (own, other, aging)) in self.pairs.iter().enumerate() {
                let (own, other, aging) = (&clocks[*own], &clocks[*other], *aging);
                let apart = Cell { own, other, aging, from: from[index], to: to[index] }.apart();
                let apart = apart.map(|apart| widened(apart, *open));
                all.low = all.low.max(apart.map_or(Nanos::ZERO, |apart| apart.certain));
                all.high = all.high.zip(apart).map(|(high, apart)| high.max(apart.possible()));
                if let Some(Apart { least, largest, .. }) = apart
                    && found.algorithm == Algorithm::System
                    && found.cells.len() < MOST_INTERVALS
                {
                    let PairCertified { own, other, .. } = found.pairs[index];
                    found.cells.push(PairCell { instant, own, other, least, largest });
                }
                if instant >= self.warm_up {
                    found.pairs[index].include(instant, instant == self.warm_up, apart);
                }
            }
            found.over_time.push(all);
        }
    }

    /// The table.
    pub fn finish(mut self) -> Vec<Certified> {
        for found in &mut self.found {
            let highs: Option<Vec<Nanos>> = found.pairs.iter().map(|pair| pair.high).collect();
            found.eps_low = found.pairs.iter().map(|pair| pair.low).max().unwrap_or_default();
            found.eps_high = highs.and_then(|highs| highs.into_iter().max());
            let on_grid = found.pairs.iter().filter_map(|pair| Some(pair.high? - pair.grid)).max();
            found.eps_grid = found.eps_high.zip(on_grid).map_or(Nanos::ZERO, |(high, on_grid)| high - on_grid);
        }
        self.found
    }
}

fn widened(apart: Apart, open: Nanos) -> Apart {
    Apart {
        least: apart.least - open,
        largest: apart.largest + open,
        certain: (apart.certain - open).max(Nanos::ZERO),
        on_grid: apart.on_grid + open,
    }
}

impl PairCertified {
    /// `grid` is kept as the difference of both suprema.
    fn include(&mut self, instant: usize, is_first: bool, apart: Option<Apart>) {
        let Some(apart) = apart else {
            return self.high = None;
        };
        if apart.certain > self.low {
            (self.low, self.certain) = (apart.certain, instant);
        }
        let before =
            if is_first { Some((Nanos::ZERO, Nanos::ZERO)) } else { self.high.map(|high| (high, high - self.grid)) };
        // Once unknown, always unknown.
        let Some((high, on_grid)) = before else { return };
        if apart.possible() > high || is_first {
            self.worst = instant;
        }
        let (high, on_grid) = (high.max(apart.possible()), on_grid.max(apart.on_grid));
        (self.high, self.grid) = (Some(high), high - on_grid);
    }
}
