//! The page: the verdict and the answer first, then the clocks, the figures, the tables, the limits, and the facts.

use super::words::{escape, seconds, span};
use super::{
    arcs, bound, certified, claims, clocks, distribution, epsilon, events, facts, heatmap, lateness, limits, loops,
    ordering, parameters, steadiness,
};
use crate::analysis::{Summary, Verdict};
use crate::ids::Algorithm;
use crate::report::ruling::told_with;
use crate::report::terminal::sentence_with;
use crate::time::Nanos;

const STYLE: &str = include_str!("style.css");
/// How many colours the style has for algorithms: `--p0` and so on, each for light and for dark.
const COLOURS: usize = 12;

/// Nothing may be loaded, whatever a browser would like to: the style is in the page, and there is no script.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// Notes on the first screen.
const REASONS: usize = 5;

/// The whole page.
pub fn page(summary: &Summary) -> String {
    let sections: String = sections(summary).into_iter().map(|(title, body)| section(title, &body)).collect();
    let title = escape(&format!("{} – skewbench {}", summary.verdict.name(), brief(&summary.facts.run_id)));
    document(&title, &format!("{}{sections}", first(summary)))
}

/// A page that asks nothing of anybody, with its style in it. `title` is escaped, `body` is markup.
pub fn document(title: &str, body: &str) -> String {
    styled_document(title, "", body)
}

/// The same with more style, in CSS, below that of all pages.
pub fn styled_document(title: &str, more: &str, body: &str) -> String {
    let head = head(title, more);
    format!("<!DOCTYPE html>\n<html lang=\"en\">\n{head}<body>\n<main>\n{body}</main>\n</body>\n</html>\n")
}

/// Each algorithm's colour: by its place in the list of all.
fn colours() -> String {
    let colour =
        |(place, algorithm): (usize, Algorithm)| format!(".c-{algorithm} {{ --c: var(--p{}); }}\n", place % COLOURS);
    Algorithm::ALL.into_iter().enumerate().map(colour).collect()
}

fn head(title: &str, more: &str) -> String {
    let colours = colours();
    format!(
        "<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n<style>\n{STYLE}{colours}{more}</style>\n</head>\n"
    )
}

/// What fits the first screen: verdict, answer, and the clocks.
fn first(summary: &Summary) -> String {
    let sentence = escape(&sentence_with(summary, span));
    let brow = brow(summary.verdict, &told(summary));
    let why = escape(&why(summary));
    format!(
        "<header>\n{brow}<h1>{sentence}</h1>\n<p class=\"why\">{why}</p>\n{}</header>\n{}{}",
        reasons(summary),
        clocks::table(summary),
        clocks::LEGEND
    )
}

/// The verdict, and beside it what it is of.
pub fn brow(verdict: Verdict, told: &str) -> String {
    let (badge, mark) = match verdict {
        Verdict::Within => ("within", "✓"),
        Verdict::Violated => ("violated", "✕"),
        Verdict::Unknown => ("unknown", "?"),
    };
    let (name, told) = (verdict.name(), escape(told));
    format!(
        "<p class=\"brow\"><span class=\"badge {badge}\"><span aria-hidden=\"true\">{mark}</span> {name}</span> \
         <span class=\"told\">{told}</span></p>\n"
    )
}

/// Where the verdict is not what one hopes for, the first notes that say why.
fn reasons(summary: &Summary) -> String {
    let item = |note: &String| format!("<li>{}</li>\n", escape(note));
    let notes: String = summary.notes.iter().take(REASONS).map(item).collect();
    if summary.verdict == Verdict::Within || notes.is_empty() {
        return String::new();
    }
    format!("<ul class=\"reasons\">\n{notes}</ul>\n")
}

fn told(summary: &Summary) -> String {
    let facts = &summary.facts;
    let length = summary.duration.map_or_else(String::new, |length| format!(" · {}", seconds(length.as_seconds())));
    format!(
        "skewbench {} · {} nodes, {} · τ {}{length}",
        brief(&facts.run_id),
        facts.nodes,
        facts.topology,
        span(facts.tau)
    )
}

/// The first letters of a name that is a hash.
fn brief(run_id: &str) -> String {
    run_id.chars().take(8).collect()
}

fn why(summary: &Summary) -> String {
    if let Some(proved) = summary.decided_by_proof() {
        return format!("True time is unknown. By stamps alone {}.", told_with(&proved.ruling, span));
    }
    let window = summary.duration.zip(summary.warm_up).map(|(run, warm)| (run - warm).max(Nanos::ZERO));
    let window = window.map_or_else(String::new, |window| format!(" of {}", seconds(window.as_seconds())));
    match summary.verdict {
        Verdict::Within => format!("At every instant of the window{window}, Lamport’s clocks kept the safe bound."),
        Verdict::Violated => format!(
            "Within the window{window}, Lamport’s clocks exceeded the safe bound. These notes say which premise failed."
        ),
        Verdict::Unknown => "Whether Lamport’s clocks kept a bound cannot be told. These notes say why.".to_owned(),
    }
}

fn sections(summary: &Summary) -> [(&'static str, String); 15] {
    [
        ("How far apart the clocks were", epsilon::figure(summary)),
        ("Who was ahead of whom, and for how long", distribution::figure(summary)),
        ("Which node was off", heatmap::figure(summary)),
        ("What is proved without a common clock", certified::section(summary)),
        ("How stable each clock was", steadiness::section(summary)),
        ("What theory promises", bound::section(summary)),
        ("What stamps alone prove", parameters::section(summary)),
        ("The arcs", arcs::figure(summary) + &arcs::table(summary)),
        ("What loops of links reveal", loops::section(summary)),
        ("How punctually probes were sent", lateness::figure(summary)),
        ("What the hosts say of themselves", claims::table(summary)),
        ("What happened", events::table(summary)),
        ("What ordering costs", ordering::section(summary)),
        ("What this run cannot tell", limits::section(summary)),
        ("The run", facts::section(summary)),
    ]
}

/// A part of a page below its title.
pub fn section(title: &str, body: &str) -> String {
    format!("<section>\n<h2>{}</h2>\n{body}</section>\n", escape(title))
}
