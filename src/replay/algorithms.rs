//! Every clock, led through the exchanges of each pair as the yardstick leads its own.
//!
//! The clock's error is (C − H) − truth just after an exchange: C is what the clock shows at t4, H the local clock that
//! t4 was read from, truth how far the reference is ahead of H. Figures are over the second half of a pair's exchanges,
//! when clocks have settled, and of those over the ones with truth.

use std::ops::RangeInclusive;

use super::{Pair, Recording, Sample};
use crate::affine::{offset, shifted};
use crate::causal::hlc::MAX_AHEAD;
use crate::causal::{Hlc, HlcStamp};
use crate::certify::pairwise;
use crate::certify::{Delay, Message};
use crate::clock::{self, Clock, Free};
use crate::ids::{Algorithm, NodeId};
use crate::probe::pair;
use crate::time::{Local, Nanos, Ppb, Synced, Time};
use crate::yardstick::SERVER;
use crate::yardstick::follow::{Follower, exchange};
use crate::yardstick::measure::{Size, second_half};

/// The asking node; its name is of no account to the clocks.
const NODE: NodeId = NodeId(SERVER.0 + 1);
/// The poll interval of a pair with one exchange.
const USUAL_POLL: Nanos = Nanos::from_seconds(1);
/// Share of the requests that are the second of a pair, if there are pairs, in per cent: some may be lost.
const PAIRED_PER_CENT: RangeInclusive<usize> = 25..=60;
/// Pairs are farther from each other than their two requests by this factor at least.
const APART: i64 = 8;
/// The name of the row of what is proved.
pub const CERTIFICATE: &str = "certificate";
/// Progress is told so often.
const TELL_EVERY: usize = 1_024;

/// How one algorithm did on a pair.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// Its name.
    pub algorithm: &'static str,
    /// Its errors, if truth is known.
    pub errors: Option<Size>,
    /// Share of the judged exchanges after which |error| was within the clock's own bound; for the certificate, truth in
    /// the interval. `None` without truth and for a clock that states no bound.
    pub coverage: Option<f64>,
}

/// How all did on a pair.
#[derive(Clone, PartialEq, Debug)]
pub struct Judged {
    /// The pair.
    pub pair: Pair,
    /// How many exchanges there are.
    pub samples: usize,
    /// How many of them count: of the second half those with truth.
    pub judged: usize,
    /// The median distance of their t1, or of the first t1 of each pair.
    pub poll: Nanos,
    /// After how many exchanges the certificate's interval was empty: the stamps then contradict the assumed kappa.
    pub contradicted: usize,
    /// The algorithms.
    pub outcomes: Vec<Outcome>,
}

/// What an algorithm shows after an exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Shown {
    /// The estimate less the local clock.
    ahead: Nanos,
    /// How far the truth may be below and above the estimate.
    bound: Option<(Nanos, Nanos)>,
}

/// The exchanges of a pair as they happened.
struct Course {
    asks: Vec<Time<Local>>,
    arrivals: Vec<Sample>,
}

/// Leads every algorithm through every pair. Both clocks of a pair are assumed to keep within `kappa` of a rate of one:
/// certificate and interval clock rest on it. A pair is a mesh of two, of whom none may be wrong. `tell` is told the share that is done.
pub fn judge(recording: &Recording, kappa: Ppb, mut tell: impl FnMut(f64)) -> Vec<Judged> {
    let total = recording.exchanges.values().map(Vec::len).sum::<usize>() * Algorithm::ALL.len();
    let mut done = 0;
    let mut step = || {
        done += 1;
        if done % TELL_EVERY == 0 {
            tell(done as f64 / total as f64);
        }
    };
    recording.exchanges.iter().map(|(pair, samples)| judge_pair(pair, samples, kappa, &mut step)).collect()
}

