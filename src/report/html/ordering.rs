//! What ordering by each clock costs: how much it carries, how long it takes, and how often it is out of order.

use super::axes::{self, Plot};
use super::figure::{Named, PANEL};
use super::played;
use super::ranges::{self, Legend, Range};
use super::scale::Scale;
use super::svg::Drawing;
use super::table::Table;
use super::words::{UNKNOWN, escape, known, percent, plain, rate, span, span_ns};
use crate::analysis::Summary;
use crate::analysis::ordering::OrderRow;
use crate::order::report::StampSource;
use crate::report::cost::sentences;
use crate::time::Nanos;

const NAMES: u32 = 108;
const ROW: f64 = 44.0;
const TOP: f64 = 34.0;

/// The section's body: what it comes to in words, the figure, and the table.
pub fn section(summary: &Summary) -> String {
    let told: String = sentences(summary, span).iter().map(|told| format!("<p>{}</p>\n", escape(told))).collect();
    told + &figure(summary) + &table(summary) + &played::table(summary)
}

/// The figure.
fn figure(summary: &Summary) -> String {
    let caption = caption(summary);
    let named = Named { id: "ordering", title: "Ordering", caption: &caption };
    if summary.ordering.is_empty() {
        return named.absent();
    }
    let mut panels = vec![("throughput".to_owned(), throughput(summary))];
    let latencies: Vec<Range> = summary.ordering.iter().filter_map(latency).collect();
    if !latencies.is_empty() {
        let axis = "latency at half load, logarithmic";
        let legend = Legend { marks: ["median", "99 %", "99.9 %"], axis, names_width: NAMES };
        panels.push(("latency".to_owned(), ranges::draw(PANEL, &latencies, &legend)));
    }
    named.panels(panels)
}

fn caption(summary: &Summary) -> String {
    let Some(row) = summary.ordering.first() else {
        return "Ordering is not drawn: this run had no ordering phase that left a report.".to_owned();
    };
    let phase = &row.phase;
    let floor = row.floor_commands_per_s.map_or_else(String::new, |floor| {
        format!(" The same transport without any order carries {} (dashed line).", rate(floor))
    });
    let wrong = summary.ordering.iter().filter(|row| !row.agree).count();
    let agree = if wrong == 0 {
        " All agents delivered in the same order.".to_owned()
    } else {
        format!(" In {wrong} phases it is not shown that all agents delivered in the same order.")
    };
    format!(
        "Total-order delivery by stamps of each clock, over {} agents: commands of {} bytes, up to {} in a write. Strong \
         bars are saturated, pale ones an open loop at half of that; the least that any agent delivered counts. Latency is \
         from the intended issue to the issuer's own delivery.{floor}{agree}",
        row.agents, phase.payload_bytes, phase.batch
    )
}

fn latency(row: &OrderRow) -> Option<Range> {
    let quantiles = row.latency?.map(|ns| ns as f64);
    let name = row.phase.source.name();
    Some(Range { name: name.to_owned(), class: format!("c-{name}"), quantiles })
}

fn throughput(summary: &Summary) -> Drawing {
    let of = |source: StampSource| summary.ordering.iter().filter(move |row| row.phase.source == source);
    let sources: Vec<StampSource> = StampSource::ORDERING.into_iter().filter(|s| of(*s).next().is_some()).collect();
    let bottom = TOP + ROW * sources.len() as f64;
    let mut drawing = Drawing::new(PANEL, bottom + 44.0);
    let plot = Plot { left: f64::from(NAMES), right: PANEL - 30.0, top: TOP, bottom };
    let floor = summary.ordering.iter().filter_map(|row| row.floor_commands_per_s).fold(0.0, f64::max);
    let most = summary.ordering.iter().map(|row| row.commands_per_s).fold(floor, f64::max).max(1.0);
    let (divisor, unit) = if most >= 1e6 { (1e6, "millions of ") } else { (1e3, "thousands of ") };
    let scale = Scale::linear((0.0, most * 1.06 / divisor), (plot.left, plot.right));
    axes::below(&mut drawing, plot, &scale, &format!("{unit}commands a second"), plain);
    for (index, source) in sources.iter().enumerate() {
        let top = TOP + ROW * index as f64;
        drawing.text("label end", (plot.left - 10.0, top + ROW / 2.0 + 4.0), source.name());
        for row in of(*source) {
            bar(&mut drawing, row, top, |value| scale.at(value / divisor));
        }
    }
    if floor > 0.0 {
        let x = scale.at(floor / divisor);
        drawing.line("bound", (x, plot.top - 6.0), (x, plot.bottom));
        drawing.text("tick end", (x + 4.0, plot.top - 12.0), &format!("without order {}", rate(floor)));
    }
    drawing
}

fn bar(drawing: &mut Drawing, row: &OrderRow, top: f64, at: impl Fn(f64) -> f64) {
    let (class, y, height) =
        if row.latency.is_none() { ("solid", top + 7.0, 18.0) } else { ("pale", top + 27.0, 10.0) };
    let (left, right) = (at(0.0), at(row.commands_per_s));
    drawing.rect(&format!("{class} c-{}", row.phase.source.name()), (left, y), (right - left, height));
    if row.latency.is_none() {
        drawing.text("label", (right + 6.0, y + 13.0), &rate(row.commands_per_s));
    }
}

/// The table.
fn table(summary: &Summary) -> String {
    if summary.ordering.is_empty() {
        return String::new();
    }
    let columns =
        "ordered by|load|commands/s|of floor|latency p50|p99|p99.9|CPU a command|inverted|ε p50|ε max|agents agree";
    let mut table = Table::new("Ordering, by stamp source and load.", columns);
    for row in &summary.ordering {
        table.row(&format!("key-dot c-{}", row.phase.source.name()), cells(row));
    }
    table.finish()
}

fn cells(row: &OrderRow) -> Vec<String> {
    let unknown = || UNKNOWN.to_owned();
    let latency = |index: usize| row.latency.map_or_else(unknown, |found| span_ns(found[index] as f64));
    let floor = row.floor_commands_per_s.filter(|floor| *floor > 0.0).map(|floor| row.commands_per_s / floor);
    let eps = |pick: fn((Nanos, Nanos)) -> Nanos| known(row.eps.map(pick));
    vec![
        row.phase.source.name().to_owned(),
        row.phase.load.name().to_owned(),
        rate(row.commands_per_s),
        floor.map_or_else(unknown, |share| format!("{share:.2}")),
        latency(0),
        latency(1),
        latency(2),
        row.cpu_ns_per_command.map_or_else(unknown, span_ns),
        row.inversions.and_then(|(_, rate)| rate).map_or_else(unknown, percent),
        eps(|eps| eps.0),
        eps(|eps| eps.1),
        if row.agree { "yes" } else { "no" }.to_owned(),
    ]
}
