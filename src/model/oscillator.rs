//! A declared oscillator: how a host's local clock relates to true time.

use serde::{Deserialize, Serialize};

use super::rng::{Purpose, Rng};
use crate::affine::{Line, Map, shifted};
use crate::ids::NodeId;
use crate::time::{Local, Nanos, Ppb, Rate, Time, True};

/// How long the wander keeps one rate.
const WANDER_STEP: Nanos = Nanos::from_seconds(1);

/// After so many steps (eleven days) the wander stands still, so that no stamp can make the map grow without end.
const WANDER_STEPS: usize = 1_000_000;

/// What is declared of one node's oscillator. Together with the seed it fixes the local clock at every instant.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Declaration {
    /// Local minus true time at `epoch`.
    pub offset: Nanos,
    /// Constant part of (rate − 1).
    pub drift_ppb: Ppb,
    /// Limit of the slow random part of the rate, which starts at zero.
    pub wander_ppb: Ppb,
    /// True time in nanoseconds at which the offset holds and the wander starts.
    pub epoch_ns: i64,
    /// The run's seed.
    pub seed: u64,
    /// Size of the wander's random walk, in parts per billion per square root of a second; a tenth of its limit where none
    /// is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wander_ppb_per_sqrt_s: Option<f64>,
    /// What happens to it in time, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<Turn>,
}

/// Something that happens to an oscillator.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Turn {
    /// True time since the epoch.
    pub after: Nanos,
    /// What happens.
    pub what: Happening,
}

/// What may happen to an oscillator.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Happening {
    /// The constant part of (rate − 1) is this from now on; a clock that stood still runs again.
    Drift(Ppb),
    /// The reading jumps ahead by this much. A local clock never goes back: a negative jump is none.
    Step(Nanos),
    /// The clock stands still until the next `Drift`.
    Stop,
}

impl Declaration {
    /// How many pieces the map has that reaches to `until`, at most: what it costs.
    pub fn pieces_until(&self, until: Time<True>) -> usize {
        let steps = (until - Time::from_nanos(self.epoch_ns)).0 / WANDER_STEP.0;
        let wanders = self.wander_ppb != Ppb(0);
        let wander = if wanders { usize::try_from(steps).map_or(1, |steps| steps.min(WANDER_STEPS) + 1) } else { 1 };
        wander.saturating_add(self.turns.len())
    }

    /// No true time at which the local clock first shows `reading` is later than this. The largest, if the rate could
    /// reach zero.
    pub fn latest(&self, reading: Time<Local>) -> Time<True> {
        let start: Time<True> = Time::from_nanos(self.epoch_ns);
        // Whatever happens to the clock can hold it back until the last of it, and by all that it steps.
        let held = self.turns.iter().map(|turn| turn.after).fold(Nanos::ZERO, Nanos::max);
        let stepped = self.turns.iter().fold(Nanos::ZERO, |sum, turn| match turn.what {
            Happening::Step(step) => sum + step.abs(),
            _ => sum,
        });
        let start = start + held;
        let local = reading - shifted(Time::<True>::from_nanos(self.epoch_ns), self.offset) + stepped;
        let slowest = i128::from(Ppb::ONE.0.saturating_add(self.slowest().0).max(0));
        let span = (i128::from(local.0.max(0)) * i128::from(Ppb::ONE.0)).checked_div(slowest);
        start + span.and_then(|span| i64::try_from(span).ok()).map_or(Nanos::MAX, |span| Nanos(span) + Nanos(1))
    }

    /// The largest |rate − 1| this oscillator can have while it neither jumps nor stands still: its kappa.
    pub fn kappa(&self) -> Ppb {
        let drift = self.drifts().map(Ppb::abs).fold(Ppb(0), Ppb::max);
        Ppb(drift.0.saturating_add(self.wander_ppb.abs().0))
    }

    /// The least (rate − 1) this oscillator can have while it does not stand still. True time can be told from its readings only
    /// if that is above −1; there is no such limit to how fast it may run.
    pub fn slowest(&self) -> Ppb {
        let drift = self.drifts().fold(self.drift_ppb, Ppb::min);
        Ppb(drift.0.saturating_sub(self.wander_ppb.abs().0))
    }

