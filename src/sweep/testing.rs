//! Runs and sweeps made up of known numbers.

use super::Sweep;
use super::grid::Grid;
use super::measured::{Eps, Measured};
use super::point::Point;
use crate::analysis::Verdict;
use crate::theory::Premises;
use crate::time::{Nanos, Ppb};

/// A run of two nodes at 50 ppm, with this tau, xi and eps of every algorithm.
pub fn run(tau: Nanos, xi: Nanos, eps: Nanos) -> Measured {
    Measured {
        nodes: 2,
        diameter: Some(1),
        duration: Nanos::from_seconds(10),
        verdict: Verdict::Within,
        premises: Some(Premises { kappa: Ppb(50_000), diameter: 1, tau, mu: Nanos::ZERO, xi }),
        eps: [Some(Eps { p99: eps, max: eps }); 4],
    }
}

/// A sweep in which each point's runs are made of its values and a seed.
pub fn sweep(flags: &[&str], seeds: u32, run: impl Fn(&[f64], u64) -> Measured) -> Sweep {
    let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
    let grid = Grid::parse(&flags).unwrap();
    let runs = |point: usize| {
        let values = grid.values(point);
        (1..=u64::from(seeds)).map(|seed| run(&values, seed)).collect::<Vec<_>>()
    };
    let points = (0..grid.len()).map(|point| Point::of(point, &runs(point))).collect();
    Sweep { scenario: "0123456789abcdef".to_owned(), topology: "line".to_owned(), grid, seeds, first_seed: 1, points }
}
