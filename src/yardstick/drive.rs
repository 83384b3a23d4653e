//! One clock led through one condition, watched once a second.

use super::condition::Condition;
use super::follow::{Follower, exchange};
use crate::affine::{offset, shifted};
use crate::clock::Clock;
use crate::model::{Oscillator, Path};
use crate::probe::Exchange;
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
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pending {
    /// When the reply arrives.
    pub arrives: Time<True>,
    /// Its stamps; the server's are true time.
    pub exchange: Exchange,
}

/// Leads the clock of `client` through the condition. The first request is sent at once and one more each poll interval
/// of true time. What arrives at the very second that is looked at is not seen yet.
pub fn drive(condition: &Condition, client: usize, seed: u64, clock: &mut dyn Clock) -> Trace {
    let mut follower = Follower::new(clock);
    let mut oscillator = condition.oscillator(client, seed);
    let paths = condition.paths(client, seed);
    let seconds = condition.duration.0 / crate::time::NANOS_PER_SECOND;
    let mut pending: Vec<Pending> = Vec::new();
    let mut trace = Vec::with_capacity(usize::try_from(seconds).unwrap_or(0));
    let mut sends = Time::<True>::ZERO;
    for second in 0..=seconds {
        let now = Time::<True>::ZERO + Nanos::from_seconds(second);
        while sends < now {
            follower.ask(oscillator.local(sends));
            pending.extend(ask(&mut oscillator, &paths, sends));
            sends += condition.poll;
        }
        pending.sort_by_key(|exchange| exchange.arrives);
        let arrived = pending.partition_point(|exchange| exchange.arrives < now);
        pending.drain(..arrived).for_each(|pending| follower.hear(&pending.exchange));
        if second > 0 {
            trace.push(look(&follower, oscillator.local(now), now));
        }
    }
    trace
}

/// Every exchange that a client completes in the condition, in the order of the requests.
pub fn exchanges(condition: &Condition, client: usize, seed: u64) -> Vec<Pending> {
    let mut oscillator = condition.oscillator(client, seed);
    let paths = condition.paths(client, seed);
    let end = Time::<True>::ZERO + condition.duration;
    let sends = std::iter::successors(Some(Time::<True>::ZERO), |sends| Some(*sends + condition.poll));
    let sent = sends.take_while(|sends| *sends < end);
    sent.filter_map(|sends| ask(&mut oscillator, &paths, sends)).filter(|pending| pending.arrives < end).collect()
}

/// Sends a request at `now`; its exchange, unless a message is lost.
fn ask(oscillator: &mut Oscillator, paths: &[Path; 2], now: Time<True>) -> Option<Pending> {
    let after = now - Time::ZERO;
    let id = after.0 as u64;
    let forth = paths[0].deliveries(id, after).next()?;
    let back = paths[1].deliveries(id, after + forth).next()?;
    let (served, arrives) = (now + forth, now + forth + back);
    let server: Time<Local> = shifted(served, Nanos::ZERO);
    let stamps = [oscillator.local(now), server, server, oscillator.local(arrives)];
    Some(Pending { arrives, exchange: exchange(stamps) })
}

fn look(follower: &Follower<'_>, at: Time<Local>, now: Time<True>) -> Moment {
    let offset = offset(follower.reading(at), now);
    Moment { offset, bound: follower.bound(at), deviation: follower.deviation(at) }
}

#[cfg(test)]
mod tests {
    use super::super::SERVER;
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
