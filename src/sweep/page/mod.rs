//! `sweep.html`: one page that asks nothing of anybody, in the look of every report.
//!
//! The answer first, a figure for each key (`figure.rs`), a map of every two keys where there are two (`map.rs`), the table, what
//! the sweep cannot tell, and what was run.

mod figure;
mod map;

use super::Sweep;
use super::answer::{self, Words};
use super::key::Key;
use super::line::{Line, lines};
use super::point::{Part, Point};
use crate::ids::Algorithm;
use crate::report::html::page::{brow, section, styled_document};
use crate::report::html::table::Table;
use crate::report::html::words::{UNKNOWN, escape, known, plain, seconds, span};
use crate::report::text::plural;
use crate::time::Nanos;

const STYLE: &str = include_str!("style.css");

/// A table of more rows is folded.
const MOST_ROWS: usize = 24;
/// More lines than this are not told one by one.
const MOST_LINES: usize = 12;

/// How numbers are written on the page.
pub const RICH: Words = Words { span, value: Key::label, part: part_name, eps: "ε", knee: "ξ/(2κ) + ν + μ/(2d)" };

/// The page.
pub fn page(sweep: &Sweep) -> Vec<u8> {
    let title = format!("{} – skewbench sweep {}", sweep.verdict().name(), sweep.scenario);
    let mut body = first(sweep);
    for axis in 0..sweep.grid.axes.len() {
        let key = sweep.grid.axes[axis].key;
        body += &section(&format!("Along {key}"), &along(sweep, axis));
    }
    if sweep.grid.axes.len() == 2 {
        body += &section("Both together", &map::figure(sweep));
    }
    body += &section("Every point", &table(sweep));
    body += &section("What this sweep cannot tell", &limits());
    body += &section("The sweep", &facts(sweep));
    styled_document(&escape(&title), STYLE, &body).into_bytes()
}

const fn part_name(part: Part) -> &'static str {
    match part {
        Part::Drift => "drift (2dκ(τ+ν))",
        Part::Delay => "unpredictable delay (dξ)",
        Part::Credit => "credit (κμ)",
    }
}

fn first(sweep: &Sweep) -> String {
    let (done, all) = (sweep.points.len(), sweep.grid.len());
    let missing = if done < all { format!(" of {all}, stopped before its end") } else { String::new() };
    let (points, seeds) = (plural(done as u32, "point"), plural(sweep.seeds, "seed"));
    let told = format!("skewbench sweep · {points}{missing} · {seeds} each · {}", sweep.topology);
    let keys: Vec<String> = sweep
        .grid
        .axes
        .iter()
        .map(|axis| {
            let (low, high) = (axis.values.first().copied().unwrap_or(0.0), axis.values.last().copied().unwrap_or(0.0));
            format!("{} from {} to {}", axis.key, axis.key.label(low), axis.key.label(high))
        })
        .collect();
    format!(
        "<header>\n{}<h1>{}</h1>\n<p class=\"why\">Varied: {}. Every number is the median or the worst of the seeds of a point.</p>\n</header>\n",
        brow(sweep.verdict(), &told),
        escape(&answer::kept(sweep)),
        escape(&keys.join("; "))
    )
}

/// The figure of one key, and what its lines say.
fn along(sweep: &Sweep, axis: usize) -> String {
    let all = lines(sweep, axis);
    let long: Vec<&Line<'_>> = all.iter().filter(|line| line.points.len() > 1).collect();
    let item = |line: &&Line<'_>| {
        let fixed = line.name(RICH.value);
        let name = if fixed.is_empty() { String::new() } else { format!("<b>{}</b>: ", escape(&fixed)) };
        format!("<li>{name}{}</li>\n", escape(answer::told(line, &RICH).trim()))
    };
    let told: String = long.iter().take(MOST_LINES).map(item).collect();
    let more = long.len().saturating_sub(MOST_LINES);
    let more =
        if more > 0 { format!("<li>… and {more} more lines: sweep.csv has them.</li>\n") } else { String::new() };
    let told = if told.is_empty() { told } else { format!("<ul class=\"told-lines\">\n{told}{more}</ul>\n") };
    figure::figure(sweep, axis, &long) + &told
}

fn table(sweep: &Sweep) -> String {
    let mut table = Table::new(
        "Median of the seeds, and the worst of them where it says so. ε is the largest of each run’s window.",
        "point|ε lamport|worst|ε ntp|safe bound|worst|τ_eff|ξ|largest part|used|runs within",
    );
    for point in &sweep.points {
        table.row("", row(sweep, point));
    }
    if sweep.points.len() <= MOST_ROWS {
        return table.finish();
    }
    format!("<details><summary>All {} points</summary>\n{}</details>\n", sweep.points.len(), table.finish())
}