    /// The constant parts of (rate − 1) that it has one after the other.
    fn drifts(&self) -> impl Iterator<Item = Ppb> {
        let drift = |turn: &Turn| if let Happening::Drift(drift) = turn.what { Some(drift) } else { None };
        std::iter::once(self.drift_ppb).chain(self.turns.iter().filter_map(drift))
    }
}

/// A local clock as a function of true time, extended piece by piece as time goes on.
#[derive(Clone, Debug)]
pub struct Oscillator {
    declared: Declaration,
    map: Map<True, Local>,
    rng: Rng,
    wander: f64,
    /// When the wander next changes.
    wanders: Time<True>,
    /// How many turns have happened.
    turned: usize,
    /// The constant part of (rate − 1); `None` while the clock stands still.
    drift: Option<Ppb>,
}

impl Oscillator {
    /// The local clock of `node` as declared. Before the epoch it runs at the constant drift.
    pub fn new(mut declared: Declaration, node: NodeId) -> Self {
        declared.turns.sort_by_key(|turn| turn.after);
        let start = Time::from_nanos(declared.epoch_ns);
        let first = Line { start, value: shifted(start, declared.offset), rate: Rate::from_ppb(declared.drift_ppb) };
        let rng = Rng::stream(declared.seed, Purpose::Wander, u64::from(node.0));
        let (wanders, drift) = (start + WANDER_STEP, Some(declared.drift_ppb));
        Self { declared, map: Map::new(first), rng, wander: 0.0, wanders, turned: 0, drift }
    }

    /// What was declared of it.
    pub fn declared(&self) -> &Declaration {
        &self.declared
    }

    /// The local reading at true time `at`. Amortised constant cost when `at` moves forward.
    pub fn local(&mut self, at: Time<True>) -> Time<Local> {
        self.extend_to(at);
        self.map.at(at)
    }

    /// The true time at which the local clock first shows `reading`.
    pub fn true_time(&mut self, reading: Time<Local>) -> Time<True> {
        loop {
            match self.next_break() {
                Some((end, value)) if reading >= value => self.extend_to(end),
                _ => return self.map.when(reading),
            }
        }
    }

    /// Whether the clock stands still at true time `at`.
    pub fn is_stopped(&mut self, at: Time<True>) -> bool {
        self.extend_to(at);
        self.map.piece_at(at).rate <= Rate::STOPPED
    }

    /// The whole map up to `until`, for exact comparison of clocks.
    pub fn map_until(&mut self, until: Time<True>) -> &Map<True, Local> {
        self.extend_to(until);
        &self.map
    }

    /// Where the rate or the reading next changes, in both clocks; `None` if neither ever does.
    fn next_break(&self) -> Option<(Time<True>, Time<Local>)> {
        let pieces = self.map.pieces();
        let wanders = self.declared.wander_ppb != Ppb(0) && pieces.len() <= WANDER_STEPS;
        let end = wanders.then_some(self.wanders).into_iter().chain(self.next_turn().map(|(at, _)| at)).min()?;
        Some((end, pieces.last()?.at(end)))
    }

    fn next_turn(&self) -> Option<(Time<True>, Happening)> {
        let turn = self.declared.turns.get(self.turned)?;
        Some((Time::from_nanos(self.declared.epoch_ns) + turn.after.max(Nanos::ZERO), turn.what))
    }

    /// Adds pieces until one covers `at`.
    fn extend_to(&mut self, at: Time<True>) {
        while let Some((start, value)) = self.next_break().filter(|(end, _)| *end <= at) {
            let jump = self.turn(start);
            self.wander(start);
            self.map.push(Line { start, value: value + jump, rate: self.rate() });
        }
    }

    /// Lets everything happen that is due at `now`, and returns how far the reading jumps.
    fn turn(&mut self, now: Time<True>) -> Nanos {
        let mut jump = Nanos::ZERO;
        while let Some((_, what)) = self.next_turn().filter(|(at, _)| *at <= now) {
            self.turned += 1;
            match what {
                Happening::Drift(drift) => self.drift = Some(drift),
                Happening::Step(by) => jump += by.max(Nanos::ZERO),
                Happening::Stop => self.drift = None,
            }
        }
        jump
    }

