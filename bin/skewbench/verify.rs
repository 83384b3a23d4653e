//! `skewbench verify`: whether a folder of results is what was written, and what its journals give; and whether a
//! certificate proves what it claims.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use skewbench::checker::{self, Statement};
use skewbench::host::program::{self, Malformed};
use skewbench::host::{results, verify};

use crate::out;

const EXAMPLES: &str = "\
Examples:
  skewbench verify skewbench-out/RUN    hash every file, recompute every result, say what differs
  cd RUN && sha256sum -c MANIFEST.sha256    the hashes alone, without this program
  skewbench verify skewbench-out/RUN --proof worst.txt    and write the certificate of the worst pair, checked
  skewbench verify --certificate worst.txt    check a certificate: nothing else is needed

Exit codes: 0 everything is the same, 1 something differs or a proof fails, 3 something is missing or cannot be read.";

/// Check a run's folder: every file against its hash, every result against its journals.
///
/// A run's folder holds its journals, which hold its configuration, and a MANIFEST.sha256. Every file is hashed; then all
/// results are made again from the journals in memory and compared byte for byte. What differs is named: the file, the
/// line, what is kept and what was recomputed. Nothing is written but what --proof asks for.
///
/// A certificate is text: stamps, assumptions, an interval that one clock must have been in, the messages of the path that
/// limits each end, and an execution that reaches it; or a cycle of messages that no execution can explain. It is checked
/// by a second program that shares no code with the one that made it.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The folder of a run
    #[arg(value_name = "DIR", required_unless_present = "certificate")]
    dir: Option<PathBuf>,
    /// Write the certificate of the pair that may have been furthest apart, or of the first contradiction, and check it
    #[arg(long, value_name = "FILE", requires = "dir")]
    proof: Option<PathBuf>,
    /// Check this certificate instead of a folder
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dir", "proof"])]
    certificate: Option<PathBuf>,
}

/// Verifies and prints what was found.
pub fn run(args: &Args) -> Result<u8> {
    if let Some(file) = &args.certificate {
        let text = fs::read_to_string(file).with_context(|| format!("{}: cannot be read", file.display()))?;
        return check(&text, file);
    }
    let Some(dir) = &args.dir else { return Ok(program::WITHIN) };
    let verified = verify::verify(dir)?;
    out::put(&verified.text)?;
    let Some(file) = &args.proof else { return Ok(verified.exit_code) };
    let text = results::proof(std::slice::from_ref(dir))?;
    fs::write(file, &text).with_context(|| format!("{}: cannot write", file.display()))?;
    Ok(verified.exit_code.max(check(&text, file)?))
}

/// Has a certificate checked, and prints what it proves.
fn check(text: &str, file: &Path) -> Result<u8> {
    let name = file.display();
    let statement =
        Statement::parse(text).map_err(|why| Malformed(format!("{name}: {why}: this is no certificate")))?;
    match checker::check(&statement) {
        Ok(told) if told.is_empty() => Err(Malformed(format!("{name}: it claims nothing")).into()),
        Ok(told) => {
            let lines: String = told.iter().map(|line| format!("proved   {line}\n")).collect();
            out::put(&format!("{lines}{name}: the certificate proves what it claims\n"))?;
            Ok(program::WITHIN)
        }
        Err(flaw) => {
            out::put(&format!("{name}: the certificate proves nothing: {flaw}\n"))?;
            Ok(program::VIOLATED)
        }
    }
}