fn row(sweep: &Sweep, point: &Point) -> Vec<String> {
    let keys = sweep.grid.axes.iter().zip(sweep.grid.values(point.number));
    let name: Vec<String> = keys.map(|(axis, value)| format!("{} {}", axis.key, axis.key.label(value))).collect();
    let (lamport, ntp) = (point.eps(Algorithm::Lamport), point.eps(Algorithm::Ntp));
    let part = point.dominant().map_or(UNKNOWN, |part| match part {
        Part::Drift => "drift",
        Part::Delay => "delay",
        Part::Credit => "credit",
    });
    let used = point
        .tightness
        .median
        .map_or_else(|| UNKNOWN.to_owned(), |share| format!("{} %", plain((share * 1e3).round() / 1e1)));
    vec![
        name.join(", "),
        known(lamport.median),
        known(lamport.worst),
        known(ntp.median),
        known(point.safe.median),
        known(point.safe.worst),
        known(point.tau_eff.median),
        known(point.xi.median),
        part.to_owned(),
        used,
        format!("{} of {}", point.verdicts[0], point.seeds),
    ]
}

fn limits() -> String {
    let items = [
        "This is the simulator’s world: declared oscillators, delays and losses. It says what follows from them, not whether \
         a network is like that. Measure its values with a lab or on real hosts, and put them into the scenario.",
        "ε is the largest value of the window after the warm-up of the bound. Lamport’s clocks have settled by then; ntp \
         and hlc need many exchanges, so that at a long τ their ε is that of a cold start, not of settled clocks.",
        "Every bound is the smallest one that each run’s own messages support: ξ and τ_eff are chosen together. With more \
         messages a smaller ξ can be chosen, so that a bound may go on falling slowly below its knee.",
        "A knee is where the slope on logarithmic axes passes one half: for a constant ξ and no losses that is \
         τ* = ξ/(2κ) + ν + μ/(2d), where what follows τ, 2dκτ, is half of the safe bound. Below it the choice of ξ makes drift \
         and unpredictable delay about equal, so that which of them is larger is chance. A knee is as fine as the grid is.",
        "Runs with a long τ last longer, so that each bound has begun to hold; a longer run sees rarer events.",
    ];
    let items: String = items.iter().map(|item| format!("<li>{}</li>\n", escape(item))).collect();
    format!("<ul class=\"limits\">\n{items}</ul>\n")
}

fn facts(sweep: &Sweep) -> String {
    let lengths = || sweep.points.iter().map(|point| point.duration);
    let length =
        |length: Option<Nanos>| length.map_or_else(|| UNKNOWN.to_owned(), |length| seconds(length.as_seconds()));
    let mut items = vec![
        ("scenario (SHA-256)".to_owned(), sweep.scenario.clone()),
        ("topology".to_owned(), sweep.topology.clone()),
        ("seeds".to_owned(), format!("{} from {}", sweep.seeds, sweep.first_seed)),
        ("shortest run".to_owned(), length(lengths().min())),
        ("longest run".to_owned(), length(lengths().max())),
        ("skewbench".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
    ];
    let keys = sweep.grid.axes.iter().zip(sweep.grid.texts());
    items.extend(keys.map(|(axis, text)| {
        (format!("values of {}", axis.key), text.split_once('=').map_or("", |it| it.1).replace(',', ", "))
    }));
    let item =
        |(name, value): &(String, String)| format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(name), escape(value));
    format!("<dl class=\"facts\">\n{}</dl>\n", items.iter().map(item).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::testing::{run, sweep};

    fn text(sweep: &Sweep) -> String {
        String::from_utf8(page(sweep)).unwrap()
    }

    #[test]
    fn the_page_has_a_figure_for_each_key_and_loads_nothing() {
        let made = sweep(&["tau=1ms..10s", "loss=0,0.1"], 3, |values, seed| {
            let eps = 10_000.0 + values[0] * 20e-6 + seed as f64;
            run(Nanos(values[0] as i64), Nanos(30_000), Nanos(eps as i64))
        });
        let page = text(&made);
        for words in [
            "id=\"along-tau\"",
            "id=\"along-loss\"",
            "id=\"map\"",
            "bound 300\u{202f}ms",
            "measured 500\u{202f}ms",
            "10\u{202f}%",
        ] {
            assert!(page.contains(words), "{words}");
        }
        for never in ["<script", "http:", "https:", "NaN", "inf\""] {
            assert!(!page.contains(never), "{never}");
        }
        let used = page.split("var(").skip(1).filter_map(|rest| rest.split(')').next());
        for name in used.filter(|name| !name.contains(',')) {
            assert!(page.contains(&format!("{name}:")), "{name} is used and has no value");
        }
    }

    #[test]
    fn a_sweep_of_which_nothing_is_known_has_a_page() {
        let made = sweep(&["tau=1ms,1s"], 1, |_, _| super::super::Measured {
            premises: None,
            eps: [None; 4],
            ..run(Nanos(1), Nanos(1), Nanos(1))
        });
        assert!(text(&made).contains("Nothing is known of ε or of a bound."));
        let none = Sweep { points: Vec::new(), ..made };
        assert!(text(&none).contains("no line has two finished points") && text(&none).contains("UNKNOWN"));
    }
}
