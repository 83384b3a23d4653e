//! Workloads on real agents.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use skewbench::host::control::{Scenes, Trial};
use skewbench::host::fleet::{Company, EndedEarly, Ordering, Plan, TrialOutcome};
use skewbench::host::program::{Malformed, UNKNOWN, asked_to_stop, random_bytes};
use skewbench::host::{clock, facts};
use skewbench::ids::{Algorithms, NodeId};
use skewbench::journal::RunConfig;
use skewbench::model::oscillator;
use skewbench::order::link::{self, LinkFate, LinkReport, LinkState, PlannedCut};
use skewbench::order::report::{Load, PAYLOAD_BYTES, Phase, StampSource};
use skewbench::probe::Key;
use skewbench::report::workload::{self, Given, Place};
use skewbench::time::{Nanos, Ppb};
use skewbench::topology::{Impairment, Topology};
use skewbench::trial::{Clock, MOST_OPERATIONS, Terms, Workload, World};
use skewbench::workload::Check;
use tokio::sync::watch;

use super::{Args, Clocks, Run, engine, exit_code};
use crate::{folder, out};

/// Clocks begin up to so far from true time, as in the lab.
const OFFSET: Nanos = Nanos::from_millis(10);
/// And drift by up to so much.
const DRIFT: f64 = 50.0;
/// How often they are compared: often, since they have little time to find each other.
const TAU: Nanos = Nanos::from_millis(20);
/// How long they have for that.
const FINDING: Nanos = Nanos::from_millis(1_500);
/// Claims further than this from the own clock are refused.
const PLAUSIBLE: Nanos = Nanos::from_seconds(1_000);
/// What a busy host may add to a message's delay, unless --declared-delay says otherwise.
const SLACK: Nanos = Nanos::from_millis(50);
/// What the workload believes the clocks' spread to be, unless it is said.
const DECLARED: Nanos = Nanos::from_millis(1);
/// Operations a second of what does not saturate, unless they are said.
const RATE: f64 = 200.0;
/// How long users want something, unless it is said.
const SECONDS: f64 = 2.0;
/// Users of a burst want something within this.
const BURST: Nanos = Nanos::from_millis(10);
/// How many they are at first.
const FEW: f64 = 200.0;

/// What all scenes of a clock may take in seconds, beside twice what was asked for.
const MORE_SECONDS: f64 = 0.5;

/// Runs, prints, writes.
pub fn run(args: &Args) -> Result<u8> {
    possible(&args.cut, args)?;
    let clocks = clocks(args);
    let dir = folder::prepare(args.out.as_deref(), args.force)?;
    let stop = stop_on_signal()?;
    let mut session = Session { args, dir: &dir, stop, runs: Vec::new(), troubles: Vec::new(), ended: None };
    for workload in args.workload.workloads() {
        session.measure(workload, &clocks)?;
    }
    session.conclude()
}

fn clocks(args: &Args) -> Vec<Clock> {
    if args.clock.is_empty() {
        return Clock::USUAL.to_vec();
    }
    let named = |clocks: &Clocks| match clocks {
        Clocks::All => Clock::ALL.to_vec(),
        Clocks::One(clock) => vec![*clock],
    };
    args.clock.iter().flat_map(named).collect()
}

/// Refuses cuts of which nothing would come.
fn possible(cuts: &[PlannedCut], args: &Args) -> Result<()> {
    let seconds = args.seconds.unwrap_or(SECONDS);
    for cut in cuts {
        let mend = if cut.ends[1].0 >= args.nodes {
            format!("there are agents 0 to {}: choose two of them, or more --nodes", args.nodes - 1)
        } else if cut.after.as_seconds() >= seconds {
            format!("a phase takes {seconds}s: cut it sooner, or choose more --seconds")
        } else {
            continue;
        };
        return Err(Malformed(format!("--cut {cut}: {mend}")).into());
    }
    Ok(())
}

