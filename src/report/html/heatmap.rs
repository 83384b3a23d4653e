//! Which node is off: every pair's furthest offset in the window, as a map of colours.

use super::distribution::why_none;
use super::figure::{Named, PANEL};
use super::svg::{Drawing, short};
use super::words::{digits, span_ns, unit};
use crate::analysis::Summary;
use crate::ids::Algorithm;
use crate::time::Nanos;

/// More nodes than this make cells that cannot be told apart.
const MOST_NODES: usize = 64;
/// More cells than this in all maps make the page too large: with many nodes the last clocks are left out.
const MOST_CELLS: usize = 10 * MOST_NODES * MOST_NODES;
/// Up to so many nodes the numbers fit their cells.
const NUMBERED: usize = 7;
/// Shades of each colour.
const SHADES: usize = 8;
const SIDE: f64 = 320.0;
const LEFT: f64 = 44.0;
const TOP: f64 = 66.0;

/// Offsets of every column's node against every row's node.
type Matrix = Vec<Vec<f64>>;

/// One map.
#[derive(Clone, PartialEq, Debug)]
pub struct Map {
    /// Whose clocks.
    pub name: String,
    /// For each row's node every column's node, in ns.
    pub matrix: Matrix,
    /// The nodes.
    pub names: Vec<String>,
    /// Whether the numbers say who is ahead, or only how far apart the two are.
    pub signed: bool,
    /// The cell to be framed, with the one across the diagonal.
    pub worst: Option<(usize, usize)>,
}

/// Whether so many nodes can be drawn.
pub fn fits(nodes: usize) -> bool {
    (2..=MOST_NODES).contains(&nodes)
}

/// The figure.
pub fn figure(summary: &Summary) -> String {
    let found = Algorithm::ALL.map(|algorithm| (algorithm, furthest(summary, algorithm)));
    let shown: Vec<(Algorithm, Matrix)> = found.into_iter().filter_map(|(a, matrix)| Some((a, matrix?))).collect();
    let nodes = summary.series.nodes.len();
    let room = MOST_CELLS / (nodes * nodes).max(1);
    let caption = caption(summary, shown.len(), shown.len().saturating_sub(room));
    let named = Named { id: "pairs", title: "Pair heat map", caption: &caption };
    if shown.is_empty() {
        return named.absent();
    }
    let names: Vec<String> = summary.series.nodes.iter().map(ToString::to_string).collect();
    let map = |(algorithm, matrix): (Algorithm, Matrix)| Map {
        name: algorithm.to_string(),
        worst: worst(&matrix),
        matrix,
        names: names.clone(),
        signed: true,
    };
    named.panels(shown.into_iter().take(room).map(map).map(|map| (map.name.clone(), draw(&map))).collect())
}

fn caption(summary: &Summary, shown: usize, left_out: usize) -> String {
    let nodes = summary.series.nodes.len();
    match shown {
        0 if nodes > MOST_NODES => format!("The pair heat map is not drawn: {nodes} nodes are more than it can show."),
        0 => format!("The pair heat map is not drawn: {}.", why_none(summary)),
        _ => format!(
            "The furthest that the column's node was from the row's in the window: orange where it was ahead, blue where \
              it was behind, stronger for further. A node that is off colours its whole row and column. Each clock has a \
              scale of its own. The worst pair is framed. Sampled at equal steps.{}",
            if left_out > 0 { format!(" The maps of {left_out} more clocks are left out.") } else { String::new() }
        ),
    }
}

fn furthest(summary: &Summary, algorithm: Algorithm) -> Option<Matrix> {
    let (series, warm) = (&summary.series, summary.warm_up.map_or(0.0, Nanos::as_seconds));
    let nodes = series.nodes.len();
    if !fits(nodes) {
        return None;
    }
    let mut matrix: Option<Matrix> = None;
    for cell in series.of(algorithm).filter(|cell| cell.t_s >= warm) {
        let matrix = matrix.get_or_insert_with(|| vec![vec![0.0; nodes]; nodes]);
        for (row, ahead) in matrix.iter_mut().zip(&cell.ahead_ns) {
            for (found, other) in row.iter_mut().zip(&cell.ahead_ns) {
                *found = if (other - ahead).abs() > f64::abs(*found) { other - ahead } else { *found };
            }
        }
    }
    matrix
}

/// The pair that was furthest apart.
fn worst(matrix: &Matrix) -> Option<(usize, usize)> {
    let pairs = (0..matrix.len()).flat_map(|row| (row + 1..matrix.len()).map(move |column| (row, column)));
    pairs.max_by(|a, b| matrix[a.0][a.1].abs().total_cmp(&matrix[b.0][b.1].abs()))
}

