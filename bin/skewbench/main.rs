//! `skewbench`: the user's command.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "a program reads files and the time of day")]

mod analyze;
mod attack;
mod check;
mod compare;
mod doctor;
mod folder;
mod help;
mod lab;
mod order;
mod out;
mod progress;
mod replay;
mod robustness;
mod sim;
mod stability;
mod stream;
mod swarm;
mod sweep;
mod verify;
mod yardstick;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use skewbench::host::{agent, program, reporting};

/// Measures what clock error a group of hosts can promise, with evidence, and what it costs in ordering.
#[derive(Parser)]
#[command(version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  skewbench lab                                   three agents on this host, ten seconds, then ordering
  skewbench lab --delay 5ms --jitter 1ms          the same over a network with real delays
  skewbench lab --nodes 5 --topology line         a chain of five: diameter 4
  skewbench sim scripts/scenarios/lan.toml        the same clocks in virtual time
  skewbench sim SCENARIO.toml --streamed          up to a million nodes, without journals
  skewbench sim --adversary ring                  an execution that exceeds the published bound
  skewbench sim --swarm 1000                      a thousand random scenarios, held against every law
  skewbench lab --live --seconds 600              ten minutes, watched as they happen
  skewbench sweep scripts/scenarios/lan.toml --over tau=1ms..10s   where does probing more often stop paying?
  skewbench analyze skewbench-out/RUN --out DIR   every result again, from the journals alone
  skewbench check --target 1ms skewbench-out/RUN  were the clocks close enough? exit code 0, 1, or 4 if unknown
  skewbench verify skewbench-out/RUN              is this folder what the run wrote, and what its journals give?
  skewbench stability phase.csv --out DIR         Allan deviation, MTIE and their kin over tau
  skewbench order mutex --simulated               what order costs on clocks that disagree
  skewbench compare BASE HEAD                     two runs side by side; exit code 1 if HEAD is worse
  skewbench yardstick                             the clocks beside chrony and NTPsec, in their network
  skewbench robustness                            the clocks among liars, losses, partitions, and after them
  skewbench replay stamps.csv                     the clocks on timestamps of your own, or a daemon's logs

Exit codes: 0 the bound held, or the target is SAFE, 1 it was violated, or the target is UNSAFE, or HEAD is worse than
BASE, 2 malformed flag or configuration, 3 missing or unreadable input, port, peer or key, 4 unknown.";

#[derive(Subcommand)]
enum Command {
    /// Run the main job on this host: a collector and agents as real processes over real sockets
    Lab(lab::Args),
    /// Run a scenario in virtual time, a swarm of random ones, or an adversary against the bound
    Sim(sim::Args),
    /// Run a scenario over a grid of its values: what does eps follow, and which term of the bound rules?
    Sweep(sweep::Args),
    /// Recompute every result from journals alone
    Analyze(analyze::Args),
    Check(check::Args),
    /// Check a run's folder: every file against its hash, every result against its journals
    Verify(verify::Args),
    /// Say what this host can do, what each lack costs in accuracy, and the mend
    Doctor(doctor::Args),
    /// Print a completion script for a shell
    Completions(help::Completions),
    /// Print the manual page
    Man,
    /// Put runs or bench files side by side: what is worse beyond the spread?
    Compare(compare::Args),
    /// Say how stable a clock is over spans of any length: Allan deviation and its kin, MTIE
    Stability(stability::Args),
    /// Run workloads whose order depends on clocks, and put their price beside its prediction
    Order(order::Args),
    /// Measure clocks where truth is known, beside what chrony and NTPsec reach in the same network
    Yardstick(yardstick::Args),
    /// Disturb the network of every clock: what does each do, how soon does it recover, does its own bound hold?
    Robustness(robustness::Args),
    /// Lead every clock through timestamps that you bring, or that chronyd or ntpd wrote down
    Replay(replay::Args),
    /// Run one agent, as skewbench-agent does
    Agent(agent::Args),
    /// Run one collector, as skewbench-collector does
    Collector(reporting::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    program::exit_code(match cli.command {
        Command::Lab(args) => lab::run(args),
        Command::Sim(args) => sim::run(&args),
        Command::Sweep(args) => sweep::run(&args),
        Command::Analyze(args) => analyze::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Completions(args) => help::completions(&args, Cli::command()),
        Command::Man => help::man(Cli::command()),
        Command::Compare(args) => compare::run(&args),
        Command::Stability(args) => stability::run(&args),
        Command::Order(args) => order::run(&args),
        Command::Yardstick(args) => yardstick::run(&args),
        Command::Robustness(args) => robustness::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Agent(args) => agent::main(&args),
        Command::Collector(args) => reporting::main(&args),
    })
}
