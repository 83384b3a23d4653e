//! Connections between agents: what became of them in a phase, and which of them a person wants cut.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::NodeId;
use crate::time::Nanos;

/// Why a connection is lost for good.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// It was cut and not mended while patience lasted.
    Unmended,
    /// The other process is another one by now, which knows nothing of what the first was told.
    Restarted,
    /// The other end broke the rules of the protocol.
    Misled,
    /// The other end has given it up.
    GivenUp,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unmended => "it could not be mended while patience lasted",
            Self::Restarted => "the agent there was started again and knows nothing of what was said before",
            Self::Misled => "the agent there broke the rules of the protocol",
            Self::GivenUp => "the agent there has given it up",
        })
    }
}

/// How a connection is, the best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkState {
    /// It works.
    Up,
    /// It is cut and being mended.
    Mending,
    /// Nothing will come over it again.
    Lost(Loss),
}

/// What became of one agent's connection to another one in a phase.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LinkReport {
    /// The other agent.
    pub peer: NodeId,
    /// How often it was cut and mended.
    pub mended: u64,
    /// How long it was cut in all, in ns: from the instant at which this agent noticed to the one at which it was mended or
    /// lost, or to the end of the phase.
    pub cut_ns: i64,
    /// How it was at the end.
    pub state: LinkState,
}

/// A connection that changed its state, as one of its agents tells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LinkChange {
    /// The other agent.
    pub peer: NodeId,
    /// How the connection is now.
    pub state: LinkState,
    /// How long the cut lasted that is over now, in ns.
    pub cut_ns: i64,
}

impl fmt::Display for LinkChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (peer, cut) = (self.peer, Nanos(self.cut_ns));
        match self.state {
            LinkState::Up => write!(f, "the connection to agent {peer} is mended after {cut}"),
            LinkState::Mending => write!(f, "the connection to agent {peer} is cut and being mended"),
            LinkState::Lost(why) => write!(f, "the connection to agent {peer} is lost{}: {why}", after(cut)),
        }
    }
}

/// What became of one connection, by what both of its ends say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkFate {
    /// The agents at its ends, the lower one first.
    pub ends: [NodeId; 2],
    /// How often it was cut and mended, as the end says that saw it more often.
    pub mended: u64,
    /// How long it was cut in all, in ns, as the end says that saw it longer.
    pub cut_ns: i64,
    /// How it was at the end; lost if one of the ends says so.
    pub state: LinkState,
}

/// The fates of those connections of which there is anything to tell. An end may report several times, of one scene after the
/// other.
pub fn fates(reports: impl IntoIterator<Item = (NodeId, LinkReport)>) -> Vec<LinkFate> {
    let mut ends: BTreeMap<(NodeId, NodeId), LinkReport> = BTreeMap::new();
    for (node, report) in reports {
        let sum = ends.entry((node, report.peer)).or_insert(LinkReport { mended: 0, cut_ns: 0, ..report });
        sum.mended = sum.mended.saturating_add(report.mended);
        sum.cut_ns = sum.cut_ns.saturating_add(report.cut_ns);
        sum.state = report.state;
    }
    let mut fates: BTreeMap<[NodeId; 2], LinkFate> = BTreeMap::new();
    for ((node, peer), LinkReport { mended, cut_ns, state, .. }) in ends {
        let ends = [node.min(peer), node.max(peer)];
        let fate = fates.entry(ends).or_insert(LinkFate { ends, mended, cut_ns, state });
        fate.mended = fate.mended.max(mended);
        fate.cut_ns = fate.cut_ns.max(cut_ns);
        fate.state = fate.state.max(state);
    }
    fates.into_values().filter(|fate| fate.mended > 0 || fate.state != LinkState::Up).collect()
}

