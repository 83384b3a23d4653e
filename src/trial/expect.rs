//! Expected latencies, from the world and the users' plan alone: nothing here runs a process.

use super::stage::World;
use super::terms::Terms;
use crate::ids::NodeId;
use crate::model::{Purpose, Rng};
use crate::time::{Nanos, Time, True};
use crate::workload::{Relation, state_machine};

/// How often a process says where its clock is.
pub const HEARTBEAT: Nanos = Nanos::from_millis(20);
/// The stream of draws for predictions.
const DRAWS: u64 = 1 << 20;

/// Where in the period each process's heartbeats lie, on its own clock.
pub fn phases(terms: &Terms) -> Vec<Nanos> {
    let draw = |id| Nanos(Rng::stream(terms.seed, Purpose::Phase, id).below(HEARTBEAT.0 as u64) as i64);
    (0..u64::from(terms.nodes)).map(draw).collect()
}

/// Mean latency in seconds of total order by stability, by the formula of the theory for every planned send: delays are drawn
/// anew, waits follow from the plan and the grid of heartbeats. `own`: whether the sender's own delivery counts.
pub fn mean_stability_s(world: &World, sends: &[(Time<True>, NodeId)], own: Own) -> f64 {
    let World { terms, offsets, .. } = world;
    let phases = phases(terms);
    let mut of: Vec<Vec<Time<True>>> = vec![Vec::new(); offsets.len()];
    sends.iter().for_each(|(at, node)| of[node.0 as usize].push(*at));
    let mut rng = Rng::stream(terms.seed, Purpose::Users, DRAWS);
    let (mut sum, mut count) = (0.0, 0_u64);
    for (at, k) in sends {
        for i in terms.names().filter(|i| own == Own::Counts || i != k) {
            let ahead = |j: NodeId, delay: Nanos| {
                let skew = offsets[k.0 as usize] - offsets[j.0 as usize];
                // Hearing of the command lifts a clock above it at the latest.
                if terms.is_lifted() { delay } else { skew }
            };
            let delay = if i == *k { Nanos::ZERO } else { terms.draw_delay(&mut rng) };
            let others: Vec<_> = terms
                .names()
                .filter(|j| *j != i && j != k)
                .map(|j| {
                    let skew = ahead(j, terms.draw_delay(&mut rng));
                    let wait = wait(&of[j.0 as usize], phases[j.0 as usize], offsets[j.0 as usize], *at + skew);
                    (skew, wait, terms.draw_delay(&mut rng))
                })
                .collect();
            sum += state_machine::latency(delay, ahead(i, delay), others).as_seconds();
            count += 1;
        }
    }
    sum / count.max(1) as f64
}

/// How a measured latency should stand to [`mean_stability_s`]: clocks that hearing lifts may have passed a stamp before they
/// hear of it.
pub const fn relation(terms: &Terms) -> Relation {
    if terms.is_lifted() { Relation::AtMost } else { Relation::About }
}

/// Whether a process's delivery of its own commands counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Own {
    /// It does.
    Counts,
    /// It does not.
    IsLeftOut,
}

/// How long after `from` a process next sends something: a planned command or a heartbeat of its grid.
fn wait(planned: &[Time<True>], phase: Nanos, ahead: Nanos, from: Time<True>) -> Nanos {
    let next = planned.get(planned.partition_point(|at| *at <= from)).copied().unwrap_or(Time::MAX);
    let beat = Nanos((phase - ahead - (from - Time::ZERO)).0.rem_euclid(HEARTBEAT.0));
    beat.min(next - from)
}

/// Mean wait in seconds of a request for mutual exclusion while nobody else wants the resource: the slowest of the others'
/// answers, each of which waits until its clock has passed the request, if hearing does not lift it.
pub fn mean_round_trip_s(world: &World) -> f64 {
    let World { terms, offsets, .. } = world;
    let mut rng = Rng::stream(terms.seed, Purpose::Users, DRAWS + 1);
    let (mut sum, mut count) = (0.0, 0_u64);
    for _ in 0..1_000 {
        for i in terms.names() {
            let answers = terms.names().filter(|j| *j != i).map(|j| {
                let skew = offsets[i.0 as usize] - offsets[j.0 as usize];
                let passed = if terms.is_lifted() { Nanos::ZERO } else { skew };
                terms.draw_delay(&mut rng).max(passed) + terms.draw_delay(&mut rng)
            });
            sum += answers.max().unwrap_or_default().as_seconds();
            count += 1;
        }
    }
    sum / count.max(1) as f64
}
