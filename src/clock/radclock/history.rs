//! What is kept of past exchanges: their stamps, and by how much each took longer than the route's least round trip.

use crate::probe::Exchange;
use crate::probe::exchange::Sample;
use crate::time::{Local, Nanos, Time};

/// So many points are kept at most. When they are full the older half is thinned, of every two neighbours the better stays:
/// the recent past is dense, and of the distant past the best exchanges are known.
const CAPACITY: usize = 256;
/// T_s: what is older is forgotten, a week.
const OLDEST: Nanos = Nanos::from_seconds(7 * 86_400);
/// The route is longer if so many exchanges on end say so...
const SHIFT_EXCHANGES: usize = 64;
/// ...for so long.
const SHIFT_SPAN: Nanos = Nanos::from_seconds(1_000);
/// So many of them show how near to the least round trip exchanges come.
pub const NEAR: usize = 4;
/// A shift is larger than so many times that distance.
const SHIFT_FACTOR: i64 = 4;
/// delta: no stamp is better than this.
pub const PRECISION: Nanos = Nanos(100);

/// One exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Point {
    /// t1, t2, t3, t4: the first and last on the local clock, the others on the reference's.
    pub stamps: [Time<Local>; 4],
    /// Offset midway, reference − local, and round trip.
    pub sample: Sample,
    /// E: round trip − least round trip of the route of that time, not negative.
    pub error: Nanos,
}

impl Point {
    /// The local clock midway between request and reply.
    pub fn epoch(&self) -> Time<Local> {
        self.stamps[0] + (self.stamps[3] - self.stamps[0]).over(2)
    }

    /// The least round trip of the route of that time.
    pub fn floor(&self) -> Nanos {
        self.sample.delay - self.error
    }
}

/// The past of one reference. Cost: a pass over the points an exchange.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Oldest first.
    points: Vec<Point>,
    /// The least round trip of the present route.
    floor: Nanos,
    /// Since when points are known to be of the present route; `None`: always.
    since: Option<Time<Local>>,
    /// The least round trip of the route before this one.
    before: Option<Nanos>,
    /// Round trips that may be those of a longer route.
    trial: Option<Trial>,
}

/// Round trips on end that were all too long for the route.
#[derive(Clone, Debug)]
struct Trial {
    since: Time<Local>,
    /// A round trip that exceeds the route's least one by no more than this is none of another route.
    usual: Nanos,
    count: usize,
    /// The shortest of them, at most [`NEAR`].
    shortest: Vec<Nanos>,
}

impl Trial {
    fn add(&mut self, delay: Nanos) {
        self.count += 1;
        let place = self.shortest.partition_point(|other| *other <= delay);
        self.shortest.insert(place, delay);
        self.shortest.truncate(NEAR);
    }

    fn lasted(&self, now: Time<Local>) -> bool {
        self.count >= SHIFT_EXCHANGES && now - self.since >= SHIFT_SPAN
    }

    /// The least round trip of another route than that with the least `floor`, if that is what it was.
    fn route(&self, floor: Nanos) -> Option<Nanos> {
        let (least, near) = (*self.shortest.first()?, *self.shortest.last()?);
        is_shift(least - floor, near - least).then_some(least)
    }
}

/// Whether a change of the least round trip is too large to be chance, where exchanges come so near to it.
fn is_shift(change: Nanos, near: Nanos) -> bool {
    change > (near + PRECISION).times(SHIFT_FACTOR)
}

impl History {
    /// The points, the latest first.
    pub fn latest(&self) -> impl DoubleEndedIterator<Item = &Point> + ExactSizeIterator {
        self.points.iter().rev()
    }

    /// The least round trip of the present route.
    pub fn floor(&self) -> Nanos {
        self.floor
    }

    /// Takes an exchange in that is later than all others. A round trip shorter than the least of the route is believed at
    /// once; that the route is longer takes 64 exchanges on end and 1000 s.
    pub fn push(&mut self, exchange: &Exchange) {
        let (stamps, sample) = (exchange.stamps(), exchange.sample());
        let point = Point { stamps, sample, error: Nanos::ZERO };
        if self.points.is_empty() {
            self.floor = sample.delay;
        }
        self.forget(point.epoch());
        if sample.delay < self.floor {
            self.lower(point.epoch(), sample.delay);
        }
        self.points.push(Point { error: sample.delay - self.floor, ..point });
        self.try_longer_route(point.epoch(), sample.delay);
    }

    fn forget(&mut self, now: Time<Local>) {
        self.points.retain(|point| now - point.epoch() <= OLDEST);
        if self.points.len() >= CAPACITY {
            let recent = self.points.split_off(CAPACITY / 2);
            let better = |pair: &[Point]| pair.iter().min_by_key(|point| point.error).copied();
            let thinned = self.points.chunks(2).filter_map(better).chain(recent).collect();
            self.points = thinned;
        }
    }

    fn of_route(&mut self) -> impl Iterator<Item = &mut Point> {
        let since = self.since;
        self.points.iter_mut().filter(move |point| since.is_none_or(|since| point.epoch() >= since))
    }

