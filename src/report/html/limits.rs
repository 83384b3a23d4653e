//! What the run cannot tell, in words, and what a reader must know of it.

use super::words::escape;
use crate::analysis::Summary;

/// The section's body: the run's own notes first.
pub fn section(summary: &Summary) -> String {
    let item = |class: &str, text: &str| format!("<li class=\"{class}\">{}</li>\n", escape(text));
    let notes: String = summary.notes.iter().map(|note| item("note", note)).collect();
    let limits: String = limits(summary).into_iter().map(|limit| item("limit", &limit)).collect();
    format!("<ul class=\"limits\">\n{notes}{limits}</ul>\n")
}

fn limits(summary: &Summary) -> Vec<String> {
    let mut limits = vec![
        match summary.warm_up {
            Some(_) => "ε is exact because every local clock is a declared function of one host clock. On separate hosts no \
                        such clock exists."
                .to_owned(),
            None => "Without a common clock neither ε nor delays are known: ε is certified between two limits, and the \
                     verdict stands on these."
                .to_owned(),
        },
        "ε and the bound hold for the window only: from the end of the warm-up to the start of the ordering phase.".to_owned(),
        "Delays are between readings in user space, which see a message later than the kernel does; offset errors use \
         kernel or hardware stamps where there are any."
            .to_owned(),
        "The premises of the bound are those that this run happened to fulfil: another run may be later, and its bound \
         larger."
            .to_owned(),
        "The longest τ without anomaly knows only the channels that were probed.".to_owned(),
    ];
    let facts = &summary.facts;
    if facts.crowded_hosts > 0 {
        limits.push(format!(
            "{} of {} hosts had fewer cores than agents, which disturbs timing: lateness, delays and throughput are worse \
             than on a core each.",
            facts.crowded_hosts, facts.hosts
        ));
    }
    limits
}
