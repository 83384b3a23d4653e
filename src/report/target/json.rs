//! The answer for programs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Answer;
use super::words::{reason, settled_by};
use crate::analysis::target::{Distance, Judged, judge};

impl Answer<'_> {
    /// The same for programs. Spans are in ns, instants in seconds since all nodes measured; what is not known is null.
    pub fn json(&self) -> String {
        let evidence = self.evidence;
        let limits = self.question.limits.iter().map(|limit| {
            let judged = judge(evidence, self.question.clock, *limit);
            let distance = if limit.distance == Distance::Utc { "utc" } else { "mutual" };
            json!({ "span_ns": limit.span.0, "distance": distance, "what": limit.what, "verdict": judged.safety.name(),
                    "margin_ns": judged.margin.map(|margin| margin.0) })
        });
        let kappa: BTreeMap<String, f64> =
            evidence.kappa.iter().map(|(node, kappa)| (node.to_string(), kappa.as_ppm())).collect();
        let distances: BTreeMap<String, u64> = evidence
            .distances
            .iter()
            .map(|((one, other), length)| (format!("{one}-{other}"), length.metres()))
            .collect();
        let profile = self.question.profile.map(|profile| {
            json!({ "name": profile.name, "source": profile.source, "url": profile.url, "meaning": profile.meaning })
        });
        let value = json!({
            "verdict": self.safety().name(),
            "exit_code": self.safety().exit_code(),
            "clock": self.question.clock.name(),
            "sentence": self.sentence(),
            "profile": profile,
            "limits": limits.collect::<Vec<_>>(),
            "judged_s": evidence.judged.map(|(from, to)| [from, to]),
            "nodes": evidence.nodes,
            "missing_nodes": evidence.missing,
            "clocks": self.all().iter().map(|judged| self.row(judged)).collect::<Vec<_>>(),
            "assumptions": {
                "kappa_ppm": kappa,
                "kappa_is_from": if evidence.assumed.kappa.is_some() { "flag" } else { "journals" },
                "least_delay_ns": evidence.assumed.least_delay.0,
                "distances_m": distances,
                "grid_ns": evidence.grid.0,
                "window_ns": evidence.window.0,
            },
            "truth_decides": evidence.knows_truth(),
            "contradiction": evidence.contradiction.as_ref().map(|(said, _)| said),
            "contradictory_windows": evidence.contradiction.as_ref().map_or(0, |(_, windows)| *windows),
            "notes": evidence.notes,
        });
        format!("{value:#}\n")
    }

    fn row(&self, judged: &Judged) -> Value {
        let clock = self.evidence.clock(judged.algorithm);
        let event = judged.event.map(|event| {
            json!({ "nodes": [event.pair.0, event.pair.1], "at_s": event.at_s, "low_ns": event.low.0,
                    "high_ns": event.high.map(|high| high.0) })
        });
        json!({
            "clock": judged.algorithm.name(),
            "verdict": judged.safety.name(),
            "eps_certified_ns_low": clock.map(|clock| clock.low.0),
            "eps_certified_ns_high": clock.and_then(|clock| clock.high).map(|high| high.0),
            "eps_true_ns_max": clock.and_then(|clock| clock.truth).map(|truth| truth.low.0),
            "margin_ns": judged.margin.map(|margin| margin.0),
            "event": event,
            "reason": judged.doubt.as_ref().map(|doubt| reason(self.evidence, doubt)),
            "settled_by": judged.doubt.as_ref().map(|doubt| settled_by(self.evidence, doubt, self.limit())),
        })
    }
}
