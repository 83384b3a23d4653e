//! `skewbench order`: workloads whose order depends on clocks, with what that order costs.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use skewbench::host::program::{self, Malformed};
use skewbench::order::report::StampSource;
use skewbench::report::html::price::{self, Over};
use skewbench::report::workload::{self, Given};
use skewbench::sim::workload::{Premise, Terms, Workload};
use skewbench::sweep::price::Varying;
use skewbench::sweep::values::Varied;
use skewbench::time::Nanos;
use skewbench::workload::Row;

use crate::{folder, out};

/// No run may be expected to send more messages than about this: it would take minutes and gigabytes.
const MOST_MESSAGES: f64 = 1e6;
/// Heartbeats a second of a process to each other one.
const BEATS_PER_S: f64 = 50.0;
/// A measured quantity is as predicted within this share, and four times what chance does.
const SLACK: f64 = 0.05;

/// Run workloads whose order depends on clocks, and put their price beside its prediction.
///
/// Workloads: total-order (commands in the order of their stamps), state-machine (an airline on it, against selling by
/// votes), mutex (Lamport 1978), ricart-agrawala, real-time (the 1978 state machine that goes on when processes are killed),
/// commit-wait (Spanner), restart (CockroachDB), snapshot (markers, and cuts by stamps), anomaly (what a side channel sees),
/// causal (COPS), byzantine (OM(1) and SM(1)), stability-tests (Schneider), or all of them.
///
/// Clocks differ by --eps; the workload is told --declared-eps and stakes its promises on it. Every invariant is checked in
/// every run; exit code 1 if one broke.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Which workload, or all
    #[arg(value_parser = chosen)]
    workload: Chosen,
    /// Run in virtual time, on simulated clocks and channels (the only mode as yet)
    #[arg(long, required = true)]
    simulated: bool,
    /// Processes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..=16))]
    nodes: u32,
    /// How far apart the clocks are, from the first to the last
    #[arg(long, value_name = "SPAN", default_value = "1ms", value_parser = span)]
    eps: Nanos,
    /// How far apart the workload believes them to be [default: --eps]
    #[arg(long, value_name = "SPAN", value_parser = span)]
    declared_eps: Option<Nanos>,
    /// Least delay of a message
    #[arg(long, value_name = "SPAN", default_value = "5ms", value_parser = delay)]
    delay: Nanos,
    /// Most that is added to it, evenly
    #[arg(long, value_name = "SPAN", default_value = "1ms", value_parser = span)]
    jitter: Nanos,
    /// Operations a second of all users together, at random instants
    #[arg(long, value_name = "PER_SECOND", default_value = "50", value_parser = rate)]
    rate: f64,
    /// How long users want something, in virtual seconds
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,
    /// Seed of every draw
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where stamps come from: ntp (synchronised physical clocks), hlc or lamport-logical
    #[arg(long, value_name = "SOURCE", default_value = "ntp", value_parser = stamps)]
    stamps: StampSource,
    /// Run it at many values of one term, and draw measured beside predicted: eps, declared-eps, delay, jitter, rate or nodes
    /// (values as for sweep: 100us..20ms, or 1ms,5ms,20ms)
    #[arg(long, value_name = "TERM=VALUES")]
    over: Option<Varying>,
    /// Give up what the workload stands on, to see what breaks
    #[arg(long)]
    ablate: bool,
    /// Where ordering-sim.csv goes, and with --over price.html [default: nothing is written]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write to DIR even if it holds files
    #[arg(long)]
    force: bool,
}

const EXAMPLES: &str = "\
Examples:
  skewbench order mutex --simulated
  skewbench order commit-wait --simulated --eps 7ms --declared-eps 3ms     later commits are stamped earlier
  skewbench order total-order --simulated --ablate                         channels that do not keep their order
  skewbench order commit-wait --simulated --over eps=100us..20ms --out price    what each eps costs: price/price.html
  skewbench order all --simulated --out order-sim";

#[derive(Clone, Copy, Debug)]
enum Chosen {
    One(Workload),
    All,
}

fn chosen(text: &str) -> Result<Chosen, String> {
    match text {
        "all" => Ok(Chosen::All),
        name => name.parse().map(Chosen::One).map_err(|why| format!("{why}, all")),
    }
}

fn span(text: &str) -> Result<Nanos, String> {
    let span: Nanos = text.parse().map_err(|why| format!("{why}"))?;
    let most = Nanos::from_seconds(10);
    if (Nanos::ZERO..=most).contains(&span) { Ok(span) } else { Err(format!("choose a span from 0ms to {most}")) }
}

fn delay(text: &str) -> Result<Nanos, String> {
    span(text).and_then(|span| {
        if span > Nanos::ZERO { Ok(span) } else { Err("messages take time: choose 1us or more".into()) }
    })
}

