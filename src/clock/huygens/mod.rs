//! Huygens: a robust line between the two directions' messages of every link, and the network effect over all links.
//!
//! Y. Geng and others, *Exploiting a natural network effect for scalable, fine-grained clock synchronization*, NSDI 2018.
//! Messages to a peer bound its offset from above, messages from it from below; of the lines between both clouds the one
//! with the widest margin is the link's offset and rate ([`widest`]), what a support vector machine finds. A late message
//! is far from the line and says nothing. Then the network effect: around a loop of links true offsets add up to zero, and
//! the least squares of all links' offsets, with the reference's clock as zero, take a part of every asymmetry out of them.
//! Where each node is at the mean of what its links say of it, given its neighbours, the sum of squares is least: so each
//! node moves there, again and again (Jacobi's iteration of the normal equations; n − 2 of n − 1 parts of an error are left
//! after a period in a full mesh of n). What a neighbour's clock shows beside its local clock is in its claim.
//!
//! Estimates: reference's clock − local clock, positive when the reference is ahead, and its rate. Inputs: exchanges with all
//! peers (stamps and claims, ns). Outputs: a [`Reading`] that slews, never jumps, and an [`ErrorBound`]: how far the clock is
//! from the walls of the latest exchange, which hold the truth wherever in the round trip the delay lay, carried along the links,
//! growing by what the corridor leaves open of the rate. A message claims the line that the clock slews to, and in the dispersion the bound.
//!
//! Coded pairs (`coded.rs`): where each request is followed by a second one a stated gap later, pairs whose gaps did not change
//! on their way met no queue, or both exchanges the same one. The latest 24 of those are remembered for up to 96 periods,
//! beside whatever else came in the latest 24: so a link's line rests on what it was like before it was busy, until it is
//! quiet again. Without pairs the latest 24 exchanges are all there is.
//!
//! Departures: the paper drops pairs that disagree. Here they stay for 24 periods, since every message bounds the truth,
//! however late it came, and only those next to the line move it: with the agreeing ones alone a link that is never quiet
//! was left with too few points, by luck from the queue, and was four times worse. The margin is hard and vertical: where no
//! line fits, the older half of the samples is forgotten. Windows are counts, not two seconds. Assumed: rates are constant
//! within a window, nobody lies, asymmetries are none or differ by link. A link that is asymmetric still moves its ends, by
//! less. Cost: an exchange some 160 passes over 48 numbers, about 5 µs, with pairs over 96 at most; 1.6 kB a peer, with
//! pairs 3 kB.

mod coded;

use std::collections::BTreeMap;

use coded::Window;

use super::{Change, Clock, ErrorBound, Reading, Settings, slew};
use crate::affine::{Line, offset, shifted};
use crate::ids::{Algorithm, NodeId};
use crate::probe::{Claim, Exchange};
use crate::time::{Local, Nanos, Rate, Synced, Time};

/// So many exchanges of a peer are looked at, or pairs of them.
const WINDOW: usize = 24;
/// Fewer give no rate.
const ENOUGH: usize = 3;
/// What is older than so many windows is of another time.
const STALE_WINDOWS: i64 = 2;
/// A pair that met no queue is kept for so many, while later ones meet queues.
const KEPT_WINDOWS: i64 = 4;
/// No two clocks differ by more in rate: twice [`slew::MAX_RATE`].
const STEEPEST: f64 = 0.02;
/// Halvings of the range of slopes: from 4 % down to 1e-15.
const STEPS: usize = 80;
/// A slew takes this share of the period, and no longer than [`LONGEST_SLEW`].
const SLEW_SHARE: i64 = 4;
const LONGEST_SLEW: Nanos = Nanos::from_seconds(1);
/// How fast the bound grows beside what the corridor leaves open of the rate: chrony's max_clock_error, 1 ppm.
const MAX_CLOCK_ERROR: f64 = 1e-6;
/// What roundings of integer nanoseconds leave open, in ns.
const GRAIN: f64 = 4.0;

/// A message: when it was sent or received here, in ns, and what bounds the peer's offset, in ns.
type Seen = (f64, f64);

/// The line y = middle + slope·x that keeps as far as possible below `above` and above `below`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Widest {
    /// The line at x = 0.
    pub middle: f64,
    /// Its slope.
    pub slope: f64,
    /// From it to the nearest message on either side, vertically; negative if no line fits.
    pub margin: f64,
}

