//! Straight lines under and between clouds of stamps: the relative rate of two clocks as an interval (A. Duda, G. Harrus,
//! Y. Haddad, G. Bernard, *Estimating global time in distributed systems*, ICDCS 1987), and the skew of one direction
//! (S. Moon, P. Skelly, D. Towsley, INFOCOM 1999; L. Zhang, Z. Liu, C. Xia, INFOCOM 2002). Exact: all numbers are integers.
//!
//! The model is H_j = alpha + beta·H_i with a constant beta. A message from i to j lies above that line at (S_i, R_j), one
//! from j to i below it at (R_i, S_j). Both rest on constant rates: a temperature that moves, moves them.

use crate::time::Ppb;

/// Stamps further out than this, 36 years in ns, are no stamps: it keeps products within 128 bits.
const FARTHEST: i64 = 1 << 60;
const BILLION: i128 = Ppb::ONE.0 as i128;

/// A point: the one clock's reading, and the other's less it, both in ns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Point {
    /// The one clock.
    pub x: i64,
    /// The other clock less the one.
    pub gap: i64,
}

impl Point {
    /// A point, unless it is further out than any stamp can be.
    pub fn new(x: i64, gap: i64) -> Option<Self> {
        let near = |number: i64| (-FARTHEST..=FARTHEST).contains(&number);
        (near(x) && near(gap)).then_some(Self { x, gap })
    }

    fn mirrored(self) -> Self {
        Self { x: -self.x, ..self }
    }
}

/// A slope as a fraction with a positive denominator.
#[derive(Clone, Copy, Debug)]
struct Slope {
    rise: i128,
    run: i128,
}

impl Slope {
    fn between(from: Point, to: Point) -> Self {
        Self { rise: wide(to.gap) - wide(from.gap), run: wide(to.x) - wide(from.x) }
    }

    fn is_below(&self, other: &Self) -> bool {
        self.rise * other.run < other.rise * self.run
    }

    fn ppb_down(&self) -> Ppb {
        clamped((self.rise * BILLION).div_euclid(self.run))
    }

    fn ppb_up(&self) -> Ppb {
        clamped(-(-self.rise * BILLION).div_euclid(self.run))
    }
}

fn wide(number: i64) -> i128 {
    i128::from(number)
}

fn clamped(number: i128) -> Ppb {
    Ppb(number.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
}

/// What all lines between two clouds have in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Corridor {
    /// beta − 1 is in here, rounded outward; an end without points to limit it is open.
    Open {
        /// Not below.
        low: Option<Ppb>,
        /// Not above.
        high: Option<Ppb>,
    },
    /// No line fits: a rate was not constant, a clock was set, or a minimum delay is overstated.
    Empty,
}

/// The slopes of all lines that leave `above` (forward points) above them and `below` (backward points) below. Eliminating
/// alpha leaves one condition for each pair of a point above and one below; hulls find the sharpest. Cost: O(n log n).
pub fn corridor(above: &[Point], below: &[Point]) -> Corridor {
    if crosses(above, below) {
        return Corridor::Empty;
    }
    let mirror = |points: &[Point]| points.iter().map(|point| point.mirrored()).collect::<Vec<_>>();
    let most = least_slope(above, below);
    let least = least_slope(&mirror(above), &mirror(below)).map(|slope| Slope { rise: -slope.rise, ..slope });
    match (least, most) {
        (Some(least), Some(most)) if most.is_below(&least) => Corridor::Empty,
        _ => Corridor::Open { low: least.map(|least| least.ppb_down()), high: most.map(|most| most.ppb_up()) },
    }
}

/// Whether two points of one instant contradict each other.
fn crosses(above: &[Point], below: &[Point]) -> bool {
    let mut lowest = above.to_vec();
    lowest.sort_unstable();
    lowest.dedup_by_key(|point| point.x);
    let at = |x: i64| lowest.binary_search_by_key(&x, |point| point.x).ok().map(|index| lowest[index].gap);
    below.iter().any(|point| at(point.x).is_some_and(|gap| gap < point.gap))
}