fn rate(text: &str) -> Result<f64, String> {
    let found = text.parse::<f64>().ok().filter(|rate| (0.1..=100_000.0).contains(rate));
    found.ok_or_else(|| "choose 0.1 to 100000 operations a second".to_owned())
}

fn stamps(text: &str) -> Result<StampSource, String> {
    let sources = [StampSource::Ntp, StampSource::Hlc, StampSource::LamportLogical];
    sources
        .into_iter()
        .find(|source| source.name() == text)
        .ok_or_else(|| "choose ntp, hlc or lamport-logical".to_owned())
}

/// Runs, prints, writes.
pub fn run(args: &Args) -> Result<u8> {
    let terms = terms(args)?;
    let workloads = match args.workload {
        Chosen::One(workload) => vec![workload],
        Chosen::All => Workload::ALL.to_vec(),
    };
    let runs = match &args.over {
        Some(varying) => at_each(varying, &workloads, args, terms)?,
        None => at_once(&workloads, &terms)?,
    };
    if let Some(dir) = &args.out {
        let dir = folder::prepare(Some(dir), args.force)?;
        let write = |name: &str, bytes: &[u8]| {
            let file = dir.join(name);
            fs::write(&file, bytes).with_context(|| format!("{}: cannot write", file.display()))
        };
        write("ordering-sim.csv", &workload::csv(&runs))?;
        if let Some(varying) = &args.over {
            write("price.html", page(varying, &runs).as_bytes())?;
        }
        out::put(&format!("{}\n", dir.display()))?;
    }
    let broken = runs.iter().any(|(_, row)| row.broken() > 0);
    Ok(if broken { program::VIOLATED } else { program::WITHIN })
}

fn at_once(workloads: &[Workload], terms: &Terms) -> Result<Vec<(Given<'static>, Row)>> {
    let mut runs = Vec::new();
    for workload in workloads {
        let (given, row) = (given(*workload, terms), workload.run(terms));
        let gap = if runs.is_empty() { "" } else { "\n" };
        out::put(&format!("{gap}{}", workload::text(&given, &row)))?;
        runs.push((given, row));
    }
    Ok(runs)
}

/// Each workload at each value, with a line a run: how many quantities are as predicted.
fn at_each(varying: &Varying, workloads: &[Workload], args: &Args, terms: Terms) -> Result<Vec<(Given<'static>, Row)>> {
    let at = |value: &f64| affordable(varying.term.set(*value, terms, args.declared_eps));
    let all = varying.values.iter().map(at).collect::<Result<Vec<Terms>>>()?;
    let mut runs = Vec::new();
    for workload in workloads {
        for (value, terms) in varying.values.iter().zip(&all) {
            let (given, row) = (given(*workload, terms), workload.run(terms));
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

fn page(varying: &Varying, runs: &[(Given<'_>, Row)]) -> String {
    let label = |value| varying.term.unit().label(value);
    let over = Over { name: varying.term.name(), label: &label };
    let values = varying.values.iter().cycle();
    price::page(over, &values.zip(runs).map(|(value, (given, row))| (*value, *given, row.clone())).collect::<Vec<_>>())
}

/// The same terms, if a run of them is none of minutes.
fn affordable(terms: Terms) -> Result<Terms> {
    let seconds = terms.span.as_seconds();
    let messages = (terms.rate + BEATS_PER_S) * seconds * f64::from(terms.nodes).powi(2);
    if messages > MOST_MESSAGES {
        let text = format!(
            "--rate {} for --seconds {} among --nodes {} may be {messages:.0} messages: choose less, up to {MOST_MESSAGES} \
             ((rate + {BEATS_PER_S}) x seconds x nodes^2)",
            terms.rate, seconds, terms.nodes
        );
        return Err(Malformed(text).into());
    }
    Ok(terms)
}

fn terms(args: &Args) -> Result<Terms> {
    affordable(Terms {
        nodes: args.nodes,
        eps: args.eps,
        declared: args.declared_eps.unwrap_or(args.eps),
        delay: args.delay,
        jitter: args.jitter,
        rate: args.rate,
        span: Nanos::from_seconds(i64::from(args.seconds)),
        seed: args.seed,
        stamps: args.stamps,
        premise: if args.ablate { Premise::Broken } else { Premise::Kept },
    })
}

fn given(workload: Workload, terms: &Terms) -> Given<'static> {
    Given {
        workload: workload.name(),
        broken: (terms.premise == Premise::Broken).then(|| workload.ablation()),
        nodes: terms.nodes,
        eps: terms.eps,
        declared_eps: terms.declared,
        delay: terms.delay,
        jitter: terms.jitter,
        rate_per_s: terms.rate,
        span: terms.span,
        seed: terms.seed,
        stamps: terms.stamps.name(),
    }
}
