//! Exact eps: the largest clock minus the smallest, as a function of true time.
//!
//! Between breakpoints every clock is a line, so the largest is an upper envelope of lines, which is walked from switch
//! to switch; likewise the smallest. Nothing is sampled. Cost: one pass over N lines a breakpoint and a switch, O(N·B).

use super::track::Track;

/// A piece of eps(t) with its two clocks; eps is linear on it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Stretch {
    /// Where it begins, in ns of true time since the run's start.
    pub start: f64,
    /// Where it ends.
    pub end: f64,
    /// Eps just after the start, in ns.
    pub first: f64,
    /// Eps just before the end.
    pub last: f64,
    /// Index of the clock that is ahead of all.
    pub top: usize,
    /// Index of the clock that is behind all.
    pub bottom: usize,
}

impl Stretch {
    /// How long it is, in ns.
    pub fn length(&self) -> f64 {
        self.end - self.start
    }

    /// The larger of both ends: eps is linear between.
    pub fn largest(&self) -> f64 {
        self.first.max(self.last)
    }

    /// How much of the stretch has eps at most `limit`, in ns of time.
    pub fn within(&self, limit: f64) -> f64 {
        let (low, high) = (self.first.min(self.last), self.largest());
        if high <= limit {
            self.length()
        } else if low > limit {
            0.0
        } else {
            self.length() * (limit - low) / (high - low)
        }
    }

    /// Eps at `at`, which lies in the stretch.
    pub fn eps(&self, at: f64) -> f64 {
        match self.length() {
            length if length > 0.0 => self.first + (self.last - self.first) * ((at - self.start) / length),
            _ => self.first,
        }
    }
}

/// A clock near one breakpoint.
#[derive(Clone, Copy, Debug)]
struct Ray {
    value: f64,
    slope: f64,
}

/// Eps from `from` to `to` in stretches, in order and without gaps. Empty if there is no clock or no time between.
pub fn sweep(tracks: &[Track], from: f64, to: f64) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    let mut at: Vec<usize> = tracks.iter().map(|track| track.index_at(from)).collect();
    let mut start = from;
    for end in breakpoints(tracks, from, to) {
        for (index, track) in at.iter_mut().zip(tracks) {
            while track.legs().get(*index + 1).is_some_and(|next| next.start <= start) {
                *index += 1;
            }
        }
        let ray = |(index, track): (&usize, &Track)| {
            let leg = track.legs()[*index];
            Ray { value: leg.at(start), slope: leg.slope }
        };
        let rays: Vec<Ray> = at.iter().zip(tracks).map(ray).collect();
        walk(&rays, start, end, &mut stretches);
        start = end;
    }
    stretches
}

/// Every instant in `(from, to)` at which some track has a breakpoint, and then `to`.
fn breakpoints(tracks: &[Track], from: f64, to: f64) -> Vec<f64> {
    if from >= to || tracks.is_empty() {
        return Vec::new();
    }
    let inside = |at: &f64| *at > from && *at < to;
    let mut found: Vec<f64> = tracks.iter().flat_map(|t| t.legs()).map(|leg| leg.start).filter(inside).collect();
    found.sort_by(f64::total_cmp);
    found.dedup();
    found.push(to);
    found
}

/// Adds the stretches between two breakpoints.
fn walk(rays: &[Ray], start: f64, end: f64, stretches: &mut Vec<Stretch>) {
    let order = |ray: &Ray, sign: f64| (sign * ray.value, sign * ray.slope);
    let leading = |sign: f64| {
        let by = |a: &usize, b: &usize| {
            let (a, b) = (order(&rays[*a], sign), order(&rays[*b], sign));
            a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
        };
        (0..rays.len()).rev().max_by(by).unwrap_or(0)
    };
    let (mut top, mut bottom, mut at) = (leading(1.0), leading(-1.0), start);
    loop {
        let (over, under) = (overtaken(rays, top, 1.0), overtaken(rays, bottom, -1.0));
        let next = [over, under].into_iter().flatten().fold(end, |next, (after, _)| next.min(start + after)).max(at);
        let eps = |at: f64| {
            let value = |ray: &Ray| ray.value + (at - start) * ray.slope;
            (value(&rays[top]) - value(&rays[bottom])).max(0.0)
        };
        if next > at {
            stretches.push(Stretch { start: at, end: next, first: eps(at), last: eps(next), top, bottom });
        }
        if next >= end {
            return;
        }
        at = next;
        // Each switch goes to a strictly steeper line, so that the walk ends whatever rounding does.
        let switch = |leader: usize, found: Option<(f64, usize)>| match found {
            Some((after, by)) if start + after <= at => by,
            _ => leader,
        };
        (top, bottom) = (switch(top, over), switch(bottom, under));
    }
}