/// The least slope from any point of `below` to a later one of `above`.
fn least_slope(above: &[Point], below: &[Point]) -> Option<Slope> {
    let (mut above, mut below) = (above.to_vec(), below.to_vec());
    above.sort_unstable();
    below.sort_unstable();
    let mut earlier = below.into_iter().peekable();
    let (mut hull, mut least) = (Vec::new(), None::<Slope>);
    for point in above {
        while let Some(next) = earlier.next_if(|next| next.x < point.x) {
            push_upper(&mut hull, next);
        }
        // Along the upper hull the next corner is above the line from this one to the point until the tangent is found.
        let is_steep = |at: usize| {
            let (here, next) = (Slope::between(hull[at], point), Slope::between(hull[at + 1], point));
            next.is_below(&here)
        };
        let Some(last) = hull.len().checked_sub(1) else { continue };
        let slope = Slope::between(hull[first_not(last, is_steep)], point);
        if least.is_none_or(|least| slope.is_below(&least)) {
            least = Some(slope);
        }
    }
    least
}

/// The first of `0..end` for which `holds` is false, or `end`; true ones come first.
fn first_not(end: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, end);
    while low < high {
        let middle = low.midpoint(high);
        if holds(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

/// Adds the rightmost point to an upper hull.
fn push_upper(hull: &mut Vec<Point>, point: Point) {
    if hull.last().is_some_and(|last| last.x == point.x) {
        hull.pop();
    }
    while let [.., before, last] = hull[..] {
        if Slope::between(before, last).is_below(&Slope::between(before, point)) {
            hull.pop();
        } else {
            break;
        }
    }
    hull.push(point);
}

/// The line under one direction's points that has the least sum of distances to them: the edge of the lower hull over the
/// mean instant. What is above it is jitter, without the offset and skew of the two clocks.
#[derive(Clone, Copy, Debug)]
pub struct Floor {
    from: Point,
    slope: Slope,
}

impl Floor {
    /// The floor of `points`; `None` unless they are of two instants at least. Cost: O(n log n).
    pub fn under(points: &[Point]) -> Option<Self> {
        let mut sorted: Vec<Point> = points.iter().map(|point| Point { gap: -point.gap, ..*point }).collect();
        sorted.sort_unstable();
        let mut hull = Vec::new();
        sorted.iter().for_each(|point| push_upper(&mut hull, *point));
        let sum: i128 = sorted.iter().map(|point| wide(point.x)).sum();
        let count = sorted.len() as i128;
        let over = hull.windows(2).find(|edge| wide(edge[1].x) * count >= sum)?;
        let [from, to] = [over[0], over[1]].map(|point| Point { gap: -point.gap, ..point });
        Some(Self { from, slope: Slope::between(from, to) })
    }

    /// beta − 1 as this one direction shows it.
    pub fn rate(&self) -> Ppb {
        self.slope.ppb_down()
    }

    /// The floor at `x`, in ns, rounded up.
    pub fn at(&self, x: i64) -> i64 {
        self.height(Point { x, gap: 0 }).saturating_neg()
    }

    /// How far a point is above the floor, in ns, rounded down; below zero where it is under the floor of other points.
    pub fn height(&self, point: Point) -> i64 {
        let rise = self.slope.rise * (wide(point.x) - wide(self.from.x));
        let floor = wide(self.from.gap) * self.slope.run + rise;
        clamped((wide(point.gap) * self.slope.run - floor).div_euclid(self.slope.run)).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn points(of: &[(i64, i64)]) -> Vec<Point> {
        of.iter().map(|(x, gap)| Point::new(*x, *gap).unwrap()).collect()
    }

    /// Eliminating alpha, pair by pair: the ends of the interval as floating-point numbers.
    fn by_pairs(above: &[Point], below: &[Point]) -> Option<(f64, f64)> {
        let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
        for (u, l) in above.iter().flat_map(|u| below.iter().map(move |l| (u, l))) {
            let (rise, run) = ((u.gap - l.gap) as f64, (u.x - l.x) as f64);
            match run {
                run if run > 0.0 => high = high.min(rise / run),
                run if run < 0.0 => low = low.max(rise / run),
                _ if rise < 0.0 => return None,
                _ => {}
            }
        }
        (low <= high).then_some((low, high))
    }

    #[test]
    fn two_points_without_noise_on_each_side_give_the_rate_exactly() {
        // docs/theory.md §1.3: gap = 700 + 20 ppm, exactly met by two forward and two backward points, the others above or below.
        let line = |x: i64| 700 + x / 50_000;
        let exact = [0, 1_000_000_000, 2_000_000_000, 4_000_000_000];
        let above =
            [exact[0], exact[3], 3_000_000_000].map(|x| (x, line(x) + if x == 3_000_000_000 { 900 } else { 0 }));
        let below = [exact[1], exact[2], 500_000_000].map(|x| (x, line(x) - if x == 500_000_000 { 900 } else { 0 }));
        let found = corridor(&points(&above), &points(&below));
        assert_eq!(found, Corridor::Open { low: Some(Ppb(20_000)), high: Some(Ppb(20_000)) });
        assert_eq!(Floor::under(&points(&above)).unwrap().rate(), Ppb(20_000));
    }

    #[test]
    fn a_clock_that_was_set_leaves_no_line() {
        let (mut above, mut below): (Vec<_>, Vec<_>) = (0..20).map(|k| ((k * 100, 50), (k * 100 + 50, 40))).unzip();
        let fits = |above: &[(i64, i64)], below: &[(i64, i64)]| corridor(&points(above), &points(below));
        assert!(matches!(fits(&above, &below), Corridor::Open { low: Some(low), high: Some(high) } if low <= high));
        above[10..].iter_mut().chain(&mut below[10..]).for_each(|(_, gap)| *gap += 100_000);
        assert_eq!(fits(&above, &below), Corridor::Empty);
        assert_eq!(fits(&[(5, 1)], &[(5, 2)]), Corridor::Empty);
    }

    #[test]
    fn one_direction_alone_has_no_interval() {
        let above = points(&[(0, 5), (10, 6)]);
        assert_eq!(corridor(&above, &[]), Corridor::Open { low: None, high: None });
        assert!(Floor::under(&above[..1]).is_none() && Floor::under(&points(&[(3, 1), (3, 9)])).is_none());
    }

    #[test]
    fn the_floor_leaves_the_jitter() {
        let jitter = |k: i64| if k % 5 == 0 { 0 } else { (k * 7_919) % 1_000 };
        let cloud: Vec<Point> =
            (0..101).map(|k| Point { x: k * 1_000_000, gap: -5_000 - k * 30 + jitter(k) }).collect();
        let floor = Floor::under(&cloud).unwrap();
        assert_eq!(floor.rate(), Ppb(-30_000));
        (0..101).for_each(|k| assert_eq!(floor.height(cloud[k as usize]), jitter(k)));
    }

    #[test]
    fn hostile_points_are_no_points() {
        assert_eq!(Point::new(i64::MIN, 0), None);
        let far = points(&[(-FARTHEST, FARTHEST), (FARTHEST, -FARTHEST)]);
        let _ = (corridor(&far, &far), Floor::under(&far).unwrap().height(far[0]));
    }

    proptest! {
        #[test]
        fn the_corridor_is_that_of_all_pairs(above in prop::collection::vec((0..60_i64, -20..60_i64), 0..25),
                                             below in prop::collection::vec((0..60_i64, -60..20_i64), 0..25)) {
            let (above, below) = (points(&above), points(&below));
            match (corridor(&above, &below), by_pairs(&above, &below)) {
                (Corridor::Empty, found) => prop_assert_eq!(found, None),
                (Corridor::Open { low, high }, Some((least, most))) => {
                    prop_assert_eq!(low.map(|low| low.0 as f64), least.is_finite().then_some((least * 1e9 + 1e-3).floor()));
                    prop_assert_eq!(high.map(|high| high.0 as f64), most.is_finite().then_some((most * 1e9 - 1e-3).ceil()));
                }
                (found, None) => prop_assert!(false, "{:?} where nothing fits", found),
            }
        }

        #[test]
        fn no_line_under_the_points_is_nearer_to_them(cloud in prop::collection::vec((0..50_i64, 0..50_i64), 2..20)) {
            let cloud = points(&cloud);
            if let Some(floor) = Floor::under(&cloud) {
                let height = |point: &Point| point.gap as f64 - floor.from.gap as f64
                    - (point.x - floor.from.x) as f64 * floor.slope.rise as f64 / floor.slope.run as f64;
                prop_assert!(cloud.iter().all(|point| height(point) > -1e-9));
                let sum: f64 = cloud.iter().map(height).sum();
                for (a, b) in cloud.iter().flat_map(|a| cloud.iter().map(move |b| (a, b))).filter(|(a, b)| a.x < b.x) {
                    let slope = (b.gap - a.gap) as f64 / (b.x - a.x) as f64;
                    let over = |point: &Point| point.gap as f64 - a.gap as f64 - (point.x - a.x) as f64 * slope;
                    if cloud.iter().all(|point| over(point) > -1e-9) {
                        prop_assert!(sum <= cloud.iter().map(over).sum::<f64>() + 1e-6);
                    }
                }
            }
        }
    }
}
