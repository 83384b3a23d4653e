//! Facts of the run: what was asked for, what was obtained, and every counter.

use super::words::{UNKNOWN, escape, seconds, span};
use crate::analysis::Summary;
use crate::time::Nanos;

/// The section's body.
pub fn section(summary: &Summary) -> String {
    let item = |(name, value): (&str, String)| format!("<div><dt>{name}</dt><dd>{}</dd></div>\n", escape(&value));
    let items: String = items(summary).into_iter().map(item).collect();
    format!("<dl class=\"facts\">\n{items}</dl>\n{}", counters(summary))
}

fn items(summary: &Summary) -> Vec<(&'static str, String)> {
    let facts = &summary.facts;
    let unknown = || UNKNOWN.to_owned();
    let length = |length: Option<Nanos>| length.map_or_else(unknown, |length| seconds(length.as_seconds()));
    let [user, kernel, hardware] = summary.exchanges();
    let pairs = facts.probe_pairs.map_or_else(String::new, |gap| format!(", in pairs {} apart", span(gap)));
    vec![
        ("run", facts.run_id.clone()),
        ("seed", facts.seed.map_or_else(unknown, |seed| seed.to_string())),
        ("commit", facts.git_commit.clone()),
        ("nodes", format!("{} of {} left a journal", facts.agents, facts.nodes)),
        ("topology", facts.topology.clone()),
        ("diameter", facts.diameter.map_or_else(unknown, |diameter| diameter.to_string())),
        ("τ, probe period", format!("{}{pairs}", span(facts.tau))),
        ("reference of ntp", format!("node {}", facts.reference)),
        ("length", length(summary.duration)),
        ("warm-up", length(summary.warm_up)),
        ("hosts", facts.hosts.to_string()),
        ("fewest cores", facts.cores.to_string()),
        ("kernel, clock source", if facts.kernel.is_empty() { unknown() } else { facts.kernel.clone() }),
        ("agents with kernel stamps", format!("{} of {}", facts.kernel_stamped_agents, facts.agents)),
        ("exchanges by worst stamp", format!("{hardware} hardware, {kernel} kernel, {user} user")),
    ]
}

fn counters(summary: &Summary) -> String {
    let node = |(node, counters): (&crate::ids::NodeId, &std::collections::BTreeMap<String, u64>)| {
        let counted: Vec<String> = counters.iter().map(|(name, count)| format!("{name} {count}")).collect();
        let counted = if counted.is_empty() { "nothing".to_owned() } else { counted.join(", ") };
        format!("<li><b>node {node}</b>: {}</li>\n", escape(&counted))
    };
    let nodes: String = summary.counters.iter().map(node).collect();
    if nodes.is_empty() {
        return String::new();
    }
    format!("<details><summary>What the nodes counted</summary>\n<ul>\n{nodes}</ul>\n</details>\n")
}
