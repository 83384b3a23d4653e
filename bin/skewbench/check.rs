//! `skewbench check`: are these clocks close enough for what somebody needs?

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Result;
use skewbench::analysis::summarise;
use skewbench::analysis::target::{self, Assumed, Distance, Evidence, Limit, Profile, Source};
use skewbench::certify::scale::MOST_KAPPA;
use skewbench::host::program::{Malformed, UNKNOWN};
use skewbench::host::reporting::config::Settings;
use skewbench::host::reporting::gather::{self, Why};
use skewbench::host::{key, results, settings};
use skewbench::ids::{Algorithm, NodeId};
use skewbench::length::{Length, NotALength};
use skewbench::report::target::{Answer, Question};
use skewbench::time::{Nanos, Ppb};

use crate::out;
use crate::progress::Progress;

/// Say whether clocks are close enough for a target or a database, and what proves it.
///
/// Prints one line for each clock: SAFE with its margin, UNSAFE with the nodes and the time that prove it, or UNKNOWN with
/// the reason and with what would settle it. Between real hosts everything follows from timestamps and from what is assumed
/// of clocks and delays, which is printed; in a lab or a simulation true eps is known, and decides.
///
/// The verdict covers the journals given, not what comes after them. It is on the hosts' system clocks, which their software
/// reads, or on the undisciplined ones in a lab, where agents have no system clocks of their own.
///
/// With --for it first runs a collector, as `skewbench collector` does and with the same flags and file: agents that run
/// already and whose `collector` is this address ship their journals here, from their start on. When the time is over, when
/// --agents of them are done, or at Ctrl-C, what has arrived is kept in --dir and checked. A collector that runs at that
/// address already must be stopped before.
#[derive(clap::Args)]
#[command(after_help = AFTER)]
#[group(id = "limit", required = true, multiple = false, args = ["target", "profile"])]
pub struct Args {
    /// Folders of runs, or journal files
    #[arg(value_name = "DIR|JOURNAL", required_unless_present = "span", conflicts_with = "span")]
    journals: Vec<PathBuf>,
    /// So far apart any two clocks may be, such as 1ms
    #[arg(long, value_name = "SPAN")]
    target: Option<Nanos>,
    /// What a system or a rule asks: cockroachdb, yugabytedb, ceph, etcd, rts25-hft, rts25
    #[arg(long, value_name = "NAME")]
    profile: Option<Profile>,
    #[arg(long, value_name = "NAME", help = clock_help())]
    clock: Option<Algorithm>,
    /// Assume that every node's local clock keeps within this many parts per million [default: what its journal states]
    #[arg(long, value_name = "PPM")]
    kappa_ppm: Option<f64>,
    /// Assume that no message takes less than this, one way: messages may refute it, and cannot prove it [default: 0]
    #[arg(long, value_name = "SPAN")]
    min_delay: Option<Nanos>,
    /// Assume that two nodes are this far apart, so that no message between them is faster than light, such as
    /// 0-1=120km; may be given for several pairs [default: what the journals state]
    #[arg(long, value_name = "A-B=LENGTH")]
    distance: Vec<Apart>,
    /// Certify at instants this far apart: a finer grid costs time and narrows the interval [default: an eightieth of
    /// the run, from 125ms to 1s]
    #[arg(long, value_name = "SPAN")]
    grid: Option<Nanos>,
    /// Leave out so much of the run's beginning [default: the run's own warm-up where truth is known, else 3 s or a third]
    #[arg(long, value_name = "SPAN")]
    warm_up: Option<Nanos>,
    /// Judge a lab or a simulation by its messages alone, as if between real hosts
    #[arg(long)]
    without_truth: bool,
    /// First collect for so long what running agents ship, such as 60s
    #[arg(long = "for", id = "span", value_name = "SPAN")]
    span: Option<Nanos>,
    /// With --for: file with the collector's settings, as `key = value` (TOML)
    #[arg(long, value_name = "FILE", requires = "span")]
    config: Option<PathBuf>,
    /// Print the one sentence only, and no progress
    #[arg(short, long)]
    quiet: bool,
    /// Print the result as JSON
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
    #[command(flatten, next_help_heading = "Settings of the collector, with --for")]
    settings: Settings,
}

