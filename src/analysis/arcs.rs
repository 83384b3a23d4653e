//! One row for each arc.

use std::collections::BTreeSet;

use super::quantile::{PerMille, nearest_rank};
use super::timely::longest_gap;
use super::traffic::Traffic;
use super::truth::Truth;
use crate::ids::Arc;
use crate::probe::{Exchange, Source};
use crate::theory::Premises;
use crate::time::{Local, Nanos, Ppb, Time};

/// Three quantiles of a sample, in ns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quantiles {
    /// Median.
    pub p50: i64,
    /// 99 in a hundred.
    pub p99: i64,
    /// Largest.
    pub max: i64,
}

impl Quantiles {
    /// The quantiles of `samples`; `None` if there are none.
    pub fn of(mut samples: Vec<i64>) -> Option<Self> {
        samples.sort_unstable();
        let at = |quantile| nearest_rank(&samples, quantile);
        Some(Self { p50: at(PerMille::P50)?, p99: at(PerMille::P99)?, max: at(PerMille::MAX)? })
    }
}

/// What happened on one arc. Sent and received count messages sent in the run, requests and replies alike; exchanges
/// count to the arc of their request.
#[derive(Clone, PartialEq, Debug)]
pub struct ArcRow {
    /// The arc.
    pub arc: Arc,
    /// Messages sent.
    pub sent: u64,
    /// Different ones of them that were received.
    pub received: u64,
    /// Messages that were received twice; where the receiver has one incoming arc only, with those that it refused as
    /// replays over its whole life (its counter names no sender).
    pub duplicated: u64,
    /// Messages received after a later one.
    pub reordered: u64,
    /// Messages with an unpredictable delay of the run's xi or more; `None` without truth.
    pub late: Option<u64>,
    /// Largest credit.
    pub mu: Nanos,
    /// The run's xi.
    pub xi: Option<Nanos>,
    /// Share of the received messages with an unpredictable delay below xi.
    pub xi_quantile: Option<f64>,
    /// The configured probe period.
    pub tau: Nanos,
    /// Longest interval between sends of messages that are timely for xi, the ends of the run included.
    pub tau_eff: Option<Nanos>,
    /// The larger limit on |rate − 1| of the arc's ends.
    pub kappa: Ppb,
    /// True delays, from the reading that yields T_m to the one at which the jump is in force.
    pub delay: Option<Quantiles>,
    /// Twice the |error| of the offset from kernel or hardware stamps.
    pub twice_error_wire: Option<Quantiles>,
    /// Twice the |error| of the offset from user-space stamps.
    pub twice_error_user: Option<Quantiles>,
    /// Completed exchanges by where the worst of their four stamps was taken, in the order of [`Source::ALL`].
    pub exchanges: [u64; 3],
    /// How late requests were sent.
    pub lateness: Option<Quantiles>,
    /// Slots of the probe grid that were left out between two requests.
    pub slots_missed: u64,
    /// Messages whose receipt less send is negative as the two clocks showed them: no error by itself.
    pub negative_delays: u64,
    /// Exchanges whose round-trip delay without the peer's residence is negative.
    pub negative_round_trips: u64,
    /// Messages credited with more than their true delay: a premise fails.
    pub over_credited: u64,
    /// By how much at most.
    pub largest_excess: Nanos,
}

/// What a row needs beside the traffic.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// True time, where known.
    pub truth: Option<&'a Truth>,
    /// The premises chosen for the run, if any hold.
    pub premises: Option<&'a Premises>,
    /// Length of the run.
    pub run: Nanos,
    /// The configured probe period.
    pub tau: Nanos,
}

