use super::*;
use crate::affine::offset;
use crate::model::{Purpose, Rng};
use crate::probe::{Claims, Point};

const REFERENCE: NodeId = NodeId(7);

/// An exchange begun at a whole second of the local clock, with a reference that is `ahead_us` at local zero and gains `ppm`;
/// the delays there and back in µs.
pub fn exchange(second: i64, ahead_us: i64, ppm: i64, delays_us: [i64; 2]) -> Exchange {
    let sent: Time<Local> = Time::ZERO + Nanos::from_seconds(second);
    let arrived = sent + Nanos::from_micros(delays_us[0]);
    let back = arrived + Nanos::from_micros(delays_us[1]);
    let there = arrived + truth(arrived, ahead_us, ppm);
    let [t1, t2, t3, t4] = [sent, there, there, back].map(|user| Point { user, wire: None });
    Exchange { peer: REFERENCE, t1, t2, t3, t4, claims: Claims::default() }
}

/// How far the reference is ahead at a local time.
fn truth(at: Time<Local>, ahead_us: i64, ppm: i64) -> Nanos {
    Nanos::from_micros(ahead_us) + Nanos(((at - Time::ZERO).0 as i128 * i128::from(ppm) / 1_000_000) as i64)
}

/// A clock and what it said last.
struct Run {
    clock: Radclock,
    bound: Option<(Time<Local>, ErrorBound)>,
}

impl Run {
    fn new() -> Self {
        Self { clock: Radclock::new(REFERENCE), bound: None }
    }

    fn hear(&mut self, exchange: &Exchange) {
        let at = exchange.t4.user;
        if let Some(change) = self.clock.on_exchange(at, exchange) {
            assert!(!change.stepped && change.reading == *self.clock.reading());
            self.bound = change.bound.map(|bound| (at, bound)).or(self.bound);
        }
    }

    /// clock − reference at a whole second and a half, by when slews are over, and the bound there.
    fn error(&self, second: i64, ahead_us: i64, ppm: i64) -> (Nanos, Nanos) {
        let at = Time::ZERO + Nanos::from_millis(1_000 * second + 500);
        let bound = self.bound.map_or(Nanos::MAX, |(from, bound)| bound.initial + bound.growth.over(at - from));
        (offset(self.clock.reading().at(at), at) - truth(at, ahead_us, ppm), bound)
    }
}

/// Exponential waits of that mean in µs.
fn wait(rng: &mut Rng, mean_us: f64) -> i64 {
    (-mean_us * crate::real::ln(1.0 - rng.unit())) as i64
}

#[test]
fn a_constant_rate_and_delay_are_recovered_exactly() {
    let mut run = Run::new();
    (0..300).for_each(|second| run.hear(&exchange(second, -80_000, 40, [150, 150])));
    let (error, bound) = run.error(299, -80_000, 40);
    assert!(error.abs() <= Nanos(5), "{error}");
    assert!(bound > Nanos::from_micros(150) && bound < Nanos::from_micros(152), "half the round trip: {bound}");
    let hour = Nanos::from_seconds(3_600);
    let lasted = run.clock.difference(hour) - hour;
    assert!((lasted - Nanos::from_micros(144_000)).abs() < Nanos::from_micros(4), "40 ppm of it: {lasted}");
}

#[test]
fn the_bias_is_half_the_asymmetry_and_the_bound_covers_it() {
    let mut rng = Rng::stream(1, Purpose::Scenario, 0);
    for (forth, back) in [(300, 100), (100, 300), (400, 0)] {
        let mut run = Run::new();
        for second in 0..2_000 {
            let delays = [forth + wait(&mut rng, 20.0), back + wait(&mut rng, 20.0)];
            run.hear(&exchange(second, 5_000, -10, delays));
        }
        let (error, bound) = run.error(1_999, 5_000, -10);
        let bias = Nanos::from_micros((forth - back) / 2);
        assert!((error - bias).abs() < Nanos::from_micros(3), "{error} for {bias}");
        assert!(error.abs() <= bound, "{error} {bound}");
    }
}

#[test]
fn a_burst_of_congestion_is_ignored() {
    let mut rng = Rng::stream(2, Purpose::Scenario, 0);
    let mut run = Run::new();
    let (mut worst, mut covered) = (Nanos::ZERO, 0);
    for second in 0..3_000 {
        // One-sided, so that the middle of such an exchange is wrong by a millisecond.
        let held_up = if second % 1_000 >= 800 { 2_000 } else { 0 };
        let delays = [100 + held_up + wait(&mut rng, 20.0), 100 + wait(&mut rng, 20.0)];
        run.hear(&exchange(second, 0, 30, delays));
        let (error, bound) = run.error(second, 0, 30);
        covered += i32::from(error.abs() <= bound);
        worst = if second > 500 { worst.max(error.abs()) } else { worst };
    }
    assert!(worst < Nanos::from_micros(12), "{worst}");
    assert_eq!(covered, 3_000, "a bound that is not stated is none");
}

