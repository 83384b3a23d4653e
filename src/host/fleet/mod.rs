//! A fleet: the lab's agents and collector as child processes, from their start to their last word.

mod agents;
mod company;
mod process;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::watch;

use self::agents::Agents;
use self::process::CollectorProcess;
use super::clock::raw_now;
use super::control::{FromAgent, ToAgent};
use crate::ids::Algorithms;
use crate::journal::RunConfig;
use crate::model::oscillator::Declaration;
use crate::order::report::Phase;
use crate::probe::Key;
use crate::time::Nanos;

pub use company::{Company, EndedEarly, Outcome as TrialOutcome};

/// How long a child may take to open its sockets or its connections.
const OPENING: Duration = Duration::from_secs(15);
/// From the start command to the birth of the nodes.
const HEAD_START: Nanos = Nanos::from_millis(250);

/// Whether the ordering phases are run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ordering {
    /// After the clocks were measured.
    On,
    /// Not at all: a quick look.
    Off,
}

/// What a fleet is to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program that agents and collector are copies of.
    pub program: PathBuf,
    /// Where journals and results go.
    pub dir: PathBuf,
    /// The cluster's key.
    pub key: Key,
    /// What all agents have in common.
    pub run: RunConfig,
    /// Each node's oscillator.
    pub oscillators: Vec<Declaration>,
    /// The clocks that every agent runs.
    pub clocks: Algorithms,
    /// How long clocks are measured.
    pub measured: Nanos,
    /// Whether ordering is measured.
    pub ordering: Ordering,
}

/// What a fleet is busy with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Measuring clocks until this much more time has passed.
    Probing(Nanos),
    /// Running an ordering phase.
    Ordering(Phase),
    /// Shipping the rest and analysing.
    Analysing,
}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The exit code of the verdict; `None` if the collector gave none.
    pub exit_code: Option<u8>,
    /// The results as people read them.
    pub text: String,
    /// What went wrong on the way, by name.
    pub troubles: Vec<String>,
    /// Whether every frame of every agent was acknowledged.
    pub spools: Spools,
}

/// Whether the agents' spools are still needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spools {
    /// The collector has everything that is in them.
    Shipped,
    /// At least one holds frames that the collector did not acknowledge.
    Needed,
}

/// Runs a fleet. `stage` is told what it is busy with; when `stop` becomes true it stops cleanly and still reports.
///
/// # Errors
/// When the fleet could not be started at all; with the last log lines of the child that failed.
pub async fn run(plan: &Plan, mut stage: impl FnMut(Stage), mut stop: watch::Receiver<bool>) -> Result<Outcome> {
    let mut collector = CollectorProcess::start(plan).await?;
    let mut agents = Agents::start(plan, Some(collector.address)).await?;
    let begin = raw_now() + HEAD_START;
    agents.tell_all(&ToAgent::Start { raw_ns: begin.as_nanos(), measured: plan.measured }).await;
    stage(Stage::Probing(plan.measured + HEAD_START));
    let all = agents
        .await_all(&mut stop, span(plan.measured + HEAD_START) + OPENING, |said| matches!(said, FromAgent::Measured))
        .await;
    if all.is_ok() && plan.ordering == Ordering::On {
        agents.order(plan.clocks, &mut stage, &mut stop).await;
    }
    stage(Stage::Analysing);
    let spools = agents.stop().await;
    let done = collector.finish().await;
    let mut troubles = std::mem::take(&mut agents.troubles);
    let (exit_code, text) = match done {
        Ok((code, text)) => (Some(code), text),
        Err(why) => {
            troubles.push(format!("{why:#}"));
            (None, String::new())
        }
    };
    let spools = if exit_code.is_some() { spools } else { Spools::Needed };
    if !troubles.is_empty() || exit_code != Some(0) {
        troubles.extend(agents.last_words());
    }
    Ok(Outcome { exit_code, text, troubles, spools })
}

fn span(nanos: Nanos) -> Duration {
    Duration::from_nanos(nanos.0.max(0).unsigned_abs())
}