impl fmt::Display for LinkFate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([a, b], cut) = (self.ends, Nanos(self.cut_ns));
        let times = if self.mended == 1 { "once".to_owned() } else { format!("{} times", self.mended) };
        match (self.state, self.mended) {
            (LinkState::Up, _) => write!(f, "{a}-{b} was cut and mended {times}, for {cut} in all"),
            (LinkState::Mending, 0) => write!(f, "{a}-{b} is cut, for {cut} by now, and being mended"),
            (LinkState::Mending, _) => {
                write!(f, "{a}-{b} is cut and being mended; before it was mended {times}; cut for {cut} in all")
            }
            (LinkState::Lost(why), 0) => write!(f, "{a}-{b} is lost{}: {why}", after(cut)),
            (LinkState::Lost(why), _) => {
                write!(f, "{a}-{b} is lost: {why}; before it was mended {times}; cut for {cut}")
            }
        }
    }
}

/// How long a connection was cut before it was lost, unless that was at once.
fn after(cut: Nanos) -> String {
    if cut > Nanos::ZERO { format!(" after {cut}") } else { String::new() }
}

/// A connection that a person wants cut for a while.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PlannedCut {
    /// The agents at its ends, the lower one first.
    pub ends: [NodeId; 2],
    /// When it is cut, from the beginning of the lower one's phase.
    pub after: Nanos,
    /// For how long.
    pub length: Nanos,
}

impl fmt::Display for PlannedCut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ends: [a, b], after, length } = self;
        write!(f, "{a}-{b}@{after}+{length}")
    }
}

/// Reads `0-1@1s+300ms`.
impl FromStr for PlannedCut {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let malformed = || format!("`{text}` is no cut: write two agents, when and for how long, such as 0-1@1s+300ms");
        let parts = || {
            let (ends, when) = text.split_once('@')?;
            let ((a, b), (after, length)) = (ends.split_once('-')?, when.split_once('+')?);
            let ends = [NodeId(a.parse().ok()?), NodeId(b.parse().ok()?)];
            Some((ends, after.parse::<Nanos>().ok()?, length.parse::<Nanos>().ok()?))
        };
        let (mut ends, after, length) = parts().ok_or_else(malformed)?;
        ends.sort_unstable();
        if ends[0] == ends[1] || after < Nanos::ZERO || length <= Nanos::ZERO {
            return Err(malformed());
        }
        Ok(Self { ends, after, length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_is_read_as_it_is_written() {
        let cut: PlannedCut = "2-0@1s+300ms".parse().unwrap();
        let ends = [NodeId(0), NodeId(2)];
        assert_eq!(cut, PlannedCut { ends, after: Nanos::from_seconds(1), length: Nanos::from_millis(300) });
        assert_eq!(cut.to_string().parse(), Ok(cut));
        for wrong in ["", "0-1", "0-1@1s", "0-0@1s+1s", "0-1@-1s+1s", "0-1@1s+0s", "0-x@1s+1s", "0-1@1+1"] {
            assert!(wrong.parse::<PlannedCut>().is_err_and(|why| why.contains("such as 0-1@1s+300ms")), "{wrong}");
        }
    }

    #[test]
    fn the_fate_of_a_connection_is_what_its_ends_say_together() {
        let said = |peer, mended, cut_ns, state| LinkReport { peer: NodeId(peer), mended, cut_ns, state };
        let lost = LinkState::Lost(Loss::Unmended);
        let found = fates([
            (NodeId(0), said(1, 1, 300_000_000, LinkState::Up)),
            (NodeId(1), said(0, 1, 301_000_000, LinkState::Up)),
            (NodeId(1), said(2, 0, 2_000_000_000, lost)),
            (NodeId(2), said(1, 0, 1_900_000_000, LinkState::Mending)),
            (NodeId(0), said(2, 0, 0, LinkState::Up)),
            (NodeId(0), said(1, 1, 5_000_000, LinkState::Up)),
        ]);
        let told: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "0-1 was cut and mended 2 times, for 305ms in all",
                "1-2 is lost after 2s: it could not be mended while patience lasted"
            ]
        );
    }
}
