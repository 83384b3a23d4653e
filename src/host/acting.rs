//! The agent's side of a trial: every agent and the lab run the same trial, each scene at the same time, and every agent plays
//! its own process of it. What comes of a scene only the lab knows; here its log is empty.

use std::fs::File;
use std::sync::PoisonError;

use anyhow::{Context, Result};
use tokio::sync::mpsc;

use super::clock::raw_now;
use super::clock::thread_cpu;
use super::control::{Cue, Trial};
use super::orderer::{Cues, Done, Order, Scenes, Thread};
use super::ordering::player::{Count, Overtaking, Player, Setting};
use super::ordering::{DRAIN, Mesh};
use crate::ids::NodeId;
use crate::time::{Nanos, Raw, Synced, Time};
use crate::trial::{Delivery, Laws, Planned, Premise, Scene, Stage, Terms, World, fits};
use crate::workload::{Log, Process};

/// Where messages may overtake each other they are heard up to so much later, unless more jitter was asked for.
const OVERTAKING: Nanos = Nanos::from_millis(25);

/// From the end of one thing to the beginning of a scene without a cue.
const SOON: Nanos = Nanos::from_millis(15);
/// Who waits in line has so long at least when users want nothing more.
const IN_LINE: Nanos = Nanos::from_seconds(2);
/// No scene without cues is longer, whatever it says of itself.
const LONGEST: Nanos = Nanos::from_seconds(3_600);

/// The stage as an agent sees it.
pub(super) struct Acting<'a> {
    thread: &'a mut Thread,
    mesh: &'a mut Mesh,
    scenes: &'a mut Scenes,
    trial: &'a Trial,
    cues: Cues,
    played: u16,
    failed: Option<anyhow::Error>,
}

impl<'a> Acting<'a> {
    /// Plays this agent's part of a trial. When nobody gives cues any more, the rest is skipped.
    pub(super) fn play(
        thread: &'a mut Thread,
        mesh: &'a mut Mesh,
        scenes: &'a mut Scenes,
        trial: &'a Trial,
        cues: Cues,
    ) -> Result<()> {
        let mut acting = Self { thread, mesh, scenes, trial, cues, played: 0, failed: None };
        // What the trial makes of empty logs is of no use to anybody.
        let _ = trial.workload.play(&mut acting, &trial.terms);
        acting.failed.map_or(Ok(()), Err)
    }

    fn act<P: Process>(&mut self, terms: &Terms, scene: Scene<'_, P>) -> Result<()> {
        let number = self.scenes.next;
        self.scenes.next += 1;
        self.played += 1;
        if self.played > self.trial.scenes.most(self.trial.workload) {
            return Ok(());
        }
        let me = self.mesh.me();
        // Before it has begun it is not settled.
        self.count(Count { scene: number, ..Count::default() });
        let beginning = match self.cues {
            Cues::Lab => self.begin(number)?,
            Cues::Own => Some(self.begin_alone(number, self.length(terms, &scene))?),
        };
        let Some(Beginning { began, base, end }) = beginning else { return Ok(()) };
        let plan: Vec<Planned<P::Command>> = scene.plan.into_iter().filter(|planned| planned.node == me).collect();
        let path = self.scenes.traces.join(trace_name(number, me));
        let trace = File::create(&path).with_context(|| format!("trace `{}` cannot be made", path.display()))?;
        let overtaking = self.overtaking(terms, scene.delivery);
        let Thread { runtime, clocks, orders, .. } = &mut *self.thread;
        let cpu = thread_cpu();
        let setting = Setting {
            scene: number,
            algorithm: self.trial.algorithm,
            began,
            end,
            batch: self.trial.batch.max(1) as usize,
            overtaking,
            trace,
            count: &self.scenes.count,
        };
        if me.0 < terms.nodes {
            let process = (scene.cast)(me, base);
            let player = Player::new(self.mesh, clocks, setting, process, plan, scene.nudge);
            runtime.block_on(until_curtain(number, orders, player.play()))?;
        } else {
            // There are more agents than processes: this one looks on.
            self.count(Count { scene: number, settled: true, ..Count::default() });
            let Thread { runtime, orders, .. } = &mut *self.thread;
            let mesh = &mut *self.mesh;
            let looking_on = async { match mesh.idle().await {} };
            runtime.block_on(until_curtain(number, orders, looking_on))?;
        }
        let cpu_ns = (thread_cpu() - cpu).0.max(0).unsigned_abs();
        let links = self.mesh.links();
        let began = self.thread.clocks.local.local(began);
        self.say(Done::Played { scene: number, began, cpu_ns, links })
    }

