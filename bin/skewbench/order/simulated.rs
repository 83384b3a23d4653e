//! Workloads in virtual time.

use std::fs;

use anyhow::{Context, Result};
use skewbench::host::program::Malformed;
use skewbench::ids::Algorithm;
use skewbench::report::workload::{self, Given, Place};
use skewbench::sim::workload::Virtual;
use skewbench::time::Nanos;
use skewbench::trial::{Clock, Premise, Terms, Workload};

use super::{Args, Clocks, exit_code};
use crate::{folder, out};

/// No run may be expected to send more messages than about this: it would take minutes and gigabytes.
const MOST_MESSAGES: f64 = 1e6;
/// Heartbeats a second of a process to each other one.
const BEATS_PER_S: f64 = 50.0;

/// Runs, prints, writes.
pub fn run(args: &Args) -> Result<u8> {
    let terms = terms(args)?;
    let mut runs = Vec::new();
    for workload in args.workload.workloads() {
        let (given, row) = (given(workload, &terms), workload.play(&mut Virtual, &terms));
        let gap = if runs.is_empty() { "" } else { "\n" };
        out::put(&format!("{gap}{}", workload::text(&given, &row)))?;
        runs.push((given, row));
    }
    if let Some(dir) = &args.out {
        let dir = folder::prepare(Some(dir), args.force)?;
        let file = dir.join("ordering-sim.csv");
        fs::write(&file, workload::csv(&runs)).with_context(|| format!("{}: cannot write", file.display()))?;
        out::put(&format!("{}\n", dir.display()))?;
    }
    Ok(exit_code(runs.iter().map(|(_, row)| row.broken()).sum()))
}

fn terms(args: &Args) -> Result<Terms> {
    let (rate, seconds) = (args.rate.unwrap_or(50.0), args.seconds.unwrap_or(20.0));
    let messages = (rate + BEATS_PER_S) * seconds * f64::from(args.nodes).powi(2);
    if messages > MOST_MESSAGES {
        let text = format!(
            "--rate {rate} for --seconds {seconds} among --nodes {} may be {messages:.0} messages: choose less, up to \
             {MOST_MESSAGES} ((rate + {BEATS_PER_S}) x seconds x nodes^2)",
            args.nodes
        );
        return Err(Malformed(text).into());
    }
    let delay = args.delay.unwrap_or(Nanos::from_millis(5));
    if delay == Nanos::ZERO {
        return Err(Malformed("--delay 0ms: simulated messages take time: choose 1us or more".to_owned()).into());
    }
    let jitter = args.jitter.unwrap_or(Nanos::from_millis(1));
    let eps = args.eps.unwrap_or(Nanos::from_millis(1));
    Ok(Terms {
        nodes: args.nodes,
        eps,
        declared: args.declared_eps.unwrap_or(eps),
        delay,
        jitter,
        slack: args.slack(delay, jitter, Nanos::ZERO)?,
        rate,
        span: Nanos((seconds * 1e9) as i64),
        seed: args.seed,
        stamps: clock(args)?.stamps(),
        premise: if args.ablate { Premise::Broken } else { Premise::Kept },
    })
}

/// The clock of simulated processes: the physical ones differ by --eps and nothing else.
fn clock(args: &Args) -> Result<Clock> {
    match args.clock[..] {
        [] => Ok(Clock::Physical(Algorithm::Ntp)),
        [Clocks::One(clock)] if clock.algorithm() == Algorithm::Ntp => Ok(clock),
        _ => Err(Malformed("--clock with --simulated: choose one of ntp, hlc and lamport-logical".to_owned()).into()),
    }
}

fn given<'a>(workload: Workload, terms: &Terms) -> Given<'a> {
    Given {
        workload: workload.name(),
        broken: (terms.premise == Premise::Broken).then(|| workload.ablation()),
        nodes: terms.nodes,
        eps: terms.eps,
        declared_eps: terms.declared,
        delay: terms.delay,
        jitter: terms.jitter,
        rate_per_s: Some(terms.rate),
        span: terms.span,
        seed: terms.seed,
        stamps: terms.stamps.name(),
        load: "open",
        place: Place::VIRTUAL,
    }
}
