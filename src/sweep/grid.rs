//! The points of a sweep: every combination of the values of its keys.

use super::key::Key;
use super::values;
use crate::ids::{Arc, NodeId};
use crate::report::text::plural;
use crate::sim::Scenario;
use crate::sim::scenario::{Refused, Scale};
use crate::time::Nanos;
use crate::topology;

/// No grid has more points.
pub const MOST_POINTS: usize = 100_000;

/// A run whose duration is not varied lasts for at least so many periods for each hop and one more: a bound begins to hold
/// after a period a hop, or several where messages are lost.
const PERIODS_PER_HOP: i64 = 20;

/// A key with its values, ascending.
#[derive(Clone, PartialEq, Debug)]
pub struct Axis {
    /// What is varied.
    pub key: Key,
    /// Its values in its unit.
    pub values: Vec<f64>,
}

/// Keys with their values. Points are numbered from zero; the last key changes fastest.
#[derive(Clone, PartialEq, Debug)]
pub struct Grid {
    /// What is varied, in the order in which it was asked for.
    pub axes: Vec<Axis>,
}

impl Grid {
    /// Reads what flags say: `key=values` each.
    ///
    /// # Errors
    /// Names the key, the value and the mend.
    pub fn parse(flags: &[String]) -> Result<Self, Refused> {
        let mut axes: Vec<Axis> = Vec::new();
        for flag in flags {
            let (key, text) = flag.split_once('=').ok_or_else(|| {
                Refused(format!("--over {flag}: write a key, = and values, such as tau=1ms..10s or loss=0,0.01,0.1"))
            })?;
            let key: Key = key.trim().parse()?;
            let values = values::parse(key, text)?;
            let twin = |axis: &&Axis| {
                axis.key == key || [axis.key, key].iter().all(|key| matches!(key, Key::Nodes | Key::Diameter))
            };
            if let Some(axis) = axes.iter().find(twin) {
                let mend = format!("--over {} sets the same already: give one of them", axis.key);
                return Err(key.refuse(text, &mend));
            }
            axes.push(Axis { key, values });
        }
        let points = axes.iter().fold(1_usize, |points, axis| points.saturating_mul(axis.values.len()));
        if points > MOST_POINTS {
            return Err(Refused(format!("--over: {points} points: choose coarser ranges, {MOST_POINTS} at most")));
        }
        Ok(Self { axes })
    }

