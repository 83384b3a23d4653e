//! One clock led through one condition, watched once a second.

use super::SERVER;
use super::condition::Condition;
use crate::affine::{offset, shifted};
use crate::clock::{Clock, ErrorBound, Message};
use crate::model::{Oscillator, Path};
use crate::probe::{Claim, Claims, Exchange, Point};
use crate::time::{Local, Nanos, Time, True};

/// A clock at one whole second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// The clock − true time.
    pub offset: Nanos,
    /// How far from true time it says that it may be at most, if it does.
    pub bound: Option<Nanos>,
    /// Its own standard error, if it states one.
    pub deviation: Option<Nanos>,
}

/// A clock at every whole second, from the first on.
pub type Trace = Vec<Moment>;

/// An exchange under way: when its reply arrives, and its stamps.
struct Pending {
    arrives: Time<True>,
    exchange: Exchange,
}

/// Leads the clock of `client` through the condition. The first request is sent at once and one more each poll interval
/// of true time. What arrives at the very second that is looked at is not seen yet.
pub fn drive(condition: &Condition, client: usize, seed: u64, clock: &mut dyn Clock) -> Trace {
    let mut oscillator = condition.oscillator(client, seed);
    let paths = condition.paths(client, seed);
    let seconds = condition.duration.0 / crate::time::NANOS_PER_SECOND;
    let mut pending: Vec<Pending> = Vec::new();
    let mut bound: Option<(Time<Local>, ErrorBound)> = None;
    let mut trace = Vec::with_capacity(usize::try_from(seconds).unwrap_or(0));
    let mut sends = Time::<True>::ZERO;
    for second in 0..=seconds {
        let now = Time::<True>::ZERO + Nanos::from_seconds(second);
        while sends < now {
            pending.extend(ask(clock, &mut oscillator, &paths, sends));
            sends += condition.poll;
        }
        pending.sort_by_key(|exchange| exchange.arrives);
        let arrived = pending.partition_point(|exchange| exchange.arrives < now);
        for Pending { exchange, .. } in pending.drain(..arrived) {
            bound = answer(clock, &exchange).or(bound);
        }
        if second > 0 {
            trace.push(look(clock, bound, oscillator.local(now), now));
        }
    }
    trace
}

/// Sends a request at `now`; its exchange, unless a message is lost.
fn ask(clock: &mut dyn Clock, oscillator: &mut Oscillator, paths: &[Path; 2], now: Time<True>) -> Option<Pending> {
    let t1 = oscillator.local(now);
    clock.on_slot(t1);
    let after = now - Time::ZERO;
    let id = after.0 as u64;
    let forth = paths[0].deliveries(id, after).next()?;
    let back = paths[1].deliveries(id, after + forth).next()?;
    let (served, arrives) = (now + forth, now + forth + back);
    let server: Time<Local> = shifted(served, Nanos::ZERO);
    let claim =
        Claim { reading: shifted(server, Nanos::ZERO), stratum: 1, root: SERVER, parent: SERVER, ..Claim::default() };
    let [t1, t2, t3, t4] = [t1, server, server, oscillator.local(arrives)].map(|user| Point { user, wire: None });
    Some(Pending { arrives, exchange: Exchange { peer: SERVER, t1, t2, t3, t4, claims: Claims::from_fn(|_| claim) } })
}

/// Gives the clock the reply as a message and then as an exchange; the bound that it states.
fn answer(clock: &mut dyn Clock, exchange: &Exchange) -> Option<(Time<Local>, ErrorBound)> {
    let at = exchange.t4.user;
    let claim = exchange.claims.of(crate::ids::Algorithm::Ntp)?;
    clock.on_message(&Message { from: SERVER, at, credit: Nanos::ZERO, claim });
    let change = clock.on_exchange(at, exchange)?;
    change.bound.map(|bound| (change.reading.line.start, bound))
}

fn look(clock: &dyn Clock, bound: Option<(Time<Local>, ErrorBound)>, at: Time<Local>, now: Time<True>) -> Moment {
    let bound = bound.map(|(from, bound)| bound.initial + bound.growth.over(at - from));
    Moment { offset: offset(clock.reading().at(at), now), bound, deviation: clock.deviation(at) }
}

#[cfg(test)]
mod tests {
    use super::super::condition::{cells, node};
    use super::*;
    use crate::clock::Free;

    #[test]
    fn a_clock_that_is_never_corrected_is_off_by_its_oscillator() {
        let cell = Condition { duration: Nanos::from_seconds(100), ..cells()[0].clone() };
        let trace = drive(&cell, 0, 1, &mut Free);
        assert_eq!(trace.len(), 100);
        let mut oscillator = cell.oscillator(0, 1);
        let at = Time::ZERO + Nanos::from_seconds(100);
        assert_eq!(trace[99].offset, offset(oscillator.local(at), at));
        assert_eq!((trace[99].bound, trace[99].deviation), (None, None));
    }

    /// Notes the exchanges that it is given.
    #[derive(Default)]
    struct Witness(Vec<Exchange>);

    impl Clock for Witness {
        fn algorithm(&self) -> crate::ids::Algorithm {
            crate::ids::Algorithm::Free
        }

        fn reading(&self) -> &crate::clock::Reading {
            &crate::clock::Reading::LOCAL
        }

        fn on_exchange(&mut self, _: Time<Local>, exchange: &Exchange) -> Option<crate::clock::Change> {
            self.0.push(exchange.clone());
            None
        }
    }

    #[test]
    fn delays_are_those_of_the_model_and_one_exchange_a_poll() {
        for cell in [&cells()[0], &cells()[3]] {
            let cell = Condition { duration: Nanos::from_seconds(4_000), ..cell.clone() };
            let mut witness = Witness::default();
            drive(&cell, 4, 3, &mut witness);
            assert_eq!(witness.0.len(), 4_000);
            let trips: Vec<f64> = witness.0.iter().map(|exchange| exchange.sample().delay.as_seconds()).collect();
            let (least, mean) = (cell.least[0].as_seconds(), trips.iter().sum::<f64>() / 4_000.0);
            let crate::model::Jitter::Exponential { mean: jitter } = cell.jitter[0] else {
                unreachable!("of the cells")
            };
            assert!(trips.iter().all(|trip| *trip >= 2.0 * least - 1e-6), "{least}");
            assert!(((mean - 2.0 * least) / (2.0 * jitter.as_seconds()) - 1.0).abs() < 0.05, "{mean}");
            assert_eq!(witness.0[7].peer, SERVER);
            assert_ne!(node(4), SERVER);
        }
    }
}
