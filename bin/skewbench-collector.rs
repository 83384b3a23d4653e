//! `skewbench-collector`: receives journals, analyses, reports.

use std::process::ExitCode;

use clap::Parser;
use skewbench::host::{program, reporting};

/// Receives the journals of agents, and writes what they say as soon as they are complete.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(flatten)]
    args: reporting::Args,
}

fn main() -> ExitCode {
    program::exit_code(reporting::main(&Cli::parse().args))
}
