//! A queue before an arc, with busy spans: what a message waits behind other people's traffic, first in, first out.

use serde::{Deserialize, Serialize};

use super::jitter::exponential;
use super::rng::{Purpose, Rng};
use crate::time::Nanos;

/// So many trains back can delay a message. At a load of 0.9 one wait in some forty would be longer, at 0.8 one in some ten thousand
/// (docs/theory.md §13 "Declared worlds").
const LOOK_BACK: i64 = 256;
/// No train takes longer than so many mean ones.
const LONGEST: f64 = 40.0;

/// Spans of time in which others use an arc too: one in each period, at a drawn place. Meanwhile their trains of packets
/// come at random, one in each slot of length train/load, and take an exponential time to leave. Between the spans the
/// queue is empty. Messages themselves take no time in it, and none overtakes another but where the cut shortens its wait.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// The period.
    pub every: Nanos,
    /// How long each busy span lasts.
    pub lasting: Nanos,
    /// Share of the busy span that the others' traffic takes, above 0 to 0.9.
    pub load_share: f64,
    /// How long a train takes to leave, on the mean.
    pub train: Nanos,
}

impl Queue {
    /// How long a message waits that comes `after` the start. A function of the arc's stream and the time alone: Lindley's
    /// recursion over the trains of its busy span. Cost: two draws for each of 256 trains at most.
    pub fn wait(&self, stream: u64, after: Nanos) -> Nanos {
        self.wait_behind(LOOK_BACK, stream, after)
    }

    /// The same where so many trains back count.
    fn wait_behind(&self, look_back: i64, stream: u64, after: Nanos) -> Nanos {
        let every = self.every.0.max(1);
        let (period, within) = (after.0.div_euclid(every), after.0.rem_euclid(every));
        let room = (every - self.lasting.0).max(0) as u64;
        let began = Rng::stream(stream, Purpose::Queue, period as u64).below(room + 1) as i64;
        if !(began..began.saturating_add(self.lasting.0)).contains(&within) {
            return Nanos::ZERO;
        }
        let slot = ((self.train.0 as f64 / self.load_share) as i64).max(1);
        let now = within - began;
        let trains = (0.max(now / slot - look_back)..=now / slot).map(|number| {
            let mut rng = Rng::stream(stream ^ period as u64, Purpose::Queue, !(number as u64));
            let came = number * slot + rng.below(slot as u64) as i64;
            (came, (self.train.0 as f64 * exponential(&mut rng).min(LONGEST)) as i64)
        });
        // When the queue will be empty again.
        let empty = trains.filter(|(came, _)| *came <= now).fold(0, |empty, (came, takes)| came.max(empty) + takes);
        Nanos((empty - now).max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: Queue = Queue {
        every: Nanos::from_seconds(10),
        lasting: Nanos::from_seconds(4),
        load_share: 0.6,
        train: Nanos::from_micros(100),
    };

    #[test]
    fn a_queue_is_busy_for_as_long_and_as_much_as_it_says() {
        let waits: Vec<i64> = (0..100_000).map(|k| BUSY.wait(3, Nanos(k * 1_000_003)).0).collect();
        let share = waits.iter().filter(|wait| **wait > 0).count() as f64 / 100_000.0;
        // A server with this load is busy for 0.6 of the time, here in 0.4 of the time.
        assert!((share / 0.24 - 1.0).abs() < 0.05, "{share}");
        // Poisson arrivals would wait load/(1 - load) trains on the mean (M/M/1), 150 us; these come more evenly.
        let mean = waits.iter().sum::<i64>() as f64 / 40_000.0;
        assert!((60e3..150e3).contains(&mean), "{mean} ns");
    }

    #[test]
    fn the_cut_shortens_few_waits_at_the_heaviest_load_and_hardly_any_at_lighter_ones() {
        // A busy span of 1,600 and 1,800 trains, looked at from the 500th on; another one each time.
        let shortened = |load_share| {
            let span = Nanos::from_millis(200);
            let queue = Queue { every: span, lasting: span, load_share, ..BUSY };
            let instants = (0..1_500).map(|k| Nanos(span.0 * k + 63_000_000 + k * 91_337));
            let stream = 0x9E37_79B9_7F4A_7C15;
            let waits = instants.map(|at| (queue.wait(stream, at), queue.wait_behind(i64::MAX / 2, stream, at)));
            let cut: Vec<Nanos> = waits.map(|(found, whole)| whole - found).collect();
            assert!(cut.iter().all(|cut| *cut >= Nanos::ZERO), "never longer");
            cut.into_iter().filter(|cut| *cut > Nanos::ZERO).count()
        };
        assert!(shortened(0.8) <= 1);
        let heaviest = shortened(0.9);
        assert!((15..=75).contains(&heaviest), "{heaviest} of 1,500");
    }

    /// What tells queues: the second of two messages never overtakes the first, and if no train came between, catches up.
    #[test]
    fn none_overtakes_another() {
        let gap = 10_000;
        let pairs =
            (0..50_000).map(|k| Nanos(k * 190_001)).map(|at| [BUSY.wait(9, at).0, BUSY.wait(9, at + Nanos(gap)).0]);
        let mut caught_up = 0;
        for [first, second] in pairs.filter(|pair| pair[0] > 0) {
            assert!(second >= first - gap, "{first} {second}");
            caught_up += usize::from(second == (first - gap).max(0));
        }
        assert!(caught_up > 3_000, "{caught_up}");
    }
}