const AFTER: &str = "\
Examples:
  skewbench check --target 1ms skewbench-out/RUN
  skewbench check --profile cockroachdb journals/*.skj
  skewbench check --target 50us --clock ntp --min-delay 20us RUN
  skewbench check --for 60s --config collector.toml --profile ceph

Profiles:
  cockroachdb  400 ms: nodes shut themselves down at 80 % of --max-offset, 500 ms
  yugabytedb   500 ms    ceph  50 ms    etcd  1 s
  rts25-hft    100 us from UTC, which agents do not measure: UNSAFE or UNKNOWN, never SAFE
  rts25        1 ms from UTC, likewise

Exit codes: 0 SAFE, 1 UNSAFE, 4 UNKNOWN; 2 malformed flag or configuration, 3 missing or unreadable input, port or key.";

/// Gathers if asked to, then checks and prints.
pub fn run(args: &Args) -> Result<u8> {
    let assumed = args.assumed()?;
    let limits = args.limits()?;
    let Some(paths) = args.paths()? else { return Ok(UNKNOWN) };
    let journaled = results::read_runs(&paths)?;
    let summary = summarise(&journaled.run_id, &journaled.runs);
    let mut progress = Progress::of("certifying");
    let mut evidence = Evidence::of(&journaled.runs, &summary, assumed, |share| {
        if !args.quiet {
            progress.show(share);
        }
    });
    progress.end();
    evidence.notes.extend(journaled.unreadable);
    let (clock, chosen) = args.clock_of(&evidence)?;
    let question = Question { limits: &limits, profile: args.profile.as_ref(), clock, chosen };
    let answer = Answer::new(question, &evidence);
    out::put(&if args.json { answer.json() } else { out::shown(&answer.text(), args.quiet) })?;
    Ok(answer.safety().exit_code())
}

fn clock_help() -> String {
    let names: Vec<&str> = Algorithm::ALL.into_iter().map(Algorithm::name).collect();
    let names = names.join(", ");
    format!("The clock whose verdict is the exit code, one that the agents ran of {names} [default: system, else free]")
}

impl Args {
    fn assumed(&self) -> Result<Assumed> {
        let most = MOST_KAPPA.as_ppm();
        let kappa = match self.kappa_ppm {
            Some(ppm) if !(0.0..=most).contains(&ppm) => {
                return Err(refuse("kappa-ppm", ppm, &format!("choose from 0 to {most}")));
            }
            ppm => ppm.map(Ppb::from_ppm),
        };
        let least_delay = self.min_delay.unwrap_or_default();
        if !(Nanos::ZERO..=MOST_DELAY).contains(&least_delay) {
            return Err(refuse("min-delay", least_delay, &format!("choose from 0 to {MOST_DELAY}")));
        }
        if let Some(grid) = self.grid.filter(|grid| !(FINEST_GRID..=COARSEST_GRID).contains(grid)) {
            return Err(refuse("grid", grid, &format!("choose from {FINEST_GRID} to {COARSEST_GRID}")));
        }
        if let Some(warm_up) = self.warm_up.filter(|warm_up| *warm_up < Nanos::ZERO) {
            return Err(refuse("warm-up", warm_up, "choose 0 or more"));
        }
        let mut distances = BTreeMap::new();
        for Apart { pair, length } in &self.distance {
            if distances.insert(*pair, *length).is_some() {
                return Err(refuse("distance", format!("{}-{}", pair.0, pair.1), "give each pair of nodes once"));
            }
        }
        let source = if self.without_truth { Source::MessagesAlone } else { Source::Truth };
        Ok(Assumed { kappa, least_delay, distances, grid: self.grid, warm_up: self.warm_up, source })
    }

    fn limits(&self) -> Result<Vec<Limit>> {
        match (self.target, &self.profile) {
            (Some(span), _) if span > Nanos::ZERO => {
                Ok(vec![Limit { span, distance: Distance::Mutual, what: "the target" }])
            }
            (Some(span), _) => Err(refuse("target", span, "choose a span above 0, such as 1ms")),
            (None, Some(profile)) => Ok(profile.limits.to_vec()),
            (None, None) => Err(Malformed("--target or --profile: give one of them".to_owned()).into()),
        }
    }

    /// Where the journals are; nothing if none came.
    fn paths(&self) -> Result<Option<Vec<PathBuf>>> {
        let Some(span) = self.span else {
            if self.settings != Settings::default() {
                let text =
                    "--listen, --dir, --key-file, --cluster, --agents and --metrics are for a collector: add --for";
                return Err(Malformed(text.to_owned()).into());
            }
            return Ok(Some(self.journals.clone()));
        };
        if span <= Nanos::ZERO {
            return Err(refuse("for", span, "choose a span above 0, such as 60s"));
        }
        self.gather(Duration::from_nanos(span.0.unsigned_abs()))
    }

    fn gather(&self, span: Duration) -> Result<Option<Vec<PathBuf>>> {
        let settings = self.settings.clone().or(settings::load(self.config.as_deref())?);
        let plan = settings.check()?;
        if plan.dir.exists() && results::has_journals(&plan.dir)? {
            let mend = "it holds journals of an earlier run: choose another folder, or check it without --for";
            return Err(refuse("dir", plan.dir.display(), mend));
        }
        let key = key::find(settings.key_file.as_deref())?;
        let mut progress = Progress::of("collecting");
        let why = gather::gather(&plan, key, span, |share| {
            if !self.quiet {
                progress.show(share);
            }
        })?;
        progress.end();
        match why {
            Why::TimeOver => eprintln!("check: the time is over: what has arrived is checked"),
            Why::AllClosed => eprintln!("check: every agent has shipped its journal to the end"),
            Why::Asked => eprintln!("check: told to stop: what has arrived is kept and checked"),
        }
        if results::has_journals(&plan.dir)? {
            results::write_manifest(std::slice::from_ref(&plan.dir), &plan.dir, &[])?;
            return Ok(Some(vec![plan.dir]));
        }
        eprintln!(
            "check: UNKNOWN: no agent has shipped anything to {}: see that agents run with this address as `collector`, the \
             same key and the same cluster, and that nothing blocks the port",
            plan.listen
        );
        Ok(None)
    }

    /// The clock that decides, and why where nobody named it.
    fn clock_of(&self, evidence: &Evidence) -> Result<(Algorithm, Option<&'static str>)> {
        let Some(clock) = self.clock else {
            let clock = target::usual(evidence);
            let stands_in = "free stands in for system: these agents share a host or are simulated, and have no system \
                             clocks of their own; --clock chooses another";
            return Ok((clock, (clock == Algorithm::Free).then_some(stands_in)));
        };
        if evidence.clock(clock).is_none() && !evidence.clocks.is_empty() {
            let names: Vec<&str> = evidence.clocks.iter().map(|clock| clock.algorithm.name()).collect();
            let mend = format!("these journals have no such clocks: choose one of {}", names.join(", "));
            return Err(refuse("clock", clock, &mend));
        }
        Ok((clock, None))
    }
}

/// Two nodes, the lower first, and how far they are apart: `A-B=LENGTH`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Apart {
    pair: (NodeId, NodeId),
    length: Length,
}

impl FromStr for Apart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (nodes, length) = text.split_once('=').ok_or("write two nodes and a distance, such as 0-1=120km")?;
        let ends =
            nodes.split_once('-').and_then(|(one, other)| Some((one.trim().parse().ok()?, other.trim().parse().ok()?)));
        let (one, other): (u32, u32) =
            ends.filter(|(one, other)| one != other).ok_or("write two different nodes, such as 0-1=120km")?;
        let length = length.parse().map_err(|why: NotALength| why.to_string())?;
        Ok(Self { pair: (NodeId(one.min(other)), NodeId(one.max(other))), length })
    }
}

/// No message on Earth has to take longer.
const MOST_DELAY: Nanos = Nanos::from_seconds(10);
const FINEST_GRID: Nanos = Nanos::from_millis(1);
const COARSEST_GRID: Nanos = Nanos::from_seconds(3_600);

fn refuse(key: &str, value: impl std::fmt::Display, mend: &str) -> anyhow::Error {
    Malformed(format!("--{key} {value}: {mend}")).into()
}