fn judge_pair(pair: &Pair, samples: &[Sample], kappa: Ppb, step: &mut impl FnMut()) -> Judged {
    let course = Course::of(samples);
    let Rhythm { poll, pair_gap } = Rhythm::of(&course.asks);
    let settings = clock::Settings { node: NODE, reference: SERVER, poll, pair_gap, kappa, peers: 1, nodes: 2 };
    let led = Algorithm::ALL.into_iter().filter_map(|algorithm| {
        let shown = course.lead_any(algorithm, &settings, step)?;
        Some(course.outcome(algorithm.name(), &shown))
    });
    let mut outcomes: Vec<Outcome> = led.collect();
    let proved = course.certify(kappa);
    outcomes.push(course.outcome(CERTIFICATE, &proved));
    let contradicted = proved.iter().filter(|shown| shown.bound.is_some_and(|(low, high)| low + high < Nanos::ZERO));
    let judged = second_half(&course.arrivals).iter().filter(|sample| sample.truth.is_some()).count();
    Judged { pair: pair.clone(), samples: samples.len(), judged, poll, contradicted: contradicted.count(), outcomes }
}

/// When requests were sent: the median period and, where they came in pairs, the median gap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Rhythm {
    poll: Nanos,
    pair_gap: Option<Nanos>,
}

impl Rhythm {
    /// Of the requests in order. They are pairs if about half of them come very soon after the one before.
    fn of(asks: &[Time<Local>]) -> Self {
        let distances: Vec<Nanos> = asks.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let near = |distance: &Nanos| *distance <= pair::LONGEST;
        let seconds: Vec<Nanos> = distances.iter().copied().filter(near).collect();
        let first =
            asks.iter().take(1).chain(asks.iter().skip(1).zip(&distances).filter(|(_, d)| !near(d)).map(|(at, _)| at));
        let firsts: Vec<Time<Local>> = first.copied().collect();
        let apart = median(firsts.windows(2).map(|pair| pair[1] - pair[0]).collect());
        let paired = apart.zip(median(seconds.clone())).filter(|(poll, gap)| {
            let share = PAIRED_PER_CENT.contains(&(100 * seconds.len() / asks.len()));
            share && *gap > Nanos::ZERO && gap.times(APART) <= *poll
        });
        match paired {
            Some((poll, gap)) => Self { poll, pair_gap: Some(gap) },
            None => Self { poll: median(distances).unwrap_or(USUAL_POLL).max(Nanos(1)), pair_gap: None },
        }
    }
}

/// The lower one of two.
fn median(mut all: Vec<Nanos>) -> Option<Nanos> {
    all.sort_unstable();
    all.get(all.len().saturating_sub(1) / 2).copied()
}

impl Course {
    /// `samples` are in the order of t1.
    fn of(samples: &[Sample]) -> Self {
        let mut arrivals = samples.to_vec();
        arrivals.sort_by_key(|sample| sample.stamps[3]);
        Self { asks: samples.iter().map(|sample| sample.stamps[0]).collect(), arrivals }
    }

    /// What a clock of `algorithm` shows after each exchange; `None` for a host's own system clock, of which there are no
    /// readings.
    fn lead_any(
        &self,
        algorithm: Algorithm,
        settings: &clock::Settings,
        step: &mut impl FnMut(),
    ) -> Option<Vec<Shown>> {
        match algorithm {
            Algorithm::Free => Some(self.lead(&mut Free, step)),
            Algorithm::Hlc => Some(self.lead_hybrid(clock::new(Algorithm::Ntp, settings)?.as_mut(), step)),
            other => Some(self.lead(clock::new(other, settings)?.as_mut(), step)),
        }
    }

    /// What a clock shows after each exchange.
    fn lead(&self, clock: &mut dyn Clock, step: &mut impl FnMut()) -> Vec<Shown> {
        let mut follower = Follower::new(clock);
        let mut asks = self.asks.iter().peekable();
        let each = |sample: &Sample| {
            let at = sample.stamps[3];
            while let Some(asked) = asks.next_if(|asked| **asked <= at) {
                follower.ask(*asked);
            }
            follower.hear(&exchange(sample.stamps));
            step();
            Shown { ahead: offset(follower.reading(at), at), bound: follower.bound(at).map(|bound| (bound, bound)) }
        };
        self.arrivals.iter().map(each).collect()
    }

