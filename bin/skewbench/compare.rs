//! `skewbench compare`: runs or bench files side by side.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use skewbench::compare::conditions::{Conditions, differences};
use skewbench::compare::judge::{self, ENOUGH_RUNS, Outcome};
use skewbench::compare::told::{self, Comparison};
use skewbench::compare::{Run, bench, measured};
use skewbench::host::program::{Malformed, UNKNOWN, VIOLATED, WITHIN};
use skewbench::host::results;

use crate::out;

const USAGE: &str = "\
skewbench compare [OPTIONS] BASE HEAD...
       skewbench compare [OPTIONS] --base RUN... --head RUN...";

const MORE: &str = "\
Examples:
  skewbench compare old new                        one run with another
  skewbench compare old new1 new2 --out cmp.csv    each of two with the first
  skewbench compare --base old/* --head new/*      groups: with three or more runs a side, the
                                                   spread is the one between runs
  scripts/bench-csv > new.csv; skewbench compare old.csv new.csv

A value is called worse if HEAD less BASE lies beyond the spread in the direction that its column \
declares as worse. The spread is that between runs where there are three or more a side; else a block \
bootstrap over time within each run (blocks of 10 tau or more), which only eps has; else there is none, \
and the value is shown but not judged. Limits are 95 % for all judged values of a HEAD together \
(Bonferroni). For benches the ratio to the clock read of the same file is judged: worse if the limits \
do not overlap.

For a gate give three or more runs a side, made in turns, so that a machine that slows down slows both. The \
bootstrap cannot see what differs only from run to run, \
so that it often calls equal runs of a busy machine different.

Exit codes: 0 nothing is worse, 1 something is worse beyond the spread, 2 malformed, or not \
comparable, 3 a file is missing or cannot be read, 4 undecided: values differ and none has a spread.";

/// Put runs or bench files side by side, value by value.
///
/// A run is a folder of a run or a journal file: all its values are recomputed from journals. Any other file is read as
/// a bench.csv of scripts/bench-csv. Runs that differ in nodes, tau, topology, duration, cores or stamp source are not
/// comparable and are refused.
#[derive(clap::Args)]
#[command(after_help = MORE, override_usage = USAGE)]
pub struct Args {
    /// The run to compare with, then one or more that are each compared with it
    #[arg(value_name = "RUN", required_unless_present = "base", num_args = 2..)]
    runs: Vec<PathBuf>,
    /// Runs that are one side together; goes with --head
    #[arg(long, value_name = "RUN", num_args = 1.., requires = "head", conflicts_with = "runs")]
    base: Vec<PathBuf>,
    /// Runs that are the other side together
    #[arg(long, value_name = "RUN", num_args = 1.., requires = "base", conflicts_with = "runs")]
    head: Vec<PathBuf>,
    /// Also write the comparison to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Compare even what is not comparable, and say so in the results
    #[arg(long)]
    force: bool,
    /// Print the comparison as JSON
    #[arg(long)]
    json: bool,
}

/// Compares and prints what was found.
pub fn run(args: &Args) -> Result<u8> {
    let (base, heads) = args.sides()?;
    let forced = heads.iter().map(|head| refuse(args, &base, head)).collect::<Result<Vec<_>>>()?;
    let comparisons: Vec<Comparison> =
        heads.iter().zip(forced).map(|(head, forced)| compare(&base, head, forced)).collect();
    if let Some(out) = &args.out {
        let written = results::write_whole(out, &told::csv(&comparisons));
        written.with_context(|| format!("--out {}: cannot write", out.display()))?;
    }
    if args.json {
        out::put(&String::from_utf8_lossy(&told::json(&comparisons)))?;
    } else {
        let texts: Vec<String> = comparisons.iter().map(told::text).collect();
        out::put(&texts.join("\n"))?;
    }
    let outcomes: Vec<Outcome> = comparisons.iter().map(|comparison| judge::outcome(&comparison.rows)).collect();
    Ok(if outcomes.contains(&Outcome::Worse) {
        VIOLATED
    } else if outcomes.contains(&Outcome::Undecided) {
        UNKNOWN
    } else {
        WITHIN
    })
}

fn compare(base: &[Run], head: &[Run], forced: Vec<String>) -> Comparison {
    let names = |side: &[Run]| side.iter().map(|run| run.name.as_str()).collect::<Vec<_>>().join(" ");
    Comparison { base: names(base), head: names(head), forced, rows: judge::compare(base, head) }
}

/// Why the sides are not comparable, if they are compared all the same.
fn refuse(args: &Args, base: &[Run], head: &[Run]) -> Result<Vec<String>> {
    let mut reasons = Vec::new();
    for run in base.iter().skip(1).chain(head) {
        let differ = differences(&base[0].conditions, &run.conditions);
        reasons.extend(differ.into_iter().map(|why| format!("{} and {} differ in {why}", base[0].name, run.name)));
    }
    let is_bench = |run: &Run| matches!(run.conditions, Conditions::Bench { .. });
    let benches = base.iter().chain(head).filter(|run| is_bench(run)).count();
    if benches > 0 && benches < base.len() + head.len() {
        return Err(Malformed(format!("{}: give runs only, or bench files only", reasons.join("; "))).into());
    }
    if reasons.is_empty() || args.force {
        return Ok(reasons);
    }
    let mend = "give runs made alike, or add --force";
    Err(Malformed(format!("not comparable: {}: {mend}", reasons.join("; "))).into())
}

impl Args {
    /// The base, and each head.
    fn sides(&self) -> Result<(Vec<Run>, Vec<Vec<Run>>)> {
        if let Some((base, heads)) = self.runs.split_first() {
            let heads = heads.iter().zip(1..).map(|(path, place)| Ok(vec![read(path, place)?]));
            return Ok((vec![read(base, 0)?], heads.collect::<Result<_>>()?));
        }
        let side = |flag: &str, paths: &[PathBuf], first: usize| {
            let runs = paths.iter().zip(first as u64..).map(|(path, place)| read(path, place));
            let runs = runs.collect::<Result<Vec<Run>>>()?;
            different(flag, &runs)?;
            Ok::<_, anyhow::Error>(runs)
        };
        let sides = (side("--base", &self.base, 0)?, vec![side("--head", &self.head, self.base.len())?]);
        for (flag, count) in [("--base", self.base.len()), ("--head", self.head.len())] {
            if count < ENOUGH_RUNS {
                eprintln!("{flag} has {count} of the {ENOUGH_RUNS} runs that a spread between runs takes");
            }
        }
        Ok(sides)
    }
}

/// The same run twice would make the spread between runs look smaller than it is.
fn different(flag: &str, runs: &[Run]) -> Result<()> {
    for (index, run) in runs.iter().enumerate() {
        let same = |other: &&Run| match (&run.conditions, &other.conditions) {
            (Conditions::Run(a), Conditions::Run(b)) => a.run_id == b.run_id,
            _ => run.name == other.name,
        };
        if let Some(other) = runs[..index].iter().find(same) {
            let (one, other) = (&other.name, &run.name);
            return Err(
                Malformed(format!("{flag} {one} {other}: the same run twice is no repeat: give other runs")).into()
            );
        }
    }
    Ok(())
}

fn read(path: &Path, place: u64) -> Result<Run> {
    let name = path.display().to_string();
    let metadata = fs::metadata(path).with_context(|| format!("{name}: cannot be read"))?;
    if metadata.is_dir() || path.extension().is_some_and(|extension| extension == results::JOURNAL_EXTENSION) {
        let summary = results::read_summary(&[path.to_owned()])?;
        return Ok(measured::run(&name, &summary, place));
    }
    let bytes = fs::read(path).with_context(|| format!("{name}: cannot be read"))?;
    bench::parse(&name, &bytes).map_err(|why| Malformed(why).into())
}
