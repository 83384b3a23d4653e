//! A trial on real agents: the lab's side of it. The lab runs the trial as every agent does; where a scene is to be played, it
//! tells all of them when to begin, waits until nothing is left to do, and makes one log of their traces.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::agents::{Agents, Cut};
use super::{HEAD_START, OPENING, Plan, span};
use crate::host::acting::trace_name;
use crate::host::clock::raw_now;
use crate::host::control::{Cue, FromAgent, ToAgent, Trial};
use crate::host::ordering::DRAIN;
use crate::host::ordering::player::Count;
use crate::ids::NodeId;
use crate::order::link::{LinkReport, PlannedCut};
use crate::order::report::{Phase, PhaseReport};
use crate::time::{Nanos, Raw, Synced, Time, True};
use crate::trial::{Scene, Seen, Stage, Terms, World, fits};
use crate::workload::{Log, Process, Row, What, trace};

/// From the cue to the beginning of a scene.
const SOON: Nanos = Nanos::from_millis(15);
/// How often agents are asked how far they are, once users want nothing more.
const ASKING: Nanos = Nanos::from_millis(5);
/// A scene is over when nothing was left to do so many times in a row: one look is at different moments at different agents.
const LOOKS: u32 = 3;
/// How long an agent may take to end a scene.
const ENDING: Duration = Duration::from_secs(5);
/// A scene without an end of its own is over after so long at most.
const LONGEST: Nanos = Nanos::from_seconds(5);

/// Agents that play trials.
pub struct Company {
    runtime: Rc<Runtime>,
    agents: Agents,
    stop: watch::Receiver<bool>,
    traces: PathBuf,
    scene: u16,
    /// Scenes of the present trial that are not to be played begin here.
    last: u16,
    /// How long the first scene of the present trial kept its processes busy.
    busy: Option<Nanos>,
    cut: Option<Cut>,
    seen: Seen,
    cpu: Nanos,
    links: Vec<(NodeId, LinkReport)>,
    full: bool,
}

/// What came of a trial.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// Measured beside predicted.
    pub row: Row,
    /// The clocks and channels, as they were.
    pub world: World,
    /// From the first command of the main scene to the last event in it.
    pub busy: Nanos,
    /// CPU time of the threads that played, in all.
    pub cpu: Nanos,
    /// What became of the connections between agents that were not killed, scene by scene, as each of their ends says.
    pub links: Vec<(NodeId, LinkReport)>,
    /// Why it ended early, if it did.
    pub ended_early: Option<EndedEarly>,
}

/// Why a trial ended early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EndedEarly {
    /// A person asked to stop.
    Stopped,
    /// An agent died, or did not answer in time.
    AgentLost,
    /// Two agents cannot reach each other any more.
    LinkLost,
}

impl Company {
    /// Starts agents without a collector, and lets their clocks find each other for the plan's measured span.
    ///
    /// # Errors
    /// When they could not be started; with the last log lines of the one that failed.
    pub fn start(plan: &Plan, stop: watch::Receiver<bool>) -> Result<Self> {
        let runtime = Rc::new(tokio::runtime::Builder::new_current_thread().enable_all().build()?);
        let mut stop = stop;
        let (agents, cut) = runtime.block_on(async {
            let mut agents = Agents::start(plan, None).await?;
            agents.tells = |told| eprintln!("{told}");
            let begin = raw_now() + HEAD_START;
            agents.tell_all(&ToAgent::Start { raw_ns: begin.as_nanos(), measured: plan.measured }).await;
            agents.tell_all(&ToAgent::Connect).await;
            let patience = span(plan.measured + HEAD_START) + OPENING;
            let connected = agents.await_all(&mut stop, OPENING, |said| matches!(said, FromAgent::Connected)).await;
            let cut = match connected {
                Ok(_) => agents.await_all(&mut stop, patience, |said| matches!(said, FromAgent::Measured)).await.err(),
                Err(cut) => Some(cut),
            };
            anyhow::Ok((agents, cut))
        })?;
        if cut == Some(Cut::Incomplete) {
            let words = agents.troubles.iter().cloned().chain(agents.last_words()).collect::<Vec<_>>().join("\n");
            return Err(anyhow!("the agents could not meet: {words}"));
        }
        let traces = plan.dir.join("spool");
        Ok(Self {
            runtime,
            agents,
            stop,
            traces,
            scene: 0,
            last: u16::MAX,
            busy: None,
            cut,
            seen: Seen::default(),
            cpu: Nanos::ZERO,
            links: Vec::new(),
            full: false,
        })
    }

