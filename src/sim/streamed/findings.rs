//! What a streamed run came to.

use super::compact::World;
use super::graph::Diameter;
use super::lamport::{Counts, Fulfilled, Lamport};
use super::mesh::Mesh;
use super::rows::{Row, Rows};
use super::skew::Method;
use crate::analysis::Verdict;
use crate::analysis::quantile::PerMille;
use crate::ids::{Algorithm, Arc};
use crate::theory::{Bounds, Premises};
use crate::time::{Nanos, Ppb};

/// The part of the warm-up that does not depend on the premises: as in the analysis of journals.
const SETTLING: Nanos = Nanos::from_seconds(3);

/// Numbers on a run and the verdict on its bound.
#[derive(Clone, Debug)]
pub struct Findings {
    /// How many nodes and arcs there are.
    pub nodes: usize,
    /// How many arcs there are.
    pub arcs: usize,
    /// How long was simulated.
    pub simulated: Nanos,
    /// How long it should have been.
    pub planned: Nanos,
    /// What was counted.
    pub counts: Counts,
    /// How eps was found.
    pub method: Method,
    /// Limits of the diameter; the bounds are those of the larger one.
    pub diameter: Diameter,
    /// The premises with the largest xi, for which every message that arrives is timely.
    pub premises: Premises,
    /// The arc with the longest interval between such messages.
    pub slowest: Arc,
    /// From when on eps is judged; `None` if the bound begins to hold only after the run.
    pub warm_up: Option<Nanos>,
    /// Eps after the warm-up: p50, p99 and the largest.
    pub eps: Option<Eps>,
    /// Why the bound may not hold, in words.
    pub failed: Vec<String>,
    /// Eps over time, from the start on.
    pub rows: Rows,
    /// The other algorithms, if they ran.
    pub others: Vec<Other>,
}

/// Eps of an algorithm for which there is no bound.
#[derive(Clone, Debug)]
pub struct Other {
    /// Which one.
    pub algorithm: Algorithm,
    /// Eps after the warm-up.
    pub eps: Option<Eps>,
    /// Eps over time, from the start on.
    pub rows: Rows,
}

/// Eps over the time after the warm-up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Eps {
    /// Not exceeded for half of the time.
    pub p50: Nanos,
    /// Not exceeded for 99 % of the time.
    pub p99: Nanos,
    /// Never exceeded.
    pub max: Nanos,
    /// When the largest was, since the run's start.
    pub worst_at: Nanos,
    /// The clocks ahead and behind then.
    pub worst_pair: (u32, u32),
}

impl Findings {
    /// What Lamport's clocks came to up to now. Cost: O(nodes + arcs).
    pub fn of(network: &Lamport, method: Method) -> Self {
        let Lamport { world, counts, fulfilled, skew, .. } = network;
        Self::new(world, *counts, *fulfilled, network.now(), method, skew.rows.clone())
    }

    /// What all clocks came to up to now. Cost: O(nodes + arcs).
    pub fn of_mesh(network: &Mesh, method: Method) -> Self {
        let Mesh { world, fulfilled, watched, .. } = network;
        let rows = watched.lamport.skew.rows.clone();
        let found = Self::new(world, network.counts(), *fulfilled, network.now(), method, rows);
        let others = [(Algorithm::Ntp, &watched.ntp), (Algorithm::Hlc, &watched.hlc)].map(|(algorithm, courses)| {
            let rows = courses.skew.rows.clone();
            Other { algorithm, eps: found.warm_up.and_then(|warm| eps(rows.since(warm))), rows }
        });
        Self { others: others.into(), ..found }
    }

    fn new(world: &World, counts: Counts, fulfilled: Fulfilled, simulated: Nanos, method: Method, rows: Rows) -> Self {
        let (premises, slowest) = premises(world, fulfilled, simulated);
        let needed = SETTLING.min(simulated.over(3)).max(premises.warm_up());
        let warm_up = (premises.warm_up() < simulated).then_some(needed);
        Self {
            nodes: world.nodes.len(),
            arcs: world.arcs.len(),
            simulated,
            planned: world.duration,
            counts,
            method,
            diameter: world.diameter,
            premises,
            slowest: world.name(slowest),
            warm_up,
            eps: warm_up.and_then(|warm| eps(rows.since(warm))),
            failed: failed(&counts, world.unruly),
            rows,
            others: Vec::new(),
        }
    }

