//! What is proved without a common clock: limits on eps, the pairs, and what contradicts the assumptions.

use super::figure::Named;
use super::heatmap::{self, Map};
use super::table::Table;
use super::words::{UNKNOWN, escape};
use super::words::{known, seconds, span};
use crate::analysis::Summary;
use crate::analysis::certificate::Certified;
use crate::analysis::proved::Proved;
use crate::ids::NodeId;
use crate::report::ruling::told_with;

/// The section's body.
pub fn section(summary: &Summary) -> String {
    let Some(proved) = summary.proved.as_ref().filter(|proved| !proved.certificate.algorithms.is_empty()) else {
        let caption = "Nothing is proved: there are no messages, or more nodes than a report certifies.";
        return Named { id: "proved", title: "Proved distances", caption }.absent();
    };
    words(proved) + &table(proved) + &contradictions(proved) + &maps(proved)
}

fn words(proved: &Proved) -> String {
    format!(
        "<p>From stamps alone: no clock is compared with another one, and no declared truth is used. Assumed are only each \
         node’s limit on its drift and the configured least delays and distances. Instants are {} apart, each looked at through the \
         messages of {} around it. Two clocks can never be told nearer than about half of their shortest round trip.</p>\n",
        span(proved.grid),
        span(proved.window)
    ) + &format!(
        "<p>Whether Lamport’s clocks kept the bound that these stamps certify, by stamps alone: {}.</p>\n",
        escape(&told_with(&proved.ruling, span))
    )
}

fn table(proved: &Proved) -> String {
    let mut table = Table::new(
        "ε of each clock over the window lies between these limits, whatever the truth is.",
        "clock|ε at least|ε at most|of it between instants|worst pair|at",
    );
    for certified in &proved.certificate.algorithms {
        let worst = proved.worst(certified);
        table.row(
            &format!("key-dot c-{}", certified.algorithm),
            vec![
                certified.algorithm.to_string(),
                span(certified.eps_low),
                known(certified.eps_high),
                known(certified.eps_high.map(|_| certified.eps_grid)),
                worst.map_or_else(|| UNKNOWN.to_owned(), |(own, other, _)| format!("{own} – {other}")),
                worst.map_or_else(|| UNKNOWN.to_owned(), |(.., at)| seconds(at)),
            ],
        );
    }
    table.finish()
}

fn contradictions(proved: &Proved) -> String {
    let certificate = &proved.certificate;
    let item = |text: String| format!("<li class=\"note\">{}</li>\n", escape(&text));
    let told: String = certificate.contradictions.iter().map(|found| item(found.to_string())).collect();
    if told.is_empty() {
        return String::new();
    }
    let (bad, all) = (certificate.contradictory_windows, certificate.grid.instants());
    format!(
        "<p>In {bad} of {all} windows the assumptions cannot all be true:</p>\n<ul class=\"limits\">\n{told}</ul>\n"
    )
}

fn maps(proved: &Proved) -> String {
    let caption = "How far apart each pair may have been at most, from stamps alone; the worst pair is framed. Each clock \
                   has a scale of its own.";
    let named = Named { id: "proved", title: "Proved distances", caption };
    let nodes = &proved.certificate.nodes;
    let maps = proved.certificate.algorithms.iter().filter_map(|certified| map(certified, nodes));
    let panels: Vec<_> = maps.map(|(name, map)| (name, heatmap::draw(&map))).collect();
    if panels.is_empty() {
        let caption = "The pair heat map is not drawn: some pair is unknown at some instant, or nodes are too many.";
        return Named { caption, ..named }.absent();
    }
    named.panels(panels)
}

fn map(certified: &Certified, nodes: &[NodeId]) -> Option<(String, Map)> {
    let index = |node: NodeId| nodes.iter().position(|known| *known == node);
    let mut matrix = vec![vec![0.0; nodes.len()]; nodes.len()];
    let (mut worst, mut most) = (None, -1);
    for pair in &certified.pairs {
        let (own, other, high) = (index(pair.own)?, index(pair.other)?, pair.high?.0);
        (matrix[own][other], matrix[other][own]) = (high as f64, high as f64);
        if high > most {
            (worst, most) = (Some((own, other)), high);
        }
    }
    let name = certified.algorithm.to_string();
    let names = nodes.iter().map(ToString::to_string).collect();
    heatmap::fits(nodes.len()).then(|| (name.clone(), Map { name, matrix, names, signed: false, worst }))
}