#[test]
fn another_route_is_learned_and_the_offset_kept() {
    for (before, after) in [(150, 900), (900, 150)] {
        let mut rng = Rng::stream(3, Purpose::Scenario, 0);
        let mut run = Run::new();
        let mut worst = Nanos::ZERO;
        for second in 0..2_400 {
            let least = if second < 1_000 { before } else { after };
            let delays = [least + wait(&mut rng, 20.0), least + wait(&mut rng, 20.0)];
            run.hear(&exchange(second, 700, -20, delays));
            let (error, bound) = run.error(second, 700, -20);
            assert!(error.abs() <= bound, "{before} to {after}, {second}: {error} {bound}");
            worst = if second > 500 { worst.max(error.abs()) } else { worst };
        }
        let floor = run.clock.history.floor();
        assert!((floor - Nanos::from_micros(2 * after)).abs() < Nanos::from_micros(12), "{floor}");
        assert!(worst < Nanos::from_micros(12), "{before} to {after}: {worst}");
    }
}

#[test]
fn a_false_reading_is_ignored_and_a_lasting_one_believed() {
    let mut run = Run::new();
    (0..100).for_each(|second| run.hear(&exchange(second, 0, 10, [100, 100])));
    (100..102).for_each(|second| run.hear(&exchange(second, 50_000, 10, [100, 100])));
    let (error, bound) = run.error(101, 0, 10);
    assert!(error.abs() < Nanos::from_micros(1), "two lies: {error}");
    assert!(bound > Nanos::from_millis(50), "but who knows: {bound}");
    run.hear(&exchange(102, 0, 10, [100, 100]));
    assert!(run.error(102, 0, 10).1 < Nanos::from_micros(200), "refuted");
    (103..111).for_each(|second| run.hear(&exchange(second, 50_000, 10, [100, 100])));
    let (error, _) = run.error(110, 50_000, 10);
    assert!(error.abs() < Nanos::from_micros(20), "three on end: {error}");
}

/// Its claim in simulation: jitter of 20 µs on 100 µs, a rate that wanders; every second of ten runs.
#[test]
fn its_bound_holds_and_its_standard_error_is_of_the_right_size() {
    let (mut held, mut count, mut surprise) = (0, 0, 0.0);
    for seed in 0..10 {
        let mut rng = Rng::stream(seed, Purpose::Scenario, 0);
        let mut run = Run::new();
        let (mut gained, mut rate) = (0.0, 1_000.0 * rng.unit());
        for second in 0..1_000 {
            rate += rng.normal();
            gained += rate;
            let ahead = (gained / 1_000.0) as i64;
            let delays = [100 + wait(&mut rng, 20.0), 100 + wait(&mut rng, 20.0)];
            run.hear(&exchange(second, ahead, 0, delays));
            if second > 300 {
                let (error, bound) = run.error(second, ahead, 0);
                let deviation = run.clock.deviation(Time::ZERO + Nanos::from_seconds(second)).expect("a deviation");
                held += i64::from(error.abs() <= bound);
                surprise += (error.0 as f64 / deviation.0 as f64).powi(2);
                count += 1;
            }
        }
    }
    let surprise = (surprise / count as f64).sqrt();
    assert_eq!(held, count);
    assert!((0.5..1.6).contains(&surprise), "rms of error over standard error: {surprise}");
}

#[test]
fn others_than_the_reference_are_never_followed() {
    let mut clock = Radclock::new(NodeId(3));
    let exchange = exchange(1, 5, 0, [10, 10]);
    assert_eq!(clock.on_exchange(exchange.t4.user, &exchange), None);
}

#[test]
fn no_stamps_make_it_panic_or_stop() {
    let mut clock = Radclock::new(REFERENCE);
    let ends = [i64::MIN, -1, 0, 1, 1_000_000_000, i64::MAX];
    for k in 0..2 * ends.len().pow(4) {
        let stamp =
            |place: u32| Point { user: Time::from_nanos(ends[k / ends.len().pow(place) % ends.len()]), wire: None };
        let exchange = Exchange { t1: stamp(0), t2: stamp(1), t3: stamp(2), t4: stamp(3), ..exchange(0, 0, 0, [0, 0]) };
        clock.on_exchange(exchange.t4.user, &exchange);
        assert!(clock.reading.line.rate >= Rate::STOPPED, "{exchange:?}");
    }
    // A plain reference is followed again.
    for second in 0..40 {
        let exchange = exchange(second, 30, 0, [100, 100]);
        clock.on_exchange(exchange.t4.user, &exchange);
    }
    let estimate = clock.estimate.expect("an estimate");
    assert!((estimate.offset - Nanos::from_micros(30)).abs() < Nanos(10), "{estimate:?}");
}
