//! Eps and the clocks over the whole run, coarse enough for a small file. No spike is lost: a cell shows its largest eps.

use super::envelope::sweep;
use super::track::Track;
use crate::ids::{Algorithm, Algorithms, NodeId};
use crate::time::NANOS_PER_SECOND;

/// Limit of the file in bytes.
const FILE_BYTES: usize = 9_500_000;
/// Room for one number with its comma, whatever it is.
const NUMBER_BYTES: usize = 21;
/// More cells than this show nothing more.
const MOST_CELLS: usize = 4_000;
/// Up to so many algorithms each has as many cells, however few there are: what every node usually runs, its own clock
/// and its host's.
const USUAL_ALGORITHMS: usize = Algorithms::USUAL.count() + 2;
/// With more nodes only offsets against the first node are shown.
const ALL_PAIRS_NODES: usize = 36;

/// One algorithm in one cell of time.
#[derive(Clone, PartialEq, Debug)]
pub struct Cell {
    /// Whose clocks.
    pub algorithm: Algorithm,
    /// Where the cell begins, in seconds since the run's start.
    pub t_s: f64,
    /// Largest eps in the cell, in ns.
    pub eps_ns: f64,
    /// Each node's reading minus true time at the cell's start, in ns.
    pub ahead_ns: Vec<f64>,
}

/// A time series of all algorithms.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Series {
    /// How many algorithms it will have.
    pub algorithms: usize,
    /// The nodes, in the order of [`Cell::ahead_ns`].
    pub nodes: Vec<NodeId>,
    /// The cells, algorithm by algorithm, in order of time.
    pub cells: Vec<Cell>,
}

impl Series {
    /// An empty series for `nodes` and so many algorithms.
    pub fn new(nodes: Vec<NodeId>, algorithms: usize) -> Self {
        Self { algorithms, nodes, cells: Vec::new() }
    }

    /// The pairs (i, j), as indices into the nodes, whose offset C_j − C_i is shown: all, or with many nodes only those
    /// with the first node.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let count = self.nodes.len();
        let firsts = if count <= ALL_PAIRS_NODES { count } else { 1 };
        (0..firsts).flat_map(move |i| (i + 1..count).map(move |j| (i, j)))
    }

    /// The cells of `algorithm`, in order of time.
    pub fn of(&self, algorithm: Algorithm) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(move |cell| cell.algorithm == algorithm)
    }

    /// Adds one algorithm's clocks over a run of `length` ns.
    pub fn add(&mut self, algorithm: Algorithm, tracks: &[Track], length: f64) {
        let line = NUMBER_BYTES * (3 + self.pairs().count());
        let cells = (FILE_BYTES / self.algorithms.max(USUAL_ALGORITHMS) / line).clamp(1, MOST_CELLS);
        let width = length / cells as f64;
        let largest = largest_in_cells(tracks, length, cells);
        self.cells.extend(largest.into_iter().enumerate().map(|(index, eps_ns)| {
            let start = index as f64 * width;
            let ahead_ns = tracks.iter().map(|track| track.at(start)).collect();
            Cell { algorithm, t_s: start / NANOS_PER_SECOND as f64, eps_ns, ahead_ns }
        }));
    }
}

/// The largest eps in each of `cells` equal cells of `[0, length]`. Cost: one step a stretch and a cell.
fn largest_in_cells(tracks: &[Track], length: f64, cells: usize) -> Vec<f64> {
    let width = length / cells as f64;
    let mut largest = vec![0.0_f64; cells];
    for stretch in sweep(tracks, 0.0, length) {
        let cell = |at: f64| ((at / width) as usize).min(cells - 1);
        let (first, last) = (cell(stretch.start), cell(stretch.end));
        for (offset, found) in largest[first..=last].iter_mut().enumerate() {
            let start = (first + offset) as f64 * width;
            let ends = [start.max(stretch.start), (start + width).min(stretch.end)];
            *found = ends.into_iter().map(|at| stretch.eps(at)).fold(*found, f64::max);
        }
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::track::Leg;

    #[test]
    fn a_spike_shows_in_its_cell_and_only_there() {
        let leg = |start, value| Leg { start, value, slope: 0.0 };
        let spike = Track::new(vec![leg(0.0, 1.0), leg(512.0, 900.0), leg(513.0, 1.0)]);
        let found = largest_in_cells(&[Track::new(vec![]), spike], 1_000.0, 100);
        assert_eq!(found[51], 900.0);
        assert_eq!(found.iter().filter(|eps| **eps == 1.0).count(), 99);
    }

    #[test]
    fn the_file_stays_small_however_many_nodes() {
        for nodes in [2, 3, 16, 36, 37, 500] {
            let tracks = vec![Track::new(vec![]); nodes];
            let mut series = Series::new((0..nodes as u32).map(NodeId).collect(), Algorithm::ALL.len());
            series.add(Algorithm::Free, &tracks, 1e10);
            let bytes = series.cells.len() * (series.pairs().count() + 3) * NUMBER_BYTES * Algorithm::ALL.len();
            assert!(bytes < 10_000_000, "{nodes} nodes: {bytes} bytes");
            assert!(series.cells.len() >= 50, "{nodes} nodes: {} cells", series.cells.len());
        }
    }
}