/// The widest line between two clouds, of which neither may be empty. For each slope the margin is a minimum of lines in the
/// slope: it is concave, so that thirds of the range can be left out, one after the other.
pub fn widest(above: &[Seen], below: &[Seen]) -> Widest {
    let at = |slope: f64| {
        let ceiling = above.iter().map(|(x, y)| y - slope * x).fold(f64::INFINITY, f64::min);
        let floor = below.iter().map(|(x, y)| y - slope * x).fold(f64::NEG_INFINITY, f64::max);
        Widest { middle: floor + (ceiling - floor) / 2.0, slope, margin: (ceiling - floor) / 2.0 }
    };
    let (mut low, mut high) = (-STEEPEST, STEEPEST);
    for _ in 0..STEPS {
        let third = (high - low) / 3.0;
        let (left, right) = (at(low + third), at(high - third));
        if left.margin <= right.margin {
            low = left.slope;
        }
        if right.margin <= left.margin {
            high = right.slope;
        }
    }
    at(low.midpoint(high))
}

/// What is known of a peer.
#[derive(Clone, Debug, Default)]
struct Link {
    window: Window,
    /// The peer's local clock − ours as a line, how far the walls of the latest exchange are from it at most, and what the
    /// corridor leaves open of its rate.
    line: Option<(Line<Local, Synced>, Nanos, f64)>,
    /// The peer's clock − its local clock at `line.start`, its rate, and its bound.
    claimed: Option<(Nanos, Rate, Nanos)>,
}

/// What a link says of this clock.
#[derive(Clone, Copy, Debug)]
struct Told {
    /// The reference − the local clock, and its rate.
    ahead: Nanos,
    rate: Rate,
    /// How far that may be off, in ns, and how fast that grows.
    bound: f64,
    open: f64,
}

/// A Huygens clock.
#[derive(Clone, Debug)]
pub struct Huygens {
    settings: Settings,
    links: BTreeMap<NodeId, Link>,
    reading: Reading,
    /// What it slews to, with its bound.
    target: Option<(Line<Local, Synced>, ErrorBound)>,
}

impl Link {
    /// Takes in an exchange and fits the line anew. Of samples between which no line fits, the older half is forgotten; few
    /// give none.
    fn learn(&mut self, at: Time<Local>, stamps: [Time<Local>; 4], settings: &Settings) {
        self.window.learn(stamps, settings.pair_gap);
        self.window.forget(at - windows(KEPT_WINDOWS, settings));
        let [sent, t2, t3, received] = stamps;
        let (most, least) = (offset(t2, sent), offset(t3, received));
        self.line = loop {
            if self.window.len() < ENOUGH {
                break None;
            }
            let (line, margin, open) = self.fit(at, least);
            if margin >= Nanos::ZERO {
                let gap = |here: Time<Local>, wall: Nanos| (offset(line.at(here), here) - wall).abs();
                break Some((line, gap(sent, most).max(gap(received, least)), open));
            }
            self.window.halve();
        };
    }

    /// The widest line at `at`, its margin, and what the margin leaves open of its slope.
    fn fit(&self, at: Time<Local>, base: Nanos) -> (Line<Local, Synced>, Nanos, f64) {
        let [above, below] = self.window.clouds(at, base);
        let found = widest(&above, &below);
        let span = above.iter().map(|(x, _)| x.abs()).fold(1.0, f64::max);
        let value = shifted(at, base + Nanos(found.middle.round() as i64));
        let line = Line { start: at, value, rate: Rate::from_ratio(found.slope) };
        (line, Nanos(found.margin.floor() as i64), 2.0 * found.margin.max(0.0) / span)
    }
}

/// How long so many windows last.
fn windows(count: i64, settings: &Settings) -> Nanos {
    settings.poll.times(count * WINDOW as i64)
}

impl Huygens {
    /// A clock that knows nothing yet, unless it is the reference's.
    pub fn new(settings: &Settings) -> Self {
        Self { settings: *settings, links: BTreeMap::new(), reading: Reading::LOCAL, target: None }
    }

    fn is_reference(&self) -> bool {
        self.settings.node == self.settings.reference
    }

    /// What every link says of this clock at `at`.
    fn told(&self, at: Time<Local>) -> Vec<Told> {
        let stale = windows(STALE_WINDOWS, &self.settings);
        let told = |link: &Link| {
            let ((line, farthest, open), (ahead, rate, bound)) = (link.line?, link.claimed?);
            let age = at - line.start;
            let ahead = offset(line.at(at), at) + ahead + rate.over(age);
            let bound = (farthest + bound).0 as f64 + open * age.0 as f64;
            (age <= stale).then_some(Told { ahead, rate: line.rate + rate, bound, open })
        };
        self.links.values().filter_map(told).collect()
    }