    /// Plays one trial.
    pub fn play(&mut self, trial: Trial) -> Outcome {
        self.seen = Seen::default();
        self.cpu = Nanos::ZERO;
        self.links.clear();
        self.busy = None;
        self.last = self.scene.saturating_add(trial.scenes.most(trial.workload));
        let Self { runtime, agents, .. } = self;
        runtime.block_on(agents.tell_all(&ToAgent::Trial(Box::new(trial))));
        let row = trial.workload.play(self, &trial.terms);
        if self.full {
            self.agents.troubles.push("a trace was full: users stopped early; choose a lower --rate".to_owned());
        }
        if self.cut.is_none() {
            let Self { runtime, agents, stop, .. } = self;
            let over = agents.await_all(stop, ENDING, |said| matches!(said, FromAgent::Tried));
            self.cut = runtime.block_on(over).err();
        }
        let busy = self.busy.unwrap_or_default();
        let links = std::mem::take(&mut self.links);
        Outcome { row, world: self.world(&trial.terms), busy, cpu: self.cpu, links, ended_early: self.ended_early() }
    }

    /// Has connections cut in the next phase, or in the first scene of the next trial.
    pub fn cut(&mut self, cuts: &[PlannedCut]) {
        let Self { runtime, agents, .. } = self;
        runtime.block_on(agents.tell_all(&ToAgent::Cut(cuts.to_vec())));
    }

    /// Runs one ordering phase: the report of every agent that lived to give one. If that is not all of them, it is the last.
    pub fn phase(&mut self, phase: Phase) -> Vec<(NodeId, PhaseReport)> {
        if self.cut.is_some() {
            return Vec::new();
        }
        let Self { runtime, agents, stop, .. } = self;
        let (reports, cut) = runtime.block_on(agents.report_phase(phase, stop));
        self.cut = cut;
        reports
    }

    /// Why nothing more is played, if so.
    pub fn ended_early(&self) -> Option<EndedEarly> {
        self.cut.map(|cut| match cut {
            Cut::Stopped => EndedEarly::Stopped,
            Cut::Incomplete => EndedEarly::AgentLost,
            Cut::Unlinked => EndedEarly::LinkLost,
        })
    }

    /// The processes of the agents, for whoever wants to see what becomes of a run that loses one.
    pub fn process_ids(&self) -> Vec<(NodeId, Option<u32>)> {
        self.agents.process_ids()
    }

    /// What went wrong so far, by name.
    pub fn troubles(&self) -> &[String] {
        &self.agents.troubles
    }

    /// Ends all agents: what went wrong on the way, by name.
    pub fn end(mut self) -> Vec<String> {
        let Self { runtime, agents, .. } = &mut self;
        runtime.block_on(agents.stop());
        if !agents.troubles.is_empty() {
            let words = agents.last_words();
            agents.troubles.extend(words);
        }
        std::mem::take(&mut agents.troubles)
    }

    /// Plays a scene at all agents: what a clock without offset showed at its beginning.
    async fn perform(
        &mut self,
        number: u16,
        length: Length,
        mut crashes: Vec<(NodeId, Time<True>)>,
    ) -> Option<Time<Synced>> {
        let is_ready = move |said: &FromAgent| matches!(said, FromAgent::Ready { scene, .. } if *scene == number);
        let ready = self.agents.await_all(&mut self.stop, OPENING, is_ready).await;
        let ready = self.note(ready)?;
        let ahead: Vec<Nanos> = ready
            .iter()
            .filter_map(|said| match said {
                FromAgent::Ready { raw_ns, reading_ns, .. } => Some(Nanos(*reading_ns) - Nanos(*raw_ns)),
                _ => None,
            })
            .collect();
        let began = raw_now() + SOON;
        // The first agent is the reference that others follow.
        let base = Time::from_nanos(began.as_nanos()) + *ahead.first()?;
        let apart = *ahead.iter().max()? - *ahead.iter().min()?;
        let end = began + length.limit + apart + DRAIN;
        let (raw_ns, base_ns, end_ns) = (began.as_nanos(), base.as_nanos(), end.as_nanos());
        self.agents.tell_all(&ToAgent::Cue(Cue::Begin { scene: number, raw_ns, base_ns, end_ns })).await;
        crashes.sort_by_key(|(_, at)| *at);
        let outcome = self.watch(number, began, length, end, &crashes).await;
        self.note(outcome);
        self.agents.tell_all(&ToAgent::Cue(Cue::Curtain { scene: number })).await;
        let is_played = move |said: &FromAgent| matches!(said, FromAgent::Played { scene, .. } if *scene == number);
        let (_keep, mut never) = watch::channel(false);
        let played = self.agents.answers(&mut never, ENDING, is_played).await;
        for (node, said) in self.note(played).into_iter().flatten() {
            if let FromAgent::Played { cpu_ns, links, .. } = said {
                self.cpu += Nanos(cpu_ns as i64);
                let killed = |link: &LinkReport| crashes.iter().any(|(node, _)| *node == link.peer);
                self.links.extend(links.into_iter().filter(|link| !killed(link)).map(|link| (node, link)));
            }
        }
        Some(base)
    }