/// Which ray next passes the leader, and how long after the breakpoint. Of several the steepest.
fn overtaken(rays: &[Ray], leader: usize, sign: f64) -> Option<(f64, usize)> {
    let lead = rays[leader];
    let mut first: Option<(f64, usize)> = None;
    for (index, ray) in rays.iter().enumerate() {
        let closing = sign * (ray.slope - lead.slope);
        if closing > 0.0 {
            let after = sign * (lead.value - ray.value) / closing;
            let sooner =
                |(best, by): (f64, usize)| after < best || (after == best && sign * (ray.slope - rays[by].slope) > 0.0);
            if first.is_none_or(sooner) {
                first = Some((after, index));
            }
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::track::Leg;
    use proptest::prelude::*;

    fn line(value: f64, slope: f64) -> Track {
        Track::new(vec![Leg { start: 0.0, value, slope }])
    }

    #[test]
    fn the_leader_changes_where_the_lines_cross() {
        let tracks = [line(0.0, 0.0), line(10.0, -1.0), line(-5.0, 2.0)];
        let found = sweep(&tracks, 0.0, 20.0);
        let pairs: Vec<_> = found.iter().map(|s| (s.start, s.end, s.first, s.last, s.top, s.bottom)).collect();
        assert_eq!(
            pairs,
            [
                (0.0, 2.5, 15.0, 7.5, 1, 2),
                (2.5, 5.0, 7.5, 5.0, 1, 0),
                (5.0, 10.0, 5.0, 15.0, 2, 0),
                (10.0, 20.0, 15.0, 45.0, 2, 1),
            ]
        );
    }

    #[test]
    fn both_sides_of_a_step_count() {
        let step =
            Track::new(vec![Leg { start: 0.0, value: 0.0, slope: 1.0 }, Leg { start: 10.0, value: 3.0, slope: 0.0 }]);
        let found = sweep(&[step, line(0.0, 0.0)], 0.0, 20.0);
        assert_eq!(found.iter().map(Stretch::largest).fold(0.0, f64::max), 10.0);
        assert_eq!(found[1].first, 3.0);
        assert!(sweep(&[], 0.0, 1.0).is_empty() && sweep(&[line(0.0, 0.0)], 1.0, 1.0).is_empty());
    }

    fn any_track() -> impl Strategy<Value = Track> {
        let leg = (0..1_000_u32, -1_000..1_000_i32, -100..100_i32);
        prop::collection::vec(leg, 1..20).prop_map(|mut legs| {
            legs.sort_by_key(|leg| leg.0);
            legs.dedup_by_key(|leg| leg.0);
            legs[0].0 = 0;
            let leg = |(start, value, slope): (u32, i32, i32)| Leg {
                start: f64::from(start),
                value: f64::from(value),
                slope: f64::from(slope) / 50.0,
            };
            Track::new(legs.into_iter().map(leg).collect())
        })
    }

    proptest! {
        #[test]
        fn the_sweep_equals_sampling(tracks in prop::collection::vec(any_track(), 1..6), samples in prop::collection::vec(0.0..1_000.0_f64, 50)) {
            let found = sweep(&tracks, 0.0, 1_000.0);
            prop_assert_eq!((found[0].start, found[found.len() - 1].end), (0.0, 1_000.0));
            prop_assert!(found.windows(2).all(|pair| pair[0].end == pair[1].start));
            for at in samples {
                let values: Vec<f64> = tracks.iter().map(|track| track.at(at)).collect();
                let eps = values.iter().copied().fold(f64::MIN, f64::max) - values.iter().copied().fold(f64::MAX, f64::min);
                let stretch = &found[found.partition_point(|s| s.start <= at) - 1];
                prop_assert!((stretch.eps(at) - eps).abs() < 1e-6, "{} for {} at {}", stretch.eps(at), eps, at);
            }
        }
    }
}
