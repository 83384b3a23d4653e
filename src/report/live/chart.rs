//! Eps over time, each algorithm a line, on a logarithmic scale beside the bound.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{self, Axis, Block, Dataset, GraphType, Widget};

use super::View;
use crate::ids::Algorithm;
use crate::report::text::short;
use crate::time::Nanos;

/// Points: seconds before now, and log10 of nanoseconds.
type Points = Vec<(f64, f64)>;

/// Columns that the labels of the heights take, about.
const AXIS: u16 = 7;

/// The chart as a widget.
pub struct Chart<'a> {
    /// What it shows.
    pub view: &'a View<'a>,
}

impl Widget for Chart<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let view = self.view;
        // What comes last is on top: the clock that the verdict is about.
        let mut algorithms = Algorithm::ALL;
        algorithms.sort_by_key(|algorithm| *algorithm == Algorithm::Lamport);
        let lines = algorithms.map(|algorithm| (algorithm, points(view, algorithm, area.width)));
        let span = view.summary.duration.unwrap_or(Nanos::ZERO).as_seconds().max(1.0);
        let bound = view.summary.bounds().map(|bounds| log(bounds.safe.0 as f64));
        let bound = bound.map_or_else(Vec::new, |height| dashes(span, height, area.width));
        let [low, high] = decades(lines.iter().flat_map(|(_, points)| points).chain(&bound));
        let palette = view.palette;
        let drawn = lines.iter().map(|(algorithm, points)| {
            let line = Dataset::default().marker(palette.marker(*algorithm)).graph_type(GraphType::Line);
            line.style(palette.algorithm(*algorithm)).data(points)
        });
        // The bound comes last, so that a clock that runs along it does not hide it.
        let dashed = Dataset::default().marker(Marker::Custom('-')).graph_type(GraphType::Scatter);
        let sets = drawn.chain([dashed.style(palette.bound()).data(&bound)]).collect();
        let axis = |bounds, labels: Vec<String>| Axis::default().bounds(bounds).style(palette.faint()).labels(labels);
        widgets::Chart::new(sets)
            .block(Block::new().title(title(view)))
            .x_axis(axis([-span, 0.0], times(span)))
            .y_axis(axis([low, high], heights(low, high, area.height)))
            .render(area, buffer);
    }
}

fn title(view: &View<'_>) -> Line<'static> {
    let bound = Span::styled(", and the bound of lamport (- -)", view.palette.bound());
    Line::from_iter(
        [Some(Span::styled("eps", view.palette.title())), view.summary.bounds().map(|_| bound)].into_iter().flatten(),
    )
}

/// The largest eps of each of as many spans as the terminal can tell apart, so that no spike is lost.
fn points(view: &View<'_>, algorithm: Algorithm, width: u16) -> Points {
    let series = &view.summary.series;
    let cells: Vec<_> = series.cells.iter().filter(|cell| cell.algorithm == algorithm).collect();
    let end = view.summary.duration.unwrap_or(Nanos::ZERO).as_seconds();
    let each = cells.len().div_ceil(2 * usize::from(width).max(1)).max(1);
    let largest = |cells: &[&crate::analysis::series::Cell]| cells.iter().map(|cell| cell.eps_ns).fold(0.0, f64::max);
    cells.chunks(each).map(|cells| (cells[0].t_s - end, log(largest(cells)))).collect()
}

fn log(ns: f64) -> f64 {
    ns.max(1.0).log10()
}

/// A dash every third column.
fn dashes(span: f64, height: f64, width: u16) -> Points {
    let columns = f64::from(width.saturating_sub(AXIS).max(1));
    let dash = |column: u16| (f64::from(column) / columns * span - span, height);
    (0..=width.saturating_sub(AXIS)).step_by(3).map(dash).collect()
}

/// The whole powers of ten around all points; three of them at least.
fn decades<'a>(points: impl Iterator<Item = &'a (f64, f64)>) -> [f64; 2] {
    let (low, high) =
        points.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, y)| (low.min(*y), high.max(*y)));
    if low > high {
        return [0.0, 9.0];
    }
    let (low, high) = (low.floor(), high.ceil());
    [low.min(high - 2.0).max(0.0), high.max(low.min(high - 2.0).max(0.0) + 2.0)]
}

fn times(span: f64) -> Vec<String> {
    let decimals = if span < 10.0 { 1 } else { 0 };
    vec![format!("-{span:.decimals$} s"), format!("-{:.decimals$} s", span / 2.0), "now".to_owned()]
}

/// A label for each power of ten, or for the ends where they would crowd.
fn heights(low: f64, high: f64, rows: u16) -> Vec<String> {
    let (first, last) = (low as i32, high as i32);
    let crowded = (last - first) as u16 * 2 > rows.saturating_sub(3);
    let label = |power: i32| unit(power);
    if crowded { vec![label(first), label(last)] } else { (first..=last).map(label).collect() }
}

fn unit(power: i32) -> String {
    let ns = 10_i64.checked_pow(power.max(0).unsigned_abs()).unwrap_or(i64::MAX);
    let text = short(Nanos(ns));
    text.replacen(".00", "", 1).replacen(".0", "", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_whole_powers_of_ten_around_the_points() {
        assert_eq!(decades([(0.0, 2.7), (0.0, 7.3)].iter()), [2.0, 8.0]);
        assert_eq!(decades([(0.0, 5.0)].iter()), [3.0, 5.0]);
        assert_eq!(decades([(0.0, 0.0)].iter()), [0.0, 2.0]);
        assert_eq!(decades([].iter()), [0.0, 9.0]);
    }

    #[test]
    fn powers_are_labelled_by_their_units() {
        assert_eq!([0, 2, 3, 5, 6, 9].map(unit), ["1ns", "100ns", "1us", "100us", "1ms", "1s"]);
        assert_eq!(heights(2.0, 8.0, 8), ["100ns", "100ms"]);
        assert_eq!(heights(2.0, 8.0, 20).len(), 7);
    }
}