    /// Connections keep their order: where the premise that they do is broken, messages are heard as if they did not.
    fn overtaking(&self, terms: &Terms, delivery: Delivery) -> Option<Overtaking> {
        let given_up = terms.premise == Premise::Broken && self.trial.workload.gives_up_order();
        let limit = terms.jitter.max(OVERTAKING);
        (given_up && delivery == Delivery::Unordered).then_some(Overtaking { seed: terms.seed, limit })
    }

    /// Says that the agent is ready, and waits for the scene to begin. None if nobody will begin it.
    fn begin(&mut self, number: u16) -> Result<Option<Beginning>> {
        let now = self.thread.clocks.now(Some(self.trial.algorithm));
        let (raw_ns, reading_ns) = (now.raw.as_nanos(), now.physical.as_nanos());
        self.say(Done::Ready { scene: number, raw_ns, reading_ns })?;
        while let Some(order) = self.thread.next_order(Some(self.mesh)) {
            if let Order::Cue(Cue::Begin { scene, raw_ns, base_ns, end_ns }) = order
                && scene == number
            {
                let (began, end) = (Time::from_nanos(raw_ns), Time::from_nanos(end_ns));
                return Ok(Some(Beginning { began, base: Time::from_nanos(base_ns), end }));
            }
        }
        Ok(None)
    }

    /// The scene begins when the first agent says so, and lasts so long; then others have time to be as far. All take that
    /// agent's clock for the one without offset where processes begin at a reading, else each its own: clocks may be far apart.
    fn begin_alone(&mut self, number: u16, length: Nanos) -> Result<Beginning> {
        let (Thread { runtime, clocks, .. }, mesh) = (&mut *self.thread, &mut *self.mesh);
        let algorithm = Some(self.trial.algorithm);
        let leads = mesh.leads();
        let said = if leads { None } else { Some(runtime.block_on(mesh.await_beginning(number))?) };
        let began = raw_now() + if leads { SOON } else { Nanos::ZERO };
        let now = clocks.now(algorithm);
        let own = now.physical + (began - now.raw);
        if leads {
            runtime.block_on(mesh.announce(number, own));
        }
        let base = said.filter(|_| self.trial.workload.begins_at_a_reading()).unwrap_or(own);
        Ok(Beginning { began, base, end: began + length + DRAIN })
    }

    /// How long a scene without cues is: until everything should be over. Where whoever wants something waits for the others,
    /// what it says of itself is far too much: then as long again as users want something, and [`IN_LINE`] at least.
    fn length<P: Process>(&self, terms: &Terms, scene: &Scene<'_, P>) -> Nanos {
        let end = (scene.end - Time::ZERO).min(LONGEST);
        let last = scene.plan.iter().map(|planned| planned.at - Time::ZERO).max();
        match last.filter(|_| self.trial.workload.waits_in_line()) {
            Some(last) => end.min(last + terms.span.max(IN_LINE)),
            None => end,
        }
    }

    fn count(&self, count: Count) {
        *self.scenes.count.lock().unwrap_or_else(PoisonError::into_inner) = count;
    }

    fn say(&self, done: Done) -> Result<()> {
        // Nobody listens any more if the agent is ending.
        let _ = self.thread.results.blocking_send(Ok(done));
        Ok(())
    }
}

/// When a scene begins and ends.
struct Beginning {
    began: Time<Raw>,
    /// What a clock without offset shows then.
    base: Time<Synced>,
    end: Time<Raw>,
}

/// Plays until the scene is over by itself or by its cue, or nobody is there to give one.
async fn until_curtain(
    number: u16,
    orders: &mut mpsc::Receiver<Order>,
    playing: impl Future<Output = std::io::Result<()>>,
) -> Result<()> {
    let curtain = async {
        while let Some(order) = orders.recv().await {
            if matches!(order, Order::Cue(Cue::Curtain { scene }) if scene == number) {
                return;
            }
        }
    };
    tokio::select! {
        played = playing => played.context("the trace cannot be written: is the disk full?"),
        () = curtain => Ok(()),
    }
}

impl Stage for Acting<'_> {
    fn play<P: Process>(&mut self, terms: &Terms, scene: Scene<'_, P>) -> Log<P::Event> {
        if self.failed.is_none() {
            self.failed = self.act(terms, scene).err();
        }
        Log::new(terms.nodes)
    }

    fn world(&self, terms: &Terms) -> World {
        World { terms: *terms, offsets: vec![Nanos::ZERO; terms.nodes as usize], laws: Laws::Measured }
    }

    fn fits(&self, terms: &Terms, wanted: u64, each: Nanos) -> u64 {
        // Without cues every scene lasts until the slowest must be done.
        let drained = if self.cues == Cues::Own { DRAIN } else { Nanos::ZERO };
        fits(terms, wanted, each + drained)
    }
}

/// The name of the file that has the trace of a scene at an agent.
pub(super) fn trace_name(scene: u16, node: NodeId) -> String {
    format!("{scene}-{node}.trace")
}