/// Becomes true at the first Ctrl-C.
fn stop_on_signal() -> Result<watch::Receiver<bool>> {
    let (stop, stopped) = watch::channel(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        if runtime.block_on(asked_to_stop()).is_ok() {
            eprintln!("stopping: what was gathered is reported");
            let _ = stop.send(true);
        }
    });
    Ok(stopped)
}

/// Runs of this command.
struct Session<'a> {
    args: &'a Args,
    dir: &'a Path,
    stop: watch::Receiver<bool>,
    runs: Vec<Run>,
    troubles: Vec<String>,
    ended: Option<EndedEarly>,
}

impl Session<'_> {
    /// Plays a workload with every clock that makes a difference to it.
    fn measure(&mut self, workload: Workload, clocks: &[Clock]) -> Result<()> {
        let clocks = workload.differing(clocks);
        // Where agents are killed, each clock needs new ones.
        let at_once = if workload == Workload::RealTime { 1 } else { clocks.len() };
        for clocks in clocks.chunks(at_once.max(1)) {
            if self.ended != Some(EndedEarly::Stopped) {
                self.measure_with(workload, clocks)?;
            }
        }
        Ok(())
    }

    fn measure_with(&mut self, workload: Workload, clocks: &[Clock]) -> Result<()> {
        let plan = plan(self.args, self.dir, clocks)?;
        let mut company = Company::start(&plan, self.stop.clone())?;
        eprintln!("{workload}: agents are processes {}", listed(&company));
        if self.by_engine(workload) {
            self.order(&mut company, clocks)?;
        } else {
            for clock in clocks {
                self.play(&mut company, workload, *clock)?;
            }
        }
        self.ended = self.ended.or(company.ended_early());
        self.troubles.extend(company.end());
        fs::remove_dir_all(plan.dir.join("spool")).ok();
        Ok(())
    }

    /// Whether the ordering engine plays it: it refuses what comes out of order, so that an ablation has nothing to break.
    fn by_engine(&self, workload: Workload) -> bool {
        workload == Workload::TotalOrder && !self.args.ablate
    }

    /// Plays a workload by one clock: at the rate that was asked for, or saturated and at half of that; what is broken is not
    /// saturated as well.
    fn play(&mut self, company: &mut Company, workload: Workload, clock: Clock) -> Result<()> {
        if company.ended_early().is_some() {
            return Ok(());
        }
        let rate = match self.args.rate {
            None if workload.saturates() && !self.args.ablate => {
                let Some(rate) = self.saturate(company, workload, clock)? else { return Ok(()) };
                (rate / 2.0, "half")
            }
            rate => (rate.unwrap_or(RATE), "open"),
        };
        if company.ended_early().is_some() {
            return Ok(());
        }
        eprintln!("{workload} by {clock}, {:.0} operations/s", rate.0);
        let terms = self.terms(workload, clock, rate.0)?;
        company.cut(&self.args.cut);
        let outcome = company.play(self.trial(workload, clock, terms, Scenes::All));
        let stopped = stopped(workload, outcome.ended_early, company.troubles());
        let happened = self.not_cut(&outcome.links).into_iter().chain(stopped).collect();
        self.tell(workload, clock, (Some(terms.rate), terms.span, rate.1), outcome, happened)
    }

    /// How many operations a second a workload carries: a burst of users who all want something at once, once to see how many
    /// that takes and once for long enough.
    fn saturate(&mut self, company: &mut Company, workload: Workload, clock: Clock) -> Result<Option<f64>> {
        eprintln!("{workload} by {clock}, saturated");
        let seconds = self.seconds();
        let burst = |company: &mut Company, count: f64| -> Result<_> {
            let terms = Terms { rate: count / BURST.as_seconds(), span: BURST, ..self.terms(workload, clock, 1.0)? };
            Ok(company.play(self.trial(workload, clock, terms, Scenes::First)))
        };
        let first = burst(company, FEW)?;
        let Some(rate) = per_second(&first) else {
            self.tell(workload, clock, (None, first.busy, "saturated"), first, Vec::new())?;
            return Ok(None);
        };
        let enough = (rate * seconds / 2.0).clamp(FEW, MOST_OPERATIONS);
        let mut outcome = burst(company, enough)?;
        let rate = per_second(&outcome);
        // What is predicted is predicted of a load that is carried.
        outcome.row.checks = vec![Check::alone("operations/s when saturated", rate.unwrap_or(f64::NAN))];
        outcome.row.latency = None;
        self.tell(workload, clock, (None, outcome.busy, "saturated"), outcome, Vec::new())?;
        Ok(rate)
    }

    /// Total order by the ordering engine: with every clock saturated and at half of that, or at the rate that was asked for,
    /// beside the same transport without order.
    fn order(&mut self, company: &mut Company, clocks: &[Clock]) -> Result<()> {
        let (mut index, span) = (0, Nanos((self.seconds() * 1e9) as i64));
        let mut phase = |source, load, duration: Nanos| {
            index += 1;
            let (payload_bytes, batch, duration_ns) = (PAYLOAD_BYTES, self.args.batch, duration.0);
            Phase { index: index - 1, source, load, payload_bytes, batch, duration_ns }
        };
        eprintln!("total-order: the transport without order");
        let floor = company.phase(phase(StampSource::Floor, Load::Saturated, span.min(Nanos::from_seconds(1))));
        for clock in clocks {
            if company.ended_early().is_some() {
                return Ok(());
            }
            eprintln!("total-order by {clock}");
            let world = self.look(company, *clock)?;
            let per_agent = |rate: f64| (rate / f64::from(self.args.nodes)).ceil().max(1.0) as u64;
            let open = |rate| Load::Open { commands_per_s: per_agent(rate) };
            let mut measured = Vec::new();
            let mut run = |load| {
                company.cut(&self.args.cut);
                company.phase(phase(clock.stamps(), load, span))
            };
            if let Some(rate) = self.args.rate {
                measured.push(("open", Some(rate), run(open(rate))));
            } else {
                let saturated = run(Load::Saturated);
                let half = engine::carried(&saturated) / 2.0;
                measured.push(("saturated", None, saturated));
                measured.push(("half", Some(half), run(open(half))));
            }
            for (load, rate, reports) in measured {
                let Some((row, cpu)) = engine::row(&reports, &floor, self.args.nodes) else { continue };
                let (ended_early, links) = (company.ended_early(), engine::links(&reports));
                let outcome = TrialOutcome { row, world: world.clone(), busy: span, cpu, links, ended_early };
                let receipts = engine::receipts(&reports).into_iter().map(|told| ("receipts", told));
                let stopped = stopped(Workload::TotalOrder, ended_early, company.troubles());
                let happened = self.not_cut(&outcome.links).into_iter().chain(stopped).chain(receipts).collect();
                self.tell(Workload::TotalOrder, *clock, (rate, span, load), outcome, happened)?;
            }
        }
        Ok(())
    }

    /// Cuts that were asked for and of which no agent saw anything.
    fn not_cut(&self, links: &[(NodeId, LinkReport)]) -> Vec<(&'static str, String)> {
        let seen = link::fates(links.iter().copied());
        let unseen = self.args.cut.iter().filter(|cut| !seen.iter().any(|fate| fate.ends == cut.ends));
        unseen.map(|cut| ("cut", format!("{cut} did not happen: all was over before, or an agent was lost"))).collect()
    }

    /// The clocks and channels, by a short trial whose processes do next to nothing.
    fn look(&self, company: &mut Company, clock: Clock) -> Result<World> {
        let terms = Terms { rate: 200.0, span: Nanos::from_millis(100), ..self.terms(Workload::Mutex, clock, 1.0)? };
        Ok(company.play(self.trial(Workload::Mutex, clock, terms, Scenes::First)).world)
    }

    const fn trial(&self, workload: Workload, clock: Clock, terms: Terms, scenes: Scenes) -> Trial {
        Trial { workload, terms, algorithm: clock.algorithm(), batch: self.args.batch, scenes }
    }

    fn seconds(&self) -> f64 {
        self.args.seconds.unwrap_or(SECONDS)
    }

    /// How long users want something in each main scene: as long as was asked for, unless there are so many scenes that a clock
    /// would take more than twice that and [`MORE_SECONDS`].
    fn scene_seconds(&self, workload: Workload) -> f64 {
        let (seconds, scenes) = (self.seconds(), f64::from(workload.main_scenes()));
        let is_saturated = workload.saturates() && self.args.rate.is_none() && !self.args.ablate;
        let burst = if is_saturated { seconds / 2.0 } else { 0.0 };
        seconds.min((2.0 * seconds + MORE_SECONDS - burst) / scenes)
    }

    /// The terms of a run at so many operations a second. No more than [`MOST_OPERATIONS`] operations are wanted in all.
    fn terms(&self, workload: Workload, clock: Clock, rate: f64) -> Result<Terms> {
        let args = self.args;
        let (delay, jitter) = (args.delay.unwrap_or_default(), args.jitter.unwrap_or_default());
        let declared = args.declared_eps.unwrap_or(DECLARED);
        let seconds = self.scene_seconds(workload).min(MOST_OPERATIONS / rate);
        Ok(Terms {
            nodes: args.nodes,
            eps: declared,
            declared,
            delay,
            jitter,
            slack: args.slack(delay, jitter, SLACK)?,
            rate,
            span: Nanos((seconds * 1e9) as i64),
            seed: args.seed,
            stamps: clock.stamps(),
            premise: args.premise(),
        })
    }

    /// Prints what came of a run at so many operations a second for so long, and keeps it.
    fn tell(
        &mut self,
        workload: Workload,
        clock: Clock,
        (rate, span, load): (Option<f64>, Nanos, &'static str),
        outcome: TrialOutcome,
        mut happened: Vec<(&'static str, String)>,
    ) -> Result<()> {
        let TrialOutcome { mut row, world, busy, cpu, links, ended_early } = outcome;
        let links = link::fates(links);
        row.checks.extend(cuts(&links));
        happened.extend(links.iter().map(|fate| ("link", fate.to_string())));
        if ended_early.is_some() {
            row.excuse_unfinished();
        }
        // What was cut short is counted over as long as it went.
        let span = if ended_early.is_some() { busy } else { span };
        let terms = &world.terms;
        let declared = self.terms(workload, clock, 1.0)?;
        let given = Given {
            rate_per_s: rate,
            span,
            stamps: clock.name(),
            load,
            premises: declared.broken_by(terms),
            happened,
            place: Place {
                transport: "tcp loopback",
                cores: Some(facts::cores()),
                batch: Some(self.args.batch),
                payload_bytes: Some(if self.by_engine(workload) { PAYLOAD_BYTES } else { 0 }),
                cpu: Some(cpu),
            },
            ..Given::told(workload, terms)
        };
        let gap = if self.runs.is_empty() { "" } else { "\n" };
        out::put(&format!("{gap}{}", workload::text(&given, &row)))?;
        self.runs.push((given, row));
        self.write()
    }

    /// After every run, so that none is lost.
    fn write(&self) -> Result<()> {
        folder::write(self.dir, &[("ordering.csv", workload::csv(&self.runs))])
    }

    fn conclude(self) -> Result<u8> {
        self.write()?;
        self.troubles.iter().for_each(|trouble| eprintln!("{trouble}"));
        out::put(&format!("{}\n", self.dir.display()))?;
        let broken = self.runs.iter().map(|(_, row)| row.broken()).sum();
        let lost = matches!(self.ended, Some(EndedEarly::AgentLost | EndedEarly::LinkLost));
        let unknown = broken == 0 && (lost || self.runs.is_empty());
        Ok(if unknown { UNKNOWN } else { exit_code(broken) })
    }
}

/// Operations a second of the main scene, from its first command to its last event.
fn per_second(outcome: &TrialOutcome) -> Option<f64> {
    let busy = outcome.busy.as_seconds();
    (outcome.ended_early.is_none() && outcome.row.operations > 0 && busy > 0.0)
        .then(|| outcome.row.operations as f64 / busy)
}

/// What stopped a run, and why it could not go on.
fn stopped(workload: Workload, why: Option<EndedEarly>, troubles: &[String]) -> Option<(&'static str, String)> {
    why.filter(|why| *why != EndedEarly::Stopped)?;
    let consequence = match workload {
        Workload::TotalOrder | Workload::StateMachine | Workload::StabilityTests => {
            "a command is delivered once a later stamp came from everybody, so that one who is silent stops the order; the \
             real-time machine goes on without a minority (skewbench order real-time)"
        }
        _ => "whoever needs an answer of it waits for ever",
    };
    Some(("stopped", format!("{}: {consequence}", troubles.join("; "))))
}

/// Cuts as quantities, if there were any.
fn cuts(links: &[LinkFate]) -> Vec<Check> {
    if links.is_empty() {
        return Vec::new();
    }
    let lost = links.iter().filter(|fate| matches!(fate.state, LinkState::Lost(_))).count();
    let mended: u64 = links.iter().map(|fate| fate.mended).sum();
    let cut = links.iter().map(|fate| Nanos(fate.cut_ns)).fold(Nanos::ZERO, |sum, cut| sum + cut);
    vec![
        Check::alone("cuts of connections that were mended", mended as f64),
        Check::alone("connections cut, s in all", cut.as_seconds()),
        Check::alone("connections lost for good", lost as f64),
    ]
}

fn listed(company: &Company) -> String {
    let one = |(node, process): (NodeId, Option<u32>)| process.map(|process| format!("{node}: {process}"));
    company.process_ids().into_iter().filter_map(one).collect::<Vec<_>>().join(", ")
}

fn plan(args: &Args, dir: &Path, clocks: &[Clock]) -> Result<Plan> {
    let settings = Impairment {
        delay: args.delay.unwrap_or_default(),
        jitter: args.jitter.unwrap_or_default(),
        loss: 0.0,
        mu: Nanos::ZERO,
        distance: None,
    };
    let topology = Topology::full(args.nodes, settings);
    let drift = Ppb::from_ppm(DRIFT);
    let wander = Ppb::from_ppm(DRIFT / 50.0);
    let finding = FINDING + (settings.delay + settings.jitter).times(10);
    if args.delay.is_some_and(|delay| delay > Nanos::from_seconds(1)) {
        return Err(Malformed("--delay: real agents hold messages back for up to 1s: choose less".to_owned()).into());
    }
    Ok(Plan {
        program: std::env::current_exe().context("this program's own path")?,
        dir: dir.to_owned(),
        key: Key::new(random_bytes()?),
        oscillators: oscillator::deal(args.nodes, OFFSET, drift, wander, clock::raw_now().as_nanos(), args.seed),
        clocks: clocks.iter().fold(Algorithms::USUAL, |set, clock| set.with(clock.algorithm())),
        measured: finding,
        ordering: Ordering::Off,
        run: RunConfig {
            cluster: u64::from_le_bytes(random_bytes()?),
            seed: Some(args.seed),
            nodes: args.nodes,
            topology: topology.name().to_owned(),
            arcs: topology.arcs().collect(),
            tau: TAU,
            probe_pairs: None,
            measured: Some(finding),
            reference: NodeId(0),
            plausible: PLAUSIBLE,
            git_commit: env!("SKEWBENCH_COMMIT").to_owned(),
        },
    })
}
