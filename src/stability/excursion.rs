//! How far a clock strays within a span: MTIE and the rms time interval error (ITU-T G.810).

use std::collections::VecDeque;

use super::deviation::Estimate;
use super::phase::Phase;

/// Maximum time interval error over spans of `m` steps, in seconds: the largest difference between two time errors no more
/// than `m` steps apart. Cost: O(points), with a monotone queue.
pub fn mtie(phase: &Phase, m: usize) -> Option<Estimate> {
    let mut largest: Option<f64> = None;
    let mut windows = 0;
    for segment in phase.segments.iter().filter(|segment| m > 0 && segment.len() > m) {
        let (mut high, mut low) = (Extreme::default(), Extreme::default());
        for (k, x) in segment.iter().enumerate() {
            high.push(k, *x, k.saturating_sub(m));
            low.push(k, -*x, k.saturating_sub(m));
            if k >= m {
                let range = high.largest() + low.largest();
                largest = Some(largest.map_or(range, |known| known.max(range)));
                windows += 1;
            }
        }
    }
    largest.map(|value| Estimate { value, terms: windows })
}

/// Root mean square of the time error's change over `m` steps, in seconds. A constant frequency counts.
pub fn tie_rms(phase: &Phase, m: usize) -> Option<Estimate> {
    let changes = |segment: &Vec<f64>| {
        let later = segment.iter().skip(m);
        later.zip(segment).map(|(after, before)| (after - before) * (after - before)).collect::<Vec<f64>>()
    };
    let squares: Vec<f64> = phase.segments.iter().filter(|_| m > 0).flat_map(changes).collect();
    let terms = squares.len();
    (terms > 0).then(|| Estimate { value: (squares.iter().sum::<f64>() / terms as f64).sqrt(), terms })
}

/// The largest of the values in a window that moves on.
#[derive(Default)]
struct Extreme(VecDeque<(usize, f64)>);

impl Extreme {
    fn push(&mut self, at: usize, value: f64, oldest: usize) {
        while self.0.back().is_some_and(|(_, last)| *last <= value) {
            self.0.pop_back();
        }
        self.0.push_back((at, value));
        while self.0.front().is_some_and(|(first, _)| *first < oldest) {
            self.0.pop_front();
        }
    }

    fn largest(&self) -> f64 {
        self.0.front().map_or(0.0, |(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stability::phase::Kind;
    use crate::stability::testing::thousand;

    #[test]
    fn mtie_equals_its_definition() {
        let phase = thousand();
        let x = &phase.segments[0];
        for m in [1, 2, 3, 10, 99, 500, 1_000] {
            let range = |window: &[f64]| {
                window.iter().copied().fold(f64::MIN, f64::max) - window.iter().copied().fold(f64::MAX, f64::min)
            };
            let slow = x.windows(m + 1).map(range).fold(0.0, f64::max);
            let fast = mtie(&phase, m).unwrap();
            assert_eq!((fast.value, fast.terms), (slow, x.len() - m), "{m}");
        }
        assert_eq!((mtie(&phase, 1_001), mtie(&phase, 0)), (None, None));
    }

    #[test]
    fn a_constant_frequency_strays_in_proportion_to_time() {
        let line = Phase::of(Kind::Phase, (0..50).map(|k| Some(2e-6 * f64::from(k))), 1.0);
        assert!((mtie(&line, 10).unwrap().value - 2e-5).abs() < 1e-18);
        assert!((tie_rms(&line, 10).unwrap().value - 2e-5).abs() < 1e-18);
        assert_eq!(tie_rms(&line, 10).unwrap().terms, 40);
    }

    #[test]
    fn no_window_spans_a_gap() {
        let step = |k: i32| (k != 10).then_some(if k < 10 { 0.0 } else { 1.0 });
        let phase = Phase::of(Kind::Phase, (0..20).map(step), 1.0);
        assert_eq!(mtie(&phase, 5).unwrap().value, 0.0, "the step in the gap is nobody's excursion");
        assert_eq!(tie_rms(&phase, 5).unwrap().value, 0.0);
    }
}
