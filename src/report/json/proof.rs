//! What is proved without a common clock, for programs.

use serde::Serialize;

use super::rows::millionths;
use crate::analysis::certificate::Certified;
use crate::analysis::proved::Proved;
use crate::ids::NodeId;
use crate::report::ruling::told_with;
use crate::time::Nanos;

/// The certificate.
#[derive(Serialize)]
pub struct Certificate<'a> {
    grid_ns: i64,
    window_ns: i64,
    verdict: &'a str,
    reason: String,
    clocks: Vec<Proof<'a>>,
    contradictory_windows: usize,
    contradictions: Vec<String>,
}

/// One algorithm; what is unknown is `null`.
#[derive(Serialize)]
struct Proof<'a> {
    algorithm: &'a str,
    eps_low_ns: i64,
    eps_high_ns: Option<i64>,
    eps_grid_ns: Option<i64>,
    pairs: Vec<Pair>,
    band: Band,
}

#[derive(Serialize)]
struct Pair {
    own: NodeId,
    other: NodeId,
    apart_low_ns: i64,
    apart_high_ns: Option<i64>,
    eps_grid_ns: Option<i64>,
    worst_at_s: Option<f64>,
}

/// Eps over time; element `n` of every column is of one cell of the grid.
#[derive(Serialize)]
struct Band {
    t_s: Vec<Option<f64>>,
    eps_low_ns: Vec<i64>,
    eps_high_ns: Vec<Option<i64>>,
}

impl<'a> Certificate<'a> {
    /// Its numbers.
    pub fn of(proved: &'a Proved) -> Self {
        let certificate = &proved.certificate;
        Self {
            grid_ns: proved.grid.0,
            window_ns: proved.window.0,
            verdict: proved.ruling.verdict.name(),
            reason: told_with(&proved.ruling, |span| span.to_string()),
            clocks: certificate.algorithms.iter().map(|certified| Proof::of(proved, certified)).collect(),
            contradictory_windows: certificate.contradictory_windows,
            contradictions: certificate.contradictions.iter().map(ToString::to_string).collect(),
        }
    }
}

impl<'a> Proof<'a> {
    fn of(proved: &Proved, certified: &'a Certified) -> Self {
        let at = |instant: usize| proved.at_s.get(instant).copied().and_then(millionths);
        let ns = |span: Option<Nanos>| span.map(|span| span.0);
        let pair = |pair: &crate::analysis::certificate::PairCertified| Pair {
            own: pair.own,
            other: pair.other,
            apart_low_ns: pair.low.0,
            apart_high_ns: ns(pair.high),
            eps_grid_ns: ns(pair.high.map(|_| pair.grid)),
            worst_at_s: at(pair.worst),
        };
        let cells = &certified.over_time;
        Self {
            algorithm: certified.algorithm.name(),
            eps_low_ns: certified.eps_low.0,
            eps_high_ns: ns(certified.eps_high),
            eps_grid_ns: ns(certified.eps_high.map(|_| certified.eps_grid)),
            pairs: certified.pairs.iter().map(pair).collect(),
            band: Band {
                t_s: cells.iter().map(|cell| at(cell.instant)).collect(),
                eps_low_ns: cells.iter().map(|cell| cell.low.0).collect(),
                eps_high_ns: cells.iter().map(|cell| ns(cell.high)).collect(),
            },
        }
    }
}
