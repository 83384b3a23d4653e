//! `skewbench analyze`: every result again, from journals alone.

use std::path::PathBuf;

use anyhow::Result;
use skewbench::host::results;

use crate::out::{self, Volume};

/// Recompute every result from journals alone.
///
/// The files written are, byte for byte, those that the collector wrote from the same journals. A journal with at least
/// one valid frame is used, and what could not be read of it is counted.
#[derive(clap::Args)]
pub struct Args {
    /// Folders of runs, or journal files
    #[arg(required = true, value_name = "DIR|JOURNAL")]
    journals: Vec<PathBuf>,
    /// Where results go
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    volume: Volume,
}

/// Analyses and prints what was found.
pub fn run(args: &Args) -> Result<u8> {
    let analysed = results::analyse_run(&args.journals, &args.out)?;
    out::report(&analysed.text, &args.out, args.volume)?;
    Ok(analysed.exit_code)
}