    /// Lamport's bound in its forms.
    pub fn bounds(&self) -> Bounds {
        self.premises.bounds()
    }

    /// The largest declared kappa.
    pub fn kappa(&self) -> Ppb {
        self.premises.kappa
    }

    /// Whether eps kept within the safe bound. An outward eps proves that it did, never that it did not; and messages of
    /// which the replay window could not tell whether they are new leave tau unknown.
    pub fn verdict(&self) -> Verdict {
        let Some(eps) = self.eps.filter(|_| self.counts.too_old == 0) else { return Verdict::Unknown };
        match self.method {
            _ if eps.max <= self.bounds().safe => Verdict::Within,
            Method::Exact => Verdict::Violated,
            Method::Outward => Verdict::Unknown,
        }
    }

    /// Eps over time as CSV, one row an algorithm and span.
    pub fn csv(&self) -> String {
        let mut text =
            "algorithm,start_s,end_s,method,eps_p50_ns,eps_p99_ns,eps_max_ns,worst_at_s,ahead,behind\n".to_owned();
        let others = self.others.iter().map(|other| (other.algorithm, &other.rows));
        let rows = [(Algorithm::Lamport, &self.rows)].into_iter().chain(others);
        for (algorithm, row) in rows.flat_map(|(algorithm, rows)| rows.all().iter().map(move |row| (algorithm, row))) {
            let at = |quantile| row.quantile(quantile).unwrap_or_default().0;
            text += &format!(
                "{algorithm},{},{},{},{},{},{},{},{},{}\n",
                row.start.as_seconds(),
                row.end.as_seconds(),
                self.method.name(),
                at(PerMille::P50),
                at(PerMille::P99),
                row.max.0,
                row.worst_at.as_seconds(),
                row.worst_pair.0,
                row.worst_pair.1
            );
        }
        text
    }
}

/// The premises with the largest xi, and the arc with the longest interval between sends of messages that arrive, the ends
/// of the run included.
fn premises(world: &World, fulfilled: Fulfilled, now: Nanos) -> (Premises, usize) {
    let now = now.0;
    let last = world.arcs.iter().enumerate().map(|(index, arc)| (now - arc.last, index)).max_by_key(|(gap, _)| *gap);
    let so_far = (fulfilled.gap, fulfilled.arc as usize);
    let (gap, slowest) = last.filter(|(gap, _)| *gap > so_far.0).unwrap_or(so_far);
    let premises = Premises {
        kappa: world.kappa,
        diameter: world.diameter.at_most,
        tau: Nanos(gap),
        mu: Nanos(fulfilled.mu),
        xi: Nanos(fulfilled.unpredictable.max(0) + 1),
    };
    (premises, slowest)
}

fn eps(rows: &[Row]) -> Option<Eps> {
    let worst = rows.iter().rev().max_by_key(|row| row.max)?;
    Some(Eps {
        p50: Rows::quantile(rows, PerMille::P50)?,
        p99: Rows::quantile(rows, PerMille::P99)?,
        max: worst.max,
        worst_at: worst.worst_at,
        worst_pair: worst.worst_pair,
    })
}

fn failed(counts: &Counts, unruly: u64) -> Vec<String> {
    let say = |count: u64, what: &str| (count > 0).then(|| format!("premise failed: {count} {what}"));
    let notes = [
        say(counts.over_credited, "messages were credited more than their delay"),
        say(counts.implausible, "messages did not lift a clock, since their claims were refused as implausible"),
        say(counts.too_old, "messages were too far behind to tell whether they are new: tau is not known"),
        say(unruly, "clocks run faster or slower than the declared kappa"),
    ];
    notes.into_iter().flatten().collect()
}
