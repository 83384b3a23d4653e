//! `skewbench verify`: whether a folder of results is what was written, and what its journals give.

use std::path::PathBuf;

use anyhow::Result;
use skewbench::host::verify;

use crate::out;

const EXAMPLES: &str = "\
Examples:
  skewbench verify skewbench-out/RUN    hash every file, recompute every result, say what differs
  cd RUN && sha256sum -c MANIFEST.sha256    the hashes alone, without this program

Exit codes: 0 everything is the same, 1 something differs, 3 something is missing or cannot be read.";

/// Check a run's folder: every file against its hash, every result against its journals.
///
/// A run's folder holds its journals, which hold its configuration, and a MANIFEST.sha256. Every file is hashed; then all
/// results are made again from the journals in memory and compared byte for byte. What differs is named: the file, the
/// line, what is kept and what was recomputed. Nothing is written, and nothing but the folder is needed.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The folder of a run
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Verifies and prints what was found.
pub fn run(args: &Args) -> Result<u8> {
    let verified = verify::verify(&args.dir)?;
    out::put(&verified.text)?;
    Ok(verified.exit_code)
}