    /// How many points there are.
    pub fn len(&self) -> usize {
        self.axes.iter().map(|axis| axis.values.len()).product()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place of a point on each axis.
    pub fn places(&self, point: usize) -> Vec<usize> {
        let mut rest = point;
        let mut places: Vec<usize> = self
            .axes
            .iter()
            .rev()
            .map(|axis| {
                let many = axis.values.len().max(1);
                let place = rest % many;
                rest /= many;
                place
            })
            .collect();
        places.reverse();
        places
    }

    /// The values of a point, one for each axis.
    pub fn values(&self, point: usize) -> Vec<f64> {
        self.places(point).iter().zip(&self.axes).map(|(place, axis)| axis.values[*place]).collect()
    }

    /// A point by name: `tau=1ms diameter=3`.
    pub fn name(&self, point: usize) -> String {
        let values = self.values(point);
        let part = |(axis, value): (&Axis, &f64)| format!("{}={}", axis.key, axis.key.text(*value));
        self.axes.iter().zip(&values).map(part).collect::<Vec<_>>().join(" ")
    }

    /// Every key with its values, as flags would have it. It reads back as the same grid.
    pub fn texts(&self) -> Vec<String> {
        let text = |axis: &Axis| {
            let values: Vec<String> = axis.values.iter().map(|value| axis.key.text(*value)).collect();
            format!("{}={}", axis.key, values.join(","))
        };
        self.axes.iter().map(text).collect()
    }

    /// How many points there are, in words: `72 points (9 values of tau x 8 values of diameter)`.
    pub fn size(&self) -> String {
        let part = |axis: &Axis| format!("{} of {}", plural(axis.values.len() as u32, "value"), axis.key);
        let parts: Vec<String> = self.axes.iter().map(part).collect();
        format!("{} ({})", plural(self.len() as u32, "point"), parts.join(" x "))
    }

    /// The scenario of a point. Where `duration` is not varied, it is at least 20(d+1) periods, so that the bounds have begun
    /// to hold and eps is seen over many periods. `seed` matters for shapes that are drawn.
    ///
    /// # Errors
    /// Names the key, the value and the mend.
    pub fn scenario(&self, base: &Scenario, point: usize, seed: u64) -> Result<Scenario, Refused> {
        // A sweep looks at clocks alone.
        let mut scenario = Scenario { order: None, ..base.clone() };
        for (axis, value) in self.axes.iter().zip(self.values(point)) {
            axis.key.set(value, &mut scenario)?;
        }
        if self.axes.iter().all(|axis| axis.key != Key::Duration) && scenario.check_shape(Scale::Journaled).is_ok() {
            let hops = i64::from(diameter(&scenario, seed)) + 1;
            scenario.duration = scenario.duration.max(scenario.tau.times(PERIODS_PER_HOP * hops));
        }
        scenario.check(Scale::Journaled).map_err(|why| Refused(format!("{}: {why}", self.name(point))))?;
        Ok(scenario)
    }
}

/// What a run costs, for estimates: requests on all arcs.
pub fn cost(scenario: &Scenario) -> f64 {
    let periods = scenario.duration.0 as f64 / scenario.tau.max(Nanos(1)).0 as f64;
    periods * 2.0 * scenario.topology.links(1).len() as f64
}

/// The diameter, or zero where some node cannot reach another.
fn diameter(scenario: &Scenario, seed: u64) -> u32 {
    let links = scenario.topology.links(seed).into_iter();
    let arcs = links.map(|(a, b, _)| Arc { from: NodeId(a), to: NodeId(b) }).flat_map(|arc| [arc, arc.reversed()]);
    topology::diameter((0..scenario.topology.nodes()).map(NodeId), arcs).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(flags: &[&str]) -> Result<Grid, Refused> {
        Grid::parse(&flags.iter().map(|flag| (*flag).to_owned()).collect::<Vec<_>>())
    }

    fn line() -> Scenario {
        let text = "duration = \"1s\"\ntau = \"10ms\"\ntopology = { shape = \"line\", nodes = 3 }\n";
        Scenario::parse(text).unwrap()
    }

    #[test]
    fn the_last_key_changes_fastest_and_a_grid_reads_back() {
        let grid = grid(&["tau=1ms..10ms", "diameter=1..2"]).unwrap();
        assert_eq!(grid.size(), "6 points (3 values of tau x 2 values of diameter)");
        let names: Vec<String> = (0..grid.len()).map(|point| grid.name(point)).collect();
        assert_eq!(names[..3], ["tau=1ms diameter=1", "tau=1ms diameter=2", "tau=3ms diameter=1"]);
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), 6);
        assert_eq!(Grid::parse(&grid.texts()), Ok(grid));
    }

    #[test]
    fn a_flag_that_is_none_is_refused() {
        for (flags, mend) in [
            (&["tau"][..], "such as tau=1ms..10s"),
            (&["taw=1ms"], "choose one of tau"),
            (&["tau=1ms", "tau=2ms"], "give one of them"),
            (&["nodes=2..4", "diameter=1..2"], "--over nodes sets the same"),
            (&["nodes=1..1000", "tau=1ms..1s:1000"], "coarser"),
        ] {
            let why = grid(flags).unwrap_err().to_string();
            assert!(why.contains(mend), "{flags:?}: {why}");
        }
    }

    #[test]
    fn a_long_period_makes_its_run_long_enough() {
        let grid = grid(&["tau=1ms,1s", "diameter=1,3"]).unwrap();
        let durations: Vec<Nanos> = (0..4).map(|point| grid.scenario(&line(), point, 1).unwrap().duration).collect();
        let seconds = Nanos::from_seconds;
        assert_eq!(durations, [seconds(1), seconds(1), seconds(40), seconds(80)]);
        let short = super::Grid::parse(&["tau=1s".to_owned(), "duration=2s".to_owned()]).unwrap();
        let why = short.scenario(&line(), 0, 1).unwrap_err().to_string();
        assert!(why.starts_with("tau=1s duration=2s: tau = 1s: choose"), "a stated duration stays: {why}");
    }

    #[test]
    fn a_point_that_cannot_be_is_refused_by_its_name() {
        for (flag, words) in [
            ("nodes=1,3", "nodes=1: topology: nodes"),
            ("loss=0.5,1.5", "loss=1.5: links.loss_share"),
            ("delay=0s,1ms", "delay=0s: links.delay"),
        ] {
            let grid = grid(&[flag]).unwrap();
            let why = (0..2).find_map(|point| grid.scenario(&line(), point, 1).err()).unwrap().to_string();
            assert!(why.starts_with(words), "{why}");
        }
    }
}
