//! Trials of workloads, each with what it measured beside what was predicted, on whatever [`Stage`] they are played: in
//! virtual time, or on real agents.

mod apart;
mod clock;
mod exclusion;
pub mod expect;
mod figure;
pub mod generals;
pub mod listed;
mod order;
mod outside;
mod played;
mod replicas;
mod seen;
mod snapshots;
mod stage;
mod terms;

use serde::{Deserialize, Serialize};

pub use apart::{Bearings, Judged, Sight, Trace, judge as judge_apart};
pub use clock::Clock;
pub use played::{Part, Played};
pub use seen::Seen;
pub use stage::{Delivery, Laws, Nudge, Planned, Scene, Stage, World, fits};
pub use terms::{BEATS_PER_S, MOST_MESSAGES, MOST_OPERATIONS, Premise, Terms};

use crate::names::named;
use crate::workload::Row;

/// No workload is played among more processes: each of them tells each other.
pub const MOST_PROCESSES: u32 = 16;

/// The workloads, in the order in which they are told about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Workload {
    /// Total order by stability with heartbeats.
    TotalOrder,
    /// The airline on total order.
    StateMachine,
    /// Lamport's mutual exclusion.
    Mutex,
    /// Mutual exclusion by deferred replies.
    RicartAgrawala,
    /// The real-time state machine of 1978.
    RealTime,
    /// Commit wait.
    CommitWait,
    /// Reads that restart under uncertainty.
    Restart,
    /// Snapshots by markers and by stamps, with detection of termination and deadlock.
    Snapshot,
    /// Anomalies by a side channel.
    Anomaly,
    /// Causal+ visibility.
    Causal,
    /// Byzantine generals.
    Byzantine,
    /// Schneider's three stability tests.
    StabilityTests,
}

impl Workload {
    /// Every workload.
    pub const ALL: [Self; 12] = [
        Self::TotalOrder,
        Self::StateMachine,
        Self::Mutex,
        Self::RicartAgrawala,
        Self::RealTime,
        Self::CommitWait,
        Self::Restart,
        Self::Snapshot,
        Self::Anomaly,
        Self::Causal,
        Self::Byzantine,
        Self::StabilityTests,
    ];

    /// Its name in every file and flag.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TotalOrder => "total-order",
            Self::StateMachine => "state-machine",
            Self::Mutex => "mutex",
            Self::RicartAgrawala => "ricart-agrawala",
            Self::RealTime => "real-time",
            Self::CommitWait => "commit-wait",
            Self::Restart => "restart",
            Self::Snapshot => "snapshot",
            Self::Anomaly => "anomaly",
            Self::Causal => "causal",
            Self::Byzantine => "byzantine",
            Self::StabilityTests => "stability-tests",
        }
    }

    /// What is given up if its premise is broken.
    pub const fn ablation(self) -> &'static str {
        match self {
            Self::TotalOrder | Self::Mutex | Self::Snapshot => "channels do not keep their order",
            Self::StateMachine => "requests are put to a vote of two out of three, not ordered",
            Self::RicartAgrawala => {
                "replies do not wait until the own clock has passed the request (it takes an eps above the delay to break)"
            }
            Self::Causal => "writes are shown as they come",
            Self::Byzantine => "three generals, one of them a traitor, with oral messages",
            Self::RealTime | Self::CommitWait | Self::Restart | Self::Anomaly | Self::StabilityTests => {
                "the declared eps is zero"
            }
        }
    }

    /// Whether its premise, broken, shows where messages overtake each other.
    pub const fn gives_up_order(self) -> bool {
        matches!(self, Self::TotalOrder | Self::StateMachine | Self::Mutex | Self::Snapshot | Self::Causal)
    }

    /// The fewest processes that can play it so.
    pub const fn least_processes(self, premise: Premise) -> u32 {
        match (self, premise) {
            // Two out of three vote, and three generals hear of each other's orders.
            (Self::StateMachine | Self::Byzantine, Premise::Broken) => 3,
            _ => 2,
        }
    }

    /// Whether it stamps what it does. Else it only asks what time it is, and clocks that show the same are the same to it.
    pub const fn uses_stamps(self) -> bool {
        !matches!(self, Self::RealTime | Self::CommitWait | Self::Byzantine)
    }

    /// Whether it carries more the more is wanted, up to where it is saturated: what the others carry is set by spans that were
    /// agreed on, or stands on a promise on delays that a saturated host does not keep.
    pub const fn saturates(self) -> bool {
        !matches!(self, Self::RealTime | Self::Snapshot | Self::Anomaly | Self::Byzantine | Self::StabilityTests)
    }

    /// Whether its processes begin together when their clocks show one reading.
    pub const fn begins_at_a_reading(self) -> bool {
        matches!(self, Self::Byzantine)
    }

    /// Whether whoever wants something waits for all who want it too, so that nobody knows beforehand when a scene is over.
    pub const fn waits_in_line(self) -> bool {
        matches!(self, Self::Mutex | Self::RicartAgrawala | Self::Restart)
    }

    /// Whether it stands on how far apart clocks are declared to be.
    pub const fn declares_eps(self) -> bool {
        matches!(
            self,
            Self::RealTime | Self::CommitWait | Self::Restart | Self::Anomaly | Self::Byzantine | Self::StabilityTests
        )
    }

    /// Main scenes that take as long as users want something.
    pub const fn main_scenes(self) -> u32 {
        match self {
            Self::StabilityTests => 3,
            Self::Causal => 2,
            _ => 1,
        }
    }

    /// Those of `clocks` that make a difference to it, each once.
    pub fn differing(self, clocks: &[Clock]) -> Vec<Clock> {
        let mut found = Vec::new();
        for clock in clocks {
            let clock = if self.uses_stamps() { *clock } else { Clock::Physical(clock.algorithm()) };
            if !found.contains(&clock) {
                found.push(clock);
            }
        }
        found
    }

    /// Plays the workload. In virtual time the same terms give the same row.
    pub fn play(self, stage: &mut impl Stage, terms: &Terms) -> Row {
        match self {
            Self::TotalOrder => order::total_order(stage, terms),
            Self::StateMachine => order::state_machine(stage, terms),
            Self::Mutex => exclusion::mutex(stage, terms),
            Self::RicartAgrawala => exclusion::ricart_agrawala(stage, terms),
            Self::RealTime => replicas::real_time(stage, terms),
            Self::CommitWait => outside::commit_wait(stage, terms),
            Self::Restart => outside::restart(stage, terms),
            Self::Snapshot => snapshots::snapshot(stage, terms),
            Self::Anomaly => outside::anomaly(stage, terms),
            Self::Causal => replicas::causal(stage, terms),
            Self::Byzantine => generals::byzantine(stage, terms),
            Self::StabilityTests => order::stability_tests(stage, terms),
        }
    }
}

named!(Workload, "workload");

#[cfg(test)]
pub(crate) use terms::testing;
