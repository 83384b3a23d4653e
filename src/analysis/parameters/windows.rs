//! Which part of a run calibrates and which is tested. What is inferred from the very trace it then judges is circular
//! (theory §1.6).

use std::collections::BTreeMap;

use crate::analysis::horizon::{LocalSpan, alive};
use crate::analysis::run::Span;
use crate::ids::{Arc, NodeId};
use crate::journal::RunConfig;
use crate::time::{Local, Nanos, Time};

/// A part of the run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Window {
    /// The first third, on each node's own clock.
    Calibration,
    /// The rest.
    Test,
    /// All of it.
    Whole,
}

impl Window {
    /// The window's name in every file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calibration => "calibration",
            Self::Test => "test",
            Self::Whole => "whole",
        }
    }

    /// Whether what `span`'s node sent at `at` belongs to this window.
    pub fn holds(self, span: &Span<'_>, at: Time<Local>) -> bool {
        let test = span.began + (span.ended - span.began).over(3);
        match self {
            Self::Calibration => at >= span.began && at < test,
            Self::Test => at >= test && at <= span.ended,
            Self::Whole => at >= span.began && at <= span.ended,
        }
    }
}

/// Nodes that began within so many periods began together.
const TOGETHER_PERIODS: i64 = 10;
const TOGETHER: Nanos = Nanos::from_seconds(1);

/// In which part of the run each arc is judged, on its sender's clock: from the sender's beginning to its end. Where the
/// receiver came much later or went much earlier, only while the sender knew that it was there.
pub fn judged(spans: &BTreeMap<NodeId, Span<'_>>, config: &RunConfig) -> impl Fn(Arc, &Span<'_>) -> LocalSpan {
    let (alive, together) = (alive(spans), TOGETHER.max(config.tau.times(TOGETHER_PERIODS)));
    move |arc, sender| {
        let Some(known) = alive.get(&arc) else { return sender.began..=sender.ended };
        let late = *known.start() - sender.began > together;
        let early = sender.ended - *known.end() > together;
        let start = if late { *known.start() } else { sender.began };
        let end = if early { *known.end() } else { sender.ended };
        start..=end.max(start)
    }
}
