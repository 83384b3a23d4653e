//! Exact eps: the largest clock minus the smallest, as a function of true time.
//!
//! Every clock is a line between its breakpoints. The larger of two clocks is found by walking along both; of many, by
//! pairing them until one is left, and likewise for the smallest. Nothing is sampled. Cost: O(L log N) for L pieces of N
//! clocks, so that a thousand clocks cost little more for each of their pieces than two do.

use super::track::{Leg, Track};

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

/// The clock that leads from `start` on, until the next piece does: `leg` of track number `by`.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Piece {
    start: f64,
    by: usize,
    leg: Leg,
}

/// Eps from `from` to `to` in stretches, in order and without gaps. Empty if there is no clock or no time between.
pub fn sweep(tracks: &[Track], from: f64, to: f64) -> Vec<Stretch> {
    if from >= to || tracks.is_empty() {
        return Vec::new();
    }
    let (tops, bottoms) = (leaders(tracks, 1.0, from, to), leaders(tracks, -1.0, from, to));
    let mut stretches = Vec::with_capacity(tops.len() + bottoms.len());
    together(&tops, &bottoms, to, |start, end, top, bottom| {
        let eps = |at: f64| (top.leg.at(at) + bottom.leg.at(at)).max(0.0);
        stretches.push(Stretch { start, end, first: eps(start), last: eps(end), top: top.by, bottom: bottom.by });
    });
    stretches
}

/// The largest of all tracks times `sign`. Of tracks that coincide the first one leads.
fn leaders(tracks: &[Track], sign: f64, from: f64, to: f64) -> Vec<Piece> {
    let mut envelopes: Vec<Vec<Piece>> =
        tracks.iter().enumerate().map(|(by, track)| pieces(by, track, sign, from, to)).collect();
    while envelopes.len() > 1 {
        let larger = |pair: &[Vec<Piece>]| match pair {
            [one, other] => larger(one, other, to),
            rest => rest.concat(),
        };
        envelopes = envelopes.chunks(2).map(larger).collect();
    }
    envelopes.pop().unwrap_or_default()
}

/// The legs of one track times `sign`, between `from` and `to`.
fn pieces(by: usize, track: &Track, sign: f64, from: f64, to: f64) -> Vec<Piece> {
    let legs = track.legs()[track.index_at(from)..].iter().take_while(|leg| leg.start < to);
    let signed = |leg: &Leg| Leg { start: leg.start, value: sign * leg.value, slope: sign * leg.slope };
    let mut pieces: Vec<Piece> = legs.map(|leg| Piece { start: leg.start, by, leg: signed(leg) }).collect();
    if pieces.is_empty() {
        pieces.extend(track.legs().first().map(|leg| Piece { start: from, by, leg: signed(leg) }));
    }
    pieces[0].start = from;
    pieces
}

/// The larger of two envelopes. Where both are lines they cross once at most.
fn larger(one: &[Piece], other: &[Piece], to: f64) -> Vec<Piece> {
    let mut found: Vec<Piece> = Vec::with_capacity(one.len() + other.len());
    let mut lead = |start: f64, piece: &Piece| {
        if found.last().is_none_or(|last| (last.by, last.leg) != (piece.by, piece.leg)) {
            found.push(Piece { start, ..*piece });
        }
    };
    together(one, other, to, |start, end, a, b| {
        let ahead = a.leg.at(start) - b.leg.at(start);
        let closing = b.leg.slope - a.leg.slope;
        let (first, then, closing) =
            if ahead > 0.0 || (ahead == 0.0 && closing <= 0.0) { (a, b, closing) } else { (b, a, -closing) };
        lead(start, first);
        let crossing = start + ahead.abs() / closing;
        if closing > 0.0 && crossing < end {
            lead(crossing, then);
        }
    });
    found
}

/// Every span up to `to` in which both are one piece. Both begin at the same time.
fn together(one: &[Piece], other: &[Piece], to: f64, mut span: impl FnMut(f64, f64, &Piece, &Piece)) {
    let (mut i, mut j) = (0, 0);
    while let (Some(a), Some(b)) = (one.get(i), other.get(j)) {
        let end = |next: Option<&Piece>| next.map_or(to, |next| next.start);
        let (a_end, b_end) = (end(one.get(i + 1)), end(other.get(j + 1)));
        let (from, until) = (a.start.max(b.start), a_end.min(b_end));
        if from < until {
            span(from, until, a, b);
        }
        i += usize::from(a_end <= until);
        j += usize::from(b_end <= until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
