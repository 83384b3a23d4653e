//! A scenario's local clock as a declaration that a journal can carry.

use std::collections::BTreeSet;

use super::scenario::{Event, Scenario};
use crate::model::oscillator::{Declaration, Happening, Turn};
use crate::time::{Nanos, Ppb};

/// The rate of a stuck clock: a thousandth. One that really stood still could not be told from truth: all that its node
/// does meanwhile would bear one stamp.
const STUCK: Ppb = Ppb(-999_000_000);

/// The local clock of `node` with all that happens to it, and its declared kappa: what the scenario states, else what its
/// drift, walk and frequency steps can reach. Faults (a stuck or racing clock) are no part of it.
pub fn declare(scenario: &Scenario, seed: u64, node: u32) -> (Declaration, Ppb) {
    let all = &scenario.oscillators;
    let (mut offset, mut drift) = all.draw(seed, node);
    for own in scenario.own_oscillators.iter().filter(|own| own.node == node) {
        (offset, drift) = (own.offset.unwrap_or(offset), own.drift_ppm.map_or(drift, Ppb::from_ppm));
    }
    let healthy = History::of(scenario, seed, node, drift, Faults::Left);
    let declared = Declaration {
        offset,
        drift_ppb: drift,
        wander_ppb: Ppb::from_ppm(all.wander_limit_ppm),
        epoch_ns: 0,
        seed,
        wander_ppb_per_sqrt_s: Some(all.wander_ppb_per_sqrt_s),
        turns: healthy.turns(),
    };
    let kappa = all.kappa_ppm.map_or_else(|| declared.kappa(), Ppb::from_ppm);
    (Declaration { turns: History::of(scenario, seed, node, drift, Faults::Taken).turns(), ..declared }, kappa)
}

/// Whether faults count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Faults {
    Taken,
    Left,
}

/// Everything that happens to one clock.
struct History {
    drift: Ppb,
    /// From when on the temperature adds how much.
    temperature: Vec<(Nanos, Ppb)>,
    /// From when on the rate is that much larger, for ever.
    steps: Vec<(Nanos, Ppb)>,
    /// Jumps.
    jumps: Vec<(Nanos, Nanos)>,
    /// Spans in which the clock stands still, is stuck, or races.
    held: Vec<(Nanos, Nanos, Hold)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hold {
    Suspended,
    Stuck,
    Racing(Ppb),
}

impl History {
    fn of(scenario: &Scenario, seed: u64, node: u32, drift: Ppb, faults: Faults) -> Self {
        let temperature = scenario.oscillators.temperature;
        let temperature = temperature.map_or_else(Vec::new, |t| t.steps(seed, node, scenario.duration));
        let mut history = Self { drift, temperature, steps: Vec::new(), jumps: Vec::new(), held: Vec::new() };
        for event in &scenario.events {
            let (at, until) = event.span();
            let until = until.unwrap_or(Nanos::MAX);
            match event {
                Event::FrequencyStep { node: whose, by_ppm, .. } if *whose == node => {
                    history.steps.push((at, Ppb::from_ppm(*by_ppm)));
                }
                Event::Suspend { node: whose, .. } if *whose == node => history.held.push((at, until, Hold::Suspended)),
                _ if faults == Faults::Left => {}
                Event::ClockStep { node: whose, by, .. } if *whose == node => history.jumps.push((at, *by)),
                Event::StuckClock { node: whose, .. } if *whose == node => history.held.push((at, until, Hold::Stuck)),
                Event::RacingClock { node: whose, by_ppm, .. } if *whose == node => {
                    history.held.push((at, until, Hold::Racing(Ppb::from_ppm(*by_ppm))));
                }
                _ => {}
            }
        }
        history
    }

    /// What an oscillator has to do, in order.
    fn turns(&self) -> Vec<Turn> {
        let instants = self.temperature.iter().chain(&self.steps).map(|(at, _)| *at);
        let instants: BTreeSet<Nanos> =
            instants.chain(self.held.iter().flat_map(|(at, until, _)| [*at, *until])).collect();
        let jumps = self.jumps.iter().map(|(at, by)| Turn { after: *at, what: Happening::Step(*by) });
        let rates = instants.into_iter().filter(|at| *at < Nanos::MAX);
        let rates = rates.map(|after| Turn { after, what: self.at(after) });
        let mut turns: Vec<Turn> = jumps.chain(rates).collect();
        turns.sort_by_key(|turn| turn.after);
        turns
    }

    /// How the clock runs from `at` on.
    fn at(&self, at: Nanos) -> Happening {
        let holds =
            || self.held.iter().filter(|(from, until, _)| (*from..*until).contains(&at)).map(|(.., hold)| *hold);
        if holds().any(|hold| hold == Hold::Suspended) {
            return Happening::Stop;
        }
        if holds().any(|hold| hold == Hold::Stuck) {
            return Happening::Drift(STUCK);
        }
        let racing = holds().map(|hold| if let Hold::Racing(by) = hold { by.0 } else { 0 }).sum::<i64>();
        let warmth = self.temperature.iter().rev().find(|(from, _)| *from <= at).map_or(0, |(_, by)| by.0);
        let steps = self.steps.iter().filter(|(from, _)| *from <= at).map(|(_, by)| by.0).sum::<i64>();
        Happening::Drift(Ppb(self.drift.0 + racing + warmth + steps))
    }
}
