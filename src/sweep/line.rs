//! Lines through the grid: points that differ in one key alone.

use super::Sweep;
use super::grid::Axis;
use super::key::Key;
use super::point::Point;

/// The finished points along one axis, ascending, with all other keys fixed.
#[derive(Clone, PartialEq, Debug)]
pub struct Line<'a> {
    /// What differs.
    pub key: Key,
    /// What is fixed, and at which value.
    pub fixed: Vec<(Key, f64)>,
    /// The values of the key with their points.
    pub points: Vec<(f64, &'a Point)>,
}

impl Line<'_> {
    /// What is fixed, by `name`: `diameter = 3, loss = 0.1`; empty if nothing else is varied.
    pub fn name(&self, name: impl Fn(Key, f64) -> String) -> String {
        let fixed: Vec<String> =
            self.fixed.iter().map(|(key, value)| format!("{key} = {}", name(*key, *value))).collect();
        fixed.join(", ")
    }
}

/// Every line along the axis of this number that has a finished point, in the order of the grid.
pub fn lines(sweep: &Sweep, axis: usize) -> Vec<Line<'_>> {
    let Some(Axis { key, values }) = sweep.grid.axes.get(axis) else { return Vec::new() };
    let mut found: Vec<(Vec<usize>, Line<'_>)> = Vec::new();
    for point in &sweep.points {
        let mut rest = sweep.grid.places(point.number);
        let value = values[rest.remove(axis)];
        if let Some((_, line)) = found.iter_mut().find(|(places, _)| *places == rest) {
            line.points.push((value, point));
            continue;
        }
        let mut fixed: Vec<(Key, f64)> =
            sweep.grid.axes.iter().map(|axis| axis.key).zip(sweep.grid.values(point.number)).collect();
        fixed.remove(axis);
        found.push((rest, Line { key: *key, fixed, points: vec![(value, point)] }));
    }
    found.into_iter().map(|(_, line)| line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::testing::{run, sweep};
    use crate::time::Nanos;

    #[test]
    fn a_line_has_every_value_of_its_key_once_and_all_else_fixed() {
        let made = sweep(&["tau=1ms..10ms", "diameter=1..2"], 1, |values, _| {
            run(Nanos(values[0] as i64), Nanos(values[1] as i64), Nanos(1))
        });
        let along = lines(&made, 0);
        assert_eq!(along.iter().map(|line| line.name(Key::text)).collect::<Vec<_>>(), ["diameter = 1", "diameter = 2"]);
        for line in along {
            assert_eq!(line.points.iter().map(|(value, _)| *value).collect::<Vec<_>>(), [1e6, 3e6, 1e7]);
            assert!(line.points.iter().all(|(_, point)| point.xi.median == Some(Nanos(line.fixed[0].1 as i64))));
        }
        assert_eq!(lines(&made, 1).len(), 3);
    }
}
