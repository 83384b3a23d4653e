//! Sudden changes in a stream of offsets and delays: a straight line before against a straight line after.

/// An exchange, thinned: instants in ns on the asker's clock, offset and delay in ns, all relative to the stream's first.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Point {
    /// When.
    pub at: f64,
    /// peer − asker.
    pub offset: f64,
    /// Round trip without the peer's residence.
    pub delay: f64,
}

/// How many points on either side are compared.
pub const WINDOW: usize = 20;
/// So many standard errors are no accident: with half a window of residuals below 1e-6 a comparison, were they normal.
const CERTAIN: f64 = 8.0;
/// And so many of delays: where a lower half ends is chance as well, so that its own spread says too little, by a factor of
/// two for exponential delays.
const CERTAIN_DELAY: f64 = 20.0;
/// Smaller changes than these are a busy host's: programs and queues, not clocks and routes. In ns.
const FLOOR: f64 = 50_000.0;

/// A change between two neighbouring points of a stream.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Shift {
    /// The point after it.
    pub index: usize,
    /// By how much the offset jumped, in ns.
    pub offset: f64,
    /// By how much the delay jumped, in ns.
    pub delay: f64,
    /// By how much the offset's slope changed.
    pub slope: f64,
    /// Which of the three is the change.
    pub what: What,
}

/// What changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// The delay, with as much of the offset as that explains.
    Delay,
    /// The offset, by more than the delay explains.
    Offset,
    /// The rate alone.
    Slope,
}

/// The line through the lower half of a window by delay, and how well it fits.
#[derive(Clone, Copy, Debug)]
struct Fit {
    at: f64,
    offset: f64,
    slope: f64,
    spread: f64,
    variance: f64,
    delay: f64,
    delay_variance: f64,
    begin: f64,
    end: f64,
}

const KEPT: f64 = (WINDOW / 2) as f64;

fn fit(window: &[Point]) -> Fit {
    let mut low = window.to_vec();
    low.sort_by(|a, b| a.delay.total_cmp(&b.delay));
    low.truncate(WINDOW / 2);
    let mean = |of: fn(&Point) -> f64| low.iter().map(of).sum::<f64>() / KEPT;
    let (at, offset, delay) = (mean(|p| p.at), mean(|p| p.offset), mean(|p| p.delay));
    let spread: f64 = low.iter().map(|p| (p.at - at).powi(2)).sum::<f64>().max(1.0);
    let slope = low.iter().map(|p| (p.at - at) * (p.offset - offset)).sum::<f64>() / spread;
    let residual = |p: &Point| (p.offset - offset - slope * (p.at - at)).powi(2);
    let variance = low.iter().map(residual).sum::<f64>() / (KEPT - 2.0);
    let delay_variance = low.iter().map(|p| (p.delay - delay).powi(2)).sum::<f64>() / (KEPT - 1.0);
    let (begin, end) = (window[0].at, window[window.len() - 1].at);
    Fit { at, offset, slope, spread, variance, delay, delay_variance, begin, end }
}

impl Fit {
    fn extrapolated(&self, at: f64) -> f64 {
        self.offset + self.slope * (at - self.at)
    }

    /// Squared standard error of the line at `at`.
    fn error(&self, at: f64) -> f64 {
        self.variance * (1.0 / KEPT + (at - self.at).powi(2) / self.spread)
    }
}

/// What two windows differ by, each part over what chance and the declared rates explain.
struct Difference {
    offset: f64,
    delay: f64,
    slope: f64,
    /// Of delay, offset and slope.
    scores: [f64; 3],
}

