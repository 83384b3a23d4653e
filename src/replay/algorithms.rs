//! Every clock, led through the exchanges of each pair as the yardstick leads its own.
//!
//! The clock's error is (C − H) − truth just after an exchange: C is what the clock shows at t4, H the local clock that
//! t4 was read from, truth how far the reference is ahead of H. Figures are over the second half of a pair's exchanges,
//! when clocks have settled, and of those over the ones with truth.

use super::{Pair, Recording, Sample};
use crate::affine::{offset, shifted};
use crate::causal::hlc::MAX_AHEAD;
use crate::causal::{Hlc, HlcStamp};
use crate::certify::pairwise;
use crate::certify::{Delay, Message};
use crate::clock::{self, Clock, Free};
use crate::ids::{Algorithm, NodeId};
use crate::time::{Local, Nanos, Ppb, Synced, Time};
use crate::yardstick::SERVER;
use crate::yardstick::follow::{Follower, exchange};
use crate::yardstick::measure::{Size, second_half};

/// The asking node; its name is of no account to the clocks.
const NODE: NodeId = NodeId(SERVER.0 + 1);
/// The poll interval of a pair with one exchange.
const USUAL_POLL: Nanos = Nanos::from_seconds(1);
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
    /// The median distance of their t1.
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
    let poll = course.poll();
    let settings = clock::Settings { node: NODE, reference: SERVER, poll, kappa, peers: 1, nodes: 2 };
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

/// The median distance between neighbours, the lower one of two.
fn median_distance(sorted: &[Time<Local>]) -> Option<Nanos> {
    let mut distances: Vec<Nanos> = sorted.windows(2).map(|pair| pair[1] - pair[0]).collect();
    distances.sort_unstable();
    distances.get(distances.len().saturating_sub(1) / 2).copied()
}

impl Course {
    /// `samples` are in the order of t1.
    fn of(samples: &[Sample]) -> Self {
        let mut arrivals = samples.to_vec();
        arrivals.sort_by_key(|sample| sample.stamps[3]);
        Self { asks: samples.iter().map(|sample| sample.stamps[0]).collect(), arrivals }
    }

    fn poll(&self) -> Nanos {
        median_distance(&self.asks).unwrap_or(USUAL_POLL).max(Nanos(1))
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
