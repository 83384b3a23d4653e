//! Workloads on real agents.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use skewbench::host::control::Trial;
use skewbench::host::fleet::{Company, EndedEarly, Ordering, Plan, TrialOutcome};
use skewbench::host::program::{Malformed, UNKNOWN, asked_to_stop, random_bytes};
use skewbench::host::{clock, facts};
use skewbench::ids::{Algorithms, NodeId};
use skewbench::journal::RunConfig;
use skewbench::model::oscillator;
use skewbench::probe::Key;
use skewbench::report::workload::{self, Given, Place};
use skewbench::time::{Nanos, Ppb};
use skewbench::topology::{Impairment, Topology};
use skewbench::trial::{Clock, Premise, Terms, Workload};
use skewbench::workload::Row;
use tokio::sync::watch;

use super::{Args, Clocks, exit_code};
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
/// Operations a second unless they are said.
const RATE: f64 = 200.0;

type Run = (Given<'static>, Row);

/// Runs, prints, writes.
pub fn run(args: &Args) -> Result<u8> {
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
        let mut clocks = clocks.to_vec();
        if !workload.uses_stamps() {
            clocks.dedup_by_key(|clock| clock.algorithm());
        }
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
        for clock in clocks {
            if company.ended_early().is_none() {
                eprintln!("{workload} by {clock}");
                let terms = self.terms(workload, *clock)?;
                let trial = Trial { workload, terms, algorithm: clock.algorithm(), batch: self.args.batch };
                let outcome = company.play(trial);
                self.tell(workload, *clock, outcome)?;
            }
        }
        self.ended = self.ended.or(company.ended_early());
        self.troubles.extend(company.end());
        fs::remove_dir_all(plan.dir.join("spool")).ok();
        Ok(())
    }

    fn terms(&self, workload: Workload, clock: Clock) -> Result<Terms> {
        let args = self.args;
        let (delay, jitter) = (args.delay.unwrap_or_default(), args.jitter.unwrap_or_default());
        let declared = args.declared_eps.unwrap_or(DECLARED);
        let span = Nanos((args.seconds.unwrap_or(2.0) * 1e9) as i64);
        Ok(Terms {
            nodes: args.nodes,
            eps: declared,
            declared,
            delay,
            jitter,
            slack: args.slack(delay, jitter, SLACK)?,
            rate: args.rate.unwrap_or(RATE),
            // Three scenes of equal length share the time of two.
            span: if workload == Workload::StabilityTests { span.times(2).over(3) } else { span },
            seed: args.seed,
            stamps: clock.stamps(),
            premise: Premise::Kept,
        })
    }

    fn tell(&mut self, workload: Workload, clock: Clock, outcome: TrialOutcome) -> Result<()> {
        let TrialOutcome { mut row, world, cpu, ended_early } = outcome;
        if ended_early.is_some() {
            row.excuse_unfinished();
        }
        let terms = &world.terms;
        let given = Given {
            workload: workload.name(),
            broken: None,
            nodes: terms.nodes,
            eps: terms.eps,
            declared_eps: terms.declared,
            delay: terms.delay,
            jitter: terms.jitter,
            rate_per_s: terms.rate,
            span: terms.span,
            seed: terms.seed,
            stamps: clock.name(),
            load: "open",
            place: Place {
                transport: "tcp loopback",
                cores: Some(facts::cores()),
                batch: Some(self.args.batch),
                payload_bytes: Some(0),
                cpu: Some(cpu),
            },
        };
        let gap = if self.runs.is_empty() { "" } else { "\n" };
        out::put(&format!("{gap}{}", workload::text(&given, &row)))?;
        self.runs.push((given, row));
        self.write()
    }

    /// After every run, so that none is lost.
    fn write(&self) -> Result<()> {
        let file = self.dir.join("ordering.csv");
        fs::write(&file, workload::csv(&self.runs)).with_context(|| format!("{}: cannot write", file.display()))
    }

    fn conclude(self) -> Result<u8> {
        self.write()?;
        self.troubles.iter().for_each(|trouble| eprintln!("{trouble}"));
        out::put(&format!("{}\n", self.dir.display()))?;
        let broken = self.runs.iter().map(|(_, row)| row.broken()).sum();
        let unknown = broken == 0 && (self.ended == Some(EndedEarly::AgentLost) || self.runs.is_empty());
        Ok(if unknown { UNKNOWN } else { exit_code(broken) })
    }
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
            measured: Some(finding),
            reference: NodeId(0),
            plausible: PLAUSIBLE,
            git_commit: env!("SKEWBENCH_COMMIT").to_owned(),
        },
    })
}