    /// What a hybrid clock on top of that one shows: a request is a send, a reply carries the reference's
    /// reading at t3 as its stamp. It states no bound.
    fn lead_hybrid(&self, beneath: &mut dyn Clock, step: &mut impl FnMut()) -> Vec<Shown> {
        let mut follower = Follower::new(beneath);
        let mut hlc = Hlc::new(MAX_AHEAD);
        let mut asks = self.asks.iter().peekable();
        let each = |sample: &Sample| {
            let [.., answered, at] = sample.stamps;
            while let Some(asked) = asks.next_if(|asked| **asked <= at) {
                hlc.tick(follower.reading(*asked));
                follower.ask(*asked);
            }
            let heard: Time<Synced> = shifted(answered, Nanos::ZERO);
            // A stamp too far ahead leaves the clock as it is.
            let _ = hlc.merge(follower.reading(at), HlcStamp { l: heard, c: 0 });
            follower.hear(&exchange(sample.stamps));
            step();
            Shown { ahead: offset(hlc.reading(follower.reading(at)), at), bound: None }
        };
        self.arrivals.iter().map(each).collect()
    }

    /// The middle of what is proved of the reference's clock at each t4, from all exchanges before and after it, and the
    /// ends of that interval. Nothing is assumed of delays but that they are not negative.
    fn certify(&self, kappa: Ppb) -> Vec<Shown> {
        let message = |sent: Time<Local>, received, sequence| Message { sent, received, sequence };
        let stamps = || (0..).zip(&self.arrivals).map(|(sequence, sample)| (sequence, sample.stamps));
        let mut there: Vec<Message> = stamps().map(|(sequence, [t1, t2, ..])| message(t1, t2, sequence)).collect();
        there.sort_by_key(|message| message.sent);
        let back: Vec<Message> = stamps().map(|(sequence, [.., t3, t4])| message(t3, t4, sequence)).collect();
        let instants: Vec<Time<Local>> = self.arrivals.iter().map(|sample| sample.stamps[3]).collect();
        let any = Delay::default();
        let pair = pairwise::Pair { own_kappa: kappa, other_kappa: kappa, there: any, back: any, tick: Nanos(1) };
        let intervals = pair.intervals(&there, &back, &instants);
        let shown = intervals.iter().zip(&instants).map(|(interval, at)| {
            let (low, high) = (interval.low - *at, interval.high - *at);
            let ahead = low.mean(high);
            Shown { ahead, bound: Some((ahead - low, high - ahead)) }
        });
        shown.collect()
    }

    fn outcome(&self, algorithm: &'static str, shown: &[Shown]) -> Outcome {
        let judged = || {
            let steady = second_half(&self.arrivals).iter().zip(second_half(shown));
            steady.filter_map(|(sample, shown)| Some((shown.ahead - sample.truth?, shown.bound)))
        };
        let count = judged().count();
        let states_bounds = judged().any(|(_, bound)| bound.is_some());
        let held = judged().filter(|(error, bound)| {
            // The truth is below the estimate by the error.
            bound.is_some_and(|(below, above)| -above <= *error && *error <= below)
        });
        Outcome {
            algorithm,
            errors: (count > 0).then(|| Size::of(judged().map(|(error, _)| error))),
            coverage: states_bounds.then(|| held.count() as f64 / count as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rhythm(asks_us: impl Iterator<Item = i64>) -> (Nanos, Option<Nanos>) {
        let asks: Vec<Time<Local>> = asks_us.map(|us| Time::ZERO + Nanos::from_micros(us)).collect();
        let Rhythm { poll, pair_gap } = Rhythm::of(&asks);
        (poll, pair_gap)
    }

    #[test]
    fn pairs_are_known_by_their_times() {
        let second = 1_000_000;
        let pairs = |lost: i64| (0..60).filter(move |k| k % 7 != lost).map(move |k| k / 2 * second + k % 2 * 20);
        let found = (Nanos::from_seconds(1), Some(Nanos::from_micros(20)));
        assert_eq!(rhythm(pairs(9)), found);
        assert_eq!(rhythm(pairs(3)), found, "one exchange of seven is lost");
        assert_eq!(rhythm((0..60).map(|k| k * second)), (Nanos::from_seconds(1), None));
        assert_eq!(
            rhythm((0..60).map(|k| k * 500)),
            (Nanos::from_micros(500), None),
            "a thousand a second and no pairs"
        );
        let bursts = (0..64).map(|k| k / 8 * 64 * second + k % 8 * 2 * second);
        assert_eq!(rhythm(bursts), (Nanos::from_seconds(2), None), "ntpd's bursts of eight");
        assert_eq!(rhythm([7].into_iter()), (USUAL_POLL, None));
    }
}