    /// The mean of what the links say, and a bound on its error: that of the mean, or by the link to the reference.
    fn settle(&self, at: Time<Local>) -> Option<(Line<Local, Synced>, ErrorBound)> {
        let told = self.told(at);
        let count = i128::try_from(told.len()).ok().filter(|count| *count > 0)?;
        let mean =
            |of: &dyn Fn(&Told) -> i64| (told.iter().map(|told| i128::from(of(told))).sum::<i128>() / count) as i64;
        let (ahead, rate) = (Nanos(mean(&|told| told.ahead.0)), Rate(mean(&|told| told.rate.0)));
        let share = |of: &dyn Fn(&Told) -> f64| told.iter().map(of).sum::<f64>() / count as f64;
        let direct =
            self.links.get(&self.settings.reference).and_then(|link| link.line).map(|(line, farthest, open)| {
                let grown = open * (at - line.start).0 as f64;
                (offset(line.at(at), at) - ahead).abs().0 as f64 + farthest.0 as f64 + grown
            });
        let bound = share(&|told| told.bound).min(direct.unwrap_or(f64::INFINITY));
        let growth = Rate::from_ratio(share(&|told| told.open) + MAX_CLOCK_ERROR);
        let line = Line { start: at, value: shifted(at, ahead), rate: rate.clamp_to(slew::MAX_RATE) };
        Some((line, ErrorBound { initial: Nanos((bound + GRAIN).ceil() as i64), growth }))
    }
}