    /// Keeps the first reason for ending early.
    fn note<T>(&mut self, outcome: Result<T, Cut>) -> Option<T> {
        outcome.map_err(|cut| self.cut.get_or_insert(cut)).ok()
    }

    /// Watches a scene until nothing is left to do.
    async fn watch(
        &mut self,
        number: u16,
        began: Time<Raw>,
        length: Length,
        end: Time<Raw>,
        crashes: &[(NodeId, Time<True>)],
    ) -> Result<(), Cut> {
        for (node, at) in crashes {
            self.agents.wait(&mut self.stop, began + (*at - Time::ZERO)).await?;
            self.agents.kill(*node).await;
        }
        self.agents.wait(&mut self.stop, began + length.wanted).await?;
        let mut quiet = 0;
        while quiet < LOOKS && raw_now() < end {
            self.agents.wait(&mut self.stop, raw_now() + ASKING).await?;
            self.agents.tell_all(&ToAgent::Count).await;
            let is_count = move |said: &FromAgent| matches!(said, FromAgent::Counted(count) if count.scene == number);
            let counts = self.agents.answers(&mut self.stop, ENDING, is_count).await?;
            let counts: BTreeMap<NodeId, Count> = counts
                .into_iter()
                .filter_map(|(node, said)| match said {
                    FromAgent::Counted(count) => Some((node, count)),
                    _ => None,
                })
                .collect();
            self.full |= counts.values().any(|count| count.full);
            quiet = if is_quiet(&counts) { quiet + 1 } else { 0 };
        }
        Ok(())
    }

    /// The traces of a scene, which are then gone.
    fn traces<E: crate::workload::wire::Wire>(&self, number: u16, nodes: u32) -> Vec<Vec<trace::Record<E>>> {
        let read = |node| {
            let path = self.traces.join(trace_name(number, NodeId(node)));
            // Who was killed before the scene has no trace of it.
            let found = std::fs::read(&path).map_or_else(|_| Vec::new(), |bytes| trace::read(&bytes));
            let _ = std::fs::remove_file(&path);
            found
        };
        (0..nodes).map(read).collect()
    }
}

/// How long a scene is.
#[derive(Clone, Copy)]
struct Length {
    /// Until users want nothing more.
    wanted: Nanos,
    /// Until everything should be over.
    limit: Nanos,
}

/// Whether nobody has anything left to do and nothing is under way between the living.
fn is_quiet(counts: &BTreeMap<NodeId, Count>) -> bool {
    let of = |all: &[u64], node: NodeId| all.get(node.0 as usize).copied().unwrap_or_default();
    let arrived = |from: &NodeId, to: &NodeId| of(&counts[from].sent, *to) == of(&counts[to].received, *from);
    counts.values().all(|count| count.settled) && counts.keys().all(|from| counts.keys().all(|to| arrived(from, to)))
}

impl Stage for Company {
    fn play<P: Process>(&mut self, terms: &Terms, scene: Scene<'_, P>) -> Log<P::Event> {
        let number = self.scene;
        self.scene += 1;
        if self.cut.is_some() || number >= self.last {
            return Log::new(terms.nodes);
        }
        let wanted = scene.plan.iter().map(|planned| planned.at - Time::ZERO).max().unwrap_or(Nanos::ZERO);
        let limit = (scene.end - Time::ZERO).min(wanted + terms.span.max(LONGEST));
        let runtime = Rc::clone(&self.runtime);
        let base = runtime.block_on(self.perform(number, Length { wanted, limit }, scene.crashes));
        let log = trace::gather(self.traces(number, terms.nodes));
        self.seen.look(&log, base);
        self.busy.get_or_insert_with(|| busy(&log));
        log
    }

    fn world(&self, terms: &Terms) -> World {
        self.seen.world(terms)
    }

    fn fits(&self, terms: &Terms, wanted: u64, each: Nanos) -> u64 {
        fits(terms, wanted, each)
    }
}

/// From the first instant at which a user wanted something to the last event.
fn busy<E>(log: &Log<E>) -> Nanos {
    let first = log.entries.iter().find_map(|entry| match entry.what {
        What::Commanded { intended } => Some(intended),
        _ => None,
    });
    let last = log.events().last().map(|(entry, _)| entry.at);
    first.zip(last).map_or(Nanos::ZERO, |(first, last)| last - first)
}