    /// Each second the wander takes a normal step of its declared size and is held inside the limit.
    fn wander(&mut self, now: Time<True>) {
        if self.wanders > now {
            return;
        }
        let limit = Rate::from_ppb(self.declared.wander_ppb.abs()).as_ratio();
        let step = self.declared.wander_ppb_per_sqrt_s.map_or(limit / 10.0, |ppb| ppb / 1e9);
        self.wander = (self.wander + self.rng.normal() * step).clamp(-limit, limit);
        self.wanders += WANDER_STEP;
    }

    fn rate(&self) -> Rate {
        let bound = Rate::from_ppb(self.declared.wander_ppb.abs());
        let wander = Rate::from_ratio(self.wander).clamp_to(bound);
        self.drift.map_or(Rate::STOPPED, |drift| Rate::from_ppb(drift) + wander)
    }
}

/// Offsets and drifts for `nodes` nodes: spread evenly over `[-x, +x]`, so that the injected spread is exactly `2x`, and
/// dealt to the nodes by the seed, offsets apart from drifts.
pub fn deal(nodes: u32, offset: Nanos, drift: Ppb, wander: Ppb, epoch_ns: i64, seed: u64) -> Vec<Declaration> {
    let spread = |limit: i64| -> Vec<i64> {
        let steps = i128::from(nodes.max(2) - 1);
        (0..i128::from(nodes)).map(|k| (i128::from(limit) * (2 * k - steps) / steps) as i64).collect()
    };
    let mut rng = Rng::stream(seed, Purpose::Deal, 0);
    let (mut offsets, mut drifts) = (spread(offset.0), spread(drift.0));
    rng.shuffle(&mut offsets);
    rng.shuffle(&mut drifts);
    let declare = |(offset, drift)| Declaration {
        offset: Nanos(offset),
        drift_ppb: Ppb(drift),
        wander_ppb: wander,
        epoch_ns,
        seed,
        ..Declaration::default()
    };
    offsets.into_iter().zip(drifts).map(declare).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wandering() -> Oscillator {
        let declared = Declaration {
            offset: Nanos(-777),
            drift_ppb: Ppb(50_000),
            wander_ppb: Ppb(1_000),
            epoch_ns: 5_000,
            seed: 3,
            ..Declaration::default()
        };
        Oscillator::new(declared, NodeId(1))
    }

    #[test]
    fn the_rate_stays_inside_the_declared_limit() {
        let mut oscillator = wandering();
        let until = Time::from_nanos(5_000) + Nanos::from_seconds(3_000);
        let kappa = Rate::from_ppb(oscillator.declared().kappa());
        let pieces = oscillator.map_until(until).pieces().to_vec();
        assert_eq!(pieces.len(), 3_001);
        assert!(pieces.iter().all(|p| p.rate.0.abs() <= kappa.0));
        assert!(pieces.iter().any(|p| p.rate != pieces[0].rate), "it wanders");
    }

    /// A walk of 10 ppb a step: after 100 steps of a second the rate is off by 100 ppb, root mean square.
    #[test]
    fn a_wander_grows_with_the_root_of_time() {
        let rate_after = |seconds: i64, node: u32| {
            let walk = Some(10.0);
            let declared = Declaration {
                wander_ppb: Ppb(1_000_000),
                wander_ppb_per_sqrt_s: walk,
                seed: 8,
                ..Declaration::default()
            };
            let mut oscillator = Oscillator::new(declared, NodeId(node));
            let [from, to] = [1, 999].map(|ms| Time::ZERO + Nanos::from_seconds(seconds) + Nanos::from_millis(ms));
            (oscillator.local(to) - oscillator.local(from)).0 as f64 / 0.998 - 1e9
        };
        for (seconds, expected) in [(0, 0.0), (25, 50.0), (100, 100.0)] {
            let squares = (0..500).map(|node| rate_after(seconds, node).powi(2)).sum::<f64>();
            let found = (squares / 500.0).sqrt();
            assert!((found - expected).abs() <= 0.1 * expected + 1.0, "{found} ppb after {seconds} s");
        }
    }

    #[test]
    fn true_time_is_recovered_from_the_local_reading() {
        let mut ahead = wandering();
        let mut back = wandering();
        for second in [0, 1, 59, 3_600] {
            let at = Time::from_nanos(123_456_789) + Nanos::from_seconds(second);
            let found = back.true_time(ahead.local(at));
            assert!((found - at).abs() <= Nanos(1), "{found:?} for {at:?}");
        }
    }

    #[test]
    fn what_a_map_costs_is_known_before_it_is_made() {
        let mut made = wandering();
        let declared = made.declared().clone();
        for reading in [0, 59_500_000_000, 3_600_000_000_000].map(Time::from_nanos) {
            let latest = declared.latest(reading);
            assert!(latest >= made.true_time(reading), "{latest:?}");
            assert!(declared.pieces_until(latest) >= made.map_until(latest).pieces().len());
        }
        assert_eq!(declared.pieces_until(Time::MAX), WANDER_STEPS + 1);
        let stopped = Declaration { drift_ppb: Ppb(i64::MIN), ..declared.clone() };
        let slow = Declaration { drift_ppb: Ppb(-50_000), ..declared.clone() };
        assert_eq!((stopped.latest(Time::MAX), slow.latest(Time::MAX)), (Time::MAX, Time::MAX));
    }

    #[test]
    fn what_happens_to_a_clock_happens_when_it_is_declared() {
        let turn = |seconds, what| Turn { after: Nanos::from_seconds(seconds), what };
        let turns = vec![
            turn(1, Happening::Drift(Ppb(1_000_000))),
            turn(2, Happening::Step(Nanos(5_000))),
            turn(3, Happening::Stop),
            turn(5, Happening::Drift(Ppb(0))),
        ];
        let mut clock = Oscillator::new(Declaration { turns, ..Declaration::default() }, NodeId(0));
        let mut at = |ms| clock.local(Time::ZERO + Nanos::from_millis(ms)).as_nanos();
        assert_eq!([at(1_000), at(1_999), at(2_000)], [1_000_000_000, 1_999_998_999, 2_001_004_999]);
        assert_eq!([at(3_000), at(4_999), at(6_000)], [3_002_004_998, 3_002_004_998, 4_002_004_998]);
        assert_eq!(clock.declared().kappa(), Ppb(1_000_000));
        let back = |clock: &mut Oscillator, ns| clock.true_time(Time::from_nanos(ns)).as_nanos();
        assert_eq!(back(&mut clock, 3_002_004_999), 5_000_000_001, "a clock that stands still reaches nothing");
        assert!((back(&mut clock, 2_001_002_000) - 2_000_000_000).abs() <= 1, "a jump reaches all inside it at once");
    }

    #[test]
    fn a_clock_may_race_and_true_time_is_still_recovered() {
        let turns = vec![Turn { after: Nanos::from_seconds(1), what: Happening::Drift(Ppb(10_000_000_000)) }];
        let declared = Declaration { turns, wander_ppb: Ppb(7), ..Declaration::default() };
        assert_eq!((declared.kappa(), declared.slowest()), (Ppb(10_000_000_007), Ppb(-7)));
        let mut clock = Oscillator::new(Declaration { wander_ppb: Ppb(0), ..declared.clone() }, NodeId(0));
        let reading = clock.local(Time::ZERO + Nanos::from_seconds(2));
        assert_eq!(reading.as_nanos(), 12_000_000_000, "eleven times as fast from 1 s on");
        assert_eq!(clock.true_time(reading).as_nanos(), 2_000_000_000);
        assert!(declared.latest(reading) >= clock.true_time(reading));
    }

    #[test]
    fn a_declaration_of_an_earlier_version_can_be_read() {
        let text = r#"{"offset":"5ns","drift_ppb":3,"wander_ppb":2,"epoch_ns":1,"seed":9}"#;
        let declared: Declaration = serde_json::from_str(text).unwrap();
        assert_eq!((declared.drift_ppb, declared.turns.len()), (Ppb(3), 0));
        assert_eq!(serde_json::to_string(&declared).unwrap(), text, "and is written as it was");
    }

    #[test]
    fn the_dealt_spread_is_exactly_twice_the_limit() {
        for nodes in 2..9 {
            let dealt = deal(nodes, Nanos::from_millis(10), Ppb(50_000), Ppb(0), 0, 42);
            let spread = |f: fn(&Declaration) -> i64| {
                let values = dealt.iter().map(f);
                values.clone().max().unwrap() - values.min().unwrap()
            };
            assert_eq!(spread(|d| d.offset.0), 20_000_000);
            assert_eq!(spread(|d| d.drift_ppb.0), 100_000);
        }
        assert_eq!(deal(1, Nanos(10), Ppb(10), Ppb(0), 0, 1).len(), 1);
    }
}
