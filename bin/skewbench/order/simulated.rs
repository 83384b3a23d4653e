//! Workloads in virtual time.

use anyhow::Result;
use skewbench::host::program::Malformed;
use skewbench::ids::Algorithm;
use skewbench::report::html::price::{self, Over};
use skewbench::report::played::SLACK;
use skewbench::report::workload::{self, Given};
use skewbench::sim::workload::Virtual;
use skewbench::sweep::price::Varying;
use skewbench::sweep::values::Varied;
use skewbench::time::Nanos;
use skewbench::trial::{BEATS_PER_S, Clock, MOST_MESSAGES, Terms, Workload};

use super::{Args, Clocks, Run, exit_code};
use crate::{folder, out};

/// Runs, prints, writes.
pub fn run(args: &Args) -> Result<u8> {
    let terms = terms(args)?;
    let workloads = args.workload.workloads();
    let runs = match &args.over {
        Some(varying) => at_each(varying, &workloads, args, terms)?,
        None => at_once(&workloads, &terms)?,
    };
    if let Some(dir) = &args.out {
        let dir = folder::prepare(Some(dir), args.force)?;
        let drawn = args.over.as_ref().map(|varying| ("price.html", page(varying, &runs).into_bytes()));
        let files: Vec<_> = [("ordering-sim.csv", workload::csv(&runs))].into_iter().chain(drawn).collect();
        folder::write(&dir, &files)?;
        out::put(&format!("{}\n", dir.display()))?;
    }
    Ok(exit_code(runs.iter().map(|(_, row)| row.broken()).sum()))
}

fn at_once(workloads: &[Workload], terms: &Terms) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    for workload in workloads {
        let (given, row) = (Given::told(*workload, terms), workload.play(&mut Virtual, terms));
        let gap = if runs.is_empty() { "" } else { "\n" };
        out::put(&format!("{gap}{}", workload::text(&given, &row)))?;
        runs.push((given, row));
    }
    Ok(runs)
}

/// Each workload at each value, with a line a run: how many quantities are as predicted.
fn at_each(varying: &Varying, workloads: &[Workload], args: &Args, terms: Terms) -> Result<Vec<Run>> {
    let at = |value: &f64| affordable(varying.term.set(*value, terms, args.declared_eps));
    let all = varying.values.iter().map(at).collect::<Result<Vec<Terms>>>()?;
    let mut runs = Vec::new();
    for workload in workloads {
        for (value, terms) in varying.values.iter().zip(&all) {
            let (given, row) = (Given::told(*workload, terms), workload.play(&mut Virtual, terms));
            let as_predicted = row.checks.iter().filter(|check| check.agrees(SLACK)).count();
            out::put(&format!(
                "{workload}, {} {}: {as_predicted} of {} as predicted, {} violations\n",
                varying.term.name(),
                varying.term.unit().label(*value),
                row.checks.len(),
                row.broken()
            ))?;
            runs.push((given, row));
        }
    }
    Ok(runs)
}

fn page(varying: &Varying, runs: &[Run]) -> String {
    let label = |value| varying.term.unit().label(value);
    let over = Over { name: varying.term.name(), label: &label };
    let values = varying.values.iter().cycle();
    price::page(
        over,
        &values.zip(runs).map(|(value, (given, row))| (*value, given.clone(), row.clone())).collect::<Vec<_>>(),
    )
}

/// The same terms, if a run of them is none of minutes.
fn affordable(terms: Terms) -> Result<Terms> {
    let (rate, seconds, nodes) = (terms.rate, terms.span.as_seconds(), terms.nodes);
    let messages = terms.messages();
    if messages > MOST_MESSAGES {
        let text = format!(
            "--rate {rate} for --seconds {seconds} among --nodes {nodes} may be {messages:.0} messages: choose less, up to \
             {MOST_MESSAGES} ((rate + {BEATS_PER_S}) x seconds x nodes^2)"
        );
        return Err(Malformed(text).into());
    }
    Ok(terms)
}

fn terms(args: &Args) -> Result<Terms> {
    let (rate, seconds) = (args.rate.unwrap_or(50.0), args.seconds.unwrap_or(20.0));
    let delay = args.delay.unwrap_or(Nanos::from_millis(5));
    if delay == Nanos::ZERO {
        return Err(Malformed("--delay 0ms: simulated messages take time: choose 1us or more".to_owned()).into());
    }
    let jitter = args.jitter.unwrap_or(Nanos::from_millis(1));
    let eps = args.eps.unwrap_or(Nanos::from_millis(1));
    affordable(Terms {
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
        premise: args.premise(),
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