/// The row of `arc`.
pub fn row(arc: Arc, traffic: &Traffic<'_>, kappa: Ppb, context: &Context<'_>) -> ArcRow {
    let sequences: BTreeSet<u64> = traffic.received.iter().map(|message| message.sequence).collect();
    let received = sequences.len() as u64;
    let timed = traffic.timed();
    let known = (timed.len() == traffic.received.len()).then_some(context.premises).flatten();
    let late = known.map(|premises| timed.iter().filter(|message| message.needs() > premises.xi).count() as u64);
    let delays = traffic.received.iter().filter_map(|message| message.truth).map(|(_, delay)| delay.0).collect();
    let excess = || timed.iter().map(|message| -message.unpredictable).filter(|excess| *excess > CLOCK_GRAIN);
    let count = timed.len() as f64;
    ArcRow {
        arc,
        sent: traffic.sent,
        received,
        duplicated: traffic.received.len() as u64 - received,
        reordered: reordered(traffic),
        late,
        mu: traffic.mu(),
        xi: context.premises.map(|premises| premises.xi),
        xi_quantile: late.filter(|_| count > 0.0).map(|late| (count - late as f64) / count),
        tau: context.tau,
        tau_eff: known.map(|premises| longest_gap(&timed, premises.xi, context.run)),
        kappa,
        delay: Quantiles::of(delays),
        twice_error_wire: errors(arc, traffic, context.truth, wire_stamps),
        twice_error_user: errors(arc, traffic, context.truth, user_stamps),
        exchanges: Source::ALL.map(|source| traffic.exchanges.iter().filter(|e| e.source() == source).count() as u64),
        lateness: Quantiles::of(traffic.lateness.clone()),
        slots_missed: slots_missed(&traffic.due, context.tau),
        negative_delays: traffic.received.iter().filter(|message| message.shown < Nanos::ZERO).count() as u64,
        negative_round_trips: traffic.exchanges.iter().filter(|e| e.sample().delay < Nanos::ZERO).count() as u64,
        over_credited: excess().count() as u64,
        largest_excess: excess().max().unwrap_or(Nanos::ZERO),
    }
}

/// True delays are differences of two instants that are each known to one nanosecond.
const CLOCK_GRAIN: Nanos = Nanos(1);

fn reordered(traffic: &Traffic<'_>) -> u64 {
    let mut newest = 0;
    let behind = |message: &&super::traffic::Message| {
        let behind = message.sequence < newest;
        newest = newest.max(message.sequence);
        behind
    };
    traffic.received.iter().filter(behind).count() as u64
}

/// Whole periods between neighbouring requests, less one each.
fn slots_missed(due: &[Time<Local>], tau: Nanos) -> u64 {
    if tau <= Nanos::ZERO {
        return 0;
    }
    let between = |pair: &[Time<Local>]| {
        let periods = (pair[1] - pair[0] + tau.over(2)).0 / tau.0;
        u64::try_from(periods.saturating_sub(1)).unwrap_or(0)
    };
    due.windows(2).map(between).fold(0, u64::saturating_add)
}

fn wire_stamps(exchange: &Exchange) -> Option<[Time<Local>; 4]> {
    (exchange.source() > Source::User).then(|| exchange.stamps())
}

fn user_stamps(exchange: &Exchange) -> Option<[Time<Local>; 4]> {
    Some([exchange.t1, exchange.t2, exchange.t3, exchange.t4].map(|point| point.user))
}

/// Twice the |error| of each exchange's offset: the error is half the difference of the two true delays.
fn errors(
    arc: Arc,
    traffic: &Traffic<'_>,
    truth: Option<&Truth>,
    stamps: fn(&Exchange) -> Option<[Time<Local>; 4]>,
) -> Option<Quantiles> {
    let truth = truth?;
    let error = |exchange: &&Exchange| {
        let [t1, t2, t3, t4] = stamps(exchange)?;
        let (asker, peer) = (|at| truth.at(arc.from, at), |at| truth.at(arc.to, at));
        let (forth, back) = (peer(t2)? - asker(t1)?, asker(t4)? - peer(t3)?);
        Some((forth - back).abs().0)
    };
    Quantiles::of(traffic.exchanges.iter().filter_map(error).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_slots_are_the_holes_between_requests() {
        let due = [0, 100, 200, 500, 600].map(Time::from_nanos);
        assert_eq!(slots_missed(&due, Nanos(100)), 2);
        assert_eq!(slots_missed(&due, Nanos(0)), 0);
        assert_eq!(slots_missed(&[Time::MIN, Time::MAX, Time::MIN], Nanos(1)), i64::MAX as u64 - 1);
    }

    #[test]
    fn quantiles_are_of_the_sorted_samples() {
        let found = Quantiles::of((1..=200).rev().collect());
        assert_eq!(found, Some(Quantiles { p50: 100, p99: 198, max: 200 }));
        assert_eq!(Quantiles::of(vec![]), None);
    }
}
