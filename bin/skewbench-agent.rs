//! `skewbench-agent`: what runs on a host.

use std::process::ExitCode;

use clap::Parser;
use skewbench::host::{agent, program};

/// Probes other agents, keeps clocks on what it learns, and ships its journal to a collector. It never steers the
/// host's clock and needs no privileges.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(flatten)]
    args: agent::Args,
}

fn main() -> ExitCode {
    program::exit_code(agent::main(&Cli::parse().args))
}
