//! What is printed: whole or quietly, in colour where a person looks, and without complaint into a pipe that was closed.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use console::style;
pub use skewbench::host::program::put;

/// How much of a report is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::Args)]
pub struct Volume {
    /// Print the one sentence and the folder only, and no progress
    #[arg(short, long)]
    pub quiet: bool,
    /// Print the results as JSON instead: the bytes of report.json
    #[arg(long, conflicts_with = "quiet")]
    pub json: bool,
}

impl Volume {
    /// Whether people read along: not if a program reads the JSON, or if little is wanted.
    pub const fn is_chatty(self) -> bool {
        !self.quiet && !self.json
    }
}

/// Prints what a run came to and where it is: the whole report, its last paragraph, which is the one sentence, or the
/// JSON that was written.
pub fn report(text: &str, folder: &Path, volume: Volume) -> Result<()> {
    if volume.json {
        let path = folder.join("report.json");
        let json = fs::read_to_string(&path).with_context(|| format!("{}: cannot be read", path.display()))?;
        return put(&json);
    }
    put(&format!("{}{}\n", shown(text, volume.quiet), folder.display()))
}

/// A report as it is printed: whole, or quietly its last paragraph.
pub fn shown(text: &str, quiet: bool) -> String {
    let last = text.rfind("\n\n").map_or(text, |at| &text[at + 2..]);
    (if quiet { last } else { text }).lines().map(painted).collect()
}

/// A line of a report with its verdict in colour. Colours are used on a terminal only, and not with NO_COLOR.
fn painted(line: &str) -> String {
    let word = |verdict: &str| match verdict {
        "WITHIN" | "SAFE" => style(verdict.to_owned()).green().bold(),
        "VIOLATED" | "UNSAFE" => style(verdict.to_owned()).red().bold(),
        _ => style(verdict.to_owned()).yellow().bold(),
    };
    match line.strip_prefix("verdict  ") {
        Some(verdict) => format!("verdict  {}\n", word(verdict)),
        None => format!("{line}\n"),
    }
}