    /// A round trip is shorter than the route's least one. Either the route before is back, as that one's least is nearer to it:
    /// it was a congestion that lasted. Or the route is another: earlier points are as good as they were. Or the least was not
    /// known well, and they were worse than they seemed.
    fn lower(&mut self, now: Time<Local>, delay: Nanos) {
        let drop = self.floor - delay;
        let returned = self.before.filter(|before| *before <= delay && delay - *before < drop);
        let is_known = self.of_route().count() >= SHIFT_EXCHANGES && is_shift(drop, self.ranked(NEAR - 1));
        let floor = returned.unwrap_or(delay);
        let by = self.floor - floor;
        if returned.is_some() || !is_known {
            self.of_route().for_each(|point| point.error += by);
        } else {
            self.since = Some(now);
        }
        (self.floor, self.before) = (floor, self.before.filter(|_| returned.is_none()));
    }

    /// The error of this rank among those of the present route's points.
    fn ranked(&mut self, rank: usize) -> Nanos {
        let mut errors: Vec<Nanos> = self.of_route().map(|point| point.error).collect();
        errors.sort_unstable();
        errors.get(rank).or(errors.last()).copied().unwrap_or(Nanos::ZERO)
    }

    fn try_longer_route(&mut self, now: Time<Local>, delay: Nanos) {
        let half = self.of_route().count() / 2;
        let begun = self.trial.as_ref().map(|trial| trial.usual);
        let usual = begun.unwrap_or_else(|| self.ranked(half));
        if !is_shift(delay - self.floor, usual) {
            self.trial = None;
            return;
        }
        let trial = self.trial.get_or_insert(Trial { since: now, usual, count: 0, shortest: Vec::new() });
        trial.add(delay);
        if !trial.lasted(now) {
            return;
        }
        let found = self.trial.take().and_then(|trial| Some((trial.since, trial.route(self.floor)?)));
        let Some((since, least)) = found else { return };
        (self.since, self.before, self.floor) = (Some(since), Some(self.floor), least);
        self.of_route().for_each(|point| point.error = point.sample.delay - least);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::exchange;
    use super::*;

    /// A history of so many exchanges a second apart, of which the i-th takes `delay(i)` µs each way.
    fn history(count: i64, delay: impl Fn(i64) -> i64) -> History {
        let mut history = History::default();
        (0..count).for_each(|i| history.push(&exchange(i, 0, 0, [delay(i); 2])));
        history
    }

    fn errors_us(history: &History) -> Vec<i64> {
        history.latest().map(|point| point.error.0 / 1_000).collect()
    }

    #[test]
    fn a_shorter_round_trip_shows_that_earlier_ones_were_worse() {
        let history = history(4, |i| [70, 50, 60, 40][i as usize]);
        assert_eq!((history.floor(), errors_us(&history)), (Nanos::from_micros(80), vec![0, 40, 20, 60]));
    }

    #[test]
    fn a_longer_route_is_noticed_after_1000_seconds_and_older_points_keep_their_errors() {
        let of = |count| history(count, |i| if i < 100 { 50 + i % 5 } else { 200 + i % 5 });
        assert_eq!(of(1_100).floor(), Nanos::from_micros(100));
        let after = of(1_101);
        assert_eq!(after.floor(), Nanos::from_micros(400));
        assert!(errors_us(&after).iter().all(|error| *error <= 8));
    }

    #[test]
    fn a_shorter_route_is_believed_at_once_and_older_points_keep_their_errors() {
        let after = history(101, |i| if i < 100 { 200 + i % 5 } else { 50 });
        assert_eq!(after.floor(), Nanos::from_micros(100));
        assert!(errors_us(&after).iter().all(|error| *error <= 8));
    }

    #[test]
    fn a_congestion_that_was_taken_for_a_route_is_forgotten_when_it_ends() {
        let of = |count| history(count, |i| if (60..1_200).contains(&i) { 2_050 + i % 5 } else { 50 + i % 5 });
        assert_eq!(of(1_200).floor(), Nanos::from_micros(4_100));
        let after = of(1_202);
        assert_eq!(after.floor(), Nanos::from_micros(100));
        let errors = errors_us(&after);
        assert!(errors[..2].iter().all(|error| *error <= 8), "{errors:?}");
        assert!(errors[2..100].iter().all(|error| *error >= 4_000), "the congested ones are bad: {errors:?}");
        assert!(errors.last().is_some_and(|error| *error <= 8), "those before are good: {errors:?}");
    }

    #[test]
    fn noise_is_no_route() {
        let noise = |i: i64| 50 + (i * 7_919) % 613;
        assert_eq!(history(5_000, noise).floor(), Nanos::from_micros(100));
    }

    #[test]
    fn it_is_bounded_and_keeps_the_best_of_the_distant_past() {
        let history = history(20_000, |i| if i % 1_000 == 0 { 50 } else { 80 + (i * 7_919) % 61 });
        assert!(history.latest().len() <= CAPACITY);
        let oldest = history.latest().last().expect("points");
        assert!(oldest.error < Nanos::from_micros(1) && oldest.epoch() < Time::ZERO + Nanos::from_seconds(10_000));
    }
}
