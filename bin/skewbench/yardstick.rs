//! `skewbench yardstick`: our clocks in the network in which chrony and NTPsec were measured.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use skewbench::host::program::{Malformed, WITHIN};
use skewbench::host::results;
use skewbench::time::Nanos;
use skewbench::yardstick::table::{self, Outcome};
use skewbench::yardstick::{Condition, Contender, SEEDS, condition, run as measure};

use crate::out;

/// A run that takes longer than this says how far it is.
const PATIENCE: Duration = Duration::from_secs(2);

const MORE: &str = "\
Examples:
  skewbench yardstick                                  the six published conditions, seconds
  skewbench yardstick --clock corridor --condition wan --poll 1s
  skewbench yardstick --clock limit --poll 64s         what a filter that knows the model reaches
  skewbench yardstick --strange --out strange.csv      where the model does not hold

Five clients with offsets up to 0.1 s and frequencies up to 50 ppm off ask one server that shows true \
time; their frequencies walk by 1e-9 a second. lan: 100 us and exponential jitter of mean 20 us each way; \
wan: 10 ms and 1 ms. Offset is clock - true time, once a second over the second half of the run; all \
clients and seeds are pooled.

  eps         largest difference between two clients, median over seeds
  T100us      first second from which |offset| <= 100 us for 300 s, median over clients and seeds
  bound, held the clock's own bound (median), and the share of time in which the truth was within
  sd, off/sd  the clock's own standard error (median), and the rms of offset / standard error
  /chrony     rms over that of chrony; /limit: over that of a filter that knows the whole model

ntp-poll is ntp with the poll control of RFC 5905: its loop may use as few as one exchange in sixteen.";

/// Measure clocks where truth is known, beside what chrony and NTPsec reach in the same network
#[derive(clap::Args)]
#[command(after_help = MORE)]
pub struct Args {
    /// Only this clock: ntp, regression, corridor, radclock, ntp-poll or limit; may be given again [default: the first four]
    #[arg(long, value_name = "NAME")]
    clock: Vec<Contender>,
    /// Only the conditions of this name; may be given again [default: lan and wan, or all strange ones]
    #[arg(long, value_name = "NAME")]
    condition: Vec<String>,
    /// Only conditions with this poll interval: 1s, 16s or 64s; may be given again
    #[arg(long, value_name = "SPAN")]
    poll: Vec<Nanos>,
    /// Conditions outside the model: other jitters, bursts, loss, steps, routes
    #[arg(long)]
    strange: bool,
    /// Only this seed; may be given again [default: 1 to 5, as published]
    #[arg(long)]
    seed: Vec<u64>,
    /// Also write every number to this CSV file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Measures and prints.
pub fn run(args: &Args) -> Result<u8> {
    let began = Instant::now();
    let conditions = args.conditions()?;
    let clocks = if args.clock.is_empty() { Contender::CLOCKS.to_vec() } else { args.clock.clone() };
    let seeds = if args.seed.is_empty() { SEEDS.collect() } else { args.seed.clone() };
    let mut outcomes = Vec::new();
    for condition in conditions {
        let mut measured = Vec::new();
        for clock in &clocks {
            if began.elapsed() > PATIENCE {
                eprintln!("measuring {clock} in {} at {}", condition.name, condition.poll);
            }
            measured.push((*clock, measure(*clock, &condition, seeds.iter().copied())));
        }
        let outcome = Outcome { condition, clocks: measured };
        out::put(&format!("{}\n", table::text(&outcome)))?;
        outcomes.push(outcome);
    }
    if let Some(out) = &args.out {
        let written = results::write_whole(out, table::csv(&outcomes).as_bytes());
        written.with_context(|| format!("--out {}: cannot write", out.display()))?;
    }
    Ok(WITHIN)
}

impl Args {
    fn conditions(&self) -> Result<Vec<Condition>> {
        let all = if self.strange { condition::strange() } else { condition::cells() };
        let names: Vec<&str> = all.iter().map(|condition| condition.name).collect();
        if let Some(unknown) = self.condition.iter().find(|name| !names.contains(&name.as_str())) {
            let known = distinct(names.iter().map(|name| (*name).to_owned()));
            let text = format!("--condition {unknown}: there is none of that name: choose of {known}");
            return Err(Malformed(text).into());
        }
        if let Some(unknown) = self.poll.iter().find(|poll| all.iter().all(|condition| condition.poll != **poll)) {
            let known = distinct(all.iter().map(|condition| condition.poll.to_string()));
            let text = format!("--poll {unknown}: no condition has it: choose of {known}");
            return Err(Malformed(text).into());
        }
        let named = |condition: &Condition| {
            self.condition.is_empty() || self.condition.iter().any(|name| name == condition.name)
        };
        let polled = |condition: &Condition| self.poll.is_empty() || self.poll.contains(&condition.poll);
        Ok(all.into_iter().filter(|condition| named(condition) && polled(condition)).collect())
    }
}

/// Each text once, in its first place.
fn distinct(texts: impl Iterator<Item = String>) -> String {
    let mut seen: Vec<String> = Vec::new();
    texts.for_each(|text| {
        if !seen.contains(&text) {
            seen.push(text)
        }
    });
    seen.join(", ")
}