impl Clock for Huygens {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Huygens
    }

    fn reading(&self) -> &Reading {
        &self.reading
    }

    fn claim(&self, at: Time<Local>) -> Claim {
        let root = self.settings.reference;
        let claim = Claim { root, parent: root, ..Claim::default() };
        if self.is_reference() {
            return Claim { reading: shifted(at, Nanos::ZERO), stratum: 1, ..claim };
        }
        let Some((line, bound)) = &self.target else { return Claim { reading: self.reading.at(at), ..claim } };
        let root_dispersion = bound.initial + bound.growth.over(at - line.start);
        Claim { reading: line.at(at), rate: line.rate, stratum: 2, root_dispersion, ..claim }
    }

    fn on_exchange(&mut self, at: Time<Local>, exchange: &Exchange) -> Option<Change> {
        if self.is_reference() {
            return None;
        }
        let claim = exchange.claims.of(Algorithm::Huygens)?;
        let stamps = exchange.stamps();
        let link = self.links.entry(exchange.peer).or_default();
        link.learn(at, stamps, &self.settings);
        // From the claim's instant to now the peer's clock ran on, at its rate.
        let ahead = offset(claim.reading, exchange.t3.user) + claim.rate.over(at - stamps[3]);
        link.claimed = (claim.stratum > 0).then_some((ahead, claim.rate, claim.root_dispersion.max(Nanos::ZERO)));
        let (line, bound) = self.settle(at)?;
        let shown = self.reading.at(at);
        let slewing = self.settings.poll.over(SLEW_SHARE).min(LONGEST_SLEW);
        self.reading = slew::towards(&self.reading, at, &line, slewing);
        self.target = Some((line, bound));
        let initial = bound.initial + (line.at(at) - shown).abs();
        Some(Change {
            reading: self.reading,
            stepped: false,
            bound: Some(ErrorBound { initial, ..bound }),
            event: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::testing::settings;
    use crate::ids::Algorithms;
    use crate::model::{Purpose, Rng};
    use crate::probe::{Claims, Point};

    #[test]
    fn the_widest_line_is_that_of_the_clouds_nearest_messages() {
        // Between y = 10 + 1e-4 x and y = -6 + 1e-4 x: halfway, margin 8. Late messages change nothing.
        let line = |x: f64, y: f64| (x, y + 1e-4 * x);
        let above = [line(-100_000.0, 10.0), line(-40_000.0, 9_000.0), line(0.0, 10.0)];
        let below = [line(-90_000.0, -6.0), line(-50_000.0, -70_000.0), line(-10.0, -6.0)];
        let found = widest(&above, &below);
        assert!((found.middle - 2.0).abs() < 1e-3 && (found.margin - 8.0).abs() < 1e-3, "{found:?}");
        assert!((found.slope - 1e-4).abs() < 1e-8, "{found:?}");
        assert!(widest(&[(0.0, -1.0), (-10.0, -1.0)], &[(-5.0, 1.0)]).margin < 0.0, "no line fits");
    }

    /// No other slope of a grid has a wider margin.
    #[test]
    fn no_line_of_a_grid_is_wider() {
        let mut rng = Rng::stream(3, Purpose::Scenario, 0);
        for _ in 0..50 {
            let mut cloud = |side: f64| -> Vec<Seen> {
                (0..9).map(|k| (-1e5 * f64::from(k) - 1e4 * rng.unit(), side * (5.0 + 300.0 * rng.unit()))).collect()
            };
            let (above, below) = (cloud(1.0), cloud(-1.0));
            let found = widest(&above, &below);
            for step in -1_000..=1_000 {
                let slope = f64::from(step) * 1e-6;
                let ceiling = above.iter().map(|(x, y)| y - slope * x).fold(f64::INFINITY, f64::min);
                let floor = below.iter().map(|(x, y)| y - slope * x).fold(f64::NEG_INFINITY, f64::max);
                assert!((ceiling - floor) / 2.0 <= found.margin + 1e-6, "{slope}: {found:?}");
            }
        }
    }

    /// An exchange of `node` with a peer whose local clock and Huygens clock are ahead of it by so much; delays in ns.
    fn exchange(peer: u32, t1: i64, ahead: i64, beside: i64, (forth, back): (i64, i64)) -> Exchange {
        let point = |ns: i64| Point { user: Time::from_nanos(ns), wire: None };
        let (t2, t4) = (t1 + forth + ahead, t1 + forth + back);
        let stratum = if peer == 0 { 1 } else { 2 };
        let claim = Claim { reading: Time::from_nanos(t2 + beside), stratum, ..Claim::default() };
        let claims = Claims::made_by(Algorithms::NONE.with(Algorithm::Huygens), |_| claim);
        Exchange { peer: NodeId(peer), t1: point(t1), t2: point(t2), t3: point(t2), t4: point(t4), claims }
    }

    #[test]
    fn a_link_to_the_reference_is_followed_and_the_truth_is_within_the_bound() {
        let mut clock = Huygens::new(&settings(1, 1));
        let mut last = None;
        for k in 0..40 {
            let t1 = k * 1_000_000_000;
            let late = |turn: i64| [0, 30_000, 5_000, 90_000, 0][(turn % 5) as usize];
            // The reference gains 20 ppm.
            let ahead = 5_000_000 + t1 / 50_000;
            let exchange = exchange(0, t1, ahead, 0, (100_000 + late(k), 100_000 + late(k + 2)));
            last = clock.on_exchange(exchange.t4.user, &exchange).or(last);
        }
        let at: Time<Local> = Time::from_nanos(40_000_000_000);
        let error = offset(clock.reading().at(at), at) - Nanos(5_000_000 + 800_000);
        assert!(error.abs() < Nanos(4_000), "{error}");
        let bound = last.and_then(|change| change.bound).expect("a bound").initial;
        assert!((Nanos(100_000)..Nanos(200_000)).contains(&bound), "the least delay at least: {bound}");
    }

    /// docs/theory.md §5: round a loop of three the surplus is shared in thirds, with the reference's clock as zero. True offsets
    /// are none; the link 0–1 shows 60 us, the others nothing. Least squares: node 1 at 40, node 2 at 20.
    #[test]
    fn the_network_effect_shares_a_surplus_among_the_links_of_a_loop() {
        let mut nodes = [Huygens::new(&settings(1, 2)), Huygens::new(&settings(2, 2))];
        for k in 0..200_i64 {
            let t1 = k * 1_000_000_000;
            let shown = |node: &Huygens| node.target.as_ref().map_or(0, |(line, _)| offset(line.value, line.start).0);
            let [one, two] = [shown(&nodes[0]), shown(&nodes[1])];
            let told = [
                (0, exchange(0, t1, 0, 0, (160_000, 40_000))),
                (0, exchange(2, t1, 0, two, (100_000, 100_000))),
                (1, exchange(0, t1, 0, 0, (100_000, 100_000))),
                (1, exchange(1, t1, 0, one, (100_000, 100_000))),
            ];
            for (node, exchange) in told {
                nodes[node].on_exchange(exchange.t4.user, &exchange);
            }
        }
        let found = nodes.map(|node| node.target.map_or(0, |(line, _)| offset(line.value, line.start).0));
        assert!((found[0] - 40_000).abs() < 20 && (found[1] - 20_000).abs() < 20, "{found:?}");
    }

    #[test]
    fn no_stamps_make_it_panic_or_grow() {
        let mut clock = Huygens::new(&settings(1, 1));
        let ends = [i64::MIN, -1, 0, 1, 1_000_000_000, i64::MAX];
        for k in 0..ends.len().pow(4) {
            let stamp =
                |place: u32| Point { user: Time::from_nanos(ends[k / ends.len().pow(place) % ends.len()]), wire: None };
            let [t1, t2, t3, t4] = [0, 1, 2, 3].map(stamp);
            let exchange = Exchange { t1, t2, t3, t4, ..exchange(0, 0, 0, 0, (0, 0)) };
            clock.on_exchange(exchange.t4.user, &exchange);
            assert!(clock.reading.line.rate >= Rate::STOPPED && clock.links[&NodeId(0)].window.len() <= WINDOW);
        }
    }
}