impl Difference {
    /// The difference at an instant `middle` in a gap between two points; `rates` is how much of a slope the two nodes
    /// declare.
    fn at(middle: f64, gap: f64, (before, after): (&Fit, &Fit), rates: f64) -> Self {
        let offset = after.extrapolated(middle) - before.extrapolated(middle);
        let (delay, slope) = (after.delay - before.delay, after.slope - before.slope);
        let bend = slope.abs() * (gap + (before.end - before.begin).max(after.end - after.begin) / 8.0);
        let offset_limit = (CERTAIN * (before.error(middle) + after.error(middle)).sqrt()).max(FLOOR) + bend;
        let delay_limit = (CERTAIN_DELAY * ((before.delay_variance + after.delay_variance) / KEPT).sqrt()).max(FLOOR);
        let slope_error = (before.variance / before.spread + after.variance / after.spread).sqrt();
        let slope_limit = rates + CERTAIN * slope_error + 4.0 * FLOOR / (after.end - before.begin).max(1.0);
        let scores = [delay.abs() / delay_limit, offset.abs() / offset_limit, slope.abs() / slope_limit];
        Self { offset, delay, slope, scores }
    }

    fn score(&self) -> f64 {
        self.scores.iter().copied().fold(0.0, f64::max)
    }

    /// What changed. An offset that moves by no more than half the delay does is that of a route.
    fn what(&self) -> Option<What> {
        let [delay, offset, slope] = self.scores;
        let offset_limit = if offset > 0.0 { self.offset.abs() / offset } else { 0.0 };
        if delay > 1.0 && self.offset.abs() <= self.delay.abs() / 2.0 + offset_limit {
            Some(What::Delay)
        } else if offset > 1.0 {
            Some(What::Offset)
        } else {
            (slope > 1.0).then_some(What::Slope)
        }
    }
}

/// Where the change is: the windows overlap in what their lower halves leave out, so every point is asked which of the two
/// lines, or of the two delays, it is nearer to.
fn refined(points: &[Point], index: usize, before: &Fit, after: &Fit, by_delay: bool) -> usize {
    let distance = |fit: &Fit, point: &Point| {
        let away = if by_delay { point.delay - fit.delay } else { point.offset - fit.extrapolated(point.at) };
        away.abs()
    };
    let near = index - WINDOW..(index + WINDOW).min(points.len());
    let gain = |point: &Point| distance(before, point) - distance(after, point);
    let (mut sum, mut best) = (0.0, (0.0, near.start));
    for place in near {
        // To begin after this point costs what it is nearer to the later line.
        sum += gain(&points[place]);
        if sum < best.0 {
            best = (sum, place + 1);
        }
    }
    best.1.clamp(1, points.len() - 1)
}

/// The change that two windows around `index` show, at its own place.
fn located(points: &[Point], index: usize, fits: (&Fit, &Fit), rates: f64) -> Option<Shift> {
    let difference = |index: usize| {
        let (last, first) = (points[index - 1].at, points[index].at);
        Difference::at(f64::midpoint(last, first), first - last, fits, rates)
    };
    let by_delay = difference(index).what()? == What::Delay;
    let index = refined(points, index, fits.0, fits.1, by_delay);
    let found = difference(index);
    let (offset, delay, slope, what) = (found.offset, found.delay, found.slope, found.what()?);
    Some(Shift { index, offset, delay, slope, what })
}

/// The changes of a stream in order, the clearest first where they are within a window of each other.
/// O(n · window) and the sorting of what stands out.
pub fn shifts(points: &[Point], rates: f64) -> Vec<Shift> {
    let fits: Vec<Fit> = points.windows(WINDOW).map(fit).collect();
    let score = |index: usize| {
        let (before, after) = (&fits[index - WINDOW], &fits[index]);
        let (middle, gap) = (f64::midpoint(before.end, after.begin), after.begin - before.end);
        Difference::at(middle, gap, (before, after), rates).score()
    };
    let mut found: Vec<(f64, usize)> =
        (WINDOW..fits.len()).map(|index| (score(index), index)).filter(|(score, _)| *score > 1.0).collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let (mut taken, mut shifts) = (vec![false; points.len() + WINDOW], Vec::new());
    for (_, index) in found {
        if !taken[index] {
            taken[index - WINDOW..index + WINDOW].fill(true);
            shifts.extend(located(points, index, (&fits[index - WINDOW], &fits[index]), rates));
        }
    }
    shifts.sort_by_key(|shift| shift.index);
    shifts
}
