//! Doubts in words.

use super::super::text::nodes;
use crate::analysis::target::{Doubt, Evidence, Judged, Limit};
use crate::ids::NodeId;
use crate::time::Nanos;

/// Why the evidence does not decide.
pub fn reason(evidence: &Evidence, doubt: &Doubt) -> String {
    let of = |(own, other): &(NodeId, NodeId)| format!("nodes {own} and {other}");
    match doubt {
        Doubt::Alone => format!("{} nodes can be compared, two are needed", evidence.nodes.len()),
        Doubt::NotEverywhere(without) => format!("nodes {} did not write this clock down", nodes(without)),
        Doubt::Contradiction(said, windows) => format!("an assumption is false, in {windows} windows. {said}"),
        Doubt::Disagreement(truth, low) => format!(
            "the journals declare a true eps of {truth}, yet their messages prove {low}: one of the two is wrong"
        ),
        Doubt::TooShort => format!("the run of {:.1} s ended before anything was judged", evidence.length_s),
        Doubt::Unbounded(pair, at_s) => format!(
            "at some instants, the first at {at_s:.1} s, no messages bound how far apart all clocks were ({} among them)",
            of(pair)
        ),
        Doubt::Missing(missing) => {
            format!("those that were compared kept to it, but of nodes {} nothing usable is known", nodes(missing))
        }
        Doubt::RoundTrip(pair, half) => format!(
            "half of the shortest way between {} and back is {half} at its best, and with these messages nothing can \
                 be certified below that",
            of(pair)
        ),
        Doubt::Grid => "between the instants of the grid it may have been exceeded, at them it was not".to_owned(),
        Doubt::Between => "the limit lies between what is certain and what is possible".to_owned(),
        Doubt::NoUtc => "clocks that agree may all be wrong together".to_owned(),
    }
}

/// What would settle a doubt.
pub fn settled_by(evidence: &Evidence, doubt: &Doubt, limit: Limit) -> String {
    match doubt {
        Doubt::Alone => "journals of two nodes or more that exchange messages".to_owned(),
        Doubt::NotEverywhere(_) => "agents that write it down on every host".to_owned(),
        Doubt::Contradiction(..) => "true assumptions: a larger --kappa-ppm if a clock may be that far off, a smaller \
                                         --min-delay or --distance, or a run without the node that is wrong"
            .to_owned(),
        Doubt::Disagreement(..) => "journals that nobody changed (skewbench verify), or --without-truth".to_owned(),
        Doubt::TooShort => "a longer run, or a shorter --warm-up".to_owned(),
        Doubt::Unbounded(..) => format!(
            "shorter polls or fewer losses, so that every window of {} joins all nodes, or a coarser --grid, whose \
                 windows are wider",
            evidence.window
        ),
        Doubt::Missing(missing) => format!("the journals of nodes {}", nodes(missing)),
        Doubt::RoundTrip(_, half) => format!(
            "a known least one-way delay (--min-delay, from {} on, or --distance), or a faster path: stamps nearer the wire do not \
                 help, since clocks are read before the send and after the receipt",
            *half - limit.span
        ),
        Doubt::Grid => format!("a finer grid, such as --grid {}", evidence.grid.over(4).max(Nanos::from_millis(1))),
        Doubt::Between => format!(
            "polls shorter than {}, a smaller kappa that there is evidence for (--kappa-ppm), a known least one-way \
                 delay (--min-delay), or a finer --grid",
            evidence.tau
        ),
        Doubt::NoUtc => "a clock among them whose own distance from UTC is known, and documented".to_owned(),
    }
}

/// The reason in a few words.
pub fn remark(judged: &Judged) -> &'static str {
    match (&judged.event, &judged.doubt) {
        (Some(_), _) => "exceeded",
        (None, Some(doubt)) => remark_of(doubt),
        (None, None) => "",
    }
}

/// A doubt in a few words.
pub fn remark_of(doubt: &Doubt) -> &'static str {
    match doubt {
        Doubt::Alone => "fewer than two nodes",
        Doubt::NotEverywhere(_) => "some nodes lack it",
        Doubt::Contradiction(..) => "an assumption is false",
        Doubt::Disagreement(..) => "declared truth is refuted",
        Doubt::TooShort => "the run is too short",
        Doubt::Unbounded(..) => "some instants are unbounded",
        Doubt::Missing(_) => "a node is missing",
        Doubt::RoundTrip(..) => "half a round trip is above it",
        Doubt::Grid => "the grid is too coarse",
        Doubt::Between => "between certain and possible",
        Doubt::NoUtc => "UTC was not measured",
    }
}
