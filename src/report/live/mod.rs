//! The live view as a picture: a pure function of what is known so far. The terminal belongs to [`crate::host`].

mod chart;
mod grid;
mod layout;
mod palette;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

pub use self::palette::Palette;
use super::text::short;
use crate::analysis::{Summary, Verdict};
use crate::ids::{Algorithm, NodeId};
use crate::time::Nanos;

/// What the program is busy with.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Status {
    /// Which program it is.
    pub title: String,
    /// What it does.
    pub stage: String,
    /// Since when it has been doing that.
    pub in_stage: Nanos,
    /// How long that takes, if it is known.
    pub stage_length: Option<Nanos>,
    /// Since when it has been running.
    pub elapsed: Nanos,
    /// Whether it was told to stop.
    pub phase: Running,
    /// Nodes that were heard of and fell silent, and for how long they have been.
    pub silent: Vec<(NodeId, Nanos)>,
}

/// Whether a program goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Running {
    /// Until it is done.
    #[default]
    On,
    /// It was told to stop.
    Stopping,
}

/// What is remembered of earlier looks, each of which sees a bounded span.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Past {
    worst: BTreeMap<Algorithm, Nanos>,
    verdict: Verdict,
}

impl Past {
    /// Takes note of what a look at the last span found. A bound that was broken once stays broken.
    pub fn add(&mut self, summary: &Summary) {
        for row in &summary.rows {
            if let Some(skew) = row.skew {
                let worst = self.worst.entry(row.algorithm).or_default();
                *worst = skew.max.max(*worst);
            }
        }
        if self.verdict != Verdict::Violated {
            self.verdict = summary.verdict;
        }
    }

    /// The largest eps of `algorithm` so far, after the warm-up.
    pub fn worst(&self, algorithm: Algorithm) -> Option<Nanos> {
        self.worst.get(&algorithm).copied()
    }

    /// Whether the Lamport clocks kept the safe bound so far.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }
}

/// Everything that is shown.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// What the program is busy with.
    pub status: &'a Status,
    /// What the last span looks like.
    pub summary: &'a Summary,
    /// What was seen before.
    pub past: &'a Past,
    /// How it is coloured.
    pub palette: Palette,
}

/// Draws the view; on a small terminal the parts that matter most.
pub fn draw(frame: &mut Frame<'_>, view: &View<'_>) {
    let area = frame.area();
    if area.width < layout::LEAST_WIDTH || area.height < layout::LEAST_HEIGHT {
        return frame.render_widget(Paragraph::new(in_short(view)), area);
    }
    let header = header(view);
    let wants = layout::Wants {
        header: header.len() as u16,
        clocks: view.summary.rows.len() as u16,
        arcs: view.summary.arcs.len() as u16,
        ordering: view.summary.ordering.len() as u16,
    };
    let parts = layout::divide(area, &wants);
    frame.render_widget(Paragraph::new(header), parts.header);
    let width = area.width;
    put(frame, parts.clocks, tables::clocks(view, width));
    if parts.chart.height > 0 {
        frame.render_widget(chart::Chart { view }, parts.chart);
    }
    put(frame, parts.arcs, tables::arcs(view, parts.arcs));
    put(frame, parts.ordering, tables::ordering(view, width));
    frame.render_widget(Paragraph::new(footer(view)), parts.footer);
}

fn put(frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'static>>) {
    if area.height > 0 {
        frame.render_widget(Paragraph::new(lines), area);
    }
}

fn header(view: &View<'_>) -> Vec<Line<'static>> {
    let mut lines = vec![title(view), Line::from(facts(view.summary))];
    let warnings = warnings(view).into_iter().take(3);
    lines.extend(warnings.map(|text| Line::styled(text, view.palette.warning())));
    lines
}

fn title(view: &View<'_>) -> Line<'static> {
    let status = view.status;
    let mut spans =
        vec![Span::styled(status.title.clone(), view.palette.title()), Span::raw(format!("  {}", status.stage))];
    if let Some(length) = status.stage_length.filter(|length| *length > Nanos::ZERO) {
        let share = (status.in_stage.0 as f64 / length.0 as f64).clamp(0.0, 1.0);
        let full = (share * 20.0) as usize;
        let bar = format!("  {}{} ", "━".repeat(full), "╌".repeat(20 - full));
        spans.push(Span::styled(bar, view.palette.title()));
        spans.push(Span::raw(format!(
            "{:.0} of {:.0} s",
            status.in_stage.min(length).as_seconds(),
            length.as_seconds()
        )));
    }
    spans.push(Span::raw(format!("  elapsed {}", clock(status.elapsed))));
    Line::from(spans)
}

/// Minutes and seconds, and hours where there are any.
fn clock(span: Nanos) -> String {
    let seconds = span.as_seconds().max(0.0) as u64;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

fn facts(summary: &Summary) -> String {
    let facts = &summary.facts;
    if facts.nodes == 0 {
        return "waiting for the first journals".to_owned();
    }
    let seed = facts.seed.map_or_else(String::new, |seed| format!(", seed {seed}"));
    let diameter = facts.diameter.map_or_else(String::new, |diameter| format!(", diameter {diameter}"));
    let shown =
        summary.duration.map_or_else(String::new, |span| format!(", the last {:.0} s shown", span.as_seconds()));
    let (agents, nodes, topology, tau) = (facts.agents, facts.nodes, &facts.topology, facts.tau);
    format!("{agents} of {nodes} nodes, {topology}{diameter}, tau {tau}{seed}{shown}")
}

/// Silent nodes first, then premises that failed.
fn warnings(view: &View<'_>) -> Vec<String> {
    let silent =
        view.status.silent.iter().map(|(node, span)| format!("node {node}: silent for {:.0} s", span.as_seconds()));
    let failed = view.summary.notes.iter().filter(|note| note.starts_with("premise failed")).cloned();
    silent.chain(failed).collect()
}

fn footer(view: &View<'_>) -> Line<'static> {
    let text = match view.status.phase {
        Running::On => "q or Ctrl-C: stop and report",
        Running::Stopping => "stopping: what was gathered is reported",
    };
    Line::styled(text, view.palette.faint())
}

/// For a terminal of a few lines.
fn in_short(view: &View<'_>) -> Vec<Line<'static>> {
    let bound = view.summary.bounds().map(|bounds| bounds.safe);
    let of = bound.map_or_else(String::new, |bound| format!("/{}", short(bound)));
    let eps = |algorithm| tables::now(view.summary, algorithm).map_or_else(|| "-".to_owned(), short);
    let mut lines = vec![Line::from(format!("lamport {}{of} {}", eps(Algorithm::Lamport), view.past.verdict().name()))];
    let rows = view.summary.rows.iter().map(|row| row.algorithm);
    let others = rows.filter(|algorithm| *algorithm != Algorithm::Lamport);
    lines.extend(others.map(|algorithm| Line::from(format!("{algorithm} {}", eps(algorithm)))));
    lines.push(Line::from(view.status.stage.clone()));
    lines.push(footer(view));
    lines
}