/// A map as a panel.
pub fn draw(map: &Map) -> Drawing {
    let mut drawing = Drawing::new(PANEL, TOP + SIDE + 16.0);
    let most = map.matrix.iter().flatten().fold(0.0_f64, |most, offset| most.max(offset.abs()));
    drawing.text("panel-name", (0.0, 15.0), &map.name);
    if map.signed {
        legend(&mut drawing, most)
    } else {
        distances(&mut drawing, most)
    }
    let size = SIDE / map.names.len() as f64;
    cells(&mut drawing, &map.matrix, most, size);
    heads(&mut drawing, &map.names, size);
    if map.names.len() <= NUMBERED {
        numbers(&mut drawing, &map.matrix, most, size);
    }
    for (row, column) in map.worst.into_iter().flat_map(|(a, b)| [(a, b), (b, a)]) {
        let at = (LEFT + column as f64 * size + 1.0, TOP + row as f64 * size + 1.0);
        drawing.rect("framed", at, (size - 2.0, size - 2.0));
    }
    drawing
}

/// One path for each shade: a large map stays small.
fn cells(drawing: &mut Drawing, matrix: &Matrix, most: f64, size: f64) {
    let mut paths = vec![String::new(); 2 * SHADES + 1];
    for (row, offsets) in matrix.iter().enumerate() {
        for (column, offset) in offsets.iter().enumerate() {
            let [x, y, side] = [LEFT + column as f64 * size, TOP + row as f64 * size, size].map(short);
            paths[shade(*offset, most)] += &format!("M{x} {y}h{side}v{side}h-{side}Z");
        }
    }
    for (index, path) in paths.iter().enumerate() {
        drawing.path(&class(index), path);
    }
}

/// From 0 (furthest behind) to twice the shades (furthest ahead).
fn shade(offset: f64, most: f64) -> usize {
    let share = if most > 0.0 { (offset.abs() / most).clamp(0.0, 1.0) } else { 0.0 };
    let steps = (share * SHADES as f64).ceil() as usize;
    if offset < 0.0 { SHADES - steps } else { SHADES + steps }
}

fn class(shade: usize) -> String {
    let side = if shade < SHADES { "behind" } else { "ahead" };
    format!("cell {side} q{}", shade.abs_diff(SHADES))
}

fn heads(drawing: &mut Drawing, names: &[String], size: f64) {
    let step = names.len().div_ceil(16);
    for (index, name) in names.iter().enumerate().step_by(step) {
        let middle = (index as f64 + 0.5) * size;
        drawing.text("tick mid", (LEFT + middle, TOP - 7.0), name);
        drawing.text("tick end", (LEFT - 8.0, TOP + middle + 4.0), name);
    }
}

fn numbers(drawing: &mut Drawing, matrix: &Matrix, most: f64, size: f64) {
    let (divisor, _) = unit(most);
    for (row, offsets) in matrix.iter().enumerate() {
        for (column, offset) in offsets.iter().enumerate().filter(|(column, _)| *column != row) {
            let at = (LEFT + (column as f64 + 0.5) * size, TOP + (row as f64 + 0.5) * size + 4.0);
            drawing.text("number mid", at, &digits(offset / divisor));
        }
    }
}

fn legend(drawing: &mut Drawing, most: f64) {
    let (left, side) = (LEFT + SIDE - 150.0, 6.0);
    for index in 0..=2 * SHADES {
        drawing.rect(&class(index), (left + side * index as f64, 6.0), (side, 10.0));
    }
    let size = span_ns(most);
    drawing.text("tick end", (left - 6.0, 15.0), &format!("−{size} behind"));
    drawing.text("tick", (left + side * (2 * SHADES + 1) as f64 + 6.0, 15.0), &format!("ahead {size}"));
    drawing.text("title", (LEFT, 42.0), &format!("node of the column against node of the row, {}", unit(most).1));
}

fn distances(drawing: &mut Drawing, most: f64) {
    let (left, side) = (LEFT + SIDE - 150.0, 6.0);
    for index in SHADES..=2 * SHADES {
        drawing.rect(&class(index), (left + side * index as f64, 6.0), (side, 10.0));
    }
    drawing.text("tick", (left + side * (2 * SHADES + 1) as f64 + 6.0, 15.0), &format!("≤ {} apart", span_ns(most)));
    drawing.text("title", (LEFT, 42.0), &format!("at most so far apart, {}", unit(most).1));
}
